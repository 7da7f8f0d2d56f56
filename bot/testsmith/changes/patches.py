"""Base as it was, rebuilt from head and the patches of a forge: for a checkout whose history cannot be had.

A patch names what it takes away and what it leaves as it is, so that it can be applied backwards to the text
on head. Where it does not fit to the letter, the file is left out, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING

from testsmith.changes.command import text_of
from testsmith.changes.diff import added_lines, path_of, read_hunks
from testsmith.changes.trees import OverlaidTree, RepositoryTree
from testsmith.languages.driver import ChangedFile

if TYPE_CHECKING:
    from unidiff.patch import Hunk, PatchedFile

_WITH_HISTORY = "check it out with its history (`fetch-depth: 0`), so that git can tell what has changed"
_NOT_SHOWN = f"its change is not shown, as it is binary or too large: {_WITH_HISTORY}"
_UNFIT = f"its change does not fit the commit that is checked out: {_WITH_HISTORY}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePatch:
    """A file that a pull request changes, as a forge shows it.

    Attributes:
        path: Where it stands on head, or stood on base if it was removed.
        patch: Its hunks, from the first `@@` on; None where the forge shows none.
        previous_path: Where it stood on base, if it was renamed.
        is_removed: Whether it is not on head.
        is_only_moved: Whether it was renamed, and its text is the same on both: there is no patch then.
    """

    path: str
    patch: str | None
    previous_path: str | None = None
    is_removed: bool = False
    is_only_moved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedStates:
    """Both states of a change, and what differs.

    Attributes:
        head: The files of head.
        base: Those of base; one that is not known is not among them.
        files: What differs, in the order of the paths.
        unread: The files on head of which base's text is not known, each with the reason.
    """

    head: RepositoryTree
    base: RepositoryTree
    files: tuple[ChangedFile, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict)


def rebuild_base(head: RepositoryTree, patches: Sequence[FilePatch]) -> ComparedStates:
    """Return both states; what no patch speaks of is on base as it is on head.

    Args:
        head: The files of the pull request's head, or of its merge into base.
        patches: All files that the pull request changes.
    """
    known: list[_Change] = []
    unread: dict[str, str] = {}
    for patch in patches:
        try:
            known.append(_change(head, patch))
        except _NotKnownError as error:
            if not patch.is_removed:  # what is gone has no member to make tests for
                unread[patch.path] = str(error)
    before = {each.path: None for each in patches} | {
        each.file.base_path: each.text for each in known if each.file.base_path is not None
    }
    return ComparedStates(
        head=head,
        base=OverlaidTree(head, before),
        files=tuple(sorted((each.file for each in known), key=path_of)),
        unread=unread,
    )


class _NotKnownError(Exception):
    """What a file was on base is not known; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What differs in one file, and its text on base; None where it was not there."""

    file: ChangedFile
    text: bytes | None = None


def _change(head: RepositoryTree, patch: FilePatch) -> _Change:
    entry = None if patch.is_removed else head.entry(patch.path)
    if not patch.is_removed and entry is None:
        raise _NotKnownError(_UNFIT)
    if entry is not None and not entry.is_regular:
        return _Change(file=ChangedFile(base_path=None, head_path=patch.path))
    text = b"" if entry is None else head.read(patch.path) or b""
    if patch.patch is None:
        return _change_without_patch(patch, text)
    hunks = _hunks(patch.patch)
    is_added = patch.previous_path is None and not patch.is_removed and hunks.is_added_file
    file = ChangedFile(
        base_path=None if is_added else patch.previous_path or patch.path,
        head_path=None if patch.is_removed else patch.path,
        added_lines=added_lines(hunks),
    )
    return _Change(file=file, text=_applied_backwards(hunks, text))


def _change_without_patch(patch: FilePatch, text: bytes) -> _Change:
    if patch.is_only_moved:
        moved = ChangedFile(base_path=patch.previous_path, head_path=patch.path)
        return _Change(file=moved, text=text)
    if patch.is_removed or text:
        raise _NotKnownError(_NOT_SHOWN)
    return _Change(file=ChangedFile(base_path=None, head_path=patch.path))


def _hunks(patch: str) -> PatchedFile:
    from unidiff.errors import UnidiffParseError

    try:
        return read_hunks(patch)
    except UnidiffParseError:
        raise _NotKnownError(_UNFIT) from None


def _applied_backwards(hunks: PatchedFile, text: bytes) -> bytes:
    """Return the text that hunks were made from, given what they made of it."""
    lines = list(StringIO(text_of(text), newline="\n"))
    before: list[str] = []
    done = 0
    for hunk in hunks:
        start = hunk.target_start - 1 if hunk.target_length else hunk.target_start
        old, new = _sides(hunk)
        if start < done or lines[start : start + len(new)] != new:
            raise _NotKnownError(_UNFIT)
        before += [*lines[done:start], *old]
        done = start + len(new)
    return "".join([*before, *lines[done:]]).encode("utf-8", "surrogateescape")


def _sides(hunk: Hunk) -> tuple[list[str], list[str]]:
    """Return a hunk's lines on base and on head, each with its end if it has one."""
    old: list[str] = []
    new: list[str] = []
    touched: list[list[str]] = []
    for line in hunk:
        if line.line_type == "\\":
            for side in touched:
                side[-1] = side[-1].removesuffix("\n")
            continue
        touched = [old] * (not line.is_added) + [new] * (not line.is_removed)
        for side in touched:
            side.append(line.value)
    return old, new
