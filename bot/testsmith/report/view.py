"""What a renderer needs beside the report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from testsmith.settings import OPTIONS, SelectionSettings, Settings

PREPARING = ("install", "setup_command", "test_command", "python_version")
"""The arguments that say how a project is set up and tested, wherever that is done."""

_PLACES = frozenset({"python", "coverage", "replay"})
_HERE = ("sandbox", "python", "coverage", *PREPARING)
_FOR_A_MODEL = ("provider", "base_url", "replay")
_LEFT_OUT = frozenset({"max_members"})  # the command is for one member


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a report is shown, and how a reader can get it again.

    Attributes:
        project: Name of the repository, or of the folder where there is none.
        command: The words that repeat the run, as `("testsmith", "suggest", "--base", "main")`.
        for_model: Further words that repeat what a model was asked.
        width: Columns of the terminal.
        colour: Whether the terminal shows colours.
        commands: Whether replies such as `apply` are understood where the report is shown.
    """

    project: str
    command: tuple[str, ...] = ("testsmith", "suggest")
    for_model: tuple[str, ...] = ()
    width: int = 100
    colour: bool = False
    commands: bool = False


def view_of(
    settings: Settings, arguments: Mapping[str, object], *, width: int = 100, colour: bool = False
) -> View:
    """Return the view of a run on the command line.

    Args:
        settings: The settings of the run.
        arguments: What was typed, by the keys of the argument parser.
        width: Columns of the terminal.
        colour: Whether the terminal shows colours.
    """
    elsewhere = arguments.get("repo", ".") != "."
    typed = {
        key: str(Path(str(value)).expanduser().absolute())
        if elsewhere and key in _PLACES and value
        else value
        for key, value in arguments.items()
    }
    repo = ("--repo", str(settings.folder)) if elsewhere else ()
    selected = _selection_words(settings.selection)
    return View(
        project=settings.folder.name,
        command=(
            *("testsmith", "suggest", *repo, *selected),
            *repeated(typed, (*_HERE, *_options("selection", "verification"))),
        ),
        for_model=repeated(typed, (*_FOR_A_MODEL, *_options("model"))),
        width=width,
        colour=colour,
    )


def _options(*groups: str) -> tuple[str, ...]:
    return tuple(one.key for one in OPTIONS if one.group in groups and one.key not in _LEFT_OUT)


def repeated(arguments: Mapping[str, object], keys: Iterable[str]) -> tuple[str, ...]:
    """Return the words that give some arguments again, those that were not given left out."""
    return tuple(word for key in keys for word in _words(key.replace("_", "-"), arguments.get(key)))


def _words(name: str, value: object) -> Iterator[str]:
    match value:
        case None | "":
            return
        case bool():
            if value:
                yield f"--{name}"
            elif name in _NEGATABLE:
                yield f"--no-{name}"
        case list() | tuple():
            for each in value:
                yield from (f"--{name}", str(each))
        case _:
            text = str(value)
            yield from (f"--{name}={text}",) if text.startswith("-") else (f"--{name}", text)


_NEGATABLE = frozenset(one.name for one in OPTIONS if one.kind is bool)


def _selection_words(selection: SelectionSettings) -> tuple[str, ...]:
    if selection.all_paths:
        return ("--all", *selection.all_paths)
    base = () if selection.base is None else ("--base", selection.base)
    head = () if selection.head is None else ("--head", selection.head)
    return (*base, *head)
