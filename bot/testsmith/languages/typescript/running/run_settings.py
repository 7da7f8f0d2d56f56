"""What runs of TypeScript vary, and the descriptions in reports. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from testsmith.execution.jobs import IANA_ZONES, RunSetting

TOGETHER = "together"
"""Flag of a run: all tests of the module ran in one process."""

SHUFFLED = "shuffled"
"""Flag of a run: the framework shuffled the tests."""

LONG = 400 * 86_400 + 5 * 3_600
"""Seconds by which the clock is moved: another year, another weekday, another time of day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeScriptSetting(RunSetting):
    """Settings for the runs of some test modules.

    Attributes:
        seed: Seed of the order of the tests, if the framework can shuffle them; None for that of the file.
        apart: Whether each test runs in a process of its own.
        time_zone: Value of TZ, a name of the IANA database.
        clock: Seconds by which the clock is moved.
        elsewhere: Whether to run in a folder of another name.
        traced: Whether to report which lines of the member each test reaches.
        watched: Whether to report which calls of the module were not reached.
        in_file: Whether the module is the whole text of the project's test file.
    """

    seed: int | None = None
    apart: bool = False
    time_zone: str = "UTC"
    clock: int = 0
    elsewhere: bool = False
    traced: bool = False
    watched: bool = False
    in_file: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables for this setting."""
        return {"TZ": self.time_zone, **({"TESTSMITH_CLOCK": str(self.clock)} if self.clock else {})}


PLAIN = TypeScriptSetting(name="plain", traced=True)
ON_BASE = TypeScriptSetting(name="merge base", on_base=True)
WATCHED = TypeScriptSetting(name="its own calls watched", watched=True)
IN_FILE = TypeScriptSetting(name="in its file", in_file=True)


def head_settings(runs: int) -> tuple[TypeScriptSetting, ...]:
    """Return the settings of the runs on head, most informative first."""
    east, west, between, far = IANA_ZONES
    varied = (
        PLAIN,
        TypeScriptSetting(name="apart", apart=True, time_zone=west),
        TypeScriptSetting(name="later", seed=2, clock=LONG, time_zone=east),
        TypeScriptSetting(name="elsewhere", seed=3, elsewhere=True, time_zone=far),
        TypeScriptSetting(name="earlier", seed=4, clock=-LONG, time_zone=between, elsewhere=True),
    )
    return (*varied[: max(1, runs)], *(_further(index) for index in range(len(varied), runs)))


def _further(index: int) -> TypeScriptSetting:
    return TypeScriptSetting(
        name=f"run {index + 1}", seed=index, time_zone=IANA_ZONES[index % len(IANA_ZONES)]
    )


def base_settings(runs: int) -> tuple[TypeScriptSetting, ...]:
    """Return settings for as many runs on base as there are on head."""
    again = (replace(ON_BASE, seed=seed) for seed in range(2, runs + 1))
    return (ON_BASE, *again)


def words_of(setting: TypeScriptSetting, done: frozenset[str]) -> tuple[str, ...]:
    """Return what is special about a run, in a few words each.

    Args:
        setting: The requested settings of the run.
        done: How the tests were actually run.
    """
    order = f"shuffled with seed {setting.seed}" if SHUFFLED in done else "order of the file"
    days = round(abs(setting.clock) / 86_400)
    parts = {
        order if TOGETHER in done else "each test in its own process": True,
        f"time zone {setting.time_zone}": setting.time_zone != "UTC",
        f"clock {days} days {'later' if setting.clock > 0 else 'earlier'}": setting.clock != 0,
        "another folder": setting.elsewhere,
    }
    return tuple(words for words, is_true in parts.items() if is_true)
