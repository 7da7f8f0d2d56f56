"""Run the bot as a child process and enforce its time limit.

The bot parses untrusted files in its own process. If a file keeps C code busy, for example a parser, the
interpreter's lock is held and neither timeouts nor signal handlers of the bot run. The supervisor parses no
such files, so it can always end the bot: first with SIGTERM, then with SIGKILL. It forwards signals, ends
what a killed bot leaves behind, and ends the bot when it is killed itself.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field

from testsmith.execution.sandbox.linux import kernel, processes

SECONDS_TO_BEGIN = 900.0
"""Time limit until the bot sets its own: it reads settings and fetches commits first."""

SECONDS_TO_REACT = 20.0
"""Time for the bot to shut down after a signal."""

_SECONDS_TO_CLEAN_UP = 10.0
_LONGEST_SLEEP = 0.5
_PIPE_BYTES = 1 << 20  # what Linux allows every user
_PASSED_ON = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})


def seconds_allowed(minutes: float) -> float:
    """Return the seconds after which a run of this many minutes is ended.

    The bot ends by itself when its minutes are over. The supervisor allows half as long again, at least one
    and at most five minutes, for work that is not counted: finding the changes and showing the results.
    """
    return 60.0 * (minutes + min(5.0, max(1.0, minutes / 2)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisedEnding:
    """How the bot ended.

    Attributes:
        code: Its exit code; negative for the signal that killed it.
        signal: The signal from outside that asked it to end; None if there was none.
        is_late: Whether it was ended because its time was over.
        prints: Whether it had begun to print its result.
        used: Cached items that it used, as reported with `Link.use`.
    """

    code: int
    signal: int | None = None
    is_late: bool = False
    prints: bool = False
    used: tuple[str, ...] = ()

    @property
    def failure(self) -> str:
        """Why the run failed; empty if the bot reported it itself, or was asked to end."""
        if self.code == 0:
            return ""
        if self.is_late:
            return (
                "the run was ended, because it exceeded its time limit by far: a project file or an "
                "answer kept it busy. Raise the limit with --max-minutes, or skip files with --exclude."
            )
        if self.code < 0 and self.signal is None and -self.code not in _PASSED_ON:
            name = signal.Signals(-self.code).name
            return f"the run was ended by {name}: the machine may have run out of memory. Run it again."
        return ""


class Link:
    """Connection from the bot to its supervisor. Messages are dropped if there is none."""

    def __init__(self) -> None:
        self._pipe: int | None = None

    def connect(self, pipe: int) -> None:
        """Send all further messages through a pipe."""
        self._pipe = pipe

    def allow(self, seconds: float) -> None:
        """Set the time that the bot may take from now on."""
        self._tell(f"allow {seconds}")

    def use(self, kept: str) -> None:
        """Report that a cached item is about to be read, so that it is removed if the bot hangs on it."""
        self._tell(f"use {kept}")

    def print(self) -> None:
        """Report that the bot begins to print its result."""
        self._tell("print ")

    def _tell(self, line: str) -> None:
        if self._pipe is not None:
            with suppress(OSError):  # the supervisor is gone, and this process will be killed
                os.write(self._pipe, os.fsencode(f"{line}\n"))


LINK = Link()
"""The bot's link to its supervisor, one per process."""


def supervised(
    signals: Collection[signal.Signals], seconds: float = SECONDS_TO_BEGIN
) -> SupervisedEnding | None:
    """Continue in a child process, the bot. Call this before any thread is started.

    Args:
        signals: Signals that end the program and are handled.
        seconds: Time limit of the bot until it sets its own.

    Returns:
        None in the bot; in the parent, how the bot ended.
    """
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    _widen(writing)
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


def _widen(pipe: int) -> None:
    """Let a pipe hold what the bot says of thousands of cached items while the supervisor sleeps."""
    with suppress(AttributeError, OSError):  # another system, or all pipes of this user are too large
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _become_bot(supervisor: int) -> None:
    """Die with the supervisor, and use a new process group so that Ctrl-C reaches only the supervisor."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        os._exit(1)
    os.setpgid(0, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # let it write to the terminal from the background


@dataclass(slots=True)
class _Supervision:
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
        """Wait for the bot to end, or end it when its time is over."""
        kernel.forbid_inspection()  # its environment contains the same keys as the bot's
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
        """Reap all ended processes, including orphans; return the bot's wait status once it is among them."""
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
        """Forward a signal. After a second one, the bot has only one second left."""
        seconds = SECONDS_TO_REACT if self.signal is None else 1.0
        self.limit = min(self.limit, time.monotonic() + seconds)
        self.signal = number
        os.kill(self.bot, number)

    def _pause(self) -> None:
        """Stop this process and the bot until this process is continued. That time does not count."""
        stopped = time.monotonic()
        os.kill(self.bot, signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)
        os.kill(self.bot, signal.SIGCONT)
        self.limit += time.monotonic() - stopped

    def _press(self) -> None:
        """Ask the bot to end because its time is over; kill it if it was already asked."""
        was_asked = self.is_late or self.signal is not None
        self.is_late = self.is_late or self.signal is None
        self.limit = time.monotonic() + SECONDS_TO_REACT
        os.kill(self.bot, signal.SIGKILL if was_asked else signal.SIGTERM)

    def _end_what_is_left(self) -> None:
        """Wait for the sandbox supervisors to end what they run, then kill what is left."""
        limit = time.monotonic() + _SECONDS_TO_CLEAN_UP
        while (left := processes.descendants(os.getpid())) and time.monotonic() < limit:
            signal.sigtimedwait({signal.SIGCHLD}, 0.1)
            self._status()
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._status()
