"""Unused user ids, each lent to one run so that every process with the id belongs to that run.

Folders created by the bot are handed over to these users, who have no other rights. A folder may contain
anything that untrusted code left there: links are never followed, and files with more than one hard link are
left alone.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import random
import socket
import stat
import tempfile
import weakref
from pathlib import Path

from testsmith.execution.sandbox.interface import CannotRun
from testsmith.execution.sandbox.linux import processes
from testsmith.execution.sandbox.linux.reaper import KILLER_OFFSET
from testsmith.execution.tempdirs import is_in_scratch

_UNUSED = range(60578, 61184, KILLER_OFFSET + 1)
"""Ids reserved as unused in systemd's list, below the 65,536 that a container maps by default."""


class Users:
    """Lends user ids that no other bot on this machine uses at the same time.

    Attributes:
        group: Common group of these users, also an unused id.

    Raises:
        CannotRun: No id is left.
    """

    def __init__(self) -> None:
        self._free: list[int] = []
        # Random, because a bot in a container cannot see the lock names and processes of other containers.
        self._candidates = iter(random.sample(_UNUSED, len(_UNUSED)))
        self._locks: list[int] = []
        weakref.finalize(self, _close_all, self._locks)
        self.group = self.borrow()
        self.give_back(self.group)

    def borrow(self) -> int:
        """Return a user id for one run.

        Raises:
            CannotRun: No id is left.
        """
        return self._free.pop() if self._free else self._claim()

    def give_back(self, uid: int) -> None:
        """Return a user id to the pool. No process with that id may be left."""
        self._free.append(uid)

    def _claim(self) -> int:
        for uid in self._candidates:
            pair = frozenset({uid, uid + KILLER_OFFSET})
            if all(map(_is_free, pair)) and not any(processes.users(pair)) and self._lock(uid):
                return uid
        raise CannotRun("No user id between 60578 and 61183 is free to run untrusted code.")

    def _lock(self, uid: int) -> bool:
        """Bind an abstract socket name, unique on the machine, released when this process ends."""
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f"\0testsmith-sandbox-{uid}")
        except OSError:
            lock.close()
            return False
        self._locks.append(lock.detach())
        return True


def _close_all(locks: list[int]) -> None:
    for lock in locks:
        os.close(lock)


def can_be_mapped(uid: int) -> bool:
    """Return whether a user id exists in this process's user namespace."""
    for line in Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines():
        first, _, count = map(int, line.split())
        if first <= uid < first + count:
            return True
    return False


def _is_free(number: int) -> bool:
    if not can_be_mapped(number):
        return False
    for look_up in (pwd.getpwuid, grp.getgrgid):
        try:
            look_up(number)
        except KeyError:
            continue
        return False
    return True


_READ_AND_ENTER, _READ, _ENTER = 0o050, 0o040, 0o010
_NOT_BY_OTHERS = 0o755


def hand_over(folder: Path, uid: int, gid: int) -> None:
    """Make a user the owner of a folder and everything in it; only that user and root can then enter it.

    Raises:
        OSError: The kernel refuses.
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
    """Let a group read a scratch folder of the bot and everything in it.

    Raises:
        PermissionError: It is not a scratch folder, so its groups and modes must not be changed.
        OSError: The kernel refuses.
    """
    if not is_in_scratch(folder):
        raise PermissionError(errno.EPERM, "it is not in a scratch folder of the bot", str(folder))
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
    """Make the bot's user the owner of a folder and everything in it, and remove write access for others.

    Anything except files, folders and links is removed; files with more than one hard link are left as they
    are.

    Raises:
        OSError: The kernel refuses.
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


def may_all_read(folder: Path) -> bool:
    """Return whether every user of the machine may list a folder: root's home, for example, is private."""
    way = folder.resolve()
    reached = all(part.stat().st_mode & stat.S_IXOTH for part in (way, *way.parents))
    return reached and bool(way.stat().st_mode & stat.S_IROTH)


def open_way(path: Path, gid: int) -> None:
    """Let a group pass through the bot's folders in the temporary directory, down to a path.

    Raises:
        CannotRun: Another folder on the path does not let it pass.
    """
    ours = Path(tempfile.gettempdir()).resolve()
    for place in path.resolve().parents:
        status = place.stat()
        if status.st_mode & stat.S_IXOTH or (status.st_gid == gid and status.st_mode & stat.S_IXGRP):
            continue
        if not (place.is_relative_to(ours) and place != ours and status.st_uid == os.geteuid()):
            raise CannotRun(
                f"The sandbox's user cannot enter {place}. Make it accessible to all users, or set TMPDIR "
                f"to a folder that is."
            )
        os.chown(place, -1, gid)
        place.chmod(stat.S_IMODE(status.st_mode) | _ENTER)
