"""Which tests can be taken over by a click: suggested changes in test files that the pull request changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from testsmith.forge.comment_markers import content_digest
from testsmith.forge.comment_positions import ShownFile, Spot, anchor_of, replaced_lines
from testsmith.forge.interface import Anchor
from testsmith.forge.pr_state import State
from testsmith.forge.reconcile import MemberOutcome, SuggestionDraft
from testsmith.model import Member, Report, Skipped, SkipStage, Suggestion
from testsmith.reporting.pull_requests.member_status import shown_words
from testsmith.test_files.plan import FileEdit
from testsmith.test_files.write import common_start


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedChange:
    """A suggested change.

    Attributes:
        anchor: The lines of head that it takes the place of.
        text: What takes their place, without the last line's end.
    """

    anchor: Anchor
    text: str


def suggested_changes(
    suggestions: Iterable[Suggestion],
    files: Mapping[str, ShownFile],
    edits_of: Callable[[Suggestion], Sequence[FileEdit]],
) -> dict[str, PlacedChange]:
    """Return the suggested changes that are possible, by the content of their suggestions.

    No two are at the same lines: taking over the first would leave no place for the second.

    Args:
        suggestions: Those of a report; what is not green is left out.
        files: What the pull request's diff shows.
        edits_of: Tells what a suggestion alone would change in the files of head.
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
        return None  # other line ends, or none at the end: lines would not be counted as the forge does
    first, last, text = _replaced(old, new)
    anchor = replaced_lines(files, suggestion.test_path, first, last)
    return None if anchor is None else PlacedChange(anchor=anchor, text=text)


def _replaced(old: Sequence[str], new: Sequence[str]) -> tuple[int, int, str]:
    """Return the first and last line, from 1, that all of an edit lies in, and what takes their place."""
    if old == new:
        return 0, -1, ""
    start = common_start(old, new)
    after = common_start(old[start:][::-1], new[start:][::-1])
    end, text = len(old) - after, new[start : len(new) - after]
    if start == end and start > 0:  # nothing is replaced: keep the line above
        start, text = start - 1, [old[start - 1], *text]
    return start + 1, end, "".join(text).removesuffix("\n")


_UNDECIDED = frozenset({SkipStage.ENVIRONMENT, SkipStage.BUDGET})
"""Stages at which a member was left for a reason that says nothing of the member itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where comments can be.

    Attributes:
        files: What the pull request's diff shows, by path.
        changes: For contents whose tests can be taken over by a click: the place of that.
    """

    files: Mapping[str, ShownFile] = field(default_factory=dict)
    changes: Mapping[str, Anchor] = field(default_factory=dict)


def outcomes_of(report: Report, remembered: State, places: Places) -> tuple[MemberOutcome, ...]:
    """Return what came of each member of a report, and of those that were remembered and could not be read.

    Args:
        report: What the run found.
        remembered: What is remembered of the pull request.
        places: Where comments can be.
    """
    suggestions: dict[str, list[Suggestion]] = {}
    for suggestion in report.suggestions:
        suggestions.setdefault(suggestion.member, []).append(suggestion)
    skipped = {one.member: one for one in report.skipped if one.member is not None}
    found = [
        _outcome(member, report, suggestions.get(member.id, ()), skipped.get(member.id), places)
        for member in report.members
    ]
    return (*found, *_unread(report, remembered))


def _outcome(
    member: Member,
    report: Report,
    suggestions: list[Suggestion] | tuple[()],
    skipped: Skipped | None,
    places: Places,
) -> MemberOutcome:
    if suggestions or skipped is None:
        return MemberOutcome(
            member=member.id,
            source=report.sources.get(member.id, ""),
            drafts=tuple(_draft(member, suggestion, places) for suggestion in suggestions),
        )
    is_decided = _is_decided(skipped)
    return MemberOutcome(
        member=member.id,
        source=report.sources.get(member.id, "") if is_decided else "",
        stage=skipped.stage,
        shown=shown_words(skipped),
        is_unchanged=member.id in report.unchanged,
        is_decided=is_decided,
    )


def _is_decided(skipped: Skipped) -> bool:
    if skipped.stage is SkipStage.GENERATION:
        return skipped.permanent
    return skipped.stage not in _UNDECIDED


def _draft(member: Member, suggestion: Suggestion, places: Places) -> SuggestionDraft:
    content = content_digest(suggestion.member, suggestion.code)
    return SuggestionDraft(
        content=content,
        anchor=places.changes.get(content) or anchor_of(places.files, tuple(_spots(member))),
        is_question=not suggestion.is_green,
        shown=shown_words(suggestion),
    )


def _spots(member: Member) -> Iterator[Spot]:
    """Yield the lines that a comment on a member is about: its own, or of what has changed below it."""
    if not member.because:
        yield Spot(
            path=member.path, line=member.line, end_line=member.end_line, changed_lines=member.changed_lines
        )
    for place in member.because_places:
        yield Spot(path=place.path, line=place.line, end_line=place.end_line)


def _unread(report: Report, remembered: State) -> Iterator[MemberOutcome]:
    """Yield the remembered members of files that could not be read this time: what they have stays."""
    known = {member.id for member in report.members}
    unread = {one.path for one in report.skipped if one.member is None}
    ids = dict.fromkeys(entry.member for entry in remembered.entries)
    for member in ids:
        if member not in known and member.rpartition("::")[0] in unread:
            yield MemberOutcome(member=member, is_decided=False)
