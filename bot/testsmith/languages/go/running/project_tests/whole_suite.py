"""Run all of the project's tests, a process for each package, and measure the coverage of whole files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from testsmith.execution.baseline import FileCoverage, FileReach, WholeSuite
from testsmith.execution.jobs import FAILED
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.execution.steps import Plan, Step, StepResult
from testsmith.execution.workspace import remove_folder
from testsmith.languages.go.running.builds import Build, Builder, Built
from testsmith.languages.go.running.coverage_profile import Block, lines_run, read_profile
from testsmith.languages.go.running.module_runs import profile_name, run_root
from testsmith.languages.go.running.project_tests.own_files import own_tests_of, test_packages, text_at
from testsmith.languages.go.running.steps import run_steps
from testsmith.languages.go.running.test_output import TEST_ARGUMENTS, endings
from testsmith.languages.go.running.workspace import GoWorkspace, folder_of, module_folder, test_variables
from testsmith.settings import VerificationSettings
from testsmith.tasks import in_thread

_MOST_PACKAGES = 200
_BUDGET = "all"


@dataclass(frozen=True, slots=True)
class WholeGoSuite:
    """All tests of the project.

    Attributes:
        workspace: Where they run.
        builder: Builds test binaries.
    """

    workspace: GoWorkspace
    builder: Builder

    async def measure(self, paths: Sequence[str], settings: VerificationSettings) -> WholeSuite:
        """Run them, and return their coverage of some source files."""
        if settings.suite_seconds <= 0:
            return WholeSuite(notes=("the project's tests were not run: suite-seconds is 0",))
        head = self.workspace.head
        found = await in_thread(lambda: [folder for folder, _ in test_packages(head.root)])
        packages = found[:_MOST_PACKAGES]
        orders = [
            Build(copy=head, package=package, covered=self._covered(package, paths)) for package in packages
        ]
        try:
            built = await self.builder.build(orders)
            results = await self._run(built, settings.suite_seconds)
        except (CannotRun, OSError) as error:
            return WholeSuite(notes=(f"the project's tests were not run: {error}",))
        return await in_thread(self._suite, paths, dict(zip(packages, results, strict=True)), found)

    async def not_loading(self, files: Collection[str]) -> dict[str, str]:
        """Return the test files that do not compile, with the reasons.

        Raises:
            CannotRun: The sandbox could not start a process.
        """
        packages = sorted({folder_of(file) for file in files})
        orders = [Build(copy=self.workspace.head, package=package) for package in packages]
        reasons: dict[str, str] = {}
        for package, built in zip(packages, await self.builder.build(orders), strict=True):
            of_package = [file for file in files if folder_of(file) == package]
            named = {error.file: error.message for error in built.errors}
            for file in of_package:
                name = file.rpartition("/")[2]
                if built.binary is None and (name in named or not named):
                    reasons[file] = named.get(name) or built.trouble
        return reasons

    def _covered(self, package: str, paths: Sequence[str]) -> tuple[str, ...]:
        root = self.workspace.head.root
        module = module_folder(root, package)
        folders = sorted({folder_of(path) for path in paths})
        return tuple(folder for folder in folders if module_folder(root, folder) == module)

    async def _run(self, built: Sequence[Built], seconds: float) -> list[StepResult | None]:
        """Run the tests of each package in a writable copy; None for those that did not run."""
        workspace = self.workspace
        folder = workspace.new_folder("whole")
        try:
            root = await in_thread(run_root, workspace.head, folder)
            steps = [
                Step(
                    number=number,
                    argv=(str(one.binary), *TEST_ARGUMENTS, f"-test.coverprofile={folder}/profile"),
                    variables=test_variables(workspace.toolchain, folder),
                    folder=root / one.working_folder.relative_to(workspace.head.root),
                    seconds=seconds,
                    budget=_BUDGET,
                    profile=folder / "profile",
                )
                for number, one in enumerate(built)
                if one.binary is not None
            ]
            binaries = sorted({one.binary.parent for one in built if one.binary is not None})
            readable = (*binaries, workspace.head.root, workspace.toolchain.root / "lib")
            plan = Plan(steps=steps, budgets={_BUDGET: seconds}, folder=folder, readable=readable)
            outcome = await run_steps(workspace, plan)
        finally:
            await in_thread(remove_folder, folder)
        return [outcome.results.get(number) for number in range(len(built))]

    def _suite(
        self, paths: Sequence[str], results: Mapping[str, StepResult | None], found: Sequence[str]
    ) -> WholeSuite:
        head = self.workspace.head
        counts: dict[Block, int] = {}
        failed: set[str] = set()
        unmeasured = [package for package in found if package not in results]
        for package, result in results.items():
            if result is None or result.profile is None:
                unmeasured.append(package)
                continue
            for block, count in read_profile(result.profile).items():
                counts[block] = counts.get(block, 0) + count
            ended = endings(result.output)
            failed |= {test.id for test in own_tests_of(head, package) if ended.get(test.name) == FAILED}
        everything = dict.fromkeys(counts, 1)
        files = {}
        for path in paths:
            name, source = profile_name(head, path), text_at(head.root / path)
            hit = lines_run(counts, name, source, {})
            missed = lines_run(everything, name, source, {}) - hit
            if hit:
                files[path] = FileReach(FileCoverage(hit=set(hit), missed=set(missed)))
        named = ", ".join(package or "the root" for package in unmeasured[:5])
        note = f"the tests of some packages were not measured: {named}"
        return WholeSuite(
            files=files,
            is_known=bool(counts) or not found,
            failed=frozenset(failed) if not unmeasured else None,
            notes=(note,) if unmeasured else (),
        )
