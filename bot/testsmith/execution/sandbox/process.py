"""Run processes under limits and leave none behind: the sandbox without its isolation layers.

Every process is started by `linux/launcher.py`, which supervises it and kills all its descendants when it
ends, at the time limit, on cancellation, and when the bot itself is killed.
"""

from __future__ import annotations

import asyncio
import math
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

from testsmith.execution.sandbox.interface import CannotRun, Command, Limits, ProcessOutcome, shown
from testsmith.execution.sandbox.linux.plan import (
    Bounds,
    LaunchPlan,
    TargetEnding,
    decode_ending,
    encode_plan,
)

_LAUNCHER = Path(__file__).parent / "linux" / "launcher.py"
_SECONDS_TO_END = 10.0
_SECONDS_TO_READ = 2.0
_MOST_WORDS = 2000


class LayerRefused(CannotRun):
    """An isolation layer could not be applied.

    Attributes:
        layer: Name of the layer.
        reason: Error from the kernel.
    """

    def __init__(self, layer: str, reason: str) -> None:
        super().__init__(f"Could not run anything under {layer}: {reason}.")
        self.layer = layer
        self.reason = reason


class Finished(NamedTuple):
    """A run that is over, and whether all of its processes have ended."""

    outcome: ProcessOutcome
    is_clean: bool


class ProcessSandbox:
    """Runs commands in sessions of their own, under limits on time, memory, file size and output."""

    def layers(self) -> tuple[str, ...]:
        """Return the names of the active layers."""
        return (
            *("own process group", "rlimits", "scrubbed environment", "time limit"),
            "bounds on memory, processes and disk",
        )

    def warning(self) -> str:
        """Return that there is no isolation."""
        return "off, so project code ran with all rights of this user"

    async def run(self, command: Command, limits: Limits) -> ProcessOutcome:
        """Run a command until it ends or reaches a limit; no process it started is left afterwards.

        Raises:
            CannotRun: The process could not be started.
        """
        return (await run_plan(basic_plan(command, limits), command.stdin, limits)).outcome


def basic_plan(command: Command, limits: Limits) -> LaunchPlan:
    """Return the plan for a command without isolation layers."""
    return LaunchPlan(
        argv=list(command.argv),
        folder=str(command.folder),
        working_folder=str(command.working_folder or command.folder),
        variables=dict(command.variables),
        parent=os.getpid(),
        rlimits=[
            (resource.RLIMIT_DATA if limits.reserves_memory else resource.RLIMIT_AS, limits.memory_bytes),
            (resource.RLIMIT_CPU, math.ceil(limits.seconds * (os.cpu_count() or 1)) + 1),
            (resource.RLIMIT_FSIZE, limits.file_bytes),
            (resource.RLIMIT_NOFILE, limits.open_files),
            # Not 0: a program that the machine pipes core dumps to would still run, as root. With 1, no file
            # is written either.
            (resource.RLIMIT_CORE, 1),
        ],
        bounds=Bounds(limits.memory_bytes, limits.tasks, limits.disk_bytes),
    )


async def run_plan(plan: LaunchPlan, stdin: bytes, limits: Limits) -> Finished:
    """Execute a plan with the launcher.

    Raises:
        LayerRefused: A layer could not be applied.
        CannotRun: The process could not be started.
    """
    plan_file = os.memfd_create("plan")
    started = time.monotonic()
    try:
        os.write(plan_file, encode_plan(plan))
        talk, timed_out = await _run_launcher(plan_file, stdin, limits)
        ending = decode_ending(os.pread(plan_file, os.fstat(plan_file).st_size, 0))
    finally:
        os.close(plan_file)
    _raise_error(plan, ending, talk)
    outcome = _outcome(ending, talk, timed_out=timed_out, seconds=time.monotonic() - started)
    return Finished(outcome, is_clean=ending.exit_code is not None and not ending.left)


def _raise_error(plan: LaunchPlan, ending: TargetEnding, talk: _Talk) -> None:
    """Raise the error that prevented the target from starting."""
    if ending.error and ending.layer:
        raise LayerRefused(ending.layer, ending.error)
    if ending.error or ending.target is None:
        reason = ending.error or shown(bytes(talk.kept[2]), _MOST_WORDS)
        raise CannotRun(f"Cannot run {plan.argv[0]}: {reason or 'its launcher ended early'}.")


def _outcome(ending: TargetEnding, talk: _Talk, *, timed_out: bool, seconds: float) -> ProcessOutcome:
    if ending.target is not None and ending.exit_code is None:
        _signal_group(ending.target)  # the launcher was killed: end at least the target's group
    return ProcessOutcome(
        exit_code=-signal.SIGKILL if ending.exit_code is None else ending.exit_code,
        stdout=bytes(talk.kept[1]),
        stderr=bytes(talk.kept[2]),
        seconds=seconds if ending.seconds is None else ending.seconds,
        timed_out=timed_out,
        truncated=talk.truncated,
        exceeded=ending.exceeded,
    )


def _signal_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


async def _run_launcher(plan_file: int, stdin: bytes, limits: Limits) -> tuple[_Talk, bool]:
    """Return the output, and whether the time limit was reached."""
    loop = asyncio.get_running_loop()
    try:
        transport, talk = await loop.subprocess_exec(
            lambda: _Talk(limits.output_bytes),
            *(sys.executable, "-I", "-S", str(_LAUNCHER), str(plan_file)),
            pass_fds=(plan_file,),
            start_new_session=True,
            # An interpreter built as a shared library may need this variable to find it.
            env={"LD_LIBRARY_PATH": f"{sys.base_prefix}/lib"},
        )
    except OSError as error:
        raise CannotRun(f"Could not run {sys.executable}, TestSmith's own interpreter: {error}.") from error
    try:
        _feed(transport, stdin)
        timed_out = not await _happens(talk.exited, limits.seconds)
    finally:
        await _end(transport, talk)
    return talk, timed_out


def _feed(transport: asyncio.SubprocessTransport, stdin: bytes) -> None:
    """Write all of the input; the transport buffers it."""
    pipe = transport.get_pipe_transport(0)
    if isinstance(pipe, asyncio.WriteTransport):  # the other pipes are for reading
        pipe.write(stdin)
        pipe.write_eof()


async def _happens(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event; return whether it happened in time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def _end(transport: asyncio.SubprocessTransport, talk: _Talk) -> None:
    """Have the launcher end everything; wait for it even if this wait is canceled, too."""
    if not talk.exited.is_set():
        transport.send_signal(signal.SIGTERM)
        transport.send_signal(signal.SIGCONT)  # a target of the same user may have stopped it
    cancelled = await _insist(talk.exited, _SECONDS_TO_END)
    cancelled |= await _insist(talk.closed, _SECONDS_TO_READ)
    transport.close()  # kills the launcher if it still runs, and with it the target
    if cancelled:
        raise asyncio.CancelledError


async def _insist(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event even if the wait is canceled; return whether it was canceled."""
    cancelled = False
    deadline = time.monotonic() + seconds
    while not event.is_set() and (left := deadline - time.monotonic()) > 0:
        try:
            await _happens(event, left)
        except asyncio.CancelledError:
            cancelled = True
    return cancelled


class _Talk(asyncio.SubprocessProtocol):
    """Protocol for the launcher: keeps the first bytes of each stream and drops the rest.

    Attributes:
        kept: Kept bytes by file descriptor.
        truncated: Whether anything was dropped.
        exited: Set when the launcher has ended.
        closed: Set when all streams are closed, too.
    """

    def __init__(self, limit: int) -> None:
        self.kept = {1: bytearray(), 2: bytearray()}
        self.truncated = False
        self.exited = asyncio.Event()
        self.closed = asyncio.Event()
        self._limit = limit

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Keep the data that fits into the limit."""
        kept = self.kept[fd]
        room = self._limit - len(kept)
        kept += data[:room]
        self.truncated = self.truncated or len(data) > room

    def process_exited(self) -> None:
        """Record that the launcher has ended."""
        self.exited.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio names it
        """Record that the launcher has ended and all streams are closed."""
        self.closed.set()
