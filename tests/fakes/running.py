"""The program while it runs: what it has told so far, signals to it, and what is left of it afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from testsmith.execution.sandbox.linux import kernel, processes

_SECONDS = 60.0
"""Longer than anything that is waited for takes."""


class Running:
    """A process in a session of its own, as a terminal or a runner starts one.

    Args:
        command: What is run.
        variables: Its whole environment.
        folder: Where it is run.
    """

    def __init__(self, command: Sequence[str], variables: Mapping[str, str], folder: Path) -> None:
        self._stdout = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._stdout,
            stderr=subprocess.PIPE,
            env=dict(variables),
            cwd=folder,
            start_new_session=True,
        )
        self._told: list[str] = []
        self._is_over = False
        self._news = threading.Condition()
        self._listener = threading.Thread(target=self._listen, args=(self._process.stderr,), daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def stderr(self) -> str:
        """What it has told so far."""
        with self._news:
            return "".join(self._told)

    @property
    def stdout(self) -> str:
        self._stdout.seek(0)
        return self._stdout.read().decode()

    def wait_until_told(self, words: str) -> None:
        """Wait for a line on stderr that holds these words."""
        with self._news:
            came = self._news.wait_for(
                lambda: self._is_over or any(words in line for line in self._told), _SECONDS
            )
            told = "".join(self._told)
        if not came or words not in told:
            raise AssertionError(f"it never said {words!r}, but: {told}")

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it; Ctrl-C reaches its whole group, as from a terminal."""
        if number is signal.SIGINT:
            os.killpg(self.pid, number)
        else:
            os.kill(self.pid, number)

    def wait(self, seconds: float = _SECONDS) -> int:
        """Wait for its end, and return its exit code as `subprocess` has it."""
        code = self._process.wait(seconds)
        self._listener.join(_SECONDS)
        return code

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._stdout.close()

    def _listen(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                with self._news:
                    self._told.append(line.decode(errors="replace"))
                    self._news.notify_all()
        with self._news:
            self._is_over = True
            self._news.notify_all()


@dataclass(frozen=True, slots=True)
class Orphanage:
    """Gets every process whose parents have ended before it, however far it tried to get away."""

    before: frozenset[int]

    def left(self, seconds: float) -> list[str]:
        """Return the command lines of what is left, once it has had some time to end by itself."""
        deadline = time.monotonic() + seconds
        while (left := self._left()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return [_command_of(pid) for pid in left]

    def _left(self) -> list[int]:
        found = [pid for pid in processes.descendants(os.getpid()) if pid not in self.before]
        return [pid for pid in found if not _reaped(pid)]


@contextmanager
def orphanage() -> Iterator[Orphanage]:
    """Make the test's process an orphanage, and end at last whatever has come to it."""
    before = frozenset(processes.descendants(os.getpid()))
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield Orphanage(before)
    finally:
        for pid in set(processes.descendants(os.getpid())) - before:
            with suppress(ProcessLookupError):  # what started it may have been the one before it
                os.kill(pid, signal.SIGKILL)
            _reaped(pid, 0)
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 0)


def _reaped(pid: int, options: int = os.WNOHANG) -> bool:
    """Reap a process that has ended, if it is a child; tell whether it is gone."""
    try:
        return os.waitpid(pid, options)[0] == pid
    except ChildProcessError:  # another's child, as yet
        return not Path(f"/proc/{pid}").exists()


def _command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
