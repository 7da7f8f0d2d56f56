"""Build the model client of a run from its layers: retry around rate limit around endpoint."""

from __future__ import annotations

import asyncio
import random as chance
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from testsmith.llm.budget import Budget, Caps, OwnPrices, Prices, SpendingMeter
from testsmith.llm.capabilities import capabilities_at, is_azure
from testsmith.llm.error_mapping import ModelEndpoint
from testsmith.llm.interface import CompletionRequest, CompletionResponse, Provider
from testsmith.llm.openai import OpenAIProvider
from testsmith.llm.rate_limit import RateLimitGate, SemaphoreProvider, Slots, Waits
from testsmith.llm.replay import RecordProvider, ReplayProvider
from testsmith.llm.retry import FallbackProvider, RetryProvider
from testsmith.model import UsageFailure
from testsmith.settings import BudgetSettings, ModelSettings, Secret

if TYPE_CHECKING:
    import openai

OPENAI_URL = "https://api.openai.com/v1"
"""Default endpoint. Passed explicitly so that the SDK does not read it from the environment."""

CONNECT_SECONDS = 10.0
"""Time limit for connecting, within the time limit of an attempt."""


class ProviderStack:
    """The assembled layers: a `Provider` with connections to close after the last call."""

    def __init__(
        self,
        provider: Provider,
        endpoint: OpenAIProvider | None,
        fallback: FallbackProvider | None = None,
    ) -> None:
        self._provider = provider
        self._endpoint = endpoint
        self._fallback = fallback

    async def complete(self, request: CompletionRequest) -> CompletionResponse:
        """See `Provider.complete`."""
        return await self._provider.complete(request)

    def notes(self) -> tuple[str, ...]:
        """Return notes for the report about the answers so far."""
        return () if self._fallback is None else self._fallback.notes()

    async def aclose(self) -> None:
        """Close the connections. Call this in the event loop that made the calls."""
        if self._endpoint is not None:
            await self._endpoint.aclose()


def build_provider(  # noqa: PLR0913 - everything that a provider is built from
    settings: ModelSettings,
    meter: SpendingMeter,
    *,
    budget: BudgetSettings | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
    random: Callable[[], float] = chance.random,
) -> ProviderStack:
    """Build the provider of a run: retry around semaphore around endpoint, or a recording.

    Nothing connects before the first call.

    Args:
        settings: Settings of the model calls.
        meter: Counter of the spending.
        budget: Limits of the run; None for no limits.
        sleep: Same contract as `asyncio.sleep`.
        clock: Same contract as `time.monotonic`.
        random: Returns a number of at least 0 and below 1.

    Raises:
        UsageFailure: The key is missing or invalid, the URL is invalid, or the recording cannot be used.
    """
    if settings.replay is not None:
        return ProviderStack(ReplayProvider(settings.replay), None)
    held_to = build_budget(settings, meter, budget)
    endpoint = _endpoint(settings, held_to)
    slots = Slots(settings.max_concurrent_calls)
    waits = Waits(longest=settings.max_retry_after_seconds, sleep=sleep, clock=clock, random=random)
    layers = partial(_layers, endpoint, slots, settings, waits)
    provider: Provider = layers()
    fallback = None
    if settings.fallback_model is not None:
        provider = fallback = FallbackProvider(provider, layers(), settings.fallback_model)
    if settings.record is not None:
        provider = RecordProvider(provider, settings.record)
    return ProviderStack(provider, endpoint, fallback)


def _layers(endpoint: OpenAIProvider, slots: Slots, settings: ModelSettings, waits: Waits) -> Provider:
    """Return retry around semaphore around endpoint for one model, which has its own rate limits."""
    gate = RateLimitGate(waits)
    asking = SemaphoreProvider(endpoint, slots=slots, gate=gate)
    attempts, base = settings.max_retry_attempts, settings.retry_base_seconds
    return RetryProvider(asking, gate=gate, attempts=attempts, base_seconds=base)


def build_budget(settings: ModelSettings, meter: SpendingMeter, budget: BudgetSettings | None) -> Budget:
    """Return the budget of a run; None for no limits."""
    if budget is None:
        return Budget(meter)
    caps = Caps(calls=budget.max_calls, tokens=budget.max_tokens, cost=budget.max_cost)
    return Budget(meter, caps=caps, cost=prices_of(settings, budget).cost)


def prices_of(settings: ModelSettings, budget: BudgetSettings) -> Prices:
    """Return the token prices of a run's models."""
    own = OwnPrices(prompt=budget.prompt_price, completion=budget.completion_price)
    return Prices(settings.base_url or OPENAI_URL, own)


def endpoint_of(settings: ModelSettings) -> ModelEndpoint:
    """Return the endpoint and the model of the settings.

    Raises:
        UsageFailure: The key is missing or invalid, or the URL is invalid.
    """
    key = _usable_key(settings)
    url = _usable_url(settings.base_url or OPENAI_URL)
    return ModelEndpoint(
        url=shown_url(url), model=settings.model, key=key, timeout_seconds=settings.timeout_seconds
    )


def _endpoint(settings: ModelSettings, budget: Budget) -> OpenAIProvider:
    target, url = endpoint_of(settings), settings.base_url or OPENAI_URL
    return OpenAIProvider(
        partial(connect, url, target.key, settings),
        target=target,
        budget=budget,
        capabilities=replace(capabilities_at(url), tier=settings.service_tier),
    )


def connect(url: str, key: Secret | None, settings: ModelSettings) -> openai.AsyncOpenAI:
    """Create the SDK's client, passing everything that it would otherwise read from the environment.

    Proxies and certificates depend on the machine and are still read from the environment. The URL's query,
    for example Azure's `api-version`, is sent with every request.
    """
    import openai

    timeout = openai.Timeout(settings.timeout_seconds, connect=min(CONNECT_SECONDS, settings.timeout_seconds))
    value = key.value if key else "none"  # the SDK requires a key; endpoints that need none ignore it
    hooks: dict[str, list[Callable[..., Any]]] = {}
    if is_azure(url):
        hooks = {"request": [partial(_key_as_azure_wants_it, value)]}
    client = openai.AsyncOpenAI(
        api_key=value,
        base_url=urlunsplit(urlsplit(url)._replace(query="", fragment="")),
        max_retries=0,
        timeout=timeout,
        default_headers={"Authorization": f"Bearer {value}"},  # takes precedence over OPENAI_CUSTOM_HEADERS
        default_query=dict(parse_qsl(urlsplit(url).query)),
        http_client=openai.DefaultAsyncHttpxClient(
            follow_redirects=False, timeout=timeout, event_hooks=hooks
        ),
    )
    client.organization = client.project = None
    return client


async def _key_as_azure_wants_it(key: str, request: Any) -> None:
    """Move the key to Azure's header: its versioned URLs expect bearer tokens to be from Entra."""
    del request.headers["Authorization"]
    request.headers["api-key"] = key


def shown_url(url: str) -> str:
    """Return a URL without user, password, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _usable_url(url: str) -> str:
    """Return the URL if it is valid.

    Raises:
        UsageFailure: The URL has no host, an invalid port, or invalid characters.
    """
    try:
        parts = urlsplit(url)
        whole = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        whole = False
    if not whole or not url.isprintable() or " " in url:
        raise UsageFailure(f"--base-url is not a valid address: {url!a}. Use for example https://host/v1.")
    return url


def _usable_key(settings: ModelSettings) -> Secret | None:
    """Return the key without surrounding whitespace, which secrets often have; custom URLs may need none.

    Raises:
        UsageFailure: A required key is missing, or the key contains characters that are invalid in a header.
    """
    value = settings.api_key.value.strip() if settings.api_key else ""
    if not value.isascii() or not value.isprintable():
        raise UsageFailure("The API key has invalid characters. Set TESTSMITH_API_KEY again.")
    if not value and settings.base_url is None:
        raise UsageFailure("No API key: set TESTSMITH_API_KEY or OPENAI_API_KEY, or use --provider offline.")
    return Secret(value) if value else None
