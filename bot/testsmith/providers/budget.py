"""What one run may spend on a model: each call is held to it before it is sent, by what it may cost at most.

A call holds its estimate until its answer says what it did cost. What an endpoint refused costs nothing; what
broke off may have been charged, so its whole estimate counts.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

from testsmith.providers.meter import SpendingMeter
from testsmith.providers.provider import CallTooLarge, OverBudget, ProviderError, Usage

BYTES_A_TOKEN = 2
"""A prompt has at most one token in so many bytes: of source and English, one in three or four."""

Cost = Callable[[str, Usage], float | None]
"""What an answer of a model costs in US dollars; None where nobody knows."""


def unknown_cost(_model: str, _usage: Usage) -> None:
    """Know no price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The most that one run may spend: calls that are answered, tokens, US dollars."""

    calls: float = math.inf
    tokens: float = math.inf
    cost: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """Something spent, or held; a cost that is not known counts as none."""

    calls: int = 0
    tokens: int = 0
    cost: float = 0.0

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            calls=self.calls + other.calls, tokens=self.tokens + other.tokens, cost=self.cost + other.cost
        )

    def __sub__(self, other: Amount) -> Amount:
        return self + Amount(calls=-other.calls, tokens=-other.tokens, cost=-other.cost)


class Budget:
    """The caps of one run, and what is left of them; counts what is spent."""

    def __init__(self, meter: SpendingMeter, *, caps: Caps = Caps(), cost: Cost = unknown_cost) -> None:
        self.meter = meter
        self._caps = caps
        self._cost = cost
        self._spent = Amount()
        self._held = Amount()
        self._open = 0
        self._changed = asyncio.Event()

    async def hold(self, model: str, prompt: tuple[str, str], max_tokens: int) -> Hold:
        """Set aside what a call may cost at most; wait where only calls in flight stand in its way.

        Args:
            model: Who is asked.
            prompt: The part that is the same in every call, and the rest.
            max_tokens: The most tokens of the answer.

        Raises:
            OverBudget: It may not be made: no call of this run may any more, or a smaller one alone.
        """
        prompt_tokens = -(-len("".join(prompt).encode(errors="replace")) // BYTES_A_TOKEN)
        amount = self._amount(model, Usage(prompt_tokens=prompt_tokens, completion_tokens=max_tokens))
        while not self._fits(self._spent + self._held + amount):
            if not self._open or not self._fits(self._spent + amount):
                raise self._over(self._spent + amount)
            self._changed.clear()
            await self._changed.wait()
        self._held += amount
        self._open += 1
        return Hold(self, model, amount, prefix=len(prompt[0]) / max(1, len("".join(prompt))))

    def settle(self, model: str, held: Amount, usage: Usage, *, prefix: float = 0.0) -> None:
        """Count what an answer cost in place of what was held; one that does not say, as it was held."""
        self.meter.count_tokens(usage, self._cost(model, usage), prefix=prefix)
        silent = not usage.prompt_tokens and not usage.completion_tokens
        self.give_back(held, spent=held if silent else self._amount(model, usage))

    def give_back(self, held: Amount, *, spent: Amount) -> None:
        """Hold an amount no longer, and count what of it was spent."""
        self._held -= held
        self._spent += spent
        self._open -= 1
        self._changed.set()

    def _amount(self, model: str, usage: Usage) -> Amount:
        tokens = usage.prompt_tokens + usage.completion_tokens
        return Amount(calls=1, tokens=tokens, cost=self._cost(model, usage) or 0.0)

    def _fits(self, amount: Amount) -> bool:
        caps = self._caps
        return amount.calls <= caps.calls and amount.tokens <= caps.tokens and amount.cost <= caps.cost

    def _over(self, after: Amount) -> ProviderError:
        caps = self._caps
        kind: type[OverBudget] = CallTooLarge
        if after.calls > caps.calls:
            kind, cap, option = (
                OverBudget,
                f"{caps.calls} call{'' if caps.calls == 1 else 's'}",
                "--max-calls",
            )
        elif after.tokens > caps.tokens:
            cap, option = f"{caps.tokens:,} tokens", "--max-tokens"
        else:
            cap, option = f"{caps.cost:.2f} USD", "--max-cost"
        error = kind(f"The model was not asked: one run may spend {cap}; {option} allows more")
        error.attempts = 0
        return error


class Hold:
    """What is set aside for one call, until it is known what that cost."""

    def __init__(self, budget: Budget, model: str, amount: Amount, *, prefix: float) -> None:
        self._budget = budget
        self._model = model
        self._amount = amount
        self._prefix = prefix
        self._is_open = True

    def settle(self, usage: Usage) -> None:
        """Count what the answer cost."""
        if self._is_open:
            self._is_open = False
            self._budget.settle(self._model, self._amount, usage, prefix=self._prefix)

    def release(self) -> None:
        """Count nothing: the call was refused, or never sent."""
        self._end(Amount())

    def keep(self) -> None:
        """Count all of it, unless it is known what the call cost: it may have been charged."""
        self._end(self._amount)

    def _end(self, spent: Amount) -> None:
        if self._is_open:
            self._is_open = False
            self._budget.give_back(self._amount, spent=spent)
