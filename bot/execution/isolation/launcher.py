"""The program that stands between the bot and a target, run as `python -I -S launcher.py FD`.

It is the target's keeper: it starts the target in a session of its own, waits for its end, and then ends
whatever the target has left behind, daemons included, since orphans come to it (child subreaper). It does
the same as soon as the bot tells it to (SIGTERM) or dies, however the bot dies.
Standard library only; it runs before any layer is applied, so nothing of a project is on its path.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import time
from collections.abc import Iterable
from typing import NoReturn

if __name__ == "__main__":  # the folder that holds the package `bot`; the standard library comes first
    sys.path.append(__file__.rsplit("/", 4)[0])

from bot.execution.isolation.kernel import PR_SET_CHILD_SUBREAPER, PR_SET_DUMPABLE, PR_SET_PDEATHSIG, prctl
from bot.execution.isolation.plan import Plan, decode_plan
from bot.execution.isolation.rlimits import lower

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_SECONDS_TO_END = 5.0
_CANNOT_START = 127


def main(plan_file: int) -> None:
    """Carry out the plan that stands in this open file, and tell the ending there."""
    plan = _take_plan(plan_file)
    _become_keeper(plan.parent)
    keeper = os.getpid()
    started = time.monotonic()
    target = os.fork()
    if target == 0:
        _become_target(plan, keeper, plan_file)
    _tell(plan_file, target=target)
    _let_go_of_streams()
    status = _wait_for_end(target)
    status = _end_everything(target, status)
    _tell(plan_file, exit_code=os.waitstatus_to_exitcode(status), seconds=time.monotonic() - started)


def _take_plan(plan_file: int) -> Plan:
    """Read the plan and empty the file for what is told back."""
    os.set_inheritable(plan_file, False)
    os.lseek(plan_file, 0, os.SEEK_SET)
    plan = decode_plan(os.read(plan_file, os.fstat(plan_file).st_size))
    os.ftruncate(plan_file, 0)
    os.lseek(plan_file, 0, os.SEEK_SET)
    return plan


def _tell(plan_file: int, **told: object) -> None:
    os.write(plan_file, json.dumps(told).encode() + b"\n")


def _become_keeper(parent: int) -> None:
    """Get all orphans, and SIGTERM as soon as the bot is gone."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [*_STOP_SIGNALS, signal.SIGCHLD])
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_DUMPABLE, 0)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(1)


def _become_target(plan: Plan, keeper: int, plan_file: int) -> NoReturn:
    """Apply the layers in their order, and be the target from then on."""
    try:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:
            os._exit(_CANNOT_START)
        os.setsid()
        os.umask(0o022)
        lower(plan.rlimits)
        os.chdir(plan.folder)
        _default_signals()
        os.execvpe(plan.argv[0], plan.argv, plan.variables)  # noqa: S606 - no shell is wanted here
    except (OSError, ValueError) as error:
        _tell(plan_file, error=str(error))
    finally:
        os._exit(_CANNOT_START)


def _default_signals() -> None:
    """Undo what Python and the keeper have set, so that the target meets the usual defaults."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _let_go_of_streams() -> None:
    """Leave the target's streams to the target, so that their other ends see its end."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)


def _wait_for_end(target: int) -> int | None:
    """Return the target's wait status, or None where a signal to stop came first."""
    while True:
        signal_number = signal.sigwait([*_STOP_SIGNALS, signal.SIGCHLD])
        if signal_number != signal.SIGCHLD:
            return None
        for pid, status in _reaped():
            if pid == target:
                return status


def _reaped() -> Iterable[tuple[int, int]]:
    """Reap the children that have ended, orphans included; yield their ids and wait statuses."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, status


def _end_everything(target: int, status: int | None) -> int:
    """Kill and reap all that descends from the target; return the target's wait status."""
    deadline = time.monotonic() + _SECONDS_TO_END
    _kill(-target)
    while time.monotonic() < deadline:
        for pid in _children(os.getpid()):
            _kill(pid)
        for pid, its_status in _reaped():
            if pid == target:
                status = its_status
        if not _children(os.getpid()):
            break
        time.sleep(0.002)
    return signal.SIGKILL if status is None else status


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError as error:
        if error.errno not in {errno.ESRCH, errno.EPERM}:
            raise


def _children(parent: int) -> list[int]:
    """Return the ids of a process's children, those that have ended but are not reaped included."""
    with os.scandir("/proc") as entries:
        return [
            int(entry.name) for entry in entries if entry.name.isdigit() and _parent_of(entry.name) == parent
        ]


def _parent_of(pid: str) -> int | None:
    try:
        file = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return None
    try:
        text = os.read(file, 4096)
    except OSError:
        return None
    finally:
        os.close(file)
    # The second field is the program's name in brackets, which may itself hold blanks and brackets.
    return int(text.rpartition(b")")[2].split()[1])


if __name__ == "__main__":
    main(int(sys.argv[1]))
