"""Run programs in the sandbox one after the other, and read what became of each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from annotated_types import Ge

from testsmith.decode import OrElse, decode_lines
from testsmith.execution.sandbox.interface import Command, Limits, shown
from testsmith.execution.shell import OWN_PYTHON
from testsmith.execution.workspace import Workspace

_LIBRARIES = str(OWN_PYTHON.resolve().parent.parent / "lib")
_WORKER = Path(__file__).parent / "worker" / "steps.py"
_SECONDS_TO_START = 20.0
_MOST_OUTPUT_BYTES = 64 * 1024**2
_MOST_WORDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One program to run.

    Attributes:
        number: Identifies it in its plan.
        argv: The program and its arguments.
        variables: Complete environment. TMPDIR is created for it and removed afterwards.
        folder: Working folder.
        seconds: Time limit.
        budget: Name of the time limit that it shares with other steps.
        group: Steps of a group are left out after one of it has failed; None for no group.
        profile: File to return and remove; None for none.
        trace: Another such file.
        placed: Files that are copied to where they have to be before the program starts, by target. What was
            there is put back afterwards.
    """

    number: int
    argv: tuple[str, ...]
    variables: Mapping[str, str]
    folder: Path
    seconds: float
    budget: str = ""
    group: int | None = None
    profile: Path | None = None
    trace: Path | None = None
    placed: Mapping[Path, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What became of a step.

    Attributes:
        number: Its number.
        exit_code: Exit code; negative for the signal that ended it.
        output: What it printed. Untrusted text.
        seconds: Duration.
        timed_out: Whether its time was over.
        cut_short: Whether that was the time that it shares with other steps, so that it says nothing of it.
        profile: Content of the file; None if there was none. Untrusted text.
        trace: Content of the other file.
        left: Some names of what it left in its temporary folder. Untrusted text.
    """

    number: int
    exit_code: int
    output: str = ""
    seconds: Annotated[float, Ge(0)] = 0.0
    timed_out: bool = False
    cut_short: bool = False
    profile: str | None = None
    trace: str | None = None
    left: Annotated[tuple[str, ...], OrElse(())] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps of one run in the sandbox.

    Attributes:
        steps: The steps, in order.
        budgets: Seconds for the steps of each budget together.
        folder: The folder that they may write to.
        readable: Other folders that they may read.
    """

    steps: Sequence[Step]
    budgets: Mapping[str, float]
    folder: Path
    readable: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a plan.

    Attributes:
        results: Results by number. A step without one did not run, or everything ended in it.
        trouble: Why not all steps ran; empty if none was prevented.
    """

    results: Mapping[int, StepResult] = field(default_factory=dict)
    trouble: str = ""


def install_worker(scratch: Path) -> None:
    """Copy the program that starts the steps into a scratch folder, where the sandbox may read it."""
    (scratch / "worker").mkdir()
    shutil.copyfile(_WORKER, scratch / "worker" / _WORKER.name)


async def run_steps(workspace: Workspace, plan: Plan, limits: Limits) -> Outcome:
    """Run a plan in one sandboxed process.

    Args:
        workspace: Where to run it. The sandbox was tried out with the interpreter of this program.
        plan: The plan.
        limits: Limits for all steps together, except for the time and the output.

    Raises:
        CannotRun: The sandbox could not start it.
    """
    if not plan.steps:
        return Outcome()
    worker = workspace.scratch / "worker"
    seconds = _SECONDS_TO_START + 1.2 * sum(plan.budgets.values())
    command = Command(
        argv=(str(OWN_PYTHON), "-I", "-S", str(worker / _WORKER.name)),
        folder=plan.folder,
        readable=(worker, *plan.readable, *workspace.readable),
        variables={
            "LANG": "C.UTF-8",
            "LD_LIBRARY_PATH": _LIBRARIES,
        },
        loopback=True,
        stdin=json.dumps({"steps": list(map(_planned, plan.steps)), "budgets": plan.budgets}).encode(),
    )
    limits = replace(limits, seconds=seconds, output_bytes=_MOST_OUTPUT_BYTES)
    outcome = await workspace.sandbox.run(command, limits)
    found, _ = decode_lines(StepResult, outcome.stdout)
    wanted = {step.number for step in plan.steps}
    results = {one.number: one for one in found if one.number in wanted}
    if outcome.exit_code == 0:
        return Outcome(results=results)
    words = shown(outcome.stderr, _MOST_WORDS).splitlines()[-1:]
    ending = f"the test process ended with exit code {outcome.exit_code}"
    if outcome.exceeded or outcome.timed_out:
        reason = outcome.exceeded or "too long"
        ending = f"it took {reason} and ended the whole test process"
    return Outcome(results=results, trouble=": ".join([ending, *words]))


def _planned(step: Step) -> dict[str, object]:
    return {
        "number": step.number,
        "argv": step.argv,
        "variables": dict(step.variables),
        "folder": str(step.folder),
        "seconds": step.seconds,
        "budget": step.budget,
        "group": step.group,
        "profile": str(step.profile or ""),
        "trace": str(step.trace or ""),
        "placed": [[str(source), str(target)] for target, source in step.placed.items()],
    }
