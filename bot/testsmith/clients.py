"""The clients of a run. `app` imports this module when a run begins, because it imports nearly everything."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path

from testsmith.execution.measurements import Measurements, NoMeasurements
from testsmith.execution.sandbox.isolated import build_sandbox
from testsmith.execution.workspace import environments_of, remove_old_environments
from testsmith.generation.cached import CachedGenerator
from testsmith.generation.interface import TestGenerator
from testsmith.generation.llm.generator import EstimatingGenerator, ModelGenerator, model_identity
from testsmith.languages.registry import languages, toolchains
from testsmith.llm.budget import SpendingMeter
from testsmith.llm.factory import build_budget, build_provider, endpoint_of
from testsmith.llm.interface import ProviderError
from testsmith.llm.offered_models import offered_models
from testsmith.model import CacheStats, Estimate, Failure, Progress
from testsmith.pipeline import RunDependencies, RunOptions, estimate
from testsmith.process import supervisor
from testsmith.settings import (
    CacheAccess,
    CacheSettings,
    ModelSettings,
    ProviderChoice,
    Settings,
    SweepSettings,
    SweepStep,
)
from testsmith.storage.archive import (
    MEASUREMENTS,
    PREFIX,
    RESULTS,
    TRIED,
    ArchiveBackend,
    FolderBackend,
    shard_prefix,
)
from testsmith.storage.github_cache import ActionsCache
from testsmith.storage.keys import MEASUREMENTS_FILE_NAME, TRIED_FILE_NAME, KeyParts, result_key
from testsmith.storage.store import FILE_NAME, ResultStore, StoreStats
from testsmith.storage.sync import CacheSync, NullArchive, Sharing
from testsmith.sweep.machines import PLANNING, shards_in
from testsmith.sweep.parts import PartsFolder
from testsmith.sweep.run_sweep import SweepDependencies
from testsmith.sweep.shards import shard_of


@dataclass(kw_only=True)
class Clients:
    """The clients of one run, each built when it is first used and closed with the stack.

    Attributes:
        settings: The settings of the run.
        progress: Receives its progress.
        cache: Keeps its stores for the next run.
        stack: Closes what is opened.
        environment: The user's environment.
        environments: Folder where installed environments are kept between runs; None to keep none.
    """

    settings: Settings
    progress: Progress
    cache: CacheSync
    stack: AsyncExitStack
    environment: Mapping[str, str]
    environments: Path | None = None

    @cached_property
    def run(self) -> RunDependencies:
        """The clients of the pipeline."""
        model, measurements = self._model, self._measurements
        self.stack.enter_context(self.cache)  # closed before the stores, however the run ends
        return RunDependencies(
            languages=languages(),
            model=model,
            build_sandbox=build_sandbox,
            cache=model or _NoResults(),
            spending=self._meter,
            progress=self.progress,
            clock=time.monotonic,
            environment=self.environment,
            measurements=measurements,
            toolchains=toolchains(),
            environments=self.environments,
        )

    @cached_property
    def sweep(self) -> SweepDependencies:
        """The clients of a sweep."""
        tried = self._kept(TRIED, TRIED_FILE_NAME)
        return SweepDependencies(run=self.run, tried=tried)

    @property
    def offline(self) -> Clients:
        """The clients of the same run without a model."""
        return replace(self, settings=replace(self.settings, provider=ProviderChoice.OFFLINE))

    @property
    def dry_sweep(self) -> SweepDependencies:
        """The clients of a sweep that is only planned: the calls to the model are estimated."""
        estimate = None if self.settings.provider is ProviderChoice.OFFLINE else self.estimate
        return replace(self.offline.sweep, estimate=estimate)

    async def estimate(self, given: RunOptions | None = None) -> Estimate:
        """Estimate the run's model calls with its real packing, prompts, limits and cache."""
        settings = self.settings
        asked = EstimatingGenerator(
            settings.model, build_budget(settings.model, self._meter, settings.budget)
        )
        store = self.stack.enter_context(open_store(settings.cache, self.progress.warn))
        cached = self._cached(asked, store)
        tools = RunDependencies(
            languages=languages(),
            model=None if settings.provider is ProviderChoice.OFFLINE else cached,
            build_sandbox=build_sandbox,
            cache=cached,
            spending=self._meter,
            progress=self.progress,
            clock=time.monotonic,
        )
        return await estimate(settings, tools, asked, given)

    @cached_property
    def _meter(self) -> SpendingMeter:
        return SpendingMeter()

    @cached_property
    def _model(self) -> CachedGenerator | None:
        """The generator that calls a model, if the settings use one."""
        settings = self.settings
        if settings.provider is ProviderChoice.OFFLINE:
            return None
        provider = build_provider(settings.model, self._meter, budget=settings.budget)
        self.stack.push_async_callback(provider.aclose)
        store = self._kept(RESULTS, FILE_NAME)
        tests = {language.name: language.tests for language in languages()}
        generator = ModelGenerator(provider, settings.model, tests)
        return self._cached(generator, store, settled=self.cache.save_soon)

    def _cached(
        self, generator: TestGenerator, store: ResultStore, settled: Callable[[], None] = lambda: None
    ) -> CachedGenerator:
        """Wrap a generator that calls a model with the result cache."""
        identity, folder = model_identity(self.settings.model), self.settings.cache.folder.absolute()
        return CachedGenerator(
            generator,
            store,
            lambda request: result_key(KeyParts.of(request, identity)),
            settled=settled,
            used=lambda key: supervisor.LINK.use(f"{key} {folder}"),
        )

    @cached_property
    def _measurements(self) -> Measurements:
        """The store of baseline measurements, if the settings make any."""
        proof = self.settings.verification
        if not proof.enabled or proof.coverage is not None or proof.suite_seconds <= 0:
            return NoMeasurements()
        return self._kept(MEASUREMENTS, MEASUREMENTS_FILE_NAME)

    def _kept(self, name: str, file_name: str) -> ResultStore:
        """Open a store that is pruned and closed at the end, and saved in the archive under a name."""
        store = self.stack.enter_context(open_store(self.settings.cache, self.progress.warn, file_name))
        self.stack.callback(store.prune)
        self.cache.watch(name, store)
        return store


class _NoResults:
    """Figures of a run without a model."""

    def cache_stats(self) -> CacheStats:
        """See `CacheStatsReporter.cache_stats`."""
        return CacheStats()


def environments_in(settings: CacheSettings) -> Path:
    """Return the folder where installed environments are kept."""
    return settings.folder / "environments"


def open_store(
    settings: CacheSettings, warn: Callable[[str], None], file_name: str = FILE_NAME
) -> ResultStore:
    """Open a store in the cache folder."""
    return ResultStore.open(settings, warn=warn, file_name=file_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedModels:
    """The models of an endpoint.

    Attributes:
        url: Address of the endpoint, without anything secret.
        models: The day that each model is shut down, by id; empty if the endpoint does not list its models.
    """

    url: str
    models: Mapping[str, date | None]


async def ask_for_models(settings: ModelSettings) -> OfferedModels:
    """Ask the endpoint which models it offers, which costs nothing.

    Raises:
        Failure: The endpoint cannot be reached, or refuses the key.
    """
    try:
        models = await offered_models(settings)
    except ProviderError as error:
        raise Failure(str(error)) from error
    return OfferedModels(url=endpoint_of(settings).url, models=models)


class CacheStores:
    """All that is kept in a cache folder. Of what is stored, only results count as entries."""

    def __init__(self, settings: CacheSettings, warn: Callable[[str], None]) -> None:
        self._results = open_store(settings, warn)
        self._environments = environments_in(settings)
        self._others = [
            open_store(settings, warn, name) for name in (MEASUREMENTS_FILE_NAME, TRIED_FILE_NAME)
        ]

    def close(self) -> None:
        """Close the stores' files."""
        for store in (self._results, *self._others):
            store.close()

    def stats(self) -> StoreStats:
        """Return the number of entries and environments, and their sizes."""
        held, environments = self._results.stats(), environments_of(self._environments)
        return replace(
            held,
            bytes=held.bytes + sum(store.stats().bytes for store in self._others),
            environments=len(environments),
            environment_bytes=sum(_file_sizes(self._environments)),
        )

    def prune(self) -> StoreStats:
        """Remove what is old or beyond a limit, and return how much was removed, without sizes."""
        for store in self._others:
            store.prune()
        return StoreStats(
            entries=self._results.prune(), environments=remove_old_environments(self._environments)
        )

    def clear(self) -> StoreStats:
        """Remove everything, and return how much was removed, without sizes."""
        for store in self._others:
            store.clear()
        environments = remove_old_environments(self._environments, most=0)
        return StoreStats(entries=self._results.clear(), environments=environments)


def _file_sizes(folder: Path) -> Iterator[int]:
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # removed by another run
                yield Path(place, name).lstat().st_size


def no_archives() -> CacheSync:
    """Return the cache of a local run: the stores stay in the cache folder."""
    return CacheSync(NullArchive(), run="0-0", clock=time.monotonic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Archives:
    """Where the action keeps its stores between runs: in a folder, or else in GitHub's cache.

    Attributes:
        run: The run's number and its attempt, for example `4711-1`.
        folder: The folder; None for GitHub's cache.
        service: Access to GitHub's cache; None for none.
    """

    run: str
    folder: Path | None
    service: CacheAccess | None

    def sync(self, prefix: str = PREFIX, *others: str, gathers: bool = False) -> CacheSync:
        """Return the cache of a run.

        Args:
            prefix: Key prefix of its archives.
            others: Further prefixes to read from.
            gathers: Whether to also save what only the others contain.
        """
        sharing = Sharing(prefix=prefix, also=tuple(map(self._backend, others)), gathers=gathers)
        return CacheSync(self._backend(prefix), run=self.run, clock=time.monotonic, sharing=sharing)

    def sweep_sync(self, how: SweepSettings, parts: PartsFolder) -> CacheSync:
        """Return the cache of a sweep's step. Each shard has its own archive; the last step merges them."""
        planning = shard_prefix(PLANNING)
        match how.step:
            case SweepStep.PLAN:
                return self.sync(planning, PREFIX)
            case SweepStep.SHARD:
                return self.sync(shard_prefix(shard_of(how.shard).name), planning, PREFIX)
            case SweepStep.COLLECT:
                shards = (shard_prefix(shard.name) for shard in shards_in(parts))
                return self.sync(PREFIX, planning, *shards, gathers=True)
            case SweepStep.ALL:
                return self.sync()

    async def forget(self, store: ResultStore, keys: Sequence[str]) -> None:
        """Save an archive without some results, because the next run restores the newest archive."""
        with self.sync() as cache:
            await cache.fetch()
            cache.watch(RESULTS, store)
            cache.forget(RESULTS, keys)
            await cache.save()

    def _backend(self, prefix: str) -> ArchiveBackend:
        if self.folder is not None:
            return FolderBackend(self.folder, prefix)
        if self.service is not None:
            return ActionsCache(self.service, sleep=time.sleep, prefix=prefix)
        return NullArchive(
            "the runner has no cache service; set `TESTSMITH_CACHE_DIR` to keep results without one"
        )
