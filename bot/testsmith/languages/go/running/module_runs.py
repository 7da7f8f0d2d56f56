"""Run the functions of test modules under a setting, each in a process of its own or together."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from testsmith.execution.jobs import CRASHED, NOT_RUN, PASSED, FunctionResult, JobResult, Reached, TestJob
from testsmith.execution.steps import Plan, Step, StepResult
from testsmith.execution.workspace import ProjectCopy, is_small, remove_folder
from testsmith.languages.go.running.call_watch import VARIABLE as FLAGS
from testsmith.languages.go.running.coverage_profile import Block, lines_run, read_profile
from testsmith.languages.go.running.module_builds import BuiltModule
from testsmith.languages.go.running.run_settings import BESIDE_OWN_TESTS, TOGETHER, GoSetting
from testsmith.languages.go.running.steps import run_steps
from testsmith.languages.go.running.test_names import pattern_of
from testsmith.languages.go.running.test_output import TEST_ARGUMENTS, function_result, results_together
from testsmith.languages.go.running.workspace import (
    GoWorkspace,
    module_folder,
    module_path,
    test_variables,
    within,
)
from testsmith.tasks import in_thread

_MOST_SECONDS_WITH_OWN_TESTS = 10.0
_MOST_ALONE = 20


@dataclass(slots=True)
class _Run:
    """The run of one module."""

    job: TestJob
    module: BuiltModule
    functions: dict[str, FunctionResult] = field(default_factory=dict)
    profiles: dict[str, str] = field(default_factory=dict)
    is_together: bool = False
    is_next_to_own_tests: bool = False

    @property
    def left(self) -> list[str]:
        """The functions that have no result yet."""
        return [
            name for name in self.module.names if name not in self.functions and name not in self.job.without
        ]


@dataclass(frozen=True, slots=True)
class _Planned:
    """A step of a run: some of its functions, all with the package's own tests, or none (only loading)."""

    run: _Run
    names: tuple[str, ...]
    together: bool = False
    with_own_tests: bool = False


async def run_modules(
    workspace: GoWorkspace,
    setting: GoSetting,
    copy: ProjectCopy,
    work: Sequence[tuple[TestJob, BuiltModule]],
) -> dict[int, JobResult]:
    """Run test modules under one setting, and return a result for each.

    Raises:
        CannotRun: The sandbox could not start a process.
    """
    runs = [_Run(job, module) for job, module in work if module.built.binary is not None]
    folder = workspace.new_folder("run")
    try:
        root = await in_thread(run_root, copy, folder) if setting.copies else copy.root
        runner = _Runner(workspace, setting, copy, root, folder)
        trouble = await runner.take([one for run in runs for one in _first(setting, run)])
        apart = [_Planned(run, (name,)) for run in runs for name in run.left]
        if not trouble:
            trouble = await runner.take(apart)
        else:  # one of them ended everything
            for one in apart[:_MOST_ALONE]:
                if ended := await runner.take([one]):
                    lost = one.run.left
                    one.run.functions |= {
                        name: FunctionResult(status=CRASHED, message=ended)
                        for name in one.names
                        if name in lost
                    }
    finally:
        await in_thread(remove_folder, folder)
    results = {job.number: JobResult(problem=module.trouble, done=module.done) for job, module in work}
    for run in runs:
        results[run.job.number] = _result(copy, run, trouble)
    return results


def _first(setting: GoSetting, run: _Run) -> list[_Planned]:
    """Return the first steps of a run."""
    if setting.together:
        return [_Planned(run, tuple(run.left), together=True, with_own_tests=setting.with_own_tests)]
    is_traced = run.job.traced is not None and not setting.on_base and not setting.watched
    loading = [_Planned(run, ())] if is_traced else []
    return [*loading, *(_Planned(run, (name,)) for name in run.left)]


def run_root(copy: ProjectCopy, folder: Path) -> Path:
    """Copy the project into a folder that may be written to, if there is space; return where it is then."""
    if not is_small(copy.root):
        return copy.root
    root = folder / "another folder" / "project"
    try:
        shutil.copytree(copy.root, root, symlinks=True)
    except OSError:
        remove_folder(root)
        return copy.root
    return root


@dataclass(frozen=True, slots=True)
class _Runner:
    """Runs steps of one setting in the sandbox."""

    workspace: GoWorkspace
    setting: GoSetting
    copy: ProjectCopy
    root: Path
    folder: Path

    async def take(self, planned: Sequence[_Planned]) -> str:
        """Run steps and add their results; return why not all of them ran."""
        if not planned:
            return ""
        steps = [self._step(number, one) for number, one in enumerate(planned)]
        runs = {one.run.job.number: one.run for one in planned}
        binaries = {run.module.built.binary.parent for run in runs.values() if run.module.built.binary}
        plan = Plan(
            steps=steps,
            budgets={str(number): _seconds(run.job) for number, run in runs.items()},
            folder=self.folder,
            readable=(*sorted(binaries), self.copy.root, self.workspace.toolchain.root / "lib"),
        )
        outcome = await run_steps(self.workspace, plan)
        for step, one in zip(steps, planned, strict=True):
            result = outcome.results.get(step.number)
            if result is not None:
                _add(one, result, is_traced=step.profile is not None)
        return outcome.trouble

    def _step(self, number: int, one: _Planned) -> Step:
        run, traces = one.run, one.run.job.traced is not None and not self.setting.together
        profile = self.folder / f"profile-{number}" if traces and not self.setting.on_base else None
        pattern = () if one.with_own_tests else ("-test.run", pattern_of(one.names))
        variables = {**test_variables(self.workspace.toolchain, self.folder), **self.setting.environment}
        is_watched = self.setting.watched and profile is not None
        if is_watched:
            variables[FLAGS] = str(profile)
        seconds = (
            min(run.job.seconds, _MOST_SECONDS_WITH_OWN_TESTS) if one.with_own_tests else run.job.seconds
        )
        return Step(
            number=number,
            argv=(
                *(str(run.module.built.binary), *TEST_ARGUMENTS, *pattern),
                *self.setting.arguments,
                *(() if profile is None or is_watched else (f"-test.coverprofile={profile}",)),
            ),
            variables=variables,
            folder=_existing(self.root / run.module.package, self.root),
            seconds=seconds,
            budget=str(run.job.number),
            profile=profile,
        )


def _add(one: _Planned, result: StepResult, *, is_traced: bool) -> None:
    run = one.run
    has_ended_early = is_traced and result.profile is None
    if one.together:
        together = results_together(one.names, result)
        run.functions |= together
        run.is_together = run.is_together or bool(together)
        run.is_next_to_own_tests = run.is_next_to_own_tests or (bool(together) and one.with_own_tests)
        return
    for name in one.names:
        found = function_result(name, result, {run.module.path.rpartition("/")[2]})
        if has_ended_early and found.status == PASSED:
            found = FunctionResult(status=CRASHED, message="its process ended before `go test` did")
        run.functions[name] = found
    if result.profile is not None:
        run.profiles[next(iter(one.names), "")] = result.profile


def _existing(folder: Path, root: Path) -> Path:
    return folder if folder.is_dir() else root


def _seconds(job: TestJob) -> float:
    """Return the time limit of all functions of a module together."""
    return 2 * job.seconds


def _result(copy: ProjectCopy, run: _Run, trouble: str) -> JobResult:
    for name in run.left:
        reason = trouble or "other tests used up the time of its module"
        run.functions[name] = FunctionResult(status=NOT_RUN, message=reason)
    done = {TOGETHER: run.is_together, BESIDE_OWN_TESTS: run.is_next_to_own_tests}
    result = JobResult(
        functions=run.functions,
        problem=run.module.trouble,
        done=run.module.done | {flag for flag, is_true in done.items() if is_true},
    )
    if run.module.watch is not None:
        passed = [name for name, one in run.functions.items() if one.status == PASSED]
        written = [run.profiles.get(name, "") for name in passed]
        return replace(result, idle=run.module.watch.idle(written))
    return result if run.job.traced is None or not run.profiles else _with_reach(copy, run, result)


def _with_reach(copy: ProjectCopy, run: _Run, result: JobResult) -> JobResult:
    """Add the lines of the member that were reached by functions, and while packages were loaded."""
    traced = run.job.traced
    if traced is None:
        return result
    file, source = profile_name(copy, traced.path), _text(copy.root / traced.path)
    loaded = read_profile(run.profiles.get("", ""))

    def lines(profile: str, less: Mapping[Block, int]) -> frozenset[int]:
        ran = lines_run(read_profile(profile), file, source, less)
        return frozenset(line for line in ran if traced.first <= line <= traced.last)

    functions = {
        name: replace(one, reached=Reached(lines=lines(run.profiles.get(name, ""), loaded)))
        for name, one in result.functions.items()
    }
    return replace(result, functions=functions, loaded=Reached(lines=lines(run.profiles.get("", ""), {})))


def profile_name(copy: ProjectCopy, path: str) -> str:
    """Return the name of a file in coverage profiles: its module's path and its place in the module."""
    folder = module_folder(copy.root, str(Path(path).parent)) or ""
    return f"{module_path(copy, folder)}/{within(path, folder)}"


def _text(place: Path) -> str:
    try:
        return place.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
