"""What a call's prompt shows beside the members' own sources, within a budget. Pure.

Tier 1, the sources, is never dropped and stands outside the budget. Tier 2 is what the members use:
signatures, and the private code whose change affected them. Tier 3, a sample of the project's own tests, goes
first. What was observed of the members has a budget of its own, so that it takes no room from what they use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from itertools import chain, takewhile, zip_longest

from testsmith.model import Member, Request

_LEAST_LINES = 2
"""A single line may stand somewhere by chance."""


class CallSources:
    """The sources of one call's members; lines are compared without their indentation."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._sources = [(member, _bare(member.source)) for member in members]

    def holder_of(self, member: Member) -> Member | None:
        """Return the member whose source holds that of another, as a class those of its methods."""
        source = _bare(member.source)
        holders = (
            other
            for other, text in self._sources
            if other.path == member.path and len(text) > len(source) and source in text
        )
        return next(holders, None)

    def hold(self, text: str) -> bool:
        """Return whether a piece of code stands in one of them."""
        piece = _bare(text)
        return piece.count("\n") > _LEAST_LINES and any(piece in source for _, source in self._sources)

    def define(self, head: Sequence[str]) -> bool:
        """Return whether one of them is the definition that a signature is of.

        Args:
            head: The signature's first lines: a comment that names the module, and what it is of.
        """
        line = head[-1].removesuffix(" ...")
        return any(
            head[0] == f"# {member.module}" and "." not in member.name and line in member.source.split("\n")
            for member, _ in self._sources
        )


def _bare(text: str) -> str:
    lines = (line.strip() for line in text.split("\n"))
    return "\n".join(["", *filter(None, lines), ""])


CHARACTERS_PER_TOKEN = 4
"""The estimate for source text and English."""

MOST_OBSERVED_CHARACTERS = 480
"""So much of what was observed of one member is shown (some 120 tokens)."""

USES_TIER = 2
STYLE_TIER = 3

_BETWEEN_BLOCKS = re.compile(r"\n[ \t]*\n")

_MOST_COMPARED_LINES = 2_000
"""More are not compared in their order, which takes hours if many of them are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedContext:
    """Context for one call, each text in it once.

    Attributes:
        shared: Blocks that several of the members use, in the order of their first use.
        own: Blocks that one member alone uses, by its id.
        style_sample: A part of a test file; empty if none fits or none is known.
    """

    shared: tuple[str, ...] = ()
    own: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    style_sample: str = ""


def fit_context(requests: Sequence[Request], budget: int, tiers: int = STYLE_TIER) -> SharedContext:
    """Choose what the prompt shows.

    The first block of every member comes before the second of any, so that a tight budget is shared fairly;
    a driver puts the most useful first. One style sample is enough for a call.

    Args:
        requests: The members of one call.
        budget: The most tokens of all that is chosen.
        tiers: Highest tier that may be shown, see `packing.Batch`.
    """
    room = budget * CHARACTERS_PER_TOKEN
    users: dict[str, list[str]] = {}
    if tiers >= USES_TIER:
        users = _users(requests)
    kept: list[str] = []
    for block in users:
        if len(block) <= room:
            kept.append(block)
            room -= len(block)
    sample = _style_sample(requests, room) if tiers >= STYLE_TIER else ""
    return _arranged(kept, users, sample)


def with_observations(request: Request, observations: Sequence[str]) -> Request:
    """Return a request with as much of what was observed of its member as is shown of one."""
    kept = _fitting(observations, MOST_OBSERVED_CHARACTERS)
    return replace(request, context=replace(request.context, observations=kept))


def _fitting(texts: Sequence[str], room: int) -> tuple[str, ...]:
    """Return the first texts that have room together; one that has none gives way to the next."""
    kept = []
    for text in texts:
        if len(text) <= room:
            kept.append(text)
            room -= len(text)
    return tuple(kept)


def fit_observations(
    requests: Sequence[Request], budget: int, tiers: int = STYLE_TIER
) -> dict[str, tuple[str, ...]]:
    """Choose what the prompt shows of what was observed, by member id; the first of every member comes first.

    Args:
        requests: The members of one call.
        budget: The most tokens of all that is chosen.
        tiers: Highest tier that may be shown; with the sources alone nothing observed is.
    """
    if tiers < USES_TIER:
        return {}
    ranks = zip_longest(*map(_observations_with_id, requests))
    room = budget * CHARACTERS_PER_TOKEN
    kept: dict[str, tuple[str, ...]] = {}
    for member, text in (entry for rank in ranks for entry in rank if entry is not None):
        if len(text) <= room:
            kept[member] = (*kept.get(member, ()), text)
            room -= len(text)
    return kept


def _observations_with_id(request: Request) -> Iterator[tuple[str, str]]:
    return ((request.member.id, text) for text in request.context.observations)


def lower_tier(request: Request, tiers: int) -> int | None:
    """Return the next number of tiers that shows less of this request's context; None if none does."""
    context = request.context
    if tiers >= STYLE_TIER and context.style_sample.strip():
        return STYLE_TIER - 1
    if tiers >= USES_TIER and (context.signatures.strip() or context.dependencies or context.observations):
        return USES_TIER - 1
    return None


def _users(requests: Sequence[Request]) -> dict[str, list[str]]:
    """Return every block with the ids of the members that use it, first blocks of all members first.

    Blocks of one class that show different methods of it are one, with all of these; what stands in a
    member's own source is none.
    """
    users: dict[str, list[str]] = {}
    texts: dict[str, str] = {}
    sources = CallSources([request.member for request in requests])
    for rank in zip_longest(*(_blocks(request, sources) for request in requests)):
        for request, block in zip(requests, rank, strict=True):
            if block is None:
                continue
            name, text = block
            texts[name] = _united(texts.get(name, text), text)
            if request.member.id not in users.setdefault(name, []):
                users[name].append(request.member.id)
    return {texts[name]: members for name, members in users.items()}


def _blocks(request: Request, sources: CallSources) -> Iterator[tuple[str, str]]:
    """Yield blocks with their names: what made a member affected, then the signatures of what it uses.

    Signatures of one class have the same name, which is how they begin.
    """
    context = request.context
    for text in filter(str.strip, context.dependencies):
        if not sources.hold(text):
            yield text.strip("\n"), text.strip("\n")
    for text in filter(str.strip, _BETWEEN_BLOCKS.split(context.signatures)):
        block = text.strip("\n")
        head = tuple(takewhile(_is_of_the_head, block.split("\n"))) or (block,)
        if not sources.define(head):
            yield "\n".join(head), block


def _is_of_the_head(line: str) -> bool:
    """Return whether a line of a signature says what it is of, rather than what that holds."""
    return not line[:1].isspace()


def _united(one: str, other: str) -> str:
    """Return the lines of both texts in their order, those of both once."""
    if one == other:
        return one
    ours, theirs = one.split("\n"), other.split("\n")
    if len(ours) + len(theirs) > _MOST_COMPARED_LINES:
        return "\n".join(dict.fromkeys((*ours, *theirs)))
    steps = SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
    parts = (ours[a:b] if step == "equal" else ours[a:b] + theirs[c:d] for step, a, b, c, d in steps)
    return "\n".join(chain.from_iterable(parts))


def _style_sample(requests: Sequence[Request], room: int) -> str:
    samples = (request.context.style_sample.strip("\n") for request in requests)
    return next((sample for sample in samples if sample.strip() and len(sample) <= room), "")


def _arranged(kept: Sequence[str], users: Mapping[str, Sequence[str]], sample: str) -> SharedContext:
    own: dict[str, tuple[str, ...]] = {}
    for block in kept:
        if len(users[block]) == 1:
            [member] = users[block]
            own[member] = (*own.get(member, ()), block)
    shared = tuple(block for block in kept if len(users[block]) > 1)
    return SharedContext(shared=shared, own=own, style_sample=sample)
