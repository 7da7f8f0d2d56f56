from __future__ import annotations

import asyncio
import time

from fakes import services
from fakes.endpoint import Endpoint
from fakes.faults import server_failed
from testsmith.providers.budget import Budget
from testsmith.providers.dialect import Capabilities
from testsmith.providers.first_call import FirstCall
from testsmith.providers.meter import SpendingMeter
from testsmith.providers.openai import OpenAIProvider
from testsmith.providers.provider import CompletionRequest, CompletionResponse
from testsmith.providers.refusal import Target
from testsmith.providers.stack import connect
from testsmith.settings import ModelSettings

CALLS = 20


def ask(endpoint: Endpoint, *, patience: float) -> list[CompletionResponse | BaseException]:
    """Make all calls at once, over real HTTP."""

    async def asked() -> list[CompletionResponse | BaseException]:
        provider = OpenAIProvider(
            lambda: connect(endpoint.url, None, ModelSettings()),
            target=Target(url=endpoint.url, model="m", key=None, timeout_seconds=10.0),
            budget=Budget(SpendingMeter()),
            capabilities=Capabilities(patience=patience),
        )
        requests = (
            CompletionRequest(
                system_prompt="JSON", user_prompt=f"### member: a.py::f{number}", model="m", max_tokens=9
            )
            for number in range(CALLS)
        )
        try:
            return await asyncio.gather(*map(provider.complete, requests), return_exceptions=True)
        finally:
            await provider.aclose()

    return asyncio.run(asked())


def test_first_call__learns_for_all_that_are_in_flight() -> None:
    with Endpoint(service=services.OPENAI, latency=lambda _: 0.1) as endpoint:
        came = ask(endpoint, patience=30.0)

    assert [type(one) for one in came] == [CompletionResponse] * CALLS
    assert len(endpoint.requests) == CALLS + 2  # one for each of the two parameters
    assert endpoint.most_in_flight > 1


def test_first_call__that_takes_its_time_is_not_waited_for() -> None:
    begun = time.monotonic()
    with Endpoint(latency=lambda _: 1.5) as endpoint:
        came = ask(endpoint, patience=0.2)

    assert [type(one) for one in came] == [CompletionResponse] * CALLS
    assert time.monotonic() - begun < 3.0
    assert endpoint.most_in_flight == CALLS


def test_first_call__that_fails_gives_its_turn_to_the_next() -> None:
    with Endpoint(service=services.ANTHROPIC, faults=[server_failed()]) as endpoint:
        came = ask(endpoint, patience=30.0)

    assert sum(isinstance(one, CompletionResponse) for one in came) == CALLS - 1
    assert len(endpoint.requests) == CALLS + 1


def test_first_call__is_one_at_a_time_until_one_is_answered() -> None:
    inside: list[int] = []
    most = 0

    async def call(first: FirstCall, number: int) -> None:
        nonlocal most
        async with first.passed():
            inside.append(number)
            most = max(most, len(inside))
            await asyncio.sleep(0.01)
            inside.remove(number)
            first.is_answered = number >= 2

    async def calls() -> None:
        first = FirstCall(30.0)
        await asyncio.gather(*(call(first, number) for number in range(3)))
        assert most == 1
        await asyncio.gather(*(call(first, number) for number in range(3, 6)))
        assert most == 3

    asyncio.run(calls())
