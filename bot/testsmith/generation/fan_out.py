"""Run many requests concurrently, in batches if possible."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from types import TracebackType
from typing import Generic, Self, TypeVar

from testsmith.deadline import Deadline, TimeIsOver
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.faults import fault_in_words, is_fault
from testsmith.generation.interface import BatchTestGenerator, Observer, TestGenerator, skipped
from testsmith.llm.interface import SpendingEnded
from testsmith.model import Request, Result

T = TypeVar("T")


class SideBySide(Generic[T]):
    """A set of running coroutines, iterated in the order in which they finish.

    More can be started during iteration, which ends when nothing is running. Leaving the `async with` block
    cancels running tasks and waits for them, so that none outlives its reader after an error or when an
    enclosing generator is closed. Exceptions of coroutines are raised to the reader. A cancelled reader first
    gets the results that are already available, so that none is lost. A task group cannot be used because it
    must not be open across a generator's `yield`.
    """

    def __init__(self) -> None:
        self._running: set[asyncio.Task[T]] = set()
        self._ended: asyncio.Queue[asyncio.Task[T]] = asyncio.Queue()
        self._cancelled: asyncio.CancelledError | None = None

    def start(self, coroutine: Coroutine[None, None, T]) -> None:
        """Start another coroutine."""
        task = asyncio.create_task(coroutine)
        self._running.add(task)
        task.add_done_callback(self._ended.put_nowait)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        if not self._running:
            raise StopAsyncIteration
        task = await self._next()
        self._running.discard(task)
        return task.result()

    async def _next(self) -> asyncio.Task[T]:
        """Wait for a task to finish; after a cancelled wait, return only tasks that had already finished."""
        if self._cancelled is None:
            try:
                return await self._ended.get()
            except asyncio.CancelledError as cancelled:
                self._cancelled = cancelled
        for task in self._running:
            if task.done():
                return task
        raise self._cancelled

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


@asynccontextmanager
async def closing(stream: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Provide a stream, and close it at the end if it can be closed."""
    try:
        yield stream
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()


async def results(
    generator: TestGenerator, requests: Sequence[Request], *, batches: bool = True, at_once: int = 5
) -> AsyncGenerator[Result, None]:
    """Yield exactly one result per request, each as soon as it is available.

    Args:
        generator: The generator.
        requests: The requests.
        batches: Whether the language allows batches. Without them, or if the generator does not
            support them, requests are made one by one.
        at_once: Maximum number of concurrent single requests.

    Raises:
        SpendingEnded: No further model call is possible in this run. Raised after all results.
    """
    if batches and isinstance(generator, BatchTestGenerator):
        stream = generator.generate_batch(requests)
    else:
        stream = _fan_out(generator, requests, at_once)
    async with closing(stream):
        async for result in stream:
            yield result


async def _fan_out(
    generator: TestGenerator, requests: Sequence[Request], at_once: int
) -> AsyncGenerator[Result, None]:
    waiting = iter(requests)
    ended: SpendingEnded | None = None
    async with SideBySide[tuple[Result, SpendingEnded | None]]() as running:
        for request in islice(waiting, max(1, at_once)):
            running.start(_one(generator, request))
        async for result, error in running:
            ended = ended or error
            if ended is None and (following := next(waiting, None)) is not None:
                running.start(_one(generator, following))
            yield result
    if ended is not None:
        for left in skipped(waiting, str(ended)):
            yield left
        raise ended


async def _one(generator: TestGenerator, request: Request) -> tuple[Result, SpendingEnded | None]:
    try:
        return await generator.generate(request), None
    except SpendingEnded as error:
        return skipped([request], str(error))[0], error


class TimedObserver:
    """An observer with a time limit. Its failures are ignored, and observations made until then are used.

    Args:
        inner: The observer.
        deadline: Deadline of the whole run.
        share: Fraction of the remaining time that may be used.
    """

    def __init__(self, inner: Observer, deadline: Deadline, share: float) -> None:
        self._inner = inner
        self._deadline = deadline
        self._share = share
        self._notes: dict[str, None] = {}

    async def observe(self, requests: Sequence[Request]) -> AsyncIterator[tuple[str, tuple[str, ...]]]:
        """See `Observer.observe`; members that take too long or cannot be run are left out."""
        found: dict[str, tuple[str, ...]] = {}
        try:
            await self._deadline.within(self._take(requests, found), self._share)
        except TimeIsOver:
            self._note("running them takes too long; raise the limit with --max-minutes")
        except CannotRun as failure:
            self._note(str(failure))
        except Exception as error:
            if not is_fault(error):
                raise
            self._note(fault_in_words(error))
        for member, data in found.items():
            yield member, data

    def notes(self) -> tuple[str, ...]:
        """Return the distinct reasons why members were not observed."""
        return tuple(self._notes)

    async def _take(self, requests: Sequence[Request], found: dict[str, tuple[str, ...]]) -> None:
        async with closing(self._inner.observe(requests)) as stream:
            async for member, data in stream:
                found.setdefault(member, data)

    def _note(self, reason: str) -> None:
        self._notes[f"the model did not see the observed results of all functions: {reason}"] = None
