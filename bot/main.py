"""The entry point: the one place that reads the environment, builds the clients, and exits."""

from __future__ import annotations

import io
import os
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from bot import cli
from bot.model import CacheStats, Progress, Report, Spending
from bot.settings import CacheSettings, ProviderChoice, Settings

if TYPE_CHECKING:
    from bot.cache.store import ResultStore
    from bot.generation.cached import CachedGenerator
    from bot.pipeline import Tools
    from bot.providers.meter import SpendingMeter


def main() -> None:
    """Run the command line, and exit with its code."""
    warnings.simplefilter("ignore", SyntaxWarning)  # of the sources that are read: none of this program's
    world = cli.World(
        environment=dict(os.environ),
        stdout=_standard(sys.stdout),
        stderr=_standard(sys.stderr),
        cache_folder=_cache_folder(),
        run=_run,
        write=_write,
        open_cache=_open_cache,
    )
    try:
        code = cli.run(sys.argv[1:], world)
    finally:
        _let_go(world.stdout)
    sys.exit(code)


def _standard(stream: TextIO | None) -> TextIO:
    """Return a standard stream that takes any text: a closed one leads nowhere, no encoding is too small."""
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


def _let_go(stream: TextIO) -> None:
    """Empty a stream; one that takes nothing more leads nowhere, or the interpreter complains at its end."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _cache_folder() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("testsmith")


def _run(settings: Settings, progress: Progress) -> Report:
    import asyncio

    from bot.execution.isolation.kernel import forbid_inspection

    forbid_inspection()
    try:
        return asyncio.run(_until_terminated(settings, progress))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _until_terminated(settings: Settings, progress: Progress) -> Report:
    """Run to the report; SIGTERM ends it as Ctrl-C does, so that nothing is left behind."""
    import asyncio
    import signal

    running = asyncio.current_task()
    if running is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    async with AsyncExitStack() as stack:
        from bot.pipeline import suggest

        return await suggest(settings, _tools(settings, progress, stack))


def _tools(settings: Settings, progress: Progress, stack: AsyncExitStack) -> Tools:
    from bot.execution.isolation.build import build_sandbox
    from bot.languages.registry import drivers
    from bot.pipeline import Tools

    model = None if settings.provider is ProviderChoice.OFFLINE else _model(settings, progress, stack)
    return Tools(
        drivers=drivers(),
        model=None if model is None else model.generator,
        build_sandbox=build_sandbox,
        cache=_Nothing() if model is None else model.generator,
        spending=_Nothing() if model is None else model.meter,
        progress=progress,
        clock=time.monotonic,
        environment=dict(os.environ),
    )


@dataclass(frozen=True, slots=True)
class _Model:
    """The generator that asks a model, and what counts the cost of its calls."""

    generator: CachedGenerator
    meter: SpendingMeter


def _model(settings: Settings, progress: Progress, stack: AsyncExitStack) -> _Model:
    from bot.cache.keys import KeyParts, result_key
    from bot.generation.cached import CachedGenerator
    from bot.generation.model.generator import ModelGenerator, model_identity
    from bot.providers.meter import SpendingMeter
    from bot.providers.stack import build_provider

    meter = SpendingMeter()
    provider = build_provider(settings.model, meter)
    stack.push_async_callback(provider.aclose)
    store = stack.enter_context(_open_cache(settings.cache, progress.warn))
    stack.callback(store.prune)
    identity = model_identity(settings.model)
    generator = CachedGenerator(
        ModelGenerator(provider, settings.model),
        store,
        lambda request: result_key(KeyParts.of(request, identity)),
    )
    return _Model(generator, meter)


class _Nothing:
    """The figures of a run that asks no model."""

    def cache_stats(self) -> CacheStats:
        """See `CacheStatsReporter.cache_stats`."""
        return CacheStats()

    def spending(self) -> Spending:
        """See `SpendingReporter.spending`."""
        return Spending()


def _open_cache(settings: CacheSettings, warn: Callable[[str], None]) -> ResultStore:
    from bot.cache.store import ResultStore

    return ResultStore.open(settings, warn=warn)


def _write(report: Report, settings: Settings) -> tuple[str, ...]:
    from bot.languages.registry import drivers
    from bot.pipeline import write_tests

    return write_tests(report, settings, drivers())
