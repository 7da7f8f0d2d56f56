"""Run the project's tests through a shell command, and measure coverage of whole files.

Unlike the baseline of members (`suite.py`), the coverage of whole files does not record which test reaches
what, so it is small enough for a whole repository.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from testsmith.execution.baseline import (
    CannotReadCoverage,
    FileCoverage,
    FileReach,
    OwnSuite,
    WholeSuite,
)
from testsmith.execution.coverage_files import whole_from_coverage
from testsmith.execution.sandbox.interface import CannotRun, Command, ProcessOutcome
from testsmith.execution.shell import in_folder, last_words, shell_command
from testsmith.execution.workspace import ProjectCopy, remove_folder
from testsmith.languages.python.running.harness import process_variables
from testsmith.languages.python.running.project_tests.answers import (
    SuiteAnswer,
    failing_words,
    not_loaded_notes,
)
from testsmith.languages.python.running.project_tests.command import ShellCommand
from testsmith.languages.python.running.project_tests.copies import copy_for_own_tests
from testsmith.languages.python.running.project_tests.coverage_baseline import suite_from_coverage
from testsmith.languages.python.running.project_tests.run import (
    limits_of_own_tests,
    run_whole_suite,
)
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.model import BaselineStatus, Member
from testsmith.settings import VerificationSettings
from testsmith.tasks import in_thread

_FILES = (".coverage", "coverage.xml", "lcov.info", "coverage.lcov")
_Read = TypeVar("_Read")


async def run_shell_suite(
    workspace: PythonWorkspace, command: ShellCommand, members: Sequence[Member], seconds: float
) -> OwnSuite:
    """Run the project's tests with a shell command; return the members' baseline from the coverage file.

    Raises:
        CannotRun: There is not enough space for a copy, or the sandbox could not start a process.
    """
    try:
        read = partial(suite_from_coverage, workspace, members)
        return await with_shell_coverage(workspace, command, seconds, read)
    except CannotReadCoverage as error:
        return OwnSuite(
            status=BaselineStatus.FAILED, notes=(f"the project's tests were not measured: {error}",)
        )


async def with_shell_coverage(
    workspace: PythonWorkspace, command: ShellCommand, seconds: float, read: Callable[[Path], _Read]
) -> _Read:
    """Run the project's tests with a shell command and read the coverage file that they write.

    Raises:
        CannotReadCoverage: The command fails (what a failed test would reach is unknown) or writes no
            coverage file.
        CannotRun: There is not enough space for a copy, or the sandbox could not start a process.
    """
    folder = workspace.new_folder("own")
    try:
        copy = await in_thread(copy_for_own_tests, workspace, folder)
        places = _places(workspace, copy)
        await in_thread(_remove_earlier, places)
        limits = await in_thread(limits_of_own_tests, workspace.limits, seconds, copy.root)
        done = await workspace.sandbox.run(_command(workspace, copy, folder, command.text), limits)
        return await in_thread(lambda: read(_left_by(places, done)))
    finally:
        await in_thread(remove_folder, folder)


def _command(workspace: PythonWorkspace, copy: ProjectCopy, folder: Path, text: str) -> Command:
    python = workspace.interpreter.path
    return Command(
        argv=in_folder(python, workspace.test_folder_in(copy), (*shell_command(), text)),
        folder=folder,
        readable=workspace.readable,
        variables={
            **process_variables(python, folder),
            "PYTHONPATH": os.pathsep.join(map(str, copy.source_roots)),
            "VIRTUAL_ENV": str(python.parent.parent),
        },
        loopback=True,
    )


def _places(workspace: PythonWorkspace, copy: ProjectCopy) -> list[Path]:
    """Return where the coverage file may be: where the command ran, or in the project or git root."""
    folders = dict.fromkeys((workspace.test_folder_in(copy), copy.source_roots[0], copy.root))
    return [folder / name for name in _FILES for folder in folders]


def _remove_earlier(places: Iterable[Path]) -> None:
    for place in places:
        with contextlib.suppress(OSError):
            place.unlink()


def _left_by(places: Iterable[Path], done: ProcessOutcome) -> Path:
    """Return the coverage file that a run has written."""
    if done.timed_out or done.exceeded or done.exit_code != 0:
        said = last_words(done, "suite-seconds")
        raise CannotReadCoverage(f"the test command failed in the sandbox ({said})")
    place = next((place for place in places if place.resolve() == place and place.is_file()), None)
    if place is None:
        raise CannotReadCoverage(
            "the test command wrote neither .coverage nor coverage.xml: use `coverage run`, `pytest "
            "--cov` or plain pytest"
        )
    return place


async def measure_whole_suite(
    workspace: PythonWorkspace, paths: Sequence[str], settings: VerificationSettings
) -> WholeSuite:
    """Run the project's tests and return their coverage of whole files.

    Args:
        workspace: PythonWorkspace to run in.
        paths: Source files, relative to the git root.
        settings: Time limit and other settings.
    """
    if settings.suite_seconds <= 0:
        return WholeSuite(notes=("the project's tests were not run: suite-seconds is 0",))
    try:
        if isinstance(workspace.test_command, ShellCommand):
            read = partial(whole_from_coverage, paths, new_folder=workspace.new_folder)
            return await with_shell_coverage(workspace, workspace.test_command, settings.suite_seconds, read)
        answer = await run_whole_suite(workspace, paths, settings.suite_seconds)
        return _of_answer(answer, installs=settings.installs)
    except (CannotRun, CannotReadCoverage, OSError) as error:
        return WholeSuite(notes=(f"the project's tests were not measured: {error}",))


def _of_answer(answer: SuiteAnswer, *, installs: bool) -> WholeSuite:
    lines: dict[str, set[int]] = {file: set(loaded) for file, loaded in answer.loaded.items()}
    for test in answer.tests:
        for file, reached in test.lines.items():
            lines.setdefault(file, set()).update(reached)
    failed = {f"{test.file}::{test.name}" for test in answer.failed}
    return WholeSuite(
        files={
            file: FileReach(FileCoverage(hit=hit, arcs=set(answer.arcs.get(file, ()))))
            for file, hit in lines.items()
        },
        is_known=answer.is_whole or bool(answer.tests),
        has_branches=True,
        failed=frozenset((*failed, *answer.broken)) if answer.is_whole else None,
        notes=(*_notes(answer), *not_loaded_notes(answer, installs=installs)),
    )


def _notes(answer: SuiteAnswer) -> list[str]:
    if not answer.is_whole:
        return [f"not all of the project's tests ran: {answer.trouble}"]
    if not answer.tests and not answer.broken:
        return ["the project has no tests"]
    failed, broken = len(answer.failed), len(answer.broken)
    return [
        *([failing_words(failed, len(answer.tests))] if failed else ()),
        *(
            [f"{broken} test file{'' if broken == 1 else 's'} cannot be loaded in the sandbox"]
            if broken
            else ()
        ),
    ]
