"""Render the report as one HTML page: no external resources, light and dark mode.

The page's content security policy allows only its own style sheet and script, by digest, so even an escaping
bug could not load or run anything. The script is for the copy buttons, which are hidden without it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

from testsmith.model import Funnel, Member, Report, Suggestion
from testsmith.reporting.audit_phrases import audit_headline, audit_lines
from testsmith.reporting.escaping import Prose, code, joined, one_line, parse, plain, shown_code
from testsmith.reporting.phrases import (
    LABEL_WORDS,
    added_time_words,
    baseline_words,
    body_words,
    change_words,
    check_command,
    cost_words,
    earlier_words,
    evidence_words,
    facts_line,
    failure_words,
    fold_words,
    funnel_steps,
    funnel_words,
    headline,
    origin_words,
    proposal_words,
    skipped_words,
    target_words,
)
from testsmith.reporting.rendering import View, fill, pieces, source
from testsmith.reporting.report_assembly import (
    ReportEntry,
    SkippedGroup,
    display_names,
    entries,
    skipped_groups,
    totals,
)

if TYPE_CHECKING:
    from markupsafe import Markup

_BAR_WIDTH = 340
_BAR_HEIGHT = 26


def render_html(report: Report, view: View) -> str:
    """Render the page."""
    style, script = source("page.css"), source("page.js")
    values = {
        "style": style,
        "style_digest": _digest(style),
        "script": script,
        "script_digest": _digest(script),
        "project": one_line(view.project),
        "failure": _markup(failure_words(report)),
        "headline": headline(report),
        "span": _markup(_span_words(report)),
        "rows": _rows(report, view),
        "cards": tuple(_cards(report, view, green=True)),
        "questions": tuple(_cards(report, view, green=False)),
        "audit": () if report.audit is None else tuple(_markup(one) for one in audit_lines(report.audit)),
        "audit_headline": "" if report.audit is None else audit_headline(report.audit),
        "earlier": tuple(_markup(one) for one in earlier_words(report.earlier)),
        "skipped_heading": skipped_words(totals(report)),
        "skipped": tuple(_skipped_row(group) for group in skipped_groups(report)),
        "funnel": _bars(report.statistics.funnel),
        "funnel_words": funnel_words(report.statistics.funnel),
        "sentences": tuple(filter(None, (baseline_words(report), added_time_words(report)))),
        "cost": _markup(facts_line(cost_words(report))),
        "notes": tuple(_markup(parse(note)) for note in report.notes),
    }
    return f"{fill('page.html.j2', values)}\n"


def _digest(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode("ascii")


def _span_words(report: Report) -> Prose:
    """Return which revisions were compared."""
    if report.base is None:
        return ()
    head = plain("the working tree") if report.head is None else code(report.head[:7])
    return (*code(report.base[:7]), *plain(" to "), *head)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A member in the table; `number` is that of its first suggestion."""

    number: int
    name: Markup
    change: Markup
    proposal: Markup
    where: str
    link: str


def _rows(report: Report, view: View) -> tuple[_Row, ...]:
    names = display_names(report.members)
    return tuple(
        _row(entry, names[entry.member.id], source_link(entry.member, report, view))
        for entry in entries(report)
    )


def _row(entry: ReportEntry, name: str, link: str) -> _Row:
    return _Row(
        number=entry.suggestions[0].number,
        name=_markup(code(name)),
        change=_markup(change_words(entry.member)),
        proposal=_markup(proposal_words(entry.suggestions)),
        where=_where(entry.member),
        link=link,
    )


def _where(member: Member) -> str:
    return f"{one_line(member.path)}:{member.line}"


def source_link(member: Member, report: Report, view: View) -> str:
    """Return the address of a member's source: its lines on GitHub, or a local file; empty if unknown.

    GitHub has only what was committed, so the working tree's files are local.
    """
    if view.web_address and report.head is not None:
        path = quote(member.path.encode("utf-8", "surrogateescape"))
        lines = f"L{member.line}-L{member.end_line}"
        return f"{view.web_address}/blob/{quote(report.head)}/{path}#{lines}"
    return "" if view.root is None else (view.root / member.path).as_uri()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Card:
    """A suggestion. `fold` is the heading of the folded code, empty for code that is not folded."""

    number: int
    name: str
    label: str
    label_words: str
    what: Markup
    where: str
    link: str
    body: Markup
    fold: str
    code: Markup
    facts: tuple[Markup, ...]
    origin: str
    check: str


def _cards(report: Report, view: View, *, green: bool) -> Iterable[_Card]:
    for entry in entries(report):
        for suggestion in entry.suggestions:
            if suggestion.is_green is green:
                link = source_link(entry.member, report, view)
                yield _card(suggestion, entry.member, link, view)


def _card(suggestion: Suggestion, member: Member, link: str, view: View) -> _Card:
    label = suggestion.label
    return _Card(
        number=suggestion.number,
        name=one_line(member.name),
        label="" if label is None else label.value,
        label_words="" if label is None else LABEL_WORDS[label],
        what=_markup(facts_line(target_words(suggestion, member))),
        where=_where(member),
        link=link,
        body=_markup(body_words(suggestion)),
        fold="" if suggestion.is_green else fold_words(suggestion),
        code=_highlighted(suggestion.code, member.language),
        facts=tuple(_markup(fact) for fact in evidence_words(suggestion, member)),
        origin=origin_words(suggestion),
        check=check_command(suggestion, view),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _SkippedRow:
    """Items skipped at one stage for one reason."""

    names: Markup
    stage: str
    why: Markup


def _skipped_row(group: SkippedGroup) -> _SkippedRow:
    return _SkippedRow(
        names=_markup(joined(", ", (code(name) for name in group.names))),
        stage=group.stage.value,
        why=_markup(parse(group.reason)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bar:
    """A bar of the funnel; `y` and `width` are in drawing units."""

    name: str
    figure: str
    y: int
    width: int


def _bars(funnel: Funnel) -> tuple[_Bar, ...]:
    steps = funnel_steps(funnel)
    most = max(figure for _, figure in steps)
    if not most:
        return ()
    return tuple(
        _Bar(
            name=name,
            figure=f"{figure:,}",
            y=_BAR_HEIGHT * index,
            width=round(_BAR_WIDTH * figure / most),
        )
        for index, (name, figure) in enumerate(steps)
    )


def _markup(prose: Prose) -> Markup:
    from markupsafe import Markup, escape

    shown = (
        Markup("<code>{}</code>").format(span.text) if span.is_code else escape(span.text) for span in prose
    )
    return Markup().join(shown)


def _highlighted(module: str, language: str) -> Markup:
    from markupsafe import Markup, escape

    shown = (
        Markup('<span class="{}">{}</span>').format(kind.value, text) if kind.value else escape(text)
        for kind, text in pieces(shown_code(module), language)
    )
    return Markup().join(shown)
