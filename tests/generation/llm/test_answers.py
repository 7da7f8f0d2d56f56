from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.requests import make_request, make_requests
from testsmith.generation.llm.answers import CallOutcome, ParsedAnswer, after_answer, after_error
from testsmith.generation.llm.packing import Batch, BatchLimits
from testsmith.llm.interface import (
    CallTooLarge,
    CompletionResponse,
    ContentFiltered,
    ContextTooLong,
    FinishReason,
    OverBudget,
    ProviderError,
    QuotaEmpty,
    RequestRefused,
    ServerFailed,
    TokenUsage,
    WaitTooLong,
)
from testsmith.model import Candidate, Context, Origin, Repair, Skipped, SkipStage

LIMITS = BatchLimits()


def batch_of(members: int, *, asked_again: int = 0, max_tokens: int | None = None) -> Batch:
    return Batch(
        requests=tuple(make_requests(1, members)),
        max_tokens=max_tokens or LIMITS.allowance(members),
        asked_again=asked_again,
    )


def answered(batch: Batch, count: int, *, readable: bool = True) -> ParsedAnswer:
    """An answer that holds a test for the first `count` members."""
    ids = [request.member.id for request in batch.requests]
    return ParsedAnswer(
        codes={member: f"# {member}\n" for member in ids[:count]},
        readable=readable,
    )


def after(  # noqa: PLR0913 - what an answer may be like, all by keyword
    batch: Batch,
    count: int,
    finish: FinishReason = "stop",
    *,
    readable: bool = True,
    thought: int = 0,
    limits: BatchLimits = LIMITS,
) -> CallOutcome:
    """What follows from an answer of 1,000 tokens, of which some were thought."""
    answer = answered(batch, count, readable=readable)
    usage = TokenUsage(prompt_tokens=500, completion_tokens=1000, thinking_tokens=thought)
    response = CompletionResponse(text="{", finish_reason=finish, usage=usage)
    return after_answer(batch, answer, response, limits)


def sizes(outcome: CallOutcome) -> list[int]:
    return [len(batch.requests) for batch in outcome.again]


def only_skipped(outcome: CallOutcome) -> Skipped:
    [result] = outcome.results
    assert isinstance(result, Skipped)
    assert not outcome.again
    assert result.stage is SkipStage.GENERATION
    return result


def test_answer__whole() -> None:
    outcome = after(batch_of(2), 2)
    assert outcome.again == ()
    assert outcome.results == tuple(
        Candidate(member=member, code=f"# {member}\n", origin=Origin.MODEL)
        for member in ("src/shop/m0.py::f0", "src/shop/m0.py::f1")
    )


@pytest.mark.parametrize("finish", ["stop", "length", "content_filter", "other"])
def test_answer__whole_however_it_ended(finish: FinishReason) -> None:
    outcome = after(batch_of(3), 3, finish)
    assert len(outcome.results) == 3
    assert outcome.again == ()


def test_missing__asked_again_together_with_the_allowance_of_their_number() -> None:
    outcome = after(batch_of(6), 2)
    [again] = outcome.again
    assert [request.member.plain_name for request in again.requests] == ["f2", "f3", "f4", "f5"]
    assert again.asked_again == 1
    assert again.max_tokens == LIMITS.allowance(4)
    assert len(outcome.results) == 2


def test_missing__twice_then_skipped_for_good() -> None:
    outcome = after(batch_of(2, asked_again=2), 1)
    assert outcome.again == ()
    [candidate, skipped] = outcome.results
    assert isinstance(candidate, Candidate)
    assert skipped == Skipped(
        path="src/shop/m0.py",
        member="src/shop/m0.py::f1",
        stage=SkipStage.GENERATION,
        reason="the model's answers held no usable test for it, asked 3 times",
        permanent=True,
    )


@pytest.mark.parametrize("repair", [None, Repair(code="", failures=())])
def test_nothing_to_test__is_an_answer_that_is_not_asked_for_again(repair: Repair | None) -> None:
    batch = batch_of(3)
    batch = replace(batch, requests=tuple(replace(one, repair=repair) for one in batch.requests))
    found, nothing, missing = (request.member.id for request in batch.requests)
    answer = ParsedAnswer(codes={found: "# 0\n"}, without_tests=frozenset({nothing}))
    response = CompletionResponse(text="{", finish_reason="stop", usage=TokenUsage())
    outcome = after_answer(batch, answer, response, LIMITS)
    [again] = outcome.again
    assert [request.member.id for request in again.requests] == [missing]
    [_, skipped] = outcome.results
    assert isinstance(skipped, Skipped)
    assert (skipped.member, skipped.reason) == (nothing, "the model found nothing to test here")
    assert skipped.permanent


def test_garbage__once_again_whole_then_by_halves_then_skipped() -> None:
    first = after(batch_of(5), 0, readable=False)
    assert sizes(first) == [5]
    second = after(first.again[0], 0, readable=False)
    assert sizes(second) == [2, 3]
    third = after(second.again[0], 0, readable=False)
    assert third.again == ()
    reasons = {(result.reason, result.permanent) for result in third.results if isinstance(result, Skipped)}
    assert reasons == {("the model's answers were no tests, asked 3 times", False)}


def test_garbage__a_member_alone_is_asked_three_times() -> None:
    batch = batch_of(1)
    for _ in range(2):
        [batch] = after(batch, 0, readable=False).again
    assert "asked 3 times" in only_skipped(after(batch, 0, readable=False)).reason


def test_cut__what_is_whole_stays_and_the_rest_goes_in_smaller_calls() -> None:
    outcome = after(batch_of(10), 3, "length")
    assert len(outcome.results) == 3
    assert sizes(outcome) == [3, 4]
    assert {batch.asked_again for batch in outcome.again} == {0}


def test_cut__a_small_rest_stays_together() -> None:
    assert sizes(after(batch_of(10), 7, "length")) == [3]


def test_cut__with_nothing_whole_by_halves() -> None:
    assert sizes(after(batch_of(27), 0, "length")) == [13, 14]
    assert sizes(after(batch_of(2), 0, "length")) == [1, 1]


def test_cut__one_member_once_with_twice_the_length() -> None:
    [longer] = after(batch_of(1), 0, "length").again
    assert longer.max_tokens == 2 * LIMITS.allowance(1)
    skipped = only_skipped(after(longer, 0, "length"))
    assert skipped.reason == "the model's answer for this member alone was cut off at 3248 tokens"
    assert skipped.permanent


def test_cut__one_member_never_over_the_limit() -> None:
    limits = BatchLimits(tokens_per_member=300, max_output_tokens=2000)
    batch = batch_of(1, max_tokens=limits.allowance(1))
    [longer] = after(batch, 0, "length", limits=limits).again
    assert longer.max_tokens == 2000


def test_cut__one_member_at_the_limit_is_not_asked_again() -> None:
    limits = BatchLimits(tokens_per_member=300, max_output_tokens=1000)
    batch = batch_of(1, max_tokens=1000)
    assert only_skipped(after(batch, 0, "length", limits=limits)).permanent


THINKING = BatchLimits(thinking_tokens=8192, most_tokens=128_000)


def test_thinking__a_cut_answer_is_asked_again_with_far_more_room() -> None:
    batch = batch_of(3, max_tokens=THINKING.allowance(3))
    [roomy] = after(batch, 1, "length", thought=900, limits=THINKING).again
    assert [request.member.plain_name for request in roomy.requests] == ["f1", "f2"]
    assert roomy.max_tokens == 4 * batch.max_tokens
    assert sizes(after(roomy, 0, "length", thought=900, limits=THINKING)) == [1, 1]


def test_thinking__room_ends_at_what_the_model_can_answer() -> None:
    limits = BatchLimits(thinking_tokens=25_000, most_tokens=32_000)
    batch = batch_of(1, max_tokens=limits.allowance(1))
    [roomy] = after(batch, 0, "length", thought=1000, limits=limits).again
    assert roomy.max_tokens == 32_000


def test_thinking__is_never_a_lasting_failure_of_the_member() -> None:
    batch = batch_of(1, max_tokens=4 * LIMITS.allowance(1))
    skipped = only_skipped(after(batch, 0, "length", thought=1000))
    assert not skipped.permanent
    assert skipped.reason == (
        "the model spent the 6,496 tokens of its answer on thinking. "
        "Set a lower --reasoning-effort, raise --max-output-tokens, or use another --model."
    )
    assert not only_skipped(after(batch, 0, "length", thought=300)).permanent


def test_thinking__a_call_whose_room_is_refused_says_nothing_lasting_of_the_member() -> None:
    batch = batch_of(1, max_tokens=4 * LIMITS.allowance(1))
    assert not only_skipped(after_error(batch, ContextTooLong("8192 tokens at most"), LIMITS)).permanent


def test_filter__in_the_answer_is_hunted_down_by_halves() -> None:
    outcome = after(batch_of(8), 2, "content_filter")
    assert len(outcome.results) == 2
    assert sizes(outcome) == [3, 3]
    skipped = only_skipped(after(batch_of(1), 0, "content_filter"))
    assert skipped.reason == "the endpoint filtered the answer for this member alone"
    assert skipped.permanent


def test_filter__of_the_prompt_is_hunted_down_by_halves() -> None:
    assert sizes(after_error(batch_of(8), ContentFiltered("filtered"), LIMITS)) == [4, 4]
    skipped = only_skipped(after_error(batch_of(1), ContentFiltered("filtered"), LIMITS))
    assert skipped.reason == "filtered"
    assert skipped.permanent


def test_overflow__halves_the_call() -> None:
    outcome = after_error(batch_of(9), ContextTooLong("too long"), LIMITS)
    assert sizes(outcome) == [4, 5]
    assert {batch.tiers for batch in outcome.again} == {3}


def test_overflow__several_members_are_parted_before_they_show_less() -> None:
    context = Context(signatures="def g(): ...", style_sample="def test_g(): ...")
    requests = tuple(make_request(f"src/a.py::f{number}", context=context) for number in range(2))
    outcome = after_error(Batch(requests=requests, max_tokens=1000), ContextTooLong("too long"), LIMITS)
    assert [(len(batch.requests), batch.tiers) for batch in outcome.again] == [(1, 3), (1, 3)]


def test_overflow__one_member_shows_less_and_less() -> None:
    request = make_request(context=Context(signatures="def g(): ...", style_sample="def test_g(): ..."))
    batch = Batch(requests=(request,), max_tokens=1000)
    [without_sample] = after_error(batch, ContextTooLong("too long"), LIMITS).again
    [sources_only] = after_error(without_sample, ContextTooLong("too long"), LIMITS).again
    assert (without_sample.tiers, sources_only.tiers) == (2, 1)
    skipped = only_skipped(after_error(sources_only, ContextTooLong("4096 tokens at most"), LIMITS))
    assert skipped.reason == "even asked for alone, with nothing but its source: 4096 tokens at most"
    assert skipped.permanent


def test_overflow__one_member_without_context_is_not_asked_again() -> None:
    assert only_skipped(after_error(batch_of(1), ContextTooLong("too long"), LIMITS)).permanent


@pytest.mark.parametrize("kind", [ServerFailed, WaitTooLong, RequestRefused, ProviderError])
def test_error__skips_the_calls_members_for_this_run(kind: type[ProviderError]) -> None:
    outcome = after_error(batch_of(3), kind("no answer after 3 attempts"), LIMITS)
    assert outcome.again == ()
    assert outcome.ended is None
    assert {
        (result.reason, result.permanent) for result in outcome.results if isinstance(result, Skipped)
    } == {("no answer after 3 attempts", False)}
    assert len(outcome.results) == 3


def test_budget__a_call_that_is_too_large_is_halved_until_one_member_is_left() -> None:
    outcome = after_error(batch_of(9), CallTooLarge("0.50 USD"), LIMITS)
    assert (sizes(outcome), outcome.results) == ([4, 5], ())
    [alone] = after_error(batch_of(1), CallTooLarge("0.50 USD"), LIMITS).results
    assert isinstance(alone, Skipped)
    assert (alone.stage, alone.permanent, alone.reason) == (SkipStage.BUDGET, False, "0.50 USD")


def test_budget__without_any_call_left_all_members_are_listed() -> None:
    outcome = after_error(batch_of(3), OverBudget("20 calls"), LIMITS)
    assert {one.stage for one in outcome.results if isinstance(one, Skipped)} == {SkipStage.BUDGET}
    assert (len(outcome.results), outcome.again, outcome.ended) == (3, (), None)


def test_error__the_end_of_spending_is_told() -> None:
    error = QuotaEmpty("the account is empty")
    outcome = after_error(batch_of(2), error, LIMITS)
    assert outcome.ended is error
    assert len(outcome.results) == 2


@pytest.mark.parametrize("members", [1, 2, 7, 27])
@pytest.mark.parametrize("finish", ["stop", "length", "content_filter", "other"])
@pytest.mark.parametrize("thought", [0, 1000])
def test_rounds__end_for_every_kind_of_failure(members: int, finish: FinishReason, thought: int) -> None:
    waiting = [batch_of(members)]
    done: list[str | None] = []
    calls = 0
    while waiting:
        calls += 1
        outcome = after(waiting.pop(), 0, finish, readable=False, thought=thought)
        waiting.extend(outcome.again)
        done.extend(result.member for result in outcome.results)
    assert sorted(map(str, done)) == sorted(request.member.id for request in make_requests(1, members))
    assert calls <= 3 * members
