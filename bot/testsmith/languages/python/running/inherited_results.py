"""Names of tests that run only in subclasses: with the subclass in a worker, with their own class outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from testsmith.execution.jobs import (
    CRASHED,
    FAILED,
    MISSING,
    NOT_RUN,
    PASSED,
    SKIPPED,
    TIMED_OUT,
    FunctionResult,
    JobResult,
    Reached,
    TestJob,
)
from testsmith.languages.python.test_files.inherited_tests import inherited_runs
from testsmith.languages.source import CannotParse

_FROM_WORST = (FAILED, CRASHED, TIMED_OUT, MISSING, NOT_RUN, SKIPPED, PASSED)


def with_names_in_subclasses(job: TestJob) -> TestJob:
    """Return a job that names tests as they are collected."""
    runs = _runs(job)
    if not runs:
        return job
    changed = job.changed
    if changed is not None:
        changes = (replace(one, tests=_expanded(one.tests, runs)) for one in changed.changes)
        changed = replace(changed, names=_expanded(changed.names, runs), changes=tuple(changes))
    return replace(job, without=job.without | _expanded(job.without, runs), changed=changed)


def with_names_of_owners(job: TestJob, result: JobResult) -> JobResult:
    """Return a result in which a test passes only if it passes in all classes that inherit it.

    Args:
        job: The job as it was given.
        result: Its result, with tests named as they were collected.
    """
    runs = _runs(job)
    if not runs:
        return result
    functions = dict(result.functions)
    for name, own in _merged(functions, runs).items():
        functions[name] = _joined([functions.pop(one) for one in own])
    changed = {number: _statuses(statuses, runs) for number, statuses in result.changed.items()}
    return replace(result, functions=functions, changed=changed)


def _runs(job: TestJob) -> Mapping[str, tuple[str, ...]]:
    try:
        return {} if job.is_import else inherited_runs(job.code)
    except CannotParse:
        return {}


def _expanded(names: Collection[str], runs: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    return frozenset(one for name in names for one in runs.get(name, (name,)))


def _merged(found: Collection[str], runs: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    """Return the tests that ran in all classes that inherit them, and whose own class was not collected."""
    suites = {name.rpartition("::")[0] for name in found}
    return {
        name: own
        for name, own in runs.items()
        if name.rpartition("::")[0] not in suites and all(one in found for one in own)
    }


def _joined(results: list[FunctionResult]) -> FunctionResult:
    worst = min(results, key=lambda one: _FROM_WORST.index(one.status))
    seconds = [one.seconds for one in results if one.seconds is not None]
    return replace(
        worst,
        reached=Reached(
            lines=frozenset().union(*(one.reached.lines for one in results)),
            branches=frozenset().union(*(one.reached.branches for one in results)),
        ),
        wants_network=any(one.wants_network for one in results),
        left=tuple(dict.fromkeys(name for one in results for name in one.left)),
        seconds=sum(seconds) if seconds else None,
        calls=frozenset().union(*(one.calls for one in results)),
    )


def _statuses(statuses: Mapping[str, str], runs: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return statuses for a mutant, which end at the first test that did not pass."""
    found = dict(statuses)
    suites = {name.rpartition("::")[0] for name in statuses}
    for name, own in runs.items():
        there = [found.pop(one) for one in own if one in found]
        if name.rpartition("::")[0] not in suites and there:
            worst = min(there, key=_FROM_WORST.index)
            if worst != PASSED or len(there) == len(own):
                found[name] = worst
    return found
