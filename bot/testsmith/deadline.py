"""When a run has to be over, and how much is begun until then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from testsmith.model import EndsRun

T = TypeVar("T")

MOST_UNMEASURED = 10
"""So many members are begun at once while nobody knows how long one takes."""

_SECONDS_A_MEMBER = 20.0
"""What a member may well take where nothing was measured yet."""

_LEAST_SECONDS = 2.0
"""Within less, nothing is proven."""

_MARGIN = 2.0


class TimeIsOver(EndsRun):
    """The run has to end now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """When a run has to be over.

    Attributes:
        clock: Seconds that only ever grow.
        end: When it has to be over, on that clock.
        minutes: What the person allowed.
    """

    clock: Callable[[], float]
    end: float
    minutes: float

    @classmethod
    def after(cls, minutes: float, clock: Callable[[], float]) -> Deadline:
        """Return the deadline of a run that begins now."""
        return cls(clock=clock, end=clock() + 60 * minutes, minutes=minutes)

    @property
    def left(self) -> float:
        """How many seconds are left, never less than none."""
        return max(0.0, self.end - self.clock())

    async def within(self, work: Awaitable[T], share: float = 1.0) -> T:
        """Wait for some work; cancel it where it takes more than a share of what is left.

        Args:
            work: What is waited for.
            share: So much of the time that is left it may take.

        Raises:
            TimeIsOver: It was cancelled.
        """
        limit = asyncio.timeout(share * self.left)
        try:
            async with limit:
                return await work
        except TimeoutError as error:
            if limit.expired():
                raise TimeIsOver from error
            raise

    def reason(self, not_done: str) -> str:
        """Return why something was not done, `not_done` being what, as `its tests were proven`."""
        return f"{self.minutes:g} minutes were over before {not_done}: --max-minutes allows more"


def next_group(waiting: int, left: float, pace: float | None) -> int:
    """Return how many of the waiting members are begun together; 0 where not even one is likely to end.

    All at once is fastest, but what does not end in time is lost together. Where there is time enough for
    all, they are one group; else several.

    Args:
        waiting: How many there are.
        left: Seconds left.
        pace: Seconds that one has taken so far, of those that were begun together; None where none was.
    """
    if left < _LEAST_SECONDS:
        return 0
    if pace is None:
        return min(waiting, MOST_UNMEASURED, max(1, int(left / _SECONDS_A_MEMBER)))
    likely = int(left / max(_MARGIN * pace, 1e-6))
    return waiting if likely >= waiting else min(likely, max(1, likely // 2))
