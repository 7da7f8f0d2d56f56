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
from collections.abc import Awaitable, Callable
from pathlib import Path

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
        return await run_to_end(await self.start(command, limits), command.stdin, limits)

    async def start(self, command: Command, limits: Limits) -> LaunchedProcess:
        """Start a command; its standard input is ignored.

        Raises:
            CannotRun: The launcher could not be started.
        """
        return await launch(basic_plan(command, limits), limits)


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


Release = Callable[[bool], Awaitable[None]]
"""Called when a process has ended, with whether all of its descendants have."""


async def launch(plan: LaunchPlan, limits: Limits, release: Release | None = None) -> LaunchedProcess:
    """Execute a plan with the launcher.

    Args:
        plan: The plan.
        limits: The process's limits; the caller sees to the time.
        release: See `Release`.

    Raises:
        CannotRun: The launcher could not be started.
    """
    plan_file = os.memfd_create("plan")
    try:
        os.write(plan_file, encode_plan(plan))
        transport, talk = await asyncio.get_running_loop().subprocess_exec(
            lambda: _Talk(limits.output_bytes),
            *(sys.executable, "-I", "-S", str(_LAUNCHER), str(plan_file)),
            pass_fds=(plan_file,),
            start_new_session=True,
            # An interpreter built as a shared library may need this variable to find it.
            env={"LD_LIBRARY_PATH": f"{sys.base_prefix}/lib"},
        )
    except BaseException as error:
        os.close(plan_file)
        if isinstance(error, OSError):
            raise CannotRun(
                f"Could not run {sys.executable}, TestSmith's own interpreter: {error}."
            ) from error
        raise
    return LaunchedProcess(plan, plan_file, transport, talk, release)


async def run_to_end(process: LaunchedProcess, stdin: bytes, limits: Limits) -> ProcessOutcome:
    """Give a process its standard input, and wait until it ends or its time is over.

    Raises:
        LayerRefused: A layer could not be applied.
        CannotRun: The process could not be started.
    """
    timed_out = False
    try:
        process.write(stdin)
        process.write_end()
        timed_out = not await process.ends_within(limits.seconds)
    except BaseException:
        await process.end()
        raise
    return await process.end(timed_out=timed_out)


class LaunchedProcess:
    """A process in the sandbox. It must be ended by `end`.

    Args:
        plan: Its plan.
        plan_file: File descriptor of the launcher's messages.
        transport: The launcher's process.
        talk: What it has written.
        release: See `Release`.
    """

    def __init__(
        self,
        plan: LaunchPlan,
        plan_file: int,
        transport: asyncio.SubprocessTransport,
        talk: _Talk,
        release: Release | None,
    ) -> None:
        self._plan = plan
        self._plan_file = plan_file
        self._transport = transport
        self._talk = talk
        self._release = release
        self._started = time.monotonic()

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self._talk.exited.is_set()

    def write(self, data: bytes) -> None:
        """Write to its standard input; what it does not read yet is buffered."""
        stdin = self._stdin()
        if stdin is not None:
            stdin.write(data)

    def write_end(self) -> None:
        """Close its standard input when all has been written."""
        stdin = self._stdin()
        if stdin is not None:
            stdin.write_eof()

    def _stdin(self) -> asyncio.WriteTransport | None:
        pipe = self._transport.get_pipe_transport(0)
        return pipe if isinstance(pipe, asyncio.WriteTransport) else None  # the other pipes are for reading

    async def ends_within(self, seconds: float) -> bool:
        """Wait until it ends or the time is over; return whether it has ended."""
        return await _happens(self._talk.exited, seconds)

    async def read(self, seconds: float) -> bytes:
        """Return what it has written to standard output since the last call.

        Returns:
            Empty if it has ended and everything was read, or the time is over.
        """
        talk = self._talk
        if not talk.kept[1]:
            talk.news.clear()
            if not talk.closed.is_set():
                await _happens(talk.news, seconds)
        data = bytes(talk.kept[1])
        talk.kept[1].clear()
        return data

    async def end(self, *, timed_out: bool = False) -> ProcessOutcome:
        """End it and all of its descendants, if they still run, and return how it ended.

        Args:
            timed_out: Whether it is ended because of its time limit.

        Raises:
            LayerRefused: A layer could not be applied.
            CannotRun: The process could not be started.
        """
        is_cancelled = await _end(self._transport, self._talk)
        ending = decode_ending(os.pread(self._plan_file, os.fstat(self._plan_file).st_size, 0))
        os.close(self._plan_file)
        error = _error(self._plan, ending, self._talk)
        seconds = time.monotonic() - self._started
        outcome = _outcome(ending, self._talk, timed_out=timed_out, seconds=seconds)
        if self._release is not None:
            await self._release(error is not None or (ending.exit_code is not None and not ending.left))
        if is_cancelled:
            raise asyncio.CancelledError
        if error is not None:
            raise error
        return outcome


def _error(plan: LaunchPlan, ending: TargetEnding, talk: _Talk) -> CannotRun | None:
    """Return the error that prevented the target from starting."""
    if ending.error and ending.layer:
        return LayerRefused(ending.layer, ending.error)
    if ending.error or ending.target is None:
        reason = ending.error or shown(bytes(talk.kept[2]), _MOST_WORDS)
        return CannotRun(f"Cannot run {plan.argv[0]}: {reason or 'its launcher ended early'}.")
    return None


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


async def _happens(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event; return whether it happened in time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def _end(transport: asyncio.SubprocessTransport, talk: _Talk) -> bool:
    """Have the launcher end everything, even if the wait for it is canceled; return whether it was."""
    if not talk.exited.is_set():
        transport.send_signal(signal.SIGTERM)
        transport.send_signal(signal.SIGCONT)  # a target of the same user may have stopped it
    cancelled = await _insist(talk.exited, _SECONDS_TO_END)
    cancelled |= await _insist(talk.closed, _SECONDS_TO_READ)
    transport.close()  # kills the launcher if it still runs, and with it the target
    return cancelled


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
        news: Set when there is output, or all streams are closed.
    """

    def __init__(self, limit: int) -> None:
        self.kept = {1: bytearray(), 2: bytearray()}
        self.truncated = False
        self.exited = asyncio.Event()
        self.closed = asyncio.Event()
        self.news = asyncio.Event()
        self._limit = limit

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Keep the data that fits into the limit."""
        kept = self.kept[fd]
        room = self._limit - len(kept)
        kept += data[:room]
        self.truncated = self.truncated or len(data) > room
        if fd == 1:
            self.news.set()

    def process_exited(self) -> None:
        """Record that the launcher has ended."""
        self.exited.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio names it
        """Record that the launcher has ended and all streams are closed."""
        self.closed.set()
        self.news.set()
