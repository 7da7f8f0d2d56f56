from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

import pytest

from testsmith.llm.budget import BYTES_A_TOKEN, Budget, Caps, SpendingMeter
from testsmith.llm.interface import CallTooLarge, OverBudget, TokenUsage
from testsmith.model import Spending

PROMPT = ("", "x" * 100 * BYTES_A_TOKEN)


def cost(_model: str, usage: TokenUsage) -> float:
    return (usage.prompt_tokens + 10 * usage.completion_tokens) / 1_000_000


def budget(**caps: float) -> Budget:
    return Budget(SpendingMeter(), caps=Caps(**caps), cost=cost)


async def spend(of: Budget, usage: TokenUsage, *, max_tokens: int = 100) -> None:
    """Make one call that is answered at once."""
    hold = await of.hold("m", PROMPT, max_tokens)
    hold.settle(usage)


def test_hold__refuses_what_is_beyond_the_calls() -> None:
    of = budget(calls=2)

    async def calls() -> None:
        for _ in range(2):
            await spend(of, TokenUsage(prompt_tokens=1, completion_tokens=1))
        with pytest.raises(OverBudget, match=r"2 calls; raise it with --max-calls") as caught:
            await spend(of, TokenUsage())
        assert not isinstance(caught.value, CallTooLarge)
        assert caught.value.attempts == 0

    asyncio.run(calls())
    assert of.meter.spending() == Spending(prompt_tokens=2, completion_tokens=2, cost=22 / 1_000_000)


@pytest.mark.parametrize(
    ("caps", "told"),
    [
        ({"tokens": 199}, "199 tokens; raise it with --max-tokens"),
        ({"cost": 0.001}, "0.00 USD; raise it with --max-cost"),
    ],
)
def test_hold__refuses_a_call_that_may_take_too_much_but_a_smaller_one_fits(
    caps: dict[str, float], told: str
) -> None:
    async def calls() -> None:
        of = budget(**caps)
        with pytest.raises(CallTooLarge, match=told):
            await of.hold("m", PROMPT, 100)
        hold = await of.hold("m", PROMPT, 10)
        hold.settle(TokenUsage(prompt_tokens=50, completion_tokens=5))

    asyncio.run(calls())


def test_hold__waits_for_what_is_in_flight_and_may_cost_less() -> None:
    async def calls() -> list[str]:
        of, told = budget(tokens=300), list[str]()
        first = await of.hold("m", PROMPT, 100)

        async def second() -> None:
            hold = await of.hold("m", PROMPT, 100)
            told.append("second")
            hold.keep()

        waiting = asyncio.create_task(second())
        await asyncio.sleep(0)
        told.append("first")
        first.settle(TokenUsage(prompt_tokens=50, completion_tokens=10))
        await waiting
        return told

    assert asyncio.run(calls()) == ["first", "second"]


def test_hold__what_was_refused_costs_nothing_and_what_broke_off_all_of_it() -> None:
    async def calls() -> None:
        of = budget(tokens=400)
        (await of.hold("m", PROMPT, 100)).release()
        (await of.hold("m", PROMPT, 100)).keep()
        await spend(of, TokenUsage())  # an answer that does not say counts as it was held
        with pytest.raises(CallTooLarge):
            await of.hold("m", PROMPT, 100)

    asyncio.run(calls())


def test_hold__counts_an_end_once() -> None:
    async def calls() -> None:
        of = budget(tokens=200)
        hold = await of.hold("m", PROMPT, 100)
        hold.release()
        hold.keep()
        hold.settle(TokenUsage(prompt_tokens=200))
        await spend(of, TokenUsage(prompt_tokens=10, completion_tokens=1))

    asyncio.run(calls())


@dataclass
class Endless:
    """Counts what an endpoint charges, whatever the bot believes."""

    charged: list[TokenUsage] = field(default_factory=list)


def test_hold__is_never_passed_over_a_thousand_random_runs() -> None:
    """An endpoint that charges up to what was asked for, with refusals and answers that break off."""
    for seed in range(1_000):
        chance = random.Random(seed)  # noqa: S311 - a seed for a test
        caps = Caps(calls=chance.randint(1, 9), tokens=chance.randint(1, 3_000), cost=chance.random() / 100)
        endpoint = Endless()
        asyncio.run(_run(Budget(SpendingMeter(), caps=caps, cost=cost), endpoint, chance))
        tokens = sum(one.prompt_tokens + one.completion_tokens for one in endpoint.charged)
        assert len(endpoint.charged) <= caps.calls
        assert tokens <= caps.tokens
        assert sum(cost("m", one) for one in endpoint.charged) <= caps.cost + 1e-12


async def _run(of: Budget, endpoint: Endless, chance: random.Random) -> None:
    async def call(size: int, max_tokens: int, end: str) -> None:
        try:
            hold = await of.hold("m", ("", "x" * size), max_tokens)
        except OverBudget:
            return
        await asyncio.sleep(0)
        if end == "refused":
            hold.release()
            return
        usage = TokenUsage(
            prompt_tokens=-(-size // (BYTES_A_TOKEN + chance.randint(0, 2))),
            completion_tokens=chance.randint(0, max_tokens),
        )
        endpoint.charged.append(usage)
        if end == "broken":
            hold.keep()
        else:
            hold.settle(usage)

    ends = ("answered", "answered", "answered", "refused", "broken")
    calls = [call(chance.randint(0, 2_000), chance.randint(1, 600), chance.choice(ends)) for _ in range(12)]
    async with asyncio.timeout(10):
        await asyncio.gather(*calls)
