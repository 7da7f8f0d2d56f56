"""Find where a review comment can be placed: the lines of head that the diff's hunks show. Pure functions.

A forge accepts a comment only at a line that a hunk shows, changed or not, and a range only within one hunk.
One wrong position can make it reject the whole review.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testsmith.forge.interface import Anchor, FilePatch

if TYPE_CHECKING:
    from unidiff.patch import Line

RANGE_LIMIT = 12
"""Maximum lines of a comment's range; the forge repeats all of them above the comment."""

_FIRST_HUNK = re.compile(r"^@@ -", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunk:
    """Consecutive lines of head that a hunk shows, counted from 1.

    Attributes:
        lines: The text of each line, without the line feed but with any carriage return.
        changed: The lines that were added or changed.
        next_to_removed: The lines next to removed lines.
    """

    lines: Mapping[int, str]
    changed: frozenset[int] = frozenset()
    next_to_removed: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFile:
    """The lines of a file on head that a diff shows."""

    path: str
    hunks: tuple[Hunk, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Lines of a file on head that a comment is about.

    Attributes:
        path: The file on head.
        line: The first line.
        end_line: The last line.
        changed_lines: The lines that the change adds or alters, if known, in addition to those in the diff.
    """

    path: str
    line: int
    end_line: int
    changed_lines: frozenset[int] = frozenset()


def shown_files(patches: Iterable[FilePatch]) -> dict[str, ShownFile]:
    """Return the lines of head that a diff shows, by path.

    Removed files are left out. A file whose patch is missing or cut short shows no lines.
    """
    return {
        patch.path: ShownFile(path=patch.path, hunks=shown_hunks(patch.patch or ""))
        for patch in patches
        if not patch.is_removed
    }


def shown_hunks(patch: str) -> tuple[Hunk, ...]:
    """Return the hunks of one file; none if the patch cannot be parsed.

    Args:
        patch: The hunks, with or without the header that git writes above them.
    """
    from unidiff.errors import UnidiffParseError
    from unidiff.patch import PatchSet

    first = _FIRST_HUNK.search(patch)
    if first is None:
        return ()
    try:
        files = PatchSet.from_string(f"--- a/file\n+++ b/file\n{patch[first.start() :]}")
        return tuple(_hunk(hunk) for file in files for hunk in file)
    except UnidiffParseError:
        return ()


def _hunk(hunk: Iterable[Line]) -> Hunk:
    lines, changed, next_to_removed = dict[int, str](), set[int](), set[int]()
    last, removed = 0, False
    for line in hunk:
        number = line.target_line_no
        if number is not None:
            lines[number] = line.value.removesuffix("\n")
            changed |= {number} if line.is_added else set()
            next_to_removed |= {last, number} if removed else set()
            last, removed = number, False
        elif line.is_removed:
            removed = True
    next_to_removed |= {last} if removed else set()
    return Hunk(
        lines=lines, changed=frozenset(changed), next_to_removed=frozenset(next_to_removed & lines.keys())
    )


def anchor_of(files: Mapping[str, ShownFile], spots: Sequence[Spot]) -> Anchor | None:
    """Return the position of a comment on some lines, or None if the diff shows none of them.

    Args:
        files: The lines that the diff shows.
        spots: Candidate lines: those of a member or, for an affected member, those of the changed code it
            depends on, nearest first. The first spot that the diff shows is used.
    """
    anchors = (_anchor_at(files[spot.path], spot) for spot in spots if spot.path in files)
    return next((anchor for anchor in anchors if anchor), None)


def _anchor_at(file: ShownFile, spot: Spot) -> Anchor | None:
    """Prefer the last changed line, then a line next to removed ones, then the first line shown."""
    inside = [(hunk, _inside(hunk, spot)) for hunk in file.hunks]
    for telling in (_changed, _beside):
        found = [(hunk, data) for hunk, shown in inside if (data := telling(hunk, spot, shown))]
        if found:
            hunk, data = found[-1]
            return _anchor(hunk, spot, data[-1])
    first = next((shown[0] for _, shown in inside if shown), None)
    return None if first is None else Anchor(path=file.path, line=first)


def _inside(hunk: Hunk, spot: Spot) -> list[int]:
    return [number for number in hunk.lines if spot.line <= number <= spot.end_line]


def _changed(hunk: Hunk, spot: Spot, shown: list[int]) -> list[int]:
    changed = [number for number in shown if number in hunk.changed]
    return [number for number in changed if number in spot.changed_lines] or changed


def _beside(hunk: Hunk, _: Spot, shown: list[int]) -> list[int]:
    return [number for number in shown if number in hunk.next_to_removed]


def _anchor(hunk: Hunk, spot: Spot, line: int) -> Anchor:
    """Start the range at the spot's first line if that is shown and not too far from `line`."""
    near = spot.line < line < spot.line + RANGE_LIMIT
    return Anchor(
        path=spot.path, line=line, start_line=spot.line if near and spot.line in hunk.lines else None
    )


def is_shown(files: Mapping[str, ShownFile], anchor: Anchor) -> bool:
    """Return whether a diff shows the first and the last line of a position in one hunk."""
    hunks = files[anchor.path].hunks if anchor.path in files else ()
    start = anchor.line if anchor.start_line is None else anchor.start_line
    return any(anchor.line in hunk.lines and start in hunk.lines for hunk in hunks)


def replaced_lines(files: Mapping[str, ShownFile], path: str, line: int, end_line: int) -> Anchor | None:
    """Return the position of a suggested change that replaces lines of head.

    Args:
        files: The lines that the diff shows.
        path: The file on head.
        line: The first line.
        end_line: The last line.

    Returns:
        None if no hunk shows all of the lines, if there are too many, or if one ends with a carriage return:
        a suggested change would drop it.
    """
    lines = range(line, end_line + 1)
    if path not in files or not 0 < len(lines) <= RANGE_LIMIT:
        return None
    for hunk in files[path].hunks:
        shown = [hunk.lines.get(number) for number in lines]
        if all(text is not None and not text.endswith("\r") for text in shown):
            return Anchor(path=path, line=end_line, start_line=line if line < end_line else None)
    return None
