"""Select what a prompt shows in addition to the members' sources, within a budget.

Tier 1, the sources, is always included and does not count toward the budget. Tier 2 is the change, and what
the members use: private code on the way to what changed, and signatures. Tier 3, existing tests of the
members or a sample of the project's tests, is dropped first. Observations have a separate budget, so that
they do not take space from tier 2.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from itertools import chain, takewhile, zip_longest

from testsmith.model import Member, Request
from testsmith.patches import LEFT_OUT

_LEAST_LINES = 2
"""Minimum number of matching lines; a single line may match by chance."""

MOST_SOURCE = 24_000
"""Maximum characters shown of a member's source. A class with all its methods can have many times as many."""

_LINES_AROUND = 15
_FEW = 3
"""How often a line of a source may occur to count as the place of a change."""

_LEFT_OUT = "[lines are left out here]"


class CallSources:
    """Sources of one call's members; lines are compared without indentation.

    Attributes:
        shown: What is shown of them, by the member's id.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self.shown = {member.id: excerpt(member) for member in members}
        self._sources = [(member, _bare(self.shown[member.id])) for member in members]
        self._changes = [(member, _changed_lines(member.shown_change.own)) for member in members]

    def holder_of(self, member: Member) -> Member | None:
        """Return the member whose source contains that of another, for example a class its methods."""
        source = _bare(member.source)
        holders = (
            other
            for other, text in self._sources
            if other.path == member.path and len(text) > len(source) and source in text
        )
        return next(holders, None)

    def hold(self, text: str) -> bool:
        """Return whether a piece of code is in one of the sources."""
        piece = _bare(text)
        return piece.count("\n") > _LEAST_LINES and any(piece in source for _, source in self._sources)

    def show_own(self, member: Member) -> bool:
        """Return whether another member, for example the class of a method, shows all of a member's diff."""
        return self._show(member.name, member.path, member.shown_change.own)

    def show_private(self, diff: str) -> bool:
        """Return whether a member shows all of the diff of a private definition inside it."""
        name, _, path = diff.partition("\n")[0].removeprefix("@@ ").removesuffix(" @@").partition(" in ")
        return self._show(name, path, diff)

    def _show(self, name: str, path: str, diff: str) -> bool:
        lines = _changed_lines(diff)
        return any(
            member.path == path and name.startswith(f"{member.name}.") and lines <= theirs
            for member, theirs in self._changes
        )

    def define(self, head: Sequence[str]) -> bool:
        """Return whether one of the sources is the definition of a signature.

        Args:
            head: First lines of the signature: a comment with the module, and the definition.
        """
        line = head[-1].removesuffix(" ...")
        return any(
            head[0].lstrip("#/ ") == member.module
            and "." not in member.name
            and line in self.shown[member.id].split("\n")
            for member, _ in self._sources
        )


def excerpt(member: Member) -> str:
    """Return a member's source; of a very long one the lines around what changed, and the first ones."""
    source = member.source.strip("\n")
    if len(source) <= MOST_SOURCE:
        return source
    lines = source.split("\n")
    added = {line[1:].strip() for line in member.shown_change.own.split("\n") if line.startswith("+")}
    often = Counter(line.strip() for line in lines)
    telling = {line for line in added if often[line] <= _FEW}
    changed = (number for number, line in enumerate(lines, start=1) if line.strip() in telling)
    near = (one + step for one in changed for step in range(-_LINES_AROUND, _LINES_AROUND + 1))
    kept, room = set[int](), MOST_SOURCE
    for number in (*(one for one in near if 0 < one <= len(lines)), *range(1, len(lines) + 1)):
        if number not in kept:
            room -= len(lines[number - 1]) + 1
            if room < 0:
                break
            kept.add(number)
    return "\n".join(_with_gaps(lines, kept, _LEFT_OUT))


def _changed_lines(diff: str) -> frozenset[str]:
    """Return the lines that a diff removes and adds, without indentation."""
    signed = (f"{line[0]}{line[1:].strip()}" for line in diff.split("\n") if line[:1] in {"-", "+"})
    return frozenset(signed)


def _bare(text: str) -> str:
    lines = (line.strip() for line in text.split("\n"))
    return "\n".join(["", *filter(None, lines), ""])


CHARACTERS_PER_TOKEN = 4
"""Estimated characters per token for source code and English."""

MOST_OBSERVED_CHARACTERS = 480
"""Maximum length of the observations of one member (about 120 tokens)."""

MOST_PROBED_CHARACTERS = 2400
"""Maximum length of the observations of a member whose inputs a model chose (about 600 tokens)."""

GOAL_TOKEN_BUDGET = 800
"""Maximum number of tokens of all mutants in one call that no test kills."""

REPAIR_TOKEN_BUDGET = 1_000
"""Maximum number of tokens of what members use, if tests are repaired: they use some of it already."""

USES_TIER = 2
STYLE_TIER = 3

_TESTS_SHARE = 0.6
"""Maximum share of the budget for existing tests, so that members of long tests still have signatures."""

_BETWEEN_BLOCKS = re.compile(r"\n[ \t]*\n")

_MOST_COMPARED_LINES = 2_000
"""Maximum number of lines compared in order; many equal lines would otherwise take hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedContext:
    """Context of one call, without duplicates.

    Attributes:
        changes: Diffs of private definitions that members use.
        shared: Blocks that several members use, in the order of first use.
        own: Blocks that only one member uses, by member id.
        tests: Shown lines of each test file, with a line for what is left out, by path.
        fixtures: Fixtures and helpers of other files that these tests use.
        style_sample: Part of a test file; empty if there is none or it does not fit.
    """

    changes: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    own: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tests: Mapping[str, str] = field(default_factory=dict)
    fixtures: tuple[str, ...] = ()
    style_sample: str = ""


_NO_BODY = " ..."
"""Ends the line of a definition whose body is not shown."""


def fit_context(requests: Sequence[Request], budget: int, tiers: int = STYLE_TIER) -> SharedContext:
    """Select the context of a prompt.

    Diffs come first. The first block of every member comes before the second of any, so that a small budget
    is shared fairly; languages order blocks by usefulness. One style sample per call is enough, and none if
    existing tests are shown.

    Args:
        requests: Requests of one call.
        budget: Maximum number of tokens of the selected context.
        tiers: Highest tier to include; see `packing.Batch`.
    """
    if tiers < USES_TIER:
        return SharedContext()
    room = budget * CHARACTERS_PER_TOKEN
    sources = CallSources([request.member for request in requests])
    private = _in_turns([request.member.shown_change.private for request in requests])
    changes = _fitting((diff for diff in private if not sources.show_private(diff)), room)
    room -= sum(map(len, changes))
    tests = _fitting_tests(requests, round(room * _TESTS_SHARE)) if tiers >= STYLE_TIER else {}
    room -= sum(map(len, tests.values()))
    fixtures = _fitting(_in_turns([request.context.fixtures for request in requests]), room) if tests else ()
    room -= sum(map(len, fixtures))
    if requests[0].repair is not None:
        room = min(room, REPAIR_TOKEN_BUDGET * CHARACTERS_PER_TOKEN)
    users = _users(requests)
    kept = _fitting(users, room)
    room -= sum(map(len, kept))
    sample = _style_sample(requests, room) if tiers >= STYLE_TIER and not tests else ""
    return SharedContext(
        changes=changes,
        shared=tuple(block for block in kept if len(users[block]) > 1),
        own=_own(kept, users),
        tests=tests,
        fixtures=fixtures,
        style_sample=sample,
    )


def _fitting_tests(requests: Sequence[Request], room: int) -> dict[str, str]:
    """Return what is shown of each test file: the nearest test of every member before the second of any."""
    shown: dict[str, set[int]] = {}
    mark = f"{requests[0].comment} {LEFT_OUT}"
    lines = {one.test_path: one.test_text.rstrip("\n").split("\n") for one in requests if one.test_text}
    for rank in zip_longest(*(request.context.test_lines for request in requests)):
        for request, wanted in zip(requests, rank, strict=True):
            known = shown.get(request.test_path, set())
            new = (wanted or frozenset()) - known
            size = sum(len(lines[request.test_path][number - 1]) + 1 for number in new) + len(mark) + 1
            if new and size <= room:
                room -= size
                shown[request.test_path] = known | new
    return {path: "\n".join(_with_gaps(lines[path], numbers, mark)) for path, numbers in shown.items()}


def _with_gaps(lines: Sequence[str], shown: Collection[int], mark: str) -> Iterator[str]:
    """Yield the shown lines of a file, with a mark for each gap that is not blank.

    A mark has the indentation of the first line that is left out: below a signature, it reads as the body.
    """
    gap = False
    for number, line in enumerate(lines, start=1):
        if number in shown:
            yield line
            gap = False
        elif not line.strip():
            yield from [""] * (number - 1 in shown or number + 1 in shown)
        elif not gap:
            yield f"{line[: len(line) - len(line.lstrip())]}{mark}"
            gap = True


def _in_turns(texts: Sequence[Sequence[str]]) -> list[str]:
    """Return the first text of each member, then the second of each, without repetition."""
    ranks = chain.from_iterable(zip_longest(*texts))
    return list(dict.fromkeys(text for text in ranks if text is not None))


def with_observations(request: Request, observations: Sequence[str]) -> Request:
    """Return a request with its member's observations, up to the limit per member."""
    most = MOST_PROBED_CHARACTERS if request.context.probes else MOST_OBSERVED_CHARACTERS
    kept = _fitting(observations, most)
    return replace(request, context=replace(request.context, observations=kept))


def _fitting(texts: Iterable[str], room: int) -> tuple[str, ...]:
    """Return the first texts that fit together, skipping texts that do not fit."""
    kept = []
    for text in texts:
        if len(text) <= room:
            kept.append(text)
            room -= len(text)
    return tuple(kept)


def fit_observations(
    requests: Sequence[Request], budget: int, tiers: int = STYLE_TIER
) -> dict[str, tuple[str, ...]]:
    """Select observations for the prompt by member id; see `_fit_facts`."""
    facts = {request.member.id: request.context.observations for request in requests}
    return _fit_facts(facts, budget, tiers)


def fit_goals(requests: Sequence[Request], tiers: int = STYLE_TIER) -> dict[str, tuple[str, ...]]:
    """Select mutants that the tests should kill for the prompt by member id; see `_fit_facts`."""
    facts = {request.member.id: request.context.goals for request in requests}
    return _fit_facts(facts, GOAL_TOKEN_BUDGET, tiers)


def _fit_facts(facts: Mapping[str, tuple[str, ...]], budget: int, tiers: int) -> dict[str, tuple[str, ...]]:
    """Select facts about members; the first of every member comes first.

    Args:
        facts: The facts by member id.
        budget: Maximum number of tokens of the selected facts.
        tiers: Highest tier to include; no facts are included with sources only.
    """
    if tiers < USES_TIER:
        return {}
    ranks = zip_longest(*([(member, text) for text in texts] for member, texts in facts.items()))
    room = budget * CHARACTERS_PER_TOKEN
    kept: dict[str, tuple[str, ...]] = {}
    for member, text in (entry for rank in ranks for entry in rank if entry is not None):
        if len(text) <= room:
            kept[member] = (*kept.get(member, ()), text)
            room -= len(text)
    return kept


def lower_tier(request: Request, tiers: int) -> int | None:
    """Return the next lower number of tiers that reduces the request's context, or None."""
    context, change = request.context, request.member.shown_change
    if tiers >= STYLE_TIER and (context.style_sample.strip() or context.test_lines):
        return STYLE_TIER - 1
    of_change = change.own or change.private or change.route_sources
    known = context.signatures.strip() or context.observations or context.goals
    if tiers >= USES_TIER and (known or of_change):
        return USES_TIER - 1
    return None


def _users(requests: Sequence[Request]) -> dict[str, list[str]]:
    """Return every block with the ids of members that use it, first blocks of all members first.

    Blocks that show different methods of one class are merged. Blocks contained in a member's own source are
    left out.
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
    """Yield named blocks: private functions on the way to what changed, then signatures of what it uses.

    Signatures of one class have the same name, which is their first lines.
    """
    for text in request.member.shown_change.route_sources:
        if not sources.hold(text):
            yield text.strip("\n"), text.strip("\n")
    for text in filter(str.strip, _BETWEEN_BLOCKS.split(request.context.signatures)):
        block = text.strip("\n")
        head = tuple(takewhile(_is_of_the_head, block.split("\n"))) or (block,)
        if not sources.define(head):
            yield "\n".join(head), block


def _is_of_the_head(line: str) -> bool:
    """Return whether a line of a signature belongs to its heading, not its body."""
    return not line[:1].isspace()


def _united(one: str, other: str) -> str:
    """Return the lines of both texts in order, with common lines once.

    A definition whose body only one of them shows (`def f(): ...` in the other) is shown with its body.
    """
    if one == other:
        return one
    ours, theirs = one.split("\n"), other.split("\n")
    heads = {*ours, *theirs}
    ours, theirs = (
        [line for line in lines if not line.endswith(_NO_BODY) or line.removesuffix(_NO_BODY) not in heads]
        for lines in (ours, theirs)
    )
    if len(ours) + len(theirs) > _MOST_COMPARED_LINES:
        return "\n".join(dict.fromkeys((*ours, *theirs)))
    steps = SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
    parts = (ours[a:b] if step == "equal" else ours[a:b] + theirs[c:d] for step, a, b, c, d in steps)
    return "\n".join(chain.from_iterable(parts))


def _style_sample(requests: Sequence[Request], room: int) -> str:
    samples = (request.context.style_sample.strip("\n") for request in requests)
    return next((sample for sample in samples if sample.strip() and len(sample) <= room), "")


def _own(kept: Iterable[str], users: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return the blocks that only one member uses."""
    own: dict[str, tuple[str, ...]] = {}
    for block in kept:
        if len(users[block]) == 1:
            [member] = users[block]
            own[member] = (*own.get(member, ()), block)
    return own
