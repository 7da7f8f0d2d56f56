"""What was measured of source files, by a run of this program or by an earlier step: the nouns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from testsmith.languages.driver import Way
from testsmith.model import Failure

EXIT = -1
"""The way out, whatever it is called."""


class CannotReadCoverage(Failure):
    """A coverage file cannot be used; the message says why."""


@dataclass(slots=True)
class FileCoverage:
    """What was measured of one source file.

    Attributes:
        hit: The lines that were reached.
        missed: Those that were not; None where only the others are known.
        arcs: The arcs that were taken, None where only the others are known, or nothing.
        missed_arcs: By line the ways on that were not taken; only of lines that have several.
    """

    hit: set[int] = field(default_factory=set)
    missed: set[int] | None = None
    arcs: set[tuple[int, int]] | None = None
    missed_arcs: dict[int, set[int]] = field(default_factory=dict)

    def add(self, other: FileCoverage) -> None:
        """Take in what was measured of the same file elsewhere."""
        self.hit |= other.hit
        if self.missed is not None:
            self.missed = (self.missed & (other.missed or set())) - self.hit
        if self.arcs is not None:
            self.arcs |= other.arcs or set()
        self.missed_arcs = {
            line: ways & other.missed_arcs.get(line, set()) for line, ways in self.missed_arcs.items()
        }

    def copy(self) -> FileCoverage:
        """Return another one that holds the same."""
        return FileCoverage(
            hit=set(self.hit),
            missed=None if self.missed is None else set(self.missed),
            arcs=None if self.arcs is None else set(self.arcs),
            missed_arcs={line: set(ways) for line, ways in self.missed_arcs.items()},
        )


class FileReach:
    """What was measured of one source file, statement by statement and way by way.

    Args:
        found: What was measured.
    """

    def __init__(self, found: FileCoverage) -> None:
        self._found = found
        self._arcs: dict[int, set[int]] | None = None
        if found.arcs is not None:
            self._arcs = {}
            for before, after in found.arcs:
                self._arcs.setdefault(before, set()).add(after)

    def reaches(self, lines: range) -> bool:
        """Tell whether a statement of these lines was reached."""
        return not self._found.hit.isdisjoint(lines)

    def takes(self, way: Way) -> bool:
        """Tell whether a way was taken; one past a body, by what the arcs or the misses say."""
        if not way.past:
            return self.reaches(way.target)
        if self._arcs is None:
            missed = {after for line in way.head for after in self._found.missed_arcs.get(line, ())}
            return self.reaches(way.head) and missed <= set(way.target)
        led = {after for line in way.head for after in self._arcs.get(line, ())}
        return any(after not in way.head and after not in way.target for after in led)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a coverage file holds.

    Attributes:
        files: By path as the file has it.
        has_branches: Whether branches were measured.
    """

    files: Mapping[str, FileCoverage]
    has_branches: bool
