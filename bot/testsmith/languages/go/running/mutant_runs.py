"""Run tests against mutants: all mutants of a file in one build, one process for each test and mutant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from testsmith.execution.jobs import PASSED, SKIPPED, ChangedModule, ChangedModules, JobResult, TestJob
from testsmith.execution.steps import Plan, Step, StepResult
from testsmith.execution.workspace import remove_folder
from testsmith.languages.go.running.builds import Build, Builder, Built
from testsmith.languages.go.running.module_builds import BuiltModule
from testsmith.languages.go.running.module_runs import run_root
from testsmith.languages.go.running.mutant_switch import (
    SUPPORT_FILE,
    VARIABLE,
    Switched,
    applied,
    mutants_in,
    switched,
)
from testsmith.languages.go.running.steps import run_steps
from testsmith.languages.go.running.test_names import pattern_of
from testsmith.languages.go.running.test_output import TEST_ARGUMENTS, function_result
from testsmith.languages.go.running.workspace import GoWorkspace, test_variables
from testsmith.languages.source import CannotParse
from testsmith.tasks import in_thread

_MOST_BUILDS = 4
_MOST_SINGLE = 5
"""Maximum number of mutants of one file that are built one by one."""

_LEAST_SECONDS, _TIMES_AS_LONG = 2.0, 10.0
"""A mutant that takes longer than both is killed: it may never end."""

_MOST_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A test binary to build with mutants.

    Attributes:
        package: Folder of its package, relative to the Git root.
        files: Texts of its other replaced files.
        changed: The mutants.
        budget: Name of the time limit, which other targets may share.
        seconds: Time limit for all runs with this name.
    """

    package: str
    files: Mapping[str, str | None]
    changed: ChangedModules
    budget: str
    seconds: float

    @property
    def budgets(self) -> dict[str, float]:
        """The time limits by name."""
        return {self.budget: self.seconds, **self.changed.own_budgets(self.budget)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _MutantBinary:
    """A test binary with mutants.

    Attributes:
        built: The binary.
        numbers: The mutants in it.
        is_switched: Whether a variable chooses one; otherwise it has only one, which is always active.
    """

    built: Built
    numbers: frozenset[int]
    is_switched: bool = True


@dataclass(frozen=True, slots=True)
class _Trial:
    """A process: a test function with a mutant of a target, or without one."""

    target: int
    binary: _MutantBinary
    name: str
    change: ChangedModule | None = None

    @property
    def program(self) -> tuple[str, ...]:
        return (str(self.binary.built.binary), *TEST_ARGUMENTS)

    @property
    def environment(self) -> dict[str, str]:
        return {VARIABLE: str(self.change.number)} if self.change and self.binary.is_switched else {}


class MutantRuns:
    """Runs tests on head against mutants.

    Args:
        workspace: The workspace.
        builder: Builds test binaries in it.
        copies: Whether tests run in a copy of the project that they may write to.
    """

    def __init__(self, workspace: GoWorkspace, builder: Builder, *, copies: bool = False) -> None:
        self._copies = copies
        self._workspace = workspace
        self._builder = builder

    async def run(self, targets: Sequence[Target]) -> list[dict[int, dict[str, str]]]:
        """Return the statuses of test functions for each mutant of each target that could be tried.

        A function that does not pass without a mutant has no status with one.

        Raises:
            CannotRun: The sandbox could not start a process.
        """
        binaries = await self._binaries(targets)
        plain = [
            _Trial(at, found[0], name)
            for at, found in enumerate(binaries)
            for name in sorted(_names(targets[at].changed))
            if found
        ]
        without = await self._results(targets, plain, {})
        seconds = {
            (trial.target, trial.name): max(_LEAST_SECONDS, _TIMES_AS_LONG * result.seconds)
            for trial, result in zip(plain, without, strict=True)
            if result is not None and _status(trial, result) == PASSED
        }
        trials = [
            _Trial(at, binary, name, change)
            for at, found in enumerate(binaries)
            for change, binary in _tried(targets[at].changed, found)
            for name in sorted(change.tests)
            if (at, name) in seconds
        ]
        results = await self._results(targets, trials, seconds)
        statuses: list[dict[int, dict[str, str]]] = [{} for _ in targets]
        for trial, result in zip(trials, results, strict=True):
            if result is not None and trial.change is not None:
                status = _status(trial, result)
                statuses[trial.target].setdefault(trial.change.number, {})[trial.name] = status
        return statuses

    async def _results(
        self, targets: Sequence[Target], trials: Sequence[_Trial], seconds: Mapping[tuple[int, str], float]
    ) -> list[StepResult | None]:
        """Run trials and return the result of each; None if it did not run to its end."""
        head = self._workspace.head
        folder = self._workspace.new_folder("mutants")
        root = await in_thread(run_root, head, folder) if self._copies and trials else head.root
        groups: dict[tuple[int, int], int] = {}
        steps = []
        for number, trial in enumerate(trials):
            change, budget = trial.change, targets[trial.target].budget
            group = None
            if change is not None and not change.whole:
                group = groups.setdefault((trial.target, change.number), len(groups))
            place = trial.binary.built.working_folder.relative_to(head.root)
            steps.append(
                Step(
                    number=number,
                    argv=(*trial.program, "-test.run", pattern_of([trial.name])),
                    variables={**test_variables(self._workspace.toolchain, folder), **trial.environment},
                    folder=root / place,
                    seconds=seconds.get((trial.target, trial.name), _MOST_SECONDS),
                    budget=budget if change is None else change.budget(budget),
                    group=group,
                )
            )
        binaries = {trial.binary.built.binary.parent for trial in trials if trial.binary.built.binary}
        plan = Plan(
            steps=steps,
            budgets={name: most for target in targets for name, most in target.budgets.items()},
            folder=folder,
            readable=(
                *sorted(binaries),
                self._workspace.head.root,
                self._workspace.toolchain.root / "lib",
            ),
        )
        try:
            outcome = await run_steps(self._workspace, plan)
        finally:
            await in_thread(remove_folder, folder)
        results = [outcome.results.get(number) for number in range(len(trials))]
        return [None if result is None or result.cut_short else result for result in results]

    async def _binaries(self, targets: Sequence[Target]) -> list[list[_MutantBinary]]:
        """Build one binary with all mutants of a target that can be switched, then one for each other."""
        without: dict[int, frozenset[int]] = {at: frozenset() for at in range(len(targets))}
        binaries: list[list[_MutantBinary]] = [[] for _ in targets]
        left: dict[int, frozenset[int]] = {}
        waiting = list(without)
        for _ in range(_MOST_BUILDS):
            switches = {at: _switched(targets[at].changed, without[at]) for at in waiting}
            orders = {at: self._order(targets[at], switch) for at, switch in switches.items() if switch}
            built = dict(zip(orders, await self._builder.build(list(orders.values())), strict=True))
            waiting = []
            for at, one in built.items():
                switch = switches[at]
                if switch is None:
                    continue
                left[at] = switch.left
                if one.binary is not None:
                    binaries[at] = [_MutantBinary(built=one, numbers=switch.numbers)]
                elif broken := mutants_in(one.trouble) & switch.numbers:
                    without[at] |= broken
                    waiting.append(at)
        await self._add_single(targets, binaries, left)
        return binaries

    async def _add_single(
        self,
        targets: Sequence[Target],
        binaries: Sequence[list[_MutantBinary]],
        left: Mapping[int, frozenset[int]],
    ) -> None:
        singles = [
            (at, change)
            for at, numbers in left.items()
            if binaries[at]
            for change in [one for one in targets[at].changed.changes if one.number in numbers][:_MOST_SINGLE]
        ]
        orders = []
        for at, change in singles:
            changed = targets[at].changed
            files = {**targets[at].files, changed.path: applied(changed.source, change)}
            orders.append(Build(copy=self._workspace.head, package=targets[at].package, files=files))
        for (at, change), built in zip(singles, await self._builder.build(orders), strict=True):
            if built.binary is not None:
                numbers = frozenset({change.number})
                binaries[at].append(_MutantBinary(built=built, numbers=numbers, is_switched=False))

    def _order(self, target: Target, switch: Switched) -> Build:
        path = PurePosixPath(target.changed.path)
        folder = "" if str(path.parent) == "." else f"{path.parent}/"
        files = {str(path): switch.text, f"{folder}{SUPPORT_FILE}": switch.support}
        return Build(copy=self._workspace.head, package=target.package, files={**target.files, **files})


async def run_changed_modules(
    mutants: MutantRuns, modules: Sequence[BuiltModule], jobs: Sequence[TestJob]
) -> dict[int, JobResult]:
    """Run test modules against the mutants in their jobs, and return a result for each.

    Raises:
        CannotRun: The sandbox could not start a process.
    """
    results = {
        job.number: JobResult(problem=module.trouble) for job, module in zip(jobs, modules, strict=True)
    }
    targets = {
        job.number: Target(
            package=module.package,
            files=module.texts,
            changed=job.changed,
            budget=str(job.number),
            seconds=job.seconds,
        )
        for job, module in zip(jobs, modules, strict=True)
        if job.changed is not None and module.built.binary is not None
    }
    found = await mutants.run(list(targets.values()))
    return results | {
        number: JobResult(changed=changed) for number, changed in zip(targets, found, strict=True)
    }


def kills(targets: Sequence[Target], found: Sequence[Mapping[int, Mapping[str, str]]]) -> dict[int, bool]:
    """Return whether tests fail with each mutant of one file.

    A mutant is left out if no test fails with it and not all have run to their end: the others may fail.

    Args:
        targets: The test binaries with mutants of the file.
        found: What `MutantRuns.run` has returned for each.
    """
    killed: dict[int, bool] = {}
    unknown: set[int] = set()
    for target, statuses in zip(targets, found, strict=True):
        for change in target.changed.changes:
            ended = statuses.get(change.number, {})
            fails = any(status not in {PASSED, SKIPPED} for status in ended.values())
            killed[change.number] = killed.get(change.number, False) or fails
            if not change.tests <= ended.keys():
                unknown.add(change.number)
    return {number: fails for number, fails in killed.items() if fails or number not in unknown}


def _switched(changed: ChangedModules, without: frozenset[int]) -> Switched | None:
    gone = None if changed.direct is None else changed.direct[2]
    name = PurePosixPath(changed.path).name
    try:
        return switched(changed.source, name, changed.changes, gone, without)
    except CannotParse:
        return None


def _names(changed: ChangedModules) -> frozenset[str]:
    return frozenset[str]().union(*(change.tests for change in changed.changes))


def _tried(
    changed: ChangedModules, binaries: Sequence[_MutantBinary]
) -> Iterator[tuple[ChangedModule, _MutantBinary]]:
    """Yield the mutants that are in a binary, in order, with it."""
    for change in changed.changes:
        binary = next((one for one in binaries if change.number in one.numbers), None)
        if binary is not None:
            yield change, binary


def _status(trial: _Trial, result: StepResult) -> str:
    return function_result(trial.name, result, ()).status
