"""Run work in threads and side by side, and never return before it has ended.

Work on files cannot be canceled. If it were left behind, it could write to a folder that is being removed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar, overload

P = ParamSpec("P")
T = TypeVar("T")
U = TypeVar("U")
V = TypeVar("V")


async def in_thread(function: Callable[P, T], /, *arguments: P.args, **named: P.kwargs) -> T:
    """Call a function in a thread; if the wait is canceled, still wait for the function to end."""
    work = asyncio.ensure_future(asyncio.to_thread(function, *arguments, **named))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.gather(work, return_exceptions=True)
        raise


@overload
async def gather(first: Coroutine[Any, Any, T], second: Coroutine[Any, Any, U], /) -> tuple[T, U]: ...


@overload
async def gather(
    first: Coroutine[Any, Any, T], second: Coroutine[Any, Any, U], third: Coroutine[Any, Any, V], /
) -> tuple[T, U, V]: ...


@overload
async def gather(*works: Coroutine[Any, Any, T]) -> list[T]: ...


async def gather(*works: Coroutine[Any, Any, Any]) -> Any:
    """Run coroutines side by side and return their results in order.

    If one fails or the wait is canceled, the others are canceled, and it waits for them to end.
    `asyncio.gather` returns as soon as the first one was canceled.

    Raises:
        Exception: The first exception that one of them raised.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            if not task.cancelling():  # a second cancellation would interrupt its cleanup
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
