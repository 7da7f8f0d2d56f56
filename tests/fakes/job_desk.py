"""Runs of the generator that asks by jobs: over the real SDK, with real stores, on a clock of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fakes.clock import FakeClock
from fakes.streams import read_all
from testsmith.cache.entries import encode_result
from testsmith.cache.jobs import JOBS_FILE_NAME, JobMemory
from testsmith.cache.keys import KeyParts, result_key
from testsmith.cache.store import ResultStore
from testsmith.generation.cached import CachedGenerator
from testsmith.generation.model.generator import ModelGenerator, model_identity
from testsmith.generation.model.jobs.generator import JobGenerator, Waiting
from testsmith.generation.model.jobs.run import JobKeeping
from testsmith.model import CacheStats, Candidate, Request, Result, Skipped, Spending, Stage
from testsmith.providers.meter import SpendingMeter
from testsmith.providers.provider import SpendingEnded
from testsmith.providers.stack import build_provider
from testsmith.settings import BudgetSettings, CacheSettings, ModelSettings

MODEL = "small-1"
PRICES = BudgetSettings(
    max_calls=10_000, max_tokens=10**9, max_cost=1_000.0, prompt_price=1.0, completion_price=10.0
)


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What one run came to."""

    results: list[Result]
    ended: SpendingEnded | None
    notes: tuple[str, ...]
    spending: Spending
    cache: CacheStats

    @property
    def skipped(self) -> list[Skipped]:
        return [one for one in self.results if isinstance(one, Skipped)]

    @property
    def awaited(self) -> set[str]:
        return {str(one.member) for one in self.skipped if one.awaited}

    @property
    def answered(self) -> set[str]:
        return {one.member for one in self.results if isinstance(one, Candidate)}

    def reasons(self, stage: Stage = Stage.GENERATION) -> dict[str, str]:
        return {str(one.member): one.reason for one in self.skipped if one.stage is stage}


@dataclass(kw_only=True)
class JobRuns:
    """One run after another at one endpoint, with one cache folder.

    Attributes:
        url: The endpoint.
        folder: The cache folder.
        model: Further settings of the model, by name.
        budget: What a run may spend.
        clock: The clock of the next run.
        forgetful: Whether nothing can be remembered of jobs.
    """

    url: str
    folder: Path
    model: Mapping[str, object] = field(default_factory=dict)
    budget: BudgetSettings = PRICES
    clock: FakeClock = field(default_factory=FakeClock)
    forgetful: bool = False

    @property
    def settings(self) -> ModelSettings:
        named: dict[str, object] = {"base_url": self.url, "model": MODEL, "batch_api": True, **self.model}
        return ModelSettings(**named)  # type: ignore[arg-type]

    def key_for(self, request: Request) -> str:
        return result_key(KeyParts.of(request, model_identity(self.settings)))

    def run(self, requests: Sequence[Request], *, wait: float = 0.0, fallback: bool = False) -> Ran:
        """Ask for members, and wait for so many seconds."""
        return asyncio.run(self._run(requests, wait, fallback))

    async def _run(self, requests: Sequence[Request], wait: float, fallback: bool) -> Ran:
        meter = SpendingMeter()
        stack = build_provider(
            self.settings, meter, budget=self.budget, sleep=self.clock.sleep, clock=self.clock.now
        )
        assert stack.jobs is not None
        waiting = Waiting(seconds=wait, sleep=self.clock.sleep, clock=self.clock.now)
        with self.stores() as (store, memory):
            if self.forgetful:
                memory._store.close()
            asking = JobGenerator(
                stack.jobs,
                self.settings,
                endpoint=model_identity(self.settings).provider,
                keeping=JobKeeping(
                    memory=memory,
                    key_for=self.key_for,
                    put=lambda key, result: store.put(key, encode_result(result)),
                ),
                waiting=waiting,
                otherwise=ModelGenerator(stack, self.settings) if fallback else None,
            )
            generator = CachedGenerator(asking, store, self.key_for)
            try:
                results, ended = await read_all(generator.generate_batch(requests))
            finally:
                await stack.aclose()
            return Ran(
                results=results,
                ended=ended,
                notes=generator.notes(),
                spending=meter.spending(),
                cache=generator.cache_stats(),
            )

    @contextmanager
    def stores(self) -> Iterator[tuple[ResultStore, JobMemory]]:
        """Open the results, and what is remembered of jobs."""
        cache = CacheSettings(folder=self.folder)
        with (
            ResultStore.open(cache, warn=pytest.fail) as store,
            ResultStore.open(cache, warn=pytest.fail, file_name=JOBS_FILE_NAME) as jobs,
        ):
            yield store, JobMemory(jobs, self.folder / "jobs.lock")
