"""GitHub client. PyGithub is used only in this folder."""

from testsmith.forge.github.client import GitHub
from testsmith.forge.github.connection import Connection

__all__ = ["Connection", "GitHub"]
