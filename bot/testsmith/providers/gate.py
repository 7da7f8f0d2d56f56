"""The gate that all calls of a run pass: it closes for a while on a rate limit, and for good at the end."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

from testsmith.providers.provider import ProviderError, SpendingEnded, WaitTooLong

SPREAD = 0.25
"""Callers wake within this share of the wait after its end, and not at once."""

MAX_SPREAD_SECONDS = 1.0

_GOLDEN_RATIO = (math.sqrt(5) - 1) / 2
"""Multiples of it, without their whole part, never come twice and lie evenly, however many are taken."""


class SharedGate:
    """One for all callers, so that the rate limit one of them met slows every one.

    Nobody holds a slot of the endpoint while waiting here.
    """

    def __init__(
        self,
        *,
        longest_wait: float,
        sleep: Callable[[float], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        """Begin open.

        Args:
            longest_wait: Seconds; whoever would have to wait longer is refused.
            sleep: As `asyncio.sleep`.
            clock: As `time.monotonic`.
        """
        self._longest_wait = longest_wait
        self._sleep = sleep
        self._clock = clock
        self._opens_at = -math.inf
        self._spread = 0.0
        self._sleepers = 0
        self._end: SpendingEnded | None = None
        self._ended = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether a call may go through right now."""
        return self._end is None and self._clock() >= self._opens_at

    def close(self, seconds: float) -> None:
        """Let nobody through for some seconds; a longer wait that is already owed stays."""
        opens_at = self._clock() + seconds
        if opens_at > self._opens_at:
            self._opens_at = opens_at
            self._spread = min(SPREAD * seconds, MAX_SPREAD_SECONDS)

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
        while True:
            self._raise_if_ended()
            left = self._opens_at - self._clock()
            if left <= 0:
                return
            if left > self._longest_wait:
                raise _unsent(wait_too_long(left, self._longest_wait))
            self._sleepers += 1
            await self.rest(left + self._spread * (self._sleepers * _GOLDEN_RATIO % 1.0))

    async def rest(self, seconds: float) -> None:
        """Sleep, but no longer than calls make sense.

        Raises:
            SpendingEnded: No call may go through any more.
        """
        if seconds <= 0:
            return
        sleeping = asyncio.ensure_future(self._sleep(seconds))
        ending = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait((sleeping, ending), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            ending.cancel()
        self._raise_if_ended()

    def _raise_if_ended(self) -> None:
        if self._end is not None:
            raise _unsent(type(self._end)(str(self._end))) from self._end


def _unsent(error: ProviderError) -> ProviderError:
    error.attempts = 0
    return error


def wait_too_long(asked: float, allowed: float) -> WaitTooLong:
    """Return the error for a wait that the settings do not allow."""
    return WaitTooLong(
        f"The endpoint asks to wait {asked:.0f} s, and at most {allowed:.0f} s are allowed. "
        "Run again later, or use another model or endpoint."
    )
