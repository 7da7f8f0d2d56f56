"""The gate that all calls of a run pass: it closes for a while on a rate limit, and for good at the end."""

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


class RateLimitGate:
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


class Slots:
    """Places for attempts in flight.

    A rate limit takes away the place of the attempt that met it, and each answer gives one back, so that an
    endpoint that lets fewer calls through than there are places is not asked all the time. Two places always
    stay: with one, the next call would wait for the answer to the one before.
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
        """Give back a place that was taken away."""
        if self._taken_away:
            self._taken_away -= 1
            self._free.release()


class SemaphoreProvider:
    """The layer next to the endpoint: each attempt takes its own slot, and none is held while waiting."""

    def __init__(self, inner: Provider, *, slots: Slots, gate: RateLimitGate) -> None:
        """Wrap a provider.

        Args:
            inner: What makes the attempt.
            slots: Where an attempt's slot comes from.
            gate: What may have closed while an attempt waited for its slot.
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
