"""Render a sweep as JSON, Markdown or text. The JSON has the keys of `suggest` plus those of sweeps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from testsmith.model import SCHEMA_VERSION
from testsmith.reporting.escaping import cell, code, one_line, paragraph, parse, plain
from testsmith.reporting.estimate import estimate_keys, render_estimate
from testsmith.reporting.json_contract import contract, json_document, skipped_keys
from testsmith.reporting.phrases import cost_words, count, facts_line
from testsmith.reporting.pull_requests.summary import render_markdown
from testsmith.reporting.rendering import View
from testsmith.reporting.sweep_tables import (
    bars,
    closing_lines,
    coverage_chart,
    expected_words,
    failed_rows,
    figures,
    member_rows,
    plan_headline,
    ranking_note,
    ranking_rows,
    shown_rows,
)
from testsmith.reporting.terminal import render_text
from testsmith.settings import OutputFormat
from testsmith.sweep_results import Coverage, RankedMember, SuiteFigures, SweepPlan, SweepReport

MOST_RANKED = 1_000
"""Maximum number of ranked members in JSON, most valuable first; `ranked` counts all."""


def sweep_json(swept: SweepReport) -> str:
    """Render a sweep's report as a JSON document."""
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
    """Render the plan of a sweep as a JSON document.

    Args:
        plan: The plan.
        model: The model id.
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


def _measured(measured: SuiteFigures) -> dict[str, Any]:
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


_ROWS = 200
"""Maximum rows of a table; the rest are only counted. A pull request's text can have 65,536 characters."""


def sweep_markdown(swept: SweepReport, view: View) -> str:
    """Render a sweep's full report: the totals, then each suggestion as a pull request would show it."""
    return f"{sweep_sections(swept)}\n\n{render_markdown(swept.report, view)}"


def sweep_sections(swept: SweepReport) -> str:
    """Render a sweep's totals: figures, chart, members, ranking, unsuccessful attempts, cost."""
    return "\n\n".join(part for part in _sections(swept) if part)


def _sections(swept: SweepReport) -> Iterator[str]:
    rows = [("", "before", "after"), *((row.name, row.before, row.after) for row in figures(swept))]
    yield _table(rows, _ROWS)
    yield coverage_chart(list(bars(swept)))
    yield _table(member_rows(swept), _ROWS, codes=(0, 6))
    yield _folded("Unsuccessful attempts", _table(failed_rows(swept), _ROWS, codes=(0,)))
    yield _folded("The ranking", _markdown_ranking(swept.plan))
    yield "\n".join(f"- {paragraph(parse(line))}" for line in closing_lines(swept))
    yield paragraph(facts_line(cost_words(swept.report)))


def plan_markdown(plan: SweepPlan) -> str:
    """Render the plan of a sweep."""
    notes = "\n".join(f"- {paragraph(parse(line))}" for line in plan.notes)
    parts = (
        paragraph(plain(plan_headline(plan))),
        _markdown_ranking(plan),
        paragraph(plain(expected_words(plan))),
        notes,
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _markdown_ranking(plan: SweepPlan) -> str:
    shown = _table(ranking_rows(plan), len(plan.ranked), codes=(1,))
    return f"{shown}\n\n{paragraph(plain(ranking_note(plan)))}" if shown else ""


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>" if content else ""


def _table(rows: Sequence[tuple[str, ...]], most: int, codes: tuple[int, ...] = ()) -> str:
    """Return a table with the given columns as code; empty if it has no rows."""
    if not shown_rows(rows):
        return ""
    head, *body = rows
    lines = [_row([cell(plain(each)) for each in head]), _row(["---"] * len(head))]
    lines += [
        _row(
            [cell(code(each) if number in codes and each else parse(each)) for number, each in enumerate(row)]
        )
        for row in body[:most]
    ]
    left = len(body) - most
    return "\n".join(lines) + (f"\n\nThe JSON report has {count(left, 'more row')}." if left > 0 else "")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


_GAP = "   "


def sweep_text(swept: SweepReport, view: View) -> str:
    """Render a sweep's report for the terminal."""
    return "\n".join(_lines(swept, view)) + "\n"


def _lines(swept: SweepReport, view: View) -> Iterator[str]:
    yield render_text(swept.report, view).rstrip("\n")
    rows = [("", "before", "after"), *((row.name, row.before, row.after) for row in figures(swept))]
    if shown_rows(rows):
        yield ""
        yield from table(rows)
    yield from _ranking(swept.plan)
    yield from (f"note: {one_line(line)}" for line in closing_lines(swept))


def _ranking(plan: SweepPlan) -> Iterator[str]:
    rows = ranking_rows(plan)
    if shown_rows(rows):
        yield ""
        yield from table(rows)
        yield ranking_note(plan)


def plan_text(plan: SweepPlan, model: str) -> str:
    """Render the plan of a sweep for the terminal.

    Args:
        plan: The plan.
        model: The model id.
    """
    parts = [plan_headline(plan), *_ranking(plan), "", expected_words(plan)]
    parts += [f"note: {one_line(line)}" for line in plan.notes]
    if plan.estimate is not None:
        parts += ["", render_estimate(plan.estimate, OutputFormat.TEXT, model).rstrip("\n")]
    return "\n".join(parts) + "\n"


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows as lines with aligned columns, without invisible characters."""
    shown = [[one_line(each) for each in row] for row in rows]
    widths = [max(len(row[column]) for row in shown) for column in range(len(shown[0]))]
    return [
        _GAP.join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]
