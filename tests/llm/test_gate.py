from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from fakes.clock import FakeClock
from testsmith.llm.interface import KeyRefused, QuotaEmpty, WaitTooLong
from testsmith.llm.rate_limit import RateLimitGate, Waits


def a_gate(clock: FakeClock, random: Callable[[], float] = lambda: 0.0) -> RateLimitGate:
    return RateLimitGate(Waits(longest=60.0, sleep=clock.sleep, clock=clock.now, random=random))


async def passing_times(gate: RateLimitGate, clock: FakeClock, callers: int) -> list[float]:
    async def pass_one() -> float:
        await gate.passed()
        return clock.now()

    return await asyncio.gather(*(pass_one() for _ in range(callers)))


def test_passed__at_once_while_open() -> None:
    clock = FakeClock()

    assert asyncio.run(passing_times(a_gate(clock), clock, 3)) == [clock.now()] * 3
    assert clock.slept == []


def test_passed__all_at_their_own_time_soon_after_the_wait() -> None:
    clock = FakeClock(start=0.0)
    chances = iter([0.5, 0.0, 1.0])
    gate = a_gate(clock, lambda: next(chances))
    gate.close(2.0)

    assert asyncio.run(passing_times(gate, clock, 3)) == pytest.approx([2.25, 2.0, 2.5])


def test_close__a_longer_wait_stays() -> None:
    clock = FakeClock(start=0.0)
    gate = a_gate(clock)
    gate.close(30.0)
    gate.close(1.0)

    assert min(asyncio.run(passing_times(gate, clock, 2))) >= 30.0


def test_close__holds_those_who_wait_already() -> None:
    clock = FakeClock(start=0.0)
    gate = a_gate(clock)
    gate.close(1.0)

    async def scenario() -> list[float]:
        waiting = asyncio.create_task(passing_times(gate, clock, 3))
        await clock.sleep(0.5)
        gate.close(10.0)
        return await waiting

    assert min(asyncio.run(scenario())) >= 10.5


def test_is_open__only_between_closings() -> None:
    clock = FakeClock(start=0.0)
    gate = a_gate(clock)
    seen = [gate.is_open]
    gate.close(2.0)
    for _ in range(3):
        seen.append(gate.is_open)
        clock.advance(1.0)
    gate.end(KeyRefused("The key is not accepted."))
    seen.append(gate.is_open)

    assert seen == [True, False, False, True, False]


def test_passed__refuses_a_wait_that_is_too_long() -> None:
    clock = FakeClock()
    gate = a_gate(clock)
    gate.close(61.0)

    with pytest.raises(WaitTooLong, match="asks to wait 61 s, and at most 60 s are allowed") as refused:
        asyncio.run(gate.passed())

    assert refused.value.attempts == 0
    assert clock.slept == []


def test_end__the_first_reason_stays() -> None:
    gate = a_gate(FakeClock())
    gate.end(QuotaEmpty("No credit."))
    gate.end(KeyRefused("The key is not accepted."))

    with pytest.raises(QuotaEmpty, match="No credit"):
        asyncio.run(gate.passed())


def test_rest__ends_with_the_spending() -> None:
    clock = FakeClock(start=0.0)
    gate = a_gate(clock)

    async def scenario() -> None:
        resting = asyncio.create_task(gate.rest(50.0))
        await clock.sleep(1.0)
        gate.end(QuotaEmpty("No credit."))
        with pytest.raises(QuotaEmpty):
            await resting

    asyncio.run(scenario())

    assert clock.now() < 50.0
