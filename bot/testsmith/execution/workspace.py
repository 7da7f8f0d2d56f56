"""Where the code under test stands while it is run: copies of the project, an interpreter, a scratch folder.

Nothing is ever run in the person's own tree. Both the offline engine and the verification work in one
`Workspace`, made once a run and removed at its end.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from testsmith.execution.project_tests.command import PLAIN_PYTEST, TestCommand
from testsmith.execution.sandbox.interface import Limits, Sandbox
from testsmith.execution.tempdirs import remove_tree
from testsmith.model import Failure

UNKNOWN_VERSION = (0, 0)
"""The version of an interpreter whose name does not tell it, until it has been tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """The Python that runs the tests.

    Attributes:
        path: The executable.
        version: As `(3, 13)`, or `UNKNOWN_VERSION`.
        hidden_modules: Top-level modules that it could import only because the bot is installed in the
            same environment; they are refused inside the sandbox, as they are not there for the reviewer.
        packages: The folders of what is installed for it.
        locale: Another locale that the system has, of another language; empty where it has none.
        borrowed_folders: Such folders of another interpreter, which go last on its import path.
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
        root: The copy of the git root.
        source_roots: Folders that go on the import path: the project's folder, and its `src/` if there.
    """

    root: Path
    source_roots: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """All that is needed to run something of the project.

    Attributes:
        head: The copy of head.
        base: The copy of the merge base; None where there is none.
        interpreter: What runs the tests.
        scratch: A folder for working folders, one a process; see `new_folder`.
        sandbox: What runs the processes.
        limits: The limits of one process.
        pytest_ini: Text of the pytest configuration for the runs: the project's own strictness and warning
            filters, with `addopts` emptied.
        parallel: How many processes may run side by side.
        owned_modules: Top-level modules that come from the copies or not at all, even where the interpreter
            has an installed version of the project: those that head or base has.
        refused_folders: Folders that are never on the import path: the person's own tree, which an editable
            installation would put there.
        notes: What a reader of the report should know about all this.
        readable: Further folders that every process reads.
        test_command: How the project's own tests are run.
        other: The same with another interpreter that the project allows; None where none is at hand.
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
        """Make an empty working folder in the scratch folder; `purpose` is a plain word of its name."""
        return Path(tempfile.mkdtemp(prefix=f"{purpose}-", dir=self.scratch))


def writable_copy(copy: ProjectCopy, folder: Path) -> ProjectCopy:
    """Write a copy of a copy into a working folder, for what runs there to write to, as its authors would.

    Args:
        copy: What is copied; links stay links.
        folder: The working folder, see `Workspace.new_folder`.

    Raises:
        OSError: There is no room for it.
    """
    root = folder / "project"
    shutil.copytree(copy.root, root, symlinks=True)
    return ProjectCopy(
        root=root, source_roots=tuple(root / place.relative_to(copy.root) for place in copy.source_roots)
    )


class CannotPrepare(Failure):
    """Nothing of the project can be run; the message says why, and what to do."""


def remove_folder(folder: Path) -> None:
    """Remove a folder as far as that is possible, whatever a test has made of it."""
    with contextlib.suppress(OSError):
        remove_tree(folder)
