"""Apply a unified diff that a model wrote to the text of one file.

Models get line numbers, counts, blank lines and indentation wrong, and leave out or make up lines at the
edges of a hunk. So hunks are found by their text, with as little tolerance as is needed, and refused if they
fit in several places. Libraries that apply diffs (`whatthepatch`, `git apply`, `patch`) go by line numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import product, takewhile

MAX_FILE_CHARACTERS = 1024**2
"""Maximum length of a file that is edited."""

MAX_HUNKS = 50
"""Maximum number of hunks in a diff."""

_MOST_SKIPPED = 5
"""Maximum number of consecutive lines of the file that a hunk may leave out between its own."""

_MOST_DROPPED = 6
"""Maximum number of lines at the edges of a hunk that may be missing from the file."""

_MOST_STEPS = 2_000_000
"""Maximum number of lines that are compared for one diff."""

_MOST_QUOTED = 80
"""Maximum number of characters of a line that an error quotes."""

_MOST_UNFORMATTED = 0.1
"""Maximum share of a file's lines that a formatter would change if the file is in its form."""

_HUNK = re.compile(r"@@ -(\d+)")
_FENCE = re.compile(r"\s*(?:`{3,}|~{3,})[\w+-]*\s*")
_HEADERS = ("diff --git ", "index ", "new file mode ", "deleted file mode ", "similarity index ")
_FILES = ("--- ", "+++ ")

LEFT_OUT = "[...]"
"""Marks lines that a prompt leaves out of a file, in a comment."""

_LEFT_OUT = re.compile(rf"\s*(?:#|//) {re.escape(LEFT_OUT)}\s*")


class CannotApply(ValueError):
    """A diff does not fit a file, or fits in several places. The message says why."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a hunk: its sign (space, `-` or `+`) and its text."""

    sign: str
    text: str

    @property
    def is_anchor(self) -> bool:
        """Whether the line has to be in the file. Blank lines do not count."""
        return self.sign != "+" and bool(self.text.strip())


@dataclass(slots=True)
class _Hunk:
    """Consecutive lines of a diff, and the line of the file at which they claim to begin (0: unknown)."""

    first: int = 0
    lines: list[_Line] = field(default_factory=list)

    @property
    def changes(self) -> bool:
        return any(line.sign != " " for line in self.lines)


def apply_patch(text: str, patch: str, shown: Collection[int] = ()) -> str:
    """Return the text of a file with a unified diff applied.

    The paths in the diff are ignored. Line ends stay as they are in the file.

    Args:
        text: Text of the file.
        patch: The diff.
        shown: Lines of the file that its author saw: of several places, a hunk goes to the one there.

    Raises:
        CannotApply: The diff has no hunks, is about several files, does not fit, or fits in several places.
    """
    if len(text) > MAX_FILE_CHARACTERS:
        raise CannotApply("the file is too long")
    ending = "\r\n" if "\r\n" in text else "\n"
    lines = text.replace("\r\n", "\n").split("\n")
    hunks = [hunk for hunk in _hunks(patch.replace("\r\n", "\n").split("\n")) if hunk.changes]
    if not hunks:
        raise CannotApply("it has no lines that begin with + or -")
    if len(hunks) > MAX_HUNKS:
        raise CannotApply(f"it has more than {MAX_HUNKS} hunks")
    work = _Work()
    after, length = 0, len(lines)
    for number, hunk in enumerate(hunks, start=1):
        added = len(lines) - length
        found = _applied(lines, hunk, after, frozenset(line + added for line in shown), work)
        if found is None:
            raise CannotApply(f"hunk {number} does not fit the file{_missing(lines, hunk)}")
        lines, after = found
    return ending.join(lines)


def with_new_lines(before: str, after: str, formatted: str) -> str:
    """Return an edited text in which the lines that the edit added are as a formatter writes them.

    All lines of a passage are taken, or none if the formatter would change lines next to it as well. A text
    of which the formatter would change much was never formatted by it, and stays as it is.

    Args:
        before: The text before the edit.
        after: The text after it.
        formatted: The whole text after it, formatted.
    """
    old, lines, new = (text.splitlines(keepends=True) for text in (before, after, formatted))
    passages = [(start, end) for tag, _, _, start, end in _changes(old, lines) if tag != "delete"]
    changes = list(_changes(lines, new))
    within = {
        number: next((one for one in passages if one[0] <= start and end <= one[1]), None)
        for number, (_, start, end, _, _) in enumerate(changes)
    }
    others = [changes[number] for number, passage in within.items() if passage is None]
    if sum(max(end - start, 1) for _, start, end, _, _ in others) > _MOST_UNFORMATTED * len(old):
        return after
    blocked = {
        (first, last)
        for first, last in passages
        if any(start < last and first < end for _, start, end, _, _ in others)
    }
    for number, (_, start, end, new_start, new_end) in reversed(list(enumerate(changes))):
        if within[number] is not None and within[number] not in blocked:
            lines[start:end] = new[new_start:new_end]
    return "".join(lines)


def is_formatted(text: str, formatted: str) -> bool:
    """Return whether a formatter leaves nearly all lines of a text as they are, given what it writes."""
    lines = text.splitlines()
    changed = sum(max(end - start, 1) for _, start, end, _, _ in _changes(lines, formatted.splitlines()))
    return changed <= _MOST_UNFORMATTED * len(lines)


def _changes(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[str, int, int, int, int]]:
    opcodes = SequenceMatcher(None, before, after).get_opcodes()
    return (one for one in opcodes if one[0] != "equal")


def _hunks(lines: Sequence[str]) -> Iterator[_Hunk]:
    """Yield the hunks of a diff; text without `@@` is one hunk. Lines that were not shown divide a hunk."""
    hunk, named = _Hunk(), set[str]()
    for index, line in enumerate(lines):
        following = lines[index + 1] if index + 1 < len(lines) else ""
        if line.startswith("+++ ") and index and lines[index - 1].startswith("--- "):
            named.add(line)
        if len(named) > 1:
            raise CannotApply("it changes several files")
        if line.startswith("@@") or _LEFT_OUT.fullmatch(line):
            yield hunk
            start = _HUNK.match(line)
            hunk = _Hunk(first=int(start[1]) if start else 0)
        elif not _is_header(line, following, hunk):
            hunk.lines.append(_line(line))
    while hunk.lines and hunk.lines[-1] == _Line(" ", ""):
        hunk.lines.pop()
    yield hunk


def _is_header(line: str, following: str, hunk: _Hunk) -> bool:
    """Return whether a line belongs to no hunk."""
    if line.startswith("--- ") and following.startswith("+++ "):
        return True
    is_first = not hunk.lines
    return (
        line.startswith((*_HEADERS, "\\ "))
        or (is_first and line.startswith(_FILES))
        or (is_first and not line.strip())
        or bool(_FENCE.fullmatch(line))
    )


def _line(line: str) -> _Line:
    """Return a line of a hunk; one without a sign is context whose first blank was lost."""
    sign = line[:1]
    return _Line(sign, line[1:]) if sign and sign in " +-" else _Line(" ", line)


@dataclass(slots=True)
class _Work:
    """Counts the lines that are compared, to bound the work for a hostile diff."""

    steps: int = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps > _MOST_STEPS:
            raise CannotApply("finding its position takes too long")


def _applied(
    lines: Sequence[str], hunk: _Hunk, after: int, shown: Collection[int], work: _Work
) -> tuple[list[str], int] | None:
    """Return the file with a hunk applied and the line after it, or None if it does not fit.

    The strictest way in which the hunk fits counts: as it is, with the signs of its context lost,
    with another indentation; then with lines left out. Later hunks come after earlier ones if they can.
    """
    if not any(line.is_anchor for line in hunk.lines):
        return _appended(lines, hunk)
    without_signs = [
        _Line(line.sign, line.text if line.sign != " " else f" {line.text}") for line in hunk.lines
    ]
    readings = ((hunk.lines, _is_same), (without_signs, _is_same), (hunk.lines, _is_same_but_for_indentation))
    for skipped, (read, same) in product((0, _MOST_SKIPPED), readings):
        for smaller in _smaller(read):
            found = list(_places(lines, smaller, same, skipped, work))
            later = [each for each in found if each.start >= after] or found
            if later:
                chosen = _only(lines, later, hunk, shown)
                return chosen.text, chosen.end
    return None


def _missing(lines: Sequence[str], hunk: _Hunk) -> str:
    """Return which line of a hunk is nowhere in the file, in words; empty if each is."""
    known = {line.strip() for line in lines}
    missing = (line.text for line in hunk.lines if line.is_anchor and line.text.strip() not in known)
    return next((f": it has no line {_quoted(line)}" for line in missing), "")


def _quoted(line: str) -> str:
    return f"`{line.strip()[:_MOST_QUOTED]}`"


def _appended(lines: Sequence[str], hunk: _Hunk) -> tuple[list[str], int]:
    """Return the file with a hunk without context at its end, if it is code of the top level."""
    added = [line.text for line in hunk.lines if line.sign == "+"]
    first = next((line for line in added if line.strip()), "")
    if not first or first[0].isspace():
        raise CannotApply("a hunk has no context lines")
    kept = list(lines)
    while kept and not kept[-1].strip():
        kept.pop()
    text = [*kept, "", "", *_without_blank_edges(added), ""]
    return text, len(text)


def _without_blank_edges(lines: Sequence[str]) -> Sequence[str]:
    leading = len(list(takewhile(lambda line: not line.strip(), lines)))
    trailing = len(list(takewhile(lambda line: not line.strip(), reversed(lines))))
    return lines[leading : len(lines) - trailing]


def _smaller(hunk: Sequence[_Line]) -> Iterator[Sequence[_Line]]:
    """Yield a hunk's lines, then the lines without more and more of the context at its edges."""
    edges = [_edge(hunk), _edge(hunk[::-1])]
    for dropped in range(_MOST_DROPPED + 1):
        for above in range(dropped + 1):
            below = dropped - above
            if above > edges[0] or below > edges[1]:
                continue
            lines = _without_context(_without_context(hunk, above)[::-1], below)[::-1]
            if any(line.is_anchor for line in lines):
                yield lines


def _edge(lines: Sequence[_Line]) -> int:
    return sum(line.is_anchor for line in takewhile(lambda line: line.sign == " ", lines))


def _without_context(lines: Sequence[_Line], count: int) -> Sequence[_Line]:
    """Return the lines without this many lines of leading context that are not blank."""
    start = 0
    while count:
        count -= lines[start].is_anchor
        start += 1
    return lines[start:]


_Same = Callable[[str, str], bool]


def _is_same(line: str, other: str) -> bool:
    return line.rstrip() == other.rstrip()


def _is_same_but_for_indentation(line: str, other: str) -> bool:
    return line.strip() == other.strip()


@dataclass(frozen=True, slots=True)
class _Place:
    """A place where a hunk fits: the text with it applied, its first line, and the line after it."""

    text: list[str]
    start: int
    end: int


def _only(lines: Sequence[str], places: Sequence[_Place], hunk: _Hunk, shown: Collection[int]) -> _Place:
    """Return the only place; of several, the one that the diff names, was shown, or is at an end."""
    named = [place for place in places if place.start + 1 == hunk.first]
    if len(places) == 1 or not named:
        places = [place for place in places if place.start + 1 in shown] or places
        places = _where_something_ends(lines, places, hunk) or places
        if len({"\n".join(place.text) for place in places}) > 1:
            raise CannotApply(f"a hunk fits in several places: at each {_quoted(lines[places[0].start])}")
        return places[0]
    return named[0]


def _where_something_ends(lines: Sequence[str], places: Sequence[_Place], hunk: _Hunk) -> list[_Place]:
    """Return the places where a hunk without context below may go: above a blank line, best the last one.

    A unified diff has no context below only at the end of the file. A hunk whose first new line is blank
    adds something of its own, such as a test, so it does not go into the middle of another.
    """
    first = next(number for number, line in enumerate(hunk.lines) if line.sign != " ")
    if any(line.sign != "+" for line in hunk.lines[first:]) or hunk.lines[first].text.strip():
        return []
    above_gaps = [place for place in places if not "".join(lines[place.end : place.end + 1]).strip()]
    at_end = [place for place in above_gaps if not "".join(lines[place.end :]).strip()]
    return at_end or above_gaps


def _places(
    lines: Sequence[str], hunk: Sequence[_Line], same: _Same, skipped: int, work: _Work
) -> Iterator[_Place]:
    anchor = next(line for line in hunk if line.is_anchor)
    for start, line in enumerate(lines):
        work.step()
        if same(line, anchor.text):
            place = _placed(lines, hunk, start, same, skipped, work)
            if place is not None:
                yield place


def _placed(  # noqa: PLR0913, PLR0917 - one step of a search
    lines: Sequence[str], hunk: Sequence[_Line], start: int, same: _Same, skipped: int, work: _Work
) -> _Place | None:
    """Return the file with a hunk applied whose first anchor is the line at `start`, or None."""
    output: list[str | _Line] = list(lines[:start])
    at, done = start, 0
    shifts: set[int] = set()
    for index, line in enumerate(hunk):
        if index < done:
            continue
        if line.sign == "+":
            added = list(takewhile(lambda each: each.sign == "+", hunk[index:]))
            if at > start and _brings_its_blank_lines(hunk, index, added):
                at = _place_apart(output, added, lines, at)
                done = index + len(added)
                continue
            output.append(line)
        elif line.is_anchor:
            found = _next(lines, at, line.text, same, 0 if at == start else skipped, work)
            if found is None:
                return None
            shifts.add(_indentation(lines[found]) - _indentation(line.text))
            output += lines[at : found + (line.sign == " ")]
            at = found + 1
        elif start < at < len(lines) and not lines[at].strip():
            output += lines[at : at + (line.sign == " ")]
            at += 1
    [shift, *others] = shifts
    text = [each if isinstance(each, str) else _shifted(each.text, shift) for each in output]
    complete = [line for line in text if line is not None]
    return None if others or len(complete) < len(text) else _Place([*complete, *lines[at:]], start, at)


def _place_apart(output: list[str | _Line], added: Sequence[_Line], lines: Sequence[str], at: int) -> int:
    """Add lines with as many blank lines above and below as the file has at their place.

    Lines that are indented more than what follows keep their own blank lines above: they end a class.

    Returns:
        The index of the file's next line.
    """
    below = list(takewhile(lambda each: not each.strip(), lines[at:]))
    above = list(takewhile(lambda each: isinstance(each, str) and not each.strip(), reversed(output)))
    block = [_Line("+", text) for text in _without_blank_edges([each.text for each in added])]
    following = lines[at + len(below) : at + len(below) + 1]
    if not block or not (above or below):
        output += added
    elif following and _indentation(block[0].text) > _indentation(following[0]):
        output += [*takewhile(lambda each: not each.text.strip(), added), *block]
    else:
        output += [*below, *block, *above, *below]
        at += len(below)
    return at


def _brings_its_blank_lines(hunk: Sequence[_Line], index: int, added: Sequence[_Line]) -> bool:
    """Return whether added lines begin here that end in a blank line, and so come after the file's own.

    If blank context follows them, the diff shows the blank lines of both sides.
    """
    below = hunk[index + len(added) : index + len(added) + 1]
    shows_both = any(line.sign == " " and not line.text.strip() for line in below)
    return hunk[index - 1].sign != "+" and not added[-1].text.strip() and not shows_both


def _next(  # noqa: PLR0913, PLR0917 - one step of a search
    lines: Sequence[str], at: int, wanted: str, same: _Same, skipped: int, work: _Work
) -> int | None:
    """Return the index of the next line that is the same, after blank and a few other lines."""
    while at < len(lines):
        work.step()
        if same(lines[at], wanted):
            return at
        skipped -= bool(lines[at].strip())
        if skipped < 0:
            return None
        at += 1
    return None


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def _shifted(line: str, shift: int) -> str | None:
    """Return a line with more or less indentation; None if it has less than that."""
    if shift >= 0 or not line.strip():
        return " " * shift + line if line.strip() else line
    return line[-shift:] if not line[:-shift].strip() else None
