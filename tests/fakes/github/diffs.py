"""Reads what git says of a change: files, hunks, the lines that a diff shows, and where a line has gone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

_HEADER = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_STATUS = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "C": "copied", "T": "changed"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a diff shows a line: in which hunk of its file, and how many lines below the first header."""

    hunk: int
    position: int


@dataclass(frozen=True)
class ChangedFile:
    """A file of a diff.

    Attributes:
        status: GitHub's word: added, removed, modified, renamed.
        blob: The object id of its content, of the removed one where it was removed.
        hunks: Its part of the diff from the first `@@` on; empty for a binary one or a mere rename.
    """

    path: str
    previous_path: str | None
    status: str
    blob: str
    hunks: str
    is_binary: bool

    @cached_property
    def additions(self) -> int:
        return sum(line.startswith("+") for line in self._lines)

    @cached_property
    def deletions(self) -> int:
        return sum(line.startswith("-") for line in self._lines)

    @property
    def _lines(self) -> list[str]:
        return self.hunks.split("\n") if self.hunks else []

    @cached_property
    def shown(self) -> dict[str, dict[int, Place]]:
        """The lines that the diff shows, of each side (`LEFT`, `RIGHT`), with their places."""
        reader = _HunkReader()
        for line in self._lines:
            reader.read(line)
        return reader.shown

    def hunk_up_to(self, place: Place) -> str:
        """Return the hunk of a place from its header to the place's line."""
        lines = self._lines[: place.position + 1]
        start = max(number for number, line in enumerate(lines) if line.startswith("@@"))
        return "\n".join(lines[start:])


@dataclass
class _HunkReader:
    shown: dict[str, dict[int, Place]] = field(default_factory=lambda: {"LEFT": {}, "RIGHT": {}})
    position: int = -1
    hunk: int = -1
    old: int = 0
    new: int = 0

    def read(self, line: str) -> None:
        self.position += 1
        header = _HEADER.match(line)
        if header:
            self.hunk += 1
            self.old, self.new = int(header[1]), int(header[3])
            return
        place = Place(self.hunk, self.position)
        if line.startswith(("-", " ")):
            self.shown["LEFT"][self.old] = place
            self.old += 1
        if line.startswith(("+", " ")):
            self.shown["RIGHT"][self.new] = place
            self.new += 1


def read_changes(output: str) -> tuple[ChangedFile, ...]:
    """Read what `git diff --raw -z -p --no-abbrev` wrote."""
    records, patch = _split(output)
    texts = re.split(r"(?m)^(?=diff --git )", patch)[1:]
    assert len(texts) == len(records), "git named other files than it showed"
    return tuple(_file(record, text) for record, text in zip(records, texts, strict=True))


def _split(output: str) -> tuple[list[list[str]], str]:
    records: list[list[str]] = []
    while output.startswith(":"):
        meta, output = output.split("\0", 1)
        paths = 2 if meta.split()[4][0] in "RC" else 1
        *names, output = output.split("\0", paths)
        records.append([meta, *names])
    return records, output.removeprefix("\0")


def _file(record: list[str], text: str) -> ChangedFile:
    meta, *paths = record
    _, _, before, after, letter = meta.split()
    start = re.search(r"(?m)^@@ ", text)
    return ChangedFile(
        path=paths[-1],
        previous_path=paths[0] if len(paths) > 1 else None,
        status=_STATUS[letter[0]],
        blob=before if letter == "D" else after,
        hunks=text[start.start() :].removesuffix("\n") if start else "",
        is_binary=start is None and "\nBinary files " in text,
    )


def line_now(line: int, patch: str) -> int | None:
    """Return where a line of an older text stands in a newer one, None where it was changed or removed.

    Args:
        line: Its number in the older text.
        patch: The difference of both without context (`git diff -U0`).
    """
    moved = 0
    for header in _HEADER.finditer(patch):
        start, count = int(header[1]), int(header[2] or 1)
        if count and start <= line < start + count:
            return None
        if (start + count if count else start + 1) <= line:
            moved += int(header[4] or 1) - count
    return line + moved
