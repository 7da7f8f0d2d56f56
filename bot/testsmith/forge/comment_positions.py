"""Where in a diff a comment can be: the lines of head that its hunks show. All pure.

A forge takes a comment only at a line that a hunk shows, changed or not, and a range only within one hunk;
one wrong place can cost the whole review.
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
"""The most lines of a comment's range: all of them are repeated above the comment."""

_FIRST_HUNK = re.compile(r"^@@ -", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunk:
    """What a hunk shows of head: lines that follow one another, counted from 1.

    Attributes:
        lines: The text of each, without the line feed; a carriage return before that belongs to it.
        changed: Those that are added or altered.
        beside: Those between which, or at whose side, lines were removed.
    """

    lines: Mapping[int, str]
    changed: frozenset[int] = frozenset()
    beside: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFile:
    """What a diff shows of a file's head."""

    path: str
    hunks: tuple[Hunk, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Lines of a file on head that a comment is about.

    Attributes:
        path: The file on head.
        line: The first line.
        end_line: The last line.
        changed_lines: Those that the change adds or alters, where that is known; the diff is asked, too.
    """

    path: str
    line: int
    end_line: int
    changed_lines: frozenset[int] = frozenset()


def shown_files(patches: Iterable[FilePatch]) -> dict[str, ShownFile]:
    """Return what a diff shows of the files on head, by path.

    A removed file shows none, and a file without a patch, or with one that is cut short, shows no line.
    """
    return {
        patch.path: ShownFile(path=patch.path, hunks=shown_hunks(patch.patch or ""))
        for patch in patches
        if not patch.is_removed
    }


def shown_hunks(patch: str) -> tuple[Hunk, ...]:
    """Return what the hunks of one file show; no hunk where the patch cannot be read.

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
    lines, changed, beside = dict[int, str](), set[int](), set[int]()
    last, removed = 0, False
    for line in hunk:
        number = line.target_line_no
        if number is not None:
            lines[number] = line.value.removesuffix("\n")
            changed |= {number} if line.is_added else set()
            beside |= {last, number} if removed else set()
            last, removed = number, False
        elif line.is_removed:
            removed = True
    beside |= {last} if removed else set()
    return Hunk(lines=lines, changed=frozenset(changed), beside=frozenset(beside & lines.keys()))


def anchor_of(files: Mapping[str, ShownFile], spots: Sequence[Spot]) -> Anchor | None:
    """Return where a comment on some lines can be; None where the diff shows none of them.

    Args:
        files: What the diff shows.
        spots: The lines: those of a member, or for an affected one those of what has changed below it,
            nearest first. The first of which something is shown counts.
    """
    anchors = (_anchor_at(files[spot.path], spot) for spot in spots if spot.path in files)
    return next((anchor for anchor in anchors if anchor), None)


def _anchor_at(file: ShownFile, spot: Spot) -> Anchor | None:
    """Return the place at the last changed line, else beside removed ones, else at the first line shown."""
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
    return [number for number in shown if number in hunk.beside]


def _anchor(hunk: Hunk, spot: Spot, line: int) -> Anchor:
    """Return the place from the first line of what it is about, where that is shown and not far."""
    near = spot.line < line < spot.line + RANGE_LIMIT
    return Anchor(
        path=spot.path, line=line, start_line=spot.line if near and spot.line in hunk.lines else None
    )


def is_shown(files: Mapping[str, ShownFile], anchor: Anchor) -> bool:
    """Tell whether a diff shows a place, its first and its last line in one hunk."""
    hunks = files[anchor.path].hunks if anchor.path in files else ()
    start = anchor.line if anchor.start_line is None else anchor.start_line
    return any(anchor.line in hunk.lines and start in hunk.lines for hunk in hunks)


def replaced_lines(files: Mapping[str, ShownFile], path: str, line: int, end_line: int) -> Anchor | None:
    """Return the place of a suggested change that takes the place of some lines of head.

    Args:
        files: What the diff shows.
        path: The file on head.
        line: The first line.
        end_line: The last line.

    Returns:
        None where no hunk shows all of the lines, where they are many, or where one ends with a carriage
        return: the lines of a suggested change end without one.
    """
    lines = range(line, end_line + 1)
    if path not in files or not 0 < len(lines) <= RANGE_LIMIT:
        return None
    for hunk in files[path].hunks:
        shown = [hunk.lines.get(number) for number in lines]
        if all(text is not None and not text.endswith("\r") for text in shown):
            return Anchor(path=path, line=end_line, start_line=line if line < end_line else None)
    return None
