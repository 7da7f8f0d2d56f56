"""What held on the merge base and fails on head, run there again: chance is no finding. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from testsmith.execution.answers import FAILED, PASSED, FunctionResult, JobResult
from testsmith.execution.harness import Job, Setting

ON_BASE = Setting(name="merge base", hash_seed=1, on_base=True)


def on_base_again(runs: int) -> tuple[Setting, ...]:
    """Return the settings that make as many runs on base as there are on head."""
    return tuple(replace(ON_BASE, hash_seed=seed, order_seed=seed) for seed in range(2, runs + 1))


def jobs_that_held(
    jobs: Sequence[Job], base: Mapping[int, JobResult], head: Sequence[Mapping[int, JobResult]]
) -> Iterator[Job]:
    """Yield the jobs with those functions alone that passed on base and failed in each run on head."""
    for job in jobs:
        on_base = base[job.number].functions if job.number in base else {}
        on_head = [found[job.number].functions for found in head if job.number in found]
        held = {
            name
            for name, result in on_base.items()
            if result.status == PASSED and all(_status(functions, name) == FAILED for functions in on_head)
        }
        if held and on_head:
            yield replace(job, without=job.without | (on_base.keys() - held))


def _status(functions: Mapping[str, FunctionResult], name: str) -> str:
    return functions[name].status if name in functions else ""


def with_later_runs(
    base: Mapping[int, JobResult], again: Sequence[Mapping[int, JobResult]]
) -> dict[int, JobResult]:
    """Return the results on base, each function's the first that it did not pass, where there is one."""
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
