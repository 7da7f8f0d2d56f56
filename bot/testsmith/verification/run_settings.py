"""Settings of the runs on head and base, and their descriptions in reports. Pure.

Each run varies several conditions that a test must not depend on, so that a few runs cover all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from testsmith.execution.jobs import (
    BESIDE_OWN_TESTS,
    FAILED,
    MOVED_CLOCK,
    PASSED,
    UNDER_CONFTEST,
    WITHOUT_ADDOPTS,
    FunctionResult,
    JobResult,
    TestJob,
)
from testsmith.languages.python.running.harness import UTF_8, RunSetting

ON_BASE = RunSetting(name="merge base", hash_seed=1, on_base=True)

LEAP_EVENING = 1_961_710_200.0
"""2032-02-29 23:30 UTC: a different year and weekday, a leap day, and already the next day east of London."""

READABLE = "readable"
"""Marks a run that was moved from locale C to UTF-8 because the project cannot be imported in C."""

_ZONES = {
    "UTC": "",
    "JST-9": "UTC+9",
    "EST5EDT,M3.2.0,M11.1.0": "UTC-5",
    "NPT-5:45": "UTC+5:45",
}
"""Time zones that need no database, with their descriptions. The third one has daylight saving time."""

_, _EAST, _WEST, _BETWEEN = _ZONES
_OTHER_FOLDER = "another folder/\u00e9\u00e8/below"


def head_settings(runs: int, *, other_python: bool = False, other_locale: str = "") -> tuple[RunSetting, ...]:
    """Return the settings of the runs on head, most informative first.

    The first run keeps the order of the file. One run uses none of the project's pytest settings, as in an
    empty folder.

    Args:
        runs: Number of runs.
        other_python: Whether another interpreter is available.
        other_locale: A locale of another language; empty if the system has none.
    """
    varied = (
        RunSetting(name="plain", hash_seed=1, with_ini=runs > 1),
        RunSetting(name="apart", hash_seed=2, time_zone=_EAST, locale="C", apart=True, with_ini=False),
        RunSetting(name="beside", hash_seed=3, order_seed=2, beside=True),
        RunSetting(
            name="later", hash_seed=4, order_seed=3, time_zone=_WEST, instant=LEAP_EVENING, twice=True
        ),
        RunSetting(
            name="elsewhere",
            hash_seed=5,
            order_seed=4,
            time_zone=_BETWEEN,
            locale=other_locale or UTF_8,
            place=_OTHER_FOLDER,
            other_python=other_python,
        ),
    )
    return (*varied[: max(1, runs)], *(_further(index) for index in range(len(varied), runs)))


def _further(index: int) -> RunSetting:
    zones = list(_ZONES)
    zone = zones[index % len(zones)]
    return RunSetting(name=f"run {index + 1}", hash_seed=index + 1, order_seed=index, time_zone=zone)


def words_of(
    setting: RunSetting, done: frozenset[str], other_version: tuple[int, int] | None
) -> tuple[str, ...]:
    """Return what is special about a run, in a few words each: `hash seed 2`, `locale C`.

    Args:
        setting: The requested settings of the run.
        done: How the worker actually ran it.
        other_version: Version of the other interpreter; None if there is none.
    """
    zone = _ZONES.get(setting.time_zone, setting.time_zone)
    shuffled = setting.order_seed is not None
    order = f"shuffled with seed {setting.order_seed}" if shuffled else "order of the file"
    parts = {
        f"hash seed {setting.hash_seed}": True,
        "each function in its own process" if setting.apart else order: True,
        f"time zone {zone}": bool(zone),
        f"locale {setting.locale}": setting.locale != UTF_8 and READABLE not in done,
        "clock at 2032-02-29": MOVED_CLOCK in done,
        "another working folder": bool(setting.place),
        "two runs in one folder": setting.twice,
        _of_project(done): bool(_of_project(done)),
        "without the project's pytest settings": not setting.with_ini,
        f"Python {_dotted(other_version)}": setting.other_python and other_version is not None,
    }
    return tuple(words for words, is_true in parts.items() if is_true)


def _dotted(version: tuple[int, int] | None) -> str:
    return "" if version is None else f"{version[0]}.{version[1]}"


def _of_project(done: frozenset[str]) -> str:
    without = " but without its addopts" if WITHOUT_ADDOPTS in done else ""
    if BESIDE_OWN_TESTS in done:
        return f"beside the project's own tests{without}"
    return f"under the project's conftest{without}" if UNDER_CONFTEST in done else ""


def on_base_again(runs: int) -> tuple[RunSetting, ...]:
    """Return settings for as many runs on base as there are on head."""
    return tuple(replace(ON_BASE, hash_seed=seed, order_seed=seed) for seed in range(2, runs + 1))


def jobs_broken_on_head(
    jobs: Sequence[TestJob], base: Mapping[int, JobResult], head: Sequence[Mapping[int, JobResult]]
) -> Iterator[TestJob]:
    """Yield the jobs reduced to functions that passed on base and failed in each run on head."""
    for job in jobs:
        on_base = base[job.number].functions if job.number in base else {}
        on_head = [found[job.number].functions for found in head if job.number in found]
        broken = {
            name
            for name, result in on_base.items()
            if result.status == PASSED and all(_status(functions, name) == FAILED for functions in on_head)
        }
        if broken and on_head:
            yield replace(job, without=job.without | (on_base.keys() - broken))


def _status(functions: Mapping[str, FunctionResult], name: str) -> str:
    return functions[name].status if name in functions else ""


def with_later_runs(
    base: Mapping[int, JobResult], again: Sequence[Mapping[int, JobResult]]
) -> dict[int, JobResult]:
    """Return the results on base, using each function's first non-passing run if there is one."""
    return {
        number: _joined(first, [found[number] for found in again if number in found])
        for number, first in base.items()
    }


def _joined(first: JobResult, later: Sequence[JobResult]) -> JobResult:
    failed = {
        name: result
        for found in reversed(later)
        for name, result in found.functions.items()
        if result.status != PASSED
    }
    return replace(first, functions={**first.functions, **failed})
