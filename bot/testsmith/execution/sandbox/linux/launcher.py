"""Start and supervise targets: `python -I -S launcher.py FD`.

This process waits for requests of the bot at the socket FD, and forks a launcher for each, because starting
Python takes ten times as long. It ends when the bot does, and with it the launchers.

A launcher starts its target in a session of its own, under the layers of its plan, and waits for it to end.
Then it kills everything the target left behind, including daemons, because it is the child subreaper. It also
does so if a limit is exceeded, if the bot sends SIGTERM, or if the bot dies for any reason.

All imports happen before the first target starts, and no folder of the project is on the path.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import itertools
import json
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from typing import NoReturn

if __name__ == "__main__":  # parent folder of `testsmith`, after the standard library
    sys.path.append(__file__.rsplit("/", 5)[0])

from testsmith.execution.sandbox.linux import kernel, landlock, resource_monitor
from testsmith.execution.sandbox.linux.plan import LAUNCH, MOST_PASSED, LaunchPlan, decode_plan
from testsmith.execution.sandbox.linux.reaper import end_everything, reaped
from testsmith.execution.sandbox.linux.seccomp_supervisor import SupervisorChannel
from testsmith.execution.sandbox.linux.target import become_target

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_MOST_REAPED = 1000
"""Number of children to reap before checking anything else."""


class ProcessSupervisor:
    """Executes one plan.

    Args:
        plan_file: File descriptor to read the plan from and write the result to.
        parent: Process id of the parent; everything ends with it.
    """

    def __init__(self, plan_file: int, parent: int) -> None:
        self._plan_file = plan_file
        self._parent = parent
        self._plan = take_plan(plan_file)
        self._exceeded = ""

    def run(self) -> None:
        """Start the target, wait for it, end what it left behind, and report."""
        plan = self._plan
        self._become_subreaper()
        scoped = plan.scoped and _keep_own_signals_inside(plan.parent)
        launcher = os.getpid()
        post = SupervisorChannel() if plan.supervised else None
        target = os.fork()
        if target == 0:
            become_target(plan, launcher, self._tell, None if post is None else post.send)
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

    def _become_subreaper(self) -> None:
        """Become the parent of all orphans, and receive SIGTERM when the parent dies."""
        signal.pthread_sigmask(signal.SIG_BLOCK, [*_STOP_SIGNALS, signal.SIGCHLD])
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        kernel.forbid_inspection()
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != self._parent:
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


def take_requests(requests: socket.socket) -> None:
    """Fork a launcher for each request, until the bot closes its end of the socket."""
    kernel.forbid_inspection()
    gc.freeze()  # otherwise the collector would have each launcher copy all objects
    while True:
        message, passed, _, _ = socket.recv_fds(requests, 64, MOST_PASSED)
        if not message:
            return
        if message == LAUNCH:
            _launch(requests, passed)
        else:  # the bot sends no signals to this launcher any more
            with contextlib.suppress(ChildProcessError):
                os.waitpid(int(message), 0)


def _launch(requests: socket.socket, passed: Sequence[int]) -> None:
    parent = os.getpid()
    try:
        if os.fork() == 0:
            requests.close()
            _be_launcher(parent, *passed)
    except OSError as error:
        os.write(passed[2], str(error).encode())
    for descriptor in passed:
        os.close(descriptor)


def _be_launcher(parent: int, *passed: int) -> NoReturn:
    """Execute a plan in a forked process; see `LAUNCH` for the file descriptors."""
    try:
        os.setsid()
        for stream in (0, 1, 2):
            os.dup2(passed[stream], stream)
            os.close(passed[stream])
        plan_file, alive = passed[3:]
        for descriptor in (plan_file, alive):  # the target gets neither
            os.set_inheritable(descriptor, False)
        os.write(alive, str(os.getpid()).encode())
        ProcessSupervisor(plan_file, parent).run()
    except BaseException:  # noqa: BLE001 - the bot reports what is printed
        traceback.print_exc()
    finally:
        os._exit(0)  # tidying up the interpreter would take as long as a tenth of a start


if __name__ == "__main__":
    take_requests(socket.socket(fileno=int(sys.argv[1])))
    os._exit(0)
