"""A sweep on a terminal: the figures, what it proposes as `suggest` shows it, what was tried in vain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testsmith.report.estimate import render_estimate
from testsmith.report.prose import one_line
from testsmith.report.sweeping import (
    closing_lines,
    expected_words,
    figures,
    plan_headline,
    ranking_note,
    ranking_rows,
    shown_rows,
)
from testsmith.report.text import render_text
from testsmith.report.view import View
from testsmith.settings import OutputFormat
from testsmith.swept import SweepPlan, SweepReport

_GAP = "   "


def sweep_text(swept: SweepReport, view: View) -> str:
    """Return a sweep's report as the terminal shows it."""
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
    """Return what a sweep would take as the terminal shows it.

    Args:
        plan: What is shown.
        model: The id of the model that would be asked.
    """
    parts = [plan_headline(plan), *_ranking(plan), "", expected_words(plan)]
    parts += [f"note: {one_line(line)}" for line in plan.notes]
    if plan.estimate is not None:
        parts += ["", render_estimate(plan.estimate, OutputFormat.TEXT, model).rstrip("\n")]
    return "\n".join(parts) + "\n"


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows as lines with their columns under each other; nothing invisible is in them."""
    shown = [[one_line(each) for each in row] for row in rows]
    widths = [max(len(row[column]) for row in shown) for column in range(len(shown[0]))]
    return [
        _GAP.join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]
