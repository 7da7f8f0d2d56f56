"""Fork, watch and end child processes, one for each attempt at a job."""

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
"""How a child ended: it sent its final message, exceeded a limit, or ended without a final message."""

ENDING_TEXTS = {DONE: "ended", TIMED_OUT: "exceeded the time limit", CRASHED: "ended the test process"}
"""Messages for these endings."""

_SECONDS_BETWEEN_LOOKS = 0.05
_SECONDS_TO_REAP = 5.0
_MOST_TIMES = 8
_SECONDS_FOR_UNKNOWN = 0.2

Message = dict[str, Any]
Send = Callable[[Message], None]


def become_parent() -> None:
    """Adopt orphans of future children, and protect this process's memory and streams from them."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    _prctl(PR_SET_DUMPABLE, 0)


class Patience(NamedTuple):
    """Limits for a child besides its time limit.

    Attributes:
        silence: Maximum number of seconds between messages, or a function that returns it, which is called
            after each message; None for no limit. A child that lacks CPU time gets up to eight times as many,
            and so does its whole run, so that results do not depend on other load.
        most_bytes: Maximum total size of its messages.
    """

    silence: float | Callable[[], float] | None = None
    most_bytes: int = 4 * 1024 * 1024

    def seconds(self, limit: float) -> float:
        """Return how long a child with this time limit may be silent now."""
        if self.silence is None:
            return limit
        return self.silence() if callable(self.silence) else self.silence


_USUAL = Patience()


class Sender:
    """Sends messages to the parent, without buffering.

    Attributes:
        descriptor: File descriptor to close in children.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __call__(self, message: Message) -> None:
        """Send one message."""
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(self.descriptor, data) :]

    def tell(self, result: Message) -> None:
        """Send one result of a plan; see `plans.py`."""
        self({"kind": "result", "result": result})


def run_child(
    body: Callable[[Sender], None],
    seconds: float,
    receive: Send,
    closed: int | None = None,
    patience: Patience = _USUAL,
) -> str:
    """Run a function in a child with a time limit, and end everything it started.

    Args:
        body: Runs in the child. Messages it sends are passed to `receive` in this process.
        seconds: Time limit.
        receive: Called with each message, in order.
        closed: File descriptor to close in the child, if any.
        patience: Other limits.

    Returns:
        How the child ended.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        if closed is not None:
            os.close(closed)
        _be_child(body, writer)
    os.close(writer)
    with contextlib.suppress(OSError):  # the child does the same, to avoid a race
        os.setpgid(child, child)
    try:
        return _watch(child, reader, seconds, receive, patience)
    finally:
        os.close(reader)
        _end(child)


def _be_child(body: Callable[[Sender], None], writer: int) -> None:
    """Run the body and exit this process in any case."""
    try:
        os.setpgid(0, 0)
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        _prctl(PR_SET_DUMPABLE, 1)  # a test may read its own /proc/self
        _turn_off_streams()
        send = Sender(writer)
        body(send)
        send({"kind": "done"})
    finally:
        os._exit(0)


def _turn_off_streams() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)


def _watch(child: int, reader: int, seconds: float, receive: Send, patience: Patience) -> str:
    """Pass on messages until the child is done, ends, or exceeds its time limit."""
    os.set_blocking(reader, False)
    deadline = time.monotonic() + seconds * (1 if patience.silence is None else _MOST_TIMES)
    silence = Silence(child, patience.seconds(seconds))
    received = bytearray()
    passed = 0
    while True:
        ended = _has_ended(child)  # checked first, because final output is read below
        left = min(deadline - time.monotonic(), silence.left())
        select.select([reader], [], [], 0 if ended else max(0.0, min(left, _SECONDS_BETWEEN_LOOKS)))
        part = _read(reader)
        passed += len(part or b"")
        received += part or b""
        if _pass_on(received, receive):
            return DONE
        if part:
            silence.is_broken(patience.seconds(seconds))
        if ended and not part and _ran_out_of_processor_time(child):
            return TIMED_OUT
        if passed > patience.most_bytes or (ended and not part):
            return CRASHED
        if left <= 0:
            return TIMED_OUT
        if part == b"" and not ended:  # it closed its end but still runs
            time.sleep(_SECONDS_BETWEEN_LOOKS)


class Silence:
    """Time limit for a child between messages.

    Args:
        child: Process id of the child.
        seconds: Limit on an idle machine.
        used: Returns the CPU seconds that a process has used; None if it is not runnable.
    """

    def __init__(self, child: int, seconds: float, used: Callable[[int], float | None] | None = None) -> None:
        self._child = child
        self._used = used or used_if_running
        self.is_broken(seconds)

    def is_broken(self, seconds: float) -> None:
        """Restart after a message, with a limit for an idle machine."""
        self._seconds = seconds
        self._since = time.monotonic()
        self._until = self._since + self._seconds
        self._looked: tuple[float, float] | None = None

    def left(self) -> float:
        """Return the remaining seconds; a child that waits for a CPU gets more."""
        now = time.monotonic()
        if now >= self._until and now < self._since + _MOST_TIMES * self._seconds and self._is_starved(now):
            self._until = now + self._seconds / 4
        return self._until - now

    def _is_starved(self, now: float) -> bool:
        """Return whether it is runnable but had less than half a CPU since the last check."""
        used = self._used(self._child)
        if used is None:
            return False
        before, self._looked = self._looked, (now, used)
        return before is None or used - before[1] < (now - before[0]) / 2


def used_if_running(process: int) -> float | None:
    """Return the CPU seconds that a process has used; None if it waits for something else."""
    try:
        data = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
        state, *fields = data.rpartition(")")[2].split()
        return (int(fields[10]) + int(fields[11])) / os.sysconf("SC_CLK_TCK") if state in "RD" else None
    except (OSError, ValueError, IndexError):
        return None


def _read(reader: int) -> bytes | None:
    """Return received bytes; None if there are none yet, empty at the end."""
    try:
        return os.read(reader, 1 << 16)
    except BlockingIOError:
        return None


def _pass_on(received: bytearray, receive: Send) -> bool:
    """Pass on complete lines; return whether the final message was among them."""
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
    """Decode a message, which is untrusted."""
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
    """Return whether the kernel ended a child because it exceeded its CPU time limit."""
    try:
        ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return ended is not None and ended.si_code == os.CLD_KILLED and ended.si_status == signal.SIGPROF


def _end(child: int) -> None:
    """Kill the child's process group, then processes that left it, which become children of this process."""
    started = time.monotonic()
    _kill(os.killpg, child)
    _kill(os.kill, child)
    while not _reap():
        orphans = _children()
        for orphan in orphans or ():
            _kill(os.kill, orphan)
        # If they cannot be listed, the sandbox ends them with this process.
        if time.monotonic() - started > (_SECONDS_FOR_UNKNOWN if orphans is None else _SECONDS_TO_REAP):
            return
        time.sleep(0.001)


def _kill(how: Callable[[int, int], None], process: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        how(process, signal.SIGKILL)


def has_children() -> bool:
    """Return whether this process has children, ended or not."""
    return not _reap()


def _reap() -> bool:
    """Reap children that have ended; return whether none is left."""
    while True:
        try:
            process, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if process == 0:
            return False


def _children() -> list[int] | None:
    """Return the ids of this process's children; None if /proc does not list them."""
    try:
        data = Path(f"/proc/self/task/{os.getpid()}/children").read_bytes()
    except OSError:
        return None
    return [int(process) for process in data.split()]


def _prctl(option: int, value: int) -> None:
    """Set an attribute of this process if the kernel allows it; the sandbox does not rely on it."""
    try:
        import ctypes
    except ImportError:
        return
    zero = ctypes.c_ulong(0)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(ctypes.c_int(option), ctypes.c_ulong(value), zero, zero, zero)
