"""What running a candidate's test functions showed, before anything is judged."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from testsmith.execution.answers import Place
from testsmith.model import Candidate, Member


class TestStatus(StrEnum):
    """How one test function ended in one run. A parametrized one passes where all of its cases do."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    MISSING = "missing"
    """It was not collected or its module did not load."""
    TIMED_OUT = "timed out"
    CRASHED = "crashed"


RAN_AND_FAILED = frozenset({TestStatus.FAILED, TestStatus.TIMED_OUT, TestStatus.CRASHED})
"""How a test function ends that was run, and did not pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One test function in one run.

    Attributes:
        settings: What is particular about the run, each in a few words (`hash seed 2`); empty on base.
        status: How it ended.
        message: The failure's text, cut and untrusted; empty where it passed.
        raised_by_test: Whether it failed with what its own text raised, after what it called had returned:
            that is about what the test does with a value, and shows nothing of the member.
        lines: The member's lines that it reached.
        branches: The member's line-to-line arcs that it took from lines with more than one way on; an arc
            that leaves the code ends in a negative number.
        import_lines: The member's lines that were reached while the test module and what it imports were
            loaded: they count for no test function, but a class's body runs nowhere else.
        left: Files that it left behind outside of pytest's temporary folders, relative to the working folder;
            a few of them, untrusted.
    """

    status: TestStatus
    settings: tuple[str, ...] = ()
    message: str = ""
    raised_by_test: bool = False
    lines: frozenset[int] = frozenset()
    branches: frozenset[tuple[int, int]] = frozenset()
    import_lines: frozenset[int] = frozenset()
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionProof:
    """One test function over all runs.

    Attributes:
        name: The function's name, `Class::name` for a method.
        head: Its runs on head.
        base: Its run on the merge base; None where base was not run.
        wants_network: Whether it was refused the network in a run on head.
    """

    name: str
    head: tuple[Run, ...]
    base: Run | None = None
    wants_network: bool = False

    @property
    def passes(self) -> int:
        """How many runs on head it passed."""
        return sum(run.status is TestStatus.PASSED for run in self.head)

    @property
    def left(self) -> tuple[str, ...]:
        """The files that it left outside of pytest's temporary folder in any run on head."""
        return tuple(dict.fromkeys(name for run in self.head for name in run.left))

    @property
    def lines(self) -> frozenset[int]:
        """The member's lines that it reached in any run on head."""
        return frozenset().union(*(run.lines for run in self.head))

    @property
    def branches(self) -> frozenset[tuple[int, int]]:
        """The member's arcs that it took in any run on head."""
        return frozenset().union(*(run.branches for run in self.head))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One candidate over all runs.

    Attributes:
        member: The member the candidate is for.
        candidate: The candidate as it was run.
        functions: Its test functions, in order; empty where it has none.
        problem: Why nothing could be run at all (it does not parse, has no test function); None otherwise.
        beside: Where its tests would stand, relative to the git root; None where that is not known.
        idle: Where calls and imports stand in its text that were not reached by any of its functions; None
            where it could not be watched.
    """

    member: Member
    candidate: Candidate
    functions: tuple[FunctionProof, ...] = ()
    problem: str | None = None
    beside: str | None = None
    idle: tuple[Place, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its test functions."""
        return tuple(function.name for function in self.functions)
