"""Private folders for the length of a run, and what a run that was killed has left of them.

Whoever makes such a folder holds a lock in it for as long as it lives: a folder whose lock is free belongs to
nobody any more, and the next start removes it. Nobody else's folder, and no link, is ever touched.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from testsmith.execution.removal import remove_tree

_PREFIX = "testsmith-"
_LOCK = ".lock"
_UNFINISHED_LOCK = ".lock-to-be"
_held: set[Path] = set()
"""The folders of this process."""


class ScratchFolder:
    """A new private folder, locked; removed with `remove`, or at the end of a `with`.

    Attributes:
        path: Where it is, without links.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
        unfinished = self.path / _UNFINISHED_LOCK
        self._lock = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        unfinished.rename(self.path / _LOCK)  # nobody sees a lock that is not held yet
        _held.add(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.remove()

    def remove(self) -> None:
        """Remove the folder as far as that is possible, and let go of its lock."""
        with contextlib.suppress(OSError):
            remove_tree(self.path)
        _held.discard(self.path)
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1


def is_in_scratch(path: Path) -> bool:
    """Tell whether a path lies below a scratch folder of this process, with no link on the way."""
    return not _held.isdisjoint(path.parents) and path.resolve() == path


def remove_abandoned() -> None:
    """Remove the folders of this user whose makers are gone, as after SIGKILL."""
    with contextlib.suppress(OSError):
        for folder in _own_folders(Path(tempfile.gettempdir()).resolve()):
            with contextlib.suppress(OSError):
                _remove_if_abandoned(folder)


def _own_folders(place: Path) -> Iterator[Path]:
    """Yield this user's scratch folders, where nobody else could put others in their places."""
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
