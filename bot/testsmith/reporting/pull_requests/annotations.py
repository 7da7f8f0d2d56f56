"""Annotations shown next to a pull request's lines if the bot may not write comments. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from testsmith.forge.comment_markers import length
from testsmith.forge.interface import Anchor
from testsmith.forge.review_result import PostStatus, ReviewResult
from testsmith.model import Member, Report, Suggestion
from testsmith.reporting.escaping import code, one_line, shown_code, text_of
from testsmith.reporting.phrases import body_words, count, evidence_words, facts_line, title_words
from testsmith.reporting.pull_requests.member_status import NumberedSuggestion, account, found_in

ANNOTATIONS_LIMIT = 10
"""Maximum number of notices GitHub keeps per step."""

MESSAGE_LIMIT = 4_000
"""Maximum length of a message in UTF-16 code units; GitHub cuts it at 4,096."""

_CODE_LIMIT = 2_000
_TITLE_LIMIT = 200
_ELSEWHERE = "The job summary shows the full review."
_RUNNER_COMMAND = re.compile(r"^[^\S\n]*:(?=:)|##(?=\[)", re.MULTILINE)
_NOT_POSTED = frozenset({PostStatus.NOT_ALLOWED, PostStatus.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A notice in plain text, not yet encoded for the runner.

    Attributes:
        title: The title, on one line.
        message: The message; may have several lines.
        file: The file, relative to the git root, as in git; None for none.
        line: The last line, counted from 1.
        start_line: The first line.
    """

    title: str
    message: str
    file: str | None = None
    line: int = 1
    start_line: int = 1


def annotations_of(reviewed: ReviewResult) -> tuple[Annotation, ...]:
    """Return notices about what could not be posted; none if all was posted or another run will post it."""
    report = reviewed.report
    if report is None or reviewed.delivery not in _NOT_POSTED:
        return ()
    every = tuple(_annotations(reviewed, report))
    if len(every) <= ANNOTATIONS_LIMIT - 1:
        return every
    left = len(every) - (ANNOTATIONS_LIMIT - 1)
    more = Annotation(title=count(left, "more suggestion"), message=_ELSEWHERE)
    return (*every[: ANNOTATIONS_LIMIT - 1], more)


def _annotations(reviewed: ReviewResult, report: Report) -> Iterator[Annotation]:
    found = found_in(report, reviewed.settled)
    proposals = () if reviewed.settled is None else reviewed.settled.proposals
    anchors = {one.content: one.anchor for one in proposals}
    for content in (row.content for row in account(report, reviewed.settled).rows):
        if content in found:
            yield _annotation(found[content], anchors.get(content))


def _annotation(found: NumberedSuggestion, anchor: Anchor | None) -> Annotation:
    member = found.member
    at = anchor or Anchor(path=member.path, line=member.line)
    title = text_of(facts_line((code(member.name), *title_words(found.suggestion, member))))
    return Annotation(
        title=_harmless(one_line(title, _TITLE_LIMIT)),
        message=_message(found.suggestion, member),
        file=at.path.encode(errors="backslashreplace").decode(),
        line=at.line,
        start_line=at.start_line or at.line,
    )


def _message(suggestion: Suggestion, member: Member) -> str:
    module = shown_code(suggestion.code)
    parts = (
        text_of(body_words(suggestion)),
        module if len(module) <= _CODE_LIMIT else "",
        text_of(facts_line(evidence_words(suggestion, member))),
        _ELSEWHERE,
    )
    return _cut(_harmless("\n\n".join(part for part in parts if part)))


def _cut(message: str) -> str:
    if length(message) <= MESSAGE_LIMIT:
        return message
    units = message.encode("utf-16-le")[: 2 * (MESSAGE_LIMIT - 1)]
    return f"{units.decode('utf-16-le', 'ignore')}…"


def _harmless(text: str) -> str:
    """Return a text without anything that the runner would interpret as a workflow command."""
    return _RUNNER_COMMAND.sub("\\g<0>\u200b", text)
