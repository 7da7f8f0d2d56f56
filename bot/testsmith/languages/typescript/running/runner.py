"""Run tests of TypeScript; see `testsmith.execution.runner.TestRunner` for the methods."""

from __future__ import annotations

import posixpath
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from testsmith.execution.baseline import OwnSuite, WholeSuite
from testsmith.execution.jobs import ChangedModules, JobResult, RunSetting, TestJob
from testsmith.execution.measurements import Measurements
from testsmith.execution.runner import TestRunner
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.execution.workspace import ProjectCopy, WorkspaceOrder
from testsmith.languages.tests import TestFiles, UnformattedModule
from testsmith.languages.typescript.running.formatting import formatted
from testsmith.languages.typescript.running.module_runs import run_modules
from testsmith.languages.typescript.running.mutant_runs import run_changed_modules
from testsmith.languages.typescript.running.processes import framework_of
from testsmith.languages.typescript.running.project_tests.baseline import OwnTestFiles
from testsmith.languages.typescript.running.project_tests.own_files import run_files, text_at
from testsmith.languages.typescript.running.project_tests.whole_suite import whole_suite
from testsmith.languages.typescript.running.run_settings import (
    IN_FILE,
    WATCHED,
    TypeScriptSetting,
    base_settings,
    head_settings,
    words_of,
)
from testsmith.languages.typescript.running.workspace import TypeScriptWorkspace
from testsmith.languages.typescript.running.workspace_builder import open_workspace
from testsmith.model import Member
from testsmith.settings import VerificationSettings
from testsmith.tasks import in_thread


@asynccontextmanager
async def open_runner(order: WorkspaceOrder, tests: TestFiles) -> AsyncIterator[TypeScriptRunner]:
    """Yield a runner in a new workspace, which is removed at the end.

    Raises:
        CannotIsolate: The required sandbox is not available here.
        CannotPrepare: No available Node runs the project, or space is short.
        UsageFailure: The Node given by the user does not exist.
        CannotRun: The sandbox could not start a process.
    """
    async with open_workspace(order) as workspace:
        yield TypeScriptRunner(workspace=workspace, tests=tests, settings=order.settings)


@dataclass(frozen=True, eq=False)
class TypeScriptRunner(TestRunner):
    """Runs tests of TypeScript and JavaScript with the project's own framework.

    Attributes:
        workspace: Where they run.
        tests: Cuts test files.
        settings: The settings of the order.
    """

    workspace: TypeScriptWorkspace
    tests: TestFiles
    settings: VerificationSettings

    @property
    def runtime(self) -> str:
        """See `TestRunner.runtime`."""
        return f"Node {self.workspace.toolchain.version}"

    @property
    def program(self) -> Path:
        """See `TestRunner.program`."""
        return self.workspace.toolchain.program

    def head_settings(self, runs: int) -> tuple[TypeScriptSetting, ...]:
        """See `TestRunner.head_settings`."""
        return head_settings(runs)

    def base_settings(self, runs: int) -> tuple[TypeScriptSetting, ...]:
        """See `TestRunner.base_settings`."""
        return base_settings(runs)

    def watched_setting(self) -> TypeScriptSetting:
        """See `TestRunner.watched_setting`."""
        return WATCHED

    def settings_in_file(self) -> tuple[TypeScriptSetting, ...]:
        """See `TestRunner.settings_in_file`."""
        in_file = (IN_FILE, replace(IN_FILE, on_base=True))
        return in_file if self.workspace.base is not None else in_file[:1]

    def words(self, setting: RunSetting, done: frozenset[str]) -> tuple[str, ...]:
        """See `TestRunner.words`."""
        return words_of(_typescript(setting), done)

    def on_copy(self, head: ProjectCopy) -> TypeScriptRunner:
        """See `TestRunner.on_copy`."""
        return replace(self, workspace=replace(self.workspace, head=head, base=None))

    async def not_loading(self, members: Sequence[Member]) -> Mapping[str, str]:
        """Return the members whose test framework is not installed; see `TestRunner.not_loading`."""
        return await in_thread(self._without_framework, members)

    def _without_framework(self, members: Sequence[Member]) -> Mapping[str, str]:
        root = self.workspace.head.root
        folders = {posixpath.dirname(one.path): one.path for one in members}
        troubles = {
            folder: framework_of(self.workspace, root, path).trouble for folder, path in folders.items()
        }
        found = {one.id: troubles[posixpath.dirname(one.path)] for one in members}
        return {member: trouble for member, trouble in found.items() if trouble}

    async def formatted(self, modules: Sequence[UnformattedModule]) -> Sequence[str]:
        """Return test files as the project's formatter writes them; see `TestRunner.formatted`."""
        return await formatted(self.workspace, modules)

    async def run(self, setting: RunSetting, jobs: Sequence[TestJob]) -> Mapping[int, JobResult]:
        """See `TestRunner.run`."""
        asked = _typescript(setting)
        copy = self.workspace.base if asked.on_base else self.workspace.head
        if copy is None:
            raise CannotRun("There is no base to run tests on.")
        return await run_modules(self.workspace, asked, copy, jobs, self.tests)

    async def run_changed(self, jobs: Sequence[TestJob]) -> Mapping[int, JobResult]:
        """See `TestRunner.run_changed`."""
        return await run_changed_modules(self.workspace, jobs, self.tests)

    async def trouble_in_framework(
        self,
        code: str,  # noqa: ARG002
        seconds: float,  # noqa: ARG002
        test_path: str | None = None,  # noqa: ARG002
    ) -> str:
        """See `TestRunner.trouble_in_framework`: the project's framework has run them from the start."""
        return ""

    async def own_tests(
        self,
        members: Sequence[Member],
        settings: VerificationSettings,
        measurements: Measurements,
        _others_until: float | None = None,
    ) -> OwnSuite:
        """See `TestRunner.own_tests`."""
        return await self._project_tests().measure(members, settings, measurements)

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
        return await whole_suite(self.workspace, self.tests, paths, settings)

    async def own_not_loading(self, files: Collection[str], seconds: float) -> Mapping[str, str]:
        """See `TestRunner.own_not_loading`."""
        texts = {path: text_at(self.workspace.head.root / path) for path in files}
        return (await run_files(self.workspace, self.workspace.head, texts, seconds)).broken

    def _project_tests(self) -> OwnTestFiles:
        return OwnTestFiles(self.workspace, self.tests)


def _typescript(setting: RunSetting) -> TypeScriptSetting:
    if not isinstance(setting, TypeScriptSetting):
        raise TypeError(f"{setting} is not a setting of TypeScript")
    return setting
