"""Parse model answers into test modules or edits by member, and decide on follow-up calls.

Accepts any text. Three formats are supported, and the first that answers a member is used: JSON, optionally
in a fence or prose, of which complete entries count even if the rest is truncated or invalid; sections after
a line `### test: <member id>` or `=== <member id> ===`; and, for a single member, the only fenced block.
A unified diff is an edit of the test file that was shown, wherever it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from testsmith.faults import skipped_by_fault
from testsmith.generation.interface import skipped
from testsmith.generation.llm.context import lower_tier
from testsmith.generation.llm.packing import MAX_ASKED_AGAIN, Batch, BatchLimits, split
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
"""Maximum length of a test module; longer ones are rejected."""

MAX_ANSWER_CHARACTERS = 4 * 1024**2
"""Maximum length of an answer that is read."""

MAX_BROKEN_STARTS = 50
"""Maximum number of failed JSON parse attempts, to keep the search linear."""

ANSWER_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {key: {"type": "string"} for key in ("name", "code", "patch")},
                "required": ["name", "code", "patch"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["tests"],
    "additionalProperties": False,
}
"""JSON Schema of the first format; the same for all calls because endpoints prepare each schema once."""

_KEYS = ("tests", "name", "code", "patch")
_DIFF = re.compile(r"^@@ |^--- .*\n\+\+\+ |^@@$", re.MULTILINE)
_FENCE = re.compile(r"(`{3,}|~{3,})[^`]*")
_DECODER = json.JSONDecoder(strict=False)
"""Not strict, because models write literal line breaks in strings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedAnswer:
    """Content of an answer.

    Attributes:
        codes: Test modules by member id, each ending with a line break.
        patches: Unified diffs of the test file that was shown, by member id.
        edited: Test files with the diffs applied, by member id; `codes` then has the tests they add.
        repeated: Entries ignored because their member was already answered.
        unknown: Entries that match no member, or several.
        without_tests: Members for which the answer says that there is nothing to test: their entry has empty
            code and an empty diff. A member without an entry may only have been forgotten.
        unusable: Entries whose code and diff are empty, too long or not text.
        diff_problems: Why the diffs of members could not be used, by member id.
        readable: Whether the answer is in a supported format, even if it contains no tests.
    """

    codes: Mapping[str, str]
    patches: Mapping[str, str] = field(default_factory=dict)
    edited: Mapping[str, str] = field(default_factory=dict)
    without_tests: frozenset[str] = frozenset()
    repeated: int = 0
    unknown: int = 0
    unusable: int = 0
    diff_problems: Mapping[str, str] = field(default_factory=dict)
    readable: bool = True


@dataclass(frozen=True, slots=True)
class _Entry:
    """An unvalidated entry: a name, and code or a diff."""

    name: object
    code: object
    patch: object = None

    @property
    def is_empty(self) -> bool:
        """Whether it says that there is nothing to test."""
        return all(isinstance(text, str) and not text.strip() for text in (self.code, self.patch))


def parse_answer(text: str, members: Sequence[Member], *, is_cut: bool = False) -> ParsedAnswer:
    """Return the tests in an answer for the requested members.

    Args:
        text: The answer.
        members: Members requested in this call.
        is_cut: Whether the answer reached its length limit; an unterminated last section is then incomplete.
    """
    text = text[:MAX_ANSWER_CHARACTERS]
    lines = text.replace("\r\n", "\n").split("\n")
    from_json = _matched(_json_entries(text), members)
    if from_json.codes or from_json.patches or from_json.without_tests:
        return from_json
    from_sections = _matched(_sections(lines, is_cut=is_cut) or _only_block(lines, members), members)
    is_better = from_sections.codes or from_sections.patches or not from_json.readable
    return from_sections if is_better else from_json


def _matched(entries: Sequence[_Entry] | None, members: Sequence[Member]) -> ParsedAnswer:
    names = member_names(members)
    codes: dict[str, str] = {}
    patches: dict[str, str] = {}
    without = set[str]()
    repeated = unknown = unusable = 0
    for entry in entries or ():
        member = names.get(bare_name(entry.name))
        if member is None:
            unknown += 1
        elif member in codes or member in patches:
            repeated += 1
        else:
            texts = [text for part in (entry.patch, entry.code) if (text := _module(part)) is not None]
            without |= {member} if entry.is_empty else set()
            unusable += not texts and not entry.is_empty
            for text in reversed(texts):
                (patches if _DIFF.search(text) else codes)[member] = text
    return ParsedAnswer(
        codes=codes,
        patches=patches,
        without_tests=frozenset(without - codes.keys() - patches.keys()),
        repeated=repeated,
        unknown=unknown,
        unusable=unusable,
        readable=entries is not None,
    )


def member_names(members: Iterable[Member]) -> dict[str, str]:
    """Return the id for every name that identifies exactly one member; ids take precedence."""
    meant: dict[str, set[str]] = {}
    ids: dict[str, str] = {}
    for member in members:
        ids[member.id] = ids[shown(member.id)] = member.id
        for name in (member.name, member.plain_name):
            meant.setdefault(name, set()).add(member.id)
    return {name: next(iter(found)) for name, found in meant.items() if len(found) == 1} | ids


def bare_name(name: object) -> str:
    """Return a name without surrounding markup, or `""` for anything that is not a string."""
    return name.strip(" \t\r\n`'\"") if isinstance(name, str) else ""


def _module(code: object) -> str | None:
    """Return the text of a usable module without a surrounding fence, or None."""
    if not isinstance(code, str) or len(code) > MAX_CODE_BYTES:
        return None
    text = _without_fence(code.replace("\r\n", "\n")).strip("\n").rstrip()
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        # JSON can contain lone surrogates, which can be neither stored nor run.
        return None
    return f"{text}\n" if 0 < size < MAX_CODE_BYTES and "\0" not in text else None


def _json_entries(text: str) -> list[_Entry] | None:
    """Return the entries of every JSON value that looks like an envelope or an entry, or None."""
    found = list(json_objects(text, _KEYS))
    return [entry for value in found for entry in _listed(value)] if found else None


def json_objects(text: str, keys: Sequence[str]) -> Iterator[dict[str, object]]:
    """Yield the complete JSON objects in a text that begin with one of these keys, outermost first."""
    begins = re.compile(rf'\{{\s*"(?:{"|".join(keys)})"\s*:')
    position = broken = 0
    while broken < MAX_BROKEN_STARTS and (start := begins.search(text, position)):
        try:
            value, position = _DECODER.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            # A truncated envelope: its complete entries start further inside.
            position = start.end()
            broken += 1
        else:
            yield value


def _listed(value: dict[str, object]) -> list[_Entry]:
    """Return the entries of a JSON object: an envelope with a list or mapping, or a single entry."""
    tests = value.get("tests", [value])
    if isinstance(tests, dict):
        return [_Entry(name, code) for name, code in tests.items()]
    items = tests if isinstance(tests, list) else []
    return [
        _Entry(item.get("name"), item.get("code"), item.get("patch"))
        for item in items
        if isinstance(item, dict)
    ]


def _sections(lines: Iterable[str], *, is_cut: bool) -> list[_Entry] | None:
    """Return the first fenced block, or the whole text, after each line that names a member."""
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
    """Return the name in a line `### test: NAME` or `=== NAME ===`, or `""`."""
    bare = line.strip()
    if bare.startswith("===") and bare.endswith("==="):
        return bare.strip("=").strip()
    word, _, name = bare.lstrip("#").partition(":")
    is_section = bare.startswith("##") and word.strip().lower() in {"test", "tests"}
    return name.strip() if is_section else ""


def _only_block(lines: Iterable[str], members: Sequence[Member]) -> list[_Entry] | None:
    """Return the answer's only fenced block as the answer for the only requested member."""
    blocks = _blocks(lines)
    return [_Entry(members[0].id, blocks[0])] if len(members) == 1 and len(blocks) == 1 else None


def _first_block(lines: Sequence[str]) -> str:
    return next(iter(_blocks(lines)), "\n".join(lines))


def _blocks(lines: Iterable[str]) -> list[str]:
    """Return the contents of all closed fenced blocks."""
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
    """Return the fence that is open after a line, given the one open before it."""
    bare = line.strip()
    if fence:
        closes = len(bare) >= len(fence) and not bare.strip(fence[0])
        return "" if closes else fence
    opening = _FENCE.fullmatch(bare)
    return opening[1] if opening else ""


def _without_fence(code: str) -> str:
    """Return a module's text without a surrounding fence."""
    lines = code.strip().split("\n")
    fence = _fence_after(lines[0], "")
    if not fence:
        return code
    closed = not _fence_after(lines[-1], fence)
    return "\n".join(lines[1:-1] if closed else lines[1:])


# Follow-up calls after an answer or an error.
#
# Every follow-up call has fewer members, counts toward a limit, shows less context or has more room once, so
# the rounds terminate. Members that were answered are not requested again.


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOutcome:
    """Result of one call.

    Attributes:
        results: Results of members that are done.
        again: Calls to make for the other members.
        ended: Set if no further call of this run is possible.
    """

    results: tuple[Result, ...] = ()
    again: tuple[Batch, ...] = ()
    ended: SpendingEnded | None = None


def after_answer(
    batch: Batch, answer: ParsedAnswer, response: CompletionResponse, limits: BatchLimits
) -> CallOutcome:
    """Return the outcome of an answer, given its parsed content and finish reason."""
    results: tuple[Result, ...] = tuple(
        Candidate(
            member=request.member.id,
            code=answer.codes[request.member.id],
            origin=Origin.MODEL,
            edited=answer.edited.get(request.member.id, ""),
        )
        for request in batch.requests
        if request.member.id in answer.codes
    )
    rest = tuple(request for request in batch.requests if request.member.id not in answer.codes)
    if not rest:
        return CallOutcome(results=results)
    if batch.task == "review":
        is_whole = answer.readable and response.finish_reason == "stop"
        reason = "the review kept its tests" if is_whole else "the answer could not be read"
        return CallOutcome(results=results + skipped(rest, reason, permanent=is_whole))
    empty = [request for request in rest if request.member.id in answer.without_tests]
    results += skipped(empty, "the model found nothing to test here", permanent=True)
    rest = tuple(request for request in rest if request.member.id not in answer.without_tests)
    if not rest:
        return CallOutcome(results=results)
    if response.was_cut_while_thinking:
        outcome = _after_thinking(batch, rest, limits)
    elif response.finish_reason == "length":
        outcome = _after_cut(batch, rest, limits, thought=response.usage.thinking_tokens > 0)
    elif response.finish_reason == "content_filter":
        outcome = _apart(batch, rest, limits, "the endpoint filtered the answer for this member alone")
    else:
        outcome = _after_silence(batch, rest, limits, answer)
    return replace(outcome, results=results + outcome.results)


def after_error(batch: Batch, error: ProviderError, limits: BatchLimits) -> CallOutcome:
    """Return the outcome of an error that remains after all attempts."""
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
    """Return the outcome of an unexpected exception: members are requested one by one, to isolate it."""
    if len(batch.requests) > 1:
        return CallOutcome(again=_smaller(batch, batch.requests, 1, limits))
    return CallOutcome(results=tuple(skipped_by_fault(request.member, error) for request in batch.requests))


def _after_end_of_budget(batch: Batch, error: OverBudget, limits: BatchLimits) -> CallOutcome:
    """The budget rejected the call: try half of it, unless no call is possible."""
    if isinstance(error, CallTooLarge) and len(batch.requests) > 1:
        return CallOutcome(again=_smaller(batch, batch.requests, _half(batch), limits))
    return CallOutcome(results=skipped(batch.requests, str(error), stage=SkipStage.BUDGET))


def _after_overflow(batch: Batch, error: ContextTooLong, limits: BatchLimits) -> CallOutcome:
    """The prompt is too long: split the members; for a single member, show less context."""
    [first, *others] = batch.requests
    tiers = lower_tier(first, batch.tiers)
    if others or tiers is None:
        reason = f"even asked for alone, with nothing but its source: {error}"
        # A call with extra output room may be rejected because of that room.
        usual = limits.allowance(limits.shares_of(batch.requests))
        return _apart(batch, batch.requests, limits, reason, permanent=batch.max_tokens <= usual)
    return CallOutcome(again=(replace(batch, tiers=tiers),))


def _after_thinking(batch: Batch, rest: Sequence[Request], limits: BatchLimits) -> CallOutcome:
    """The model used its limit for reasoning: retry with far more room, then with fewer members.

    The length of reasoning varies from call to call, so this is not treated as a property of the member.
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
    """The answer was truncated: split the members; for a single member, double the length once."""
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
    """Split into calls of at most half the size; a member that was alone is skipped, usually permanently."""
    if len(batch.requests) == 1:
        return CallOutcome(results=skipped(rest, reason, permanent=permanent))
    return CallOutcome(again=_smaller(batch, rest, _half(batch), limits))


def _after_silence(
    batch: Batch, rest: Sequence[Request], limits: BatchLimits, answer: ParsedAnswer
) -> CallOutcome:
    """Members without a test: request only them; if no tests came at all, all again, then halves."""
    if batch.asked_again == MAX_ASKED_AGAIN:
        lack = "held no usable test for it" if answer.readable else "were no tests"
        reason = f"the model's answers {lack}, asked {MAX_ASKED_AGAIN + 1} times"
        # An unreadable answer may be a temporary problem of the endpoint.
        return CallOutcome(results=skipped(rest, reason, permanent=answer.readable))
    counted = replace(batch, asked_again=batch.asked_again + 1, diff_problems=answer.diff_problems)
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
