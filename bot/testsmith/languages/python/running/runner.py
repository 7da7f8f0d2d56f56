"""Run tests of Python; see `testsmith.execution.runner.TestRunner` for the methods."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from testsmith.execution.audit_runs import AuditedMutants, AuditRuns
from testsmith.execution.baseline import OwnSuite, WholeSuite
from testsmith.execution.jobs import (
    FAILED,
    PASSED,
    TIMED_OUT,
    ChangedModules,
    JobResult,
    RunSetting,
    TestJob,
)
from testsmith.execution.measurements import Measurements
from testsmith.execution.runner import TestRunner
from testsmith.execution.workspace import ProjectCopy, WorkspaceOrder
from testsmith.languages.python.running.harness import run_jobs, trouble_under_unittest
from testsmith.languages.python.running.import_check import members_that_do_not_load
from testsmith.languages.python.running.project_tests.audited import run_audited, try_audited
from testsmith.languages.python.running.project_tests.file_coverage import measure_whole_suite
from testsmith.languages.python.running.project_tests.run import files_not_loaded
from testsmith.languages.python.running.project_tests.suite import (
    changes_noticed,
    measure_project_tests,
    with_base,
)
from testsmith.languages.python.running.python_version import (
    OtherPythonOrder,
    requires_python,
    with_other_python,
)
from testsmith.languages.python.running.run_settings import (
    AS_USUAL,
    IN_PROJECTS_FOLDER,
    MUTANTS,
    MUTANTS_IN_FILE,
    ON_BASE,
    PLAIN,
    TOGETHER,
    UTF_8,
    WATCHED,
    PythonSetting,
    base_settings,
    head_settings,
    words_of,
    words_of_session,
)
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.languages.python.running.workspace_builder import open_workspace
from testsmith.model import Member
from testsmith.settings import VerificationSettings

_TIMES_AS_LONG_IN_FILE = 3.0
"""Factor for the time limit, because the project is imported again for each change to a file."""


@asynccontextmanager
async def open_runner(order: WorkspaceOrder) -> AsyncIterator[PythonRunner]:
    """Yield a runner in a new workspace, which is removed at the end.

    Raises:
        CannotIsolate: The required sandbox is not available here.
        CannotPrepare: The interpreter cannot run tests, or there is not enough space.
        UsageFailure: The interpreter given by the user does not exist.
        CannotRun: The sandbox could not start a process.
    """
    async with open_workspace(order) as workspace:
        yield PythonRunner(
            workspace=workspace,
            settings=order.settings,
            requires=requires_python(order.head, order.repository.project),
            environment=order.environment,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonRunner(TestRunner):
    """Runs tests of Python with pytest.

    Attributes:
        workspace: Where they run.
        settings: The settings of the order.
        requires: Version specifier of the project, for example `>=3.10`; empty if not declared.
        environment: Environment variables of the bot; PATH is searched for another interpreter.
    """

    workspace: PythonWorkspace
    settings: VerificationSettings = field(default_factory=VerificationSettings)
    requires: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def records_calls(self) -> bool:
        """See `TestRunner.records_calls`."""
        return True

    @property
    def runtime(self) -> str:
        """See `TestRunner.runtime`."""
        return "Python {}.{}".format(*self.workspace.interpreter.version)

    @property
    def program(self) -> Path:
        """See `TestRunner.program`."""
        return self.workspace.interpreter.path

    def head_settings(self, runs: int) -> tuple[PythonSetting, ...]:
        """See `TestRunner.head_settings`."""
        return head_settings(
            runs,
            other_python=self.workspace.other is not None,
            other_locale=self.workspace.interpreter.locale,
        )

    def base_settings(self, runs: int) -> tuple[PythonSetting, ...]:
        """See `TestRunner.base_settings`."""
        return base_settings(runs)

    def watched_setting(self) -> PythonSetting:
        """See `TestRunner.watched_setting`."""
        return WATCHED

    def settings_in_file(self) -> tuple[PythonSetting, ...]:
        """See `TestRunner.settings_in_file`."""
        in_file = (replace(PLAIN, in_project_session=True), replace(ON_BASE, in_project_session=True))
        return in_file if self.workspace.base is not None else in_file[:1]

    def words(self, setting: RunSetting, done: frozenset[str]) -> tuple[str, ...]:
        """See `TestRunner.words`."""
        other = self.workspace.other
        return words_of(_python(setting), done, None if other is None else other.interpreter.version)

    def session(self, done: frozenset[str]) -> str:
        """See `TestRunner.session`."""
        return words_of_session(done)

    def on_copy(self, head: ProjectCopy) -> PythonRunner:
        """See `TestRunner.on_copy`."""
        return replace(self, workspace=replace(self.workspace, head=head, base=None, other=None))

    async def broadened(self, members: Sequence[Member]) -> PythonRunner:
        """Look for another interpreter if a run would use it; see `TestRunner.broadened`."""
        locale = self.workspace.interpreter.locale
        settings = head_settings(self.settings.runs, other_python=True, other_locale=locale)
        setting = next((one for one in settings if one.other_python), None)
        if setting is None:
            return self
        order = OtherPythonOrder(
            environment=self.environment,
            requires=self.requires,
            modules=sorted({member.module for member in members}),
            setting=setting,
        )
        return replace(self, workspace=await with_other_python(self.workspace, order))

    async def not_loading(self, members: Sequence[Member]) -> Mapping[str, str]:
        """Import the members' modules; see `TestRunner.not_loading`."""
        return await members_that_do_not_load(self.workspace, members, self.settings)

    async def run(self, setting: RunSetting, jobs: Sequence[TestJob]) -> Mapping[int, JobResult]:
        """See `TestRunner.run`.

        Another interpreter has other lines and arcs for the same code, so runs on it are not traced. A module
        that cannot be imported in locale C because of an encoding error is run again in UTF-8: it is not the
        test's fault if the project reads its own files at import. Nor is it if the project's session cannot
        be set up in that locale or folder, at another time or on another interpreter, nor if the tests of its
        file only pass in the project's folder. If a function hangs in a fork, all are run again in one
        process, because a library may have started threads, which a fork lacks.
        """
        asked = _python(setting)
        is_other = asked.other_python and self.workspace.other is not None
        if asked.on_base or asked.own_calls or is_other:
            jobs = [replace(job, traced=None) for job in jobs]
        results = await run_jobs(self.workspace, asked, jobs)
        usual = replace(asked, locale=UTF_8, instant=None, other_python=False, place="")
        lost = [job for job in jobs if usual != asked and _is_lost(job, asked, results[job.number])]
        again = await run_jobs(self.workspace, usual, lost)
        results |= {at: replace(one, done=one.done | {AS_USUAL}) for at, one in again.items()}
        if asked.place:
            results |= await self._in_projects_folder(asked, jobs, results)
        hanging = [job for job in jobs if asked.apart and _hangs(results[job.number])]
        again = await run_jobs(self.workspace, replace(asked, apart=False), hanging)
        return {**results, **{at: replace(one, done=one.done | {TOGETHER}) for at, one in again.items()}}

    async def _in_projects_folder(
        self, asked: PythonSetting, jobs: Sequence[TestJob], results: Mapping[int, JobResult]
    ) -> Mapping[int, JobResult]:
        """Run failing jobs again in the project's folder if tests of their file fail in another one, too."""
        usual = replace(asked, place="")
        failing = [job for job in jobs if job.in_project and FAILED in _statuses(results[job.number])]
        own = [replace(job, code=text, traced=None) for job in failing if (text := self._text_on_head(job))]
        there, elsewhere = [await run_jobs(self.workspace, setting, own) for setting in (usual, asked)]
        bound = {
            job.number
            for job in own
            for name, one in there[job.number].functions.items()
            if one.status == PASSED and elsewhere[job.number].functions.get(name, one).status == FAILED
        }
        again = await run_jobs(self.workspace, usual, [job for job in failing if job.number in bound])
        return {at: replace(one, done=one.done | {IN_PROJECTS_FOLDER}) for at, one in again.items()}

    def _text_on_head(self, job: TestJob) -> str:
        """Return the text of a job's test file on head; empty if there is none."""
        file = self.workspace.head.root / (job.test_path or "")
        return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""

    async def run_changed(self, jobs: Sequence[TestJob]) -> Mapping[int, JobResult]:
        """See `TestRunner.run_changed`.

        If all tests pass with the member removed, exchanging its code may have had no effect, for example
        below a decorator that compiles its function again. If none can be run, they may hang in a fork. The
        changes are then made to the module's file, in a copy of the project, and a process of its own loads
        each.
        """
        results = await run_jobs(self.workspace, MUTANTS, jobs)
        removed = {job.number: _statuses_if_removed(job, results[job.number]) for job in jobs}
        doubtful = [
            replace(job, seconds=_TIMES_AS_LONG_IN_FILE * job.seconds)
            for job in jobs
            if (statuses := removed[job.number]) is not None and all(one == PASSED for one in statuses)
        ]
        in_file = await run_jobs(self.workspace, MUTANTS_IN_FILE, doubtful)
        known = {number: one for number, one in in_file.items() if removed[number] or one.acts}
        return {**results, **{number: replace(one, in_file=True) for number, one in known.items()}}

    async def trouble_in_framework(self, code: str, seconds: float, test_path: str | None = None) -> str:
        """Run a module under unittest; see `TestRunner.trouble_in_framework`."""
        found = await trouble_under_unittest(self.workspace, code, seconds, test_path)
        return f"does not pass under `python -m unittest`: {found}" if found else ""

    async def own_tests(
        self,
        members: Sequence[Member],
        settings: VerificationSettings,
        measurements: Measurements,
        others_until: float | None = None,
    ) -> OwnSuite:
        """See `TestRunner.own_tests`."""
        return await measure_project_tests(self.workspace, members, settings, measurements, others_until)

    async def own_on_base(
        self,
        suite: OwnSuite,
        members: Sequence[Member],
        seconds: float,
        others_until: float | None = None,
    ) -> OwnSuite:
        """See `TestRunner.own_on_base`."""
        return await with_base(self.workspace, suite, members, seconds, others_until)

    async def own_whole(self, paths: Sequence[str], settings: VerificationSettings) -> WholeSuite:
        """See `TestRunner.own_whole`."""
        return await measure_whole_suite(self.workspace, paths, settings)

    async def own_changed(
        self, changed: Mapping[str, ChangedModules], seconds: float
    ) -> Mapping[str, Mapping[int, bool]]:
        """See `TestRunner.own_changed`."""
        return await changes_noticed(self.workspace, changed, seconds)

    async def audit_runs(self, functions: Collection[str], seconds: float, suite: OwnSuite) -> AuditRuns:
        """See `TestRunner.audit_runs`."""
        return await run_audited(self.workspace, functions, seconds, suite)

    async def audit_mutants(
        self,
        changed: Mapping[str, ChangedModules],
        functions: Mapping[int, Collection[str]],
        seconds: float,
    ) -> AuditedMutants:
        """See `TestRunner.audit_mutants`."""
        return await try_audited(self.workspace, changed, functions, seconds)

    async def own_not_loading(self, files: Collection[str], seconds: float) -> Mapping[str, str]:
        """See `TestRunner.own_not_loading`."""
        return await files_not_loaded(self.workspace, files, seconds)


def _python(setting: RunSetting) -> PythonSetting:
    if not isinstance(setting, PythonSetting):
        raise TypeError(f"{setting} is not a setting of Python")
    return setting


def _hangs(result: JobResult) -> bool:
    """Return whether a function exceeded its time limit."""
    return any(one.status == TIMED_OUT for one in result.functions.values())


def _is_lost(job: TestJob, setting: PythonSetting, result: JobResult) -> bool:
    """Return whether a setting kept a job from running, and not the job itself."""
    if job.in_project and result.is_fault:
        return True
    errors = ("UnicodeDecodeError", "UnicodeEncodeError")
    is_unreadable = not result.functions and any(error in result.problem for error in errors)
    return setting.locale == "C" and is_unreadable


def _statuses(result: JobResult) -> Collection[str]:
    return [one.status for one in result.functions.values()]


def _statuses_if_removed(job: TestJob, result: JobResult) -> Collection[str] | None:
    """Return the statuses of the tests with the member removed; empty if they could not be run.

    It is None if the job does not remove the member.
    """
    direct = None if job.changed is None else job.changed.direct
    return None if direct is None else result.changed.get(direct[2], {}).values()
