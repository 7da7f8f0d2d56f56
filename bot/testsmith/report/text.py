"""The report on a terminal: in colour where there is colour, and as readable without."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO
from typing import TYPE_CHECKING

from testsmith.model import Member, Report, Suggestion
from testsmith.report.assembly import Entry, display_names, entries, skipped_groups, totals
from testsmith.report.earlier import earlier_words
from testsmith.report.highlighting import Kind, pieces
from testsmith.report.prose import Prose, code, one_line, parse, plain, shown_code, text_of
from testsmith.report.terminal import Terminal, console_on
from testsmith.report.view import View
from testsmith.report.words import (
    baseline_words,
    body_words,
    change_words,
    check_command,
    cost_words,
    evidence_words,
    facts_line,
    failure_words,
    funnel_words,
    headline,
    names_words,
    origin_words,
    proposal_words,
    skipped_words,
    title_words,
)

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

_CODE_STYLES = {
    Kind.PLAIN: "",
    Kind.KEYWORD: "magenta",
    Kind.STRING: "green",
    Kind.NUMBER: "cyan",
    Kind.COMMENT: "dim",
    Kind.NAME: "bold",
}
"""Of the sixteen colours of a terminal, those that can be read on light and on dark."""

_INDENT = 4
_CODE_INDENT = 8
_RUNNER_COMMAND = re.compile(r"^(?:[^\S\n]|\x1b\[[\d;]*m)*:(?=:)|##(?=\[)", re.MULTILINE)
"""What a runner that prints the report would take for a command to itself."""


def render_text(report: Report, view: View) -> str:
    """Return the report as the terminal shows it."""
    stream = StringIO()
    console = console_on(
        Terminal(stream=stream, interactive=view.colour, colour=view.colour, width=view.width)
    )
    for part in _parts(report, view):
        console.print(part, soft_wrap=_is_unbroken(part))
    shown = stream.getvalue() if view.colour else _without_trailing_space(stream.getvalue())
    return _RUNNER_COMMAND.sub("\\g<0>\u200b", shown)


def _without_trailing_space(text: str) -> str:
    return "\n".join(line.rstrip(" ") for line in text.split("\n"))


def _parts(report: Report, view: View) -> Iterator[RenderableType]:
    failure = failure_words(report)
    if failure:
        yield _styled(failure, "bold red")
        yield ""
    yield _styled(plain(headline(report)), "bold")
    found = entries(report)
    if found:
        yield ""
        yield _members_table(report, found)
    for entry in found:
        for suggestion in entry.suggestions:
            yield from _suggestion_parts(suggestion, entry.member, view)
    told = list(earlier_words(report.earlier))
    yield from (("",) if told else ())
    yield from map(_text, told)
    yield from _skipped_parts(report)
    yield from _closing_parts(report)


def _members_table(report: Report, found: tuple[Entry, ...]) -> RenderableType:
    names = display_names(report.members)
    table = _table("member", "change", "proposal", "where")
    for entry in found:
        member = entry.member
        table.add_row(
            _text(code(names[member.id])),
            _text(change_words(member)),
            _text(proposal_words(entry.suggestions)),
            _styled(plain(one_line(f"{member.path}:{member.line}")), "dim"),
        )
    return table


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 3, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _suggestion_parts(suggestion: Suggestion, member: Member, view: View) -> Iterator[RenderableType]:
    yield ""
    yield _title(suggestion, member)
    body = body_words(suggestion)
    if body:
        yield _indented(_text(body))
    yield ""
    yield _code(shown_code(suggestion.code), member.language, view)
    yield ""
    yield _indented(_text(facts_line(evidence_words(suggestion, member))))
    check = f"{origin_words(suggestion)} · check it: {check_command(suggestion, view)}"
    yield _unbroken(_styled(plain(" " * _INDENT + check), "dim"))


def _title(suggestion: Suggestion, member: Member) -> Text:
    from rich.text import Text

    number = f"{suggestion.number:<{_INDENT - 1}} "
    name = _styled(code(member.name), "bold" if suggestion.is_green else "bold yellow")
    rest = (_text(part) for part in title_words(suggestion, member))
    return Text(" · ").join((_styled(plain(number), "bold") + name, *rest))


def _code(module: str, language: str, view: View) -> Text:
    from rich.text import Text

    shown = pieces(module, language) if view.colour else ((Kind.PLAIN, module),)
    highlighted = Text.assemble(*((text, _CODE_STYLES[kind]) for kind, text in shown))
    margin = Text(" " * _CODE_INDENT)
    lines = highlighted.split("\n", allow_blank=True)
    return _unbroken(Text("\n").join(margin + line for line in lines))


def _skipped_parts(report: Report) -> Iterator[RenderableType]:
    groups = skipped_groups(report)
    if not groups:
        return
    yield ""
    yield _styled(plain(skipped_words(totals(report))), "bold")
    yield ""
    table = _table("left out", "stage", "why")
    for group in groups:
        table.add_row(_text(names_words(group)), group.stage.value, _text(parse(group.reason)))
    yield table


def _closing_parts(report: Report) -> Iterator[RenderableType]:
    yield ""
    baseline = baseline_words(report)
    if baseline:
        yield _text(plain(baseline))
    funnel = funnel_words(report.statistics.funnel)
    if funnel:
        yield _styled(plain(funnel), "dim")
    yield _styled(facts_line(cost_words(report)), "dim")
    for note in report.notes:
        yield _styled((*plain("note: "), *parse(note)), "dim")


def _text(prose: Prose) -> Text:
    """Return prose with its code in a colour; without colours code needs no mark to be read."""
    from rich.text import Text

    return Text.assemble(*((span.text, "cyan" if span.is_code else "") for span in prose))


def _styled(prose: Prose, style: str) -> Text:
    from rich.text import Text

    return Text(text_of(prose), style=style)


def _indented(text: Text) -> RenderableType:
    from rich.padding import Padding

    return Padding(text, (0, 0, 0, _INDENT))


def _unbroken(text: Text) -> Text:
    """Return text that runs on where the terminal ends, so that it can be copied whole."""
    text.no_wrap = True
    return text


def _is_unbroken(part: RenderableType) -> bool:
    from rich.text import Text

    return isinstance(part, Text) and bool(part.no_wrap)
