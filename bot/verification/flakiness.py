"""Why a test function passes some runs and not others: found by running it between a run of either kind.

The setting that it passed is taken with one factor at a time of the setting that it did not pass, and that
one with the factor taken back; both are repeated as they were, which shows what differs by chance. Functions
with the same two settings share these runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.execution.answers import PASSED, TIMED_OUT, JobResult
from bot.execution.harness import Job, Setting
from bot.model import Progress
from bot.verification.runs import Factor, cause_in_words, differing, with_factor

NEEDS_NETWORK = "needs the network"
"""The cause of what fails since no network can be reached from the sandbox."""

BY_CHANCE = "depends on chance"
"""The cause of what differs under equal settings."""

_REPEATS = 2
_MOST_PAIRS = 4
_MOST_MODULES = 10
"""How many modules' functions are looked into for each pair of settings."""

Results = Mapping[Setting, Mapping[int, JobResult]]
"""The results of jobs under settings, by the jobs' numbers."""

RunAll = Callable[[Sequence[Setting], Sequence[Job]], Awaitable[Results]]
"""Runs jobs under settings."""


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
        without_factor: As it had not passed, with one factor taken back.
    """

    repeated_passing: tuple[bool, ...]
    repeated_failing: tuple[bool, ...]
    with_factor: Mapping[Factor, bool]
    without_factor: Mapping[Factor, bool]


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
    if not all(observed.repeated_passing) or any(observed.repeated_failing):
        return Cause(by_chance=True)
    sufficient = [factor for factor, passes in observed.with_factor.items() if not passes]
    necessary = [factor for factor, passes in observed.without_factor.items() if passes]
    if both := [factor for factor in sufficient if factor in necessary]:
        return Cause(factors=(both[0],))
    if sufficient:
        return Cause(factors=(sufficient[0],))
    return Cause(factors=tuple(necessary))


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
    experiments = list(_experiments(flaky, jobs))
    progress.phase("finding why tests are flaky", sum(one.steps for one in experiments))
    causes = {}
    for experiment in experiments:
        repeated = await run([experiment.passing, experiment.failing], experiment.repeated_jobs)
        between = await run(experiment.between, experiment.jobs)
        for one in experiment.flaky:
            cause = cause_of(experiment.observed(one, repeated, between))
            causes[one.number, one.name] = _in_words(cause, one, other_version)
    return causes


def _in_words(cause: Cause, flaky: Flaky, other_version: tuple[int, int] | None) -> str:
    if cause.by_chance:
        return BY_CHANCE
    words = (cause_in_words(factor, flaky.failing, flaky.done, other_version) for factor in cause.factors)
    return " and ".join(words)


@dataclass(frozen=True, slots=True)
class _Experiment:
    """The runs between two settings, for all functions that have these two."""

    passing: Setting
    failing: Setting
    flaky: tuple[Flaky, ...]
    modules: tuple[Job, ...]
    step: int

    @property
    def factors(self) -> tuple[Factor, ...]:
        return differing(self.passing, self.failing)

    @property
    def between(self) -> list[Setting]:
        """The settings between the two; where they differ in one factor, these are the two."""
        pairs = ((self._with(factor), self._without(factor)) for factor in self.factors)
        return list(dict.fromkeys(setting for pair in pairs for setting in pair))

    @property
    def jobs(self) -> list[Job]:
        return [replace(job, traced=None) for job in self.modules]

    @property
    def repeated_jobs(self) -> list[Job]:
        """The modules, each several times under a number of its own."""
        return [
            replace(job, number=job.number + repeat * self.step)
            for job in self.jobs
            for repeat in range(_REPEATS)
        ]

    @property
    def steps(self) -> int:
        return 2 * len(self.repeated_jobs) + len(self.between) * len(self.jobs)

    def observed(self, flaky: Flaky, repeated: Results, between: Results) -> Observations:
        """Return what the runs have shown of one of the functions."""

        def passes(results: Results, setting: Setting, repeat: int = 0) -> bool:
            result = results[setting].get(flaky.number + repeat * self.step)
            return result is not None and _status(result, flaky.name) == PASSED

        return Observations(
            repeated_passing=tuple(passes(repeated, self.passing, repeat) for repeat in range(_REPEATS)),
            repeated_failing=tuple(passes(repeated, self.failing, repeat) for repeat in range(_REPEATS)),
            with_factor={factor: passes(between, self._with(factor)) for factor in self.factors},
            without_factor={factor: passes(between, self._without(factor)) for factor in self.factors},
        )

    def _with(self, factor: Factor) -> Setting:
        return with_factor(self.passing, factor, self.failing)

    def _without(self, factor: Factor) -> Setting:
        return with_factor(self.failing, factor, self.passing)


def _experiments(flaky: Iterable[Flaky], jobs: Sequence[Job]) -> Iterator[_Experiment]:
    """Yield the experiments, those that tell of most functions first, no more than a few."""
    pairs: dict[tuple[Setting, Setting], list[Flaky]] = {}
    for one in flaky:
        pairs.setdefault((one.passing, one.failing), []).append(one)
    step = 1 + max((job.number for job in jobs), default=0)
    by_number = {job.number: job for job in jobs}
    for (passing, failing), ones in sorted(pairs.items(), key=lambda pair: -len(pair[1]))[:_MOST_PAIRS]:
        numbers = list(dict.fromkeys(one.number for one in ones))[:_MOST_MODULES]
        told = tuple(one for one in ones if one.number in numbers)
        yield _Experiment(passing, failing, told, tuple(by_number[number] for number in numbers), step)
