"""What a workspace needs to run Python: an interpreter and the settings of its runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from testsmith.execution.workspace import ProjectCopy, Workspace
from testsmith.languages.python.running.project_tests.command import PLAIN_PYTEST, TestCommand
from testsmith.languages.python.running.worker_pool import WorkerPool
from testsmith.languages.python.test_files.test_paths import TestFileNames

UNKNOWN_VERSION = (0, 0)
"""Version of an interpreter whose file name does not contain it, until it has been run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """The Python that runs the tests.

    Attributes:
        path: The executable.
        version: For example `(3, 13)`, or `UNKNOWN_VERSION`.
        hidden_modules: Top-level modules that it has only because the bot is installed in the same
            environment. Importing them fails in the sandbox, as it would for a reviewer.
        packages: Its site-packages folders.
        locale: An installed locale of another language; empty if there is none.
        borrowed_folders: Site-packages folders of another interpreter, placed last on the import path.
    """

    path: Path
    version: tuple[int, int]
    hidden_modules: tuple[str, ...] = ()
    packages: tuple[Path, ...] = ()
    locale: str = ""
    borrowed_folders: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonWorkspace(Workspace):
    """A workspace that runs Python.

    Attributes:
        interpreter: Python that runs the tests.
        test_file_names: Names of the project's test files.
        pytest_ini: Content of the pytest configuration: the project's strictness and warning filters, without
            `addopts`.
        owned_modules: Top-level modules of head or base. They are only imported from the copies, even if the
            project is also installed in the interpreter.
        test_command: Command that runs the project's tests.
        test_folder: Folder to run it in, relative to the git root; None for the project's folder.
        recording_seconds: Time limit for recording the calls that they make; 0 not to.
        workers: Waiting worker processes, also of workspaces made from this one.
        other: The same workspace with another interpreter that the project supports; None if there is none.
    """

    interpreter: Interpreter
    pytest_ini: str = "[pytest]\n"
    test_file_names: TestFileNames = field(default_factory=TestFileNames)
    owned_modules: frozenset[str] = frozenset()
    test_command: TestCommand = PLAIN_PYTEST
    test_folder: str | None = None
    recording_seconds: float = 0.0
    workers: WorkerPool = field(default_factory=WorkerPool)
    other: PythonWorkspace | None = None

    def test_folder_in(self, copy: ProjectCopy) -> Path:
        """Return the folder in a copy where the test command runs."""
        return copy.source_roots[0] if self.test_folder is None else copy.root / self.test_folder
