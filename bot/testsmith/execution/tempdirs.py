"""Private temporary folders for a run, and their safe removal after untrusted code used them.

The process that creates a folder holds a lock in it. An unlocked folder was left by a process that was
killed, and the next start removes it. Folders of other users and links are never touched.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def remove_tree(folder: Path) -> None:
    """Remove a folder and everything in it, without following links and regardless of permissions.

    Deeply nested content is moved up first, so only two folders are open at a time.

    Raises:
        OSError: Something in it cannot be removed.
    """
    if folder.is_symlink():
        raise NotADirectoryError(errno.ENOTDIR, "it is a link", str(folder))
    folder.chmod(0o700)
    top = os.open(folder, _OPEN_FOLDER)
    try:
        new_names = (f"removed-{number}" for number in itertools.count())
        while names := _names(top):
            taken = set(names)
            for name in names:
                _remove_entry(top, name, (new for new in new_names if new not in taken))
    finally:
        os.close(top)
    folder.rmdir()


def _remove_entry(top: int, name: str, new_names: Iterator[str]) -> None:
    """Remove one entry of the top folder; its subfolders become entries of the top folder."""
    if not _is_folder(top, name):
        os.unlink(name, dir_fd=top)
        return
    os.chmod(name, 0o700, dir_fd=top)
    inner = os.open(name, _OPEN_FOLDER, dir_fd=top)
    try:
        for inner_name in _names(inner):
            if _is_folder(inner, inner_name):
                os.chmod(inner_name, 0o700, dir_fd=inner)  # required to move it
                os.rename(inner_name, next(new_names), src_dir_fd=inner, dst_dir_fd=top)
            else:
                os.unlink(inner_name, dir_fd=inner)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=top)


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _is_folder(parent: int, name: str) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)


_PREFIX = "testsmith-"
_LOCK = ".lock"
_UNFINISHED_LOCK = ".lock-to-be"
_held: set[Path] = set()
"""Folders of this process."""


class ScratchFolder:
    """A new private folder with a lock; removed by `remove` or at the end of a `with` block.

    Attributes:
        path: Absolute path without links.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
        unfinished = self.path / _UNFINISHED_LOCK
        self._lock = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        unfinished.rename(self.path / _LOCK)  # no process sees the lock file before it is locked
        _held.add(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.remove()

    def remove(self) -> None:
        """Remove as much of the folder as possible and release its lock."""
        with contextlib.suppress(OSError):
            remove_tree(self.path)
        _held.discard(self.path)
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1


def is_in_scratch(path: Path) -> bool:
    """Return whether a path is below a scratch folder of this process, without links."""
    return not _held.isdisjoint(path.parents) and path.resolve() == path


def remove_abandoned() -> None:
    """Remove this user's folders whose process no longer exists, for example after SIGKILL."""
    with contextlib.suppress(OSError):
        for folder in _own_folders(Path(tempfile.gettempdir()).resolve()):
            with contextlib.suppress(OSError):
                _remove_if_abandoned(folder)


def _own_folders(place: Path) -> Iterator[Path]:
    """Yield this user's scratch folders, if no other user could have replaced them."""
    status = place.stat()
    others_may_move = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not status.st_mode & stat.S_ISVTX
    if others_may_move or status.st_uid not in {0, os.geteuid()}:
        return
    for found in place.glob(f"{_PREFIX}*"):
        status = found.lstat()
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
            yield found


def _remove_if_abandoned(folder: Path) -> None:
    lock = os.open(folder / _LOCK, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove_tree(folder)
    finally:
        os.close(lock)
