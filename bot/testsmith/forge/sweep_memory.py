"""What the pull requests of sweeps remember. Pure functions.

The state is a hidden line in the text of each sweep pull request:

    <!-- testsmith:sweep {"version":1,"proposed":[["a.py::f","0123456789abcdef","2 tests"]],"refused":[]} -->

The open pull request lists the contents that are already proposed; a closed, unmerged one lists contents that
were refused. A content is a member's id and behavior, so a changed member counts as new. Anyone with write
access can edit the line, so invalid entries are dropped one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from annotated_types import MaxLen

from testsmith.decode import IF_VALID, Malformed, Matches, OrElse
from testsmith.decode import decode as decode_json
from testsmith.forge.comment_markers import DIGEST, HIDDEN_LIMIT, hidden_data, hidden_line
from testsmith.forge.commits import OwnPull

REFUSED_LIMIT = 600
"""Maximum number of refused contents that are kept, most recent first."""

_VERSION = 1
_NAME = "sweep"
_MEMBER_LIMIT = 1_000
_SHOWN_LIMIT = 200
_Digest = Annotated[str, Matches(DIGEST)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A member with tests proposed by a sweep.

    Attributes:
        member: The member's id; empty if there was no room to store it.
        content: Digest of the member's id and behavior; see `content_digest`.
        shown: Display text for the table; untrusted.
    """

    member: str
    content: str
    shown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepMemory:
    """The stored state of one pull request.

    Attributes:
        proposed: The members it proposes, in the order they were proposed.
        refused: Contents that earlier pull requests proposed and that were closed without merging.
    """

    proposed: tuple[Proposed, ...] = ()
    refused: tuple[str, ...] = ()


def encode(memory: SweepMemory) -> str:
    """Return the hidden line, never longer than the limit.

    If the state is too large, parts are dropped in this order: display texts; the ids of the members proposed
    first; the oldest refused contents.
    """
    return next(line for line in map(_line, _ever_smaller(memory)) if len(line) <= HIDDEN_LIMIT)


def _ever_smaller(memory: SweepMemory) -> Iterator[SweepMemory]:
    memory = replace(memory, refused=memory.refused[-REFUSED_LIMIT:])
    yield memory
    memory = replace(memory, proposed=tuple(replace(one, shown="") for one in memory.proposed))
    yield memory
    size = 1
    while size < len(memory.proposed):
        yield replace(memory, proposed=_without_names(memory.proposed, size))
        size *= 2
    memory = replace(memory, proposed=_without_names(memory.proposed, len(memory.proposed)))
    while memory.refused:
        yield memory
        memory = replace(memory, refused=memory.refused[len(memory.refused) // 2 + 1 :])
    while memory.proposed:
        yield memory
        memory = replace(memory, proposed=memory.proposed[len(memory.proposed) // 2 + 1 :])
    yield memory


def _without_names(proposed: Sequence[Proposed], count: int) -> tuple[Proposed, ...]:
    nameless = (replace(one, member="") for one in proposed[:count])
    return (*nameless, *proposed[count:])


def _line(memory: SweepMemory) -> str:
    data = {
        "version": _VERSION,
        "proposed": [[one.member, one.content, one.shown[:_SHOWN_LIMIT]] for one in memory.proposed],
        "refused": list(memory.refused),
    }
    return hidden_line(_NAME, data)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    version: Literal[1]
    proposed: Annotated[
        tuple[
            Annotated[
                tuple[Annotated[str, MaxLen(_MEMBER_LIMIT)], _Digest, Annotated[str, MaxLen(_SHOWN_LIMIT)]],
                IF_VALID,
            ],
            ...,
        ],
        OrElse(()),
    ] = ()
    refused: Annotated[tuple[Annotated[_Digest, IF_VALID], ...], OrElse(())] = ()


def decode(body: str) -> SweepMemory | None:
    """Return the state in the hidden line of a text, or None if there is no readable one."""
    try:
        read = decode_json(_Line, hidden_data(_NAME, body))
    except Malformed:
        return None
    return SweepMemory(
        proposed=tuple(
            Proposed(member=member, content=content, shown=shown) for member, content, shown in read.proposed
        ),
        refused=tuple(dict.fromkeys(read.refused)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """The combined state of all sweep pull requests.

    Attributes:
        proposed: The members that the open pull request proposes.
        number: The open pull request's number; None if none is open.
        refused: By content, the number of the last pull request that proposed it and was closed without
            merging; 0 if only a later one mentions it.
    """

    proposed: tuple[Proposed, ...] = ()
    number: int | None = None
    refused: dict[str, int] = field(default_factory=dict)

    def why_not(self, content: str) -> str:
        """Return why a member must not be proposed now; empty if it may be."""
        if any(one.content == content for one in self.proposed):
            return f"its tests are in the open pull request {self.number}"
        if content in self.refused:
            place = f"pull request {self.refused[content]}" if self.refused[content] else "a pull request"
            return f"its tests were in {place}, which was closed without merging"
        return ""

    def with_proposed(self, proposed: Iterable[Proposed]) -> SweepMemory:
        """Return the state of the open pull request with more members proposed."""
        new = {one.member: one for one in proposed}
        kept = (one for one in self.proposed if one.member not in new)
        return SweepMemory(proposed=(*kept, *new.values()), refused=tuple(reversed(self.refused)))


def remembered(pulls: Sequence[OwnPull]) -> Remembered:
    """Return the combined state of all sweep pull requests.

    Args:
        pulls: All of them, newest first.
    """
    open_pull = next((pull for pull in pulls if pull.is_open), None)
    memories = {pull.number: decode(pull.body) for pull in pulls}
    refused = dict[str, int]()
    for pull in pulls:
        memory = memories[pull.number]
        if memory is None:
            continue
        if not pull.is_open and not pull.is_merged:
            for one in memory.proposed:
                refused.setdefault(one.content, pull.number)
        for content in memory.refused:
            refused.setdefault(content, 0)
    memory = None if open_pull is None else memories[open_pull.number]
    return Remembered(
        proposed=() if memory is None else memory.proposed,
        number=None if open_pull is None else open_pull.number,
        refused=refused,
    )
