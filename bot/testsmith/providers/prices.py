"""What a model's tokens cost in US dollars: as the settings say, else by the list that genai-prices keeps.

The list is part of that package; nothing is looked up over a network. It is loaded for the first question.
"""

from __future__ import annotations

from dataclasses import dataclass

from testsmith.providers.provider import Usage

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPrices:
    """Prices that the settings name, in US dollars a million tokens; None for what the list says."""

    prompt: float | None = None
    completion: float | None = None


class Prices:
    """Knows what tokens cost at one endpoint."""

    def __init__(self, url: str, own: OwnPrices = OwnPrices()) -> None:
        self._url = url
        self._own = own
        self._unknown: set[str] = set()

    def cost(self, model: str, usage: Usage) -> float | None:
        """Return what an answer of a model costs in US dollars; None where no price is known."""
        if self._own.prompt is not None and self._own.completion is not None:
            parts = (usage.prompt_tokens * self._own.prompt, usage.completion_tokens * self._own.completion)
            return sum(parts) / _MILLION
        return self._listed(model, usage)

    def _listed(self, model: str, usage: Usage) -> float | None:
        """Look the model up at this endpoint's address, and where that is not known by its name alone."""
        if model in self._unknown:
            return None
        for url in (self._url, None):
            try:
                return _listed_price(model, url, usage)
            except LookupError:
                continue
        self._unknown.add(model)
        return None


def _listed_price(model: str, url: str | None, usage: Usage) -> float:
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
