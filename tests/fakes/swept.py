"""What a sweep may come to: a usual one, a hostile one, one far too large, and one that found nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fakes.reports import a_member, a_suggestion
from testsmith.forge.comment_markers import content_digest
from testsmith.forge.sweep_memory import Proposed, SweepMemory
from testsmith.model import (
    BaseOutcome,
    Evidence,
    Funnel,
    Label,
    Report,
    Skipped,
    SkipStage,
    Spending,
    Statistics,
)
from testsmith.sweep_results import (
    Coverage,
    Facts,
    MutationScore,
    RankedMember,
    RankingTerms,
    SuiteFigures,
    SweepPlan,
    SweepReport,
)

_EVIDENCE = Evidence(
    passes=5,
    runs=5,
    base=BaseOutcome.ABSENT,
    mutants=9,
    mutants_killed=8,
    mutants_gained=8,
    lines_gained=12,
    branches_gained=4,
)


def ranked(rank: int, name: str, path: str, worth: float) -> RankedMember:
    return RankedMember(
        member=a_member(name, path),
        rank=rank,
        terms=RankingTerms(uncovered=worth, complexity=2.5, churn=1.2, dependents=3),
        facts=Facts(lines=14, lines_missed=12, branches=6, branches_missed=4, commits=2, dependents=2),
        seconds=4.0,
    )


def a_sweep(count: int = 6, prefix: str = "handle", **parts: Any) -> SweepReport:
    """Return a sweep of some members, of which every third was tried in vain and the last was not reached."""
    every = tuple(
        ranked(rank, f"{prefix}_{rank}", f"src/shop/part_{rank % 3}.py", 160.0 / rank)
        for rank in range(1, count + 1)
    )
    kept = [one for one in every if one.rank % 3 and one.rank != count]
    suggestions = tuple(
        replace(
            a_suggestion(one.member, number, test_path=f"tests/test_{one.member.path[9:]}"),
            tests=tuple(f"test_{one.member.name}_{letter}" for letter in "ab"[: 1 + number % 2]),
            evidence=_EVIDENCE if number % 3 else replace(_EVIDENCE, lines_gained=0, mutants_killed=9),
            label=Label.NEW_BEHAVIOR,
        )
        for number, one in enumerate(kept, start=1)
    )
    skipped = tuple(_left(one, count) for one in every if one not in kept)
    report = Report(
        members=tuple(one.member for one in every),
        suggestions=suggestions,
        skipped=skipped,
        statistics=Statistics(
            spending=Spending(api_calls=4, prompt_tokens=18_200, completion_tokens=5_400, cost=0.0312),
            funnel=Funnel(asked=24, answered=24, ran=22, stable=20, gains=12, posted=9),
            seconds=412.4,
        ),
        head="67839f3" + "0" * 33,
        notes=("sandbox: without Landlock: the kernel does not support it",),
    )
    whole: dict[str, Any] = {
        "plan": SweepPlan(ranked=every, taken=tuple(one.member.id for one in every), head=report.head),
        "report": report,
        "before": SuiteFigures(
            coverage=Coverage(lines=2_004, lines_reached=1_226, branches=512, branches_reached=256),
            mutation=MutationScore(mutants=140, noticed=12),
        ),
        "after": SuiteFigures(
            coverage=Coverage(lines=2_004, lines_reached=1_364, branches=512, branches_reached=283),
            mutation=MutationScore(mutants=140, noticed=121),
        ),
        "made": {"conftest.py": "the project had none, and its sources lie in `src`"},
    }
    return SweepReport(**(whole | parts))


def _left(one: RankedMember, count: int) -> Skipped:
    stage, reason = SkipStage.GATE, "no test killed a mutant that survives your tests"
    if one.rank == count:
        stage, reason = SkipStage.BUDGET, "no minutes were left"
    return Skipped(path=one.member.path, stage=stage, reason=reason, member=one.member.id)


def memory_of(swept: SweepReport, *earlier: str) -> SweepMemory:
    """Return what the pull request remembers of a sweep, and of members of earlier ones."""
    new = tuple(one.member for one in swept.report.suggestions)
    proposed = tuple(
        Proposed(member=one, content=content_digest(one, ""), shown="2 tests, kills 7 of 8")
        for one in (*earlier, *new)
    )
    return SweepMemory(proposed=proposed)


def new_in(swept: SweepReport) -> frozenset[str]:
    return frozenset(one.member for one in swept.report.suggestions)
