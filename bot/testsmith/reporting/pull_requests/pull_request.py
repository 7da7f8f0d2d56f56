"""Render the texts for a pull request: the review's comments, and the summary. Pure functions.

The same content gives the same text in every run, except for the summary's last line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from testsmith.forge.comment_markers import BODY_LIMIT, HIDDEN_LIMIT, SUMMARY_MARK, length
from testsmith.forge.reconcile import Reconciled, ShownWhere, Texts
from testsmith.model import Report, Suggestion
from testsmith.reporting.audit_phrases import OF_PULL_REQUEST, audit_in, audit_section
from testsmith.reporting.phrases import count
from testsmith.reporting.pull_requests.audit_comments import audit_comment, remarked_tests
from testsmith.reporting.pull_requests.comments import (
    folds_in,
    listed_fold,
    suggestion_comment,
)
from testsmith.reporting.pull_requests.member_status import (
    MemberStatuses,
    NumberedSuggestion,
    account,
    found_in,
)
from testsmith.reporting.pull_requests.summary import Extras, summary_text
from testsmith.reporting.rendering import View

SUMMARY_LIMIT = BODY_LIMIT - HIDDEN_LIMIT - 2 * len(SUMMARY_MARK)
"""Maximum characters of the summary's text, leaving room for the stored state."""

_MOST_ADDED = 200
"""Characters that folds add to a summary beyond their own and those in the rows."""

_MOST_ADDED_TO_ROW = 12


def texts(
    report: Report,
    settled: Reconciled,
    view: View,
    changes: Mapping[str, str],
    before: str = "",
) -> Texts:
    """Return the texts for a pull request.

    Args:
        report: The report of the run.
        settled: The numbers and locations of its suggestions, and the state to store.
        view: How a reader can reproduce it.
        changes: By content digest, the text that replaces the lines of a comment on a test file.
        before: The current body of the summary comment, from which is copied what this run did not look at:
            the code of unchanged suggestions without a comment, and what is said about the same head's tests.
    """
    found, remarked = found_in(report, settled), remarked_tests(report)
    posted = [one for one in settled.proposals if one.posting is ShownWhere.NEW]
    new = {one.content: found[one.content] for one in posted if one.content not in remarked}
    remarks = {
        one.content: audit_comment(remarked[one.content], one.number, has_commands=view.commands)
        for one in posted
        if one.content in remarked
    }
    suggestions = {
        content: suggestion_comment(one.suggestion, one.member, view, changes.get(content, ""))
        for content, one in new.items()
    }
    return Texts(
        comments={**suggestions, **remarks},
        summary=_summary(report, settled, view, before),
        review=_review_line([one.suggestion for one in new.values()], len(remarks)),
    )


def _summary(report: Report, settled: Reconciled, view: View, before: str) -> str:
    data, carried = account(report, settled), folds_in(before)
    audit = audit_in(before, report.head) if report.audit is None else audit_section(report, OF_PULL_REQUEST)
    extras = Extras(elsewhere="the job summary", audit=audit)
    text = summary_text(report, data, view, extras)
    listed = tuple(_listed(data, settled, found_in(report, settled), view, carried))
    if not listed:
        return text
    room = SUMMARY_LIMIT - length(text) - _MOST_ADDED - _MOST_ADDED_TO_ROW * len(listed)
    folds = _fitting(listed, room)
    extras = replace(extras, folds=folds, folds_left=len(listed) - len(folds))
    return summary_text(report, data, view, extras)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    """The fold of a suggestion without a comment: in full, and a short form for when there is no room."""

    content: str
    whole: str
    short: str


def _listed(
    data: MemberStatuses,
    settled: Reconciled,
    found: Mapping[str, NumberedSuggestion],
    view: View,
    carried: Mapping[str, str],
) -> Iterator[_Listed]:
    postings = {one.content: one.posting for one in settled.proposals}
    for content in (row.content for row in data.rows):
        posting = postings.get(content)
        if posting is ShownWhere.LISTED:
            one = found[content]
            whole, short = listed_fold(one.suggestion, one.member, view, content)
            yield _Listed(content=content, whole=whole, short=short)
        elif posting is None and content in carried:
            yield _Listed(content=content, whole=carried[content], short=carried[content])


def _fitting(listed: Sequence[_Listed], room: int) -> dict[str, str]:
    """Return the folds that fit: as many as possible in full, the others in short form."""
    shorts = sum(length(one.short) + len("\n\n") for one in listed)
    folds = dict[str, str]()
    for one in listed:
        whole, short = length(one.whole) + len("\n\n"), length(one.short) + len("\n\n")
        shorts -= short
        if whole + max(shorts, 0) <= room:
            folds[one.content] = one.whole
            room -= whole
        elif short <= room:
            folds[one.content] = one.short
            room -= short
    return folds


def _review_line(new: Sequence[Suggestion], remarks: int) -> str:
    green = [one for one in new if one.is_green]
    tests = count(sum(len(one.tests) for one in green), "test")
    members = count(len({one.member for one in green}), "function")
    proposes = f"proposes {tests} for {members}"
    asks = f"asks {count(len(new) - len(green), 'question')}"
    comments = f"comments on {count(remarks, 'test')} of this pull request"
    said = ((proposes, green), (asks, len(green) < len(new)), (comments, remarks))
    words = [words for words, is_said in said if is_said]
    lead = f"{', '.join(words[:-1])} and " if len(words) > 1 else ""
    return f"TestSmith {lead}{words[-1] if words else 'has nothing new'}."
