"""What is known of the project's own tests: the nouns that their measuring and its users share."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from testsmith.execution.answers import Reached
from testsmith.languages.driver import CodeBranch
from testsmith.model import Baseline, BaselineStatus, Failure

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

    def takes(self, way: CodeBranch) -> bool:
        """Tell whether a way was taken; one past a body, by what the arcs or the misses say."""
        if not way.past:
            return self.reaches(way.target)
        if self._arcs is None:
            missed = {after for line in way.head for after in self._found.missed_arcs.get(line, ())}
            return self.reaches(way.head) and missed <= set(way.target)
        led = {after for line in way.head for after in self._arcs.get(line, ())}
        return any(after not in way.head and after not in way.target for after in led)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredCoverage:
    """What a coverage file holds.

    Attributes:
        files: By path as the file has it.
        has_branches: Whether branches were measured.
    """

    files: Mapping[str, FileCoverage]
    has_branches: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberBaseline:
    """What the project's own tests do with one member.

    Attributes:
        reached: The member's lines and arcs that they reach.
        tests: The ids of those that reach a line, by line, the quickest first; empty where only a
            coverage file was read. A line has none where all that reach it fail because of the change. An id
            is the test's file, relative to the git root, and what follows `::` in pytest's node id. What runs
            when the module is loaded is reached by all of them: there they are those that reach another line
            of the member, or name it.
        branches_known: Whether anything is known of arcs; where it is not, none may be called a gain.
        is_whole: Whether all tests were run; else those whose files import or name a member.
    """

    reached: Reached = field(default_factory=Reached)
    tests: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    branches_known: bool = True
    is_whole: bool = True

    def without(self, failing: Collection[str]) -> MemberBaseline:
        """Return it without tests that fail; the lines that only they reach are there with no test."""
        tests = {
            line: tuple(one for one in tests if one not in failing) for line, tests in self.tests.items()
        }
        return replace(self, tests=tests)

    @property
    def all_tests(self) -> frozenset[str]:
        """The ids of those that reach any line."""
        return frozenset(test for tests in self.tests.values() for test in tests)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnBase:
    """How the project's own tests of head end with base's source.

    Attributes:
        passed: The ids of those that pass there, too, or skip themselves.
        failed: The ids of those that fail there, or whose file cannot be loaded there. Of a test that is in
            neither nothing is known.
        not_loaded: The files of which no test ran there, whatever it reaches.
    """

    passed: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    not_loaded: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSuite:
    """What is known of the project's own tests.

    Attributes:
        status: How much that is.
        tests: How many of them were run; None if that is not known.
        members: By member id; of a member that is not in it, not all is known.
        notes: What a reader of the report should know.
        partly: Members that are not in `members`, with what the tests that did run showed: what these reach
            is reached, and what they notice is noticed; nothing follows from what they do not.
        failed: The tests that did not pass, as `tests/test_cart.py::test_add`, and the test files that could
            not be loaded; None where not all were run.
        passed: The ids of the tests that reach a member and pass, docstring examples apart.
        passing: How many tests pass of each file that holds one of those.
        blamed: For which tests alone members are not in `members`, by member id: for those that name it and
            fail or, by `FILE::`, cannot be loaded, and for those that were ended in it.
        on_base: How these end with base's source; None if they were not run there.
    """

    status: BaselineStatus = BaselineStatus.NOT_RUN
    tests: int | None = None
    members: Mapping[str, MemberBaseline] = field(default_factory=dict)
    partly: Mapping[str, MemberBaseline] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    failed: frozenset[str] | None = None
    passed: frozenset[str] = frozenset()
    passing: Mapping[str, int] = field(default_factory=dict)
    blamed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    on_base: OnBase | None = None

    @property
    def known_to_fail(self) -> frozenset[str] | None:
        """What is known not to pass; None where nothing was measured, so that no own test has counted."""
        if self.failed is None and (self.members or self.partly):
            return frozenset()
        return self.failed

    @property
    def is_run(self) -> bool:
        """Whether the tests were run and told apart, so that what is not in `passed` reaches no member."""
        return self.status not in {BaselineStatus.FAILED, BaselineStatus.NOT_RUN} and self.tests is not None

    @property
    def reaching(self) -> frozenset[str]:
        """The ids of the tests that reach a member."""
        baselines = (*self.members.values(), *self.partly.values())
        return frozenset(test for one in baselines for test in one.all_tests)

    def fails_on_base(self, member: str) -> bool | None:
        """Tell whether a test that reaches a member fails with base's source; None if that is not known."""
        baseline = self.members.get(member) or self.partly.get(member)
        if self.on_base is None or baseline is None:
            return None
        reaching = self.passed & baseline.all_tests
        if reaching & self.on_base.failed:
            return True
        return False if member in self.members and reaching <= self.on_base.passed else None

    def without(self, failing: Collection[str]) -> OwnSuite:
        """Return it with what is known once it is seen that some tests fail because of the change.

        They notice nothing, whatever is done to a member, but what they reach is reached.
        """
        known = [member for member, tests in self.blamed.items() if tests <= set(failing)]
        nothing = MemberBaseline(is_whole=self.failed is not None)
        found = {member: self.partly.get(member, nothing).without(failing) for member in known}
        is_measured = self.failed is not None and len(known) == len(self.blamed)
        return replace(
            self,
            status=BaselineStatus.MEASURED if is_measured else self.status,
            members={**self.members, **found},
            partly={member: one for member, one in self.partly.items() if member not in found},
        )

    def reported(self, members: Collection[str]) -> Baseline:
        """Return what a report says of it, for the members that the report is about."""
        return Baseline(
            status=self.status,
            tests=self.tests,
            fail_on_base=None if self.on_base is None else self._failing(self.on_base),
            known=len(self.members.keys() & set(members)),
        )

    def _failing(self, on_base: OnBase) -> int:
        ran = [test for test in on_base.failed if test.partition("::")[0] not in on_base.not_loaded]
        return len(ran) + sum(self.passing.get(file, 0) for file in on_base.not_loaded)
