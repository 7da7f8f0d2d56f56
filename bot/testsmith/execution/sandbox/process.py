"""Run processes under limits and leave none behind: the sandbox without its isolation layers.

Every process is started by a launcher, which supervises it and kills all its descendants when it ends, at the
time limit, on cancellation, and when the bot itself is killed; see `linux/launcher.py`.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import math
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from testsmith.execution.sandbox.interface import CannotRun, Command, Limits, ProcessOutcome, shown
from testsmith.execution.sandbox.linux.plan import (
    LAUNCH,
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
    try:
        with contextlib.ExitStack() as kept, contextlib.ExitStack() as passed:
            plan_file = os.memfd_create("plan")
            kept.callback(os.close, plan_file)
            os.write(plan_file, encode_plan(plan))
            ours, theirs = list[int](), list[int]()
            for stream in _STREAMS:
                own, other = _opened(stream)
                kept.callback(os.close, own)
                passed.callback(os.close, other)
                ours.append(own)
                theirs.append(other)
            requests = _FORKER.launch((*theirs[:_ALIVE], plan_file, theirs[_ALIVE]))
            passed.close()
            launcher = _launcher_of(ours)
            kept.pop_all()
    except OSError as error:
        raise CannotRun(f"Could not run {sys.executable}, TestSmith's own interpreter: {error}.") from error
    process = LaunchedProcess(plan, plan_file, launcher, requests, limits.output_bytes, release)
    await process.connect(ours)
    return process


_STREAMS = range(4)
"""Pipes to a launcher: the target's standard streams, and one that the launcher keeps open until it ends."""

_ALIVE = 3
_LONGEST_NUMBER = 32


def _opened(stream: int) -> tuple[int, int]:
    """Open a pipe, and return the bot's end and the launcher's."""
    reading, writing = os.pipe()
    return (writing, reading) if stream == 0 else (reading, writing)


def _launcher_of(pipes: Sequence[int]) -> int:
    """Return the process id of the launcher with these pipes.

    Raises:
        OSError: It could not be forked, or ended early.
    """
    launcher = os.read(pipes[_ALIVE], _LONGEST_NUMBER)
    if not launcher:
        raise OSError(shown(os.read(pipes[2], _MOST_WORDS), _MOST_WORDS) or _FORKER.words())
    return int(launcher)


class _Forker:
    """The process that launchers are forked from. It is started when it is needed, and ends with the bot."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._errors = -1

    def launch(self, passed: Sequence[int]) -> socket.socket:
        """Pass on a request; see `LAUNCH`.

        Returns:
            Where to say that the launcher may be reaped.

        Raises:
            OSError: The process could not be started.
        """
        with self._lock:
            requests = self._requests
            if requests is not None and self._owner == os.getpid():  # not after a fork of the bot
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    socket.send_fds(requests, (LAUNCH,), passed)
                    return requests
            requests = self._start()
            socket.send_fds(requests, (LAUNCH,), passed)
            return requests

    def words(self) -> str:
        """Return what the process has printed."""
        said = os.pread(self._errors, _MOST_WORDS, 0)
        return shown(said, _MOST_WORDS) or "its launcher ended early"

    def close(self) -> None:
        """End the process, and wait for it, so that its processor time counts as the bot's."""
        if self._requests is not None:
            self._requests.close()
            os.close(self._errors)
            self._requests = None
        if self._process is not None and self._owner == os.getpid():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_SECONDS_TO_END)

    def _start(self) -> socket.socket:
        self.close()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        errors = os.memfd_create("errors")
        try:
            self._process = subprocess.Popen(
                (sys.executable, "-I", "-S", str(_LAUNCHER), str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd="/",
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                # An interpreter built as a shared library may need this variable to find it.
                env={"LD_LIBRARY_PATH": f"{sys.base_prefix}/lib"},
            )
        except OSError:
            ours.close()
            os.close(errors)
            raise
        finally:
            theirs.close()
        self._requests, self._owner, self._errors = ours, os.getpid(), errors
        return ours


_FORKER = _Forker()
atexit.register(_FORKER.close)


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
        with contextlib.suppress(CannotRun):  # it was ended before it began
            await process.end()
        raise
    return await process.end(timed_out=timed_out)


class LaunchedProcess:
    """A process in the sandbox. It must be ended by `end`.

    Args:
        plan: Its plan.
        plan_file: File descriptor of the launcher's messages.
        launcher: Process id of its launcher.
        requests: Where to say that the launcher may be reaped.
        output_bytes: Bytes to keep of each stream.
        release: See `Release`.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - all of it is known at once
        self,
        plan: LaunchPlan,
        plan_file: int,
        launcher: int,
        requests: socket.socket,
        output_bytes: int,
        release: Release | None,
    ) -> None:
        self._plan = plan
        self._plan_file = plan_file
        self._launcher = launcher
        self._requests = requests
        self._output = _LauncherOutput(output_bytes)
        self._stdin: asyncio.WriteTransport | None = None
        self._pipes: list[asyncio.BaseTransport] = []
        self._release = release
        self._started = time.monotonic()

    async def connect(self, pipes: Sequence[int]) -> None:
        """Connect it to its streams, in the order of `_STREAMS`; if that is canceled, it is ended."""
        connecting, is_cancelled = asyncio.create_task(self._connect(pipes)), False
        while not connecting.done():
            try:
                await asyncio.wait([connecting])
            except asyncio.CancelledError:
                is_cancelled = True
        connecting.result()
        if is_cancelled:
            with contextlib.suppress(CannotRun):  # it was ended before it began
                await self.end()
            raise asyncio.CancelledError

    async def _connect(self, pipes: Sequence[int]) -> None:
        files = [os.fdopen(pipe, "rb" if stream else "wb", 0) for stream, pipe in enumerate(pipes)]
        loop = asyncio.get_running_loop()
        try:
            protocol = functools.partial(_Stream, self._output, 0)
            self._stdin, _ = await loop.connect_write_pipe(protocol, files[0])
            self._pipes.append(self._stdin)
            for stream in _STREAMS[1:]:
                protocol = functools.partial(_Stream, self._output, stream)
                pipe, _ = await loop.connect_read_pipe(protocol, files[stream])
                self._pipes.append(pipe)
        except BaseException:
            self._ask_to_end()
            for file in files[len(self._pipes) :]:
                file.close()
            self._let_go()
            os.close(self._plan_file)
            raise

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self._output.exited.is_set()

    def write(self, data: bytes) -> None:
        """Write to its standard input; what it does not read yet is buffered."""
        if self._stdin is not None:
            self._stdin.write(data)

    def write_end(self) -> None:
        """Close its standard input when all has been written."""
        if self._stdin is not None:
            self._stdin.write_eof()

    async def ends_within(self, seconds: float) -> bool:
        """Wait until it ends or the time is over; return whether it has ended."""
        return await _happens(self._output.exited, seconds)

    async def read(self, seconds: float) -> bytes:
        """Return what it has written to standard output since the last call.

        Returns:
            Empty if it has ended and everything was read, or the time is over.
        """
        output = self._output
        if not output.kept[1]:
            output.news.clear()
            if not output.closed.is_set():
                await _happens(output.news, seconds)
        data = bytes(output.kept[1])
        output.kept[1].clear()
        return data

    async def end(self, *, timed_out: bool = False) -> ProcessOutcome:
        """End it and all of its descendants, if they still run, and return how it ended.

        Args:
            timed_out: Whether it is ended because of its time limit.

        Raises:
            LayerRefused: A layer could not be applied.
            CannotRun: The process could not be started.
        """
        is_cancelled = await self._end()
        ending = decode_ending(os.pread(self._plan_file, os.fstat(self._plan_file).st_size, 0))
        os.close(self._plan_file)
        error = _error(self._plan, ending, self._output)
        seconds = time.monotonic() - self._started
        outcome = _outcome(ending, self._output, timed_out=timed_out, seconds=seconds)
        if self._release is not None:
            await self._release(error is not None or (ending.exit_code is not None and not ending.left))
        if is_cancelled:
            raise asyncio.CancelledError
        if error is not None:
            raise error
        return outcome

    async def _end(self) -> bool:
        """Have the launcher end everything, even if the wait for it is canceled; return whether it was."""
        output = self._output
        if not output.exited.is_set():
            self._ask_to_end()
        cancelled = await _insist(output.exited, _SECONDS_TO_END)
        cancelled |= await _insist(output.closed, _SECONDS_TO_READ)
        if not output.exited.is_set():
            self._signal(signal.SIGKILL)  # and with it the target
        self._let_go()
        with contextlib.suppress(OSError):  # the process that launchers are forked from has ended
            self._requests.send(str(self._launcher).encode())
        return cancelled

    def _ask_to_end(self) -> None:
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)  # a target of the same user may have stopped it

    def _signal(self, number: signal.Signals) -> None:
        """Signal the launcher, which is not reaped before `_end` says so."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._launcher, number)

    def _let_go(self) -> None:
        if self._stdin is not None and 0 in self._output.open:
            self._stdin.abort()  # `close` would wait until everything is read
        for pipe in self._pipes[1:]:
            pipe.close()


def _error(plan: LaunchPlan, ending: TargetEnding, output: _LauncherOutput) -> CannotRun | None:
    """Return the error that prevented the target from starting."""
    if ending.error and ending.layer:
        return LayerRefused(ending.layer, ending.error)
    if ending.error or ending.target is None:
        reason = ending.error or shown(bytes(output.kept[2]), _MOST_WORDS)
        return CannotRun(f"Cannot run {plan.argv[0]}: {reason or 'its launcher ended early'}.")
    return None


def _outcome(
    ending: TargetEnding, output: _LauncherOutput, *, timed_out: bool, seconds: float
) -> ProcessOutcome:
    if ending.target is not None and ending.exit_code is None:
        _signal_group(ending.target)  # the launcher was killed: end at least the target's group
    return ProcessOutcome(
        exit_code=-signal.SIGKILL if ending.exit_code is None else ending.exit_code,
        stdout=bytes(output.kept[1]),
        stderr=bytes(output.kept[2]),
        seconds=seconds if ending.seconds is None else ending.seconds,
        timed_out=timed_out,
        truncated=output.truncated,
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


class _LauncherOutput:
    """What a launcher's pipes say: keeps the first bytes of each stream and drops the rest.

    Attributes:
        kept: Kept bytes by stream.
        truncated: Whether anything was dropped.
        exited: Set when the launcher has ended.
        closed: Set when all streams are closed, too.
        news: Set when there is output, or all streams are closed.
        open: The pipes that are not closed.
    """

    def __init__(self, limit: int) -> None:
        self.kept = {1: bytearray(), 2: bytearray()}
        self.truncated = False
        self.exited = asyncio.Event()
        self.closed = asyncio.Event()
        self.news = asyncio.Event()
        self._limit = limit
        self.open = {*_STREAMS}

    def receive(self, stream: int, data: bytes) -> None:
        """Keep the data that fits into the limit."""
        kept = self.kept[stream]
        room = self._limit - len(kept)
        kept += data[:room]
        self.truncated = self.truncated or len(data) > room
        if stream == 1:
            self.news.set()

    def lose(self, stream: int) -> None:
        """Record that a pipe is closed."""
        self.open.discard(stream)
        if stream == _ALIVE:
            self.exited.set()
        if not self.open:
            self.closed.set()
            self.news.set()


class _Stream(asyncio.Protocol):
    """Protocol of one pipe."""

    def __init__(self, output: _LauncherOutput, stream: int) -> None:
        self._output = output
        self._stream = stream

    def data_received(self, data: bytes) -> None:
        """Pass on the data."""
        self._output.receive(self._stream, data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio names it
        """Pass on that the pipe is closed."""
        self._output.lose(self._stream)
