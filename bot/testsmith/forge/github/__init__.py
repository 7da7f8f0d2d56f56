"""GitHub as a forge: PyGithub stays inside this folder."""

from testsmith.forge.github.client import GitHub, build_forge

__all__ = ["GitHub", "build_forge"]
