"""What becomes of each suggestion on a pull request: its number, and where it is shown. All pure.

Numbers stand in the texts of comments, so they are given before anything is written. A suggestion gets one
chance of a comment of its own: in the run that first finds it. After that it is never posted again, whatever
a person has done with the comment; what got none stands in the summary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
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

DEFAULT_COMMENTS = 10
"""How many comments a review has at most, where nothing else is set."""

MOST_COMMENTS = 25
"""How many comments a review has at most, whatever is set: with more, GitHub has been seen to answer 502."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostLimits:
    """How much is posted at once.

    Attributes:
        max_comments: The most comments of one review; at most 25 count.
    """

    max_comments: int = DEFAULT_COMMENTS

    @property
    def comments(self) -> int:
        """The most comments of one review."""
        return max(0, min(self.max_comments, MOST_COMMENTS))


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionDraft:
    """A suggestion or question that this run found, not yet numbered.

    Attributes:
        content: Digest of its content; see `marks.content_digest`.
        anchor: Where in the diff a comment on it can be; None for nowhere.
        is_question: Whether it is something to ask about, rather than a test to keep.
        shown: A few words for the summary's row, to be remembered.
    """

    content: str
    anchor: Anchor | None = None
    is_question: bool = False
    shown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberOutcome:
    """What came of one member in this run.

    Attributes:
        member: The member's id.
        source: Digest of all that the outcome was found from; empty where it must be looked at again even if
            nothing changes.
        drafts: What is to be proposed or asked; those that should rather have the comment come first.
        stage: Where the member was left, if there is no draft.
        shown: A few words for the summary's row of a member that was left, to be remembered.
        is_unchanged: Whether it was not looked at, since what is remembered still holds.
        is_decided: Whether it could be judged; else what it has stays as it is.
        is_asked: Whether a person has asked for it though the change has no such member.
    """

    member: str
    source: str = ""
    drafts: tuple[SuggestionDraft, ...] = ()
    stage: SkipStage | None = None
    shown: str = ""
    is_unchanged: bool = False
    is_decided: bool = True
    is_asked: bool = False


class ShownWhere(StrEnum):
    """Where a suggestion is shown."""

    NEW = "new"  # as a comment of this run's review
    STANDING = "standing"  # as a comment that is there, hidden or not
    LISTED = "listed"  # in the summary only
    REJECTED = "rejected"  # nowhere any more
    COMMITTED = "committed"  # nowhere any more: it is in the test tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A suggestion or question of this run, with its number and where it is shown."""

    member: str
    number: int
    posting: ShownWhere
    draft: SuggestionDraft


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The finished texts for one pull request, without marks.

    Attributes:
        comments: The text of the review comment for each proposal that gets one, by content.
        summary: The summary comment's text; a change of its last line alone is none.
        review: The review's one line.
    """

    comments: Mapping[str, str]
    summary: str
    review: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What becomes of each suggestion.

    Attributes:
        proposals: Those of this run, in the order of the members.
        state: What is to be remembered. Its entries tell of unchanged members, too.
        retired: Comments of ours whose suggestion no longer applies, and that are still shown.
        duplicates: Comments of ours that repeat an older one, and are still shown.
        restored: Comments that we have hidden and whose suggestion applies again.
        rejected: Comments of ours whose suggestion a person has just rejected, and that are still shown.
        applied: Comments of ours whose suggestion was just committed.
    """

    proposals: tuple[Proposal, ...]
    state: State
    retired: tuple[ReviewComment, ...] = ()
    duplicates: tuple[ReviewComment, ...] = ()
    restored: tuple[ReviewComment, ...] = ()
    rejected: tuple[ReviewComment, ...] = ()
    applied: tuple[ReviewComment, ...] = ()

    def has_proposals(self) -> bool:
        """Tell whether there is something to propose or ask, of this run or of an earlier one."""
        done = frozenset((*self.state.rejected, *self.state.applied))
        return any(entry.number and entry.content not in done for entry in self.state.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What a person wants to be remembered of a pull request.

    Attributes:
        rejected: Contents that are rejected.
        applied: Contents that were committed.
        place: Where, as `CommittedPlace.place`; empty for nowhere.
        is_ignored: Whether the pull request is to be left alone; None for as it is.
    """

    rejected: frozenset[str] = frozenset()
    applied: frozenset[str] = frozenset()
    place: str = ""
    is_ignored: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredState:
    """What a run wants to have on a pull request.

    Attributes:
        head: Full object id of the head that was looked at; empty where it does not matter.
        outcomes: What came of every member.
        write: Makes the texts, once numbers and places are known, given the summary comment's body as it is,
            empty where there is none. Pure.
        is_complete: Whether the outcomes are all there are; else what other members have stays as it is.
        has_news: Whether there is something to say even with nothing to propose.
        refused: Contents that the forge has taken at no place in the diff.
        wishes: What a person wants to be remembered.
    """

    head: str
    outcomes: tuple[MemberOutcome, ...]
    write: Callable[[Reconciled, str], Texts]
    is_complete: bool = True
    has_news: bool = False
    refused: frozenset[str] = frozenset()
    wishes: Decisions = Decisions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A suggestion's comment of ours, with its mark."""

    comment: ReviewComment
    mark: SuggestionMarker


def own_summaries(existing: Existing) -> tuple[Comment, ...]:
    """Return the summary comments of ours, the oldest first; one that somebody has hidden is ours still."""
    ours = (one for one in existing.comments if _is_ours(existing, one) and is_summary(one.body))
    return tuple(sorted(ours, key=lambda comment: comment.id))


def own_suggestions(existing: Existing) -> tuple[Posted, ...]:
    """Return the suggestions' comments of ours, the oldest first."""
    ours = (comment for comment in existing.review_comments if _is_ours(existing, comment))
    marked = ((comment, suggestion_of(comment.body)) for comment in ours)
    posted = (Posted(comment=comment, mark=mark) for comment, mark in marked if mark)
    return tuple(sorted(posted, key=lambda one: one.comment.id))


def own_reviews(existing: Existing) -> tuple[Review, ...]:
    """Return the reviews of ours."""
    return tuple(one for one in existing.reviews if _is_ours(existing, one) and run_of(one.body))


def own_answers(existing: Existing) -> dict[int, int]:
    """Return the numbers of our answers, by the comment that each answers."""
    said: tuple[Comment | ReviewComment, ...] = (*existing.comments, *existing.review_comments)
    marked = ((answer_to(one.body), one.id) for one in said if _is_ours(existing, one))
    return {comment: answer for comment, answer in marked if comment is not None}


def _is_ours(existing: Existing, one: Comment | ReviewComment | Review) -> bool:
    return is_same_login(one.author, existing.viewer.login)


def remember(existing: Existing) -> State:
    """Return what is remembered of a pull request.

    Besides the hidden block, the marks of suggestions count, so that a number or content is known even where
    somebody has deleted or damaged the summary. What is hidden as resolved is rejected, whatever the block
    says: two runs that write it at the same moment lose one of two rejections.
    """
    summaries = own_summaries(existing)
    read = (*summaries[:1], *(one for one in summaries[1:] if not one.is_minimised))
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


def reconcile(existing: Existing, wanted: DesiredState, limits: PostLimits) -> Reconciled:
    """Return what becomes of each suggestion, given what is there."""
    memory, posted = _with_wishes(remember(existing), wanted.wishes), own_suggestions(existing)
    proposals, next_number = _numbered(wanted.outcomes, memory)
    choice = _Choice(memory, posted, wanted.refused, limits)
    proposals = tuple(replace(one, posting=choice.posting(one)) for one in proposals)
    entries = tuple(_entries(memory, wanted, proposals))
    current = {entry.content for entry in entries if entry.number is not None}
    retired = tuple(_retired(posted, current, memory, wanted))
    return Reconciled(
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
    )


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
    return (one.comment for one in posted if one.mark.content in contents and not one.comment.is_minimised)


def _numbered(outcomes: Iterable[MemberOutcome], memory: State) -> tuple[tuple[Proposal, ...], int]:
    """Return the proposals of this run, each content once, and the next number."""
    numbers, next_number = memory.numbers(), memory.next_number
    proposals = dict[str, Proposal]()
    for outcome in outcomes:
        for draft in () if _stays(outcome) else outcome.drafts:
            if draft.content in proposals:
                continue
            number = numbers.get(draft.content, next_number)
            next_number += number == next_number
            proposals[draft.content] = Proposal(
                member=outcome.member, number=number, posting=ShownWhere.LISTED, draft=draft
            )
    return tuple(proposals.values()), next_number


def _stays(outcome: MemberOutcome) -> bool:
    return outcome.is_unchanged or not outcome.is_decided


class _Choice:
    """Chooses where the proposals are shown, one after the other."""

    def __init__(
        self, memory: State, posted: Iterable[Posted], refused: frozenset[str], limits: PostLimits
    ) -> None:
        self._rejected = frozenset(memory.rejected)
        self._applied = frozenset(memory.applied)
        self._posted = frozenset(one.mark.content for one in posted)
        self._known = memory.numbers().keys() | refused
        self._members = set[str]()
        self._left = limits.comments

    def posting(self, proposal: Proposal) -> ShownWhere:
        """Return where the next proposal is shown."""
        content = proposal.draft.content
        if content in self._rejected:
            return ShownWhere.REJECTED
        if content in self._applied:
            return ShownWhere.COMMITTED
        if content in self._posted:
            return ShownWhere.STANDING
        if content in self._known or proposal.draft.anchor is None:
            return ShownWhere.LISTED
        if proposal.member in self._members or not self._left:
            return ShownWhere.LISTED
        self._members.add(proposal.member)
        self._left -= 1
        return ShownWhere.NEW


_Key = tuple[str, str]
"""What an entry is about: a member and a content, which is empty for a skipped member."""


def _key(entry: StateEntry) -> _Key:
    return entry.member, entry.content


def _entries(memory: State, wanted: DesiredState, proposals: tuple[Proposal, ...]) -> list[StateEntry]:
    """Return what is to be remembered: what has a number by that, then the skipped members.

    Of the skipped ones a memory may have lost some, so their order is that of complete outcomes; only where
    these are incomplete it is the remembered one.
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
        elif not outcome.drafts and outcome.stage:
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
        outcome=MemberState.QUESTION if proposal.draft.is_question else MemberState.SUGGESTED,
        number=proposal.number,
        content=proposal.draft.content,
        shown=proposal.draft.shown,
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
        if content in current or one.comment.is_minimised:
            continue
        if wanted.is_complete or content in looked_at:
            yield one


def _duplicates(posted: Iterable[Posted], current: set[str]) -> Iterator[ReviewComment]:
    seen = set[str]()
    for one in posted:
        if one.mark.content in seen and one.mark.content in current and not one.comment.is_minimised:
            yield one.comment
        seen.add(one.mark.content)


def _restored(posted: Iterable[Posted], current: set[str], memory: State) -> Iterator[ReviewComment]:
    hidden = {past.content for past in memory.past if past.was_hidden} & current
    for one in posted:
        if one.mark.content in hidden:
            hidden.discard(one.mark.content)
            if one.comment.is_minimised:
                yield one.comment
