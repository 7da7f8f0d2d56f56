"""Read `lcov.info` files.

coverage.py writes the format but cannot read it, and converters such as `lcov_cobertura` drop the targets of
branches.
"""

from __future__ import annotations

import re

from testsmith.execution.baseline import EXIT, CannotReadCoverage, FileCoverage, MeasuredCoverage

_JUMP = re.compile(r"jump to line (\d{1,9})")
"""Branch target as written by coverage.py; any other name is an exit."""

_MOST_DIGITS = 18


def looks_like_lcov(content: bytes) -> bool:
    """Return whether some bytes look like the start of an `lcov.info` file."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"TN:", b"SF:"))


def read_lcov(content: bytes) -> MeasuredCoverage:
    """Read an `lcov.info` file written by coverage.py or another tool.

    Raises:
        CannotReadCoverage: A line is malformed, or no source file is named.
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
    """Collects the lines of an `lcov.info` file, ignoring those that are not needed.

    Attributes:
        files: Coverage collected so far.
        has_branches: Whether any line has branches.
    """

    def __init__(self) -> None:
        self.files: dict[str, FileCoverage] = {}
        self.has_branches = False
        self._file: FileCoverage | None = None

    def take(self, kind: str, rest: str) -> None:
        """Handle one line.

        Raises:
            ValueError: A number is invalid.
            IndexError: A field is missing.
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
