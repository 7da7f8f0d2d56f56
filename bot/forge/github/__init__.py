"""GitHub as a forge: PyGithub stays inside this folder."""

from bot.forge.github.build import build_forge
from bot.forge.github.client import GitHub

__all__ = ["GitHub", "build_forge"]
