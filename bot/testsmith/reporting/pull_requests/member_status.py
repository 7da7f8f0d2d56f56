"""The status of each member on a pull request, including unchanged ones. Pure functions.

A row shows the stored text (`shown_words`), in the run that found it as well as in later ones, so the same
content always gives the same row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from testsmith.forge.comment_markers import content_digest
from testsmith.forge.pr_state import SHOWN_LIMIT, MemberState, State, StateEntry
from testsmith.forge.reconcile import Reconciled
from testsmith.model import Member, Report, Skipped, SkipStage, Suggestion
from testsmith.reporting.escaping import one_line, text_of
from testsmith.reporting.phrases import proposal_words
from testsmith.reporting.report_assembly import Totals, totals


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberStatuses:
    """The status of all members on a pull request.

    Attributes:
        rows: Suggestions and questions, lowest number first, except for rejected and committed ones.
        skipped: Files and members without a row, with reasons.
        rejected: Numbers of rejected suggestions and questions.
        applied: Numbers of committed suggestions.
        landings: Known commit locations, with the numbers committed there.
        figures: The counts for the headline.
        is_ignored: Whether a person paused the bot on the pull request.
    """

    rows: tuple[StateEntry, ...]
    skipped: tuple[Skipped, ...]
    rejected: tuple[int, ...]
    applied: tuple[int, ...]
    figures: Totals
    is_ignored: bool = False
    landings: tuple[tuple[str, tuple[int, ...]], ...] = ()


def shown_words(found: Suggestion | Skipped) -> str:
    """Return the text stored for the row of a suggestion or skipped member."""
    words = found.reason if isinstance(found, Skipped) else text_of(proposal_words((found,)))
    return one_line(words, SHOWN_LIMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedSuggestion:
    """A suggestion, numbered as on the pull request, with its member."""

    suggestion: Suggestion
    member: Member


def found_in(report: Report, settled: Reconciled | None = None) -> dict[str, NumberedSuggestion]:
    """Return the suggestions of a run, by content digest."""
    members = {member.id: member for member in report.members}
    numbers = {} if settled is None else {one.content: one.number for one in settled.proposals}
    found = dict[str, NumberedSuggestion]()
    for one in report.suggestions:
        content = content_digest(one.member, one.code)
        numbered = replace(one, number=numbers.get(content, one.number))
        found.setdefault(content, NumberedSuggestion(suggestion=numbered, member=members[one.member]))
    return found


def account(report: Report, settled: Reconciled | None = None) -> MemberStatuses:
    """Return the status of all members; without `settled`, from the report alone."""
    state = State() if settled is None else settled.state
    known = _entries(report) if settled is None else state.entries
    entries = tuple(one for one in known if not one.is_about_test)
    proposals = sorted((one for one in entries if one.number), key=lambda one: one.number or 0)
    rejected = _numbers(proposals, state.rejected)
    applied = _ever_numbered(state, frozenset(state.applied) - frozenset(state.rejected))
    rows = tuple(one for one in proposals if one.number not in {*rejected, *applied})
    skipped = tuple(_skipped(report, entries))
    figures = totals(report) if settled is None else _figures(report, entries, rows, skipped)
    return MemberStatuses(
        rows=rows,
        skipped=skipped,
        rejected=rejected,
        applied=applied,
        figures=figures,
        is_ignored=state.is_ignored,
        landings=tuple((one.place, _ever_numbered(state, one.contents)) for one in state.landings),
    )


def _ever_numbered(state: State, contents: Collection[str]) -> tuple[int, ...]:
    """Return the numbers of contents, including those that no longer apply."""
    return tuple(sorted(number for content, number in state.numbers().items() if content in contents))


def _numbers(proposals: Iterable[StateEntry], contents: Collection[str]) -> tuple[int, ...]:
    return tuple(one.number or 0 for one in proposals if one.content in contents)


def _entries(report: Report) -> tuple[StateEntry, ...]:
    return tuple(_entry(content, one.suggestion) for content, one in found_in(report).items())


def _entry(content: str, suggestion: Suggestion) -> StateEntry:
    return StateEntry(
        member=suggestion.member,
        source="",
        outcome=MemberState.SUGGESTED if suggestion.is_green else MemberState.QUESTION,
        number=suggestion.number,
        content=content,
        shown=shown_words(suggestion),
    )


def _skipped(report: Report, entries: Iterable[StateEntry]) -> Iterator[Skipped]:
    """Yield the files, then the members in report order, then members known only from the stored state."""
    remembered = {one.member: one for one in entries}
    reasons = {one.member: one for one in report.skipped if one.member is not None}
    yield from (one for one in report.skipped if one.member is None)
    for member in dict.fromkeys((*(one.id for one in report.members), *reasons, *remembered)):
        found = _left(remembered.get(member), reasons.get(member))
        if found is not None:
            yield found


def _left(entry: StateEntry | None, reason: Skipped | None) -> Skipped | None:
    """Return why a member has no suggestion; None if it has one."""
    if entry is None:
        return reason
    if entry.number is not None:
        return None
    path = entry.member.partition("::")[0] if reason is None else reason.path
    words = entry.shown or (reason.reason if reason else "as before")
    return Skipped(path=path, member=entry.member, stage=entry.stage or SkipStage.GATE, reason=words)


def _figures(
    report: Report, entries: Iterable[StateEntry], rows: Iterable[StateEntry], skipped: Iterable[Skipped]
) -> Totals:
    rows, skipped = tuple(rows), tuple(skipped)
    files = sum(one.member is None for one in skipped)
    members = {one.id for one in report.members} | {one.member for one in entries}
    green = [one for one in rows if one.outcome is MemberState.SUGGESTED]
    return Totals(
        members=len(members),
        tested=len({one.member for one in green}),
        tests=None,
        questions=len(rows) - len(green),
        unproven=False,
        skipped_members=len(skipped) - files,
        skipped_files=files,
    )
