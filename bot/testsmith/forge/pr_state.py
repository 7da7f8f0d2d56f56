"""The state of a pull request, stored as a hidden block of JSON in the summary comment.

    <!-- testsmith:state {"version":1,"next":4,"entries":[...],"past":[...],"rejected":[...]} -->

Anyone with write access can edit a comment, so everything read from one is checked for shape and size, and
invalid entries are dropped one by one. Keys that this version does not know are written back unchanged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from operator import eq
from typing import Any, TypeVar

from testsmith.forge.comment_markers import DIGEST, NUMBER_LIMIT
from testsmith.model import SkipStage
from testsmith.storage.keys import is_same_but_for_tests

STATE_LIMIT = 20_000
"""Maximum characters of the hidden block, including its markers."""

MEMBER_LIMIT = 1_000
"""Maximum characters of a stored member id."""

SHOWN_LIMIT = 200
"""Maximum characters of the stored display text of an entry."""

_VERSION = 1
_OPENING = "<!-- testsmith:state "
_CLOSING = " -->"
LANDINGS = 20
"""Maximum number of commit locations stored."""

_LANDING = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}|#[1-9][0-9]{0,9}")
_SOURCE = re.compile(r"[0-9a-zA-Z:._-]{0,128}")
_KEY = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_EXTRA_LIMIT = 2_000
_EXTRA_DEPTH = 200
_READ_LIMIT = 2 * STATE_LIMIT
_MEANT_FOR_MARKUP = str.maketrans({mark: f"\\u{ord(mark):04x}" for mark in "<>&@#"})
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_NUMBERS_SKIPPED = 10_000
_TOP_KEYS = frozenset(
    {"version", "next", "entries", "past", "rejected", "applied", "landings", "ignored", "cut"}
)
_ENTRY_KEYS = frozenset({"member", "source", "outcome", "number", "content", "stage", "shown", "asked"})

_Kind = TypeVar("_Kind", bound=StrEnum)


class MemberState(StrEnum):
    """Outcome of a member."""

    SUGGESTED = "suggested"
    QUESTION = "question"
    SKIPPED = "skipped"


Extra = tuple[tuple[str, str], ...]
"""Keys that this version does not know, each with its value as JSON."""


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
    return next(block for block in map(_block, _ever_smaller(state)) if len(block) <= STATE_LIMIT)


def fits(state: State) -> bool:
    """Return whether a full state fits into the hidden block."""
    return len(_block(state)) <= STATE_LIMIT


def _block(state: State) -> str:
    return f"{_OPENING}{_json(_told(state)).translate(_MEANT_FOR_MARKUP)}{_CLOSING}"


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _told(state: State) -> dict[str, Any]:
    return {
        "version": _VERSION,
        "next": state.next_number,
        "entries": [_told_entry(entry) for entry in state.entries],
        "past": [[past.number, past.content, int(past.was_hidden)] for past in state.past],
        "rejected": list(state.rejected),
        **({"applied": list(state.applied)} if state.applied else {}),
        **({"landings": [[one.place, *one.contents] for one in state.landings]} if state.landings else {}),
        **({"ignored": True} if state.is_ignored else {}),
        **({"cut": True} if state.is_cut else {}),
    } | _told_extra(state.extra)


def _told_entry(entry: StateEntry) -> dict[str, Any]:
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
    return {key: value for key, value in data.items() if value not in {None, ""}} | _told_extra(entry.extra)


def _told_extra(extra: Extra) -> dict[str, Any]:
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


def decode(body: str) -> State | None:
    """Return the state in a comment's hidden block, or None if it has no readable one."""
    data = _parsed(_found_block(body))
    if not isinstance(data, dict):
        return None
    if data.get("version") != _VERSION:
        return State(rejected=_digests(data.get("rejected")), next_number=_next_number(data.get("next"), ()))
    entries = tuple(_distinct(_entries(data.get("entries"))))
    past = tuple(_distinct_past(_pasts(data.get("past")), entries))
    return State(
        entries=entries,
        past=past,
        rejected=_digests(data.get("rejected")),
        applied=_digests(data.get("applied")),
        landings=tuple(_landings(data.get("landings")))[-LANDINGS:],
        is_ignored=data.get("ignored") is True,
        next_number=_next_number(data.get("next"), (*entries, *past)),
        is_cut=data.get("cut") is True,
        extra=_extra(data, _TOP_KEYS),
    )


def without_block(body: str) -> str:
    """Return a body without its hidden block."""
    lines = body.replace("\r\n", "\n").split("\n")
    return "\n".join(line for line in lines if not line.startswith(_OPENING))


def _found_block(body: str) -> str:
    """Return the JSON between the last block marker at the start of a line and the end of that line."""
    start = max(body.rfind(f"\n{_OPENING}") + 1, 0)
    if not body.startswith(_OPENING, start):
        return ""
    line = body[start + len(_OPENING) : start + _READ_LIMIT].partition("\n")[0].rstrip()
    return line.removesuffix(_CLOSING) if line.endswith(_CLOSING) else ""


def _parsed(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None


def _refused(constant: str) -> object:
    raise ValueError(constant)


def _entries(data: object) -> Iterator[StateEntry]:
    for one in data if isinstance(data, list) else ():
        entry = _entry(one) if isinstance(one, dict) else None
        if entry is not None:
            yield entry


def _entry(data: Mapping[str, Any]) -> StateEntry | None:
    member, source, shown = data.get("member"), data.get("source", ""), data.get("shown", "")
    outcome = _one_of(MemberState, data.get("outcome"))
    if not (_is_text(member, MEMBER_LIMIT) and member and _is_text(shown, SHOWN_LIMIT) and outcome):
        return None
    if not (isinstance(source, str) and _SOURCE.fullmatch(source)):
        return None
    entry = StateEntry(
        member=member,
        source=source,
        outcome=outcome,
        shown=shown,
        is_asked=data.get("asked") is True,
        extra=_extra(data, _ENTRY_KEYS),
    )
    return _skipped(entry, data) if outcome is MemberState.SKIPPED else _numbered(entry, data)


def _skipped(entry: StateEntry, data: Mapping[str, Any]) -> StateEntry | None:
    stage = _one_of(SkipStage, data.get("stage"))
    return replace(entry, stage=stage) if stage else None


def _numbered(entry: StateEntry, data: Mapping[str, Any]) -> StateEntry | None:
    number, content = _number(data.get("number")), data.get("content", "")
    if number is None or not _is_digest(content):
        return None
    return replace(entry, number=number, content=content)


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


def _pasts(data: object) -> Iterator[PastSuggestion]:
    for one in data if isinstance(data, list) else ():
        if not (isinstance(one, list) and len(one) == len(("number", "content", "hidden"))):
            continue
        number, content, was_hidden = _number(one[0]), one[1], one[2] == 1
        if number is not None and _is_digest(content):
            yield PastSuggestion(number=number, content=content, was_hidden=was_hidden)


def _distinct_past(
    pasts: Iterable[PastSuggestion], entries: Iterable[StateEntry]
) -> Iterator[PastSuggestion]:
    taken = {key for entry in entries for key in (entry.number, entry.content)}
    for past in pasts:
        if past.number not in taken and past.content not in taken:
            taken |= {past.number, past.content}
            yield past


def _landings(data: object) -> Iterator[CommittedPlace]:
    for one in data if isinstance(data, list) else ():
        place, contents = (one[0], _digests(one[1:])) if isinstance(one, list) and one else ("", ())
        if isinstance(place, str) and _LANDING.fullmatch(place) and contents:
            yield CommittedPlace(place=place, contents=contents)


def _digests(data: object) -> tuple[str, ...]:
    found = (one for one in (data if isinstance(data, list) else ()) if _is_digest(one))
    return tuple(dict.fromkeys(found))


def _extra(data: Mapping[str, Any], known: frozenset[str]) -> Extra:
    others = ((key, value) for key, value in data.items() if key not in known and _KEY.fullmatch(key))
    try:
        extra = tuple((key, _json(value)) for key, value in others)
    except RecursionError:
        return ()
    text = "".join(key + value for key, value in extra)
    is_deep = text.count("[") + text.count("{") > _EXTRA_DEPTH
    return () if is_deep or len(text) > _EXTRA_LIMIT else extra


def _next_number(data: object, numbered: Iterable[StateEntry | PastSuggestion]) -> int:
    """Return a number above all known ones. Ignore a stored one far above them: the bot did not write it."""
    least = 1 + max((one.number or 0 for one in numbered), default=0)
    number = _number(data) or 1
    return number if least <= number <= least + _NUMBERS_SKIPPED else least


def _number(data: object) -> int | None:
    if isinstance(data, bool) or not isinstance(data, int):
        return None
    return data if 0 < data <= NUMBER_LIMIT else None


def _is_digest(data: object) -> bool:
    return isinstance(data, str) and DIGEST.fullmatch(data) is not None


def _is_text(data: object, limit: int) -> bool:
    return isinstance(data, str) and len(data) <= limit and not _LONE_SURROGATE.search(data)


def _one_of(kind: type[_Kind], data: object) -> _Kind | None:
    return kind(data) if isinstance(data, str) and data in set(kind) else None
