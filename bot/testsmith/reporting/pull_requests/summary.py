"""Render the summary of a pull request: a table, skipped items with reasons, and figures. Pure functions.

Only its last line is about the run: figures, cost and notes differ between runs with the same results.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from testsmith.forge.comment_markers import length
from testsmith.forge.pr_state import StateEntry
from testsmith.model import Member, Report
from testsmith.reporting.audit_phrases import audit_section
from testsmith.reporting.escaping import Prose, cell, code, inline, parse, plain, tagged
from testsmith.reporting.phrases import (
    added_time_words,
    baseline_words,
    change_words,
    cost_words,
    count,
    earlier_words,
    facts_line,
    failure_words,
    funnel_words,
    headline,
    names_words,
    skipped_words,
)
from testsmith.reporting.pull_requests.comments import suggestion_comment
from testsmith.reporting.pull_requests.member_status import MemberStatuses, account
from testsmith.reporting.rendering import View, fill
from testsmith.reporting.report_assembly import SkippedGroup, display_names, entries, skipped_groups

ROWS_LIMIT = 12_000
"""Maximum characters of one table's rows, so that two tables fit into a comment."""

_NOTES_LIMIT = 4_000
"""Maximum characters of the notes."""

_NUMBERS_SHOWN = 20

_FOLDS_SIDE_BY_SIDE = 3

_IGNORED = "TestSmith is paused on this pull request. Comment `/testsmith resume` to continue."


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """The rows or blocks that fit, and the number of those that do not."""

    shown: tuple[Sequence[str], ...]
    left: int


def fitting(rows: Sequence[Sequence[str]], limit: int) -> Fitting:
    """Return the first rows of a table that stay within the limit."""
    used = 0
    for index, row in enumerate(rows):
        used += sum(length(field) + 3 for field in row)
        if used > limit:
            return Fitting(shown=tuple(rows[:index]), left=len(rows) - index)
    return Fitting(shown=tuple(rows), left=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """The optional parts of a summary.

    Attributes:
        elsewhere: Where to find everything, if something does not fit.
        folds: The code of suggestions without a comment, by content digest.
        folds_left: The number of folds that do not fit.
        chart: A chart.
        rows_limit: Maximum characters of the rows of each table.
        audit: What is said about the tests of the change; empty for nothing.
    """

    elsewhere: str = "`--format json`"
    folds: Mapping[str, str] = field(default_factory=dict)
    folds_left: int = 0
    chart: str = ""
    rows_limit: int = ROWS_LIMIT
    audit: str = ""


def summary_text(report: Report, data: MemberStatuses, view: View, extras: Extras) -> str:
    """Return the summary. Only its last line is about the run.

    Args:
        report: The report of the run.
        data: The status of all members.
        view: How a reader can reproduce it.
        extras: The optional parts.
    """
    rows = fitting(list(_rows(report, data, extras.folds)), extras.rows_limit)
    groups = skipped_groups(replace(report, skipped=data.skipped))
    skipped = fitting([_skipped_row(group) for group in groups], extras.rows_limit)
    return fill(
        "summary.md.j2",
        {
            "failure": inline(failure_words(report)),
            "headline": headline(report, data.figures).replace("TestSmith", "**TestSmith**", 1),
            "chart": extras.chart,
            "rows": rows.shown,
            "rows_left": rows.left and count(rows.left, "more row"),
            "settled": (*_settled_words(data), *map(inline, earlier_words(report.earlier))),
            "audit": extras.audit,
            "folds": tuple(extras.folds.values()),
            "folds_heading": _folds_heading(len(extras.folds)),
            "folds_left": extras.folds_left and count(extras.folds_left, "more test"),
            "elsewhere": extras.elsewhere,
            "skipped_heading": skipped_words(data.figures),
            "skipped": skipped.shown,
            "skipped_left": skipped.left and count(skipped.left, "more row"),
            "last_line": last_line(report, view),
        },
    )


def _rows(report: Report, data: MemberStatuses, folds: Mapping[str, str]) -> Iterator[Sequence[str]]:
    names = display_names(report.members)
    changes = {member.id: change_words(member) for member in report.members}
    for entry in data.rows:
        parts = (
            plain(str(entry.number)),
            code(names.get(entry.member, entry.member)),
            changes.get(entry.member, ()),
            _proposal(entry, is_below=entry.content in folds),
        )
        yield tuple(cell(part) for part in parts)


def _proposal(entry: StateEntry, *, is_below: bool) -> Prose:
    words = parse(entry.shown or entry.outcome.value)
    return (*words, *plain(" · below")) if is_below else words


def _skipped_row(group: SkippedGroup) -> Sequence[str]:
    return cell(names_words(group)), group.stage.value, cell(parse(group.reason))


def _folds_heading(folds: int) -> str:
    """Return the heading of a group of folds; empty for a few, which are not grouped."""
    return f"{folds:,} proposals without their own comment" if folds > _FOLDS_SIDE_BY_SIDE else ""


def _settled_words(data: MemberStatuses) -> Iterator[str]:
    """Yield sentences about people's decisions."""
    placed = {number for _, numbers in data.landings for number in numbers}
    elsewhere = tuple(number for number in data.applied if number not in placed)
    if elsewhere:
        yield f"Committed to the branch: {_numbers_words(elsewhere)}."
    for place, numbers in data.landings:
        if numbers:
            yield f"Committed in {place}: {_numbers_words(numbers)}."
    if data.rejected:
        yield f"Rejected: {_numbers_words(data.rejected)}."
    if data.is_ignored:
        yield _IGNORED


def _numbers_words(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:_NUMBERS_SHOWN]))
    left = len(numbers) - _NUMBERS_SHOWN
    return f"{shown}{f' and {left:,} more' if left > 0 else ''}"


def last_line(report: Report, view: View) -> str:
    """Return the single line about the run: figures, cost and head, with a fold for its notes."""
    funnel = funnel_words(report.statistics.funnel)
    replies = (code("/testsmith help"),) if view.commands else ()
    sentences = tagged(plain(" ".join(filter(None, (baseline_words(report), added_time_words(report))))))
    lines = (sentences, tagged(plain(funnel)), tagged(facts_line((*cost_words(report), *replies))))
    figures = f"<p><sub>{'<br>'.join(line for line in lines if line)}</sub></p>"
    if not report.notes:
        return figures
    heading = count(len(report.notes), "note")
    notes = "<br>".join(_note_lines(report.notes))
    return f"{figures}<details><summary>{heading}</summary><sub>{notes}</sub></details>"


def _note_lines(notes: Sequence[str]) -> Iterator[str]:
    data = fitting([[tagged(parse(note))] for note in notes], _NOTES_LIMIT)
    yield from (note for (note,) in data.shown)
    if data.left:
        yield f"… and {count(data.left, 'more note')}"


def render_markdown(report: Report, view: View) -> str:
    """Render the full review as a pull request would show it."""
    comments = (
        {"place": place(entry.member), "text": suggestion_comment(suggestion, entry.member, view)}
        for entry in entries(report)
        for suggestion in entry.suggestions
    )
    summary = summary_text(report, account(report), view, Extras(audit=audit_section(report)))
    return f"{fill('review.md.j2', {'summary': summary, 'comments': comments})}\n"


def place(member: Member) -> str:
    """Return a member's file and line."""
    return f"{inline(code(member.path))}, line {member.line}"
