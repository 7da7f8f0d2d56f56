"""The state of a pull request, stored as a hidden block of JSON in the summary comment.

    <!-- testsmith:state {"version":1,"next":4,"entries":[...],"past":[...],"rejected":[...]} -->

Anyone with write access can edit a comment, so everything read from one is checked for shape and size, and
invalid entries are dropped one by one. Keys that this version does not know are written back unchanged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from operator import eq
from typing import Annotated, Any, ClassVar

from annotated_types import Interval, Len, MaxLen

from testsmith.decode import IF_VALID, OTHERS_TOO, Malformed, Matches, OrElse, Then
from testsmith.decode import decode as decode_json
from testsmith.forge.comment_markers import (
    DIGEST,
    HIDDEN_LIMIT,
    NUMBER_LIMIT,
    hidden_data,
    hidden_line,
)
from testsmith.model import SkipStage
from testsmith.storage.keys import is_same_but_for_tests

MEMBER_LIMIT = 1_000
"""Maximum characters of a stored member id."""

SHOWN_LIMIT = 200
"""Maximum characters of the stored display text of an entry."""

_VERSION = 1
_NAME = "state"
LANDINGS = 20
"""Maximum number of commit locations stored."""

_LANDING = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}|#[1-9][0-9]{0,9}")
_SOURCE = re.compile(r"[0-9a-zA-Z:._-]{0,128}")
_KEY = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_EXTRA_LIMIT = 2_000
_NUMBERS_SKIPPED = 10_000


class MemberState(StrEnum):
    """Outcome of a member."""

    SUGGESTED = "suggested"
    QUESTION = "question"
    SKIPPED = "skipped"


Extra = tuple[tuple[str, str], ...]
"""Keys that this version does not know, each with its value as JSON."""


AUDITED = "audit:"
"""Beginning of the member of an entry that is about a test of the pull request itself; its id follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateEntry:
    """One outcome of one member. A member with a suggestion and a question has two entries.

    Attributes:
        member: The member's id.
        source: Digest of the inputs that led to the outcome, computed by the caller; empty if the member must
            be processed again even if nothing changes.
        outcome: The outcome.
        number: The number of a suggestion or question; None for a skipped member.
        content: Digest of a suggestion's or question's content; empty for a skipped member.
        stage: The stage at which a member was skipped; None for the others.
        shown: Display text for the summary's row; untrusted.
        is_asked: Whether a person requested the member, so that it stays even if it is not part of the
            change.
        extra: Unknown keys written by another version.
    """

    member: str
    source: str
    outcome: MemberState
    number: int | None = None
    content: str = ""
    stage: SkipStage | None = None
    shown: str = ""
    is_asked: bool = False
    extra: Extra = ()

    @property
    def is_about_test(self) -> bool:
        """Whether it is about a test of the pull request itself, and not about a member."""
        return self.member.startswith(AUDITED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastSuggestion:
    """A suggestion that no longer applies.

    Attributes:
        number: Its number, which is never reused.
        content: The digest of its content.
        was_hidden: Whether the bot hid its comment, and so may unhide it.
    """

    number: int
    content: str
    was_hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedPlace:
    """The location at which contents were committed.

    Attributes:
        place: A commit's full object id, or a pull request as `#12`.
        contents: Digests of the committed contents.
    """

    place: str
    contents: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The stored state of a pull request.

    Attributes:
        entries: Outcomes of its members, in the order they were found.
        past: Suggestions that no longer apply, in the same order.
        rejected: Contents that a person rejected.
        applied: Contents that were committed.
        landings: Locations of the most recent commits, oldest first.
        is_ignored: Whether a person paused the bot on this pull request.
        next_number: The number of the next new suggestion or question.
        is_cut: Whether the hidden block that was read had no room for the full state.
        extra: Unknown keys written by another version.
    """

    entries: tuple[StateEntry, ...] = ()
    past: tuple[PastSuggestion, ...] = ()
    rejected: tuple[str, ...] = ()
    applied: tuple[str, ...] = ()
    landings: tuple[CommittedPlace, ...] = ()
    is_ignored: bool = False
    next_number: int = 1
    is_cut: bool = False
    extra: Extra = ()

    def of_member(self, member: str) -> tuple[StateEntry, ...]:
        """Return the entries of one member."""
        return tuple(entry for entry in self.entries if entry.member == member)

    def numbers(self) -> dict[str, int]:
        """Return the numbers of all contents, including past ones, by content."""
        current = {entry.content: entry.number for entry in self.entries if entry.number is not None}
        return {past.content: past.number for past in self.past} | current


def merged(states: Sequence[State]) -> State:
    """Return several states as one; on conflict, the first one wins."""
    if not states:
        return State()
    members = {entry.member for entry in states[0].entries}
    others = (entry for state in states[1:] for entry in state.entries if entry.member not in members)
    entries = tuple(_distinct((*states[0].entries, *others)))
    past = (one for state in states for one in state.past)
    return State(
        entries=entries,
        past=tuple(_distinct_past(past, entries)),
        rejected=tuple(dict.fromkeys(content for state in states for content in state.rejected)),
        applied=tuple(dict.fromkeys(content for state in states for content in state.applied)),
        landings=tuple(dict.fromkeys(one for state in states for one in state.landings))[-LANDINGS:],
        is_ignored=states[0].is_ignored,
        next_number=max(state.next_number for state in states),
        extra=states[0].extra,
    )


def is_unchanged(state: State, member: str, source: str) -> bool:
    """Return whether the stored outcome of a member is still valid, so that the member can be skipped.

    For a member whose test was committed, changed tests do not invalidate it; otherwise each commit would
    lead to the next.

    Args:
        state: The stored state.
        member: The member's id.
        source: Digest of the current inputs of its outcome.
    """
    entries = state.of_member(member)
    if not source or not entries:
        return False
    is_same = is_same_but_for_tests if _is_in_the_tree(state, entries) else eq
    return all(is_same(entry.source, source) for entry in entries)


def _is_in_the_tree(state: State, entries: Sequence[StateEntry]) -> bool:
    """Return whether a test of the member was committed, which changed the set of existing tests."""
    return any(entry.content in state.applied for entry in entries if entry.number)


def encode(state: State) -> str:
    """Return the hidden block: one line, never longer than the limit.

    If the state is too large, parts are dropped in this order: skipped members, oldest first; display texts,
    unknown keys and commit locations; the member ids of suggestions, lowest number first (number and content
    stay), then of past ones; the oldest committed contents; the oldest rejected contents. The next number and
    the pause flag always stay.
    """
    return next(block for block in map(_block, _ever_smaller(state)) if len(block) <= HIDDEN_LIMIT)


def fits(state: State) -> bool:
    """Return whether a full state fits into the hidden block."""
    return len(_block(state)) <= HIDDEN_LIMIT


def _block(state: State) -> str:
    return hidden_line(_NAME, _encoded(state))


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _encoded(state: State) -> dict[str, Any]:
    return {
        "version": _VERSION,
        "next": state.next_number,
        "entries": [_encoded_entry(entry) for entry in state.entries],
        "past": [[past.number, past.content, int(past.was_hidden)] for past in state.past],
        "rejected": list(state.rejected),
        **({"applied": list(state.applied)} if state.applied else {}),
        **({"landings": [[one.place, *one.contents] for one in state.landings]} if state.landings else {}),
        **({"ignored": True} if state.is_ignored else {}),
        **({"cut": True} if state.is_cut else {}),
    } | _encoded_extra(state.extra)


def _encoded_entry(entry: StateEntry) -> dict[str, Any]:
    data = {
        "member": entry.member,
        "source": entry.source,
        "outcome": entry.outcome.value,
        "number": entry.number,
        "content": entry.content,
        "stage": entry.stage and entry.stage.value,
        "shown": entry.shown[:SHOWN_LIMIT],
        "asked": entry.is_asked or None,
    }
    return {key: value for key, value in data.items() if value not in {None, ""}} | _encoded_extra(
        entry.extra
    )


def _encoded_extra(extra: Extra) -> dict[str, Any]:
    return {key: json.loads(value) for key, value in extra}


def _ever_smaller(state: State) -> Iterator[State]:
    yield state
    state = replace(state, is_cut=True)
    for cut, most in (
        (_without_skipped, _skipped_count(state)),
        (_without_words, 1),
        (_without_members, len(state.entries)),
        (_without_past, len(state.entries) + len(state.past)),
        (_without_applied, len(state.applied)),
        (_without_rejected, len(state.rejected)),
    ):
        state = _least_cut(state, cut, most)
        yield state


def _least_cut(state: State, cut: Callable[[State, int], State], most: int) -> State:
    """Return the state with the smallest cut that fits, found by bisection; the largest cut if none fits."""
    least, beyond = 0, most
    while least < beyond:
        middle = (least + beyond) // 2
        if fits(cut(state, middle)):
            beyond = middle
        else:
            least = middle + 1
    return cut(state, least)


def _skipped_count(state: State) -> int:
    return sum(entry.outcome is MemberState.SKIPPED for entry in state.entries)


def without_skipped(state: State) -> State:
    """Return a state without its skipped members."""
    return _without_skipped(state, len(state.entries))


def _without_skipped(state: State, count: int) -> State:
    skipped = [index for index, entry in enumerate(state.entries) if entry.outcome is MemberState.SKIPPED]
    left_out = frozenset(skipped[:count])
    kept = (entry for index, entry in enumerate(state.entries) if index not in left_out)
    return replace(state, entries=tuple(kept))


def _without_words(state: State, count: int) -> State:
    plain = tuple(replace(entry, shown="", extra=()) for entry in state.entries)
    return replace(state, entries=plain, extra=(), landings=()) if count else state


def _without_members(state: State, count: int) -> State:
    """Return a state without the member ids of the first `count` suggestions by number.

    The order does not depend on earlier cuts, so the same state is always cut the same way.
    """
    entries = sorted(state.entries, key=lambda entry: entry.number or 0)
    demoted = (
        PastSuggestion(number=one.number, content=one.content) for one in entries[:count] if one.number
    )
    past = sorted((*state.past, *demoted), key=lambda one: one.number)
    return replace(state, entries=tuple(entries[count:]), past=tuple(past)) if count else state


def _without_past(state: State, count: int) -> State:
    return replace(state, past=state.past[count:])


def _without_applied(state: State, count: int) -> State:
    return replace(state, applied=state.applied[count:])


def _without_rejected(state: State, count: int) -> State:
    return replace(state, rejected=state.rejected[count:])


_Number = Annotated[int, Interval(ge=1, le=NUMBER_LIMIT)]
_Flag = Annotated[bool, OrElse(value=False)]
_Digest = Annotated[str, Matches(DIGEST)]
_Digests = Annotated[
    tuple[Annotated[_Digest, IF_VALID], ...], OrElse(()), Then(lambda found: tuple(dict.fromkeys(found)))
]


@dataclass(kw_only=True)
class _Entry:
    """An entry as it is written. Unknown keys become further attributes."""

    __pydantic_config__: ClassVar = OTHERS_TOO

    member: Annotated[str, Len(1, MEMBER_LIMIT)]
    outcome: MemberState
    source: Annotated[str, Matches(_SOURCE)] = ""
    shown: Annotated[str, MaxLen(SHOWN_LIMIT)] = ""
    asked: _Flag = False
    stage: Annotated[SkipStage | None, OrElse(None)] = None
    number: Annotated[_Number | None, OrElse(None)] = None
    content: Annotated[_Digest, OrElse("")] = ""


def _entry(read: _Entry) -> StateEntry | None:
    is_skipped = read.outcome is MemberState.SKIPPED
    if not (read.stage if is_skipped else read.number and read.content):
        return None
    return StateEntry(
        member=read.member,
        source=read.source,
        outcome=read.outcome,
        number=None if is_skipped else read.number,
        content="" if is_skipped else read.content,
        stage=read.stage if is_skipped else None,
        shown=read.shown,
        is_asked=read.asked,
        extra=_extra(read),
    )


def _landing(row: tuple[str, ...]) -> CommittedPlace | None:
    contents = tuple(dict.fromkeys(one for one in row[1:] if DIGEST.fullmatch(one)))
    is_place = contents and _LANDING.fullmatch(row[0])
    return CommittedPlace(place=row[0], contents=contents) if is_place else None


@dataclass(kw_only=True)
class _Block:
    """A state as it is written. Unknown keys become further attributes."""

    __pydantic_config__: ClassVar = OTHERS_TOO

    version: Any = None
    next: Annotated[_Number, OrElse(1)] = 1
    entries: Annotated[tuple[Annotated[_Entry, IF_VALID], ...], OrElse(())] = ()
    past: Annotated[tuple[Annotated[tuple[_Number, _Digest, Any], IF_VALID], ...], OrElse(())] = ()
    rejected: _Digests = ()
    applied: _Digests = ()
    landings: Annotated[
        tuple[Annotated[tuple[Annotated[str, IF_VALID], ...], IF_VALID], ...], OrElse(())
    ] = ()
    ignored: _Flag = False
    cut: _Flag = False


def decode(body: str) -> State | None:
    """Return the state in a comment's hidden line, or None if it has no readable one."""
    try:
        read = decode_json(_Block, hidden_data(_NAME, body))
    except Malformed:
        return None
    if read.version != _VERSION:
        return State(rejected=read.rejected, next_number=_next_number(read.next, ()))
    entries = tuple(_distinct(filter(None, map(_entry, read.entries))))
    past = tuple(
        _distinct_past(
            (
                PastSuggestion(number=number, content=content, was_hidden=was_hidden == 1)
                for number, content, was_hidden in read.past
            ),
            entries,
        )
    )
    return State(
        entries=entries,
        past=past,
        rejected=read.rejected,
        applied=read.applied,
        landings=tuple(filter(None, map(_landing, read.landings)))[-LANDINGS:],
        is_ignored=read.ignored,
        next_number=_next_number(read.next, (*entries, *past)),
        is_cut=read.cut,
        extra=_extra(read),
    )


def without_block(body: str) -> str:
    """Return a body without its hidden line."""
    lines = body.replace("\r\n", "\n").split("\n")
    return "\n".join(line for line in lines if not line.startswith(f"<!-- testsmith:{_NAME} "))


def _distinct(entries: Iterable[StateEntry]) -> Iterator[StateEntry]:
    """Yield the entries, skipping repeated numbers and contents."""
    numbers, contents = set[int](), set[str]()
    for entry in entries:
        if entry.number is None:
            yield entry
        elif entry.number not in numbers and entry.content not in contents:
            numbers.add(entry.number)
            contents.add(entry.content)
            yield entry


def _distinct_past(
    pasts: Iterable[PastSuggestion], entries: Iterable[StateEntry]
) -> Iterator[PastSuggestion]:
    taken = {key for entry in entries for key in (entry.number, entry.content)}
    for past in pasts:
        if past.number not in taken and past.content not in taken:
            taken |= {past.number, past.content}
            yield past


def _extra(read: _Block | _Entry) -> Extra:
    """Return the unknown keys; none if they are too long or contain NaN."""
    known = {field.name for field in fields(read)}
    others = {key: value for key, value in vars(read).items() if key not in known and _KEY.fullmatch(key)}
    try:
        extra = tuple((key, _json(value)) for key, value in others.items())
    except ValueError:
        return ()
    return extra if sum(len(key) + len(value) for key, value in extra) <= _EXTRA_LIMIT else ()


def _next_number(number: int, numbered: Iterable[StateEntry | PastSuggestion]) -> int:
    """Return a number above all known ones. Ignore a stored one far above them: the bot did not write it."""
    least = 1 + max((one.number or 0 for one in numbered), default=0)
    return number if least <= number <= least + _NUMBERS_SKIPPED else least
