"""The generator over the whole provider stack and the real SDK; the endpoint fails in every way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from fakes.clock import FakeClock
from fakes.endpoint import Body, Endpoint, code_for, members_in
from fakes.faults import (
    Fault,
    content_filtered,
    context_too_long,
    half_the_members,
    model_unknown,
    quota_empty,
    rate_limited,
    truncated,
)
from fakes.requests import make_requests
from fakes.streams import read_all
from testsmith.generation.llm.generator import ModelGenerator
from testsmith.llm.budget import SpendingMeter
from testsmith.llm.factory import build_provider
from testsmith.llm.interface import KeyRefused, QuotaEmpty, SpendingEnded
from testsmith.model import Candidate, Request, Result, Skipped, SkipStage
from testsmith.settings import BudgetSettings, ModelSettings, Secret


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one run came to: results, the error that ended it, HTTP calls as counted, all waits in seconds."""

    results: list[Result]
    ended: SpendingEnded | None
    api_calls: int
    waits: list[float]
    cost: float | None

    @property
    def skipped(self) -> list[Skipped]:
        return [result for result in self.results if isinstance(result, Skipped)]

    @property
    def reasons(self) -> set[str]:
        return {result.reason for result in self.skipped}

    @property
    def answered(self) -> int:
        return sum(isinstance(result, Candidate) for result in self.results)


def run(
    endpoint: Endpoint,
    requests: Sequence[Request],
    settings: ModelSettings | None = None,
    budget: BudgetSettings | None = None,
) -> Run:
    """Ask for all, with waits that take no time, and check that no member is lost or given twice."""

    async def asked() -> Run:
        clock, meter = FakeClock(), SpendingMeter()
        provider = build_provider(
            asking, meter, budget=budget, sleep=clock.sleep, clock=clock.now, random=lambda: 0.0
        )
        try:
            results, ended = await read_all(ModelGenerator(provider, asking).generate_batch(requests))
        finally:
            await provider.aclose()
        spent = meter.spending()
        return Run(
            results=results, ended=ended, api_calls=spent.api_calls, waits=clock.slept, cost=spent.cost
        )

    asking = replace(
        settings or ModelSettings(), base_url=endpoint.url, model="a-model", timeout_seconds=10.0
    )
    came = asyncio.run(asked())
    assert sorted(str(result.member) for result in came.results) == sorted(map(member_id, requests))
    assert came.api_calls == len(endpoint.requests)
    return came


def member_id(request: Request) -> str:
    return request.member.id


def answer_with(body: Body, code: str) -> str:
    return json.dumps({"tests": [{"name": member, "code": code} for member in members_in(body)]})


def answer_in_sections(body: Body) -> str:
    sections = (f"### test: {member}\n\n```python\n{code_for(member)}```\n" for member in members_in(body))
    return "Here are the tests.\n\n" + "\n".join(sections)


SPLITTING = {
    "half the members": (half_the_members(), [6, 3]),
    "truncated": (truncated(0.6), [6, 3]),
    "context too long": (context_too_long(), [6, 3, 3]),
    "answer filtered": (content_filtered(), [6, 3, 3]),
}
"""Faults of one call after which fewer are asked for, with the members of each call of a run of six."""


@pytest.mark.parametrize(("fault", "calls"), SPLITTING.values(), ids=SPLITTING.keys())
def test_one_fault__loses_nothing_and_asks_no_more_than_it_must(fault: Fault, calls: list[int]) -> None:
    with Endpoint(faults=[fault]) as endpoint:
        came = run(endpoint, make_requests(1, 6))
    assert came.answered == 6
    assert came.ended is None
    assert [len(call.members) for call in endpoint.requests] == calls


def test_rate_limit__is_waited_for_as_the_endpoint_asks() -> None:
    with Endpoint(faults=[rate_limited("2")]) as endpoint:
        came = run(endpoint, make_requests(1, 6))
    assert came.waits
    assert max(came.waits) >= 2.0


def test_half_the_members_always__loses_only_what_was_never_answered() -> None:
    with Endpoint(faults=[half_the_members()] * 50) as endpoint:
        came = run(endpoint, make_requests(1, 6))
    assert came.answered == 5
    assert [len(call.members) for call in endpoint.requests] == [6, 3, 2]


def test_endpoint_that_cuts_every_answer_short__still_answers_member_by_member() -> None:
    long_code = "# " + "x" * 1500 + "\n"
    settings = ModelSettings(tokens_per_member=300, max_output_tokens=1100)
    with Endpoint(answer=lambda body: answer_with(body, long_code)) as endpoint:
        came = run(endpoint, make_requests(1, 3), settings)
    assert came.answered == 3
    assert all(call.body["max_tokens"] <= 1100 for call in endpoint.requests)


def test_ending_fault__keeps_what_was_had_before() -> None:
    settings = ModelSettings(max_concurrent_calls=1)
    with Endpoint(faults=[None, None, *[quota_empty()] * 50]) as endpoint:
        came = run(endpoint, make_requests(5, 20), settings)
    assert came.answered == 40
    assert isinstance(came.ended, QuotaEmpty)
    assert len(endpoint.requests) == 3


def test_key__is_never_in_a_reason() -> None:
    with Endpoint(key="sk-right") as endpoint:
        came = run(endpoint, make_requests(1, 2), ModelSettings(api_key=Secret("sk-wrong-and-long")))
    assert isinstance(came.ended, KeyRefused)
    assert all("sk-wrong-and-long" not in reason for reason in came.reasons)


def test_endpoint_without_response_format__is_learned_once() -> None:
    with Endpoint(refuses=["response_format"]) as endpoint:
        came = run(endpoint, make_requests(4, 20), ModelSettings(max_concurrent_calls=1))
    assert came.answered == 80
    assert len(endpoint.requests) == 4 + 1


def test_endpoint_without_json__is_read_by_its_headings() -> None:
    with Endpoint(answer=answer_in_sections, refuses=["response_format"]) as endpoint:
        came = run(endpoint, make_requests(1, 6))
    assert came.answered == 6
    assert len(endpoint.requests) == 2


def test_240_members__10_calls_with_5_in_flight() -> None:
    with Endpoint(latency=lambda _members: 0.05) as endpoint:
        came = run(endpoint, make_requests(40, 6))
    assert came.answered == 240
    assert len(endpoint.requests) == 10
    assert endpoint.most_in_flight == 5


def test_wire__source_and_plain_name_in_the_user_message_and_one_system_message() -> None:
    with Endpoint() as endpoint:
        run(endpoint, make_requests(3, 20))
    systems = {call.body["messages"][0]["content"] for call in endpoint.requests}
    assert len(systems) == 1
    for call in endpoint.requests:
        [_, user] = call.body["messages"]
        assert (user["role"], call.body["response_format"]["type"]) == ("user", "json_schema")
        assert call.body["response_format"]["json_schema"]["strict"]
        assert "def f0(a, b):\n    return a + b" in user["content"]
        assert "- plain name: f0\n" in user["content"]


def test_max_calls__what_does_not_fit_is_listed_under_budget() -> None:
    settings = ModelSettings(max_output_tokens=900)
    with Endpoint() as endpoint:
        came = run(endpoint, make_requests(6, 3), settings, BudgetSettings(max_calls=2))
    assert came.answered == 6
    assert came.ended is None
    assert {(one.stage, one.permanent) for one in came.skipped} == {(SkipStage.BUDGET, False)}
    assert len(endpoint.requests) == 2


def test_max_tokens__a_call_that_is_too_large_is_made_for_fewer_members() -> None:
    with Endpoint() as endpoint:
        came = run(endpoint, make_requests(1, 20), None, BudgetSettings(max_tokens=7_000))
    assert 0 < came.answered < 20
    assert all("--max-tokens" in reason for reason in came.reasons)
    assert all(len(call.members) < 20 for call in endpoint.requests)


def test_max_cost__of_a_model_with_a_price() -> None:
    budget = BudgetSettings(max_cost=0.01, prompt_price=1.0, completion_price=10.0)
    with Endpoint() as endpoint:
        came = run(endpoint, make_requests(10, 20), None, budget)
    assert all("0.01 USD; raise it with --max-cost" in reason for reason in came.reasons)
    assert came.skipped
    assert came.cost is not None
    assert came.cost <= 0.01


def test_max_cost__of_a_model_without_a_price__other_caps_hold() -> None:
    with Endpoint() as endpoint:
        came = run(endpoint, make_requests(2, 20), None, BudgetSettings(max_cost=0.0))
    assert (came.answered, came.cost) == (40, None)


def test_fallback_model__where_the_first_is_unknown() -> None:
    settings = ModelSettings(fallback_model="another")
    with Endpoint(faults=[model_unknown()]) as endpoint:
        came = run(endpoint, make_requests(4, 20), settings)
    assert came.answered == 80
    assert [call.body["model"] for call in endpoint.requests].count("a-model") <= 4
    assert came.ended is None


def test_fallback_model__that_fails_as_well__is_named() -> None:
    with Endpoint(faults=[model_unknown()] * 9) as endpoint:
        came = run(endpoint, make_requests(1, 2), ModelSettings(fallback_model="another"))
    [reason] = came.reasons
    assert "There is no model another" in reason


def test_prefix__is_the_same_in_every_call_of_every_run() -> None:
    prompts: set[str] = set()
    for members in (7, 5):
        with Endpoint() as endpoint:
            requests = [
                replace(one, conventions="One file a module." if number % 2 else "")
                for number, one in enumerate(make_requests(4, members))
            ]
            assert run(endpoint, requests).answered == 4 * members
            prompts |= {one.body["messages"][0]["content"] for one in endpoint.requests}
    plain, with_conventions = sorted(prompts, key=len)
    assert with_conventions.startswith(plain)
