"""Removing a folder in which untrusted code has worked."""

from __future__ import annotations

import errno
import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def remove_tree(folder: Path) -> None:
    """Remove a folder and all in it, whatever has been made of it: no link is followed, no mode hinders.

    However deep it is nested, only two folders are open at a time: what lies deeper is first moved up.

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
    """Remove one entry of the top folder; folders within it become entries of the top folder."""
    if not _is_folder(top, name):
        os.unlink(name, dir_fd=top)
        return
    os.chmod(name, 0o700, dir_fd=top)
    inner = os.open(name, _OPEN_FOLDER, dir_fd=top)
    try:
        for inner_name in _names(inner):
            if _is_folder(inner, inner_name):
                os.chmod(inner_name, 0o700, dir_fd=inner)  # else it could not be moved
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
