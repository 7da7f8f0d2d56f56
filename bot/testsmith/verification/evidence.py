"""Gather evidence: run each candidate several times on head and once on the merge base.

The runs on head vary conditions that a test must not depend on; see `TestRunner.head_settings`. Tests that
hang or crash in the first run are not run again, because they can no longer pass all runs. Tests that the
environment did not let run are tried once more, as only that could be their fault. Tests that pass on
base and always fail on head are run on base as often as on head, to rule out chance.

One of the runs on head is made in a session of the project, with its setup for tests. A candidate with a test
that passes only there needs that setup: all its other runs are repeated there, and it is judged by these.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
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
from testsmith.languages.tests import TestFiles
from testsmith.languages.thresholds import DEFAULTS
from testsmith.model import Candidate, Member, Progress
from testsmith.settings import VerificationSettings

MOST_CODE_CHARACTERS = DEFAULTS.candidate_characters
"""Maximum length of a candidate that is run."""

_COMMENT = re.compile(r"(?:#|//).*")

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
        project_code: What to run in a session of the project, which has what it shares with other files;
            empty for the candidate's code.
        in_project: Whether it is known to need what the project sets up for tests.
    """

    member: Member
    candidate: Candidate
    test_path: str | None = None
    framework: str | None = None
    is_run_by_framework: bool = True
    project_code: str = ""
    in_project: bool = False


def in_place(subject: RunSubject, tests: TestFiles) -> RunSubject:
    """Return a candidate with what to run of it in a session of the project."""
    candidate = subject.candidate
    code = candidate.code
    if candidate.edited:
        with suppress(CannotParse):
            code = tests.in_place(code, candidate.edited)
    return replace(subject, project_code="" if code == candidate.code else code)


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
    runs = _Runs(runner, progress, settings.runs)
    found = await runs.gather("running tests", jobs)
    again = await runs.needing_project(jobs, found)
    if again:
        in_project = await runs.gather("running tests in the project", list(again.values()), found)
        found = found.replaced_by(in_project)
    proofs = []
    for number, subject in enumerate(subjects):
        proof = Proof(member=subject.member, candidate=subject.candidate, test_path=subject.test_path)
        own = names[number]
        if isinstance(own, str):
            proofs.append(replace(proof, problem=own))
            continue
        code = _COMMENT.sub("", subject.candidate.code)  # a hook may name the test that calls it in a comment
        head_results = [(setting, ran[number]) for setting, ran in found.head.items() if number in ran]
        others = [
            name
            for _, result in head_results
            for name, function in sorted(result.functions.items())
            if not _is_of_the_project(name, function, code)
        ]
        functions = tuple(
            _function(name, head_results, found.base.get(number), runner)
            for name in dict.fromkeys([*own, *others])
        )
        own_calls = found.watched.get(number)
        is_in_project = subject.in_project or number in again
        proof = replace(proof, functions=functions, idle=None if own_calls is None else own_calls.idle)
        code = subject.project_code or subject.candidate.code
        proofs.append(replace(proof, project_code=code) if is_in_project else proof)
    return tuple(proofs)


def _is_of_the_project(name: str, function: FunctionResult, code: str) -> bool:
    """Return whether a test that passed is inherited from a class of the project's own tests."""
    return function.status == PASSED and name.rpartition("::")[2] not in code


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
        code=subject.project_code or subject.candidate.code,
        seconds=settings.test_seconds,
        traced=traced,
        test_path=subject.test_path,
        alone=subject.candidate.code if subject.project_code else "",
        is_of_file=bool(subject.candidate.edited),
        in_project=subject.in_project,
    )


def _worth_running_again(jobs: Sequence[TestJob], first: Mapping[int, JobResult]) -> Iterator[TestJob]:
    """Yield the jobs without the functions that hung or crashed, and without modules that did not load."""
    for job in jobs:
        functions = first[job.number].functions
        lost = {name for name, result in functions.items() if _is_lost(result)}
        if functions.keys() - lost:
            yield replace(job, without=frozenset(lost))


_Results = dict[RunSetting, dict[int, JobResult]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Results by job number: on head under each setting, on base, and with the tests' own calls watched."""

    head: _Results
    base: Mapping[int, JobResult]
    watched: Mapping[int, JobResult]

    def replaced_by(self, other: _Found) -> _Found:
        """Return the results with those of other runs of some jobs."""
        return _Found(
            head={setting: {**results, **other.head[setting]} for setting, results in self.head.items()},
            base={**self.base, **other.base},
            watched={**self.watched, **other.watched},
        )


@dataclass(frozen=True, slots=True)
class _Runs:
    """Runs jobs under several settings concurrently."""

    runner: TestRunner
    progress: Progress
    times: int

    async def gather(self, phase: str, jobs: Sequence[TestJob], known: _Found | None = None) -> _Found:
        """Run jobs on head and base.

        Args:
            phase: Name of the phase for the progress display.
            jobs: The jobs.
            known: Results of earlier runs; those in a session of the project are not repeated.
        """
        watched, has_base = self.runner.watched_setting(), self.runner.workspace.base is not None
        head, base = self.runner.head_settings(self.times), self.runner.base_settings(self.times)
        numbers = {job.number for job in jobs}
        results: _Results = {
            setting: {at: one for at, one in ran.items() if at in numbers}
            for setting, ran in (known.head.items() if known else ())
            if setting.in_project_session
        }
        to_run = [setting for setting in head if setting not in results]
        self.progress.phase(phase, len(jobs) * (len(to_run) + 1 + has_base))
        results |= await self.run([head[0], base[0]] if has_base else [head[0]], jobs)
        left = list(_worth_running_again(jobs, results[head[0]]))
        results |= await self.run([*to_run[1:], watched], left)
        on_head = {setting: results[setting] for setting in head}
        on_base = await self.confirm_base(results.get(base[0], {}), base[1:], jobs, on_head)
        return _Found(head=on_head, base=on_base, watched=results[watched])

    async def needing_project(self, jobs: Sequence[TestJob], found: _Found) -> dict[int, TestJob]:
        """Return the jobs with a test that passes only in a session of the project, as jobs for there.

        A module that does not load by itself, or whose tests all fail while no session was set up in time,
        has not been run there yet. It gets the time of a job that needs the session. If it can be run there,
        that run is added to the results.
        """
        alone = [job for job in jobs if job.test_path is not None and not job.in_project]
        sessions = [setting for setting in found.head if setting.in_project_session]
        broken = [job for job in alone if self._is_lost_alone(job, found)]
        loaded = await self.run(sessions, [replace(job, in_project=True) for job in broken])
        needing = {
            job.number for job in broken if any(self._loads(ran[job.number]) for ran in loaded.values())
        }
        for setting, ran in loaded.items():
            found.head[setting].update({at: one for at, one in ran.items() if at in needing})
        needing |= {job.number for job in alone if self._passes_only_in_session(job, found)}
        return {job.number: replace(job, in_project=True) for job in alone if job.number in needing}

    def _is_lost_alone(self, job: TestJob, found: _Found) -> bool:
        first = next(iter(found.head.values()))[job.number]
        ran = [results[job.number] for results in found.head.values() if job.number in results]
        has_session = any(self.runner.session(one.done) for one in ran)
        passes = any(_status(first.functions, name) == PASSED for name in first.functions)
        return not first.is_fault and (not first.functions or not (passes or has_session))

    def _loads(self, result: JobResult) -> bool:
        return bool(result.functions and self.runner.session(result.done))

    def _passes_only_in_session(self, job: TestJob, found: _Found) -> bool:
        inside, outside = list[JobResult](), list[JobResult]()
        for ran in found.head.values():
            if job.number in ran:
                one = ran[job.number]
                (inside if self.runner.session(one.done) else outside).append(one)
        names = inside[0].functions if inside and outside else ()
        return any(
            all(_status(one.functions, name) == PASSED for one in inside)
            and not any(_status(one.functions, name) in {PASSED, NOT_RUN} for one in outside)
            for name in names
        )

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
    left = tuple(file for file in run.left if not runner.workspace.head.ignores(file))
    return replace(run, session=runner.session(result.done), left=left)


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
