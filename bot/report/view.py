"""What a renderer needs beside the report."""

from __future__ import annotations

from dataclasses import dataclass

from bot.settings import SelectionSettings, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a report is shown, and how a reader can get it again.

    Attributes:
        project: Name of the repository, or of the folder where there is none.
        command: The words that repeat the run, as `("testsmith", "suggest", "--base", "main")`.
        width: Columns of the terminal.
        colour: Whether the terminal shows colours.
        commands: Whether replies such as `apply` are understood where the report is shown.
    """

    project: str
    command: tuple[str, ...] = ("testsmith", "suggest")
    width: int = 100
    colour: bool = False
    commands: bool = False


def view_of(settings: Settings, *, repo: str = ".", width: int = 100, colour: bool = False) -> View:
    """Return the view of a run on the command line; `repo` is the folder as the person typed it."""
    return View(
        project=settings.folder.name,
        command=("testsmith", "suggest", *_repo_words(repo), *_selection_words(settings.selection)),
        width=width,
        colour=colour,
    )


def _repo_words(repo: str) -> tuple[str, ...]:
    return () if repo == "." else ("--repo", repo)


def _selection_words(selection: SelectionSettings) -> tuple[str, ...]:
    if selection.all_paths:
        return ("--all", *selection.all_paths)
    base = () if selection.base is None else ("--base", selection.base)
    head = () if selection.head is None else ("--head", selection.head)
    return (*base, *head)
