"""The lines of JSON that a process in the sandbox has printed: read in one way, whoever printed them.

Foreign code runs beside what prints them, so a line may be anything. One that cannot be understood does not
count, whatever goes wrong while it is read, and more than a run can have to say is not read at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from testsmith.model import Failure

_MOST_VALUES = 2_000_000
"""Of all lines together, counted by what stands before a value: some hundred bytes of memory each."""


def read_lines(output: bytes, take: Callable[[dict[str, Any]], None]) -> bool:
    """Give each line that is a JSON object to a function, in order.

    Args:
        output: What was printed.
        take: Takes one line in. Whatever it raises, the line does not count, so it keeps what it has
            understood only when it has understood all of it.

    Returns:
        Whether all of it was read.
    """
    start, left = 0, _MOST_VALUES
    while start < len(output) and left >= 0:
        end = output.find(b"\n", start)
        line = output[start:] if end < 0 else output[start:end]
        start += len(line) + 1
        left -= 1 + sum(map(line.count, (b",", b"[", b"{")))
        if left >= 0 and line.lstrip().startswith(b"{"):
            _take(line, take)
    return left >= 0


def _take(line: bytes, take: Callable[[dict[str, Any]], None]) -> None:
    try:
        take(json.loads(line))
    except Exception:  # noqa: BLE001 - as a number that no float holds, or nesting that no parser takes
        return


# The seam through which everything of the project under test runs.
#
# Nothing of the project under test, and no generated test, is run in any other way.


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One process to run.

    Attributes:
        argv: The program and its arguments; never a shell line.
        folder: The working folder, which is also the only place it may write to.
        readable: Folders it reads beside its interpreter: the copies of the project.
        variables: Its whole environment; nothing is inherited.
        stdin: What it reads on standard input.
        network: Whether it may reach the network, where the sandbox could forbid it.
        tcp_ports: The only ports that it may then connect to, where the sandbox can say so; empty for all.
    """

    argv: tuple[str, ...]
    folder: Path
    readable: tuple[Path, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    network: bool = False
    tcp_ports: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one process and its children may use; what goes over is ended or refused.

    Attributes:
        seconds: Time on the clock.
        memory_bytes: Address space of each process, and memory of all of them together.
        file_bytes: The size of each file.
        open_files: Open files of each process.
        output_bytes: What is kept of each of its two output streams.
        tasks: Processes and threads together.
        disk_bytes: All that its folder holds.
    """

    seconds: float = 60.0
    memory_bytes: int = 2 * 1024**3
    file_bytes: int = 64 * 1024**2
    open_files: int = 256
    output_bytes: int = 4 * 1024**2
    tasks: int = 512
    disk_bytes: int = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessOutcome:
    """How a process ended.

    Attributes:
        exit_code: As the shell has it: negative is the signal that ended it.
        stdout: What it printed, cut at the limit. Untrusted.
        stderr: As `stdout`.
        seconds: How long it ran.
        timed_out: Whether the time limit ended it.
        truncated: Whether its output was cut.
        exceeded: Which other limit ended it, in words, as `more than 1024 MiB of disk`; empty for none.
    """

    exit_code: int
    stdout: bytes
    stderr: bytes
    seconds: float
    timed_out: bool = False
    truncated: bool = False
    exceeded: str = ""


def shown(printed: bytes, most: int) -> str:
    """Return the end of what a process has printed as text that may be shown: cut, and nothing that steers.

    Args:
        printed: What was printed.
        most: The most characters.
    """
    text = printed.decode("utf-8", "replace").strip()[-most:]
    return "".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in text)


class Sandbox(Protocol):
    """Runs commands so that they hurt nobody, as far as its layers reach."""

    def layers(self) -> tuple[str, ...]:
        """Name the layers that are active, for the report."""
        ...

    async def run(self, command: Command, limits: Limits) -> ProcessOutcome:
        """Run a command to its end, or to a limit.

        Raises:
            CannotRun: The process could not be started.
        """
        ...


class CannotRun(Failure):
    """A process could not be started in the sandbox."""
