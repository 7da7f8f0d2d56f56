"""Run tests against mutants: the member's file is replaced, in a process for each mutant.

With the member taken away, its caller's process ends, so each test then has a process of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from testsmith.execution.jobs import (
    CRASHED,
    PASSED,
    ChangedModule,
    ChangedModules,
    FunctionResult,
    JobResult,
    TestJob,
)
from testsmith.languages.tests import TestFiles
from testsmith.languages.typescript.running.module_runs import (
    PlacedModule,
    alone_result,
    module_of,
    unchecked,
)
from testsmith.languages.typescript.running.processes import RunFolder, Wanted, run_folder
from testsmith.languages.typescript.running.reports import results_of
from testsmith.languages.typescript.running.run_settings import TypeScriptSetting
from testsmith.languages.typescript.running.workspace import TypeScriptWorkspace
from testsmith.tasks import in_thread

_CHANGED = TypeScriptSetting(name="changed")
_LEAST_SECONDS, _TIMES_AS_LONG = 5.0, 8.0
"""A mutant that takes longer than both is killed: it may never end."""

_MOST_SECONDS = 30.0

_ENDED = FunctionResult(status=CRASHED, message="its process ended before the test did")
"""Result of a test that passed without a mutant, if nothing is said of it with one.

Some versions of vitest end well, and without results, if the process that runs a file ends.
"""


@dataclass(slots=True)
class _Trial:
    """A process with a mutant of a module, and the tests that are run in it."""

    module: PlacedModule
    change: ChangedModule
    names: list[str]

    @property
    def is_alone(self) -> bool:
        """Whether there is one test."""
        return len(self.names) == 1


async def run_changed_modules(
    workspace: TypeScriptWorkspace, jobs: Sequence[TestJob], tests: TestFiles
) -> dict[int, JobResult]:
    """Run test modules against the mutants in their jobs, and return a result for each.

    A test that does not pass without a mutant has no status with one.

    Raises:
        CannotRun: The sandbox could not start a process.
    """
    async with run_folder(workspace, workspace.head) as folder:
        modules = [await in_thread(module_of, folder, job, tests, _CHANGED) for job in jobs]
        runs = _MutantRuns(folder)
        await runs.measure([one for one in modules if not one.trouble and one.job.changed is not None])
        trials = [trial for module in modules for trial in runs.trials(module)]
        again = await runs.take(trials)
        await runs.take(again)
    return {
        module.job.number: JobResult(problem=module.trouble, changed=runs.statuses.get(module.job.number, {}))
        for module in modules
    }


@dataclass(slots=True)
class _MutantRuns:
    """Runs modules with mutants in a folder."""

    folder: RunFolder
    seconds: dict[int, float] = field(default_factory=dict)
    passing: dict[int, set[str]] = field(default_factory=dict)
    statuses: dict[int, dict[int, dict[str, str]]] = field(default_factory=dict)
    spent: dict[int, float] = field(default_factory=dict)

    async def measure(self, modules: Sequence[PlacedModule]) -> None:
        """Find out which tests pass without a mutant, and how long that takes."""
        wanted = [replace(one.wanted(_CHANGED, None), seconds=_MOST_SECONDS) for one in modules]
        found, _ = await self.folder.take(wanted, self._budgets(modules))
        missing = []
        for module, ran in zip(modules, found, strict=True):
            if ran.step is None:
                continue
            number = module.job.number
            results = results_of(module.names, ran.report, ran.step, is_alone=False)
            self.passing[number] = {name for name, one in results.items() if one.status == PASSED}
            self.seconds[number] = max(_LEAST_SECONDS, _TIMES_AS_LONG * ran.step.seconds)
            self.spent[number] = ran.step.seconds
            missing += [(module, name) for name in module.names if name not in results]
        alone, _ = await self.folder.take(
            [replace(module.wanted(_CHANGED, [name]), seconds=_MOST_SECONDS) for module, name in missing],
            self._budgets(modules),
        )
        for (module, name), ran in zip(missing, alone, strict=True):
            results = alone_result(name, ran)
            if name in results and results[name].status == PASSED:
                self.passing[module.job.number].add(name)

    def trials(self, module: PlacedModule) -> list[_Trial]:
        """Return the processes for a module: one for each mutant, and for each test if the member is gone."""
        changed = module.job.changed
        passing = self.passing.get(module.job.number, set())
        if changed is None:
            return []
        gone = None if changed.direct is None else changed.direct[2]
        found = []
        for change in changed.changes:
            names = sorted(change.tests & passing)
            if change.number == gone:
                found += [_Trial(module, change, [name]) for name in names]
            elif names:
                found.append(_Trial(module, change, names))
        return found

    async def take(self, trials: Sequence[_Trial]) -> list[_Trial]:
        """Run processes and add the statuses; return those that have to be run again, with a test each."""
        wanted = [await in_thread(self._wanted, trial) for trial in trials]
        modules = list({trial.module.job.number: trial.module for trial in trials}.values())
        found, _ = await self.folder.take(wanted, self._budgets(modules))
        again = []
        for trial, ran in zip(trials, found, strict=True):
            if ran.step is None:
                continue
            self.spent[trial.module.job.number] += ran.step.seconds
            if ran.step.cut_short:
                continue
            results = (
                alone_result(trial.names[0], ran) or {trial.names[0]: _ENDED}
                if trial.is_alone
                else results_of(trial.names, ran.report, ran.step, is_alone=False)
            )
            numbered = self.statuses.setdefault(trial.module.job.number, {})
            if results:
                numbered.setdefault(trial.change.number, {}).update(
                    {name: one.status for name, one in results.items()}
                )
            if not trial.is_alone:
                left = [name for name in trial.names if name not in results]
                again += [_Trial(trial.module, trial.change, [name]) for name in left]
        return again

    def _wanted(self, trial: _Trial) -> Wanted:
        module, changed = trial.module, trial.module.job.changed
        text = "" if changed is None else changed_text(changed, trial.change)
        path = "" if changed is None else changed.path
        every = set(trial.names) == set(module.names)
        wanted = module.wanted(_CHANGED, None if every else trial.names)
        return replace(
            wanted,
            placed={**wanted.placed, path: self.folder.text(text, path)},
            budget=trial.change.budget(str(module.job.number)),
            seconds=self.seconds[module.job.number],
        )

    def _budgets(self, modules: Sequence[PlacedModule]) -> dict[str, float]:
        budgets: dict[str, float] = {}
        for job in (one.job for one in modules):
            name = str(job.number)
            budgets[name] = max(0.0, job.seconds - self.spent.get(job.number, 0.0))
            budgets |= {} if job.changed is None else job.changed.own_budgets(name)
        return budgets


def changed_text(changed: ChangedModules, change: ChangedModule) -> str:
    """Return a file's text with one mutant in it."""
    start, end, new = change.edit
    return unchecked(changed.source[:start] + new + changed.source[end:], changed.path)
