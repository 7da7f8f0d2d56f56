"""Giving folders that the bot has made to the sandbox's users, who have no rights of their own.

A folder may hold what untrusted code has left there: no link is followed, and a file that has a second
name elsewhere is left as it is.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

from testsmith.execution.sandbox import CannotRun
from testsmith.execution.scratch import is_in_scratch

_READ_AND_ENTER, _READ, _ENTER = 0o050, 0o040, 0o010
_NOT_BY_OTHERS = 0o755


def hand_over(folder: Path, uid: int, gid: int) -> None:
    """Make a user the owner of a folder and of all in it; nobody but that user and root enters it then.

    Raises:
        OSError: It cannot be done.
    """
    for place, _, files, descriptor in os.fwalk(folder, follow_symlinks=False):
        for name in files:
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if status.st_nlink == 1 and status.st_uid != uid:
                os.chown(name, uid, gid, dir_fd=descriptor, follow_symlinks=False)
        os.fchown(descriptor, uid, gid)
        if place == os.fspath(folder):
            os.fchmod(descriptor, 0o700)


def share(folder: Path, gid: int) -> None:
    """Let a group read a folder and all in it, which lies below a scratch folder of the bot's.

    Raises:
        PermissionError: It lies elsewhere, so its groups and modes are for others to choose.
        OSError: It cannot be done.
    """
    if not is_in_scratch(folder):
        raise PermissionError(errno.EPERM, "it does not lie in a scratch folder of the bot's", str(folder))
    for _, _, files, descriptor in os.fwalk(folder, follow_symlinks=False):
        for name in files:
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
                os.chown(name, -1, gid, dir_fd=descriptor, follow_symlinks=False)
                executable = _ENTER if status.st_mode & stat.S_IXUSR else 0
                os.chmod(name, stat.S_IMODE(status.st_mode) | _READ | executable, dir_fd=descriptor)
        os.fchown(descriptor, -1, gid)
        os.fchmod(descriptor, stat.S_IMODE(os.fstat(descriptor).st_mode) | _READ_AND_ENTER)


def take_back(folder: Path) -> None:
    """Make the bot's own user the owner of a folder and of all in it, which nobody else may write to then.

    What is neither file, folder nor link is removed; a file that has a second name is left as it is.

    Raises:
        OSError: It cannot be done.
    """
    user, group = os.geteuid(), os.getegid()
    for _, _, files, descriptor in os.fwalk(folder, follow_symlinks=False):
        for name in files:
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode):
                os.chown(name, user, group, dir_fd=descriptor, follow_symlinks=False)
            elif not stat.S_ISREG(status.st_mode):
                os.unlink(name, dir_fd=descriptor)
            elif status.st_nlink == 1:
                os.chown(name, user, group, dir_fd=descriptor, follow_symlinks=False)
                os.chmod(name, status.st_mode & _NOT_BY_OTHERS | stat.S_IRUSR, dir_fd=descriptor)
        os.fchown(descriptor, user, group)
        os.fchmod(descriptor, os.fstat(descriptor).st_mode & _NOT_BY_OTHERS | stat.S_IRWXU)


def open_way(path: Path, gid: int) -> None:
    """Let a group pass through the bot's own folders in the folder for temporary files, down to a path.

    Raises:
        CannotRun: The way there leads through another folder that does not let it pass.
    """
    ours = Path(tempfile.gettempdir()).resolve()
    for place in path.resolve().parents:
        status = place.stat()
        if status.st_mode & stat.S_IXOTH or (status.st_gid == gid and status.st_mode & stat.S_IXGRP):
            continue
        if not (place.is_relative_to(ours) and place != ours and status.st_uid == os.geteuid()):
            raise CannotRun(
                f"The sandbox's user cannot enter {place}: let others enter it,"
                " or set TMPDIR to a folder that everybody may enter."
            )
        os.chown(place, -1, gid)
        place.chmod(stat.S_IMODE(status.st_mode) | _ENTER)
