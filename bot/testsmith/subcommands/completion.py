"""`testsmith completion SHELL`: print a script that completes commands and options in a shell."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from importlib import import_module
from typing import Any

SHELLS = ("bash", "zsh", "fish")

_FOLDERS = frozenset({"DIR"})
_FILES = frozenset({"FILE", "PATH", "NAME|PATH"})


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the completion script of a parser and its subcommands."""
    shtab: Any = import_module("shtab")  # late, as only this command needs it
    for action in _actions(parser):
        completed: Any = action
        if action.metavar in _FOLDERS:
            completed.complete = shtab.DIRECTORY
        elif action.metavar in _FILES:
            completed.complete = shtab.FILE
    text: str = shtab.complete(parser, shell)
    return text


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no public list of them
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            for one in action.choices.values():
                yield from _actions(one)
