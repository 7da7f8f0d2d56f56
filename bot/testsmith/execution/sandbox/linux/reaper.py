"""End every process that a target has started, even if it tries to escape."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

from testsmith.execution.sandbox.linux import processes
from testsmith.execution.sandbox.linux.plan import Identity

KILLER_OFFSET = 1
"""A sandbox user's id plus this is the user that kills that user's processes."""

_SECONDS = 5.0
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - only searched for files of a sandbox user


def reaped() -> Iterator[tuple[int, int]]:
    """Reap children that have ended, including orphans; yield their ids and wait statuses.

    Raises:
        ChildProcessError: No child is left, and so no descendant.
    """
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        yield pid, status


def end_everything(target: int, identity: Identity | None, *, scoped: bool) -> tuple[int | None, int]:
    """Kill and reap all descendants of the target, and all processes of its user if it has its own.

    Returns:
        Wait status of the target if it was reaped here, and the number of processes that could not be ended.
    """
    its_status = None
    deadline = time.monotonic() + _SECONDS
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < deadline:
            _kill_at_once(target, identity, scoped=scoped)
            for pid in processes.descendants(os.getpid()):
                _kill(pid)
            for pid, status in reaped():
                its_status = status if pid == target else its_status
            time.sleep(0.001)
    if identity is not None and identity.uid is not None:
        _clear_shared_memory(identity.uid)
    return its_status, len(processes.descendants(os.getpid()))


def _kill_at_once(target: int, identity: Identity | None, *, scoped: bool) -> None:
    """Kill by group, user or scope, none of which a process can escape by forking."""
    _kill(-target)
    if identity is not None and identity.uid is not None:
        _kill_user(identity.uid)
    elif scoped:
        _kill(-1)


def _kill_user(uid: int) -> None:
    """Kill all processes of a user from a process that they cannot signal.

    Its effective user id permits killing them; its real and saved user ids, which they would have to match,
    differ.
    """
    killer = os.fork()
    if killer == 0:
        try:
            other = uid + KILLER_OFFSET
            os.setresuid(other, uid, other)
            _kill(-1)
        finally:
            os._exit(0)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(killer, 0)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _clear_shared_memory(uid: int) -> None:
    """Remove files of a sandbox user from the shared memory."""
    with contextlib.suppress(OSError), os.scandir(_SHARED_MEMORY) as entries:
        for entry in entries:
            if entry.stat(follow_symlinks=False).st_uid == uid:
                os.unlink(entry.path)  # noqa: PTH108 - see launcher
