"""The sandbox interface, through which all code of the project and all generated tests run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from testsmith.model import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One process to run.

    Attributes:
        argv: The program and its arguments; never a shell command line.
        folder: The only folder it may write to.
        working_folder: Where it starts, a readable folder; None for `folder`. Go does not accept
            a project in the folder of temporary files.
        readable: Readable folders besides the interpreter's: copies of the project.
        variables: Complete environment; nothing is inherited.
        stdin: Standard input.
        network: Whether it may use the network, if the sandbox is able to forbid it.
        tcp_ports: Ports that it may connect to in this case, if the sandbox is able to restrict them; empty
            for all.
        loopback: Whether its processes may connect to ports on which they listen themselves, without a
            network, if the sandbox is able to restrict them to these.
    """

    argv: tuple[str, ...]
    folder: Path
    readable: tuple[Path, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    network: bool = False
    tcp_ports: tuple[int, ...] = ()
    loopback: bool = False
    working_folder: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits for one process and its children; whatever exceeds them is ended or refused.

    Attributes:
        seconds: Wall-clock time.
        memory_bytes: Address space of each process, and memory of all of them together.
        reserves_memory: Whether the program reserves much more address space than it uses, as Go and numeric
            libraries do. Then the limit for each process applies to the private memory that it may write to.
        file_bytes: Size of each file.
        open_files: Open files per process.
        output_bytes: Bytes kept of each of the two output streams.
        tasks: Total number of processes and threads.
        disk_bytes: Total size of its folder.
    """

    seconds: float = 60.0
    memory_bytes: int = 2 * 1024**3
    reserves_memory: bool = False
    file_bytes: int = 64 * 1024**2
    open_files: int = 256
    output_bytes: int = 4 * 1024**2
    tasks: int = 512
    disk_bytes: int = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessOutcome:
    """How a process ended.

    Attributes:
        exit_code: Exit code; negative for the signal that ended it.
        stdout: Standard output, truncated at the limit. Untrusted.
        stderr: Standard error, truncated at the limit. Untrusted.
        seconds: Duration.
        timed_out: Whether the time limit ended it.
        truncated: Whether output was dropped.
        exceeded: The other limit that ended it, for example `more than 1024 MiB of disk`; empty for none.
    """

    exit_code: int
    stdout: bytes
    stderr: bytes
    seconds: float
    timed_out: bool = False
    truncated: bool = False
    exceeded: str = ""


def shown(printed: bytes, most: int) -> str:
    """Return the end of a process's output as text that is safe to show, without control sequences.

    Args:
        printed: The output.
        most: Maximum number of characters.
    """
    return without_controls(printed.decode("utf-8", "replace").strip()[-most:])


def without_controls(text: str) -> str:
    """Return untrusted text without characters that control a terminal."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in text)


class RunningProcess(Protocol):
    """A process in the sandbox. It must be ended by `end`."""

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        ...

    def write(self, data: bytes) -> None:
        """Write to its standard input; what it does not read yet is buffered."""
        ...

    async def read(self, seconds: float) -> bytes:
        """Return what it has written to standard output since the last call.

        Returns:
            Empty if it has ended and everything was read, or the time is over.
        """
        ...

    async def end(self, *, timed_out: bool = False) -> ProcessOutcome:
        """End it and all of its descendants, if they still run, and return how it ended.

        Args:
            timed_out: Whether it is ended because of its time limit.

        Raises:
            CannotRun: The process could not be started.
        """
        ...


class Sandbox(Protocol):
    """Runs commands in isolation, as far as its layers provide it."""

    def layers(self) -> tuple[str, ...]:
        """Return the names of the active layers, then those of the missing ones with reasons."""
        ...

    def warning(self) -> str:
        """Return what is missing, as a note for the report; empty if nothing is."""
        ...

    async def run(self, command: Command, limits: Limits) -> ProcessOutcome:
        """Run a command until it ends or reaches a limit.

        Raises:
            CannotRun: The process could not be started.
        """
        ...

    async def start(self, command: Command, limits: Limits) -> RunningProcess:
        """Start a command; its standard input is ignored, and the caller ends it in time.

        Raises:
            CannotRun: The process could not be started.
        """
        ...


class CannotRun(Failure):
    """A process could not be started in the sandbox."""
