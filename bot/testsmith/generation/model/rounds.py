"""What follows from an answer, or from an error in its place: results, and calls to make again. Pure.

Every call made again is for fewer members, or is counted, or shows less, or may answer longer, once: so the
rounds end. Nothing that was answered is asked again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from testsmith.faults import skipped_by_fault
from testsmith.generation.generator import skipped
from testsmith.generation.model.context import lower_tier
from testsmith.generation.model.packing import Batch, BatchLimits, split
from testsmith.generation.model.parsing import Answer
from testsmith.model import Candidate, Origin, Request, Result, Stage
from testsmith.providers.provider import (
    CallTooLarge,
    CompletionResponse,
    ContentFiltered,
    ContextTooLong,
    OverBudget,
    ProviderError,
    SpendingEnded,
)

MAX_ASKED_AGAIN = 2
"""How many times a member is asked again after an answer without a test for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one call comes to.

    Attributes:
        results: Members that are done.
        again: Calls to make for the others.
        ended: Set where no further call of this run can work.
    """

    results: tuple[Result, ...] = ()
    again: tuple[Batch, ...] = ()
    ended: SpendingEnded | None = None


def after_answer(batch: Batch, answer: Answer, response: CompletionResponse, limits: BatchLimits) -> Outcome:
    """Decide what follows from an answer, what was read in it, and the reason for its end."""
    results = tuple(
        Candidate(member=request.member.id, code=answer.codes[request.member.id], origin=Origin.MODEL)
        for request in batch.requests
        if request.member.id in answer.codes
    )
    rest = tuple(request for request in batch.requests if request.member.id not in answer.codes)
    if not rest:
        return Outcome(results=results)
    if response.was_cut_while_thinking:
        outcome = _after_thinking(batch, rest, limits)
    elif response.finish_reason == "length":
        outcome = _after_cut(batch, rest, limits, thought=response.usage.thinking_tokens > 0)
    elif response.finish_reason == "content_filter":
        outcome = _apart(batch, rest, limits, "the endpoint filtered the answer for this member alone")
    else:
        outcome = _after_silence(batch, rest, limits, readable=answer.readable)
    return replace(outcome, results=results + outcome.results)


def after_error(batch: Batch, error: ProviderError, limits: BatchLimits) -> Outcome:
    """Decide what follows from an error that is left after all attempts."""
    match error:
        case SpendingEnded():
            return Outcome(results=skipped(batch.requests, str(error)), ended=error)
        case ContextTooLong():
            return _after_overflow(batch, error, limits)
        case OverBudget():
            return _after_end_of_budget(batch, error, limits)
        case ContentFiltered():
            return _apart(batch, batch.requests, limits, str(error))
        case _:
            return Outcome(results=skipped(batch.requests, str(error)))


def after_fault(batch: Batch, error: Exception, limits: BatchLimits) -> Outcome:
    """Decide what follows from an unexpected exception: each member is asked for alone, so one is lost."""
    if len(batch.requests) > 1:
        return Outcome(again=_smaller(batch, batch.requests, 1, limits))
    return Outcome(results=tuple(skipped_by_fault(request.member, error) for request in batch.requests))


def _after_end_of_budget(batch: Batch, error: OverBudget, limits: BatchLimits) -> Outcome:
    """The call may not be made: half of it may, unless no call may at all."""
    if isinstance(error, CallTooLarge) and len(batch.requests) > 1:
        return Outcome(again=_smaller(batch, batch.requests, _half(batch), limits))
    return Outcome(results=skipped(batch.requests, str(error), stage=Stage.BUDGET))


def _after_overflow(batch: Batch, error: ContextTooLong, limits: BatchLimits) -> Outcome:
    """The prompt does not fit: fewer members a call, and for one alone less beside its source."""
    [first, *others] = batch.requests
    tiers = lower_tier(first, batch.tiers)
    if others or tiers is None:
        reason = f"even asked for alone, with nothing but its source: {error}"
        # A call with more room than usual may be refused for that room, and not for the member.
        usual = limits.allowance(limits.shares_of(batch.requests))
        return _apart(batch, batch.requests, limits, reason, permanent=batch.max_tokens <= usual)
    return Outcome(again=(replace(batch, tiers=tiers),))


def _after_thinking(batch: Batch, rest: Sequence[Request], limits: BatchLimits) -> Outcome:
    """The model spent its limit on thinking: ask again with far more room, then for fewer members.

    How long a model thinks differs from call to call, so this is never a property of the member.
    """
    if batch.max_tokens <= limits.allowance(limits.shares_of(batch.requests)) < limits.longest:
        roomy = replace(batch, requests=tuple(rest), max_tokens=limits.with_room(batch.max_tokens))
        return Outcome(again=(roomy,))
    if len(batch.requests) > 1:
        halves = split(rest, _half(batch))
        return Outcome(again=tuple(replace(batch, requests=half) for half in halves))
    reason = (
        f"the model spent the {batch.max_tokens:,} tokens of its answer on thinking. "
        "Set a lower --reasoning-effort, raise --max-output-tokens, or use another --model."
    )
    return Outcome(results=skipped(rest, reason))


def _after_cut(batch: Batch, rest: Sequence[Request], limits: BatchLimits, *, thought: bool) -> Outcome:
    """The answer ended at its limit: fewer members a call, and for one alone once twice the length."""
    usual = limits.allowance(limits.shares_of(batch.requests))
    most = min(limits.max_output_tokens + limits.thinking_tokens, limits.longest)
    if len(batch.requests) == 1 and batch.max_tokens <= usual < most:
        longer = min(2 * batch.max_tokens, most)
        return Outcome(again=(replace(batch, max_tokens=longer),))
    reason = f"the model's answer for this member alone was cut off at {batch.max_tokens} tokens"
    return _apart(batch, rest, limits, reason, permanent=not thought)


def _apart(
    batch: Batch, rest: Sequence[Request], limits: BatchLimits, reason: str, *, permanent: bool = True
) -> Outcome:
    """Ask in calls of half the size at most; a member that was alone already is skipped, usually for good."""
    if len(batch.requests) == 1:
        return Outcome(results=skipped(rest, reason, permanent=permanent))
    return Outcome(again=_smaller(batch, rest, _half(batch), limits))


def _after_silence(batch: Batch, rest: Sequence[Request], limits: BatchLimits, *, readable: bool) -> Outcome:
    """No test for these members: ask for them alone; where none came, first all again, then by halves."""
    if batch.asked_again == MAX_ASKED_AGAIN:
        lack = "held no usable test for it" if readable else "were no tests"
        reason = f"the model's answers {lack}, asked {MAX_ASKED_AGAIN + 1} times"
        # An answer that nobody can read may be the endpoint's fault, and pass.
        return Outcome(results=skipped(rest, reason, permanent=readable))
    counted = replace(batch, asked_again=batch.asked_again + 1)
    if len(rest) < len(batch.requests):
        return Outcome(again=_smaller(counted, rest, len(rest), limits))
    if batch.asked_again == 0:
        return Outcome(again=(counted,))
    return Outcome(again=_smaller(counted, rest, _half(batch), limits))


def _half(batch: Batch) -> int:
    return (len(batch.requests) + 1) // 2


def _smaller(batch: Batch, rest: Sequence[Request], size: int, limits: BatchLimits) -> tuple[Batch, ...]:
    return tuple(
        replace(batch, requests=part, max_tokens=limits.allowance(limits.shares_of(part)))
        for part in split(rest, size)
    )
