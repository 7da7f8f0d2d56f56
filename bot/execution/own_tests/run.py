"""The project's own tests, in a copy of the project that they may write to: plans for `worker/suite.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bot.execution.own_tests.answers import SuiteAnswer, read_suite
from bot.execution.own_tests.command import PLAIN_PYTEST, PytestCall
from bot.execution.sandbox import CannotRun, Limits, Outcome
from bot.execution.threads import in_thread
from bot.execution.workers import worker_command
from bot.execution.workspace import ProjectCopy, Workspace, remove_folder, writable_copy
from bot.model import Member

_MOST_OUTPUT_BYTES = 32 * 1024**2
_OPEN_FILES = 1024
_SECONDS_TO_START = 10.0
_LAST_LINE = 2**31


async def run_suite(workspace: Workspace, members: Sequence[Member], seconds: float) -> SuiteAnswer:
    """Run the project's own tests, those first whose files name a member, and return what they showed.

    Raises:
        CannotRun: There is no room for a copy, or the sandbox could not start a process.
    """
    spans = sorted({(one.path, one.line, one.end_line) for one in members})
    names = sorted({name for member in members for name in _names(member)})
    return await _run(workspace, spans, seconds, names=names)


async def run_whole_suite(workspace: Workspace, paths: Sequence[str], seconds: float) -> SuiteAnswer:
    """Run the project's own tests, and return what all of them together reach of whole files.

    What the files do when they are loaded is in it. Which of several tests reached a line is not told.

    Args:
        workspace: Where they are run.
        paths: The files, relative to the git root.
        seconds: The time limit of all.

    Raises:
        CannotRun: There is no room for a copy, or the sandbox could not start a process.
    """
    return await _run(workspace, [(path, 0, _LAST_LINE) for path in sorted(paths)], seconds, whole=True)


async def _run(
    workspace: Workspace,
    spans: Sequence[tuple[str, int, int]],
    seconds: float,
    *,
    names: Sequence[str] = (),
    whole: bool = False,
) -> SuiteAnswer:
    outcome, root = await run_worker(
        workspace,
        {
            "spans": [{"file": path, "first": first, "last": last} for path, first, last in spans],
            "names": list(names),
            "seconds": seconds,
            "whole": whole,
            "changes": None,
        },
    )
    return await in_thread(read_suite, outcome, str(root))


def _names(member: Member) -> set[str]:
    """Return what a test file that is about a member is likely to name."""
    return {member.name.partition(".")[0], member.module.rpartition(".")[2]}


async def run_worker(workspace: Workspace, plan: Mapping[str, object]) -> tuple[Outcome, Path]:
    """Run one plan of `worker/suite.py` in a copy of its own; return how it ended, and the copy's root.

    The files that the plan names are relative to the git root.

    Raises:
        CannotRun: There is no room for a copy, or the sandbox could not start a process.
    """
    folder = workspace.new_folder("own")
    try:
        copy = await in_thread(copy_for_own_tests, workspace, folder)
        limits = await in_thread(limits_of_own_tests, workspace.limits, plan["seconds"], copy.root)
        command = worker_command(
            workspace,
            "suite",
            copy=copy,
            folder=folder,
            stdin=json.dumps(_whole_plan(workspace, copy, plan)).encode(),
            variables=dict(_call(workspace).variables),
        )
        return await workspace.sandbox.run(command, limits), copy.root
    finally:
        await in_thread(remove_folder, folder)


def _call(workspace: Workspace) -> PytestCall:
    """Return how pytest is called; plainly where a shell would have to run the tests."""
    command = workspace.test_command
    return command if isinstance(command, PytestCall) else PLAIN_PYTEST


def copy_for_own_tests(workspace: Workspace, folder: Path) -> ProjectCopy:
    """Copy head into a working folder, for its own tests to write to.

    Raises:
        CannotRun: There is no room for it.
    """
    try:
        return writable_copy(workspace.head, folder)
    except OSError as error:
        raise CannotRun(f"The project cannot be copied for its own tests: {error.strerror}.") from error


def limits_of_own_tests(limits: Limits, seconds: object, root: Path) -> Limits:
    """Return the limits of a process that runs own tests in a copy: the copy counts as none of its disk."""
    size = sum(path.lstat().st_size for path in root.rglob("*"))
    return replace(
        limits,
        seconds=_SECONDS_TO_START + float(str(seconds)),
        output_bytes=_MOST_OUTPUT_BYTES,
        open_files=max(limits.open_files, _OPEN_FILES),
        disk_bytes=limits.disk_bytes + size,
    )


def _whole_plan(workspace: Workspace, copy: ProjectCopy, plan: Mapping[str, object]) -> dict[str, object]:
    call = _call(workspace)
    project = copy.source_roots[0] / call.folder
    roots = dict.fromkeys((*copy.source_roots, *(project / path for path in call.paths)))
    return {
        **plan,
        "root": str(copy.root),
        "project": str(project),
        "arguments": list(call.arguments),
        "roots": [str(root) for root in roots],
        "hidden": list(workspace.interpreter.hidden_modules),
        "owned": sorted(workspace.owned_modules),
        "refused": [str(folder.resolve()) for folder in workspace.refused_folders],
    }
