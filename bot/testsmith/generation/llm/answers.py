"""An answer's text -> test modules by member. Pure, and safe on any text whatever.

Three forms are read, and the first that answers a member wins: JSON, which may stand in a fence or in prose,
and of which every whole entry counts where the rest is cut or broken; sections under a line
`### test: <member id>` or `=== <member id> ===`; for a single member the one fenced block.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from testsmith.faults import skipped_by_fault
from testsmith.generation.interface import skipped
from testsmith.generation.llm.context import lower_tier
from testsmith.generation.llm.packing import Batch, BatchLimits, split
from testsmith.generation.llm.prompts import shown
from testsmith.llm.interface import (
    CallTooLarge,
    CompletionResponse,
    ContentFiltered,
    ContextTooLong,
    OverBudget,
    ProviderError,
    SpendingEnded,
)
from testsmith.model import Candidate, Member, Origin, Request, Result, SkipStage

MAX_CODE_BYTES = 64 * 1024
"""A longer test module is no answer."""

MAX_ANSWER_CHARACTERS = 4 * 1024**2
"""What lies beyond is not read."""

MAX_BROKEN_STARTS = 50
"""After so many beginnings that are no JSON the rest is not searched: the search stays linear."""

ANSWER_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "code": {"type": "string"}},
                "required": ["name", "code"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["tests"],
    "additionalProperties": False,
}
"""The JSON Schema of the first form; the same for all calls, since endpoints prepare each schema once."""

_START = re.compile(r'\{\s*"(?:tests|name|code)"\s*:')
_FENCE = re.compile(r"(`{3,}|~{3,})[^`]*")
_DECODER = json.JSONDecoder(strict=False)
"""Not strict: models write line breaks in strings as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedAnswer:
    """What one answer holds.

    Attributes:
        codes: Test modules by member id, each ending with a line break.
        repeated: Entries ignored because their member was answered already.
        unknown: Entries that name none of the members, or several.
        unusable: Entries whose code is empty, too long or no text.
        readable: Whether the text has one of the known forms at all, though it may hold nothing.
    """

    codes: Mapping[str, str]
    repeated: int = 0
    unknown: int = 0
    unusable: int = 0
    readable: bool = True


@dataclass(frozen=True, slots=True)
class _Entry:
    """A name with its code, as it came: anything at all."""

    name: object
    code: object


def parse_answer(text: str, members: Sequence[Member], *, is_cut: bool = False) -> ParsedAnswer:
    """Return what an answer holds for the members that were asked.

    Args:
        text: The answer.
        members: Those asked in this call.
        is_cut: Whether the answer ended at its length limit: a last section without an end is not whole then.
    """
    text = text[:MAX_ANSWER_CHARACTERS]
    lines = text.replace("\r\n", "\n").split("\n")
    from_json = _matched(_json_entries(text), members)
    if from_json.codes:
        return from_json
    from_sections = _matched(_sections(lines, is_cut=is_cut) or _only_block(lines, members), members)
    return from_sections if from_sections.codes or not from_json.readable else from_json


def _matched(entries: Sequence[_Entry] | None, members: Sequence[Member]) -> ParsedAnswer:
    names = _names(members)
    codes: dict[str, str] = {}
    repeated = unknown = unusable = 0
    for entry in entries or ():
        member = names.get(_bare(entry.name))
        if member is None:
            unknown += 1
        elif member in codes:
            repeated += 1
        elif (code := _module(entry.code)) is None:
            unusable += 1
        else:
            codes[member] = code
    return ParsedAnswer(
        codes=codes,
        repeated=repeated,
        unknown=unknown,
        unusable=unusable,
        readable=entries is not None,
    )


def _names(members: Iterable[Member]) -> dict[str, str]:
    """Return every name that means exactly one of the members, with that member's id; ids come first."""
    meant: dict[str, set[str]] = {}
    ids: dict[str, str] = {}
    for member in members:
        ids[member.id] = ids[shown(member.id)] = member.id
        for name in (member.name, member.plain_name):
            meant.setdefault(name, set()).add(member.id)
    return {name: next(iter(found)) for name, found in meant.items() if len(found) == 1} | ids


def _bare(name: object) -> str:
    """Return a name without the marks that models put around it; an empty one for anything else."""
    return name.strip(" \t\r\n`'\"") if isinstance(name, str) else ""


def _module(code: object) -> str | None:
    """Return a usable module's text, without a fence around it; None if it is not one."""
    if not isinstance(code, str) or len(code) > MAX_CODE_BYTES:
        return None
    text = _without_fence(code.replace("\r\n", "\n")).strip("\n").rstrip()
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        # A lone surrogate, which JSON can spell: it could be neither kept nor run.
        return None
    return f"{text}\n" if 0 < size < MAX_CODE_BYTES and "\0" not in text else None


def _json_entries(text: str) -> list[_Entry] | None:
    """Return the entries of every JSON value that begins like an envelope or an entry; None without one."""
    entries: list[_Entry] = []
    found = False
    position = broken = 0
    while broken < MAX_BROKEN_STARTS and (start := _START.search(text, position)):
        try:
            value, position = _DECODER.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            # A cut envelope: its whole entries begin further in.
            position = start.end()
            broken += 1
        else:
            found = True
            entries.extend(_listed(value))
    return entries if found else None


def _listed(value: dict[str, object]) -> list[_Entry]:
    """Return the entries of one JSON object: an envelope, with a list or a mapping in it, or an entry."""
    tests = value.get("tests", [value])
    if isinstance(tests, dict):
        return [_Entry(name, code) for name, code in tests.items()]
    items = tests if isinstance(tests, list) else []
    return [_Entry(item.get("name"), item.get("code")) for item in items if isinstance(item, dict)]


def _sections(lines: Iterable[str], *, is_cut: bool) -> list[_Entry] | None:
    """Return what stands under each line that names a member: its first fenced block, or all of it."""
    sections: list[tuple[str, list[str]]] = []
    fence = ""
    for line in lines:
        name = "" if fence else _section_name(line)
        if name:
            sections.append((name, []))
        elif sections:
            sections[-1][1].append(line)
        fence = _fence_after(line, fence)
    if sections and is_cut and not _blocks(sections[-1][1]):
        sections.pop()
    return [_Entry(name, _first_block(body)) for name, body in sections] or None


def _section_name(line: str) -> str:
    """Return the name in a line `### test: NAME` or `=== NAME ===`; an empty one for any other line."""
    bare = line.strip()
    if bare.startswith("===") and bare.endswith("==="):
        return bare.strip("=").strip()
    word, _, name = bare.lstrip("#").partition(":")
    is_section = bare.startswith("##") and word.strip().lower() in {"test", "tests"}
    return name.strip() if is_section else ""


def _only_block(lines: Iterable[str], members: Sequence[Member]) -> list[_Entry] | None:
    """Return the answer's one fenced block as the answer for the one member that was asked."""
    blocks = _blocks(lines)
    return [_Entry(members[0].id, blocks[0])] if len(members) == 1 and len(blocks) == 1 else None


def _first_block(lines: Sequence[str]) -> str:
    return next(iter(_blocks(lines)), "\n".join(lines))


def _blocks(lines: Iterable[str]) -> list[str]:
    """Return the texts of all fenced blocks that are closed."""
    blocks: list[str] = []
    inside: list[str] = []
    fence = ""
    for line in lines:
        before, fence = fence, _fence_after(line, fence)
        if before and fence:
            inside.append(line)
        elif before:
            blocks.append("\n".join(inside))
            inside.clear()
    return blocks


def _fence_after(line: str, fence: str) -> str:
    """Return the fence that is open after a line, where `fence` was open before it."""
    bare = line.strip()
    if fence:
        closes = len(bare) >= len(fence) and not bare.strip(fence[0])
        return "" if closes else fence
    opening = _FENCE.fullmatch(bare)
    return opening[1] if opening else ""


def _without_fence(code: str) -> str:
    """Return a module's text without the fence around it, where there is one."""
    lines = code.strip().split("\n")
    fence = _fence_after(lines[0], "")
    if not fence:
        return code
    closed = not _fence_after(lines[-1], fence)
    return "\n".join(lines[1:-1] if closed else lines[1:])


# What follows from an answer, or from an error in its place: results, and calls to make again. Pure.
#
# Every call made again is for fewer members, or is counted, or shows less, or may answer longer, once: so
# the rounds end. Nothing that was answered is asked again.

MAX_ASKED_AGAIN = 2
"""How many times a member is asked again after an answer without a test for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOutcome:
    """What one call comes to.

    Attributes:
        results: Members that are done.
        again: Calls to make for the others.
        ended: Set where no further call of this run can work.
    """

    results: tuple[Result, ...] = ()
    again: tuple[Batch, ...] = ()
    ended: SpendingEnded | None = None


def after_answer(
    batch: Batch, answer: ParsedAnswer, response: CompletionResponse, limits: BatchLimits
) -> CallOutcome:
    """Decide what follows from an answer, what was read in it, and the reason for its end."""
    results = tuple(
        Candidate(member=request.member.id, code=answer.codes[request.member.id], origin=Origin.MODEL)
        for request in batch.requests
        if request.member.id in answer.codes
    )
    rest = tuple(request for request in batch.requests if request.member.id not in answer.codes)
    if not rest:
        return CallOutcome(results=results)
    if response.was_cut_while_thinking:
        outcome = _after_thinking(batch, rest, limits)
    elif response.finish_reason == "length":
        outcome = _after_cut(batch, rest, limits, thought=response.usage.thinking_tokens > 0)
    elif response.finish_reason == "content_filter":
        outcome = _apart(batch, rest, limits, "the endpoint filtered the answer for this member alone")
    else:
        outcome = _after_silence(batch, rest, limits, readable=answer.readable)
    return replace(outcome, results=results + outcome.results)


def after_error(batch: Batch, error: ProviderError, limits: BatchLimits) -> CallOutcome:
    """Decide what follows from an error that is left after all attempts."""
    match error:
        case SpendingEnded():
            return CallOutcome(results=skipped(batch.requests, str(error)), ended=error)
        case ContextTooLong():
            return _after_overflow(batch, error, limits)
        case OverBudget():
            return _after_end_of_budget(batch, error, limits)
        case ContentFiltered():
            return _apart(batch, batch.requests, limits, str(error))
        case _:
            return CallOutcome(results=skipped(batch.requests, str(error)))


def after_fault(batch: Batch, error: Exception, limits: BatchLimits) -> CallOutcome:
    """Decide what follows from an unexpected exception: each member is asked for alone, so one is lost."""
    if len(batch.requests) > 1:
        return CallOutcome(again=_smaller(batch, batch.requests, 1, limits))
    return CallOutcome(results=tuple(skipped_by_fault(request.member, error) for request in batch.requests))


def _after_end_of_budget(batch: Batch, error: OverBudget, limits: BatchLimits) -> CallOutcome:
    """The call may not be made: half of it may, unless no call may at all."""
    if isinstance(error, CallTooLarge) and len(batch.requests) > 1:
        return CallOutcome(again=_smaller(batch, batch.requests, _half(batch), limits))
    return CallOutcome(results=skipped(batch.requests, str(error), stage=SkipStage.BUDGET))


def _after_overflow(batch: Batch, error: ContextTooLong, limits: BatchLimits) -> CallOutcome:
    """The prompt does not fit: fewer members a call, and for one alone less beside its source."""
    [first, *others] = batch.requests
    tiers = lower_tier(first, batch.tiers)
    if others or tiers is None:
        reason = f"even asked for alone, with nothing but its source: {error}"
        # A call with more room than usual may be refused for that room, and not for the member.
        usual = limits.allowance(limits.shares_of(batch.requests))
        return _apart(batch, batch.requests, limits, reason, permanent=batch.max_tokens <= usual)
    return CallOutcome(again=(replace(batch, tiers=tiers),))


def _after_thinking(batch: Batch, rest: Sequence[Request], limits: BatchLimits) -> CallOutcome:
    """The model spent its limit on thinking: ask again with far more room, then for fewer members.

    How long a model thinks differs from call to call, so this is never a property of the member.
    """
    if batch.max_tokens <= limits.allowance(limits.shares_of(batch.requests)) < limits.longest:
        roomy = replace(batch, requests=tuple(rest), max_tokens=limits.with_room(batch.max_tokens))
        return CallOutcome(again=(roomy,))
    if len(batch.requests) > 1:
        halves = split(rest, _half(batch))
        return CallOutcome(again=tuple(replace(batch, requests=half) for half in halves))
    reason = (
        f"the model spent the {batch.max_tokens:,} tokens of its answer on thinking. "
        "Set a lower --reasoning-effort, raise --max-output-tokens, or use another --model."
    )
    return CallOutcome(results=skipped(rest, reason))


def _after_cut(batch: Batch, rest: Sequence[Request], limits: BatchLimits, *, thought: bool) -> CallOutcome:
    """The answer ended at its limit: fewer members a call, and for one alone once twice the length."""
    usual = limits.allowance(limits.shares_of(batch.requests))
    most = min(limits.max_output_tokens + limits.thinking_tokens, limits.longest)
    if len(batch.requests) == 1 and batch.max_tokens <= usual < most:
        longer = min(2 * batch.max_tokens, most)
        return CallOutcome(again=(replace(batch, max_tokens=longer),))
    reason = f"the model's answer for this member alone was cut off at {batch.max_tokens} tokens"
    return _apart(batch, rest, limits, reason, permanent=not thought)


def _apart(
    batch: Batch, rest: Sequence[Request], limits: BatchLimits, reason: str, *, permanent: bool = True
) -> CallOutcome:
    """Ask in calls of half the size at most; a member that was alone already is skipped, usually for good."""
    if len(batch.requests) == 1:
        return CallOutcome(results=skipped(rest, reason, permanent=permanent))
    return CallOutcome(again=_smaller(batch, rest, _half(batch), limits))


def _after_silence(
    batch: Batch, rest: Sequence[Request], limits: BatchLimits, *, readable: bool
) -> CallOutcome:
    """No test for these members: ask for them alone; where none came, first all again, then by halves."""
    if batch.asked_again == MAX_ASKED_AGAIN:
        lack = "held no usable test for it" if readable else "were no tests"
        reason = f"the model's answers {lack}, asked {MAX_ASKED_AGAIN + 1} times"
        # An answer that no one can read may be the endpoint's fault, and pass.
        return CallOutcome(results=skipped(rest, reason, permanent=readable))
    counted = replace(batch, asked_again=batch.asked_again + 1)
    if len(rest) < len(batch.requests):
        return CallOutcome(again=_smaller(counted, rest, len(rest), limits))
    if batch.asked_again == 0:
        return CallOutcome(again=(counted,))
    return CallOutcome(again=_smaller(counted, rest, _half(batch), limits))


def _half(batch: Batch) -> int:
    return (len(batch.requests) + 1) // 2


def _smaller(batch: Batch, rest: Sequence[Request], size: int, limits: BatchLimits) -> tuple[Batch, ...]:
    return tuple(
        replace(batch, requests=part, max_tokens=limits.allowance(limits.shares_of(part)))
        for part in split(rest, size)
    )
