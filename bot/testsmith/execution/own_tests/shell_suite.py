"""The project's own tests where a shell has to run them; the coverage that they leave is read."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from testsmith.execution.own_tests.baseline import OwnSuite
from testsmith.execution.own_tests.command import ShellCommand
from testsmith.execution.own_tests.coverage_files import suite_from_coverage
from testsmith.execution.own_tests.measured import CannotReadCoverage
from testsmith.execution.own_tests.run import copy_for_own_tests, limits_of_own_tests
from testsmith.execution.sandbox import Command, Outcome
from testsmith.execution.shell import in_folder, last_words, shell_command
from testsmith.execution.threads import in_thread
from testsmith.execution.workers import process_variables
from testsmith.execution.workspace import ProjectCopy, Workspace, remove_folder
from testsmith.model import BaselineStatus, Member

_FILES = (".coverage", "coverage.xml", "lcov.info", "coverage.lcov")
_Read = TypeVar("_Read")


async def run_shell_suite(
    workspace: Workspace, command: ShellCommand, members: Sequence[Member], seconds: float
) -> OwnSuite:
    """Run the project's own tests by a shell, and return what the coverage that they leave says of members.

    Raises:
        CannotRun: There is no room for a copy, or the sandbox could not start a process.
    """
    try:
        read = partial(suite_from_coverage, workspace, members)
        return await with_shell_coverage(workspace, command, seconds, read)
    except CannotReadCoverage as error:
        return OwnSuite(status=BaselineStatus.FAILED, notes=(f"own tests were not measured: {error}",))


async def with_shell_coverage(
    workspace: Workspace, command: ShellCommand, seconds: float, read: Callable[[Path], _Read]
) -> _Read:
    """Run the project's own tests by a shell, and return what is read in the coverage file that they leave.

    Raises:
        CannotReadCoverage: They fail, since what a failed test would reach is not known, or leave no file.
        CannotRun: There is no room for a copy, or the sandbox could not start a process.
    """
    folder = workspace.new_folder("own")
    try:
        copy = await in_thread(copy_for_own_tests, workspace, folder)
        await in_thread(_remove_earlier, copy)
        limits = await in_thread(limits_of_own_tests, workspace.limits, seconds, copy.root)
        done = await workspace.sandbox.run(_command(workspace, copy, folder, command.text), limits)
        return await in_thread(lambda: read(_left_by(copy, done)))
    finally:
        await in_thread(remove_folder, folder)


def _command(workspace: Workspace, copy: ProjectCopy, folder: Path, text: str) -> Command:
    python = workspace.interpreter.path
    return Command(
        argv=in_folder(python, copy.source_roots[0], (*shell_command(), text)),
        folder=folder,
        readable=workspace.readable,
        variables={
            **process_variables(python, folder),
            "PYTHONPATH": os.pathsep.join(map(str, copy.source_roots)),
            "VIRTUAL_ENV": str(python.parent.parent),
        },
    )


def _places(copy: ProjectCopy) -> list[Path]:
    """Return where coverage may be found: in the project's folder, or in the git root."""
    return [folder / name for name in _FILES for folder in dict.fromkeys((copy.source_roots[0], copy.root))]


def _remove_earlier(copy: ProjectCopy) -> None:
    for place in _places(copy):
        with contextlib.suppress(OSError):
            place.unlink()


def _left_by(copy: ProjectCopy, done: Outcome) -> Path:
    """Return the coverage file that a run has left."""
    if done.timed_out or done.exceeded or done.exit_code != 0:
        said = last_words(done, "suite-seconds")
        raise CannotReadCoverage(f"the test command has failed in the sandbox ({said})")
    place = next((place for place in _places(copy) if place.resolve() == place and place.is_file()), None)
    if place is None:
        raise CannotReadCoverage(
            "the test command leaves neither .coverage nor coverage.xml: let it write one, as"
            " `coverage run` and `pytest --cov` do, or make it a call of pytest"
        )
    return place
