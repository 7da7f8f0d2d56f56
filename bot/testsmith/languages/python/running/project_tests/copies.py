"""Writable copies of the project for its own tests: head, and base with head's tests."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from testsmith.execution.project_copy import exchange_files
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.execution.workspace import ProjectCopy, writable_copy
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.languages.python.test_files.test_paths import is_test

_CONFIGURATION = frozenset(
    {
        *("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini"),
        *("pyproject.toml", "tox.ini", "setup.cfg"),
    }
)
"""Files with pytest settings, which belong to the tests."""


def copy_for_own_tests(workspace: PythonWorkspace, folder: Path) -> ProjectCopy:
    """Copy head into a working folder where its tests may write to it.

    Raises:
        CannotRun: There is not enough space.
    """
    return _copied(workspace.head, folder)


def copy_of_base(workspace: PythonWorkspace, folder: Path, files: Collection[str]) -> ProjectCopy:
    """Copy base into a working folder, with head's tests instead of its own.

    Args:
        workspace: PythonWorkspace with head and base.
        folder: The working folder.
        files: Head's test files, relative to the git root, in any folder.

    Raises:
        CannotRun: There is no base, or not enough space for a copy.
    """
    if workspace.base is None:
        raise CannotRun("There is no base to run tests on.")
    copy = _copied(workspace.base, folder)

    def is_of_tests(path: str) -> bool:
        return path in files or is_test(path) or path.rpartition("/")[2] in _CONFIGURATION

    try:
        exchange_files(copy.root, workspace.head.root, is_of_tests)
    except OSError as error:
        raise CannotRun(f"Could not copy the tests onto the merge base: {error.strerror}.") from error
    return copy


def _copied(copy: ProjectCopy, folder: Path) -> ProjectCopy:
    try:
        return writable_copy(copy, folder)
    except OSError as error:
        raise CannotRun(f"Could not copy the project to run its tests: {error.strerror}.") from error
