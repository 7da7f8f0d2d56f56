"""The gate that all calls of a run pass: it closes for a while on a rate limit, and for good at the end."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from testsmith.providers.provider import ProviderError, SpendingEnded, WaitTooLong

JITTER = 0.25
"""Waits are longer by up to this share, never shorter, so that callers do not all wake at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How calls wait.

    Attributes:
        longest: Seconds; whoever would have to wait longer is refused.
        sleep: As `asyncio.sleep`.
        clock: As `time.monotonic`.
        random: Gives a number from 0 up to 1, as `random.random`.
    """

    longest: float
    sleep: Callable[[float], Awaitable[None]]
    clock: Callable[[], float]
    random: Callable[[], float]


class SharedGate:
    """One for all callers, so that the rate limit one of them met slows every one.

    Nobody holds a slot of the endpoint while waiting here.
    """

    def __init__(self, waits: Waits) -> None:
        """Begin open."""
        self._waits = waits
        self._opens_at = -math.inf
        self._end: SpendingEnded | None = None
        self._ended = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether a call may go through right now."""
        return self._end is None and self._waits.clock() >= self._opens_at

    def close(self, seconds: float) -> None:
        """Let nobody through for some seconds; a longer wait that has begun goes on."""
        self._opens_at = max(self._opens_at, self._waits.clock() + seconds)

    def end(self, reason: SpendingEnded) -> None:
        """Let nobody through any more, and end all waits with the reason; the first reason stays."""
        self._end = self._end or reason
        self._ended.set()

    async def passed(self) -> None:
        """Return once a call may go through.

        Raises:
            SpendingEnded: No call may any more.
            WaitTooLong: The wait would be longer than the settings allow.
        """
        while not self.is_open:
            await self.rest(self._opens_at - self._waits.clock())

    async def rest(self, seconds: float) -> None:
        """Sleep for some seconds or a little longer, but no longer than calls make sense.

        Raises:
            SpendingEnded: No call may go through any more.
            WaitTooLong: The settings do not allow so long a wait.
        """
        if self._end is None and seconds > self._waits.longest:
            raise _unsent(
                WaitTooLong(
                    f"The endpoint asks to wait {seconds:.0f} s, and at most {self._waits.longest:.0f} s are "
                    "allowed. Run again later, or use another model or endpoint."
                )
            )
        if self._end is None and seconds > 0:
            sleep = self._waits.sleep(seconds * (1 + JITTER * self._waits.random()))
            both = (asyncio.ensure_future(sleep), asyncio.ensure_future(self._ended.wait()))
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in both:
                    one.cancel()
        if self._end is not None:
            raise _unsent(type(self._end)(str(self._end))) from self._end


def _unsent(error: ProviderError) -> ProviderError:
    error.attempts = 0
    return error
