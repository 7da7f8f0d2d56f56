"""Decide the number and the location of each suggestion on a pull request. Pure functions.

Numbers appear in the texts of comments, so they are assigned before any text is written. A suggestion can get
a comment of its own only in the run that first finds it. It is never posted again, whatever people did with
the comment; a suggestion that got no comment is listed in the summary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from testsmith.forge.comment_markers import (
    SuggestionMarker,
    answer_to,
    is_same_login,
    is_summary,
    run_of,
    suggestion_of,
)
from testsmith.forge.interface import Anchor, Comment, Existing, Review, ReviewComment
from testsmith.forge.pr_state import (
    LANDINGS,
    CommittedPlace,
    MemberState,
    PastSuggestion,
    State,
    StateEntry,
    decode,
    merged,
)
from testsmith.model import SkipStage
from testsmith.settings import ReviewSettings


class ShownWhere(StrEnum):
    """Where a suggestion is shown."""

    NEW = "new"  # a comment in this run's review
    STANDING = "standing"  # an existing comment, hidden or not
    LISTED = "listed"  # only in the summary
    REJECTED = "rejected"  # no longer shown
    COMMITTED = "committed"  # no longer shown: it was committed


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A suggestion or question of this run.

    Attributes:
        member: Its member's id.
        content: Digest of its content; see `comment_markers.content_digest`.
        anchor: Position for a comment in the diff; None if there is none.
        is_question: Whether it is a question rather than a test to keep.
        shown: Display text for the summary's row, stored in the state.
        number: Its number on the pull request; 0 before `reconcile` has assigned it.
        posting: Where it is shown, once `reconcile` has decided.
    """

    member: str
    content: str
    anchor: Anchor | None = None
    is_question: bool = False
    shown: str = ""
    number: int = 0
    posting: ShownWhere = ShownWhere.LISTED


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberOutcome:
    """The outcome of one member in this run.

    Attributes:
        member: The member's id.
        source: Digest of the inputs that led to the outcome; empty if the member must be processed again even
            if nothing changes.
        proposals: Suggestions and questions, in order of preference for a comment.
        stage: The stage at which the member was skipped, if there is no proposal.
        shown: Display text for the summary's row of a skipped member, stored in the state.
        is_unchanged: Whether it was not processed because the stored outcome is still valid.
        is_decided: Whether it could be judged; if not, its stored outcome is kept.
        is_asked: Whether a person requested it although it is not part of the change.
    """

    member: str
    source: str = ""
    proposals: tuple[Proposal, ...] = ()
    stage: SkipStage | None = None
    shown: str = ""
    is_unchanged: bool = False
    is_decided: bool = True
    is_asked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The finished texts for one pull request, without markers.

    Attributes:
        comments: Texts of the review comments, by content.
        summary: The text of the summary comment. A change of its last line alone does not count as a change.
        review: The single line of the review.
    """

    comments: Mapping[str, str]
    summary: str
    review: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """The outcome of each suggestion.

    Attributes:
        proposals: The suggestions and questions of this run, in the order of the members.
        state: The state to store; includes the entries of unchanged members.
        retired: Visible comments of the bot whose suggestion no longer applies.
        duplicates: Visible comments of the bot that repeat an older one.
        restored: Comments hidden by the bot whose suggestion applies again.
        rejected: Visible comments of the bot whose suggestion a person has just rejected.
        applied: Comments of the bot whose suggestion has just been committed.
        speaks: Whether there is anything to post.
        is_blocked: Whether a pending review that the bot did not create prevents comments.
    """

    proposals: tuple[Proposal, ...]
    state: State
    retired: tuple[ReviewComment, ...] = ()
    duplicates: tuple[ReviewComment, ...] = ()
    restored: tuple[ReviewComment, ...] = ()
    rejected: tuple[ReviewComment, ...] = ()
    applied: tuple[ReviewComment, ...] = ()
    speaks: bool = False
    is_blocked: bool = False

    def has_proposals(self) -> bool:
        """Return whether there are suggestions or questions, from this run or an earlier one."""
        done = frozenset((*self.state.rejected, *self.state.applied))
        return any(entry.number and entry.content not in done for entry in self.state.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """Decisions about a pull request to store in its state.

    Attributes:
        rejected: Contents that were rejected.
        applied: Contents that were committed.
        place: The commit location, as in `CommittedPlace.place`; empty for none.
        is_ignored: Whether to pause the bot on the pull request; None leaves it as it is.
    """

    rejected: frozenset[str] = frozenset()
    applied: frozenset[str] = frozenset()
    place: str = ""
    is_ignored: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredState:
    """The state that a run wants a pull request to be in.

    Attributes:
        head: Full object id of the head that was processed; empty if it does not matter.
        outcomes: The outcome of every member.
        is_complete: Whether the outcomes cover all members; if not, other members keep their stored outcome.
        has_news: Whether to post even without suggestions or questions.
        refused: Contents that the forge rejected at every position in the diff.
        wishes: Decisions to store.
    """

    head: str
    outcomes: tuple[MemberOutcome, ...]
    is_complete: bool = True
    has_news: bool = False
    refused: frozenset[str] = frozenset()
    wishes: Decisions = Decisions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A suggestion's comment posted by the bot, with its marker."""

    comment: ReviewComment
    mark: SuggestionMarker


def own_summaries(existing: Existing) -> tuple[Comment, ...]:
    """Return the bot's summary comments, oldest first, including hidden ones."""
    ours = (one for one in existing.comments if _is_ours(existing, one) and is_summary(one.body))
    return tuple(sorted(ours, key=lambda comment: comment.id))


def own_suggestions(existing: Existing) -> tuple[Posted, ...]:
    """Return the bot's suggestion comments, oldest first."""
    ours = (comment for comment in existing.review_comments if _is_ours(existing, comment))
    marked = ((comment, suggestion_of(comment.body)) for comment in ours)
    posted = (Posted(comment=comment, mark=mark) for comment, mark in marked if mark)
    return tuple(sorted(posted, key=lambda one: one.comment.id))


def own_reviews(existing: Existing) -> tuple[Review, ...]:
    """Return the bot's reviews."""
    return tuple(one for one in existing.reviews if _is_ours(existing, one) and run_of(one.body))


def pending_of_others(existing: Existing) -> tuple[Review, ...]:
    """Return pending reviews that someone else created with the bot's account and must finish."""
    ours = own_reviews(existing)
    return tuple(
        one for one in existing.reviews if one.is_pending and _is_ours(existing, one) and one not in ours
    )


def own_answers(existing: Existing) -> dict[int, int]:
    """Return the bot's answers: their ids, by the comment that each answers."""
    said: tuple[Comment | ReviewComment, ...] = (*existing.comments, *existing.review_comments)
    marked = ((answer_to(one.body), one.id) for one in said if _is_ours(existing, one))
    return {comment: answer for comment, answer in marked if comment is not None}


def _is_ours(existing: Existing, one: Comment | ReviewComment | Review) -> bool:
    return is_same_login(one.author, existing.viewer.login)


def remember(existing: Existing) -> State:
    """Return the stored state of a pull request.

    In addition to the hidden block, the markers of suggestions are read, so numbers and contents are known
    even if someone deleted or damaged the summary. A comment hidden as resolved counts as rejected, whatever
    the block says, because two runs that write the block at the same time lose one of two rejections.
    """
    summaries = own_summaries(existing)
    read = (*summaries[:1], *(one for one in summaries[1:] if not one.is_minimized))
    state = merged([block for block in (decode(one.body) for one in read) if block])
    posted = own_suggestions(existing)
    marks = [one.mark for one in posted]
    hidden = (one.mark.content for one in posted if one.comment.is_settled)
    return replace(
        state,
        rejected=tuple(dict.fromkeys((*state.rejected, *hidden))),
        past=(*state.past, *_unknown(marks, state)),
        next_number=max([state.next_number, *(mark.number + 1 for mark in marks)]),
    )


def _unknown(marks: Iterable[SuggestionMarker], state: State) -> Iterator[PastSuggestion]:
    numbers = state.numbers()
    taken = set(numbers.values())
    for mark in marks:
        if mark.content not in numbers and mark.number not in taken:
            numbers[mark.content] = mark.number
            taken.add(mark.number)
            yield PastSuggestion(number=mark.number, content=mark.content)


def reconcile(existing: Existing, wanted: DesiredState, limits: ReviewSettings) -> Reconciled:
    """Decide the number and the location of each suggestion.

    While a review that someone else began with the bot's account is pending, no comment can be posted.
    """
    memory, posted = _with_wishes(remember(existing), wanted.wishes), own_suggestions(existing)
    blocked = bool(pending_of_others(existing))
    limits = ReviewSettings(max_comments=0) if blocked else limits
    proposals, next_number = _numbered(wanted.outcomes, memory)
    choice = _Choice(memory, posted, wanted.refused, limits)
    proposals = tuple(replace(one, posting=choice.posting(one)) for one in proposals)
    entries = tuple(_entries(memory, wanted, proposals))
    current = {entry.content for entry in entries if entry.number is not None}
    retired = tuple(_retired(posted, current, memory, wanted))
    speaks = wanted.has_news or bool(own_summaries(existing))
    settled = Reconciled(
        proposals=proposals,
        state=replace(
            memory,
            is_cut=False,
            entries=entries,
            past=_past(memory, current, {one.mark.content for one in retired}),
            next_number=next_number,
        ),
        retired=tuple(one.comment for one in retired),
        duplicates=tuple(_duplicates(posted, current)),
        restored=tuple(_restored(posted, current, memory)),
        rejected=tuple(_shown_of(posted, wanted.wishes.rejected)),
        applied=tuple(_shown_of(posted, wanted.wishes.applied)),
        is_blocked=blocked,
    )
    return replace(settled, speaks=speaks or settled.has_proposals())


def _with_wishes(memory: State, wishes: Decisions) -> State:
    return replace(
        memory,
        rejected=tuple(dict.fromkeys((*memory.rejected, *sorted(wishes.rejected)))),
        applied=tuple(dict.fromkeys((*memory.applied, *sorted(wishes.applied)))),
        landings=_landings(memory, wishes),
        is_ignored=memory.is_ignored if wishes.is_ignored is None else wishes.is_ignored,
    )


def _landings(memory: State, wishes: Decisions) -> tuple[CommittedPlace, ...]:
    if not wishes.applied or not wishes.place:
        return memory.landings
    before = [one for one in memory.landings if one.place == wishes.place]
    contents = {*wishes.applied, *(content for one in before for content in one.contents)}
    others = [one for one in memory.landings if one.place != wishes.place]
    return (*others, CommittedPlace(place=wishes.place, contents=tuple(sorted(contents))))[-LANDINGS:]


def _shown_of(posted: Iterable[Posted], contents: frozenset[str]) -> Iterator[ReviewComment]:
    return (one.comment for one in posted if one.mark.content in contents and not one.comment.is_minimized)


def _numbered(outcomes: Iterable[MemberOutcome], memory: State) -> tuple[tuple[Proposal, ...], int]:
    """Return the proposals of this run, each content once, and the next number."""
    numbers, next_number = memory.numbers(), memory.next_number
    proposals = dict[str, Proposal]()
    for outcome in outcomes:
        for one in () if _stays(outcome) else outcome.proposals:
            if one.content not in proposals:
                number = numbers.get(one.content, next_number)
                next_number += number == next_number
                proposals[one.content] = replace(one, number=number)
    return tuple(proposals.values()), next_number


def _stays(outcome: MemberOutcome) -> bool:
    return outcome.is_unchanged or not outcome.is_decided


class _Choice:
    """Decides where the proposals are shown, one after the other."""

    def __init__(
        self, memory: State, posted: Iterable[Posted], refused: frozenset[str], limits: ReviewSettings
    ) -> None:
        self._rejected = frozenset(memory.rejected)
        self._applied = frozenset(memory.applied)
        self._posted = frozenset(one.mark.content for one in posted)
        self._known = memory.numbers().keys() | refused
        self._members = set[str]()
        self._left = limits.max_comments

    def posting(self, proposal: Proposal) -> ShownWhere:
        """Return where the next proposal is shown."""
        content = proposal.content
        if content in self._rejected:
            return ShownWhere.REJECTED
        if content in self._applied:
            return ShownWhere.COMMITTED
        if content in self._posted:
            return ShownWhere.STANDING
        if content in self._known or proposal.anchor is None:
            return ShownWhere.LISTED
        if proposal.member in self._members or not self._left:
            return ShownWhere.LISTED
        self._members.add(proposal.member)
        self._left -= 1
        return ShownWhere.NEW


_Key = tuple[str, str]
"""Key of an entry: member and content, which is empty for a skipped member."""


def _key(entry: StateEntry) -> _Key:
    return entry.member, entry.content


def _entries(memory: State, wanted: DesiredState, proposals: tuple[Proposal, ...]) -> list[StateEntry]:
    """Return the entries to store: numbered ones by number, then the skipped members.

    The stored state may lack some skipped members, so its order is used only if the outcomes are
    incomplete.
    """
    remembered = {_key(entry): entry for entry in memory.entries}
    fresh = {_key(entry): entry for entry in _fresh_entries(memory, wanted, proposals)}
    order = fresh if wanted.is_complete else remembered | fresh
    extras = {key: entry.extra for key, entry in remembered.items()}
    entries = (replace(fresh[key], extra=extras.get(key, ())) for key in order if key in fresh)
    return sorted(entries, key=lambda entry: (entry.number is None, entry.number or 0))


def _fresh_entries(
    memory: State, wanted: DesiredState, proposals: tuple[Proposal, ...]
) -> Iterator[StateEntry]:
    by_member = _by_member(memory.entries)
    outcomes = {outcome.member: outcome for outcome in wanted.outcomes}
    for outcome in wanted.outcomes:
        before = by_member.get(outcome.member, ())
        if _stays(outcome) and before:
            yield from before
        elif not outcome.proposals and outcome.stage:
            yield _skipped_entry(outcome)
    yield from (_proposal_entry(one, outcomes[one.member]) for one in proposals)
    for entry in memory.entries:
        if entry.member not in outcomes and (entry.is_asked or not wanted.is_complete):
            yield entry


def _by_member(entries: Iterable[StateEntry]) -> dict[str, list[StateEntry]]:
    found = dict[str, list[StateEntry]]()
    for entry in entries:
        found.setdefault(entry.member, []).append(entry)
    return found


def _skipped_entry(outcome: MemberOutcome) -> StateEntry:
    return StateEntry(
        member=outcome.member,
        source=outcome.source,
        outcome=MemberState.SKIPPED,
        stage=outcome.stage,
        shown=outcome.shown,
    )


def _proposal_entry(proposal: Proposal, outcome: MemberOutcome) -> StateEntry:
    return StateEntry(
        member=proposal.member,
        source=outcome.source,
        outcome=MemberState.QUESTION if proposal.is_question else MemberState.SUGGESTED,
        number=proposal.number,
        content=proposal.content,
        shown=proposal.shown,
        is_asked=outcome.is_asked,
    )


def _past(memory: State, current: set[str], retired: set[str]) -> tuple[PastSuggestion, ...]:
    before = (
        *memory.past,
        *(
            PastSuggestion(number=one.number, content=one.content)
            for one in memory.entries
            if one.number is not None
        ),
    )
    past = (
        replace(one, was_hidden=one.was_hidden or one.content in retired)
        for one in before
        if one.content not in current
    )
    return tuple(sorted(past, key=lambda one: one.number))


def _retired(
    posted: Iterable[Posted], current: set[str], memory: State, wanted: DesiredState
) -> Iterator[Posted]:
    looked_at = {entry.content for entry in memory.entries}
    for one in posted:
        content = one.mark.content
        if content in current or one.comment.is_minimized:
            continue
        if wanted.is_complete or content in looked_at:
            yield one


def _duplicates(posted: Iterable[Posted], current: set[str]) -> Iterator[ReviewComment]:
    seen = set[str]()
    for one in posted:
        if one.mark.content in seen and one.mark.content in current and not one.comment.is_minimized:
            yield one.comment
        seen.add(one.mark.content)


def _restored(posted: Iterable[Posted], current: set[str], memory: State) -> Iterator[ReviewComment]:
    hidden = {past.content for past in memory.past if past.was_hidden} & current
    for one in posted:
        if one.mark.content in hidden:
            hidden.discard(one.mark.content)
            if one.comment.is_minimized:
                yield one.comment
