"""A run's time limit, and how many members to start within it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from testsmith.model import EndsRun

T = TypeVar("T")

MOST_UNMEASURED = 10
"""Maximum number of members to start together before the time per member is known."""

_SECONDS_A_MEMBER = 20.0
"""Assumed seconds per member before any were measured."""

_LEAST_SECONDS = 2.0
"""Minimum seconds left to start any members."""

_MARGIN = 2.0


class TimeIsOver(EndsRun):
    """The run has used up its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """Time limit of a run.

    Attributes:
        clock: Monotonic clock, in seconds.
        end: When the run must end, on that clock.
        minutes: The configured limit.
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
        """Seconds left, at least 0."""
        return max(0.0, self.end - self.clock())

    def part(self, share: float) -> Deadline:
        """Return an earlier deadline that leaves a share of the time left, or the same one for all of it."""
        return self if share >= 1 else replace(self, end=self.clock() + share * self.left)

    def at_most(self, seconds: float, share: float) -> float:
        """Return a number of seconds, or this share of the time left if that is less."""
        return min(seconds, share * self.left)

    async def within(self, work: Awaitable[T], share: float = 1.0) -> T:
        """Await some work, and cancel it if it takes more than a share of the time left.

        Args:
            work: The work to await.
            share: Fraction of the time left that it may use.

        Raises:
            TimeIsOver: The work was canceled.
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
        """Return why `not_done`, for example `its tests were proven`, did not happen in time."""
        return (
            f"time limit of {self.minutes:g} minutes reached before {not_done}: raise it with --max-minutes"
        )


def next_group(waiting: int, left: float, pace: float | None) -> int:
    """Return how many of the waiting members to start together; 0 if not even one is likely to finish.

    Starting all at once is fastest, but a group that does not finish in time is lost as a whole. All members
    form one group only if there is enough time for all of them.

    Args:
        waiting: Number of members not started yet.
        left: Seconds left.
        pace: Measured seconds per member so far, in groups started together; None before the first group.
    """
    if left < _LEAST_SECONDS:
        return 0
    if pace is None:
        return min(waiting, MOST_UNMEASURED, max(1, int(left / _SECONDS_A_MEMBER)))
    likely = int(left / max(_MARGIN * pace, 1e-6))
    return waiting if likely >= waiting else min(likely, max(1, likely // 2))
