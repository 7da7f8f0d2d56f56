"""Jobs for a runner: test modules to run, mutants to run them against, and the results."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
TIMED_OUT, CRASHED = "timed out", "crashed"
MISSING = "missing"
"""Status of a test function that was not run because its module failed to load."""
STATUSES = frozenset({PASSED, FAILED, SKIPPED, TIMED_OUT, CRASHED})
"""Possible statuses of a test function that was run."""

NOT_RUN = "not run"
"""Status of a test function that the environment did not let run, which says nothing about the test."""

IANA_ZONES = ("Asia/Tokyo", "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati")
"""Time zones to run tests in, where POSIX rules are ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Lines reached, and arcs from lines with several successors; a negative line number is an exit."""

    lines: frozenset[int] = frozenset()
    branches: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionResult:
    """Result of one test function.

    Attributes:
        status: One of `STATUSES`, or `NOT_RUN`.
        message: Failure message, if the test did not pass. Untrusted text.
        failing_line: Statement of the test module that failed, on one line; empty if unknown. Untrusted text.
        reached: Lines and arcs of the member that the test reached.
        wants_network: Whether it failed because no network was available, or asked for another machine.
        raised_by_test: Whether the test's own code raised the failure, not an assertion or other code.
        left: Names of some files it left outside of its temporary folder. Untrusted text.
        failed_rows: The rows of its table that failed, from 0; empty if none did, or not all that failed are
            rows.
        seconds: Duration of all its rows, fixtures included; None if unknown.
        calls: Digests of its calls of the members in `TestJob.recorded`, and of what these calls reached: the
            same for the same calls. Empty if nothing is known. Untrusted.
    """

    status: str
    message: str = ""
    failing_line: str = ""
    reached: Reached = Reached()
    wants_network: bool = False
    raised_by_test: bool = False
    left: tuple[str, ...] = ()
    failed_rows: frozenset[int] = frozenset()
    seconds: float | None = None
    calls: frozenset[str] = frozenset()


Place = tuple[int, int, int, int]
"""Location in a source text: line, column, end line, end column. Columns count bytes; -1 if unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """Result of one job.

    Attributes:
        functions: Results of the test functions that ran, by name.
        problem: Why the module could not be run; empty if it ran. Untrusted text.
        is_fault: Whether that is due to the environment, so that it says nothing about the module.
        loaded: Lines and arcs of the member reached while the modules were loaded.
        changed: For each mutant that was tried, the statuses of the test functions, up to the first that did
            not pass.
        idle: Locations of calls and imports in the test module that were not reached; None if unknown.
        in_file: Whether mutants were written to a file, because changes in memory had no effect or hung.
        acts: Whether mutants written to a file were shown to take effect.
        done: Flags describing how the job was actually run; see `TestRunner.words`.
    """

    functions: Mapping[str, FunctionResult] = field(default_factory=dict)
    problem: str = ""
    is_fault: bool = False
    loaded: Reached = Reached()
    changed: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    idle: tuple[Place, ...] | None = None
    in_file: bool = False
    acts: bool = False
    done: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSetting:
    """Setting of one run. A language's runner adds what its runs vary.

    Attributes:
        name: Short label; different names may have the same settings.
        on_base: Whether to run on the copy of base instead of head.
        in_project_session: Whether to run a test module within the project's own test session if one can be
            set up: next to the project's test file, or else under its setup. `TestJob.in_project` asks for
            the latter under any setting.
    """

    name: str = field(compare=False)
    on_base: bool = False
    in_project_session: bool = False

    @property
    def may_be_skipped(self) -> bool:
        """Whether a test may be skipped under this setting, although it is run under others."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedMember:
    """Location of a member whose lines are traced.

    Attributes:
        path: File, relative to the git root.
        first: First line, including decorators.
        last: Last line.
    """

    path: str
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedModule:
    """One mutant of a module.

    Attributes:
        number: Identifies it within its job.
        edit: Start offset, end offset (exclusive) and replacement text.
        function: Plain name and first line of the outermost function it is in; None if it runs when the
            module is loaded.
        tests: Test functions to run.
        whole: Whether to run all of them instead of stopping at the first failure.
        audited: Number of the audited test function that the tests are of; None without an audit.
        optional: Whether to leave it out if that function has killed another one.
        latest: Seconds of its job, or of all with such a limit, after which it is not begun; None for no
            limit but that of the job.
    """

    number: int
    edit: tuple[int, int, str]
    function: tuple[str, int] | None
    tests: frozenset[str]
    whole: bool = False
    audited: int | None = None
    optional: bool = False
    latest: float | None = None

    def budget(self, job: str) -> str:
        """Return the name of its time limit: that of its job, unless it has one of its own with others."""
        return job if self.latest is None else f"{job} {self.latest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedModules:
    """All mutants of one module that a test module is run against.

    Attributes:
        path: File of the module, relative to the git root.
        source: Source text with LF line endings.
        names: All functions of the test module.
        changes: The mutants.
        direct: Module the member is imported from, its dotted name there, and the mutant that removes it. A
            worker calls the member to show that mutants written to a file take effect. None if not needed.
        quickest: Functions in the order in which to run them, about the quickest first; those that are not
            listed come last.
    """

    path: str
    source: str
    names: frozenset[str]
    changes: tuple[ChangedModule, ...]
    direct: tuple[str, str, int] | None = None
    quickest: tuple[str, ...] = ()

    def own_budgets(self, job: str) -> dict[str, float]:
        """Return the time limits of the mutants that have one of their own, by name."""
        return {one.budget(job): one.latest for one in self.changes if one.latest is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class TestJob:
    """One test module to run, or one module of the project to import.

    Attributes:
        number: Identifies the job within its batch.
        code: Text of the test module, or the dotted name of the module to import.
        seconds: Time limit.
        is_import: Whether to import a module instead of running tests.
        traced: Member whose lines are traced, if any.
        without: Names of test functions to leave out.
        changed: Mutants to run the test module against, sharing one time limit; None to run it unchanged.
        test_path: Test file of the project that would hold the test module (it may not exist), relative to
            the git root; None if unknown.
        alone: Text to run instead if the project's own session cannot be set up, in which `code` would find
            what it takes from other files; empty for the same.
        is_of_file: Whether the module is made of parts of the file at `test_path`: what both do while they
            are loaded, such as registering a name, may not be possible twice.
        recorded: Members whose calls to record, if the language can; nothing else is traced then.
        in_project: Whether to run it in a session of the project under every setting, because it needs what
            the project sets up for tests at `test_path`. If no session can be set up, it is not run.
    """

    number: int
    code: str
    seconds: float
    is_import: bool = False
    traced: TracedMember | None = None
    without: frozenset[str] = frozenset()
    changed: ChangedModules | None = None
    test_path: str | None = None
    alone: str = ""
    is_of_file: bool = False
    recorded: tuple[TracedMember, ...] = ()
    in_project: bool = False


_JOBS_WORTH_A_START = 8
"""Starting a worker takes about as much CPU time as four runs of a small test module."""


def batches_of(
    jobs: Sequence[TestJob], settings: int, parallel: int, most: int = 20
) -> list[Sequence[TestJob]]:
    """Split jobs for one setting to keep all processors busy while each worker start pays off."""
    to_keep_all_busy = math.ceil(parallel / settings)
    worth_a_start = min(_JOBS_WORTH_A_START, math.ceil(len(jobs) / to_keep_all_busy))
    evenly = math.ceil(len(jobs) * settings / (parallel * 3))
    size = max(1, min(most, max(worth_a_start, evenly)))
    return [jobs[start : start + size] for start in range(0, len(jobs), size)]
