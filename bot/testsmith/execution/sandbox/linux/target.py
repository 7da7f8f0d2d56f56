"""What happens between the fork and the target: the layers, in the one order in which they can be applied."""

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
    plan: LaunchPlan, keeper: int, tell: Callable[..., None], listen: Callable[[int], None] | None
) -> NoReturn:
    """Apply the layers and execute the target; where that fails, tell why and end.

    Args:
        plan: What to do.
        keeper: The process without which nothing goes on.
        tell: Tells the bot some fields of the ending.
        listen: Takes the open file on which the filter asks; None where it only refuses.
    """
    layer = ""
    try:
        for layer in _apply(plan, keeper, listen):  # noqa: B007 - it is told where one of them fails
            pass
        os.execvpe(plan.argv[0], plan.argv, plan.variables)  # noqa: S606 - no shell is wanted here
    except landlock.PathRefused as error:  # no fault of the layer, so nothing is run without it
        tell(error=error.strerror)
    except (OSError, ValueError) as error:
        tell(error=str(error), layer=layer)
    finally:
        os._exit(CANNOT_START)


def _apply(plan: LaunchPlan, keeper: int, listen: Callable[[int], None] | None) -> Iterator[str]:
    """Yield each layer's name before it is applied, and an empty one for what belongs to none."""
    yield ""
    os.setsid()
    os.umask(0o022)
    _be_killed_first()
    yield Layer.RLIMITS
    _lower_rlimits(plan.rlimits)
    yield Layer.LANDLOCK
    # Its paths are opened with the bot's own rights, and used when those are gone.
    opened = None if plan.landlock is None else landlock.open_ruleset(plan.landlock)
    yield Layer.OWN_UID
    if plan.identity is not None:
        credentials.drop(plan.identity.uid, plan.identity.gid, reads_all=plan.identity.reads_all)
    yield ""
    os.chdir(plan.folder)
    _die_with(keeper)
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
    """Have the kernel choose this process, and not the bot, where the machine's memory runs out."""
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # else it could not write to its own entry
    with contextlib.suppress(OSError):  # a best effort: where it cannot be had, nothing depends on it
        adjustment = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(adjustment, b"1000")
        os.close(adjustment)


def _die_with(keeper: int) -> None:
    """Be killed when the keeper is; to be set after the change of user, which would undo it."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != keeper:
        os._exit(CANNOT_START)


def _default_signals() -> None:
    """Undo what Python and the keeper set, and what the program was started with, as by `nohup` or `&`."""
    for number in signal.valid_signals():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _lower_rlimits(rlimits: Iterable[tuple[int, int]]) -> None:
    """Lower limits of this process for good; a limit that is already lower stays as it is.

    They are inherited, and an ordinary process can only lower them further.

    Raises:
        OSError: The kernel refuses.
    """
    for number, wanted in rlimits:
        _, hard = resource.getrlimit(number)
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(number, (value, value))
