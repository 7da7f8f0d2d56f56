"""Break coverage of files down to members and sum it up. Pure functions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from testsmith.execution.baseline import FileReach, WholeSuite
from testsmith.languages.source import MemberWeight, Reachable
from testsmith.model import Member, Place
from testsmith.sweep_results import Coverage, Facts


@dataclass(frozen=True, slots=True)
class CountedFile:
    """A file's statements and branches in line order, and whether each was reached.

    Attributes:
        statements: The first line of each statement, and whether it was reached.
        ways: The first line of the statement of each branch, and whether the branch was taken.
    """

    statements: tuple[tuple[int, bool], ...]
    ways: tuple[tuple[int, bool], ...]

    @classmethod
    def of(cls, there: Reachable, found: FileReach | None) -> CountedFile:
        """Count a file. Without coverage data, nothing was reached."""
        statements = ((lines.start, found is not None and found.reaches(lines)) for lines in there.statements)
        ways = ((way.head.start, found is not None and found.takes(way)) for way in there.ways)
        return cls(_by_line(statements), _by_line(ways))

    def joined(self, other: CountedFile) -> CountedFile:
        """Return the union of two counts of the same file."""
        return CountedFile(_either(self.statements, other.statements), _either(self.ways, other.ways))


def _by_line(places: Iterable[tuple[int, bool]]) -> tuple[tuple[int, bool], ...]:
    """Sort by line, keeping the order within a line."""
    return tuple(sorted(places, key=_line))


def _either(
    ones: tuple[tuple[int, bool], ...], others: tuple[tuple[int, bool], ...]
) -> tuple[tuple[int, bool], ...]:
    return tuple((line, done or also) for (line, done), (_, also) in zip(ones, others, strict=True))


def coverage_of(files: Iterable[CountedFile], *, has_branches: bool) -> Coverage:
    """Return the total coverage of files."""
    lines = reached = branches = taken = 0
    for file in files:
        lines += len(file.statements)
        reached += sum(done for _, done in file.statements)
        branches += len(file.ways)
        taken += sum(done for _, done in file.ways)
    return Coverage(
        lines=lines,
        lines_reached=reached,
        branches=branches if has_branches else None,
        branches_reached=taken if has_branches else None,
    )


def facts_of(
    member: Member, files: Mapping[str, CountedFile], weight: MemberWeight, commits: int, suite: WholeSuite
) -> Facts:
    """Return the counts of one member and the private functions that count for it.

    The first statement of a function is its `def`, which runs when the file is loaded, and does not count. If
    coverage is unknown, nothing counts as reached; if only branch coverage is unknown, branches are not
    counted.
    """
    own = Place(path=member.path, line=member.line, end_line=member.end_line)
    places = [(files[place.path], place) for place in (own, *weight.private) if place.path in files]
    statements = [
        each for file, place in places for each in _within(file.statements, place.line + 1, place.end_line)
    ]
    ways = [each for file, place in places for each in _within(file.ways, place.line, place.end_line)]
    return Facts(
        lines=len(statements),
        lines_missed=sum(not done for _, done in statements),
        branches=len(ways),
        branches_missed=sum(not done for _, done in ways) if knows_branches(suite) else None,
        decisions=weight.decisions,
        commits=commits,
        dependents=weight.dependents,
    )


def knows_branches(suite: WholeSuite) -> bool:
    """Return whether branch coverage is known, which includes knowing that no branch was taken."""
    return suite.has_branches or not suite.is_known


def _within(places: tuple[tuple[int, bool], ...], first: int, last: int) -> tuple[tuple[int, bool], ...]:
    """Return the sorted places between two lines."""
    return places[bisect_left(places, first, key=_line) : bisect_left(places, last + 1, key=_line)]


def _line(place: tuple[int, bool]) -> int:
    return place[0]


def count_files(there: Mapping[str, Reachable], suite: WholeSuite) -> dict[str, CountedFile]:
    """Count each file."""
    return {path: CountedFile.of(one, suite.files.get(path)) for path, one in there.items()}
