"""Things that wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def with_fallback(job: Callable[[], Awaitable[T]], fallback: T, *, seconds: float = 1.0) -> T:
    """Return a job's result; the fallback where it takes too long."""
    try:
        async with asyncio.timeout(seconds):
            return await job()
    except TimeoutError:
        return fallback
