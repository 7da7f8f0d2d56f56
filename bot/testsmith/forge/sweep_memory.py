"""What the pull requests of sweeps remember. Pure functions.

The state is a hidden line in the text of each sweep pull request:

    <!-- testsmith:sweep {"version":1,"proposed":[["a.py::f","0123456789abcdef","2 tests"]],"refused":[]} -->

The open pull request lists the contents that are already proposed; a closed, unmerged one lists contents that
were refused. A content is a member's id and behavior, so a changed member counts as new. Anyone with write
access can edit the line, so invalid entries are dropped one by one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from testsmith.forge.comment_markers import DIGEST
from testsmith.forge.commits import OwnPull

MEMORY_LIMIT = 20_000
"""Maximum characters of the hidden line, including its markers."""

REFUSED_LIMIT = 600
"""Maximum number of refused contents that are kept, most recent first."""

_VERSION = 1
_OPENING = "<!-- testsmith:sweep "
_CLOSING = " -->"
_READ_LIMIT = 2 * MEMORY_LIMIT
_MEMBER_LIMIT = 1_000
_SHOWN_LIMIT = 200
_ENTRY = ("member", "content", "shown")
_MEANT_FOR_MARKUP = str.maketrans({mark: f"\\u{ord(mark):04x}" for mark in "<>&@#"})
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


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
    return next(line for line in map(_line, _ever_smaller(memory)) if len(line) <= MEMORY_LIMIT)


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
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    return f"{_OPENING}{text.translate(_MEANT_FOR_MARKUP)}{_CLOSING}"


def decode(body: str) -> SweepMemory | None:
    """Return the state in the hidden line of a text, or None if there is no readable one."""
    data = _parsed(_found_line(body))
    if not isinstance(data, dict) or data.get("version") != _VERSION:
        return None
    return SweepMemory(
        proposed=tuple(_entries(data.get("proposed"))), refused=tuple(_digests(data.get("refused")))
    )


def _found_line(body: str) -> str:
    """Return the JSON of the last hidden line."""
    lines = body.replace("\r\n", "\n").split("\n")
    found = [one.rstrip() for one in lines if one.startswith(_OPENING) and len(one) <= _READ_LIMIT]
    line = found[-1] if found else ""
    return line[len(_OPENING) : -len(_CLOSING)] if line.endswith(_CLOSING) else ""


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _entries(data: object) -> Iterator[Proposed]:
    for one in data if isinstance(data, list) else ():
        if not (isinstance(one, list) and len(one) == len(_ENTRY)):
            continue
        member, content, shown = one
        if _is_text(member, _MEMBER_LIMIT) and _is_digest(content) and _is_text(shown, _SHOWN_LIMIT):
            yield Proposed(member=member, content=content, shown=shown)


def _digests(data: object) -> Iterator[str]:
    yield from dict.fromkeys(one for one in (data if isinstance(data, list) else ()) if _is_digest(one))


def _is_digest(data: object) -> bool:
    return isinstance(data, str) and DIGEST.fullmatch(data) is not None


def _is_text(data: object, limit: int) -> bool:
    return isinstance(data, str) and len(data) <= limit and not _LONE_SURROGATE.search(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """The combined state of all sweep pull requests.

    Attributes:
        standing: The members that the open pull request proposes.
        number: The open pull request's number; None if none is open.
        refused: By content, the number of the last pull request that proposed it and was closed without
            merging; 0 if only a later one mentions it.
    """

    standing: tuple[Proposed, ...] = ()
    number: int | None = None
    refused: dict[str, int] = field(default_factory=dict)

    def why_not(self, content: str) -> str:
        """Return why a member must not be proposed now; empty if it may be."""
        if any(one.content == content for one in self.standing):
            return f"its tests stand in pull request {self.number}, which is open"
        if content in self.refused:
            place = f"pull request {self.refused[content]}" if self.refused[content] else "a pull request"
            return f"tests for it stood in {place}, which was closed without merging"
        return ""

    def with_proposed(self, proposed: Iterable[Proposed]) -> SweepMemory:
        """Return the state of the open pull request with more members proposed."""
        new = {one.member: one for one in proposed}
        kept = (one for one in self.standing if one.member not in new)
        return SweepMemory(proposed=(*kept, *new.values()), refused=tuple(reversed(self.refused)))


def remembered(pulls: Sequence[OwnPull]) -> Remembered:
    """Return the combined state of all sweep pull requests.

    Args:
        pulls: All of them, newest first.
    """
    standing = next((pull for pull in pulls if pull.is_open), None)
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
    memory = None if standing is None else memories[standing.number]
    return Remembered(
        standing=() if memory is None else memory.proposed,
        number=None if standing is None else standing.number,
        refused=refused,
    )
