"""What a pull request shows: the summary comment, and one review comment a suggestion.

Everything from the project under test or a model passes `inline`, `cell` or `code_block`. After them nothing
in it is HTML, a link, a mention, a reference to an issue, the end of a fence, a marker of ours (`<!--`), or a
command to the runner that prints it (`::name::` at the start of a line, `##[name]` anywhere).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.model import Member, Report, Suggestion
from bot.report.assembly import SkippedGroup, display_names, entries, skipped_groups, totals
from bot.report.prose import Prose, Span, code, parse, plain, shown_code
from bot.report.templating import fill
from bot.report.view import View
from bot.report.words import (
    body_words,
    change_words,
    check_command,
    cost_words,
    count,
    evidence_words,
    facts_line,
    failure_words,
    fold_words,
    funnel_words,
    headline,
    names_words,
    origin_words,
    proposal_words,
    skipped_words,
    title_words,
)

COMMENT_LIMIT = 65_536
"""The most characters of a comment that GitHub takes; beyond it answers 422."""

_ROWS_LIMIT = 24_000
"""The most characters of one table's rows: two tables and the rest stay far under the comment's limit."""

_NOTES_LIMIT = 8_000
"""The most characters of the notes."""

_ZERO_WIDTH_SPACE = "\u200b"

_SPECIAL = re.compile(r"[\\`*_\[\]>|~&$]")
_LINKING = re.compile(r"@|#(?=\d)|GH(?=-\d)|:(?=//)|www(?=\.)", re.IGNORECASE)
_BLOCK_STARTS = ("-", "+", "=", "#", ":")
_LEADING_NUMBER = re.compile(r"(\d{1,9})[.)]")
_TICKS = re.compile("`+")
_FENCE_IS_UNSAFE = re.compile(r"<!--|^[^\S\n]*::|##\[", re.MULTILINE)
_COMMAND_START = re.compile(r"^([^\S\n]*):(?=:)|(?<=##)\[", re.MULTILINE)
_SPAN_NEEDS_ENTITIES = re.compile(r"<!--|##\[|`")
_CELL_NEEDS_ENTITIES = re.compile(r"<!--|##\[|[`|\\]")
_IN_CODE_ELEMENT = re.compile(r"[\\`*_\[\]<>|~&$!:@#]")
_NOT_A_WORD = re.compile(r"\W", re.ASCII)


def render_markdown(report: Report, view: View) -> str:
    """Return the whole review, as a pull request would show it, one comment after the other."""
    comments = (
        {"place": _place(entry.member), "text": suggestion_comment(suggestion, entry.member, view)}
        for entry in entries(report)
        for suggestion in entry.suggestions
    )
    return f"{fill('review.md.j2', {'summary': summary_comment(report, view), 'comments': comments})}\n"


def _place(member: Member) -> str:
    return f"{inline(code(member.path))}, line {member.line}"


def summary_comment(report: Report, view: View) -> str:
    """Return the comment that speaks of the whole run, never longer than GitHub takes."""
    rows = fitting(list(_member_rows(report)))
    skipped = fitting([_skipped_row(group) for group in skipped_groups(report)])
    return fill(
        "summary.md.j2",
        {
            "failure": inline(failure_words(report)),
            "headline": headline(report).replace("TestSmith", "**TestSmith**", 1),
            "rows": rows.shown,
            "rows_left": rows.left and count(rows.left, "more member"),
            "skipped_heading": skipped_words(totals(report)),
            "skipped": skipped.shown,
            "skipped_left": skipped.left and count(skipped.left, "more row"),
            "closing": tuple(_closing_lines(report, view)),
        },
    )


def _member_rows(report: Report) -> Iterator[Sequence[str]]:
    names = display_names(report.members)
    for entry in entries(report):
        parts = (
            code(names[entry.member.id]),
            change_words(entry.member),
            proposal_words(entry.suggestions),
        )
        yield tuple(cell(part) for part in parts)


def _skipped_row(group: SkippedGroup) -> Sequence[str]:
    return cell(names_words(group)), group.stage.value, cell(parse(group.reason))


def _closing_lines(report: Report, view: View) -> Iterator[str]:
    funnel = funnel_words(report.statistics.funnel)
    if funnel:
        yield funnel
    replies = (code("/testsmith help"),) if view.commands else ()
    yield inline(facts_line((*cost_words(report), *replies)))
    notes = fitting([[inline((*plain("note: "), *parse(note)))] for note in report.notes], _NOTES_LIMIT)
    yield from (note for (note,) in notes.shown)
    if notes.left:
        yield f"… and {count(notes.left, 'more note')}; `--format json` has them all."


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """The rows of a table that fit a comment, and how many do not."""

    shown: tuple[Sequence[str], ...]
    left: int


def fitting(rows: Sequence[Sequence[str]], limit: int = _ROWS_LIMIT) -> Fitting:
    """Return the first rows of a table that have no more characters than the limit."""
    used = 0
    for index, row in enumerate(rows):
        used += sum(len(field) + 3 for field in row)
        if used > limit:
            return Fitting(shown=tuple(rows[:index]), left=len(rows) - index)
    return Fitting(shown=tuple(rows), left=0)


def suggestion_comment(suggestion: Suggestion, member: Member, view: View) -> str:
    """Return the review comment for one suggestion, never longer than GitHub takes."""
    module = shown_code(suggestion.code)
    comment = _suggestion_comment(suggestion, member, view, code_block(module, member.language))
    if len(comment) <= COMMENT_LIMIT:
        return comment
    lines = count(module.count("\n") + 1, "line")
    return _suggestion_comment(
        suggestion,
        member,
        view,
        f"The test module has {lines}, too many for a comment; the command below prints it.",
    )


def _suggestion_comment(suggestion: Suggestion, member: Member, view: View, shown: str) -> str:
    title = (inline(part) for part in title_words(suggestion, member))
    return fill(
        "suggestion.md.j2",
        {
            "title": " · ".join((f"**{inline(code(member.name))}**", *title)),
            "body": paragraph(body_words(suggestion)),
            "fold": "" if suggestion.is_green else fold_words(suggestion),
            "code": shown,
            "evidence": inline(facts_line(evidence_words(suggestion, member))),
            "footer": inline(_footer(suggestion, view)),
        },
    )


def _footer(suggestion: Suggestion, view: View) -> Prose:
    facts = [
        plain(f"Suggestion {suggestion.number}, {origin_words(suggestion)}"),
        (*plain("check it: "), Span(check_command(suggestion, view), is_code=True)),
    ]
    if view.commands:
        facts.append(parse("reply `apply`, `reject` or `explain`"))
    return facts_line(facts)


def code_block(text: str, language: str) -> str:
    """Return code that reads and copies to the letter, and ends where we end it.

    A fence cannot hold what the runner or our own markers would be found in; then it is an HTML block, in
    which each such character can be spelled as an entity.
    """
    language = _NOT_A_WORD.sub("", language)
    if _FENCE_IS_UNSAFE.search(text):
        spelled = _COMMAND_START.sub(_command_entity, html.escape(text, quote=False))
        return f'<pre lang="{language}"><code>{spelled}</code></pre>'
    fence = "`" * max(3, 1 + max((len(run) for run in _TICKS.findall(text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def _command_entity(match: re.Match[str]) -> str:
    return "&#91;" if match[0] == "[" else f"{match[1]}&#58;"


def paragraph(prose: Prose) -> str:
    """Return prose that may stand at the start of a line: it begins no list, heading or runner's command."""
    text = inline(prose)
    leading = _LEADING_NUMBER.match(text)
    if leading:
        return f"{leading[1]}\\{text[leading.end(1) :]}"
    return f"\\{text}" if text.startswith(_BLOCK_STARTS) else text


def inline(prose: Prose) -> str:
    """Return prose as Markdown within a line."""
    return "".join(
        _code_span(span.text, _SPAN_NEEDS_ENTITIES) if span.is_code else _words(span.text) for span in prose
    )


def cell(prose: Prose) -> str:
    """Return prose as Markdown within a table's cell, where a bar would end the cell even in code."""
    return "".join(
        _code_span(span.text, _CELL_NEEDS_ENTITIES) if span.is_code else _words(span.text) for span in prose
    )


def _words(text: str) -> str:
    unlinked = _LINKING.sub(lambda match: match[0] + _ZERO_WIDTH_SPACE, text)
    return _SPECIAL.sub(r"\\\g<0>", unlinked).replace("<", "&lt;")


def _code_span(text: str, needs_entities: re.Pattern[str]) -> str:
    if not text or needs_entities.search(text):
        spelled = _IN_CODE_ELEMENT.sub(lambda match: f"&#{ord(match[0])};", text)
        return f"<code>{spelled}</code>"
    return f"`{text}`"
