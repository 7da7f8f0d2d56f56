"""Which tests can be taken over by a click: suggested changes in test files that the pull request changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from testsmith.forge.anchors import ShownFile, replaced_lines
from testsmith.forge.forge import Anchor
from testsmith.forge.marks import content_digest
from testsmith.model import Suggestion
from testsmith.placement.patch import common_start
from testsmith.placement.plan import FileEdit


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedChange:
    """A suggested change.

    Attributes:
        anchor: The lines of head that it takes the place of.
        text: What takes their place, without the last line's end.
    """

    anchor: Anchor
    text: str


def suggested_changes(
    suggestions: Iterable[Suggestion],
    files: Mapping[str, ShownFile],
    edits_of: Callable[[Suggestion], Sequence[FileEdit]],
) -> dict[str, PlacedChange]:
    """Return the suggested changes that are possible, by the content of their suggestions.

    No two are at the same lines: taking over the first would leave no place for the second.

    Args:
        suggestions: Those of a report; what is not green is left out.
        files: What the pull request's diff shows.
        edits_of: Tells what a suggestion alone would change in the files of head.
    """
    found: dict[str, PlacedChange] = {}
    taken: dict[str, set[int]] = {}
    for suggestion in suggestions:
        if suggestion.is_green and suggestion.test_path in files:
            change = _change(suggestion, files, edits_of(suggestion))
            lines = set() if change is None else _lines(change.anchor)
            if change is not None and taken.setdefault(change.anchor.path, set()).isdisjoint(lines):
                taken[change.anchor.path] |= lines
                found[content_digest(suggestion.member, suggestion.code)] = change
    return found


def _lines(anchor: Anchor) -> set[int]:
    return set(range(anchor.start_line or anchor.line, anchor.line + 1))


def _change(
    suggestion: Suggestion, files: Mapping[str, ShownFile], edits: Sequence[FileEdit]
) -> PlacedChange | None:
    if len(edits) != 1 or edits[0].path != suggestion.test_path or edits[0].old is None:
        return None
    old, new = (data.decode().splitlines(keepends=True) for data in (edits[0].old, edits[0].new))
    if not all(line.endswith("\n") and line.splitlines() == [line[:-1]] for line in (*old, *new)):
        return None  # other line ends, or none at the end: lines would not be counted as the forge does
    first, last, text = _replaced(old, new)
    anchor = replaced_lines(files, suggestion.test_path, first, last)
    return None if anchor is None else PlacedChange(anchor=anchor, text=text)


def _replaced(old: Sequence[str], new: Sequence[str]) -> tuple[int, int, str]:
    """Return the first and last line, from 1, that all of an edit lies in, and what takes their place."""
    if old == new:
        return 0, -1, ""
    start = common_start(old, new)
    after = common_start(old[start:][::-1], new[start:][::-1])
    end, text = len(old) - after, new[start : len(new) - after]
    if start == end and start > 0:  # nothing is replaced: keep the line above
        start, text = start - 1, [old[start - 1], *text]
    return start + 1, end, "".join(text).removesuffix("\n")
