"""The nouns of a sweep that cross seams: what is planned, what came of it, and the figures before and after.

As with `model.py`, everything here is frozen and knows nothing of git, pytest, HTTP or a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from testsmith.model import Estimate, Member, Report, Skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingTerms:
    """What a test of one member is worth, term by term; none is below 0, and `worth` is their product.

    Attributes:
        uncovered: Lines and branches that the project's own tests do not reach; 0 where none is left.
        complexity: How much there is to get wrong in it, from 1.
        churn: How often it was touched of late, from 1.
        dependents: How much stands on it, from 1.
    """

    uncovered: float
    complexity: float = 1.0
    churn: float = 1.0
    dependents: float = 1.0

    @property
    def worth(self) -> float:
        """What members are ranked by, the highest first."""
        return self.uncovered * self.complexity * self.churn * self.dependents


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the terms of one member are made from, as it was counted.

    Attributes:
        lines: Lines of statements it has.
        lines_missed: Those of them that the project's own tests do not reach.
        branches: Ways on from lines that have several.
        branches_missed: Those of them that no own test takes; None where branches were not measured.
        decisions: Points at which its way parts.
        commits: Commits that touched its file of late.
        dependents: Definitions of the project that use it, directly.
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
    """A member that a sweep may take, with what that is worth.

    Attributes:
        member: The member.
        rank: Its place in the ranking, from 1.
        terms: What a test of it is worth.
        facts: What the terms are made from.
        seconds: How long making and proving its tests is expected to take, on one machine.
    """

    member: Member
    rank: int
    terms: RankingTerms
    facts: Facts
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How much of the project's sources its tests reach.

    Attributes:
        lines: Statements of all files that were looked at, each counted once, by its first line.
        lines_reached: Those that some test reaches.
        branches: Ways on from lines that have several; None where branches were not measured.
        branches_reached: Those that some test takes; None likewise.
    """

    lines: int
    lines_reached: int
    branches: int | None = None
    branches_reached: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MutationScore:
    """How many of the mutants of some members tests notice.

    Attributes:
        mutants: Mutants that were tried.
        noticed: Those with which some test fails.
    """

    mutants: int
    noticed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteFigures:
    """The figures of one state of the project's tests; None where they are not known.

    Attributes:
        coverage: What they reach.
        mutation: What they notice of the members that the sweep has made tests for.
    """

    coverage: Coverage | None = None
    mutation: MutationScore | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlan:
    """What a sweep could take, in order, and what it takes; nobody was asked, and nothing was spent.

    Attributes:
        ranked: Every member with something to gain, the most worth first.
        taken: Ids of those that the budget takes, in the same order.
        skipped: Members and files that are no candidates, each with the reason: covered already, tried
            before in vain, not readable.
        coverage: What the project's own tests reach; None where that is not known.
        head: The commit that was looked at; None for the working tree.
        notes: Lines that a reader should know, as where the coverage came from.
        estimate: What a model would be asked and would cost; None where none was reckoned.
        seconds: How long planning took.
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
    """All that one sweep found, proposes and tried in vain.

    Attributes:
        plan: The ranking it went by.
        report: What came of the members that were taken, in the order of their ranks.
        before: The figures of the project's own tests.
        after: Those of the project's own tests with the proposed ones among them, as they were run together.
        failed: Members that were tried in vain, each with the stage and the reason; they are in
            `report.skipped`, too. Not those that the budget did not reach.
        made: Files that had to be made beside the tests, as a `conftest.py`, each with the reason.
        notes: Lines that a reader should know.
        seconds: How long all of it took, in seconds.
    """

    plan: SweepPlan
    report: Report
    before: SuiteFigures = SuiteFigures()
    after: SuiteFigures = SuiteFigures()
    failed: tuple[Skipped, ...] = ()
    made: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
