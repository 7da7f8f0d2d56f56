"""Read `lcov.info`.

This is a reader of our own: coverage.py writes the format and does not read it, and the converters for it
(`lcov_cobertura` and others) drop where a branch leads to.
"""

from __future__ import annotations

import re

from testsmith.execution.project_tests.baseline import (
    EXIT,
    CannotReadCoverage,
    FileCoverage,
    MeasuredCoverage,
)

_JUMP = re.compile(r"jump to line (\d{1,9})")
"""How coverage.py names in `lcov.info` where a branch leads to; any other name is a way out."""

_MOST_DIGITS = 18


def looks_like_lcov(content: bytes) -> bool:
    """Tell whether some bytes begin as an `lcov.info` does."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"TN:", b"SF:"))


def read_lcov(content: bytes) -> MeasuredCoverage:
    """Read an `lcov.info`, as coverage.py and others write it.

    Raises:
        CannotReadCoverage: A line of it is broken, or it names no file.
    """
    reader = _LcovReader()
    for number, line in enumerate(content.decode("utf-8", "surrogateescape").splitlines(), start=1):
        try:
            reader.take(*line.strip().partition(":")[::2])
        except (ValueError, IndexError):
            raise CannotReadCoverage(f"its line {number} is broken") from None
    if not reader.files:
        raise CannotReadCoverage("it names no file")
    return MeasuredCoverage(files=reader.files, has_branches=reader.has_branches)


class _LcovReader:
    """Takes the lines of an `lcov.info`; those of no use are passed over.

    Attributes:
        files: What is known so far.
        has_branches: Whether any line has branches.
    """

    def __init__(self) -> None:
        self.files: dict[str, FileCoverage] = {}
        self.has_branches = False
        self._file: FileCoverage | None = None

    def take(self, kind: str, rest: str) -> None:
        """Take one line.

        Raises:
            ValueError: A number of it is none.
            IndexError: It lacks a part.
        """
        if kind == "SF":
            self._file = self.files.setdefault(rest.replace("\\", "/"), FileCoverage(missed=set()))
        elif kind == "end_of_record":
            self._file = None
        elif self._file is not None and kind == "DA":
            self._take_line(self._file, rest.split(","))
        elif self._file is not None and kind == "BRDA":
            self._take_branch(self._file, rest)

    def _take_line(self, file: FileCoverage, parts: list[str]) -> None:
        line, hits = _number(parts[0]), _number(parts[1])
        if hits > 0:
            file.hit.add(line)
        missed = file.missed if file.missed is not None else set()
        (missed.discard if line in file.hit else missed.add)(line)

    def _take_branch(self, file: FileCoverage, rest: str) -> None:
        line, middle = rest.split(",", 1)
        middle, taken = middle.rsplit(",", 1)
        self.has_branches = True
        if taken.strip() in {"-", "0"}:
            jump = _JUMP.search(middle)
            file.missed_arcs.setdefault(_number(line), set()).add(int(jump[1]) if jump else EXIT)


def _number(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(text)
    return int(text)
