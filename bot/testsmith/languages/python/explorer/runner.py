"""Run the explorer in the sandbox to describe a module's members and run their trials."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from testsmith.execution.workspace import ProjectCopy
from testsmith.languages.mutants import Mutant
from testsmith.languages.python.explorer.cases import ExplorerAnswer, read_told
from testsmith.languages.python.explorer.trial import Trial
from testsmith.languages.python.running.harness import run_in_worker
from testsmith.languages.python.running.run_settings import variable_of_zone
from testsmith.languages.python.running.workspace import PythonWorkspace

LONGEST_VALUE = 200
"""Maximum length of an asserted value."""

_SECONDS_TO_START = 60.0
_SECONDS_A_TRIAL = 3.0
_CPU_SECONDS_A_TRIAL = 1.0
_MEMORY_A_TRIAL = 1536 * 1024**2
_MOST_FAILURES = 3
_MOST_OUTPUT_BYTES = 32 * 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplorerSetting:
    """Environment of an explorer run.

    Attributes:
        hash_seed: Seed for string hashes.
        time_zone: Time zone as a POSIX rule; see `variable_of_zone`.
        days: Days by which the clock is moved ahead.
        on_base: Whether to run on base instead of head.
        apart: Whether each trial runs in its own process. Sharing a process per member is ten times as fast,
            but a trial may then see module state left behind by an earlier one.
    """

    hash_seed: int
    time_zone: str
    days: int = 0
    on_base: bool = False
    apart: bool = False


FIRST = ExplorerSetting(hash_seed=1, time_zone="UTC")
SECOND = ExplorerSetting(hash_seed=2, time_zone="JST-9", days=2345)
"""Second setting; results that differ from the first are not asserted."""

FIRST_APART, SECOND_APART = replace(FIRST, apart=True), replace(SECOND, apart=True)
"""Both settings for members that keep state between calls."""

ON_BASE, ON_BASE_APART = replace(FIRST, on_base=True), replace(FIRST_APART, on_base=True)
"""First setting, on the merge base."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplorerJob:
    """Request to an explorer.

    Attributes:
        module: Public module to load.
        path: File to trace, relative to the Git root, or None for no tracing.
        describe: Names of members to describe.
        trials: Trials by number, each with its member's name.
        source: Source text of the file, needed to report killed mutants and comparisons, or None.
        changes: Mutants that each member's trials may kill, by number and member name.
    """

    module: str
    path: str | None = None
    describe: tuple[str, ...] = ()
    trials: Mapping[int, tuple[str, Trial]] | None = None
    source: str | None = None
    changes: Mapping[str, Mapping[int, Mutant]] = field(default_factory=dict)


class Explorer:
    """Runs explorers in a workspace, as many concurrently as the workspace allows.

    Args:
        workspace: PythonWorkspace of the project.
    """

    def __init__(self, workspace: PythonWorkspace) -> None:
        self._workspace = workspace
        self._slots = asyncio.Semaphore(workspace.parallel)

    @property
    def has_base(self) -> bool:
        """Whether there is a base to compare with."""
        return self._workspace.base is not None

    async def run(self, job: ExplorerJob, setting: ExplorerSetting) -> ExplorerAnswer:
        """Run a job in one process and return its output, which may be empty.

        Raises:
            CannotRun: The sandbox could not start a process.
        """
        copy = self._workspace.base if setting.on_base else self._workspace.head
        if copy is None:
            return ExplorerAnswer(descriptions={}, observations={})
        async with self._slots:
            return await self._run(job, setting, copy)

    async def _run(self, job: ExplorerJob, setting: ExplorerSetting, copy: ProjectCopy) -> ExplorerAnswer:
        workspace = self._workspace
        members = {member for member, _ in (job.trials or {}).values()}
        seconds = (
            _SECONDS_TO_START + _SECONDS_A_TRIAL * _MOST_FAILURES * len(members) + 0.3 * len(job.trials or ())
        )
        limits = replace(workspace.limits, seconds=seconds, output_bytes=_MOST_OUTPUT_BYTES)
        outcome = await run_in_worker(
            workspace,
            "explorer.explore",
            copy=copy,
            plan=_planned(workspace, copy, job, setting),
            variables={"PYTHONHASHSEED": str(setting.hash_seed), "TZ": variable_of_zone(setting.time_zone)},
            limits=limits,
        )
        return read_told(outcome.stdout)


def _planned(
    workspace: PythonWorkspace, copy: ProjectCopy, job: ExplorerJob, setting: ExplorerSetting
) -> dict[str, object]:
    return {
        "roots": [str(root) for root in copy.source_roots],
        "hidden": list(workspace.interpreter.hidden_modules),
        "owned": sorted(workspace.owned_modules),
        "refused": [str(folder.resolve()) for folder in workspace.refused_folders],
        "module": job.module,
        "days": setting.days,
        "apart": setting.apart,
        "describe": list(job.describe),
        "file": None if job.path is None else str(copy.root / job.path),
        "source": job.source,
        "changes": _planned_changes(job),
        "limits": {
            "seconds": _SECONDS_A_TRIAL,
            "cpu_seconds": _CPU_SECONDS_A_TRIAL,
            "memory": _MEMORY_A_TRIAL,
            "longest": LONGEST_VALUE,
            "failures": _MOST_FAILURES,
        },
        "trials": [_planned_trial(number, *each) for number, each in (job.trials or {}).items()],
    }


def _planned_changes(job: ExplorerJob) -> dict[str, list[dict[str, object]]]:
    """Return the mutants that can replace loaded functions."""
    members = {member for member, _ in (job.trials or {}).values()}
    return {
        member: [
            {
                "number": number,
                "edit": (mutant.edit.start, mutant.edit.end, mutant.edit.text),
                "function": (mutant.function.name, mutant.function.line),
                "statement": mutant.statement,
            }
            for number, mutant in changes.items()
            if mutant.function is not None
        ]
        for member, changes in job.changes.items()
        if member in members
    }


def _planned_trial(number: int, member: str, trial: Trial) -> dict[str, object]:
    example = trial.example
    return {
        "number": number,
        "member": member,
        "imports": sorted(each.statement for each in trial.imports),
        "setup": [*trial.still, *trial.setup],
        "call": trial.call,
        "watched": list(trial.watched),
        "probes": list(trial.probes),
        "inside": trial.inside,
        "in_loop": trial.in_loop,
        "enters": trial.enters,
        "allowed": trial.allowed,
        "expected": None if example is None else example.expected,
        "exception": None if example is None else example.exception,
    }
