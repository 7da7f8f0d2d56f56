"""Limit all calls of a run together: concurrency, delays after a rate limit, and the end of all calls."""

from __future__ import annotations

import asyncio
import math
from asyncio import Semaphore
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from testsmith.llm.interface import (
    CompletionRequest,
    CompletionResponse,
    Provider,
    ProviderError,
    RateLimited,
    SpendingEnded,
    WaitTooLong,
)

JITTER = 0.25
"""Maximum fraction by which delays are extended, so that callers do not all wake up at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Limits and functions for delays.

    Attributes:
        longest: Maximum delay in seconds. Calls that would have to wait longer fail.
        sleep: Same contract as `asyncio.sleep`.
        clock: Same contract as `time.monotonic`.
        random: Same contract as `random.random`.
    """

    longest: float
    sleep: Callable[[float], Awaitable[None]]
    clock: Callable[[], float]
    random: Callable[[], float]


class RateLimitGate:
    """Gate shared by all callers, so that a rate limit met by one of them delays all.

    Callers hold no slot of the endpoint while they wait here.
    """

    def __init__(self, waits: Waits) -> None:
        self._waits = waits
        self._opens_at = -math.inf
        self._end: SpendingEnded | None = None
        self._ended = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether a call may pass right now."""
        return self._end is None and self._waits.clock() >= self._opens_at

    def close(self, seconds: float) -> None:
        """Close the gate for some seconds. A longer delay that is already in effect remains."""
        self._opens_at = max(self._opens_at, self._waits.clock() + seconds)

    def end(self, reason: SpendingEnded) -> None:
        """Close the gate for good and end all waits with the reason. The first reason is kept."""
        self._end = self._end or reason
        self._ended.set()

    async def passed(self) -> None:
        """Wait until a call may pass.

        Raises:
            SpendingEnded: No further call is allowed.
            WaitTooLong: The delay exceeds the configured maximum.
        """
        while not self.is_open:
            await self.rest(self._opens_at - self._waits.clock())

    async def rest(self, seconds: float) -> None:
        """Sleep for some seconds plus jitter, or until the gate is closed for good.

        Raises:
            SpendingEnded: No further call is allowed.
            WaitTooLong: The delay exceeds the configured maximum.
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


class Slots:
    """Slots for attempts in flight.

    A rate limit removes the slot of the attempt that met it, and each answer restores one. This way, an
    endpoint that allows fewer calls than there are slots is not overrun all the time. Two slots always
    remain: with one, each call would wait for the answer to the previous one.
    """

    def __init__(self, places: int) -> None:
        self._free = Semaphore(places)
        self._taken_away = 0
        self._most_taken_away = max(0, places - 2)

    async def __aenter__(self) -> None:
        await self._free.acquire()

    async def __aexit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, RateLimited) and self._taken_away < self._most_taken_away:
            self._taken_away += 1
        else:
            self._free.release()

    def answered(self) -> None:
        """Restore a slot that was removed."""
        if self._taken_away:
            self._taken_away -= 1
            self._free.release()


class SemaphoreProvider:
    """The layer next to the endpoint: each attempt takes its own slot, and none is held while waiting."""

    def __init__(self, inner: Provider, *, slots: Slots, gate: RateLimitGate) -> None:
        """Wrap a provider.

        Args:
            inner: The provider that makes the attempt.
            slots: The slots for attempts.
            gate: The gate, which may have closed while an attempt waited for its slot.
        """
        self._inner = inner
        self._slots = slots
        self._gate = gate

    async def complete(self, request: CompletionRequest) -> CompletionResponse:
        """See `Provider.complete`."""
        while True:
            await self._gate.passed()
            async with self._slots:
                if self._gate.is_open:
                    response = await self._inner.complete(request)
                    self._slots.answered()
                    return response
