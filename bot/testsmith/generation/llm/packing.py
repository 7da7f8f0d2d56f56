"""Which requests go into one call, and how long its answer may be. Pure.

Members of one file stay together, since they share context; small files share a call, up to an estimate of
the answer's length and a limit on the length of what is shown. Requests whose system prompts would differ
(another language, framework or other conventions, or a test module to be mended) never share one.

An answer's length is reckoned in shares: what one member takes that is asked for the first time. A test
module that is to be mended comes back at its own length, which may be several shares.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from testsmith.generation.llm.context import CHARACTERS_PER_TOKEN, STYLE_TIER, USES_TIER
from testsmith.llm.profiles import OUTPUT_TOKENS
from testsmith.model import Request

ALLOWANCE_FACTOR = 2
"""The estimate a member is a mean: a call with room to spare may use twice as much before it is cut."""

ENVELOPE_TOKENS = 1024
"""Output tokens beside the tests: the envelope, and a few words around it."""

ROOM_FACTOR = 4
"""How much longer an answer may be that was cut while the model was thinking."""

MAX_SOURCE_CHARACTERS = 60_000
"""The most characters in one call of members' sources, of what was observed, and of what is to be mended.

That is some 15,000 tokens.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """How large one call may be.

    Attributes:
        tokens_per_member: Output tokens reckoned for one member.
        max_output_tokens: The most output tokens of one call, without what the model thinks.
        thinking_tokens: Output tokens left for thinking in each call.
        most_tokens: The most output tokens that the model can be asked for, thinking included.
        max_source_characters: The most characters of sources, of what was observed and of what is to be
            mended of one call; one member alone may have more.
    """

    tokens_per_member: int = 300
    max_output_tokens: int = 8192
    thinking_tokens: int = 0
    most_tokens: int = OUTPUT_TOKENS
    max_source_characters: int = MAX_SOURCE_CHARACTERS

    @property
    def shares(self) -> int:
        """The most shares of one call, and so the most members."""
        return max(1, self.max_output_tokens // max(1, self.tokens_per_member))

    def shares_of(self, requests: Iterable[Request]) -> int:
        """Return how many shares the answer to these requests is reckoned to take."""
        share = max(1, self.tokens_per_member) * CHARACTERS_PER_TOKEN
        codes = ("" if request.repair is None else request.repair.code for request in requests)
        return sum(max(1, -(-len(code) // share)) for code in codes)

    def allowance(self, shares: int) -> int:
        """Return the most output tokens of a call for so many shares: roomy, and never over the limit."""
        roomy = ALLOWANCE_FACTOR * shares * self.tokens_per_member + ENVELOPE_TOKENS
        return min(min(roomy, self.max_output_tokens) + self.thinking_tokens, self.longest)

    @property
    def longest(self) -> int:
        """The most output tokens of any call, thinking included; what the settings allow always counts."""
        return max(self.max_output_tokens, self.most_tokens)

    def with_room(self, max_tokens: int) -> int:
        """Return the most output tokens after an answer that was cut while the model was thinking."""
        return min(ROOM_FACTOR * max_tokens, self.longest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The requests of one call.

    Attributes:
        requests: At least one; all have the same language, framework and conventions, and all or none of
            them has a test module to be mended.
        max_tokens: The most output tokens of the call.
        tiers: How many of the context's tiers the prompt may show: 3 all, 2 no style sample, 1 sources only.
        asked_again: How many times these members were asked before and no test came.
    """

    requests: tuple[Request, ...]
    max_tokens: int
    tiers: int = STYLE_TIER
    asked_again: int = 0

    @property
    def mends(self) -> bool:
        """Whether test modules are to be mended, rather than written."""
        return self.requests[0].repair is not None


_SystemParts = tuple[str, str, str, bool]
"""What a system prompt depends on."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Members of one file that fit one call; `position` is that of the first among all requests."""

    position: int
    requests: tuple[Request, ...]
    shares: int
    characters: int


@dataclass(slots=True)
class _Bin:
    """Pieces that will share one call."""

    pieces: list[_Piece] = field(default_factory=list)
    shares: int = 0
    characters: int = 0

    def add(self, piece: _Piece) -> None:
        self.pieces.append(piece)
        self.shares += piece.shares
        self.characters += piece.characters

    @property
    def position(self) -> int:
        return min(piece.position for piece in self.pieces)

    def requests(self) -> tuple[Request, ...]:
        ordered = sorted(self.pieces, key=lambda piece: piece.position)
        return tuple(chain.from_iterable(piece.requests for piece in ordered))


def pack(requests: Sequence[Request], limits: BatchLimits) -> tuple[Batch, ...]:
    """Return as few calls as the limits allow, those with the longest answers (the slowest) first.

    Every request is in exactly one. The result depends on the requests and their order alone.
    """
    bins = list(chain.from_iterable(_fill(pieces, limits) for pieces in _pieces(requests, limits)))
    bins.sort(key=lambda filled: (-filled.shares, filled.position))
    return tuple(_batch(filled, limits) for filled in bins)


def _batch(filled: _Bin, limits: BatchLimits) -> Batch:
    requests = filled.requests()
    mends = requests[0].repair is not None
    return Batch(
        requests=requests,
        max_tokens=limits.allowance(filled.shares),
        tiers=USES_TIER if mends else STYLE_TIER,  # what is to be mended has its style
    )


def split(requests: Sequence[Request], largest: int) -> Iterator[tuple[Request, ...]]:
    """Yield the requests in order, in as few equal parts as keep each at `largest` or below."""
    parts = -(-len(requests) // max(1, largest))
    for part in range(parts):
        start, end = (len(requests) * edge // parts for edge in (part, part + 1))
        yield tuple(requests[start:end])


def _pieces(requests: Sequence[Request], limits: BatchLimits) -> Iterable[list[_Piece]]:
    """Return the pieces of each group of requests that may share a system prompt."""
    files: dict[tuple[_SystemParts, str], list[Request]] = {}
    for request in requests:
        files.setdefault((_system_parts(request), request.member.path), []).append(request)
    groups: dict[_SystemParts, list[_Piece]] = {}
    position = 0
    for (parts, _path), members in files.items():
        for part in _fitting(members, limits):
            piece = _Piece(position, part, limits.shares_of(part), _characters(part))
            groups.setdefault(parts, []).append(piece)
            position += 1
    return groups.values()


def _system_parts(request: Request) -> _SystemParts:
    return request.member.language, request.framework, request.conventions, request.repair is not None


def _fitting(members: Sequence[Request], limits: BatchLimits) -> Iterator[tuple[Request, ...]]:
    """Yield one file's members in equal parts, each within the limits."""
    for part in split(members, limits.shares):
        too_long = limits.shares_of(part) > limits.shares or _characters(part) > limits.max_source_characters
        if len(part) > 1 and too_long:
            halves = split(part, -(-len(part) // 2))
            yield from chain.from_iterable(_fitting(half, limits) for half in halves)
        else:
            yield part


def _characters(requests: Iterable[Request]) -> int:
    return sum(map(_shown_characters, requests))


def _shown_characters(request: Request) -> int:
    """Return how long what is shown of a request is at least."""
    source = len(request.member.source) + sum(map(len, request.context.observations))
    if request.repair is None:
        return source
    said = sum(len(name) + len(text) for name, text in request.repair.failures)
    return source + len(request.repair.code) + said


def _fill(pieces: Iterable[_Piece], limits: BatchLimits) -> list[_Bin]:
    """Put pieces together, largest first, each where the least room is left (best fit, decreasing)."""
    bins: list[_Bin] = []
    by_room: dict[int, list[_Bin]] = {}
    for piece in sorted(pieces, key=lambda piece: (-piece.shares, piece.position)):
        chosen = _take_bin(by_room, piece, limits)
        if not chosen.pieces:
            bins.append(chosen)
        chosen.add(piece)
        by_room.setdefault(limits.shares - chosen.shares, []).append(chosen)
    return bins


def _take_bin(by_room: dict[int, list[_Bin]], piece: _Piece, limits: BatchLimits) -> _Bin:
    """Return a bin that the piece fits, taken out of `by_room`, or a new one.

    Only the last bin of each size of room is looked at, so that packing stays linear.
    """
    for room in range(piece.shares, limits.shares):
        fitting = by_room.get(room)
        if fitting and fitting[-1].characters + piece.characters <= limits.max_source_characters:
            return fitting.pop()
    return _Bin()
