"""Limits on the resources of a whole run; the kernel's own limits apply to single processes and files only.

They are checked a few times a second, so a run can exceed them in between. `target.py` limits single
processes.
"""

from __future__ import annotations

import math
import os
import time

from testsmith.execution.sandbox.linux import processes
from testsmith.execution.sandbox.linux.plan import Bounds, Identity

INTERVAL = 0.1
"""Seconds between two checks."""

_MIB = 1024**2
_SPARED_MEMORY = 256 * _MIB
_SPARED_DISK = 512 * _MIB
_SPARED_FILES = 20_000
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - only searched for files of a sandbox user
_DISK_INTERVAL = 0.5
_DISK_SHARE = 0.1


class ResourceMonitor:
    """Checks whether the launcher's descendants stay within their limits."""

    def __init__(self, bounds: Bounds, folder: str, identity: Identity | None) -> None:
        self._bounds = bounds
        self._folder = folder
        self._uid = None if identity is None else identity.uid
        # If little memory is available from the start, a run may still use half of it.
        self._least_memory = min(_SPARED_MEMORY, processes.available_memory() // 2)
        free, files = _free(folder)
        self._least_disk = min(_SPARED_DISK, free / 2)
        self._least_files = min(_SPARED_FILES, files / 2)
        self._next_disk_look = time.monotonic() + _DISK_INTERVAL

    def exceeded(self) -> str:
        """Return a description of the exceeded limit; empty if there is none."""
        running = processes.descendants(os.getpid())
        if processes.tasks(running) > self._bounds.tasks:
            return f"more than {self._bounds.tasks} processes and threads"
        if processes.own_memory(running) + _shared_memory(self._uid) > self._bounds.memory_bytes:
            return f"more than {self._bounds.memory_bytes // _MIB} MiB of memory"
        if processes.available_memory() < self._least_memory:
            return "almost all of the machine's memory"
        free, files = _free(self._folder)
        if free < self._least_disk:
            return "almost all of the disk"
        if files < self._least_files:
            return "almost all free inodes of the disk"
        return self._exceeded_disk()

    def _exceeded_disk(self) -> str:
        """Measure the folder, spending only a small share of the time on it."""
        started = time.monotonic()
        if started < self._next_disk_look:
            return ""
        used = used_bytes(self._folder, self._bounds.disk_bytes)
        ended = time.monotonic()
        self._next_disk_look = ended + max(_DISK_INTERVAL, (ended - started) / _DISK_SHARE)
        return (
            f"more than {self._bounds.disk_bytes // _MIB} MiB of disk"
            if used > self._bounds.disk_bytes
            else ""
        )


def used_bytes(folder: str, enough: int) -> int:
    """Return the disk usage of a folder in bytes, not following links; stop counting beyond `enough`."""
    used = 0
    waiting = [folder]
    while waiting and used <= enough:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    used += max(status.st_blocks * 512, 512)  # an empty file uses an inode
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:  # removed or unreadable; the check of free space covers it
            continue
    return used


def _shared_memory(uid: int | None) -> int:
    """Return the bytes in shared memory that belong to a sandbox user; 0 without a separate user id."""
    if uid is None:
        return 0
    try:
        with os.scandir(_SHARED_MEMORY) as entries:
            found = [entry.stat(follow_symlinks=False) for entry in entries]
    except OSError:  # removed in the meantime; the next check counts again
        return 0
    return sum(status.st_blocks * 512 for status in found if status.st_uid == uid)


def _free(folder: str) -> tuple[float, float]:
    """Return the free bytes and inodes on the folder's disk."""
    try:
        status = os.statvfs(folder)
    except OSError:  # the target has removed it
        return math.inf, math.inf
    # Some file systems allocate inodes as needed and report none.
    return status.f_bavail * status.f_frsize, status.f_favail if status.f_files else math.inf
