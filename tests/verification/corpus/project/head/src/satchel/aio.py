"""Things that wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


async def gather_limited(limit: int, jobs: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """Run jobs side by side, so many at a time; return their results in the order of the jobs.

    Raises:
        ValueError: The limit is less than 1.
    """
    if limit < 1:
        raise ValueError("the limit must be at least 1")
    slots = asyncio.Semaphore(limit)

    async def run(job: Callable[[], Awaitable[T]]) -> T:
        async with slots:
            return await job()

    return list(await asyncio.gather(*map(run, jobs)))


async def with_fallback(job: Callable[[], Awaitable[T]], fallback: T, *, seconds: float = 1.0) -> T:
    """Return a job's result; the fallback where it takes too long or fails with an `OSError`."""
    try:
        async with asyncio.timeout(seconds):
            return await job()
    except (TimeoutError, OSError):
        return fallback


async def countdown(start: int, pause: float = 0.0) -> AsyncIterator[int]:
    """Yield the numbers from a start down to 1, with a pause before each but the first."""
    for number in range(start, 0, -1):
        if number != start:
            await asyncio.sleep(pause)
        yield number
