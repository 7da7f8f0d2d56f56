"""Run test functions of the project for an audit: several times on head, on base, and against mutants."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from testsmith.execution.audit_runs import AuditedMutants, AuditedRun, AuditRun, AuditRuns, WithoutProject
from testsmith.execution.jobs import FAILED, PASSED, SKIPPED, ChangedModules
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.execution.steps import StepResult
from testsmith.languages.go.running.builds import Build, Built
from testsmith.languages.go.running.coverage_profile import lines_run, read_profile
from testsmith.languages.go.running.project_tests.baseline import ProjectTests
from testsmith.languages.go.running.project_tests.own_files import GoTest, own_tests_of, text_at
from testsmith.languages.go.running.test_output import function_result
from testsmith.languages.go.running.workspace import folder_of, module_folder, module_path
from testsmith.tasks import in_thread

_TRACED = ("each function in its own process",)
_VARIED = {"TZ": "America/New_York", "GOMAXPROCS": "1"}
_WORDS = ("no other test", "time zone America/New_York", "GOMAXPROCS 1")
_BUDGET = "all"

_Share = list[tuple[GoTest | None, Built]]


@dataclass(frozen=True, slots=True)
class AuditedTests:
    """Test functions of the project under audit.

    Attributes:
        tests: The project's tests.
    """

    tests: ProjectTests

    async def runs(self, functions: Collection[str], seconds: float) -> AuditRuns:
        """Run test functions; see `TestRunner.audit_runs`.

        Raises:
            CannotRun: The sandbox could not start a process.
        """
        head, base = self.tests.workspace.head, self.tests.workspace.base
        share, broken = await self._on_head(functions, traced=True)
        outcome = await self.tests.run_share(head, share, seconds, profiles=True)
        results = [(test, outcome.results.get(number)) for number, (test, _) in enumerate(share)]
        loaded = {
            built.working_folder: result.profile or ""
            for (test, built), (_, result) in zip(share, results, strict=True)
            if test is None and result is not None
        }
        ran = {}
        for (test, built), (_, result) in zip(share, results, strict=True):
            if test is not None and result is not None:
                run = _run(test, result)
                lines = await in_thread(self._lines, test, result, loaded.get(built.working_folder, ""))
                ran[test.id] = replace(run, lines=lines, is_traced=result.profile is not None)
        on_head = AuditRun(words=_TRACED, functions=ran, broken=broken, trouble=outcome.trouble)
        on_base = None if base is None else await self._on_base(functions, seconds)
        return AuditRuns(head=(on_head,), base=on_base)

    async def mutants(
        self,
        changed: Mapping[str, ChangedModules],
        functions: Mapping[int, Collection[str]],
        seconds: float,
    ) -> AuditedMutants:
        """Run tests against mutants, and each function by itself; see `TestRunner.audit_mutants`."""
        killed = await self.tests.changed(changed, seconds)
        wanted = {test for tests in functions.values() for test in tests}
        alone = await self._alone(wanted, seconds)
        return AuditedMutants(
            killed={(path, number): fails for path, of in killed.items() for number, fails in of.items()},
            functions={
                number: WithoutProject(alone=_together([alone.get(test, "") for test in tests]), words=_WORDS)
                for number, tests in functions.items()
            },
        )

    async def _on_head(self, functions: Collection[str], *, traced: bool) -> tuple[_Share, dict[str, str]]:
        """Build the packages of functions; return the functions to run, and why files do not compile."""
        head = self.tests.workspace.head
        packages = sorted({folder_of(one) for one in functions})
        orders = [
            Build(copy=head, package=one, covered=self._covered(one) if traced else ()) for one in packages
        ]
        share: _Share = []
        broken: dict[str, str] = {}
        for order, built in zip(orders, await self.tests.builder.build(orders), strict=True):
            files = {one.partition("::")[0] for one in functions if folder_of(one) == order.package}
            if built.binary is None:
                broken |= dict.fromkeys(files, built.trouble)
                continue
            own = await in_thread(own_tests_of, head, order.package)
            share += [(None, built)] if traced else []
            share += [(test, built) for test in own if test.id in functions]
        return share, broken

    def _covered(self, package: str) -> tuple[str, ...]:
        """Return all packages of a package's module, as a pattern."""
        module = module_folder(self.tests.workspace.head.root, package) or ""
        return (f"{module}/...".lstrip("/"),)

    def _lines(self, test: GoTest, result: StepResult, loaded: str) -> dict[str, frozenset[int]]:
        """Return the lines that a test reached, by path."""
        head = self.tests.workspace.head
        module = module_folder(head.root, test.package) or ""
        prefix = f"{module_path(head, module)}/"
        counts, less = read_profile(result.profile or ""), read_profile(loaded)
        names = {block.file for block, count in counts.items() if count > less.get(block, 0)}
        found = {}
        for name in names:
            path = str(PurePosixPath(module, name.removeprefix(prefix)))
            if name.startswith(prefix) and ".." not in PurePosixPath(path).parts:
                found[path] = lines_run(counts, name, text_at(head.root / path), less)
        return found

    async def _on_base(self, functions: Collection[str], seconds: float) -> AuditRun | None:
        base = self.tests.workspace.base
        if base is None:
            return None
        ran: dict[str, AuditedRun] = {}
        try:
            for package in sorted({folder_of(one) for one in functions}):
                built, lost = await self.tests.built_on_base(base, package)
                ran |= {
                    one: AuditedRun(status=FAILED, message=f"it does not compile there: {why}")
                    for one, why in lost.items()
                    if one in functions
                }
                own = await in_thread(own_tests_of, self.tests.workspace.head, package)
                share: _Share = [(one, built) for one in own if one.id in functions and one.id not in lost]
                if built.binary is None:
                    continue
                outcome = await self.tests.run_share(base, share, seconds, profiles=False)
                for number, (test, _) in enumerate(share):
                    result = outcome.results.get(number)
                    if test is not None and result is not None:
                        ran[test.id] = _run(test, result)
        except CannotRun:
            return None
        return AuditRun(functions=ran)

    async def _alone(self, functions: Collection[str], seconds: float) -> dict[str, str]:
        """Return how functions end in a process of their own under other conditions; passed or failed."""
        head = self.tests.workspace.head
        share, _ = await self._on_head(functions, traced=False)
        outcome = await self.tests.run_share(head, share, seconds, profiles=False, variables=_VARIED)
        found = {}
        for number, (test, _) in enumerate(share):
            result = outcome.results.get(number)
            if test is not None and result is not None:
                status = _run(test, result).status
                found[test.id] = status if status in {PASSED, SKIPPED} else FAILED
        return found


def _run(test: GoTest, result: StepResult) -> AuditedRun:
    found = function_result(test.name, result, {test.path.rpartition("/")[2]})
    return AuditedRun(
        status=found.status,
        message=found.message,
        wants_network=found.wants_network,
        seconds=result.seconds,
        tests=frozenset({test.id}),
    )


def _together(statuses: Sequence[str]) -> str:
    """Return how the tests of a function ended together; empty if that is not known of all."""
    if not statuses or "" in statuses:
        return ""
    return next((one for one in (FAILED, SKIPPED) if one in statuses), PASSED)
