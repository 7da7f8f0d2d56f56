"""What a pull request shows of one suggestion: a review comment, or a fold in the summary. All pure.

Folds are carried from one text of the summary to the next, since a run that has no need to look at a member
again does not have its code. So each stands between two hidden lines, which foreign text cannot hold.
"""

from __future__ import annotations

from dataclasses import dataclass

from testsmith.forge.bodies import BODY_LIMIT, length
from testsmith.forge.marks import DIGEST
from testsmith.model import Member, Suggestion
from testsmith.report.markup import change_block, code_block, inline, paragraph, tagged
from testsmith.report.prose import Prose, Span, code, parse, plain, shown_code
from testsmith.report.reading import hidden_code
from testsmith.report.templating import fill
from testsmith.report.view import View
from testsmith.report.words import (
    body_words,
    check_command,
    count,
    evidence_words,
    facts_line,
    fold_words,
    noun_words,
    origin_words,
    title_words,
)

COMMENT_LIMIT = BODY_LIMIT - 200
"""The most characters of a review comment: its mark has room below it."""

_LISTED = "<!-- testsmith:listed "
_LISTED_END = f"{_LISTED}end -->"
_MARK_END = " -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedChange:
    """A change of a test file that a person can commit from its comment, which is at lines of that file.

    Attributes:
        text: What takes the place of those lines: the same lines, and what is added to them. Lines end with a
            line feed, the last one without.
    """

    text: str


def suggestion_comment(
    suggestion: Suggestion, member: Member, view: View, change: SuggestedChange | None = None
) -> str:
    """Return the review comment for one suggestion, never longer than GitHub takes.

    Args:
        suggestion: With the number it has on the pull request.
        member: What it is for.
        view: How a reader can get it again.
        change: What a person can commit from the comment; left out for a question, where it cannot be shown
            to the letter, and where it is too long.
    """
    title = facts_line((_name(member), *title_words(suggestion, member)))
    heading = f"**{inline(title[:1])}**{inline(title[1:])}"
    module = shown_code(suggestion.code)
    lines = count(module.count("\n") + 1, "line")
    shown = (
        (_committable(suggestion, change), hidden_code(suggestion.code)),
        (code_block(module, member.language), ""),
        (f"The test module has {lines}, too many for a comment; the command below prints it.", ""),
    )
    fold = "" if suggestion.is_green else fold_words(suggestion)
    values = {"title": heading, "fold": fold}
    comments = (
        _filled("suggestion.md.j2", suggestion, member, view, {**values, "code": one, "hidden": hidden})
        for one, hidden in shown
        if one
    )
    return next(comment for comment in comments if length(comment) <= COMMENT_LIMIT)


def _committable(suggestion: Suggestion, change: SuggestedChange | None) -> str:
    block = change_block(change.text) if change and suggestion.is_green else ""
    lead = "The test file is part of this pull request; this change adds the tests to it."
    return f"{lead}\n\n{block}" if block else ""


def listed_fold(suggestion: Suggestion, member: Member, view: View, content: str) -> tuple[str, str]:
    """Return the fold for a suggestion without a comment of its own: whole, and without the code.

    Args:
        suggestion: With the number it has on the pull request.
        member: What it is for.
        view: How a reader can get it again.
        content: The digest of its content.
    """
    number = plain(str(suggestion.number))
    title = tagged(facts_line((number, _name(member), *title_words(suggestion, member))))
    values = {"mark": f"{_LISTED}{content}{_MARK_END}", "end": _LISTED_END, "title": title}
    whole, short = (
        _filled("listed.md.j2", suggestion, member, view, {**values, "code": shown})
        for shown in (
            code_block(shown_code(suggestion.code), member.language),
            "There is no room for the test here; the command below prints it.",
        )
    )
    return whole, short


def folds_in(body: str) -> dict[str, str]:
    """Return the folds that stand in a summary's text, by the digest of their content."""
    found, content, lines = dict[str, str](), "", list[str]()
    for line in body.replace("\r\n", "\n").split("\n"):
        if line == _LISTED_END and content:
            found[content] = "\n".join((*lines, line))
            content = ""
        elif line.startswith(_LISTED):
            told = line.removeprefix(_LISTED).removesuffix(_MARK_END)
            content, lines = (told if DIGEST.fullmatch(told) else ""), []
        lines.append(line)
    return found


def _name(member: Member) -> Prose:
    return code(member.name)


def _filled(template: str, suggestion: Suggestion, member: Member, view: View, values: dict[str, str]) -> str:
    told = {
        "body": paragraph(body_words(suggestion)),
        "evidence": inline(facts_line(evidence_words(suggestion, member))),
        "footer": inline(_footer(suggestion, view)),
    }
    return fill(template, told | values)


def _footer(suggestion: Suggestion, view: View) -> Prose:
    facts = [
        plain(f"{noun_words(suggestion)}, {origin_words(suggestion)}"),
        (*plain("check it: "), Span(check_command(suggestion, view), is_code=True)),
    ]
    if view.commands:
        facts.append(parse("reply `apply`, `reject` or `explain`"))
    return facts_line(facts)
