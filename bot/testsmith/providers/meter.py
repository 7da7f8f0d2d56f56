"""What the calls of one run cost."""

from __future__ import annotations

from dataclasses import replace

from testsmith.model import Spending
from testsmith.providers.provider import Usage


class SpendingMeter:
    """Counts HTTP requests and tokens; a `SpendingReporter`."""

    def __init__(self) -> None:
        self._spent = Spending()

    def count_call(self) -> None:
        """Count one HTTP request, whatever comes of it."""
        self._spent = replace(self._spent, api_calls=self._spent.api_calls + 1)

    def count_tokens(self, usage: Usage, cost: float | None = None, *, prefix: float = 0.0) -> None:
        """Count the tokens of one answer.

        Args:
            usage: The tokens.
            cost: What they cost in US dollars; None where nobody knows.
            prefix: The share of the prompt that is the same in every call.
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
