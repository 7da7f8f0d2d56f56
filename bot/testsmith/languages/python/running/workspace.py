"""The workspace: copies of the project, an interpreter and a scratch folder.

Nothing is ever run in the user's own tree. The offline engine and the verification share one `Workspace`,
created once per run and removed at its end.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from testsmith.execution.sandbox.interface import Limits, Sandbox
from testsmith.execution.tempdirs import remove_tree
from testsmith.languages.python.running.project_tests.command import PLAIN_PYTEST, TestCommand
from testsmith.model import Failure

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
class ProjectCopy:
    """A copy of the project at one revision.

    Attributes:
        root: Copy of the git root.
        source_roots: Folders on the import path: the project's folder, and its `src/` if any.
    """

    root: Path
    source_roots: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Everything needed to run code of the project.

    Attributes:
        head: Copy of head.
        base: Copy of base; None if there is none.
        interpreter: Python that runs the tests.
        scratch: Parent of the working folders, one per process; see `new_folder`.
        sandbox: Runs the processes.
        limits: Limits for one process.
        pytest_ini: Content of the pytest configuration: the project's strictness and warning filters, without
            `addopts`.
        parallel: Maximum number of parallel processes.
        owned_modules: Top-level modules of head or base. They are only imported from the copies, even if the
            project is also installed in the interpreter.
        refused_folders: Folders that are never on the import path: the user's own tree, which an editable
            installation would add.
        notes: Remarks for the report.
        readable: Additional folders that every process may read.
        test_command: Command that runs the project's tests.
        other: The same workspace with another interpreter that the project supports; None if there is none.
    """

    head: ProjectCopy
    base: ProjectCopy | None
    interpreter: Interpreter
    scratch: Path
    sandbox: Sandbox
    limits: Limits
    pytest_ini: str = "[pytest]\n"
    parallel: int = 2
    owned_modules: frozenset[str] = frozenset()
    refused_folders: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    readable: tuple[Path, ...] = ()
    test_command: TestCommand = PLAIN_PYTEST
    other: Workspace | None = None

    def new_folder(self, purpose: str) -> Path:
        """Create an empty working folder in the scratch folder; `purpose` becomes part of its name."""
        return Path(tempfile.mkdtemp(prefix=f"{purpose}-", dir=self.scratch))


def writable_copy(copy: ProjectCopy, folder: Path) -> ProjectCopy:
    """Duplicate a copy into a working folder where the code that runs may write to it.

    Args:
        copy: The copy to duplicate; links stay links.
        folder: Working folder, see `Workspace.new_folder`.

    Raises:
        OSError: There is not enough space.
    """
    root = folder / "project"
    shutil.copytree(copy.root, root, symlinks=True)
    return ProjectCopy(
        root=root, source_roots=tuple(root / place.relative_to(copy.root) for place in copy.source_roots)
    )


class CannotPrepare(Failure):
    """The project cannot be run; the message says why and what to do."""


def remove_folder(folder: Path) -> None:
    """Remove as much of a folder as possible."""
    with contextlib.suppress(OSError):
        remove_tree(folder)
