"""Limit what one run may spend on model calls, and count what it spends.

Before a call is sent, its maximum cost is reserved. The answer replaces the reservation with the actual cost.
A rejected call costs nothing. A call that broke off may have been charged, so its full reservation counts.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from testsmith.llm.interface import CallTooLarge, OverBudget, ProviderError, TokenUsage
from testsmith.model import Spending

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPrices:
    """Prices from the settings, in US dollars per million tokens; None to use the built-in price list."""

    prompt: float | None = None
    completion: float | None = None


class Prices:
    """Token prices at one endpoint, from the settings or the price list in the genai-prices package.

    The package is imported on first use. It makes no network requests.
    """

    def __init__(self, url: str, own: OwnPrices = OwnPrices()) -> None:
        self._url = url
        self._own = own
        self._unknown: set[str] = set()

    def cost(self, model: str, usage: TokenUsage) -> float | None:
        """Return the cost of an answer in US dollars; None if the price is unknown."""
        if self._own.prompt is not None and self._own.completion is not None:
            parts = (usage.prompt_tokens * self._own.prompt, usage.completion_tokens * self._own.completion)
            return sum(parts) / _MILLION
        return self._listed(model, usage)

    def _listed(self, model: str, usage: TokenUsage) -> float | None:
        """Look up the model at this endpoint's URL, or else by its name alone."""
        if model in self._unknown:
            return None
        for url in (self._url, None):
            try:
                return _listed_price(model, url, usage)
            except LookupError:
                continue
        self._unknown.add(model)
        return None


def _listed_price(model: str, url: str | None, usage: TokenUsage) -> float:
    import genai_prices

    read = min(usage.cached_tokens, usage.prompt_tokens)
    tokens = genai_prices.Usage(
        input_tokens=usage.prompt_tokens,
        cache_read_tokens=read,
        cache_write_tokens=min(usage.cache_write_tokens, usage.prompt_tokens - read),
        output_tokens=usage.completion_tokens,
    )
    tier = {"service_tier": usage.service_tier}
    price = genai_prices.calc_price(tokens, model_ref=model, provider_api_url=url, price_context=tier)
    return float(price.total_price)


class SpendingMeter:
    """Counts HTTP requests and tokens; a `SpendingReporter`."""

    def __init__(self) -> None:
        self._spent = Spending()

    def count_call(self) -> None:
        """Count one HTTP request, whatever its result."""
        self._spent = replace(self._spent, api_calls=self._spent.api_calls + 1)

    def count_tokens(self, usage: TokenUsage, cost: float | None = None, *, prefix: float = 0.0) -> None:
        """Count the tokens of one answer.

        Args:
            usage: The tokens.
            cost: Their cost in US dollars; None if unknown.
            prefix: Fraction of the prompt that is the same in every call of a kind.
        """
        before = self._spent.cost
        self._spent = replace(
            self._spent,
            cost=None if before is None or cost is None else before + cost,
            prompt_tokens=self._spent.prompt_tokens + usage.prompt_tokens,
            prefix_tokens=self._spent.prefix_tokens + round(prefix * usage.prompt_tokens),
            completion_tokens=self._spent.completion_tokens + usage.completion_tokens,
            thinking_tokens=self._spent.thinking_tokens + usage.thinking_tokens,
        )

    def spending(self) -> Spending:
        """See `SpendingReporter.spending`."""
        return self._spent


BYTES_A_TOKEN = 2
"""Minimum bytes per prompt token, for an upper bound. Typical source and English have 3 to 4."""

Cost = Callable[[str, TokenUsage], float | None]
"""Returns the cost of a model's answer in US dollars; None if unknown."""


def unknown_cost(_model: str, _usage: TokenUsage) -> None:
    """Return None, for a model without a known price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """Limits of one run: answered calls, tokens, and US dollars."""

    calls: float = math.inf
    tokens: float = math.inf
    cost: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """Amount that was spent or reserved. An unknown cost counts as 0."""

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
    """Limits of one run, the amounts spent and reserved, and the spending meter."""

    def __init__(self, meter: SpendingMeter, *, caps: Caps = Caps(), cost: Cost = unknown_cost) -> None:
        self.meter = meter
        self._caps = caps
        self._cost = cost
        self._spent = Amount()
        self._held = Amount()
        self._open = 0
        self._changed = asyncio.Event()

    async def hold(self, model: str, prompt: tuple[str, str], max_tokens: int) -> Hold:
        """Reserve a call's maximum cost. Wait if only calls in flight prevent it.

        Args:
            model: The model's id.
            prompt: The part that is the same in every call of a kind, and the rest.
            max_tokens: Maximum tokens of the answer.

        Raises:
            CallTooLarge: The call does not fit into the rest of the budget, but a smaller one may.
            OverBudget: No further call is allowed.
        """
        prompt_tokens = -(-len("".join(prompt).encode(errors="replace")) // BYTES_A_TOKEN)
        amount = self._amount(model, TokenUsage(prompt_tokens=prompt_tokens, completion_tokens=max_tokens))
        while not self._fits(self._spent + self._held + amount):
            if not self._open or not self._fits(self._spent + amount):
                raise self._over(self._spent + amount)
            self._changed.clear()
            await self._changed.wait()
        self._held += amount
        self._open += 1
        return Hold(self, model, amount, prefix=len(prompt[0]) / max(1, len("".join(prompt))))

    def settle(self, model: str, held: Amount, usage: TokenUsage, *, prefix: float = 0.0) -> None:
        """Replace a reservation with the actual cost, or keep it if the answer has no token counts."""
        self.meter.count_tokens(usage, self._cost(model, usage), prefix=prefix)
        silent = not usage.prompt_tokens and not usage.completion_tokens
        self.give_back(held, spent=held if silent else self._amount(model, usage))

    def give_back(self, held: Amount, *, spent: Amount) -> None:
        """Cancel a reservation, and count the part of it that was spent."""
        self._held -= held
        self._spent += spent
        self._open -= 1
        self._changed.set()

    def _amount(self, model: str, usage: TokenUsage) -> Amount:
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
        error = kind(f"The model was not called: the run's limit is {cap}; raise it with {option}")
        error.attempts = 0
        return error


class Hold:
    """Reservation for one call, until its cost is known."""

    def __init__(self, budget: Budget, model: str, amount: Amount, *, prefix: float) -> None:
        self._budget = budget
        self._model = model
        self._amount = amount
        self._prefix = prefix
        self._is_open = True

    def settle(self, usage: TokenUsage) -> None:
        """Count the actual cost of the answer."""
        if self._is_open:
            self._is_open = False
            self._budget.settle(self._model, self._amount, usage, prefix=self._prefix)

    def release(self) -> None:
        """Count nothing, because the call was rejected or never sent."""
        self._end(Amount())

    def keep(self) -> None:
        """Count the whole reservation if the cost is unknown, because the call may have been charged."""
        self._end(self._amount)

    def _end(self, spent: Amount) -> None:
        if self._is_open:
            self._is_open = False
            self._budget.give_back(self._amount, spent=spent)
