"""Ending all that a target has started, however far it has tried to get away."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

from testsmith.execution.sandbox.linux import processes
from testsmith.execution.sandbox.linux.plan import Identity

KILLER_OFFSET = 1
"""The user next to a sandbox user's, by number, belongs to whoever kills that user's processes."""

_SECONDS = 5.0
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - only looked through for what a sandbox user has left there


def reaped() -> Iterator[tuple[int, int]]:
    """Reap the children that have ended, orphans included; yield their ids and wait statuses.

    Raises:
        ChildProcessError: There is no child left, and so nothing that descends from this process.
    """
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        yield pid, status


def end_everything(target: int, identity: Identity | None, *, scoped: bool) -> tuple[int | None, int]:
    """Kill and reap all that descends from the target, and all of its user where that is ours alone.

    Returns:
        The target's wait status where it was reaped only now, and how many processes could not be ended.
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
    """Kill by group, by user or by scope: none of these can be run away from by forking."""
    _kill(-target)
    if identity is not None and identity.uid is not None:
        _kill_user(identity.uid)
    elif scoped:
        _kill(-1)


def _kill_user(uid: int) -> None:
    """Kill all processes of a user, from a process that those cannot signal in turn.

    Its effective user lets it kill them; its real and saved user, whom they would need, is another.
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
    """Remove what a user that is ours alone has left in the shared memory."""
    with contextlib.suppress(OSError), os.scandir(_SHARED_MEMORY) as entries:
        for entry in entries:
            if entry.stat(follow_symlinks=False).st_uid == uid:
                os.unlink(entry.path)  # noqa: PTH108 - see launcher
