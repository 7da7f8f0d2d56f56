"""From a run's report to what came of each member, as a pull request's comments are planned by. All pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from testsmith.forge.anchors import ShownFile, Spot, anchor_of
from testsmith.forge.forge import Anchor
from testsmith.forge.marks import content_digest
from testsmith.forge.settling import Draft, MemberOutcome
from testsmith.forge.state import State
from testsmith.model import Member, Report, Skipped, Stage, Suggestion
from testsmith.report.account import shown_words

_UNDECIDED = frozenset({Stage.ENVIRONMENT, Stage.BUDGET})
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
    if skipped.stage is Stage.GENERATION:
        return skipped.permanent
    return skipped.stage not in _UNDECIDED


def _draft(member: Member, suggestion: Suggestion, places: Places) -> Draft:
    content = content_digest(suggestion.member, suggestion.code)
    return Draft(
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
