"""Puts the layers of a run together: the one place that knows their order."""

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
"""Where calls go without `--base-url`; named, so that the SDK does not look for it in the environment."""

CONNECT_SECONDS = 10.0
"""How long making a connection may take, within the time limit of the attempt."""


class ProviderStack:
    """The assembled layers: a `Provider` whose connections are closed after its last call."""

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
        """Return what a reader of the report should know of the answers so far."""
        return () if self._fallback is None else self._fallback.notes()

    async def aclose(self) -> None:
        """Close the connections, in the event loop in which the calls were made."""
        if self._endpoint is not None:
            await self._endpoint.aclose()


def build_provider(  # noqa: PLR0913 - what a run's provider is built from
    settings: ModelSettings,
    meter: SpendingMeter,
    *,
    budget: BudgetSettings | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
    random: Callable[[], float] = chance.random,
) -> ProviderStack:
    """Return the provider of a run: retry around semaphore around endpoint, or a recording.

    Nothing is connected to before the first call.

    Args:
        settings: How the model is asked.
        meter: Counts what is spent.
        budget: What may be spent; None for no end.
        sleep: As `asyncio.sleep`.
        clock: As `time.monotonic`.
        random: A number from 0 up to 1.

    Raises:
        UsageFailure: There is no key or it is none, the address is none, or the recording cannot be used.
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
    """Return retry around semaphore around endpoint, for one model, whose limits are its own."""
    gate = RateLimitGate(waits)
    asking = SemaphoreProvider(endpoint, slots=slots, gate=gate)
    attempts, base = settings.max_retry_attempts, settings.retry_base_seconds
    return RetryProvider(asking, gate=gate, attempts=attempts, base_seconds=base)


def build_budget(settings: ModelSettings, meter: SpendingMeter, budget: BudgetSettings | None) -> Budget:
    """Return what holds a run to what it may spend; None for no end."""
    if budget is None:
        return Budget(meter)
    caps = Caps(calls=budget.max_calls, tokens=budget.max_tokens, cost=budget.max_cost)
    return Budget(meter, caps=caps, cost=prices_of(settings, budget).cost)


def prices_of(settings: ModelSettings, budget: BudgetSettings) -> Prices:
    """Return what the tokens of a run's models cost."""
    own = OwnPrices(prompt=budget.prompt_price, completion=budget.completion_price)
    return Prices(settings.base_url or OPENAI_URL, own)


def _endpoint(settings: ModelSettings, budget: Budget) -> OpenAIProvider:
    key = _usable_key(settings)
    url = _usable_url(settings.base_url or OPENAI_URL)
    target = ModelEndpoint(
        url=shown_url(url), model=settings.model, key=key, timeout_seconds=settings.timeout_seconds
    )
    return OpenAIProvider(
        partial(connect, url, key, settings),
        target=target,
        budget=budget,
        capabilities=replace(capabilities_at(url), tier=settings.service_tier),
    )


def connect(url: str, key: Secret | None, settings: ModelSettings) -> openai.AsyncOpenAI:
    """Make the SDK's client. What the SDK would look for in the environment is given here instead.

    Proxies and certificates are the machine's business and stay as the environment has them. What an address
    has after a `?`, as Azure's `api-version`, goes with every request.
    """
    import openai

    timeout = openai.Timeout(settings.timeout_seconds, connect=min(CONNECT_SECONDS, settings.timeout_seconds))
    value = key.value if key else "none"  # the SDK insists on a key; endpoints that need none ignore it
    hooks: dict[str, list[Callable[..., Any]]] = {}
    if is_azure(url):
        hooks = {"request": [partial(_key_as_azure_wants_it, value)]}
    client = openai.AsyncOpenAI(
        api_key=value,
        base_url=urlunsplit(urlsplit(url)._replace(query="", fragment="")),
        max_retries=0,
        timeout=timeout,
        default_headers={"Authorization": f"Bearer {value}"},  # stands above OPENAI_CUSTOM_HEADERS
        default_query=dict(parse_qsl(urlsplit(url).query)),
        http_client=openai.DefaultAsyncHttpxClient(
            follow_redirects=False, timeout=timeout, event_hooks=hooks
        ),
    )
    client.organization = client.project = None
    return client


async def _key_as_azure_wants_it(key: str, request: Any) -> None:
    """Move the key of an HTTP request: a bearer is a token of Entra to Azure's versioned addresses."""
    del request.headers["Authorization"]
    request.headers["api-key"] = key


def shown_url(url: str) -> str:
    """Return an address without user, password, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _usable_url(url: str) -> str:
    """Return the address, if it is one.

    Raises:
        UsageFailure: It has no host, an impossible port, or characters that no address has.
    """
    try:
        parts = urlsplit(url)
        whole = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        whole = False
    if not whole or not url.isprintable() or " " in url:
        raise UsageFailure(f"--base-url is no address: {url!a}. It looks like https://host/v1.")
    return url


def _usable_key(settings: ModelSettings) -> Secret | None:
    """Return the key without white space around it, which secrets often have; an own endpoint may need none.

    Raises:
        UsageFailure: There is no key where one is needed, or it has characters that no header can hold.
    """
    value = settings.api_key.value.strip() if settings.api_key else ""
    if not value.isascii() or not value.isprintable():
        raise UsageFailure("The model's key holds characters that no key has. Set TESTSMITH_API_KEY anew.")
    if not value and settings.base_url is None:
        raise UsageFailure(
            "There is no key: set TESTSMITH_API_KEY or OPENAI_API_KEY, or use --provider offline."
        )
    return Secret(value) if value else None
