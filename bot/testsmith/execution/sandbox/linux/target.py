"""Between fork and exec: apply the layers, in the only order that works."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn

from testsmith.execution.sandbox.linux import credentials, kernel, landlock
from testsmith.execution.sandbox.linux.plan import LaunchPlan, Layer

CANNOT_START = 127


def become_target(
    plan: LaunchPlan, launcher: int, report: Callable[..., None], listen: Callable[[int], None] | None
) -> NoReturn:
    """Apply the layers and execute the target; if that fails, report why and exit.

    Args:
        plan: The plan.
        launcher: Process id of the launcher; the target must not outlive it.
        report: Reports fields of the result to the bot.
        listen: Receives the file descriptor for the filter's notifications; None if there are none.
    """
    layer = ""
    try:
        for layer in _apply(plan, launcher, listen):  # noqa: B007 - used if a layer fails
            pass
        os.execvpe(plan.argv[0], plan.argv, plan.variables)  # noqa: S606 - no shell is wanted here
    except landlock.PathRefused as error:  # not a failure of the layer, so the target is not run without it
        report(error=error.strerror)
    except (OSError, ValueError) as error:
        report(error=str(error), layer=layer)
    finally:
        os._exit(CANNOT_START)


def _apply(plan: LaunchPlan, launcher: int, listen: Callable[[int], None] | None) -> Iterator[str]:
    """Yield the name of each layer before applying it, or an empty name for other steps."""
    yield ""
    os.setsid()
    os.umask(0o022)
    _be_killed_first()
    yield Layer.RLIMITS
    _lower_rlimits(plan.rlimits)
    yield Layer.LANDLOCK
    # Paths are opened now, with the bot's privileges; the rules are applied after those are dropped.
    opened = None if plan.landlock is None else landlock.open_ruleset(plan.landlock)
    yield Layer.OWN_UID
    if plan.identity is not None:
        credentials.drop(plan.identity.uid, plan.identity.gid, reads_all=plan.identity.reads_all)
    yield ""
    os.chdir(plan.working_folder)
    _die_with(launcher)
    yield Layer.NO_NEW_PRIVILEGES
    if plan.no_new_privileges:
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    yield Layer.LANDLOCK
    if opened is not None:
        landlock.restrict_self(opened)
    yield Layer.SECCOMP
    _default_signals()
    if plan.filter:
        listener = kernel.filter_system_calls(bytes.fromhex(plan.filter), listen=listen is not None)
        if listen is not None:
            listen(listener)
    yield ""


def _be_killed_first() -> None:
    """Make the kernel choose this process instead of the bot when memory runs out."""
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # otherwise it could not write to its own entry
    with contextlib.suppress(OSError):  # best effort
        adjustment = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(adjustment, b"1000")
        os.close(adjustment)


def _die_with(launcher: int) -> None:
    """Die with the launcher. Must be set after the change of user, which would reset it."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != launcher:
        os._exit(CANNOT_START)


def _default_signals() -> None:
    """Reset signal handling changed by Python, the launcher or the calling program (`nohup`, `&`)."""
    for number in signal.valid_signals():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _lower_rlimits(rlimits: Iterable[tuple[int, int]]) -> None:
    """Permanently lower limits of this process; a limit that is already lower is kept.

    Children inherit them, and only privileged processes can raise them.

    Raises:
        OSError: The kernel refuses.
    """
    for number, wanted in rlimits:
        _, hard = resource.getrlimit(number)
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(number, (value, value))
