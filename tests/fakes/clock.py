"""A clock that only moves when somebody sleeps on it."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

_IDLE_TURNS = 50
"""Turns of the event loop that give every task its chance to run before time moves on."""


class FakeClock:
    """Virtual seconds: `sleep` in place of `asyncio.sleep`, `now` in place of `time.monotonic`.

    Sleepers wake in the order of their times, and time moves only once every other task waits too. Tasks that
    wait for real input or output do not hold it: let those finish before sleeping matters.

    Attributes:
        slept: The length of every sleep, in the order in which they began.
    """

    def __init__(self, start: float = 1_000.0) -> None:
        self.slept: list[float] = []
        self._now = start
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._mover: asyncio.Task[None] | None = None

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass while nobody sleeps."""
        self._now += seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), woken))
        if self._mover is None or self._mover.done():
            self._mover = asyncio.create_task(self._move())
        await woken

    async def _move(self) -> None:
        while self._sleepers:
            for _ in range(_IDLE_TURNS):
                await asyncio.sleep(0)
            due, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                self._now = max(self._now, due)
                woken.set_result(None)
