"""Run tests of Go; see `testsmith.execution.runner.TestRunner` for the methods."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from testsmith.execution.audit_runs import AuditedMutants, AuditRuns
from testsmith.execution.baseline import OwnSuite, WholeSuite
from testsmith.execution.jobs import ChangedModules, JobResult, RunSetting, TestJob
from testsmith.execution.measurements import Measurements
from testsmith.execution.runner import TestRunner
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.execution.workspace import NotInstalled, ProjectCopy, WorkspaceOrder
from testsmith.languages.go.running.builds import Builder
from testsmith.languages.go.running.module_builds import ModuleBuilds
from testsmith.languages.go.running.module_runs import run_modules
from testsmith.languages.go.running.mutant_runs import MutantRuns, run_changed_modules
from testsmith.languages.go.running.project_tests.audited import AuditedTests
from testsmith.languages.go.running.project_tests.baseline import ProjectTests
from testsmith.languages.go.running.project_tests.whole_suite import WholeGoSuite
from testsmith.languages.go.running.run_settings import (
    IN_FILE,
    WATCHED,
    GoSetting,
    base_settings,
    head_settings,
    words_of,
    words_of_session,
)
from testsmith.languages.go.running.workspace import GoWorkspace, folder_of
from testsmith.languages.go.running.workspace_builder import open_workspace
from testsmith.languages.tests import TestFiles, UnformattedModule
from testsmith.model import Member
from testsmith.settings import VerificationSettings

_MISSING_MODULES = (
    "no required module provides",
    "missing go.sum entry",
    "module lookup disabled",
    "go mod ",
)


@asynccontextmanager
async def open_runner(order: WorkspaceOrder, tests: TestFiles) -> AsyncIterator[GoRunner]:
    """Yield a runner in a new workspace, which is removed at the end.

    Raises:
        CannotIsolate: The required sandbox is not available here.
        CannotPrepare: No available Go compiles the project, or space is short.
        UsageFailure: The Go given by the user does not exist.
        CannotRun: The sandbox could not start a process.
    """
    async with open_workspace(order) as workspace:
        yield GoRunner(workspace=workspace, tests=tests, settings=order.settings, builder=Builder(workspace))


@dataclass(frozen=True, eq=False)
class GoRunner(TestRunner):
    """Runs tests of Go as `go test` does: a binary for each package, and here a process for each test.

    Attributes:
        workspace: Where they run.
        tests: Cuts test files.
        settings: The settings of the order.
        builder: Builds test binaries, also for runners on other copies.
    """

    workspace: GoWorkspace
    tests: TestFiles
    settings: VerificationSettings
    builder: Builder
    builds: ModuleBuilds = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "builds", ModuleBuilds(self.builder, self.tests))

    @property
    def runtime(self) -> str:
        """See `TestRunner.runtime`."""
        return f"Go {self.workspace.toolchain.version}"

    @property
    def program(self) -> Path:
        """See `TestRunner.program`."""
        return self.workspace.toolchain.program

    def head_settings(self, runs: int) -> tuple[GoSetting, ...]:
        """See `TestRunner.head_settings`."""
        return head_settings(runs)

    def base_settings(self, runs: int) -> tuple[GoSetting, ...]:
        """See `TestRunner.base_settings`."""
        return base_settings(runs)

    def watched_setting(self) -> GoSetting:
        """See `TestRunner.watched_setting`."""
        return WATCHED

    def settings_in_file(self) -> tuple[GoSetting, ...]:
        """See `TestRunner.settings_in_file`."""
        in_file = (IN_FILE, replace(IN_FILE, on_base=True))
        return in_file if self.workspace.base is not None else in_file[:1]

    def words(self, setting: RunSetting, done: frozenset[str]) -> tuple[str, ...]:
        """See `TestRunner.words`."""
        return words_of(_go(setting), done)

    def session(self, done: frozenset[str]) -> str:
        """See `TestRunner.session`."""
        return words_of_session(done)

    def on_copy(self, head: ProjectCopy) -> GoRunner:
        """See `TestRunner.on_copy`."""
        workspace = replace(self.workspace, head=head, base=None)
        return replace(self, workspace=workspace)

    async def not_loading(self, members: Sequence[Member]) -> Mapping[str, str]:
        """Compile the members' packages; see `TestRunner.not_loading`."""
        folders = sorted({folder_of(member.path) for member in members})
        troubles = await self.builder.compile(self.workspace.head, folders)
        for trouble in troubles.values():
            is_fixable = any(words in trouble for words in _MISSING_MODULES)
            if is_fixable and self.settings.offer_install:
                raise NotInstalled(f"could not compile the project ({trouble.splitlines()[0]}).")
        reasons = {}
        for member in members:
            if trouble := troubles.get(folder_of(member.path), ""):
                place = folder_of(member.path) or "the package"
                reasons[member.id] = f"could not compile {place} ({trouble.splitlines()[0]})"
        return reasons

    async def formatted(self, modules: Sequence[UnformattedModule]) -> Sequence[str]:
        """Return test files as `gofmt` formats them; see `TestRunner.formatted`."""
        return await self.builder.formatted([one.code for one in modules])

    async def run(self, setting: RunSetting, jobs: Sequence[TestJob]) -> Mapping[int, JobResult]:
        """See `TestRunner.run`."""
        asked = _go(setting)
        copy = self.workspace.base if asked.on_base else self.workspace.head
        if copy is None:
            raise CannotRun("There is no base to run tests on.")
        modules = await self.builds.of(copy, jobs, is_base=asked.on_base, in_file=asked.in_file)
        if asked.watched:
            modules = await self.builds.watched(copy, modules)
        return await run_modules(self.workspace, asked, copy, list(zip(jobs, modules, strict=True)))

    async def run_changed(self, jobs: Sequence[TestJob]) -> Mapping[int, JobResult]:
        """See `TestRunner.run_changed`."""
        modules = await self.builds.of(self.workspace.head, jobs)
        return await run_changed_modules(MutantRuns(self.workspace, self.builder), modules, jobs)

    async def own_tests(
        self,
        members: Sequence[Member],
        settings: VerificationSettings,
        _measurements: Measurements,
        _others_until: float | None = None,
    ) -> OwnSuite:
        """See `TestRunner.own_tests`; they are quick, so they are measured in every run."""
        return await self._project_tests().measure(members, settings)

    async def own_on_base(
        self,
        suite: OwnSuite,
        _members: Sequence[Member],
        seconds: float,
        _others_until: float | None = None,
    ) -> OwnSuite:
        """See `TestRunner.own_on_base`."""
        return await self._project_tests().on_base(suite, seconds)

    async def own_changed(
        self, changed: Mapping[str, ChangedModules], seconds: float
    ) -> Mapping[str, Mapping[int, bool]]:
        """See `TestRunner.own_changed`."""
        return await self._project_tests().changed(changed, seconds)

    async def own_whole(self, paths: Sequence[str], settings: VerificationSettings) -> WholeSuite:
        """See `TestRunner.own_whole`."""
        return await WholeGoSuite(self.workspace, self.builder).measure(paths, settings)

    async def own_not_loading(self, files: Collection[str], _seconds: float) -> Mapping[str, str]:
        """See `TestRunner.own_not_loading`."""
        return await WholeGoSuite(self.workspace, self.builder).not_loading(files)

    async def audit_runs(self, functions: Collection[str], seconds: float, _suite: OwnSuite) -> AuditRuns:
        """See `TestRunner.audit_runs`."""
        return await AuditedTests(self._project_tests()).runs(functions, seconds)

    async def audit_mutants(
        self,
        changed: Mapping[str, ChangedModules],
        functions: Mapping[int, Collection[str]],
        seconds: float,
    ) -> AuditedMutants:
        """See `TestRunner.audit_mutants`; whether tests pass without the project is not tried."""
        return await AuditedTests(self._project_tests()).mutants(changed, functions, seconds)

    def _project_tests(self) -> ProjectTests:
        return ProjectTests(self.workspace, self.builder, self.tests)


def _go(setting: RunSetting) -> GoSetting:
    if not isinstance(setting, GoSetting):
        raise TypeError(f"{setting} is not a setting of Go")
    return setting
