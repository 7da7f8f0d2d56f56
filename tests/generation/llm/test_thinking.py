"""Models that think before they answer, over the real SDK: no answer is lost to thinking."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from fakes.endpoint import Endpoint, ThinkingModel
from fakes.requests import make_requests
from fakes.streams import read_all
from testsmith.generation.cached import CachedGenerator
from testsmith.generation.llm.generator import ModelGenerator, model_identity
from testsmith.llm.budget import SpendingMeter
from testsmith.llm.factory import build_provider
from testsmith.llm.profiles import THINKING_TOKENS
from testsmith.model import Candidate, Result, Skipped, Spending
from testsmith.settings import CacheSettings, ModelSettings, ReasoningEffort
from testsmith.storage.keys import KeyParts, result_key
from testsmith.storage.store import ResultStore

EFFORTS = ("none", "low", "medium", "high", "xhigh", "max")


def spends(**tokens: int) -> Mapping[str, int]:
    """A model that accepts these efforts, and what it spends on thinking at each."""
    return tokens


def ask(settings: ModelSettings, folder: Path, members: int = 2) -> tuple[list[Result], Spending, int]:
    """Ask for some members through the cache: the results, what they cost, and how many are kept."""

    async def asked() -> list[Result]:
        provider = build_provider(settings, meter)
        generator = CachedGenerator(
            ModelGenerator(provider, settings),
            store,
            lambda request: result_key(KeyParts.of(request, model_identity(settings))),
        )
        try:
            results, ended = await read_all(generator.generate_batch(make_requests(1, members)))
        finally:
            await provider.aclose()
        assert ended is None
        return results

    meter = SpendingMeter()
    with ResultStore.open(CacheSettings(folder=folder), warn=pytest.fail) as store:
        results = asyncio.run(asked())
        return results, meter.spending(), store.stats().entries


def answered(results: list[Result]) -> int:
    return sum(isinstance(result, Candidate) for result in results)


def test_default_model__is_told_not_to_think_and_refuses_nothing(tmp_path: Path) -> None:
    model = ThinkingModel(spends=dict.fromkeys(EFFORTS, 20_000) | {"none": 0})
    with Endpoint(model=model) as endpoint:
        results, spent, kept = ask(ModelSettings(base_url=endpoint.url), tmp_path)

    assert (answered(results), kept, spent.api_calls, spent.thinking_tokens) == (2, 2, 1, 0)
    [received] = endpoint.requests
    assert received.body["reasoning_effort"] == "none"
    assert received.body["temperature"] == 0


def test_chosen_effort__leaves_room_to_think(tmp_path: Path) -> None:
    model = ThinkingModel(spends=dict.fromkeys(EFFORTS, 20_000) | {"none": 0})
    with Endpoint(model=model) as endpoint:
        settings = ModelSettings(base_url=endpoint.url, reasoning_effort=ReasoningEffort.MEDIUM)
        results, spent, _ = ask(settings, tmp_path)

    assert (answered(results), spent.api_calls, spent.thinking_tokens) == (2, 1, 20_000)
    [received] = endpoint.requests
    assert "temperature" not in received.body
    assert received.body["max_tokens"] > THINKING_TOKENS[ReasoningEffort.MEDIUM]


def test_unknown_model_that_thinks__is_asked_again_with_room(tmp_path: Path) -> None:
    with Endpoint(model=ThinkingModel(spends=spends(medium=5_000))) as endpoint:
        results, spent, kept = ask(ModelSettings(base_url=endpoint.url, model="a-model"), tmp_path)

    assert (answered(results), kept) == (2, 2)
    first, second = (call.body["max_tokens"] for call in endpoint.requests[-2:])
    assert second == 4 * first
    assert spent.thinking_tokens == first + 5_000


def test_model_that_only_thinks__is_asked_again_by_the_next_run(tmp_path: Path) -> None:
    with Endpoint(model=ThinkingModel(spends=spends(medium=10**9))) as endpoint:
        results, _, kept = ask(ModelSettings(base_url=endpoint.url, model="a-model"), tmp_path)
        asked = len(endpoint.requests)
        again, _, _ = ask(ModelSettings(base_url=endpoint.url, model="a-model"), tmp_path)

    assert kept == 0
    assert {type(result) for result in results + again} == {Skipped}
    assert all("on thinking" in result.reason for result in results if isinstance(result, Skipped))
    assert len(endpoint.requests) > asked


def test_effort_that_is_refused__is_learned_once_for_all_calls(tmp_path: Path) -> None:
    with Endpoint(model=ThinkingModel(spends=spends(low=500, high=900), default="low")) as endpoint:
        settings = ModelSettings(
            base_url=endpoint.url,
            max_output_tokens=2 * ModelSettings().tokens_per_member,
            max_concurrent_calls=1,
        )
        results, spent, _ = ask(settings, tmp_path, members=6)

    assert answered(results) == 6
    efforts = [call.body["reasoning_effort"] for call in endpoint.requests]
    assert efforts[0] == "none"
    assert set(efforts[1:]) == {"low"}
    assert spent.thinking_tokens > 0
