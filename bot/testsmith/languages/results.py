"""Results of running a candidate's test functions, before anything is judged."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from testsmith.model import Candidate, Change, Member


class TestStatus(StrEnum):
    """Result of one test function in one run. A parametrized function passes if all of its cases pass."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    MISSING = "missing"
    """It was not collected, or its module did not load."""
    TIMED_OUT = "timed out"
    CRASHED = "crashed"
    NOT_RUN = "not run"
    """The environment did not let it run. This says nothing about the test."""


WITHOUT_RUN = frozenset({TestStatus.MISSING, TestStatus.NOT_RUN})
"""Statuses of a test function that was not run."""

RAN_AND_FAILED = frozenset({TestStatus.FAILED, TestStatus.TIMED_OUT, TestStatus.CRASHED})
"""Statuses of a test function that was run and did not pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Result of one test function in one run.

    Attributes:
        settings: What is special about the run, in a few words each (`hash seed 2`); empty on base.
        session: Which of these words say that it ran with the project's own tests or their setup; empty if
            it ran by itself.
        status: The result.
        message: Failure message, truncated and untrusted; empty if it passed.
        failing_line: Statement of the test module that failed, on one line; empty if unknown. Untrusted.
        raised_by_test: Whether the test's own code raised the error after the call had returned, or named
            for replacement what does not exist. Such an error shows nothing of the member.
        lines: The member's lines that it reached.
        branches: The member's line-to-line arcs that it took from lines with more than one exit. An arc that
            leaves the code ends in a negative number.
        import_lines: The member's lines that were reached while the test module and its imports were loaded.
            They count for no test function, but a class body runs only then.
        left: Files that it left outside of pytest's temporary folders, relative to the working folder;
            limited in number and untrusted.
        failed_rows: The rows of its table that failed, from 0; empty if none did, or not all that failed are
            rows.
        seconds: Duration of all its rows, fixtures included; None if unknown.
    """

    status: TestStatus
    settings: tuple[str, ...] = ()
    session: str = ""
    message: str = ""
    failing_line: str = ""
    raised_by_test: bool = False
    lines: frozenset[int] = frozenset()
    branches: frozenset[tuple[int, int]] = frozenset()
    import_lines: frozenset[int] = frozenset()
    left: tuple[str, ...] = ()
    failed_rows: frozenset[int] = frozenset()
    seconds: float | None = None

    @property
    def fails_by_member(self) -> bool:
        """Whether it ran and did not pass, and not by an error of the test itself."""
        return self.status in RAN_AND_FAILED and not self.raised_by_test


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionProof:
    """Results of one test function in all runs.

    Attributes:
        name: The function's name, `Class::name` for a method.
        head: Its runs on head.
        base: Its run on the merge base; None if base was not run.
        wants_network: Whether it asked for another machine in a run on head, or failed because it could not.
    """

    name: str
    head: tuple[Run, ...]
    base: Run | None = None
    wants_network: bool = False

    def fails_on_base(self, member: Member) -> bool:
        """Return whether its failure on base says something about the member.

        Tests of an added member always fail there. A module that does not load shows nothing, and neither
        does an error that the test itself raises while it handles a value from the member.
        """
        is_new = member.change is Change.ADDED
        return self.base is not None and not is_new and self.base.fails_by_member

    @property
    def passes(self) -> int:
        """Number of runs on head that it passed."""
        return sum(run.status is TestStatus.PASSED for run in self.head)

    @property
    def fault(self) -> str:
        """What of the environment kept it from running on head; empty if it passed or failed by itself."""
        failed = [run for run in self.head if run.status is not TestStatus.PASSED]
        is_fault = bool(failed) and all(run.status is TestStatus.NOT_RUN for run in failed)
        return (failed[0].message or "its run has no result") if is_fault else ""

    @property
    def seconds(self) -> float | None:
        """Duration of its fastest passing run on head, because tracing and other processes slow runs."""
        known = (run.seconds for run in self.head if run.status is TestStatus.PASSED)
        return min((one for one in known if one is not None), default=None)

    @property
    def left(self) -> tuple[str, ...]:
        """Files that it left outside of pytest's temporary folders in any run on head."""
        return tuple(dict.fromkeys(name for run in self.head for name in run.left))

    @property
    def lines(self) -> frozenset[int]:
        """The member's lines that it reached in any run on head."""
        return frozenset().union(*(run.lines for run in self.head))

    @property
    def branches(self) -> frozenset[tuple[int, int]]:
        """The member's branches that it took in any run on head."""
        return frozenset().union(*(run.branches for run in self.head))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Results of one candidate in all runs.

    Attributes:
        member: The candidate's member.
        candidate: The candidate as it was run.
        functions: Its test functions, in order; empty if it has none.
        problem: Why nothing could be run (for example a syntax error); None otherwise.
        test_path: Path of its tests, relative to the git root; None if unknown.
        idle: Positions of calls and imports in its code that no function reached: first line and column, last
            line and column. None if they could not be recorded.
        project_code: What was run in a session of the project each time, because its tests pass only there;
            empty if they were not.
    """

    member: Member
    candidate: Candidate
    functions: tuple[FunctionProof, ...] = ()
    problem: str | None = None
    test_path: str | None = None
    idle: tuple[tuple[int, int, int, int], ...] | None = None
    project_code: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its test functions."""
        return tuple(function.name for function in self.functions)
