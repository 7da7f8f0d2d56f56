"""The title and text of the sweep pull request. Pure functions.

The job summary has the same text, without the hidden lines at its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from testsmith.forge.comment_markers import composed
from testsmith.forge.commits import PullText
from testsmith.forge.sweep_memory import SweepMemory, encode
from testsmith.model import Skipped, SkipStage, Suggestion
from testsmith.reporting.escaping import cell, code, inline, parse, plain
from testsmith.reporting.phrases import count, failure_words, names_words
from testsmith.reporting.pull_requests.summary import fitting, last_line
from testsmith.reporting.rendering import View, fill
from testsmith.reporting.report_assembly import SkippedGroup, display_names, skipped_groups
from testsmith.reporting.sweep_tables import Part, bars, coverage_chart, known_twice, lines_part
from testsmith.sweep_results import RankedMember, SweepPlan, SweepReport
from testsmith.test_files.plan import NotPlaced

_ROWS_LIMIT = 14_000
_EARLIER_LIMIT = 8_000
_MADE_LIMIT = 4_000
_RANKED_SHOWN = 20

_MEASURES = {
    "lines": "line coverage",
    "branches": "branch coverage",
    "mutants": "mutants of these functions that tests kill",
}

_CLOSING = (
    "Merge this pull request, or edit it first: commits by others are never overwritten. If you close it "
    "without merging, no tests are proposed for these functions again until their code changes."
)
_ALONE = "Measured with the tests of this sweep only, without those of earlier sweeps in this pull request."


def sweep_pull_text(
    swept: SweepReport, memory: SweepMemory, new: frozenset[str], unplaced: Sequence[NotPlaced] = ()
) -> PullText:
    """Return the pull request's title and text.

    Args:
        swept: The report of the latest sweep.
        memory: The stored state of the pull request, including tests of earlier sweeps.
        new: Ids of the members whose tests the latest sweep adds.
        unplaced: Suggestions that fit into no test file, with reasons.
    """
    members = len(memory.proposed)
    text = sweep_text(swept, memory, new, unplaced)
    title = f"Tests for {count(members, 'function')} without full coverage"
    return PullText(title=title, body=composed(text, encode(memory)))


def sweep_text(
    swept: SweepReport,
    memory: SweepMemory,
    new: frozenset[str],
    unplaced: Sequence[NotPlaced] = (),
    *,
    is_proposed: bool = True,
) -> str:
    """Return the visible text. `is_proposed` says whether there is a pull request to close."""
    report = swept.report
    rows = fitting(list(_rows(swept, new)), _ROWS_LIMIT)
    earlier = fitting(list(_earlier(memory, new)), _EARLIER_LIMIT)
    left_out = _left_out(swept, unplaced)
    groups = skipped_groups(replace(report, skipped=left_out))
    skipped = fitting([_skipped_row(group) for group in groups], _ROWS_LIMIT)
    measures = tuple(_measures(swept))
    return fill(
        "sweep_pull.md.j2",
        {
            "failure": inline(failure_words(report)),
            "headline": _headline(report.suggestions, new, is_proposed=is_proposed),
            "measures": measures,
            "measured_alone": _ALONE if measures and earlier.shown else "",
            "chart": coverage_chart(list(bars(swept))),
            "rows": rows.shown,
            "rows_left": rows.left and count(rows.left, "more row"),
            "earlier": earlier.shown,
            "earlier_heading": f"{count(len(earlier.shown) + earlier.left, 'function')} from earlier sweeps",
            "earlier_left": earlier.left and count(earlier.left, "more"),
            "made": tuple(line for (line,) in fitting(list(_made(swept)), _MADE_LIMIT).shown),
            "skipped_heading": _skipped_heading(left_out),
            "skipped": skipped.shown,
            "skipped_left": skipped.left and count(skipped.left, "more row"),
            "ranking": tuple(_ranking(swept.plan)),
            "closing": _CLOSING if is_proposed else "",
            "last_line": last_line(report, View(project="")),
        },
    )


def sweep_plan_text(plan: SweepPlan) -> str:
    """Return what a sweep will process and why, for the job summary."""
    lines = lines_part(plan.coverage)
    coverage = f" Line coverage is {_percent(lines)}." if lines is not None else ""
    taken, of = f"{len(plan.taken):,}", count(len(plan.ranked), "function")
    return fill(
        "sweep_plan.md.j2",
        {
            "headline": f"**TestSmith** selects {taken} of {of} without full coverage.{coverage}",
            "ranking": tuple(_ranking(plan)),
            "notes": tuple(inline(parse(note)) for note in plan.notes),
        },
    )


def _headline(suggestions: Sequence[Suggestion], new: frozenset[str], *, is_proposed: bool) -> str:
    green = [one for one in suggestions if one.is_green and (one.member in new or not is_proposed)]
    if not green:
        return "**TestSmith** found no useful tests this time."
    tests = count(sum(len(one.tests) for one in green), "test")
    members = count(len({one.member for one in green}), "function")
    verb = "adds" if is_proposed else "generated"
    return (
        f"**TestSmith** {verb} {tests} for {members} that the project's tests do not fully cover. "
        "Each test was run and proven: it covers a line or branch or kills a mutant that no test did before."
    )


def _measures(swept: SweepReport) -> Iterator[Sequence[str]]:
    """Yield a row for each figure that was measured both times."""
    for name, old, new in known_twice(swept.before, swept.after):
        gained = new.part - old.part
        yield _MEASURES[name], _percent(old), _percent(new), f"{gained:+,} of {new.whole:,}"


def _percent(part: Part) -> str:
    return f"{part.percent:.1f} %"


def _rows(swept: SweepReport, new: frozenset[str]) -> Iterator[Sequence[str]]:
    names = display_names(swept.report.members)
    ranked = {one.member.id: one for one in swept.plan.ranked}
    for one in swept.report.suggestions:
        if one.is_green and one.member in new:
            yield (
                cell(code(names.get(one.member, one.member))),
                str(len(one.tests)),
                _reaches(one),
                _notices(one),
                _worth(ranked.get(one.member)),
            )


def _reaches(one: Suggestion) -> str:
    evidence = one.evidence
    if evidence is None:
        return ""
    lines, branches = evidence.lines_gained or 0, evidence.branches_gained or 0
    gains = [f"+{count(lines, 'line')}"] if lines else []
    gains += [f"+{count(branches, 'branch', 'branches')}"] if branches else []
    return ", ".join(gains)


def _notices(one: Suggestion) -> str:
    evidence = one.evidence
    if evidence is None or not evidence.mutants:
        return ""
    return f"{evidence.mutants_killed or 0} of {count(evidence.mutants, 'mutant')}"


def _worth(ranked: RankedMember | None) -> str:
    return "" if ranked is None else _figure(ranked.terms.worth)


def _figure(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"  # noqa: PLR2004 - three digits are enough


def _earlier(memory: SweepMemory, new: frozenset[str]) -> Iterator[Sequence[str]]:
    for one in memory.proposed:
        if one.member and one.member not in new:
            yield cell(code(one.member)), cell(parse(one.shown))


def _made(swept: SweepReport) -> Iterator[Sequence[str]]:
    for path, reason in swept.made.items():
        yield (inline((*code(path), *plain(": "), *parse(reason))),)


def _left_out(swept: SweepReport, unplaced: Sequence[NotPlaced]) -> tuple[Skipped, ...]:
    """Return unsuccessful attempts, suggestions without a test file, and members left to the next sweep."""
    not_placed = (
        Skipped(path=one.path, stage=SkipStage.GATE, reason=one.reason, member=one.member) for one in unplaced
    )
    return (*swept.report.skipped, *not_placed)


def _skipped_row(group: SkippedGroup) -> Sequence[str]:
    return cell(names_words(group)), group.stage.value, cell(parse(group.reason))


def _skipped_heading(left_out: Sequence[Skipped]) -> str:
    members = [one for one in left_out if one.member is not None]
    later = sum(one.stage is SkipStage.BUDGET for one in members)
    files = len(left_out) - len(members)
    parts = (
        (len(members) - later, f"{count(len(members) - later, 'function')} tried unsuccessfully"),
        (later, f"{later:,} left for the next sweep"),
        (files, f"{count(files, 'file')} skipped"),
    )
    return ", ".join(words for number, words in parts if number)


def _ranking(plan: SweepPlan) -> Iterator[Sequence[str]]:
    """Yield the first selected members, with the terms of their ranks."""
    taken = frozenset(plan.taken)
    shown = [one for one in plan.ranked if one.member.id in taken][:_RANKED_SHOWN]
    names = display_names([one.member for one in shown])
    for one in shown:
        terms = one.terms
        figures = (terms.worth, terms.uncovered, terms.complexity, terms.churn, terms.dependents)
        yield str(one.rank), cell(code(names[one.member.id])), *map(_figure, figures)
