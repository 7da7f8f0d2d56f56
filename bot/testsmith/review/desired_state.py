"""Build the desired state of a pull request: suggested changes, and the outcome of each member."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from testsmith.forge.comment_markers import content_digest
from testsmith.forge.comment_positions import ShownFile, Spot, anchor_of, replaced_lines
from testsmith.forge.interface import Anchor
from testsmith.forge.pr_state import State
from testsmith.forge.reconcile import MemberOutcome, Proposal
from testsmith.model import Member, Report, Skipped, SkipStage, Suggestion
from testsmith.reporting.pull_requests.audit_comments import audited_member, remarked_tests
from testsmith.reporting.pull_requests.member_status import shown_words
from testsmith.test_files.plan import FileEdit
from testsmith.test_files.write import common_start


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedChange:
    """A suggested change that one click commits.

    Attributes:
        anchor: The lines of head that it replaces.
        text: The new text, without the last line ending.
    """

    anchor: Anchor
    text: str


def suggested_changes(
    suggestions: Iterable[Suggestion],
    files: Mapping[str, ShownFile],
    edits_of: Callable[[Suggestion], Sequence[FileEdit]],
) -> dict[str, PlacedChange]:
    """Return the possible suggested changes, by the content of their suggestions.

    No two changes overlap, because committing the first would invalidate the second.

    Args:
        suggestions: The suggestions of a report; those that are not green are skipped.
        files: The lines that the pull request's diff shows.
        edits_of: Returns the edits that a single suggestion makes to the files of head.
    """
    found: dict[str, PlacedChange] = {}
    taken: dict[str, set[int]] = {}
    for suggestion in suggestions:
        if suggestion.is_green and suggestion.test_path in files:
            change = _change(suggestion, files, edits_of(suggestion))
            lines = set() if change is None else _lines(change.anchor)
            if change is not None and taken.setdefault(change.anchor.path, set()).isdisjoint(lines):
                taken[change.anchor.path] |= lines
                found[content_digest(suggestion.member, suggestion.code)] = change
    return found


def _lines(anchor: Anchor) -> set[int]:
    return set(range(anchor.start_line or anchor.line, anchor.line + 1))


def _change(
    suggestion: Suggestion, files: Mapping[str, ShownFile], edits: Sequence[FileEdit]
) -> PlacedChange | None:
    if len(edits) != 1 or edits[0].path != suggestion.test_path or edits[0].old is None:
        return None
    old, new = (data.decode().splitlines(keepends=True) for data in (edits[0].old, edits[0].new))
    if not all(line.endswith("\n") and line.splitlines() == [line[:-1]] for line in (*old, *new)):
        return None  # CRLF, or no line ending at the end: line numbers would differ from the forge's
    first, last, text = _replaced(old, new)
    anchor = replaced_lines(files, suggestion.test_path, first, last)
    return None if anchor is None else PlacedChange(anchor=anchor, text=text)


def _replaced(old: Sequence[str], new: Sequence[str]) -> tuple[int, int, str]:
    """Return the first and last line (from 1) of the smallest range that covers an edit, and its new text."""
    if old == new:
        return 0, -1, ""
    start = common_start(old, new)
    after = common_start(old[start:][::-1], new[start:][::-1])
    end, text = len(old) - after, new[start : len(new) - after]
    if start == end and start > 0:  # pure insertion: keep the line above
        start, text = start - 1, [old[start - 1], *text]
    return start + 1, end, "".join(text).removesuffix("\n")


_UNDECIDED = frozenset({SkipStage.ENVIRONMENT, SkipStage.BUDGET})
"""Stages at which a member is skipped for a reason unrelated to the member itself."""


def outcomes_of(
    report: Report,
    remembered: State,
    files: Mapping[str, ShownFile],
    changes: Mapping[str, PlacedChange],
) -> tuple[MemberOutcome, ...]:
    """Return the outcome of each member in a report, and of stored members whose files could not be read.

    Args:
        report: The report of the run.
        remembered: The stored state of the pull request.
        files: The lines that the pull request's diff shows, by path.
        changes: Suggested changes, by the content of their suggestions.
    """
    proposals: dict[str, list[Proposal]] = {}
    spots = {member.id: tuple(_spots(member)) for member in report.members}
    for one in report.suggestions:
        content = content_digest(one.member, one.code)
        change = changes.get(content)
        proposal = Proposal(
            member=one.member,
            content=content,
            anchor=anchor_of(files, spots[one.member]) if change is None else change.anchor,
            is_question=not one.is_green,
            shown=shown_words(one),
        )
        proposals.setdefault(one.member, []).append(proposal)
    skipped = {one.member: one for one in report.skipped if one.member is not None}
    found = [
        _outcome(member, report, tuple(proposals.get(member.id, ())), skipped.get(member.id))
        for member in report.members
    ]
    return (*found, *_unread(report, remembered))


def audit_outcomes(report: Report, files: Mapping[str, ShownFile]) -> Iterator[MemberOutcome]:
    """Yield the tests of the pull request that get a comment, if the diff shows where they begin.

    Args:
        report: The report of the run.
        files: The lines that the pull request's diff shows, by path.
    """
    for content, test in remarked_tests(report).items():
        anchor = anchor_of(files, [Spot(path=test.path, line=test.line, end_line=test.line)])
        if anchor is not None:
            proposal = Proposal(member=audited_member(test), content=content, anchor=anchor, is_question=True)
            yield MemberOutcome(member=audited_member(test), proposals=(proposal,))


def _outcome(
    member: Member, report: Report, proposals: tuple[Proposal, ...], skipped: Skipped | None
) -> MemberOutcome:
    source = report.sources.get(member.id, "")
    if proposals or skipped is None:
        return MemberOutcome(member=member.id, source=source, proposals=proposals)
    is_decided = skipped.stage not in _UNDECIDED
    if skipped.stage is SkipStage.GENERATION:
        is_decided = skipped.permanent
    return MemberOutcome(
        member=member.id,
        source=source if is_decided else "",
        stage=skipped.stage,
        shown=shown_words(skipped),
        is_unchanged=member.id in report.unchanged,
        is_decided=is_decided,
    )


def _spots(member: Member) -> Iterator[Spot]:
    """Yield the lines that a comment on a member is about: its own, or the changed ones it depends on."""
    if not member.because:
        yield Spot(
            path=member.path, line=member.line, end_line=member.end_line, changed_lines=member.changed_lines
        )
        return
    for place in member.because_places:
        yield Spot(path=place.path, line=place.line, end_line=place.end_line)


def _unread(report: Report, remembered: State) -> Iterator[MemberOutcome]:
    """Yield the stored members of files that could not be read in this run; their outcome is kept."""
    known = {member.id for member in report.members}
    unread = {one.path for one in report.skipped if one.member is None}
    ids = dict.fromkeys(entry.member for entry in remembered.entries)
    for member in ids:
        if member not in known and member.rpartition("::")[0] in unread:
            yield MemberOutcome(member=member, is_decided=False)
