"""Interface of a runner, which runs the tests of one language in one workspace.

Methods that are not abstract have defaults for a language that cannot do it. Nothing is claimed then.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from testsmith.execution.audit_runs import AuditedMutants, AuditRuns
from testsmith.execution.baseline import OwnSuite, WholeSuite
from testsmith.execution.jobs import ChangedModules, JobResult, RunSetting, TestJob
from testsmith.execution.measurements import Measurements
from testsmith.execution.workspace import ProjectCopy, Workspace
from testsmith.languages.tests import UnformattedModule
from testsmith.model import Member
from testsmith.settings import VerificationSettings


class TestRunner(ABC):
    """Runs tests of one language.

    Attributes:
        workspace: Where they run.
    """

    __test__ = False

    workspace: Workspace

    @property
    def runtime(self) -> str:
        """What runs the tests, such as `Python 3.12`; empty if that says nothing about them."""
        return ""

    @property
    def program(self) -> Path | None:
        """The program that runs the tests; None if that says nothing about them."""
        return None

    @property
    def records_calls(self) -> bool:
        """Whether it records the calls of the members in `TestJob.recorded`."""
        return False

    @abstractmethod
    def head_settings(self, runs: int) -> tuple[RunSetting, ...]:
        """Return the settings of the runs on head, most informative first.

        Each varies several conditions that a test must not depend on, so that a few runs cover all of them.
        """

    @abstractmethod
    def base_settings(self, runs: int) -> tuple[RunSetting, ...]:
        """Return the settings of the runs on base, at least one."""

    @abstractmethod
    def watched_setting(self) -> RunSetting:
        """Return the setting of a run that reports `JobResult.idle`."""

    def settings_in_file(self) -> tuple[RunSetting, ...]:
        """Return the settings of a run in the project's own test file on head, and on base if there is one.

        By default there are none: nothing is run there.
        """
        return ()

    @abstractmethod
    def words(self, setting: RunSetting, done: frozenset[str]) -> tuple[str, ...]:
        """Return what is special about a run, in a few words each: `hash seed 2`, `locale C`.

        Args:
            setting: The requested setting.
            done: How the tests were actually run; see `JobResult.done`.
        """

    def session(self, done: frozenset[str]) -> str:  # noqa: ARG002
        """Return the words that say that a run had the project's own tests or their setup; empty without.

        Args:
            done: How the tests were actually run; see `JobResult.done`.
        """
        return ""

    @abstractmethod
    def on_copy(self, head: ProjectCopy) -> TestRunner:
        """Return a runner that uses another copy of head, without base."""

    async def broadened(self, members: Sequence[Member]) -> TestRunner:  # noqa: ARG002
        """Return a runner whose settings vary more, for example the interpreter, after searching for it.

        Args:
            members: Members that it must be able to load.
        """
        return self

    async def not_loading(self, members: Sequence[Member]) -> Mapping[str, str]:  # noqa: ARG002
        """Return why members cannot be loaded, by member id; empty if all can be.

        Raises:
            NotInstalled: Installing the project may help, and the settings offer that.
        """
        return {}

    async def formatted(self, modules: Sequence[UnformattedModule]) -> Sequence[str]:
        """Return test files as the formatter of the toolchain or the project writes them; by default, as is.

        What it returns is untrusted text: a project's formatter is code of the project.

        Raises:
            CannotRun: The sandbox could not start a process.
        """
        return [one.code for one in modules]

    @abstractmethod
    async def run(self, setting: RunSetting, jobs: Sequence[TestJob]) -> Mapping[int, JobResult]:
        """Run test modules under one setting, and return a result for each.

        Raises:
            CannotRun: The sandbox could not start a process.
        """

    @abstractmethod
    async def run_changed(self, jobs: Sequence[TestJob]) -> Mapping[int, JobResult]:
        """Run test modules against the mutants in `TestJob.changed`, and return a result for each.

        Raises:
            CannotRun: The sandbox could not start a process.
        """

    async def trouble_in_framework(
        self,
        code: str,  # noqa: ARG002
        seconds: float,  # noqa: ARG002
        test_path: str | None = None,  # noqa: ARG002
    ) -> str:
        """Return why a test module converted to another framework does not pass under it; empty if it does.

        Args:
            code: The module.
            seconds: Time limit.
            test_path: Test file that it needs to be next to, in a copy of the project; None for any place.

        Raises:
            CannotRun: The sandbox could not start a process.
        """
        return "cannot be run under its test framework"

    async def own_tests(
        self,
        members: Sequence[Member],  # noqa: ARG002
        settings: VerificationSettings,  # noqa: ARG002
        measurements: Measurements,  # noqa: ARG002
        others_until: float | None = None,  # noqa: ARG002
    ) -> OwnSuite:
        """Run the project's own tests once, and return what they reach of the members.

        Args:
            members: Members to measure.
            settings: Time limit, or the coverage file to read instead.
            measurements: Cache of baselines.
            others_until: Seconds after which a language need not begin a test in a file that does not seem
                to be about the members; None for no such limit.
        """
        return OwnSuite()

    async def own_on_base(
        self,
        suite: OwnSuite,
        members: Sequence[Member],  # noqa: ARG002
        seconds: float,  # noqa: ARG002
        others_until: float | None = None,  # noqa: ARG002
    ) -> OwnSuite:
        """Run the project's own tests on base's source, and return the baseline with the results.

        These are the tests that reach a member and those in test files that the change adds or edits.

        Args:
            suite: Baseline of head.
            members: The measured members.
            seconds: Time limit for all tests.
            others_until: Seconds after which a language need not begin a test in a file that the change
                neither adds nor edits; None for no such limit.
        """
        return suite

    async def own_whole(
        self,
        paths: Sequence[str],  # noqa: ARG002
        settings: VerificationSettings,  # noqa: ARG002
    ) -> WholeSuite:
        """Run the project's own tests, and return their coverage of whole files."""
        return WholeSuite()

    async def own_changed(
        self,
        changed: Mapping[str, ChangedModules],  # noqa: ARG002
        seconds: float,  # noqa: ARG002
    ) -> Mapping[str, Mapping[int, bool]]:
        """Run the project's own tests against mutants of members; return whether each was killed, by number.

        Mutants that were not tried in time, or whose tests fail without them, are left out.

        Args:
            changed: Mutants by member id. Their `tests` are ids of the project's tests.
            seconds: Time limit for all mutants.

        Raises:
            CannotRun: The sandbox could not start a process.
        """
        return {}

    async def own_not_loading(
        self,
        files: Collection[str],  # noqa: ARG002
        seconds: float,  # noqa: ARG002
    ) -> Mapping[str, str]:
        """Return the project's test files that cannot be loaded, with the reasons.

        Raises:
            CannotRun: The sandbox could not start a process.
        """
        return {}

    async def audit_runs(
        self,
        functions: Collection[str],  # noqa: ARG002
        seconds: float,  # noqa: ARG002
        suite: OwnSuite,  # noqa: ARG002
    ) -> AuditRuns:
        """Run test functions of the project under several settings on head, and on base if there is one.

        Args:
            functions: The functions, see `audit_runs`.
            seconds: Time limit for each run.
            suite: Measurements of the project's tests: what ended on base is not run there again.

        Raises:
            CannotRun: The sandbox could not start a process.
        """
        return AuditRuns()

    async def audit_mutants(
        self,
        changed: Mapping[str, ChangedModules],  # noqa: ARG002
        functions: Mapping[int, Collection[str]],  # noqa: ARG002
        seconds: float,  # noqa: ARG002
    ) -> AuditedMutants:
        """Run tests of the project against mutants, and test functions without the project.

        Args:
            changed: Mutants by file. Their `tests` are ids of the project's tests.
            functions: Ids of the tests of each audited function, by its number.
            seconds: Time limit for everything.
        """
        return AuditedMutants()
