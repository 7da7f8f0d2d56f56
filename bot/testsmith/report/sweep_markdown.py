"""A sweep as Markdown: its sums, and each proposal as a pull request would show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testsmith.report.chart import coverage_chart
from testsmith.report.markdown import render_markdown
from testsmith.report.markup import cell, paragraph
from testsmith.report.prose import code, parse, plain
from testsmith.report.sweeping import (
    bars,
    closing_lines,
    expected_words,
    failed_rows,
    figures,
    member_rows,
    plan_headline,
    ranking_note,
    ranking_rows,
    shown_rows,
)
from testsmith.report.view import View
from testsmith.report.words import cost_words, facts_line
from testsmith.swept import SweepPlan, SweepReport

_ROWS = 200
"""More rows of a table than that are counted, not shown: a pull request's text has 65,536 characters."""


def sweep_markdown(swept: SweepReport, view: View) -> str:
    """Return a sweep's whole report: its sums, then each proposal as a pull request would show it."""
    return f"{sweep_sections(swept)}\n\n{render_markdown(swept.report, view)}"


def sweep_sections(swept: SweepReport) -> str:
    """Return a sweep's sums: figures, chart, members, ranking, what was tried in vain, cost."""
    return "\n\n".join(part for part in _sections(swept) if part)


def _sections(swept: SweepReport) -> Iterator[str]:
    rows = [("", "before", "after"), *((row.name, row.before, row.after) for row in figures(swept))]
    yield _table(rows, _ROWS)
    yield coverage_chart(list(bars(swept)))
    yield _table(member_rows(swept), _ROWS, codes=(0, 6))
    yield _folded("What was tried in vain", _table(failed_rows(swept), _ROWS, codes=(0,)))
    yield _folded("The ranking", _ranking(swept.plan))
    yield "\n".join(f"- {paragraph(parse(line))}" for line in closing_lines(swept))
    yield paragraph(facts_line(cost_words(swept.report)))


def plan_markdown(plan: SweepPlan) -> str:
    """Return what a sweep would take."""
    notes = "\n".join(f"- {paragraph(parse(line))}" for line in plan.notes)
    parts = (
        paragraph(plain(plan_headline(plan))),
        _ranking(plan),
        paragraph(plain(expected_words(plan))),
        notes,
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _ranking(plan: SweepPlan) -> str:
    shown = _table(ranking_rows(plan), len(plan.ranked), codes=(1,))
    return f"{shown}\n\n{paragraph(plain(ranking_note(plan)))}" if shown else ""


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>" if content else ""


def _table(rows: Sequence[tuple[str, ...]], most: int, codes: tuple[int, ...] = ()) -> str:
    """Return a table, the columns of foreign names as code; empty where it has no row."""
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
    return "\n".join(lines) + (f"\n\n{left:,} more rows are in the JSON report." if left > 0 else "")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
