"""Tables and Mermaid charts of a sweep. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from testsmith.model import Funnel, Suggestion
from testsmith.reporting.phrases import count, count_members, funnel_steps
from testsmith.reporting.report_assembly import display_names
from testsmith.sweep_results import (
    Coverage,
    Facts,
    RankedMember,
    SuiteFigures,
    SweepPlan,
    SweepReport,
)

_HEAD = """\
---
config:
  xyChart:
    width: 640
    height: 240
    titleFontSize: 15
    xAxis: {showTick: false, showAxisLine: false}
    yAxis: {showLabel: false, showTick: false, showAxisLine: false}
  themeVariables:
    xyChart:
      plotColorPalette: "#2da44e"
---
xychart-beta horizontal
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar of a chart: its trusted label and its length."""

    label: str
    percent: float


def funnel_chart(funnel: Funnel) -> str:
    """Return the funnel chart as a Markdown block; empty if no test was requested."""
    if not funnel.asked:
        return ""
    steps = funnel_steps(funnel)
    labels = ", ".join(f'"{name} {number:,}"' for name, number in steps)
    bars = ", ".join(str(number) for _, number in steps)
    return _chart("Generated tests by stage", labels, funnel.asked, bars)


def coverage_chart(bars: Sequence[Bar]) -> str:
    """Return a chart of percentages as a Markdown block; empty for none."""
    if not bars:
        return ""
    labels = ", ".join(f'"{bar.label} {bar.percent:.1f} %"' for bar in bars)
    lengths = ", ".join(f"{bar.percent:.1f}" for bar in bars)
    return _chart("Coverage and mutation score", labels, 100, lengths)


def _chart(title: str, labels: str, most: int, bars: str) -> str:
    axes = f"    x-axis [{labels}]\n    y-axis 0 --> {most}\n    bar [{bars}]"
    return f'```mermaid\n{_HEAD}    title "{title}"\n{axes}\n```'


RANKING_ROWS = 40
"""Maximum rows of the ranking in text output; JSON has more."""

HOW_RANKED = "worth = uncovered x complexity x churn x dependents"
"""Explains the columns of the ranking."""


_NAMES = ("lines", "branches", "mutants")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A figure before and after, as text; empty if unknown."""

    name: str
    before: str
    after: str


def figures(swept: SweepReport) -> tuple[Row, ...]:
    """Return the known changes: lines, branches, and mutants of the members with new tests."""
    before, after = swept.before, swept.after
    rows = (
        Row(name="lines", before=_lines(before), after=_lines(after)),
        Row(name="branches", before=_branches(before), after=_branches(after)),
        Row(name="mutants killed", before=_mutation(before), after=_mutation(after)),
    )
    return tuple(row for row in rows if row.before or row.after)


def _lines(measured: SuiteFigures) -> str:
    found = measured.coverage
    return "" if found is None else share(found.lines_reached, found.lines)


def _branches(measured: SuiteFigures) -> str:
    found = measured.coverage
    if found is None or found.branches is None or found.branches_reached is None:
        return ""
    return share(found.branches_reached, found.branches)


def _mutation(measured: SuiteFigures) -> str:
    score = measured.mutation
    return "" if score is None else share(score.noticed, score.mutants)


def share(part: int, whole: int) -> str:
    """Return a fraction, for example `62.5 % (5 of 8)`, rounded down so that only all is 100 %."""
    if not whole:
        return "none"
    return f"{part * 1000 // whole / 10:.1f} % ({part:,} of {whole:,})"


def bars(swept: SweepReport) -> Iterator[Bar]:
    """Yield the chart's bars: two for each figure that is known before and after."""
    for name, before, after in known_twice(swept.before, swept.after):
        yield Bar(label=f"{name} before", percent=before.percent)
        yield Bar(label=f"{name} after", percent=after.percent)


class Part(NamedTuple):
    """A count of lines, branches or mutants that tests reach or kill, and a nonzero total."""

    part: int
    whole: int

    @property
    def percent(self) -> float:
        """The percentage."""
        return 100 * self.part / self.whole


def known_twice(before: SuiteFigures, after: SuiteFigures) -> Iterator[tuple[str, Part, Part]]:
    """Yield `lines`, `branches` and `mutants` with their figures, if known before and after."""
    for name, old, new in zip(_NAMES, _parts(before), _parts(after), strict=True):
        if old is not None and new is not None:
            yield name, old, new


def _parts(measured: SuiteFigures) -> tuple[Part | None, Part | None, Part | None]:
    """Return lines, branches and mutants; None for unknown ones."""
    found, score = measured.coverage, measured.mutation
    return (
        lines_part(found),
        None if found is None else _part(found.branches_reached, found.branches),
        None if score is None else _part(score.noticed, score.mutants),
    )


def lines_part(found: Coverage | None) -> Part | None:
    """Return the line coverage; None if it is unknown or there are no lines."""
    return None if found is None else _part(found.lines_reached, found.lines)


def _part(part: int | None, whole: int | None) -> Part | None:
    return None if part is None or not whole else Part(part, whole)


def plan_headline(plan: SweepPlan) -> str:
    """Return the sentence that sums up the plan of a sweep."""
    if not plan.ranked:
        return "Nothing to sweep: the tests already cover all public functions and classes."
    out = sum(one.member is not None for one in plan.skipped)
    left_out = f"; {out:,} {'is' if out == 1 else 'are'} skipped" if out else ""
    ranked = count_members(len(plan.ranked), [one.member for one in plan.ranked])
    return f"A sweep would select {len(plan.taken):,} of {ranked} without full coverage{left_out}."


def ranking_rows(plan: SweepPlan) -> list[tuple[str, ...]]:
    """Return the top of the ranking as table rows, starting with the header."""
    head = ("rank", "function", "worth", "uncovered", "complexity", "churn", "dependents")
    first = plan.ranked[:RANKING_ROWS]
    names = display_names([one.member for one in first])
    return [head, *(_ranking_row(one, names[one.member.id]) for one in first)]


def _ranking_row(one: RankedMember, name: str) -> tuple[str, ...]:
    terms, facts = one.terms, one.facts
    return (
        f"{one.rank:,}",
        name,
        f"{terms.worth:.1f}",
        f"{terms.uncovered:.1f} ({_missed(facts)})",
        f"{terms.complexity:.1f} ({facts.decisions})",
        f"{terms.churn:.1f} ({facts.commits})",
        f"{terms.dependents:.1f} ({facts.dependents})",
    )


def _missed(facts: Facts) -> str:
    lines = f"{facts.lines_missed} of {facts.lines} lines"
    return lines if facts.branches_missed is None else f"{lines}, {facts.branches_missed} branches"


def ranking_note(plan: SweepPlan) -> str:
    """Return how to read the ranking, and how many more members there are."""
    more = len(plan.ranked) - RANKING_ROWS
    beyond = f"; the JSON report has {more:,} more" if more > 0 else ""
    return f"{HOW_RANKED}; the counts are in parentheses: decisions, commits, callers{beyond}"


def member_rows(swept: SweepReport) -> list[tuple[str, ...]]:
    """Return a table of the members with new tests, starting with the header."""
    names = display_names(swept.report.members)
    ranks = {one.member.id: one for one in swept.plan.ranked}
    rows = [
        _member_row(one, names[one.member], ranks.get(one.member))
        for one in swept.report.suggestions
        if one.is_green
    ]
    return [("function", "rank", "tests", "mutants killed", "new lines", "new branches", "file"), *rows]


def _member_row(suggestion: Suggestion, name: str, ranked: RankedMember | None) -> tuple[str, ...]:
    found = suggestion.evidence
    mutants = "" if found is None or not found.mutants else f"{found.mutants_killed or 0} of {found.mutants}"
    return (
        name,
        "" if ranked is None else str(ranked.rank),
        str(len(suggestion.tests)),
        mutants,
        "" if found is None or found.lines_gained is None else f"+{found.lines_gained}",
        "" if found is None or found.branches_gained is None else f"+{found.branches_gained}",
        suggestion.test_path,
    )


def failed_rows(swept: SweepReport) -> list[tuple[str, ...]]:
    """Return a table of unsuccessful attempts, starting with the header."""
    names = display_names(swept.report.members)
    rows = [
        (names.get(one.member or "", one.member or one.path), one.stage.value, one.reason)
        for one in swept.failed
    ]
    return [("tried unsuccessfully", "stage", "reason"), *rows]


def closing_lines(swept: SweepReport) -> list[str]:
    """Return the supporting files that were created, and other notes for the reader."""
    return [*(f"created {path}: {reason}" for path, reason in swept.made.items()), *swept.notes]


def expected_words(plan: SweepPlan) -> str:
    """Return the expected time for the members that a sweep would process."""
    taken = set(plan.taken)
    seconds = sum(one.seconds for one in plan.ranked if one.member.id in taken)
    return f"Expected time: about {count(round(max(1.0, seconds / 60)), 'minute')} on one processor."


def shown_rows(rows: Sequence[tuple[str, ...]]) -> bool:
    """Return whether a table has rows besides the header."""
    return len(rows) > 1
