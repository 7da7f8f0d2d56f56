"""Gather evidence: run each candidate several times on head and once on the merge base.

The runs on head vary conditions that a test must not depend on; see `TestRunner.head_settings`. Tests that
hang or crash in the first run are not run again, because they can no longer pass all runs. Tests that the
environment did not let run are tried once more, as only that could be their fault. Tests that pass on
base and always fail on head are run on base as often as on head, to rule out chance.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from testsmith.execution.jobs import (
    CRASHED,
    FAILED,
    NOT_RUN,
    PASSED,
    SKIPPED,
    TIMED_OUT,
    FunctionResult,
    JobResult,
    RunSetting,
    TestJob,
    TracedMember,
    batches_of,
)
from testsmith.execution.runner import TestRunner
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.languages.results import FunctionProof, Proof, Run, TestStatus
from testsmith.languages.source import CannotParse
from testsmith.languages.thresholds import DEFAULTS
from testsmith.model import Candidate, Member, Progress
from testsmith.settings import VerificationSettings

MOST_CODE_CHARACTERS = DEFAULTS.candidate_characters
"""Maximum length of a candidate that is run."""

TestFunctions = Callable[[str], Sequence[str]]
"""Returns the names of a module's test functions; raises `CannotParse`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSubject:
    """A candidate to run, and its member.

    Attributes:
        member: The member.
        candidate: The candidate.
        test_path: Path of its tests, relative to the git root; None if unknown.
        framework: Framework of the form that would be posted; None for the form that its generator wrote.
        is_run_by_framework: Whether the project runs its tests by it.
    """

    member: Member
    candidate: Candidate
    test_path: str | None = None
    framework: str | None = None
    is_run_by_framework: bool = True


async def gather_evidence(
    subjects: Sequence[RunSubject],
    runner: TestRunner,
    test_functions: TestFunctions,
    settings: VerificationSettings,
    progress: Progress,
) -> tuple[Proof, ...]:
    """Run candidates concurrently and return a proof for each, in the same order.

    Args:
        subjects: The candidates.
        runner: Runs them.
        test_functions: Returns the names of a candidate's test functions.
        settings: Number of runs and time limits.
        progress: Progress display, advanced once per run of a candidate.
    """
    names = [_names(subject.candidate, test_functions) for subject in subjects]
    jobs = [
        _job(number, subject, settings)
        for number, subject in enumerate(subjects)
        if not isinstance(names[number], str)
    ]
    workspace, watched = runner.workspace, runner.watched_setting()
    head, base = runner.head_settings(settings.runs), runner.base_settings(settings.runs)
    progress.phase("running tests", len(jobs) * (len(head) + 1 + (workspace.base is not None)))
    runs = _Runs(runner, progress)
    first = [head[0]] if workspace.base is None else [head[0], base[0]]
    results = await runs.run(first, jobs)
    left = list(_worth_running_again(jobs, results[head[0]]))
    results |= await runs.run([*head[1:], watched], left)
    on_head = {setting: results[setting] for setting in head}
    on_base = await runs.confirm_base(results.get(base[0], {}), base[1:], jobs, on_head)
    proofs = []
    for number, subject in enumerate(subjects):
        proof = Proof(member=subject.member, candidate=subject.candidate, test_path=subject.test_path)
        own = names[number]
        if isinstance(own, str):
            proofs.append(replace(proof, problem=own))
            continue
        head_results = [(setting, found[number]) for setting, found in on_head.items() if number in found]
        others = [
            name
            for _, result in head_results
            for name, function in sorted(result.functions.items())
            if not _is_of_the_project(name, function, subject.candidate)
        ]
        functions = tuple(
            _function(name, head_results, on_base.get(number), runner)
            for name in dict.fromkeys([*own, *others])
        )
        own_calls = results[watched].get(number)
        proofs.append(replace(proof, functions=functions, idle=None if own_calls is None else own_calls.idle))
    return tuple(proofs)


def _is_of_the_project(name: str, function: FunctionResult, candidate: Candidate) -> bool:
    """Return whether a test that passed is inherited from a class of the project's own tests."""
    return function.status == PASSED and name.rpartition("::")[2] not in candidate.code


def _names(candidate: Candidate, test_functions: TestFunctions) -> tuple[str, ...] | str:
    """Return the names of the test functions, or why the candidate cannot be run."""
    if len(candidate.code) > MOST_CODE_CHARACTERS:
        return f"it is longer than {MOST_CODE_CHARACTERS:,} characters"
    try:
        names = tuple(test_functions(candidate.code))
    except CannotParse as error:
        return f"it does not parse: {error}"
    return names or "it has no test function"


def _job(number: int, subject: RunSubject, settings: VerificationSettings) -> TestJob:
    member = subject.member
    traced = TracedMember(path=member.path, first=member.line, last=member.end_line)
    return TestJob(
        number=number,
        code=subject.candidate.code,
        seconds=settings.test_seconds,
        traced=traced,
        test_path=subject.test_path,
        is_of_file=bool(subject.candidate.edited),
    )


def _worth_running_again(jobs: Sequence[TestJob], first: Mapping[int, JobResult]) -> Iterator[TestJob]:
    """Yield the jobs without the functions that hung or crashed, and without modules that did not load."""
    for job in jobs:
        functions = first[job.number].functions
        lost = {name for name, result in functions.items() if _is_lost(result)}
        if functions.keys() - lost:
            yield replace(job, without=frozenset(lost))


_Results = dict[RunSetting, dict[int, JobResult]]


@dataclass(frozen=True, slots=True)
class _Runs:
    """Runs jobs under several settings concurrently."""

    runner: TestRunner
    progress: Progress

    async def run(self, settings: Sequence[RunSetting], jobs: Sequence[TestJob]) -> _Results:
        """Return the results of each job under each setting."""
        parallel = self.runner.workspace.parallel
        slots = asyncio.Semaphore(parallel)
        async with asyncio.TaskGroup() as group:
            tasks = [
                (setting, group.create_task(self._run_batch(slots, setting, batch)))
                for setting in settings
                for batch in batches_of(jobs, len(settings), parallel)
            ]
        results: _Results = {setting: {} for setting in settings}
        for setting, task in tasks:
            results[setting] |= task.result()
        return results

    async def confirm_base(
        self,
        base: Mapping[int, JobResult],
        settings: Sequence[RunSetting],
        jobs: Sequence[TestJob],
        head: Mapping[RunSetting, dict[int, JobResult]],
    ) -> Mapping[int, JobResult]:
        """Repeat tests on base, as often as on head, that passed there once and always fail on head."""
        broken = list(jobs_broken_on_head(jobs, base, list(head.values())))
        if not broken or not settings:
            return base
        self.progress.phase("checking tests on the base", len(broken) * len(settings), 0.1)
        again = await self.run(settings, broken)
        return with_later_runs(base, list(again.values()))

    async def _run_batch(
        self, slots: asyncio.Semaphore, setting: RunSetting, jobs: Sequence[TestJob]
    ) -> Mapping[int, JobResult]:
        async with slots:
            results = await self._ran(setting, jobs)
            again = list(_jobs_without_result(jobs, results))
            later = await self._ran(setting, again) if again else {}
        self.progress.advance(len(jobs))
        return {**results, **{number: _with_rest(results[number], rest) for number, rest in later.items()}}

    async def _ran(self, setting: RunSetting, jobs: Sequence[TestJob]) -> Mapping[int, JobResult]:
        try:
            return await self.runner.run(setting, jobs)
        except CannotRun as error:
            return {job.number: JobResult(problem=str(error), is_fault=True) for job in jobs}


def _jobs_without_result(jobs: Sequence[TestJob], results: Mapping[int, JobResult]) -> Iterator[TestJob]:
    """Yield the jobs that the environment kept from running, reduced to the functions that did not run."""
    for job in jobs:
        found = results[job.number]
        ran = {name for name, result in found.functions.items() if result.status != NOT_RUN}
        if found.is_fault or len(ran) < len(found.functions):
            yield replace(job, without=job.without | ran)


def _with_rest(first: JobResult, rest: JobResult) -> JobResult:
    """Return the results of a job whose functions without a result were run again."""
    if first.is_fault:
        return rest
    return replace(first, functions={**first.functions, **rest.functions})


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


def _function(
    name: str,
    on_head: Sequence[tuple[RunSetting, JobResult]],
    on_base: JobResult | None,
    runner: TestRunner,
) -> FunctionProof:
    """Return the results of one test function. One that hung or crashed at first was not run again.

    A run does not count if the function is skipped only there, where it may be.
    """
    results = [result.functions.get(name) for _, result in on_head]
    elsewhere = [
        (setting, result) for setting, result in on_head if not _is_rightly_skipped(setting, result, name)
    ]
    counted = on_head[:1] if _is_lost(results[0]) else elsewhere or on_head
    return FunctionProof(
        name=name,
        head=tuple(_head_run(setting, name, result, runner) for setting, result in counted),
        base=None if on_base is None else _run((), name, on_base),
        wants_network=any(result is not None and result.wants_network for result in results),
    )


def _is_rightly_skipped(setting: RunSetting, result: JobResult, name: str) -> bool:
    return setting.may_be_skipped and _status(result.functions, name) == SKIPPED


def _is_lost(result: FunctionResult | None) -> bool:
    return result is not None and result.status in {TIMED_OUT, CRASHED, NOT_RUN}


def _head_run(setting: RunSetting, name: str, result: JobResult, runner: TestRunner) -> Run:
    run = _run(runner.words(setting, result.done), name, result)
    return replace(run, session=runner.session(result.done))


def _run(settings: tuple[str, ...], name: str, result: JobResult) -> Run:
    function = result.functions.get(name)
    if function is None:
        return Run(
            settings=settings,
            status=TestStatus.NOT_RUN if result.is_fault else TestStatus.MISSING,
            message=result.problem or "the test runner did not find it",
            import_lines=result.loaded.lines,
        )
    return Run(
        settings=settings,
        status=TestStatus(function.status),
        message=function.message,
        failing_line=function.failing_line,
        raised_by_test=function.raised_by_test,
        lines=function.reached.lines,
        branches=function.reached.branches,
        import_lines=result.loaded.lines,
        left=function.left,
        failed_rows=function.failed_rows,
        seconds=function.seconds,
    )
