"""Gather evidence: run each candidate several times on head, and once on the merge base.

The runs on head differ in hash seed, order and time zone; one of them is as in an empty folder, without any
setting of the project. What hangs or crashes in the first run is not run again: it cannot pass all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.execution.answers import CRASHED, TIMED_OUT, FunctionResult, JobResult
from bot.execution.harness import Job, Setting, TracedMember, batches_of, run_jobs
from bot.execution.sandbox import CannotRun
from bot.execution.workspace import Workspace
from bot.languages.driver import CannotParse
from bot.model import Candidate, Member, Progress
from bot.settings import VerificationSettings
from bot.verification.proof import FunctionProof, Proof, Run, Status

MOST_CODE_CHARACTERS = 200_000
"""A longer candidate is not run."""

_TIME_ZONES = (("UTC", ""), ("JST-9", "UTC+9"), ("EST5EDT,M3.2.0,M11.1.0", "UTC-5"), ("NPT-5:45", "UTC+5:45"))
_RUN_WITHOUT_INI = 2

_ON_BASE = Setting(name="merge base", hash_seed=1, on_base=True)

TestFunctions = Callable[[str], Sequence[str]]
"""Returns the names of a test module's test functions; raises `CannotParse`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A candidate that is to be run, and the member it is for.

    Attributes:
        member: The member.
        candidate: The candidate.
        beside: Where its tests would stand, relative to the git root; None where that is not known.
    """

    member: Member
    candidate: Candidate
    beside: str | None = None


async def gather_evidence(
    subjects: Sequence[Subject],
    workspace: Workspace,
    test_functions: TestFunctions,
    settings: VerificationSettings,
    progress: Progress,
) -> tuple[Proof, ...]:
    """Run candidates, side by side; return a proof for each, in the same order.

    Args:
        subjects: What is run.
        workspace: Where it is run.
        test_functions: Names the test functions of a candidate.
        settings: How often it is run, and how long one run may take.
        progress: Told of each candidate's each run.
    """
    names = [_names(subject.candidate, test_functions) for subject in subjects]
    jobs = [
        _job(number, subject, settings)
        for number, subject in enumerate(subjects)
        if not isinstance(names[number], str)
    ]
    head = head_settings(settings.runs)
    progress.phase("running tests", len(jobs) * (len(head) + (workspace.base is not None)))
    runner = _Runner(workspace, progress)
    first = [head[0]] if workspace.base is None else [head[0], _ON_BASE]
    results = await runner.run(first, jobs)
    left = list(_worth_running_again(jobs, results[head[0]]))
    results |= await runner.run(head[1:], left)
    return tuple(
        _proof(subject, names[number], number, head, results) for number, subject in enumerate(subjects)
    )


def head_settings(runs: int) -> tuple[Setting, ...]:
    """Return the settings of the runs on head; the first keeps the order of the file."""
    return tuple(_head_setting(index, runs) for index in range(max(1, runs)))


def _head_setting(index: int, runs: int) -> Setting:
    zone, words = _TIME_ZONES[index % len(_TIME_ZONES)]
    with_ini = index != min(_RUN_WITHOUT_INI, runs - 1)
    parts = [
        f"hash seed {index + 1}",
        "random order" if index else "order of the file",
        f"time zone {words}" if words else "",
        "" if with_ini else "without the project's pytest settings",
    ]
    return Setting(
        name=", ".join(part for part in parts if part),
        hash_seed=index + 1,
        order_seed=index or None,
        time_zone=zone,
        with_ini=with_ini,
    )


def _names(candidate: Candidate, test_functions: TestFunctions) -> tuple[str, ...] | str:
    """Return the names of the test functions, or why the candidate cannot be run."""
    if len(candidate.code) > MOST_CODE_CHARACTERS:
        return f"it is longer than {MOST_CODE_CHARACTERS:,} characters"
    try:
        names = tuple(test_functions(candidate.code))
    except CannotParse as error:
        return f"it does not parse: {error}"
    return names or "it has no test function"


def _job(number: int, subject: Subject, settings: VerificationSettings) -> Job:
    member = subject.member
    traced = TracedMember(path=member.path, first=member.line, last=member.end_line)
    return Job(number=number, code=subject.candidate.code, seconds=settings.test_seconds, traced=traced)


def _worth_running_again(jobs: Sequence[Job], first: Mapping[int, JobResult]) -> Iterator[Job]:
    """Yield the jobs without the functions that hung or crashed; a module that did not load is left out."""
    for job in jobs:
        functions = first[job.number].functions
        lost = {name for name, result in functions.items() if result.status in {TIMED_OUT, CRASHED}}
        if functions.keys() - lost:
            yield replace(job, without=frozenset(lost))


_Results = dict[Setting, dict[int, JobResult]]


@dataclass(frozen=True, slots=True)
class _Runner:
    """Runs jobs under several settings, side by side."""

    workspace: Workspace
    progress: Progress

    async def run(self, settings: Sequence[Setting], jobs: Sequence[Job]) -> _Results:
        """Return the results of each job under each setting."""
        slots = asyncio.Semaphore(self.workspace.parallel)
        batches = batches_of(jobs, len(settings), self.workspace.parallel)
        async with asyncio.TaskGroup() as group:
            tasks = [
                (setting, group.create_task(self._run_batch(slots, setting, batch)))
                for setting in settings
                for batch in batches
            ]
        results: _Results = {setting: {} for setting in settings}
        for setting, task in tasks:
            results[setting] |= task.result()
        return results

    async def _run_batch(
        self, slots: asyncio.Semaphore, setting: Setting, jobs: Sequence[Job]
    ) -> dict[int, JobResult]:
        async with slots:
            batch = [replace(job, traced=None) for job in jobs] if setting.on_base else jobs
            try:
                results = await run_jobs(self.workspace, setting, batch)
            except CannotRun as error:
                results = {job.number: JobResult(problem=str(error)) for job in jobs}
        self.progress.advance(len(jobs))
        return results


def _proof(
    subject: Subject,
    names: tuple[str, ...] | str,
    number: int,
    head: Sequence[Setting],
    results: _Results,
) -> Proof:
    if isinstance(names, str):
        return Proof(member=subject.member, candidate=subject.candidate, problem=names, beside=subject.beside)
    on_head = [(setting, results[setting][number]) for setting in head if number in results[setting]]
    base = results.get(_ON_BASE, {}).get(number)
    return Proof(
        member=subject.member,
        candidate=subject.candidate,
        functions=tuple(_function_proof(name, on_head, base) for name in _all_names(names, on_head)),
        beside=subject.beside,
    )


def _all_names(names: Sequence[str], on_head: Sequence[tuple[Setting, JobResult]]) -> list[str]:
    """Return the functions of the code, and those pytest found beyond them, as inherited ones."""
    found = [name for _, result in on_head for name in sorted(result.functions)]
    return list(dict.fromkeys([*names, *found]))


def _function_proof(
    name: str, on_head: Sequence[tuple[Setting, JobResult]], base: JobResult | None
) -> FunctionProof:
    lost_at_first = _is_lost(on_head[0][1].functions.get(name))
    counted = on_head[:1] if lost_at_first else on_head
    return FunctionProof(
        name=name,
        head=tuple(_run(setting.name, name, result) for setting, result in counted),
        base=None if base is None else _run(_ON_BASE.name, name, base),
    )


def _is_lost(result: FunctionResult | None) -> bool:
    return result is not None and result.status in {TIMED_OUT, CRASHED}


def _run(setting: str, name: str, result: JobResult) -> Run:
    function = result.functions.get(name)
    if function is None:
        message = result.problem or "pytest did not find it"
        return Run(setting=setting, status=Status.MISSING, message=message, import_lines=result.loaded.lines)
    return Run(
        setting=setting,
        status=Status(function.status),
        message=function.message,
        lines=function.reached.lines,
        branches=function.reached.branches,
        import_lines=result.loaded.lines,
    )
