"""A sweep as JSON: the keys of `suggest`'s contract, and beside them what is a sweep's alone."""

from __future__ import annotations

from typing import Any

from testsmith.model import SCHEMA_VERSION
from testsmith.report.contract import contract, json_document, skipped_keys
from testsmith.report.estimate import estimate_keys
from testsmith.swept import Coverage, Measured, RankedMember, SweepPlan, SweepReport

MOST_RANKED = 1_000
"""So many members of the ranking are printed, the most worth first; `ranked` counts all."""


def sweep_json(swept: SweepReport) -> str:
    """Return a sweep's report as one JSON document."""
    whole = contract(swept.report)
    whole["notes"] = [*whole["notes"], *swept.notes]
    whole["stats"]["seconds"] = round(swept.seconds, 3)
    whole["sweep"] = {
        "before": _measured(swept.before),
        "after": _measured(swept.after),
        "failed": [skipped_keys(entry) for entry in swept.failed],
        "made": dict(swept.made),
        **_plan(swept.plan),
    }
    return json_document(whole)


def plan_json(plan: SweepPlan, model: str) -> str:
    """Return what a sweep would take as one JSON document.

    Args:
        plan: What is shown.
        model: The id of the model that would be asked.
    """
    estimate = None if plan.estimate is None else estimate_keys(plan.estimate, model)
    head = {"schema": SCHEMA_VERSION, "head": plan.head, "notes": list(plan.notes)}
    return json_document({**head, **_plan(plan), "estimate": estimate, "seconds": round(plan.seconds, 3)})


def _plan(plan: SweepPlan) -> dict[str, Any]:
    return {
        "coverage": None if plan.coverage is None else _coverage(plan.coverage),
        "ranked": len(plan.ranked),
        "ranking": [_ranked(one) for one in plan.ranked[:MOST_RANKED]],
        "taken": list(plan.taken),
        "left_out": [skipped_keys(entry) for entry in plan.skipped],
    }


def _ranked(one: RankedMember) -> dict[str, Any]:
    terms, facts = one.terms, one.facts
    return {
        "member": one.member.id,
        "rank": one.rank,
        "worth": round(terms.worth, 4),
        "terms": {
            "uncovered": round(terms.uncovered, 4),
            "complexity": round(terms.complexity, 4),
            "churn": round(terms.churn, 4),
            "dependents": round(terms.dependents, 4),
        },
        "facts": {
            "lines": facts.lines,
            "lines_missed": facts.lines_missed,
            "branches": facts.branches,
            "branches_missed": facts.branches_missed,
            "decisions": facts.decisions,
            "commits": facts.commits,
            "dependents": facts.dependents,
        },
        "seconds": round(one.seconds, 1),
    }


def _measured(measured: Measured) -> dict[str, Any]:
    score = measured.mutation
    return {
        "coverage": None if measured.coverage is None else _coverage(measured.coverage),
        "mutation": None if score is None else {"mutants": score.mutants, "noticed": score.noticed},
    }


def _coverage(coverage: Coverage) -> dict[str, Any]:
    return {
        "lines": coverage.lines,
        "lines_reached": coverage.lines_reached,
        "branches": coverage.branches,
        "branches_reached": coverage.branches_reached,
    }
