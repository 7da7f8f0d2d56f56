"""The workspace: copies of the project and a scratch folder.

Nothing is ever run in the user's own tree. A language adds what its runs need; see `runner.py`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from testsmith.execution.sandbox.interface import Limits, Sandbox
from testsmith.execution.tempdirs import remove_tree
from testsmith.git.repository import Repository
from testsmith.git.trees import RepositoryTree
from testsmith.model import Failure
from testsmith.settings import VerificationSettings

_MOST_IGNORE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectCopy:
    """A copy of the project at one revision.

    Attributes:
        root: Copy of the git root.
        source_roots: Folders that contain sources, the project's folder first.
    """

    root: Path
    source_roots: tuple[Path, ...]

    def ignores(self, name: str) -> bool:
        """Return whether `.gitignore` at the root covers a file of this name in any folder.

        Only patterns without folders are read; the last one that matches decides, as in git.
        """
        try:
            with (self.root / ".gitignore").open("rb") as file:
                lines = file.read(_MOST_IGNORE_BYTES).decode("utf-8", "replace").splitlines()
        except OSError:
            return False
        found = [line for line in map(str.strip, lines) if fnmatchcase(name, line.lstrip("!").strip("/"))]
        return bool(found) and not found[-1].startswith("!")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """What is needed to run code of the project, in any language.

    Attributes:
        head: Copy of head.
        base: Copy of base; None if there is none.
        scratch: Parent of the working folders, one per process; see `new_folder`.
        sandbox: Runs the processes.
        limits: Limits for one process.
        parallel: Maximum number of parallel processes.
        refused_folders: Folders that nothing is loaded from: the user's own tree, which an editable
            installation would add.
        notes: Remarks for the report.
        readable: Additional folders that every process may read.
    """

    head: ProjectCopy
    base: ProjectCopy | None
    scratch: Path
    sandbox: Sandbox
    limits: Limits
    parallel: int = 2
    refused_folders: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    readable: tuple[Path, ...] = ()

    def new_folder(self, purpose: str) -> Path:
        """Create an empty working folder in the scratch folder; `purpose` becomes part of its name."""
        return Path(tempfile.mkdtemp(prefix=f"{purpose}-", dir=self.scratch))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceOrder:
    """What a workspace is created from.

    Attributes:
        repository: Repository under review.
        head: Files of head.
        base: Files of base; None if there is none.
        settings: Interpreter, limits, number of processes.
        build_sandbox: Builds the sandbox for the program that runs the tests.
        environment: Environment variables of the bot, used to find that program.
        environments: Folder where installed environments are kept between runs; None to keep none.
        opened: Opened folder relative to the Git root, which the user's commands are written for; None for
            the repository's project.
    """

    repository: Repository
    head: RepositoryTree
    base: RepositoryTree | None
    settings: VerificationSettings
    build_sandbox: Callable[[Path], Awaitable[Sandbox]]
    environment: Mapping[str, str] = field(default_factory=dict)
    environments: Path | None = None
    opened: str | None = None

    @property
    def opened_folder(self) -> str:
        """Folder of the user's commands and of a shared environment, relative to the Git root."""
        return self.repository.project if self.opened is None else self.opened


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


MOST_COPY_BYTES = 256 * 1024**2
"""Project copies larger than this are not copied again for a run."""


def is_small(root: Path) -> bool:
    """Return whether a copy is small enough to be copied again for a run."""
    room = MOST_COPY_BYTES
    for path, _, files in os.walk(root):
        room -= sum(os.lstat(os.path.join(path, name)).st_size for name in files)  # noqa: PTH118 - many files
        if room < 0:
            return False
    return True


class CannotPrepare(Failure):
    """The project cannot be run; the message says why and what to do."""


class NotInstalled(CannotPrepare):
    """The project, or what its tests need, is not installed; installing it may help."""


@contextlib.contextmanager
def copying() -> Iterator[None]:
    """Say what to do if the project cannot be copied.

    Raises:
        CannotPrepare: A file could not be written.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or "some files could not be written"
        raise CannotPrepare(
            f"Could not copy the project to run its tests ({reason}). Free disk space, or set TMPDIR to "
            f"another folder."
        ) from error


def remove_folder(folder: Path) -> None:
    """Remove as much of a folder as possible."""
    with contextlib.suppress(OSError):
        remove_tree(folder)


MOST_ENVIRONMENTS = 5
"""Maximum installed environments that are kept in the cache folder."""

ENVIRONMENT_SECONDS = 7 * 86_400.0
"""After this time an environment is installed again, because newer versions may be allowed."""


def environments_of(folder: Path) -> list[Path]:
    """Return the environments that are kept in a folder, newest first; unfinished ones, too."""
    try:
        return sorted(folder.iterdir(), key=lambda one: one.lstat().st_mtime, reverse=True)
    except OSError:
        return []


def remove_old_environments(folder: Path, most: int = MOST_ENVIRONMENTS) -> int:
    """Remove the environments that are too old, and the oldest of too many; return how many were removed."""
    found = environments_of(folder)
    oldest = time.time() - ENVIRONMENT_SECONDS
    removed = [one for place, one in enumerate(found) if place >= most or one.lstat().st_mtime < oldest]
    for one in removed:
        remove_folder(one)
    return len(removed)
