"""Why a test function passes some runs and not others: found by running it between a run of either kind.

The setting that it passed is taken with one factor at a time of the setting that it did not pass, and that
one with the factor taken back; both are repeated as they were, which shows what differs by chance. Functions
with the same two settings share these runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NamedTuple

from testsmith.execution.answers import PASSED, TIMED_OUT, JobResult
from testsmith.execution.harness import Job, Setting
from testsmith.model import Progress
from testsmith.verification.runs import Factor, cause_in_words, differing, with_factor
from testsmith.verification.table import DEFAULTS

NEEDS_NETWORK = "needs the network"
"""The cause of what fails since no network can be reached from the sandbox."""

BY_CHANCE = "depends on chance"
"""The cause of what differs under equal settings."""

_REPEATS = range(1, 1 + DEFAULTS.repeats)
_MOST_PAIRS = 8
_MOST_MODULES = 10
"""How many modules' functions are looked into for each pair of settings."""

Results = Mapping[Setting, Mapping[int, JobResult]]
"""The results of jobs under settings, by the jobs' numbers."""

RunAll = Callable[[Mapping[Setting, Sequence[Job]]], Awaitable[Results]]
"""Runs jobs under settings, for each its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaky:
    """A test function that passes under one setting and not under another.

    Attributes:
        number: The number of its module's job.
        name: Its name.
        passing: A setting that it passed.
        failing: A setting that it did not pass; of all such pairs the one with the fewest differences.
        done: What the worker told of how it was run when it did not pass.
    """

    number: int
    name: str
    passing: Setting
    failing: Setting
    done: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """Whether a test function passes in settings between one that it passed and one that it did not.

    Attributes:
        repeated_passing: As it had passed.
        repeated_failing: As it had not.
        with_factor: As it had passed, with one factor of the setting that it did not pass.
        without_factor: As it had not passed, with one factor taken back; only what was tried.
    """

    repeated_passing: tuple[bool, ...] = ()
    repeated_failing: tuple[bool, ...] = ()
    with_factor: Mapping[Factor, bool] = field(default_factory=dict)
    without_factor: Mapping[Factor, bool] = field(default_factory=dict)

    @property
    def differs_by_chance(self) -> bool:
        """Whether it came out otherwise under an equal setting."""
        return not all(self.repeated_passing) or any(self.repeated_failing)

    @property
    def sufficient(self) -> tuple[Factor, ...]:
        """The factors that are enough for it not to pass."""
        return tuple(factor for factor, passes in self.with_factor.items() if not passes)

    @property
    def suspected(self) -> tuple[Factor, ...]:
        """The factors that are to be taken back, to see whether it takes them not to pass."""
        return self.sufficient or tuple(self.with_factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What an outcome depends on.

    Attributes:
        factors: The factors, which have to come together where there are several; none where that cannot be
            told.
        by_chance: Whether it differs under equal settings.
    """

    factors: tuple[Factor, ...] = ()
    by_chance: bool = False


def cause_of(observed: Observations) -> Cause:
    """Return what observations tell of a function's outcome."""
    if observed.differs_by_chance:
        return Cause(by_chance=True)
    necessary = tuple(factor for factor, passes in observed.without_factor.items() if passes)
    if both := [factor for factor in observed.sufficient if factor in necessary]:
        return Cause(factors=(both[0],))
    return Cause(factors=observed.sufficient[:1] or necessary)


def flaky_functions(names: Mapping[int, Sequence[str]], results: Results) -> tuple[Flaky, ...]:
    """Return the functions that pass under some settings and not under others, but for those that hung.

    Args:
        names: The functions of each job's module.
        results: The runs on head, in their order.
    """
    return tuple(
        flaky
        for number, functions in names.items()
        for name in functions
        for flaky in _flaky(number, name, results)
    )


def _flaky(number: int, name: str, results: Results) -> Iterator[Flaky]:
    ran = {setting: found[number] for setting, found in results.items() if number in found}
    if any(_status(result, name) == TIMED_OUT for result in ran.values()):
        return
    passing = [setting for setting, result in ran.items() if _status(result, name) == PASSED]
    failing = [setting for setting in ran if setting not in passing]
    pairs = [(len(differing(one, other)), one, other) for one in passing for other in failing]
    if pairs:
        _, one, other = min(pairs, key=lambda pair: pair[0])
        yield Flaky(number=number, name=name, passing=one, failing=other, done=ran[other].done)


def _status(result: JobResult, name: str) -> str | None:
    function = result.functions.get(name)
    return None if function is None else function.status


async def find_causes(
    flaky: Sequence[Flaky],
    jobs: Sequence[Job],
    run: RunAll,
    other_version: tuple[int, int] | None,
    progress: Progress,
) -> dict[tuple[int, str], str]:
    """Return in words what flaky functions depend on, by job and name, as far as a few runs tell.

    Args:
        flaky: The functions.
        jobs: All jobs, those of the functions among them.
        run: Runs jobs.
        other_version: The version of the other interpreter, where there is one.
        progress: Told of each job's each run.
    """
    trials = _Trials(jobs, run, progress)
    observed = {one: Observations() for one in _chosen(flaky)}
    for step in (_Step.REPEATED, _Step.WITH_FACTOR, _Step.WITHOUT_FACTOR):
        await trials.carry_out(
            trial for one, seen in observed.items() for trial in _next_trials(step, one, seen)
        )
        observed = {one: _observed(step, one, seen, trials) for one, seen in observed.items()}
    return {
        (one.number, one.name): _in_words(cause_of(seen), one, other_version)
        for one, seen in observed.items()
    }


def _chosen(flaky: Iterable[Flaky]) -> list[Flaky]:
    """Return the functions that are looked into: those of the pairs of settings that tell of most."""
    pairs: dict[tuple[Setting, Setting], list[Flaky]] = {}
    for one in flaky:
        pairs.setdefault((one.passing, one.failing), []).append(one)
    chosen = []
    for ones in sorted(pairs.values(), key=len, reverse=True)[:_MOST_PAIRS]:
        numbers = list(dict.fromkeys(one.number for one in ones))[:_MOST_MODULES]
        chosen += [one for one in ones if one.number in numbers]
    return chosen


def _with(flaky: Flaky, factor: Factor) -> Setting:
    return with_factor(flaky.passing, factor, flaky.failing)


def _without(flaky: Flaky, factor: Factor) -> Setting:
    return with_factor(flaky.failing, factor, flaky.passing)


def _in_words(cause: Cause, flaky: Flaky, other_version: tuple[int, int] | None) -> str:
    if cause.by_chance:
        return BY_CHANCE
    words = (cause_in_words(factor, flaky.failing, flaky.done, other_version) for factor in cause.factors)
    return " and ".join(words)


class _Trial(NamedTuple):
    """One more run of a job, which may be one of several alike."""

    setting: Setting
    number: int
    repeat: int = 0


class _Step(Enum):
    """What is tried, each for those whose cause is still open."""

    REPEATED = 1
    WITH_FACTOR = 2
    WITHOUT_FACTOR = 3


def _next_trials(step: _Step, flaky: Flaky, seen: Observations) -> Iterator[_Trial]:
    if step is _Step.REPEATED:
        for repeat in _REPEATS:
            yield _Trial(flaky.passing, flaky.number, repeat)
            yield _Trial(flaky.failing, flaky.number, repeat)
    elif seen.differs_by_chance:
        return
    elif step is _Step.WITH_FACTOR:
        for factor in differing(flaky.passing, flaky.failing):
            yield _Trial(_with(flaky, factor), flaky.number)
    else:
        for factor in seen.suspected:
            yield _Trial(_without(flaky, factor), flaky.number)


def _observed(step: _Step, flaky: Flaky, seen: Observations, trials: _Trials) -> Observations:
    """Return what is known of a function after a step."""
    passes = {trial: trials.passes(trial, flaky.name) for trial in _next_trials(step, flaky, seen)}
    if step is _Step.REPEATED:
        return replace(
            seen,
            repeated_passing=tuple(one for trial, one in passes.items() if trial.setting == flaky.passing),
            repeated_failing=tuple(one for trial, one in passes.items() if trial.setting == flaky.failing),
        )
    if step is _Step.WITH_FACTOR:
        factors = differing(flaky.passing, flaky.failing)
        return replace(seen, with_factor=dict(zip(factors, passes.values(), strict=False)))
    return replace(seen, without_factor=dict(zip(seen.suspected, passes.values(), strict=False)))


class _Trials:
    """Runs jobs again, each setting in as few processes as that goes, and nothing twice.

    Args:
        jobs: The jobs.
        run: Runs jobs.
        progress: Told of each job's each run.
    """

    def __init__(self, jobs: Sequence[Job], run: RunAll, progress: Progress) -> None:
        self._jobs = {job.number: replace(job, traced=None) for job in jobs}
        self._step = 1 + max(self._jobs, default=0)
        self._run = run
        self._progress = progress
        self._results: dict[Setting, dict[int, JobResult]] = {}

    async def carry_out(self, trials: Iterable[_Trial]) -> None:
        """Run what has not been run yet."""
        wanted: dict[Setting, dict[int, Job]] = {}
        for setting, number, repeat in trials:
            own_number = number + repeat * self._step
            if own_number not in self._results.get(setting, {}):
                job = replace(self._jobs[number], number=own_number)
                wanted.setdefault(setting, {})[own_number] = job
        if wanted:
            total = sum(len(jobs) for jobs in wanted.values())
            self._progress.phase("finding why tests are flaky", total)
        found = await self._run({setting: list(jobs.values()) for setting, jobs in wanted.items()})
        for setting, results in found.items():
            self._results.setdefault(setting, {}).update(results)

    def passes(self, trial: _Trial, name: str) -> bool:
        """Tell whether a function passed a run."""
        result = self._results[trial.setting].get(trial.number + trial.repeat * self._step)
        return result is not None and _status(result, name) == PASSED
