"""GitHub as a forge: PyGithub stays inside this folder."""

from testsmith.forge.github.build import build_forge
from testsmith.forge.github.client import GitHub

__all__ = ["GitHub", "build_forge"]
