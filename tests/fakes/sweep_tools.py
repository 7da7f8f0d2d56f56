"""The clients of a sweep that runs nothing: a store with memory, a clock that stands, nobody to ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from testsmith import pipeline
from testsmith.execution.sandbox.interface import CannotRun, Sandbox
from testsmith.languages.registry import languages, toolchains
from testsmith.model import CacheStats, Spending
from testsmith.reporting.terminal import PlainProgress
from testsmith.settings import SandboxChoice
from testsmith.sweep.run_sweep import SweepDependencies


@dataclass
class Remembered:
    """A store of JSON objects that only grows."""

    values: dict[str, Mapping[str, object]] = field(default_factory=dict)

    def get_many(self, keys: Sequence[str]) -> dict[str, dict[str, object]]:
        return {key: dict(self.values[key]) for key in keys if key in self.values}

    def put(self, key: str, value: Mapping[str, object]) -> None:
        self.values[key] = value


class _Nothing:
    def cache_stats(self) -> CacheStats:
        return CacheStats()

    def spending(self) -> Spending:
        return Spending()


async def _no_sandbox(_choice: SandboxChoice, _python: Path) -> Sandbox:
    raise CannotRun("there is no sandbox here.")


def idle_tools(tried: Remembered | None = None) -> SweepDependencies:
    """Return the clients of a sweep on a machine where nothing can be run."""
    run = pipeline.RunDependencies(
        languages=languages(),
        model=None,
        build_sandbox=_no_sandbox,
        cache=_Nothing(),
        spending=_Nothing(),
        progress=PlainProgress(StringIO()),
        clock=lambda: 0.0,
        toolchains=toolchains(),
    )
    return SweepDependencies(run=run, tried=tried or Remembered())
