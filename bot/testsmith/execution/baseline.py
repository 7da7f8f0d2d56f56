"""Data types for the baseline: what the project's tests cover and how they end."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from testsmith.execution.jobs import Reached
from testsmith.languages.source import CodeBranch
from testsmith.model import Baseline, BaselineStatus, Failure

EXIT = -1
"""Target of an arc that leaves the code, regardless of how."""


class CannotReadCoverage(Failure):
    """A coverage file cannot be used; the message says why."""


@dataclass(slots=True)
class FileCoverage:
    """Coverage of one source file.

    Attributes:
        hit: Lines that were reached.
        missed: Lines that were not reached; None if only `hit` is known.
        arcs: Arcs that were taken; None if only `missed_arcs` is known, or neither.
        missed_arcs: Arcs that were not taken, by line, for lines with several successors.
    """

    hit: set[int] = field(default_factory=set)
    missed: set[int] | None = None
    arcs: set[tuple[int, int]] | None = None
    missed_arcs: dict[int, set[int]] = field(default_factory=dict)

    def add(self, other: FileCoverage) -> None:
        """Merge other measurements of the same file into this one."""
        self.hit |= other.hit
        if self.missed is not None:
            self.missed = (self.missed & (other.missed or set())) - self.hit
        if self.arcs is not None:
            self.arcs |= other.arcs or set()
        self.missed_arcs = {
            line: ways & other.missed_arcs.get(line, set()) for line, ways in self.missed_arcs.items()
        }

    def copy(self) -> FileCoverage:
        """Return a deep copy."""
        return FileCoverage(
            hit=set(self.hit),
            missed=None if self.missed is None else set(self.missed),
            arcs=None if self.arcs is None else set(self.arcs),
            missed_arcs={line: set(ways) for line, ways in self.missed_arcs.items()},
        )


class FileReach:
    """Coverage of one source file by statement and branch.

    Args:
        found: The measured lines and arcs.
    """

    def __init__(self, found: FileCoverage) -> None:
        self._found = found
        self._arcs: dict[int, set[int]] | None = None
        if found.arcs is not None:
            self._arcs = {}
            for before, after in found.arcs:
                self._arcs.setdefault(before, set()).add(after)

    def reaches(self, lines: range) -> bool:
        """Return whether a statement in these lines was reached."""
        return not self._found.hit.isdisjoint(lines)

    def takes(self, way: CodeBranch) -> bool:
        """Return whether a branch was taken. Skipping a body is derived from the arcs or the missed arcs."""
        if not way.past:
            return self.reaches(way.target)
        if self._arcs is None:
            missed = {after for line in way.head for after in self._found.missed_arcs.get(line, ())}
            return self.reaches(way.head) and missed <= set(way.target)
        led = {after for line in way.head for after in self._arcs.get(line, ())}
        return any(after not in way.head and after not in way.target for after in led)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredCoverage:
    """Content of a coverage file.

    Attributes:
        files: Coverage by path as written in the file.
        has_branches: Whether branches were measured.
    """

    files: Mapping[str, FileCoverage]
    has_branches: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberBaseline:
    """Coverage of one member by the project's tests.

    Attributes:
        reached: Lines and arcs of the member that the tests reach.
        tests: For each line, the ids of the tests that reach it, fastest first; empty if only a coverage file
            was read. A line has no tests if all of them fail because of the change. An id is the test's file,
            relative to the git root, `::`, and the test's name in its language. Lines that run when the
            module is loaded are reached by every test; for these, only tests that reach another line of the
            member or name it are listed.
        branches_known: Whether arcs were measured. If not, no arc may be reported as newly covered.
        is_whole: Whether all tests ran; otherwise those whose files name a member.
    """

    reached: Reached = field(default_factory=Reached)
    tests: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    branches_known: bool = True
    is_whole: bool = True

    def without(self, failing: Collection[str]) -> MemberBaseline:
        """Return a copy without failing tests; lines that only they reach stay, with no tests."""
        tests = {
            line: tuple(one for one in tests if one not in failing) for line, tests in self.tests.items()
        }
        return replace(self, tests=tests)

    @property
    def all_tests(self) -> frozenset[str]:
        """Ids of the tests that reach any line."""
        return frozenset(test for tests in self.tests.values() for test in tests)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnBase:
    """Results of head's version of the project's tests on base's source.

    Attributes:
        passed: Ids of tests that pass or are skipped.
        failed: Ids of tests that fail or whose file cannot be loaded. The result of any other test is
            unknown.
        not_loaded: Files of which no test ran.
    """

    passed: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    not_loaded: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSuite:
    """Baseline of the project's tests.

    Attributes:
        status: How much is known.
        tests: Number of tests that ran; None if unknown.
        members: Baseline by member id. Members with incomplete results are left out.
        notes: Remarks for the report.
        partly: Incomplete baselines of members that are not in `members`. What the tests reach or kill is
            certain; nothing follows from what they do not.
        failed: Tests that did not pass, for example `tests/test_cart.py::test_add`, and test files that could
            not be loaded; None if not all tests ran.
        passed: Ids of passing tests that reach a member, without doctests.
        passing: Number of passing tests in each file that contains one of those.
        blamed: By member id, the tests because of which a member is not in `members`: tests that name it and
            fail, `FILE::` for files that name it and cannot be loaded, and tests that ended in it.
        is_cut_short: Whether the run ended before all tests that name a member had run, so that its tests in
            `blamed` are not the only reason why it is not in `members`.
        on_base: Results of these tests on base's source; None if they did not run there.
        showing: Other tests that show the change: they are in test files that it adds or edits, pass on head
            and fail on base. By id, the members that they reach if they run without the others.
        broken: The tests that name or reach a member, pass on base's source and fail on head, as ids of
            `blamed`.
        on_base_ended: How each test ended that was run on base's source, whatever it reaches: its status, and
            why it did not pass. Untrusted text.
        on_base_broken: Why test files could not be loaded there, by path. Untrusted text.
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
    is_cut_short: bool = False
    on_base: OnBase | None = None
    showing: Mapping[str, frozenset[str]] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    on_base_ended: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    on_base_broken: Mapping[str, str] = field(default_factory=dict)

    @property
    def known_to_fail(self) -> frozenset[str] | None:
        """Tests known to fail; None if nothing was measured, so that no test of the project counts."""
        if self.failed is None and (self.members or self.partly):
            return frozenset()
        return self.failed

    @property
    def is_run(self) -> bool:
        """Whether tests were run and traced one by one, so that tests not in `passed` reach no member."""
        return self.status not in {BaselineStatus.FAILED, BaselineStatus.NOT_RUN} and self.tests is not None

    @property
    def reaching(self) -> frozenset[str]:
        """Ids of the tests that reach a member."""
        baselines = (*self.members.values(), *self.partly.values())
        return frozenset(test for one in baselines for test in one.all_tests)

    def is_about(self, test: str, member: str) -> bool:
        """Return whether a test reaches a member, or names it and fails."""
        baseline = self.members.get(member) or self.partly.get(member) or MemberBaseline()
        return test in self.blamed.get(member, ()) or test in baseline.all_tests

    def fails_on_base(self, member: str) -> bool | None:
        """Return whether a test that reaches a member fails on base's source; None if unknown.

        A test of the change itself that fails there and is not seen to reach any member counts for all of
        them, because there is nothing else in the change that it can be about. For example, it checks the
        result of code that runs once per process or when a module is loaded.
        """
        if any(not reached or member in reached for reached in self.showing.values()):
            return True
        baseline = self.members.get(member) or self.partly.get(member)
        if self.on_base is None or baseline is None:
            return None
        reaching = self.passed & baseline.all_tests
        if reaching & self.on_base.failed:
            return True
        return False if member in self.members and reaching <= self.on_base.passed else None

    def without(self, failing: Collection[str]) -> OwnSuite:
        """Return a copy that accounts for tests that fail because of the change.

        Such tests kill no mutants, but the lines they reach still count as reached.
        """
        explained = [member for member, tests in self.blamed.items() if tests <= set(failing)]
        known = [] if self.is_cut_short else explained
        nothing = MemberBaseline(is_whole=self.failed is not None)
        found = {member: self.partly.get(member, nothing).without(failing) for member in known}
        is_measured = self.failed is not None and len(known) == len(self.blamed)
        return replace(
            self,
            status=BaselineStatus.MEASURED if is_measured else self.status,
            broken=frozenset(failing),
            members={**self.members, **found},
            partly={
                member: one.without(failing) for member, one in self.partly.items() if member not in found
            },
        )

    def reported(self, members: Collection[str]) -> Baseline:
        """Return the part of the baseline to report for these members."""
        return Baseline(
            status=self.status,
            tests=self.tests,
            fail_on_base=self._failing(),
            known=len(self.members.keys() & set(members)),
        )

    def _failing(self) -> int | None:
        if self.on_base is None and not self.showing:
            return None
        on_base = self.on_base or OnBase()
        failed = on_base.failed.union(self.showing)
        ran = [test for test in failed if test.partition("::")[0] not in on_base.not_loaded]
        return len(ran) + sum(self.passing.get(file, 0) for file in on_base.not_loaded)


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeSuite:
    """Coverage of whole files by all tests together.

    Attributes:
        files: Coverage by path relative to the git root. Files not listed were not reached.
        is_known: Whether anything was measured; if not, files missing from `files` mean nothing.
        has_branches: Whether branches were measured.
        failed: Tests that did not pass and test files that could not be loaded; None if unknown.
        notes: Remarks for the report.
    """

    files: Mapping[str, FileReach] = field(default_factory=dict)
    is_known: bool = False
    has_branches: bool = False
    failed: frozenset[str] | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, parts: Sequence[WholeSuite]) -> WholeSuite:
        """Return the coverage of the files of several languages as one."""
        if len(parts) == 1:
            return parts[0]
        failed = [one.failed for one in parts if one.failed is not None]
        return cls(
            files={path: reach for one in parts for path, reach in one.files.items()},
            is_known=bool(parts) and all(one.is_known for one in parts),
            has_branches=bool(parts) and all(one.has_branches for one in parts),
            failed=frozenset[str]().union(*failed) if failed else None,
            notes=tuple(dict.fromkeys(note for one in parts for note in one.notes)),
        )
