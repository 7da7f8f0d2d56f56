"""What the action leaves in files: outputs, the step's summary, the report, and whose they are.

The workspace holds what a pull request checked in, so nothing there is written through a link. The action
runs as root in its container; what it writes is given to the workspace's owner, or a runner of one's own
could not clean up after it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from testsmith.model import Failure, UsageFailure

REPORT_FOLDER = "testsmith-report"
REPORT_NAME = "report.json"
PATCH_NAME = "tests.patch"

_IGNORED = "*\n"
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def append_outputs(path: Path, values: Mapping[str, str], delimiter: str) -> None:
    """Set outputs of the step.

    Args:
        path: The file that GitHub reads them from.
        values: The outputs.
        delimiter: A random word, so that no value can hold it and set further outputs.

    Raises:
        Failure: They cannot be written.
    """
    lines = [f"{name}<<{delimiter}\n{value}\n{delimiter}\n" for name, value in values.items()]
    _append(path, "".join(lines), "the outputs")


def append_summary(path: Path, markdown: str) -> None:
    """Add to the step's summary.

    Raises:
        Failure: It cannot be written.
    """
    _append(path, markdown, "the job summary")


def _append(path: Path, text: str, what: str) -> None:
    try:
        with path.open("ab") as file:
            file.write(_encoded(text))
    except OSError as error:
        raise Failure(f"{what} cannot be written to {path}: {error.strerror}.") from error


def _encoded(text: str) -> bytes:
    return text.encode(errors="backslashreplace")


def write_report(workspace: Path, document: str) -> str:
    """Leave the report in the workspace, in a folder of its own that git ignores.

    Returns:
        The file's path relative to the workspace.

    Raises:
        Failure: It cannot be written, or the checkout holds something else of the folder's name.
    """
    return _written(workspace, REPORT_NAME, document, "the report")


def write_patch(workspace: Path, patch: str) -> str:
    """Leave a patch beside the report; returns and raises as `write_report` does."""
    return _written(workspace, PATCH_NAME, patch, "the patch")


def _written(workspace: Path, name: str, text: str, what: str) -> str:
    try:
        with _opened(workspace) as root, _own_folder(root, REPORT_FOLDER) as folder:
            _replace(folder, ".gitignore", _IGNORED)
            _replace(folder, name, text)
    except OSError as error:
        raise Failure(f"{what} cannot be written to {REPORT_FOLDER}/{name}: {_reason(error)}.") from error
    return f"{REPORT_FOLDER}/{name}"


def _reason(error: OSError) -> str:
    if error.errno in {errno.ELOOP, errno.ENOTDIR}:
        return "the checkout holds a link or a file of that folder's name"
    return error.strerror or "unknown"


@contextmanager
def _opened(path: Path | str, within: int | None = None) -> Iterator[int]:
    descriptor = os.open(path, _OPEN_FOLDER, dir_fd=within)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _own_folder(root: int, name: str) -> Iterator[int]:
    """Open a folder of the workspace, made where there is none, and give it to the workspace's owner."""
    with suppress(FileExistsError):
        os.mkdir(name, 0o755, dir_fd=root)
    with _opened(name, root) as folder:
        _hand_over(folder, os.fstat(root))
        yield folder


def _replace(folder: int, name: str, text: str) -> None:
    """Put a file in the place of whatever has its name; a link there is replaced, never followed."""
    passing = f".{name}.new"
    with suppress(FileNotFoundError):
        os.unlink(passing, dir_fd=folder)
    descriptor = os.open(passing, _NEW_FILE, 0o644, dir_fd=folder)
    with os.fdopen(descriptor, "wb") as file:
        file.write(_encoded(text))
        _hand_over(descriptor, os.fstat(folder))
    os.replace(passing, name, src_dir_fd=folder, dst_dir_fd=folder)


def _hand_over(descriptor: int, owner: os.stat_result) -> None:
    if os.geteuid() == 0:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def check_cache_folder(workspace: Path, folder: Path) -> None:
    """Make sure that a cache folder is where its name says, and that nothing in it leads elsewhere.

    Raises:
        UsageFailure: A link that the checkout holds stands in the way.
    """
    for path in (*_way(workspace, folder), *_inside(folder)):
        if path.is_symlink():
            raise UsageFailure(
                f"the input `cache-dir` cannot be used, since `{path}` is a link; name a folder "
                "that no commit holds."
            )


def give_to_owner(workspace: Path, folder: Path) -> None:
    """Give a folder, what is in it, and its parents below the workspace to the workspace's owner.

    Links are not followed.

    Raises:
        Failure: The folder cannot be read, or not be given away.
    """
    if os.geteuid() != 0 or not folder.is_dir():
        return
    owner = workspace.stat()
    try:
        for path in _way(workspace, folder):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
        for _, folders, files, descriptor in os.fwalk(folder):
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
            for name in (*folders, *files):
                os.chown(name, owner.st_uid, owner.st_gid, dir_fd=descriptor, follow_symlinks=False)
    except OSError as error:
        raise Failure(f"{folder} cannot be given to the workspace's owner: {error.strerror}.") from error


def _way(workspace: Path, folder: Path) -> tuple[Path, ...]:
    """Return the folders between the workspace and one below it, that one included."""
    steps = folder.relative_to(workspace).parts if folder.is_relative_to(workspace) else ()
    return tuple(workspace.joinpath(*steps[:count]) for count in range(1, len(steps) + 1))


def _inside(folder: Path) -> Iterator[Path]:
    if folder.is_dir() and not folder.is_symlink():
        yield from folder.iterdir()
