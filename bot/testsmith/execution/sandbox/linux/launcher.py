"""Start and supervise a target: `python -I -S launcher.py FD`.

It starts the target in a session of its own, under the layers of its plan, and waits for it to end. Then it
kills everything the target left behind, including daemons, because it is the child subreaper. It also does so
if a limit is exceeded, if the bot sends SIGTERM, or if the bot dies for any reason.

It starts once per run, so it uses little of the standard library (no `pathlib`) and nothing else. All imports
happen before the target starts, and no folder of the project is on its path.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

if __name__ == "__main__":  # parent folder of `testsmith`, after the standard library
    sys.path.append(__file__.rsplit("/", 5)[0])

from testsmith.execution.sandbox.linux import kernel, landlock, resource_monitor
from testsmith.execution.sandbox.linux.plan import LaunchPlan, decode_plan
from testsmith.execution.sandbox.linux.reaper import end_everything, reaped
from testsmith.execution.sandbox.linux.target import become_target

if TYPE_CHECKING:
    from testsmith.execution.sandbox.linux.seccomp_supervisor import SupervisorChannel

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_MOST_REAPED = 1000
"""Number of children to reap before checking anything else."""


class ProcessSupervisor:
    """Executes one plan.

    Args:
        plan_file: File descriptor to read the plan from and write the result to.
    """

    def __init__(self, plan_file: int) -> None:
        self._plan_file = plan_file
        self._plan = take_plan(plan_file)
        self._exceeded = ""

    def run(self) -> None:
        """Start the target, wait for it, end what it left behind, and report."""
        plan = self._plan
        self._become_keeper()
        scoped = plan.scoped and _keep_own_signals_inside(plan.parent)
        keeper = os.getpid()
        post = _new_post() if plan.supervised else None
        target = os.fork()
        if target == 0:
            become_target(plan, keeper, self._tell, None if post is None else post.send)
        self._tell(target=target)
        _let_go_of_streams()
        if post is not None:
            post.begin(plan)
        self._see_to_the_end(target, scoped=scoped)

    def _see_to_the_end(self, target: int, *, scoped: bool) -> None:
        started = time.monotonic()
        status = None
        try:
            status = self._wait_for(target)
        finally:
            late_status, left = end_everything(target, self._plan.identity, scoped=scoped)
        status = late_status if status is None else status
        self._tell(
            exit_code=-signal.SIGKILL if status is None else os.waitstatus_to_exitcode(status),
            seconds=time.monotonic() - started,
            exceeded=self._exceeded,
            left=left,
        )

    def _tell(self, **data: object) -> None:
        os.write(self._plan_file, json.dumps(data).encode() + b"\n")

    def _become_keeper(self) -> None:
        """Become the parent of all orphans, and receive SIGTERM when the bot dies."""
        signal.pthread_sigmask(signal.SIG_BLOCK, [*_STOP_SIGNALS, signal.SIGCHLD])
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        kernel.forbid_inspection()
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != self._plan.parent:
            sys.exit(1)

    def _wait_for(self, target: int) -> int | None:
        """Return the target's wait status; None if it must be ended early."""
        bounds = resource_monitor.ResourceMonitor(self._plan.bounds, self._plan.folder, self._plan.identity)
        next_look = time.monotonic() + resource_monitor.INTERVAL
        while not self._exceeded:
            left = max(0.0, next_look - time.monotonic())
            came = signal.sigtimedwait([*_STOP_SIGNALS, signal.SIGCHLD], left)
            if time.monotonic() >= next_look:  # checked by time, because orphans may keep ending
                self._exceeded = bounds.exceeded()
                next_look = time.monotonic() + resource_monitor.INTERVAL
            if came is not None and came.si_signo != signal.SIGCHLD:
                return None
            for pid, status in itertools.islice(reaped(), _MOST_REAPED):
                if pid == target:
                    return status
        return None


def take_plan(plan_file: int) -> LaunchPlan:
    """Read the plan and empty the file for the result, which the target may write to at the same time."""
    os.set_inheritable(plan_file, False)
    os.lseek(plan_file, 0, os.SEEK_SET)
    plan = decode_plan(os.read(plan_file, os.fstat(plan_file).st_size))
    os.ftruncate(plan_file, 0)
    fcntl.fcntl(plan_file, fcntl.F_SETFL, os.O_APPEND)
    return plan


def _keep_own_signals_inside(parent: int) -> bool:
    """Restrict this process's signals to its descendants, so that it can kill all of them at once.

    Returns whether that is certain: before killing everything within reach, the reach must be known.
    """
    try:
        os.kill(parent, 0)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        landlock.restrict_self(landlock.open_ruleset(landlock.scopes_only()))
    except OSError:
        return False
    try:
        os.kill(parent, 0)
    except PermissionError:
        return True
    return False


def _let_go_of_streams() -> None:
    """Close the target's streams here, so that readers notice when the target closes them."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)


def _new_post() -> SupervisorChannel:
    from testsmith.execution.sandbox.linux.seccomp_supervisor import SupervisorChannel

    return SupervisorChannel()


if __name__ == "__main__":
    ProcessSupervisor(int(sys.argv[1])).run()
    os._exit(0)  # tidying up the interpreter would take as long as a tenth of a start
