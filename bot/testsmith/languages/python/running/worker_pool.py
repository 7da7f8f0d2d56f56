"""Worker processes, which wait for further plans; see `worker/plans.py`."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import replace

from testsmith.execution.sandbox.interface import Command, Limits, ProcessOutcome, RunningProcess, Sandbox
from testsmith.execution.workspace import remove_folder
from testsmith.tasks import gather, in_thread

_MOST_WAITING = 12
_MOST_SECONDS = 6 * 3600.0
"""Limit on the processor time of a worker's processes; each plan has its own time limit."""

_MOST_UNREAD_BYTES = 64 * 1024**2
_MARK = b"end "
"""Begins the line after a plan's results, which are JSON objects."""


class WorkerPool:
    """The workers of a workspace that wait for further plans."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Hashable, _Worker]] = []

    async def run(
        self,
        key: Hashable,
        sandbox: Sandbox,
        command: Callable[[], Command],
        plan: bytes,
        limits: Limits,
    ) -> ProcessOutcome:
        """Run a plan in a worker that waits, or in a new one.

        If it takes too long or the worker ends, the outcome has the results until then.

        Args:
            key: What the plan needs of a worker; None for one that is new and takes no other plan.
            sandbox: Starts a new worker.
            command: Returns the command of a new worker, with a folder of its own that it may write to.
            plan: The plan, on one line.
            limits: Time and output of the plan, and the other limits of a new worker.

        Raises:
            CannotRun: A worker could not be started.
        """
        worker = await self._take(key) or await _Worker.started(sandbox, command(), limits)
        try:
            return await worker.run(plan, limits)
        finally:
            if key is not None and worker.is_waiting:
                self._waiting.append((key, worker))
                surplus = self._waiting[:-_MOST_WAITING]
                del self._waiting[:-_MOST_WAITING]
                await gather(*(each.end() for _, each in surplus))
            else:
                await worker.end()

    async def _take(self, key: Hashable) -> _Worker | None:
        """Return a worker that waits and still runs, if there is one."""
        while key is not None:
            place = next((place for place, (known, _) in enumerate(self._waiting) if known == key), None)
            if place is None:
                break
            _, worker = self._waiting.pop(place)
            if worker.runs:
                return worker
            await worker.end()
        return None

    async def close(self) -> None:
        """End all workers."""
        waiting, self._waiting = self._waiting, []
        await gather(*(worker.end() for _, worker in waiting))


class _Worker:
    """A worker process.

    Attributes:
        is_waiting: Whether it waits for a plan.
    """

    def __init__(self, process: RunningProcess, command: Command) -> None:
        self._process = process
        self._folder = command.folder
        self._unread = bytearray()
        self._is_over = False
        self.is_waiting = True

    @classmethod
    async def started(cls, sandbox: Sandbox, command: Command, limits: Limits) -> _Worker:
        limits = replace(limits, seconds=_MOST_SECONDS, output_bytes=_MOST_UNREAD_BYTES)
        try:
            return cls(await sandbox.start(command, limits), command)
        except BaseException:
            await in_thread(remove_folder, command.folder)
            raise

    @property
    def runs(self) -> bool:
        """Whether it still runs: the sandbox may have ended it for want of memory."""
        return not self._process.has_ended

    async def run(self, plan: bytes, limits: Limits) -> ProcessOutcome:
        """Run a plan; see `WorkerPool.run`."""
        self.is_waiting = False
        started = time.monotonic()
        results, is_truncated = bytearray(), False
        self._process.write(plan + b"\n")
        while part := await self._process.read(max(0.0, started + limits.seconds - time.monotonic())):
            for line in self._lines(part):
                if line.startswith(_MARK):
                    self.is_waiting = b"unclean" not in line
                    return ProcessOutcome(
                        exit_code=int(b"done" not in line),
                        stdout=bytes(results),
                        stderr=b"",
                        seconds=time.monotonic() - started,
                        truncated=is_truncated,
                    )
                if len(results) + len(line) < limits.output_bytes:
                    results += line + b"\n"
                else:
                    is_truncated = True
        self._is_over = True
        outcome = await self._process.end(timed_out=not self._process.has_ended)
        return replace(outcome, stdout=bytes(results), truncated=is_truncated)

    def _lines(self, part: bytes) -> list[bytes]:
        """Return the lines that are complete with another part of the output."""
        self._unread += part
        if b"\n" not in part:
            return []
        *lines, rest = bytes(self._unread).split(b"\n")
        self._unread = bytearray(rest)
        return lines

    async def end(self) -> None:
        """End it and remove its folder."""
        if not self._is_over:
            self._is_over = True
            await self._process.end()
        await in_thread(remove_folder, self._folder)
