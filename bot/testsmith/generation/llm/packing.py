"""Group requests into calls, and compute the output limits of calls.

Members of one file stay together because they share context. Small files share a call, up to an estimated
answer length and a limit on the input length. Requests with different system prompts (language, framework,
conventions, or repair instead of generation) never share a call.

Answer lengths are estimated in shares: the length for one member that is requested for the first time. A test
module to repair is returned at its full length, which may be several shares.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from testsmith.generation.llm.context import CHARACTERS_PER_TOKEN, STYLE_TIER, USES_TIER
from testsmith.llm.profiles import OUTPUT_TOKENS
from testsmith.model import Request

ALLOWANCE_FACTOR = 2
"""The estimate per member is an average, so a call may use twice as much before it is truncated."""

ENVELOPE_TOKENS = 1024
"""Output tokens in addition to the tests: the envelope and a few words."""

ROOM_FACTOR = 4
"""Factor for the output limit after an answer was truncated during reasoning."""

MAX_ASKED_AGAIN = 2
"""Maximum number of times a member is requested again after an answer without a test for it."""

MAX_SOURCE_CHARACTERS = 60_000
"""Maximum number of characters of sources, diffs, observations and modules to repair in one call.

About 15,000 tokens.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """Size limits of a call.

    Attributes:
        tokens_per_member: Estimated output tokens per member.
        max_output_tokens: Maximum output tokens of a call, without reasoning.
        thinking_tokens: Additional output tokens for reasoning in each call.
        most_tokens: Maximum output tokens that can be requested from the model, including reasoning.
        max_source_characters: Maximum characters of sources, diffs, observations and modules to repair in a
            call; a single member may exceed it.
    """

    tokens_per_member: int = 300
    max_output_tokens: int = 8192
    thinking_tokens: int = 0
    most_tokens: int = OUTPUT_TOKENS
    max_source_characters: int = MAX_SOURCE_CHARACTERS

    @property
    def shares(self) -> int:
        """Maximum number of shares, and so of members, in a call."""
        return max(1, self.max_output_tokens // max(1, self.tokens_per_member))

    def shares_of(self, requests: Iterable[Request]) -> int:
        """Return the estimated number of shares in the answer to these requests."""
        share = max(1, self.tokens_per_member) * CHARACTERS_PER_TOKEN
        return sum(max(1, -(-len(request.given_code) // share)) for request in requests)

    def allowance(self, shares: int) -> int:
        """Return the output token limit of a call with this many shares, within the overall limit."""
        roomy = ALLOWANCE_FACTOR * shares * self.tokens_per_member + ENVELOPE_TOKENS
        return min(min(roomy, self.max_output_tokens) + self.thinking_tokens, self.longest)

    @property
    def longest(self) -> int:
        """Maximum output tokens of any call, including reasoning; at least what the settings allow."""
        return max(self.max_output_tokens, self.most_tokens)

    def with_room(self, max_tokens: int) -> int:
        """Return the output token limit after an answer was truncated during reasoning."""
        return min(ROOM_FACTOR * max_tokens, self.longest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Requests of one call.

    Attributes:
        requests: At least one; all with the same language, framework, conventions and task.
        max_tokens: Output token limit of the call.
        tiers: Number of context tiers in the prompt: 3 for all, 2 without style sample, 1 for sources only.
        asked_again: Number of earlier calls for these members without a test in the answer.
        diff_problems: Why diffs in the latest answer could not be used, by member id. Untrusted text.
    """

    requests: tuple[Request, ...]
    max_tokens: int
    tiers: int = STYLE_TIER
    asked_again: int = 0
    diff_problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """What is asked for: `write`, `repair` or `review`."""
        return task_of(self.requests[0])


def task_of(request: Request) -> str:
    """Return what a request asks for: `write`, `repair` or `review`."""
    if request.repair is not None:
        return "repair"
    return "write" if request.review is None else "review"


_SystemParts = tuple[str, str, str, str]
"""Everything a system prompt depends on."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Members of one file that fit into one call; `position` is the index of the first request."""

    position: int
    requests: tuple[Request, ...]
    shares: int
    characters: int


@dataclass(slots=True)
class _Bin:
    """Pieces that share a call."""

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
    """Return as few calls as the limits allow, longest answers (the slowest) first.

    Every request is in exactly one call. The result depends only on the requests and their order.
    """
    bins = list(chain.from_iterable(_fill(pieces, limits) for pieces in _pieces(requests, limits)))
    bins.sort(key=lambda filled: (-filled.shares, filled.position))
    return tuple(_batch(filled, limits) for filled in bins)


def _batch(filled: _Bin, limits: BatchLimits) -> Batch:
    requests = filled.requests()
    is_repair = task_of(requests[0]) == "repair"
    return Batch(
        requests=requests,
        max_tokens=limits.allowance(filled.shares),
        tiers=USES_TIER if is_repair else STYLE_TIER,  # a module to repair already has a style
    )


def split(requests: Sequence[Request], largest: int) -> Iterator[tuple[Request, ...]]:
    """Yield the requests in order, in the fewest equal parts of at most `largest`."""
    parts = -(-len(requests) // max(1, largest))
    for part in range(parts):
        start, end = (len(requests) * edge // parts for edge in (part, part + 1))
        yield tuple(requests[start:end])


def _pieces(requests: Sequence[Request], limits: BatchLimits) -> Iterable[list[_Piece]]:
    """Return the pieces of each group of requests that can share a system prompt."""
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
    language = request.language or request.member.language
    return language, request.framework, request.conventions, task_of(request)


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
    """Return the number of characters a request adds to a prompt at least; a long source counts whole."""
    source = len(request.member.source) + len(request.member.shown_change.own)
    source += sum(map(len, (*request.entry_points, *request.context.observations)))
    if request.repair is not None:
        source += sum(len(name) + len(text) for name, text in request.repair.failures)
    return source + len(request.given_code)


def _fill(pieces: Iterable[_Piece], limits: BatchLimits) -> list[_Bin]:
    """Combine pieces, largest first, each into the call with the least remaining room (best fit)."""
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
    """Remove and return a bin from `by_room` that fits the piece, or a new one.

    Only the last bin for each amount of room is checked, so that packing stays linear.
    """
    for room in range(piece.shares, limits.shares):
        fitting = by_room.get(room)
        if fitting and fitting[-1].characters + piece.characters <= limits.max_source_characters:
            return fitting.pop()
    return _Bin()
