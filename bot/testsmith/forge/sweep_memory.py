"""What the pull requests of sweeps remember, in a hidden line of their texts. All pure.

    <!-- testsmith:sweep {"version":1,"proposed":[["a.py::f","0123456789abcdef","2 tests"]],"refused":[]} -->

A pull request that stands tells what is proposed already, one that was closed without merging what nobody
wants. Both go by content, a member's id and what the member does: a member that has changed is a new one.
Whoever may write to the repository can edit the line, so that each entry read from it is checked for its
shape, and left out where it has another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from testsmith.forge.marks import DIGEST

MEMORY_LIMIT = 20_000
"""The most characters of the hidden line, its marks included."""

REFUSED_LIMIT = 600
"""The most refused contents that are carried on, those that were refused last."""

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
    """A member that a sweep has made tests for.

    Attributes:
        member: The member's id; empty where it had no room.
        content: Digest of the id and of what the member did, see `content_digest`.
        shown: A few words on its tests for the table; untrusted text.
    """

    member: str
    content: str
    shown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepMemory:
    """What one pull request remembers.

    Attributes:
        proposed: What it proposes, the first proposed first.
        refused: Contents that earlier pull requests proposed and that were closed without merging.
    """

    proposed: tuple[Proposed, ...] = ()
    refused: tuple[str, ...] = ()


def encode(memory: SweepMemory) -> str:
    """Return the hidden line, never longer than the limit.

    What does not fit is left out: first the words, then the names of the first ones proposed, then the first
    refused contents.
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
    told = {
        "version": _VERSION,
        "proposed": [[one.member, one.content, one.shown[:_SHOWN_LIMIT]] for one in memory.proposed],
        "refused": list(memory.refused),
    }
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=True)
    return f"{_OPENING}{text.translate(_MEANT_FOR_MARKUP)}{_CLOSING}"


def decode(body: str) -> SweepMemory | None:
    """Return what the hidden line in a text remembers; None where it has none that can be read."""
    told = _parsed(_found_line(body))
    if not isinstance(told, dict) or told.get("version") != _VERSION:
        return None
    return SweepMemory(
        proposed=tuple(_entries(told.get("proposed"))), refused=tuple(_digests(told.get("refused")))
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


def _entries(told: object) -> Iterator[Proposed]:
    for one in told if isinstance(told, list) else ():
        if not (isinstance(one, list) and len(one) == len(_ENTRY)):
            continue
        member, content, shown = one
        if _is_text(member, _MEMBER_LIMIT) and _is_digest(content) and _is_text(shown, _SHOWN_LIMIT):
            yield Proposed(member=member, content=content, shown=shown)


def _digests(told: object) -> Iterator[str]:
    yield from dict.fromkeys(one for one in (told if isinstance(told, list) else ()) if _is_digest(one))


def _is_digest(told: object) -> bool:
    return isinstance(told, str) and DIGEST.fullmatch(told) is not None


def _is_text(told: object, limit: int) -> bool:
    return isinstance(told, str) and len(told) <= limit and not _LONE_SURROGATE.search(told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What all pull requests of sweeps remember together.

    Attributes:
        standing: What the open one proposes.
        number: The open one's number; None where none is open.
        refused: By content, the number of the last one that was closed without merging and proposed it; 0
            where only a later one tells of it.
    """

    standing: tuple[Proposed, ...] = ()
    number: int | None = None
    refused: dict[str, int] = field(default_factory=dict)

    def why_not(self, content: str) -> str:
        """Return why a member is not to be proposed now; empty where it may be."""
        if any(one.content == content for one in self.standing):
            return f"its tests stand in pull request {self.number}, which is open"
        if content in self.refused:
            place = f"pull request {self.refused[content]}" if self.refused[content] else "a pull request"
            return f"tests for it stood in {place}, which was closed without merging"
        return ""

    def with_proposed(self, proposed: Iterable[Proposed]) -> SweepMemory:
        """Return what the open pull request remembers once more is proposed in it."""
        new = {one.member: one for one in proposed}
        kept = (one for one in self.standing if one.member not in new)
        return SweepMemory(proposed=(*kept, *new.values()), refused=tuple(reversed(self.refused)))
