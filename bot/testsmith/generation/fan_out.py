"""Many requests at the same time: in batches where that is wanted and possible, else one by one."""

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
    """A set of running coroutines, iterated in the order in which they end.

    More may be started while it is iterated; the iteration is over when nothing runs any more. Leaving the
    `async with` block cancels what still runs and waits until it has ended, so that nothing outlives its
    reader, neither after an error nor when a generator around it is closed. An exception of a coroutine is
    raised to the reader. A reader that is cancelled gets what has ended until then, and after it the
    cancellation, so that no answer that came is lost. A task group would not do: it must not be open across
    a generator's `yield`.
    """

    def __init__(self) -> None:
        self._running: set[asyncio.Task[T]] = set()
        self._ended: asyncio.Queue[asyncio.Task[T]] = asyncio.Queue()
        self._cancelled: asyncio.CancelledError | None = None

    def start(self, coroutine: Coroutine[None, None, T]) -> None:
        """Run one more."""
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
        """Wait for a task to end; once that wait was cancelled, return only what had ended without it."""
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
    """Hand out a stream, and close it at the end where it is one that can be closed."""
    try:
        yield stream
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()


async def results(
    generator: TestGenerator, requests: Sequence[Request], *, batches: bool = True, at_once: int = 5
) -> AsyncGenerator[Result, None]:
    """Yield exactly one result a request, each as soon as it is there.

    Args:
        generator: Who answers.
        requests: What is asked.
        batches: Whether the language's driver wants batches; without, or where the generator cannot, each
            request is asked by itself.
        at_once: The most requests that are asked by themselves at the same time.

    Raises:
        SpendingEnded: No further call of this run can work. It comes after all results.
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
    """An observer that ends in time, and whose failure is no one's: what is known until then counts.

    Args:
        inner: Who runs the members.
        deadline: When the whole run has to be over.
        share: So much of the time that is left may go by.
    """

    def __init__(self, inner: Observer, deadline: Deadline, share: float) -> None:
        self._inner = inner
        self._deadline = deadline
        self._share = share
        self._notes: dict[str, None] = {}

    async def observe(self, requests: Sequence[Request]) -> AsyncIterator[tuple[str, tuple[str, ...]]]:
        """See `Observer.observe`; what takes too long or cannot be run is left out."""
        found: dict[str, tuple[str, ...]] = {}
        try:
            await self._deadline.within(self._take(requests, found), self._share)
        except TimeIsOver:
            self._note("running them takes too long; --max-minutes allows more")
        except CannotRun as failure:
            self._note(str(failure))
        except Exception as error:
            if not is_fault(error):
                raise
            self._note(fault_in_words(error))
        for member, data in found.items():
            yield member, data

    def notes(self) -> tuple[str, ...]:
        """Return why something was not observed, once each."""
        return tuple(self._notes)

    async def _take(self, requests: Sequence[Request], found: dict[str, tuple[str, ...]]) -> None:
        async with closing(self._inner.observe(requests)) as stream:
            async for member, data in stream:
                found.setdefault(member, data)

    def _note(self, reason: str) -> None:
        self._notes[f"the model was not told what all members give: {reason}"] = None
