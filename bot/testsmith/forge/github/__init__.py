"""GitHub client. PyGithub is used only in this folder."""

from testsmith.forge.github.client import GitHub, build_forge

__all__ = ["GitHub", "build_forge"]
