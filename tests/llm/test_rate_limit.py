from __future__ import annotations

import asyncio

import pytest

from fakes.clock import FakeClock
from fakes.provider import FakeProvider
from testsmith.llm.interface import CompletionRequest, RateLimited, RequestRefused, ServerFailed
from testsmith.llm.rate_limit import RateLimitGate, SemaphoreProvider, Slots, Waits

REQUEST = CompletionRequest(system_prompt="JSON", user_prompt="f", model="m", max_tokens=300)


def a_gate(clock: FakeClock) -> RateLimitGate:
    return RateLimitGate(Waits(longest=60.0, sleep=clock.sleep, clock=clock.now, random=lambda: 0.0))


def test_complete__an_error_frees_the_slot() -> None:
    clock = FakeClock()
    inner = FakeProvider(ServerFailed("x"), RequestRefused("x"))
    provider = SemaphoreProvider(inner, slots=Slots(1), gate=a_gate(clock))

    async def scenario() -> None:
        with pytest.raises(ServerFailed):
            await provider.complete(REQUEST)
        with pytest.raises(RequestRefused):
            await provider.complete(REQUEST)
        await asyncio.wait_for(provider.complete(REQUEST), 5)

    asyncio.run(scenario())

    assert len(inner.requests) == 3


def test_complete__cancellation_frees_the_slot() -> None:
    clock = FakeClock()

    async def forever_the_first_time(_: CompletionRequest) -> None:
        if len(inner.requests) == 1:
            await asyncio.Event().wait()

    inner = FakeProvider(wait=forever_the_first_time)
    provider = SemaphoreProvider(inner, slots=Slots(1), gate=a_gate(clock))

    async def scenario() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(provider.complete(REQUEST), 0.01)
        await asyncio.wait_for(provider.complete(REQUEST), 5)

    asyncio.run(scenario())

    assert inner.cancelled == 1


def test_complete__a_gate_that_closes_while_a_call_waits_for_its_slot() -> None:
    clock = FakeClock(start=0.0)
    gate = a_gate(clock)
    times: list[float] = []

    async def close_the_gate(_: CompletionRequest) -> None:
        times.append(clock.now())
        await clock.sleep(1.0)
        if len(times) == 1:
            gate.close(9.0)

    provider = SemaphoreProvider(FakeProvider(wait=close_the_gate), slots=Slots(1), gate=gate)

    async def scenario() -> None:
        await asyncio.gather(provider.complete(REQUEST), provider.complete(REQUEST))

    asyncio.run(scenario())

    first, second = times
    assert first == 0.0
    assert second >= 10.0


@pytest.mark.parametrize(("places", "left"), [(1, 1), (2, 2), (5, 2)])
def test_complete__a_rate_limit_takes_places_away_and_answers_give_them_back(places: int, left: int) -> None:
    clock = FakeClock()
    in_flight, most = 0, 0

    async def count_in_flight(_: CompletionRequest) -> None:
        nonlocal in_flight, most
        in_flight += 1
        most = max(most, in_flight)
        await clock.sleep(1.0)
        in_flight -= 1

    inner = FakeProvider(*[RateLimited("x")] * 20, wait=count_in_flight)
    provider = SemaphoreProvider(inner, slots=Slots(places), gate=a_gate(clock))

    async def most_of(calls: int) -> int:
        nonlocal most
        most = 0
        await asyncio.gather(*(provider.complete(REQUEST) for _ in range(calls)), return_exceptions=True)
        return most

    async def scenario() -> list[int]:
        return [await most_of(20), await most_of(left), await most_of(20), await most_of(20)]

    assert asyncio.run(scenario()) == [places, left, places, places]
