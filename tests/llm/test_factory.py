from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from fakes import faults
from fakes.clock import FakeClock
from fakes.endpoint import Endpoint
from testsmith.llm.budget import Prices, SpendingMeter
from testsmith.llm.factory import build_provider, connect, shown_url
from testsmith.llm.interface import (
    CompletionRequest,
    CompletionResponse,
    EndpointUnreachable,
    KeyRefused,
    ReplayMissed,
    TokenUsage,
)
from testsmith.model import Spending, UsageFailure
from testsmith.settings import (
    DEFAULT_MODEL,
    BudgetSettings,
    ModelSettings,
    Secret,
    ServiceTier,
)

KEY = Secret("sk-right")


def request_for(number: int, model: str = "m") -> CompletionRequest:
    return CompletionRequest(
        system_prompt="JSON", user_prompt=f"### member: src/a.py::f{number}", model=model, max_tokens=300
    )


class Run:
    """Calls at the same time through the whole stack, on a clock that costs no time."""

    def __init__(self, settings: ModelSettings, budget: BudgetSettings | None = None) -> None:
        self.meter = SpendingMeter()
        self.clock = FakeClock()
        self._settings = settings
        self._budget = budget

    def ask(self, calls: int = 1, *, model: str = "m") -> list[CompletionResponse | BaseException]:
        async def asked() -> list[CompletionResponse | BaseException]:
            provider = build_provider(
                self._settings,
                self.meter,
                budget=self._budget,
                sleep=self.clock.sleep,
                clock=self.clock.now,
                random=lambda: 0.0,
            )
            each = (provider.complete(request_for(number, model)) for number in range(calls))
            try:
                return await asyncio.gather(*each, return_exceptions=True)
            finally:
                await provider.aclose()

        return asyncio.run(asked())


def test_build_provider__answers_however_the_endpoint_stumbles() -> None:
    script = [
        faults.rate_limited("2"),
        faults.server_failed(),
        faults.bad_gateway(),
        faults.connection_dropped(),
        faults.body_dropped(),
        faults.garbage(),
        faults.server_failed(529),
    ]
    with Endpoint(faults=script) as endpoint:
        run = Run(ModelSettings(base_url=endpoint.url, max_retry_attempts=10))
        outcomes = run.ask(10)

    assert [type(outcome) for outcome in outcomes] == [CompletionResponse] * 10
    assert len(endpoint.requests) == 17
    assert run.meter.spending().api_calls == 17


def test_build_provider__tries_three_times() -> None:
    with Endpoint(faults=[faults.server_failed()] * 5) as endpoint:
        run = Run(ModelSettings(base_url=endpoint.url))
        (outcome,) = run.ask()

    assert str(outcome).endswith("Run again later. Tried 3 times.")
    assert len(endpoint.requests) == 3
    assert run.clock.slept == pytest.approx([0.2, 0.4])


@pytest.mark.parametrize(
    ("wanted", "reported", "refuses", "sent", "share"),
    [
        (ServiceTier.AUTO, None, (), [None], 1.0),
        (ServiceTier.AUTO, "priority", (), [None], 2.0),
        (ServiceTier.FLEX, "flex", (), ["flex"], 0.5),
        (ServiceTier.FLEX, "default", (), ["flex"], 1.0),
        (ServiceTier.FLEX, None, (), ["flex"], 1.0),
        (ServiceTier.FLEX, None, ("service_tier",), ["flex", None], 1.0),
    ],
)
def test_build_provider__asks_for_a_tier_and_counts_what_it_costs(
    wanted: ServiceTier, reported: str | None, refuses: Iterable[str], sent: list[str | None], share: float
) -> None:
    with Endpoint(tier=reported, refuses=refuses) as endpoint:
        settings = ModelSettings(base_url=endpoint.url, service_tier=wanted, max_concurrent_calls=1)
        run = Run(settings, BudgetSettings())
        run.ask(2, model=DEFAULT_MODEL)
    spent = run.meter.spending()
    usage = TokenUsage(prompt_tokens=spent.prompt_tokens, completion_tokens=spent.completion_tokens)

    bodies = [received.body for received in endpoint.requests]
    assert [body.get("service_tier") for body in bodies] == [*sent, sent[-1]]
    assert spent.cost == pytest.approx(share * (Prices(endpoint.url).cost(DEFAULT_MODEL, usage) or 0))


def test_build_provider__at_most_so_many_calls_in_flight() -> None:
    with Endpoint(latency=lambda _: 0.05) as endpoint:
        outcomes = Run(ModelSettings(base_url=endpoint.url, max_concurrent_calls=3)).ask(12)

    assert [type(outcome) for outcome in outcomes] == [CompletionResponse] * 12
    assert endpoint.most_in_flight == 3


def test_build_provider__fifty_calls_in_flight() -> None:
    with Endpoint(latency=lambda _: 1.0) as endpoint:
        outcomes = Run(ModelSettings(base_url=endpoint.url, max_concurrent_calls=50)).ask(50)

    assert [type(outcome) for outcome in outcomes] == [CompletionResponse] * 50
    assert endpoint.most_in_flight == 50


def test_build_provider__a_refused_key_ends_the_run_at_once() -> None:
    with Endpoint(key="sk-other", latency=lambda _: 0.01) as endpoint:
        outcomes = Run(ModelSettings(base_url=endpoint.url, api_key=KEY, max_concurrent_calls=2)).ask(30)

    assert [type(outcome) for outcome in outcomes] == [KeyRefused] * 30
    assert len(endpoint.requests) <= 2


def test_build_provider__an_unreachable_endpoint_ends_the_run() -> None:
    run = Run(ModelSettings(base_url="http://127.0.0.1:9/v1", max_concurrent_calls=2))

    outcomes = run.ask(30)

    assert {type(outcome) for outcome in outcomes} == {EndpointUnreachable}
    assert run.meter.spending().api_calls < 3 * 30


def test_build_provider__the_key_goes_to_the_endpoint_and_is_optional_there() -> None:
    with Endpoint(key="sk-right") as endpoint:
        (with_key,) = Run(ModelSettings(base_url=endpoint.url, api_key=Secret(" sk-right\n"))).ask()
    with Endpoint() as endpoint:
        (without,) = Run(ModelSettings(base_url=endpoint.url)).ask()

    assert isinstance(with_key, CompletionResponse)
    assert isinstance(without, CompletionResponse)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (ModelSettings(), "No API key: set TESTSMITH_API_KEY"),
        (ModelSettings(api_key=Secret("  ")), "No API key"),
        (ModelSettings(api_key=Secret("sk-\nsecret")), "has invalid characters"),
        (ModelSettings(api_key=Secret("sk-secrét")), "has invalid characters"),
    ],
)
def test_build_provider__a_key_that_is_none(settings: ModelSettings, words: str) -> None:
    with pytest.raises(UsageFailure, match=words) as failed:
        build_provider(settings, SpendingMeter())

    assert "secr" not in str(failed.value)


@pytest.mark.parametrize(
    "url", ["http://", "http://[::1", "http://host:99999/v1", "http://ho st/v1", "http://a\x01b/v1"]
)
def test_build_provider__an_address_that_is_none(url: str) -> None:
    with pytest.raises(UsageFailure, match="--base-url is not a valid address") as failed:
        build_provider(ModelSettings(base_url=url), SpendingMeter())

    assert str(failed.value).isprintable()


def test_build_provider__records_and_replays_without_key_and_network(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    with Endpoint(faults=[faults.server_failed()], key="sk-right") as endpoint:
        settings = ModelSettings(base_url=endpoint.url, api_key=KEY, record=file)
        recorded = Run(settings).ask(8)

    replay = Run(ModelSettings(replay=file))
    replayed = replay.ask(8)
    missed = Run(ModelSettings(replay=file)).ask(9)[-1]

    assert replayed == recorded
    assert replay.meter.spending() == Spending()
    assert isinstance(missed, ReplayMissed)
    assert "sk-right" not in file.read_text()


def test_connect__the_environment_decides_nothing() -> None:
    """In a process of its own, since the environment is the process's."""
    program = (
        "import asyncio, sys\n"
        "from testsmith.llm.budget import SpendingMeter\n"
        "from testsmith.llm.interface import CompletionRequest\n"
        "from testsmith.llm.factory import build_provider\n"
        "from testsmith.settings import DEFAULT_MODEL, BudgetSettings, ModelSettings, Secret, ServiceTier\n"
        "settings = ModelSettings(base_url=sys.argv[1], api_key=Secret('sk-right'))\n"
        "request = CompletionRequest(system_prompt='JSON', user_prompt='f', model='m', max_tokens=9)\n"
        "async def main():\n"
        "    provider = build_provider(settings, SpendingMeter())\n"
        "    await provider.complete(request)\n"
        "    await provider.aclose()\n"
        "asyncio.run(main())\n"
    )
    surprising = {
        "OPENAI_API_KEY": "sk-wrong",
        "OPENAI_ADMIN_KEY": "sk-wrong",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "OPENAI_ORG_ID": "org-wrong",
        "OPENAI_PROJECT_ID": "project-wrong",
        "OPENAI_CUSTOM_HEADERS": "Authorization: Bearer sk-wrong",
    }
    with Endpoint(key="sk-right") as endpoint:
        subprocess.run((sys.executable, "-c", program, endpoint.url), env=surprising, check=True, timeout=60)

    (received,) = endpoint.requests
    assert "wrong" not in str(received.headers)


def test_connect__without_a_base_url_openai_is_asked() -> None:
    client = connect("https://api.openai.com/v1", KEY, ModelSettings())

    assert str(client.base_url) == "https://api.openai.com/v1/"
    assert client.max_retries == 0
    asyncio.run(client.close())


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://api.test/v1", "https://api.test/v1"),
        ("https://me:secret@api.test:8000/v1?key=secret#secret", "https://api.test:8000/v1"),
        ("http://[::1]:80/v1", "http://[::1]:80/v1"),
    ],
)
def test_shown_url__without_secrets(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_build_provider__imports_the_sdk_only_for_a_call() -> None:
    program = (
        "import sys\n"
        "from testsmith.llm.budget import SpendingMeter\n"
        "from testsmith.llm.factory import build_provider\n"
        "from testsmith.settings import ModelSettings\n"
        "build_provider(ModelSettings(base_url='http://127.0.0.1:9/v1'), SpendingMeter())\n"
        "sys.exit('openai' in sys.modules)\n"
    )
    subprocess.run((sys.executable, "-c", program), check=True, timeout=60)
