"""Types for the results of a sweep: the ranking, the plan, the report, and figures before and after.

As in `model.py`, everything here is frozen and independent of git, pytest, HTTP and models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from testsmith.model import Estimate, Member, Report, Skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingTerms:
    """Factors of a member's rank. None is negative, and `worth` is their product.

    Attributes:
        uncovered: Lines and branches that the project's own tests do not reach.
        complexity: Weight for complexity, at least 1.
        churn: Weight for recent changes, at least 1.
        dependents: Weight for the code that uses the member, at least 1.
    """

    uncovered: float
    complexity: float = 1.0
    churn: float = 1.0
    dependents: float = 1.0

    @property
    def worth(self) -> float:
        """Value to rank members by, highest first."""
        return self.uncovered * self.complexity * self.churn * self.dependents


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Measurements that a member's ranking terms are computed from.

    Attributes:
        lines: Number of lines with statements.
        lines_missed: Number of these lines that the project's own tests do not reach.
        branches: Number of branches at lines that have several.
        branches_missed: Number of these branches that the project's own tests do not take; None if branches
            were not measured.
        decisions: Number of decision points.
        commits: Number of recent commits that changed its file.
        dependents: Number of the project's definitions that use it directly.
    """

    lines: int
    lines_missed: int
    branches: int = 0
    branches_missed: int | None = None
    decisions: int = 0
    commits: int = 0
    dependents: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedMember:
    """A member that a sweep may take, with its rank.

    Attributes:
        member: The member.
        rank: Position in the ranking, from 1.
        terms: Factors of its rank.
        facts: Measurements that the factors are computed from.
        seconds: Expected time to generate and prove its tests on one machine.
    """

    member: Member
    rank: int
    terms: RankingTerms
    facts: Facts
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Coverage of the project's sources by its tests.

    Attributes:
        lines: Statements of all examined files, each counted once at its first line.
        lines_reached: Statements that a test reaches.
        branches: Branches at lines that have several; None if branches were not measured.
        branches_reached: Branches that a test takes; None if branches were not measured.
    """

    lines: int
    lines_reached: int
    branches: int | None = None
    branches_reached: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MutationScore:
    """Number of a set of members' mutants that tests kill.

    Attributes:
        mutants: Mutants that were tried.
        noticed: Mutants that were killed.
    """

    mutants: int
    noticed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteFigures:
    """Figures of the project's tests at one point in time; None for figures that are unknown.

    Attributes:
        coverage: Their coverage.
        mutation: Their mutation score on the members that the sweep generated tests for.
    """

    coverage: Coverage | None = None
    mutation: MutationScore | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlan:
    """The members that a sweep could take, in order, and those it will take. Planning costs nothing.

    Attributes:
        ranked: Every member with something to gain, highest worth first.
        taken: Ids of the members that fit the budget, in the same order.
        skipped: Members and files that were left out, each with the reason: already covered, tried before
            without success, or unreadable.
        coverage: Coverage of the project's own tests; None if unknown.
        head: The commit that was examined; None for the working tree.
        notes: Lines for the reader, for example the source of the coverage data.
        estimate: Expected model calls and cost; None if not estimated.
        seconds: Duration of the planning.
    """

    ranked: tuple[RankedMember, ...]
    taken: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    coverage: Coverage | None = None
    head: str | None = None
    notes: tuple[str, ...] = ()
    estimate: Estimate | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """Everything that one sweep found, suggests and tried without success.

    Attributes:
        plan: The ranking that was used.
        report: Results of the members that were taken, in order of rank.
        before: Figures of the project's own tests.
        after: Figures of the project's own tests and the suggested ones, run together.
        failed: Members that were tried without success, each with the stage and the reason. They are also in
            `report.skipped`. Members that the budget did not reach are not included.
        made: Files that had to be created for the tests, for example a `conftest.py`, each with the reason.
        notes: Lines for the reader.
        seconds: Duration of the sweep.
        project: Folder of the swept project, relative to the Git root; empty for the root.
    """

    plan: SweepPlan
    report: Report
    before: SuiteFigures = SuiteFigures()
    after: SuiteFigures = SuiteFigures()
    failed: tuple[Skipped, ...] = ()
    made: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    project: str = ""
