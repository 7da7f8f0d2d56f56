"""The process that owns the deadline: it starts the bot as a child, and ends it when its time is over.

The bot reads texts of others in its own process. One that keeps code in C busy, as a parser, keeps the
interpreter's lock with it: neither a timeout nor a signal handler of the bot runs then. The supervisor reads
none of these texts, so it can always end the bot: first by SIGTERM, then by SIGKILL. It passes signals on,
ends what a killed bot has left behind, and ends the bot when it is itself killed.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field

from testsmith.execution.sandbox.linux import kernel, processes

SECONDS_TO_BEGIN = 900.0
"""What the bot may take until it says how long it may take: settings are read, and commits are fetched."""

SECONDS_TO_REACT = 20.0
"""How long the bot may take to end in order once a signal has asked it to."""

_SECONDS_TO_CLEAN_UP = 10.0
_LONGEST_SLEEP = 0.5
_PASSED_ON = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})


def seconds_allowed(minutes: float) -> float:
    """Return after how many seconds a run of so many minutes is ended.

    The bot ends by itself once its minutes are over. Beyond that it has half as long again, but at least one
    minute and at most five, for what is not counted: to find what has changed, and to show what came of it.
    """
    return 60.0 * (minutes + min(5.0, max(1.0, minutes / 2)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisedEnding:
    """How the bot ended.

    Attributes:
        code: Its exit code; the negative number of the signal that ended it.
        signal: The signal that it was asked by to end, from outside; None if there was none.
        is_late: Whether it was ended since its time was over.
        prints: Whether it had begun to show what came of it.
        used: What it was given of what is kept, as `Link.use` was told.
    """

    code: int
    signal: int | None = None
    is_late: bool = False
    prints: bool = False
    used: tuple[str, ...] = ()

    @property
    def failure(self) -> str:
        """Why nothing came of the run; empty if the bot has said so itself, or was asked to end."""
        if self.code == 0:
            return ""
        if self.is_late:
            return (
                "the run was ended: it went on long after its minutes were over, so a file of the project or "
                "an answer kept it busy. Allow more with --max-minutes, or leave files out with --exclude."
            )
        if self.code < 0 and self.signal is None and -self.code not in _PASSED_ON:
            name = signal.Signals(-self.code).name
            return f"the run was ended by {name}: the machine may have run out of memory. Run it again."
        return ""


class Link:
    """What the bot tells its supervisor; nothing while it has none."""

    def __init__(self) -> None:
        self._pipe: int | None = None

    def connect(self, pipe: int) -> None:
        """Tell everything from now on through a pipe."""
        self._pipe = pipe

    def allow(self, seconds: float) -> None:
        """Say how long the bot may take from now on."""
        self._tell(f"allow {seconds}")

    def use(self, kept: str) -> None:
        """Say that something kept is about to be looked at: if it keeps the bot busy, it is not kept."""
        self._tell(f"use {kept}")

    def print(self) -> None:
        """Say that the bot begins to show what came of its run."""
        self._tell("print ")

    def _tell(self, line: str) -> None:
        if self._pipe is not None:
            with suppress(OSError):  # the supervisor is gone, and this process is about to be
                os.write(self._pipe, os.fsencode(f"{line}\n"))


LINK = Link()
"""The bot's link to its supervisor. There is one a process, as there is one of its streams."""


def supervised(
    signals: Collection[signal.Signals], seconds: float = SECONDS_TO_BEGIN
) -> SupervisedEnding | None:
    """Go on in a child, the bot; call it before any thread is started.

    Args:
        signals: Those that ask the program to end, and are heeded.
        seconds: How long the bot may take, until it says otherwise.

    Returns:
        None in the bot; in its parent, once the bot has ended, how it did.
    """
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    supervisor = os.getpid()
    stops = {signal.SIGTSTP} if signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL else set()
    waited = {*signals, *stops, signal.SIGCHLD}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    bot = os.fork()
    if bot == 0:
        os.close(reading)
        _become_bot(supervisor)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        LINK.connect(writing)
        return None
    os.close(writing)
    try:
        return _Supervision(bot, reading, waited, time.monotonic() + seconds).end()
    finally:
        os.close(reading)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _become_bot(supervisor: int) -> None:
    """End with the supervisor, and get its signals from it alone: Ctrl-C reaches a whole process group."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        os._exit(1)
    os.setpgid(0, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # it may write to the terminal all the same


@dataclass(slots=True)
class _Supervision:
    """The supervision of one bot."""

    bot: int
    pipe: int
    waited: Collection[signal.Signals]
    limit: float
    signal: int | None = None
    is_late: bool = False
    prints: bool = False
    used: list[str] = field(default_factory=list)
    received: bytes = b""

    def end(self) -> SupervisedEnding:
        """Wait for the bot's end, or bring it about."""
        kernel.forbid_inspection()  # it has the same environment as the bot, and so the same keys
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        while (status := self._status()) is None:
            came = signal.sigtimedwait(
                self.waited, min(_LONGEST_SLEEP, max(0.0, self.limit - time.monotonic()))
            )
            self._take_messages()
            if came is not None and came.si_signo == signal.SIGTSTP:
                self._pause()
            elif came is not None and came.si_signo != signal.SIGCHLD:
                self._pass_on(came.si_signo)
            elif time.monotonic() >= self.limit:
                self._press()
        self._take_messages()
        code = os.waitstatus_to_exitcode(status)
        if code < 0:
            self._end_what_is_left()
        return SupervisedEnding(
            code=code, signal=self.signal, is_late=self.is_late, prints=self.prints, used=tuple(self.used)
        )

    def _status(self) -> int | None:
        """Reap what has ended, orphans included; return the bot's wait status once it is among them."""
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self.bot:
                    return ended[1]
        return None

    def _take_messages(self) -> None:
        with suppress(BlockingIOError):
            while part := os.read(self.pipe, 1 << 16):
                self.received += part
        *lines, self.received = self.received.split(b"\n")
        for line in lines:
            word, _, value = os.fsdecode(line).partition(" ")
            if word == "allow" and self.signal is None and not self.is_late:
                self.limit = time.monotonic() + float(value)
            elif word == "use":
                self.used.append(value)
            elif word == "print":
                self.prints = True

    def _pass_on(self, number: int) -> None:
        """Pass a signal on; at the second one the bot ends at once if it can."""
        seconds = SECONDS_TO_REACT if self.signal is None else 1.0
        self.limit = min(self.limit, time.monotonic() + seconds)
        self.signal = number
        os.kill(self.bot, number)

    def _pause(self) -> None:
        """Stop, and the bot with it, until somebody has this process go on: that time does not count."""
        stopped = time.monotonic()
        os.kill(self.bot, signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)
        os.kill(self.bot, signal.SIGCONT)
        self.limit += time.monotonic() - stopped

    def _press(self) -> None:
        """Ask the bot to end, since its time is over; kill it if it was asked before."""
        was_asked = self.is_late or self.signal is not None
        self.is_late = self.is_late or self.signal is None
        self.limit = time.monotonic() + SECONDS_TO_REACT
        os.kill(self.bot, signal.SIGKILL if was_asked else signal.SIGTERM)

    def _end_what_is_left(self) -> None:
        """Wait until the keepers of sandboxes have ended what they run; then kill what is left."""
        limit = time.monotonic() + _SECONDS_TO_CLEAN_UP
        while (left := processes.descendants(os.getpid())) and time.monotonic() < limit:
            signal.sigtimedwait({signal.SIGCHLD}, 0.1)
            self._status()
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._status()
