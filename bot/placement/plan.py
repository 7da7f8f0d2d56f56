"""Which test files a run's green suggestions change, and how: decided here, done by `write.py`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bot.languages.driver import CannotParse, CannotPlace, LanguageDriver, SourceTree
from bot.languages.registry import driver_for
from bot.model import Suggestion

FORBIDDEN_PARTS = frozenset({"", ".", "..", ".git"})
"""What no part of a test file's path may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEdit:
    """One file to be written.

    Attributes:
        path: Relative to the git root.
        old: What stands there now; None for a new file.
        new: What shall stand there.
        tests: Names of the test functions that it adds, as they are called in the file.
        members: Ids of the members whose suggestions it takes up, in order.
    """

    path: str
    old: bytes | None
    new: bytes
    tests: tuple[str, ...] = ()
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPlaced:
    """A suggestion, by its member's id, that goes into no file, and why."""

    member: str
    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be written, in order, and what is not.

    Attributes:
        edits: At most one a path.
        refused: Suggestions that cannot be placed.
        unchanged: Members whose tests stand in their file already.
    """

    edits: tuple[FileEdit, ...] = ()
    refused: tuple[NotPlaced, ...] = ()
    unchanged: tuple[str, ...] = ()


def plan_edits(
    suggestions: Iterable[Suggestion],
    tree: SourceTree,
    drivers: Sequence[LanguageDriver],
    folder: Path,
) -> Plan:
    """Return the edits that put the green suggestions, formatted and in order, into the project's test files.

    Args:
        suggestions: Those of a report; what is not green is left out.
        tree: The working tree that is written to.
        drivers: The languages.
        folder: The git root, whose settings the linter goes by.
    """
    paths = frozenset(tree.paths())
    by_path: dict[str, list[Suggestion]] = {}
    for suggestion in suggestions:
        if suggestion.is_green:
            by_path.setdefault(suggestion.test_path, []).append(suggestion)
    merges = [_merge(path, group, _Place(tree, paths, drivers, folder)) for path, group in by_path.items()]
    edits = [merge.edit for merge in merges if merge.edit is not None]
    return Plan(
        edits=(*_companions(edits, paths, drivers), *edits),
        refused=tuple(each for merge in merges for each in merge.refused),
        unchanged=tuple(member for merge in merges for member in merge.unchanged),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where tests are put."""

    tree: SourceTree
    paths: frozenset[str]
    drivers: Sequence[LanguageDriver]
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class _Merge:
    """What came of one file."""

    edit: FileEdit | None = None
    refused: tuple[NotPlaced, ...] = ()
    unchanged: tuple[str, ...] = ()


def _merge(path: str, group: Sequence[Suggestion], place: _Place) -> _Merge:
    driver = driver_for(path, place.drivers)
    if driver is None:
        return _Merge(refused=tuple(_not_placed(each, "no language knows such a file") for each in group))
    try:
        _refuse_path(path, place.paths, driver)
        return _merged(path, _text(place.tree.read(path)), group, driver, place.folder)
    except _Unplaceable as reason:
        return _Merge(refused=tuple(_not_placed(each, str(reason)) for each in group))


class _Unplaceable(Exception):
    """No test can be put into a file; the message says why."""


def _refuse_path(path: str, paths: frozenset[str], driver: LanguageDriver) -> None:
    if "\0" in path or "\\" in path or not FORBIDDEN_PARTS.isdisjoint(path.split("/")):
        raise _Unplaceable("its test path leads out of the repository")
    if not driver.is_test(path):
        raise _Unplaceable("its test path lies in no test tree")
    if any(str(parent) in paths for parent in PurePosixPath(path).parents):
        raise _Unplaceable("a folder of its test path is a file")


def _text(data: bytes | None) -> str | None:
    try:
        return None if data is None else data.decode()
    except UnicodeDecodeError:
        raise _Unplaceable("its test file is no UTF-8") from None


def _merged(
    path: str,
    existing: str | None,
    group: Sequence[Suggestion],
    driver: LanguageDriver,
    folder: Path,
) -> _Merge:
    text = existing
    refused: list[NotPlaced] = []
    members: list[str] = []
    unchanged: list[str] = []
    for suggestion in group:
        try:
            placed = driver.place(text, driver.format(suggestion.code, path, folder))
        except (CannotParse, CannotPlace) as error:
            refused.append(_not_placed(suggestion, str(error)))
            continue
        (unchanged if placed == text else members).append(suggestion.member)
        text = placed
    edit = None
    if text is not None and members:
        finished = driver.finish(text, existing, path, folder)
        edit = FileEdit(
            path=path,
            old=None if existing is None else existing.encode(),
            new=finished.encode(),
            tests=_added_tests(existing or "", finished, driver),
            members=tuple(members),
        )
    return _Merge(edit=edit, refused=tuple(refused), unchanged=tuple(unchanged))


def _added_tests(before: str, after: str, driver: LanguageDriver) -> tuple[str, ...]:
    there = frozenset(driver.test_functions(before))
    return tuple(name for name in driver.test_functions(after) if name not in there)


def _companions(
    edits: Sequence[FileEdit],
    paths: frozenset[str],
    drivers: Sequence[LanguageDriver],
) -> Sequence[FileEdit]:
    """Return the empty files that new test files need beside them, each once."""
    needed: dict[str, None] = {}
    for edit in edits:
        driver = driver_for(edit.path, drivers)
        if edit.old is None and driver is not None:
            needed.update(dict.fromkeys(driver.companions(edit.path, paths)))
    return [FileEdit(path=path, old=None, new=b"") for path in needed]


def _not_placed(suggestion: Suggestion, reason: str) -> NotPlaced:
    return NotPlaced(member=suggestion.member, path=suggestion.test_path, reason=reason)
