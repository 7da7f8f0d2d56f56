from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from fakes.clock import FakeClock
from fakes.provider import FakeProvider
from testsmith.providers.gate import SharedGate
from testsmith.providers.provider import (
    CompletionRequest,
    CompletionResponse,
    RateLimited,
    RequestRefused,
    ServerFailed,
)
from testsmith.providers.semaphore import SemaphoreProvider, Slots

REQUEST = CompletionRequest(system_prompt="JSON", user_prompt="f", model="m", max_tokens=300)


def a_gate(clock: FakeClock) -> SharedGate:
    return SharedGate(longest_wait=60.0, sleep=clock.sleep, clock=clock.now)


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


def test_slots__a_rate_limit_brings_them_down_and_answers_bring_them_back() -> None:
    slots = Slots(10)
    slots.rate_limited(0)
    assert slots.allowed == 7
    slots.rate_limited(1)
    assert slots.allowed == 4
    for _ in range(100):
        slots.answered()
    assert slots.allowed == 10


def test_slots__calls_that_met_a_rate_limit_together__bring_them_down_once() -> None:
    slots = Slots(10)
    for _ in range(5):
        slots.rate_limited(0)
    assert slots.allowed == 7


def test_slots__never_none() -> None:
    slots = Slots(3)
    for taken in range(50):
        slots.rate_limited(taken)
    assert slots.allowed == 1


def test_slots__one_that_is_granted_as_its_taker_is_cancelled__is_not_lost() -> None:
    async def scenario() -> None:
        slots = Slots(1)
        await slots.take()
        waiting = asyncio.create_task(slots.take())
        await asyncio.sleep(0)
        slots.give_back()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.wait_for(slots.take(), 5)

    asyncio.run(scenario())


def test_complete__fewer_in_flight_after_a_rate_limit() -> None:
    clock = FakeClock()
    most, in_flight = [0, 0], 0

    async def count_in_flight(_: CompletionRequest) -> None:
        nonlocal in_flight
        in_flight += 1
        after = len(inner.requests) > 10
        most[after] = max(most[after], in_flight)
        await clock.sleep(1.0)
        in_flight -= 1

    inner = FakeProvider(RateLimited("x"), wait=count_in_flight)
    provider = SemaphoreProvider(inner, slots=Slots(10), gate=a_gate(clock))

    async def scenario() -> None:
        await asyncio.gather(*(provider.complete(REQUEST) for _ in range(17)), return_exceptions=True)

    asyncio.run(scenario())

    assert most == [10, 8]  # 7, and one more for the nine answers


def test_complete__an_endpoint_that_has_enough_for_now__is_left_alone_for_so_long() -> None:
    clock = FakeClock(start=0.0)
    times: list[float] = []

    class Pausing:
        async def complete(self, _: CompletionRequest) -> CompletionResponse:
            times.append(clock.now())
            return CompletionResponse(text="{}", finish_reason="stop", pause=3.0)

    provider = SemaphoreProvider(Pausing(), slots=Slots(1), gate=a_gate(clock))

    async def scenario() -> None:
        await asyncio.gather(*(provider.complete(REQUEST) for _ in range(3)))

    asyncio.run(scenario())

    assert [later - earlier >= 3.0 for earlier, later in pairwise(times)] == [True, True]
