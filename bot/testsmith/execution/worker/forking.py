"""Children of the harness: each forked for one attempt at one job, watched, and ended with all it began."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36

DONE, TIMED_OUT, CRASHED = "done", "timed out", "crashed"
"""How a child ends: it said so, its time was up, or it ended without a word."""

SAYINGS = {DONE: "ended", TIMED_OUT: "ran into the time limit", CRASHED: "ended the test process"}
"""The same in words."""

_SECONDS_BETWEEN_LOOKS = 0.05
_SECONDS_TO_REAP = 5.0
_MOST_TIMES = 8
_SECONDS_FOR_UNKNOWN = 0.2

Message = dict[str, Any]
Send = Callable[[Message], None]


def become_parent() -> None:
    """Get all orphans of the children to come, and keep this process's memory and streams from them."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    _prctl(PR_SET_DUMPABLE, 0)


class Patience(NamedTuple):
    """How much a child may ask of its parent beside its time limit.

    Attributes:
        silence: The most seconds without a message; None for no such limit. A child that would run if the
            machine let it gets up to eight times as many, and all of its run does, so that a result does not
            depend on what else runs.
        most_bytes: The most that all of its messages hold.
    """

    silence: float | None = None
    most_bytes: int = 4 * 1024 * 1024


_USUAL = Patience()


def run_child(
    body: Callable[[Send], None],
    seconds: float,
    receive: Send,
    closed: int | None = None,
    patience: Patience = _USUAL,
) -> str:
    """Run a function in a child, within a time limit; leave nothing of it behind.

    Args:
        body: What runs in the child. What it sends reaches `receive` in this process.
        seconds: The time limit.
        receive: Called with each message, in order.
        closed: A file descriptor that the child must not have, if there is one.
        patience: Its other limits.

    Returns:
        How it ended.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        if closed is not None:
            os.close(closed)
        _be_child(body, writer)
    os.close(writer)
    with contextlib.suppress(OSError):  # the child does the same: whoever comes first
        os.setpgid(child, child)
    try:
        return _watch(child, reader, seconds, receive, patience)
    finally:
        os.close(reader)
        _end(child)


def _be_child(body: Callable[[Send], None], writer: int) -> None:
    """Run the body and end this process, whatever happens."""
    try:
        os.setpgid(0, 0)
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        _prctl(PR_SET_DUMPABLE, 1)  # a test may well read its own /proc/self
        _turn_off_streams()
        body(lambda message: _write(writer, message))
        _write(writer, {"kind": "done"})
    finally:
        os._exit(0)


def _turn_off_streams() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)


def _write(writer: int, message: Message) -> None:
    data = json.dumps(message).encode() + b"\n"
    while data:
        data = data[os.write(writer, data) :]


def _watch(child: int, reader: int, seconds: float, receive: Send, patience: Patience) -> str:
    """Pass the messages on until the child says that it is done, ends, or its time is up."""
    os.set_blocking(reader, False)
    deadline = time.monotonic() + seconds * (1 if patience.silence is None else _MOST_TIMES)
    silence = Silence(child, seconds if patience.silence is None else patience.silence)
    received = bytearray()
    passed = 0
    while True:
        ended = _has_ended(child)  # looked at first: what it has written before its end is read below
        left = min(deadline - time.monotonic(), silence.left())
        select.select([reader], [], [], 0 if ended else max(0.0, min(left, _SECONDS_BETWEEN_LOOKS)))
        part = _read(reader)
        if part:
            silence.is_broken()
        passed += len(part or b"")
        received += part or b""
        if _pass_on(received, receive):
            return DONE
        if ended and not part and _ran_out_of_processor_time(child):
            return TIMED_OUT
        if passed > patience.most_bytes or (ended and not part):
            return CRASHED
        if left <= 0:
            return TIMED_OUT
        if part == b"" and not ended:  # it has closed its end, and goes on
            time.sleep(_SECONDS_BETWEEN_LOOKS)


class Silence:
    """How long a child may go on without a word.

    Args:
        child: The child's process.
        seconds: How long, on a machine that lets it run.
        used: Tells how many seconds of a processor a process has used; None where it does not want one.
    """

    def __init__(self, child: int, seconds: float, used: Callable[[int], float | None] | None = None) -> None:
        self._child = child
        self._seconds = seconds
        self._used = used or used_if_running
        self.is_broken()

    def is_broken(self) -> None:
        """Begin anew."""
        self._since = time.monotonic()
        self._until = self._since + self._seconds
        self._looked: tuple[float, float] | None = None

    def left(self) -> float:
        """Return the seconds that are left; a child that has waited for a processor gets more."""
        now = time.monotonic()
        if now >= self._until and now < self._since + _MOST_TIMES * self._seconds and self._is_starved(now):
            self._until = now + self._seconds / 4
        return self._until - now

    def _is_starved(self, now: float) -> bool:
        """Tell whether it would run, and has had less than half a processor since the last look."""
        used = self._used(self._child)
        if used is None:
            return False
        before, self._looked = self._looked, (now, used)
        return before is None or used - before[1] < (now - before[0]) / 2


def used_if_running(process: int) -> float | None:
    """Return the processor's seconds that a process has used; None where it waits for something else."""
    try:
        data = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
        state, *fields = data.rpartition(")")[2].split()
        return (int(fields[10]) + int(fields[11])) / os.sysconf("SC_CLK_TCK") if state in "RD" else None
    except (OSError, ValueError, IndexError):
        return None


def _read(reader: int) -> bytes | None:
    """Return what has come; None where nothing has, empty bytes where nothing can come any more."""
    try:
        return os.read(reader, 1 << 16)
    except BlockingIOError:
        return None


def _pass_on(received: bytearray, receive: Send) -> bool:
    """Take the whole lines that have come; tell whether the last word was among them."""
    while (end := received.find(b"\n")) >= 0:
        line = bytes(received[:end])
        del received[: end + 1]
        message = _message(line)
        if message is None:
            continue
        if message["kind"] == "done":
            return True
        receive(message)
    return False


def _message(line: bytes) -> Message | None:
    """Read what a child has written: it runs foreign code, so it may be anything."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) and isinstance(message.get("kind"), str) else None


def _has_ended(child: int) -> bool:
    try:
        return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _ran_out_of_processor_time(child: int) -> bool:
    """Tell whether a child that has ended was killed by the timer of the processor time that it may use."""
    try:
        ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return ended is not None and ended.si_code == os.CLD_KILLED and ended.si_status == signal.SIGPROF


def _end(child: int) -> None:
    """Kill the child's group, then whatever has left the group: as orphans they come to this process."""
    started = time.monotonic()
    _kill(os.killpg, child)
    _kill(os.kill, child)
    while not _reap():
        orphans = _children()
        for orphan in orphans or ():
            _kill(os.kill, orphan)
        # Where nobody tells who they are, the sandbox ends them, with this process.
        if time.monotonic() - started > (_SECONDS_FOR_UNKNOWN if orphans is None else _SECONDS_TO_REAP):
            return
        time.sleep(0.001)


def _kill(how: Callable[[int, int], None], process: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        how(process, signal.SIGKILL)


def _reap() -> bool:
    """Reap the children that have ended; tell whether none is left."""
    while True:
        try:
            process, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if process == 0:
            return False


def _children() -> list[int] | None:
    """Return the ids of this process's children; None where /proc does not tell."""
    try:
        data = Path(f"/proc/self/task/{os.getpid()}/children").read_bytes()
    except OSError:
        return None
    return [int(process) for process in data.split()]


def _prctl(option: int, value: int) -> None:
    """Set an attribute of this process, where the kernel lets it: the sandbox does not stand on it."""
    try:
        import ctypes
    except ImportError:
        return
    zero = ctypes.c_ulong(0)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(ctypes.c_int(option), ctypes.c_ulong(value), zero, zero, zero)
