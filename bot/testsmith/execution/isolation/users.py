"""User ids that nobody has, lent to one run each, so that all that runs under one of them is that run's."""

from __future__ import annotations

import grp
import os
import pwd
import random
import socket
import weakref
from pathlib import Path

from testsmith.execution.isolation import processes
from testsmith.execution.isolation.sweep import KILLER_OFFSET
from testsmith.execution.sandbox import CannotRun

_UNUSED = range(60578, 61184, KILLER_OFFSET + 1)
"""The ids that systemd's list of ids keeps free, below what a container maps by default (65,536)."""


class Users:
    """Lends user ids. Another bot on this machine does not lend the same ones meanwhile.

    Attributes:
        group: The group of all of them: an id that nobody has either.

    Raises:
        CannotRun: There is none left.
    """

    def __init__(self) -> None:
        self._free: list[int] = []
        # By chance, since a bot in a container does not see the names and processes of one beside it.
        self._candidates = iter(random.sample(_UNUSED, len(_UNUSED)))
        self._locks: list[int] = []
        weakref.finalize(self, _close_all, self._locks)
        self.group = self.borrow()
        self.give_back(self.group)

    def borrow(self) -> int:
        """Return a user id for one run.

        Raises:
            CannotRun: There is none left.
        """
        return self._free.pop() if self._free else self._claim()

    def give_back(self, uid: int) -> None:
        """Take a user id back of which no process is left."""
        self._free.append(uid)

    def _claim(self) -> int:
        for uid in self._candidates:
            pair = frozenset({uid, uid + KILLER_OFFSET})
            if all(map(_is_free, pair)) and not any(processes.users(pair)) and self._lock(uid):
                return uid
        raise CannotRun(
            "There is no unused user id left between 60578 and 61183 to run untrusted code under."
        )

    def _lock(self, uid: int) -> bool:
        """Hold a name that only one process at a time can hold, and that ends with it."""
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
    """Tell whether this process's user namespace has a user id at all."""
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
