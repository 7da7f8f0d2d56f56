"""The fake's time: it stands still until something is written, so that every run of a test sees the same."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC).timestamp()
"""Where the fake's time begins."""


class Clock(Protocol):
    """Tells the time in seconds since 1970."""

    def now(self) -> float:
        """Return the time."""

    def tick(self) -> None:
        """Hear that something was written."""


@dataclass
class StepClock:
    """Moves one step at each write, and when it is told to.

    Attributes:
        step: Seconds a write takes.
    """

    time: float = START
    step: float = 1.0

    def now(self) -> float:
        return self.time

    def tick(self) -> None:
        self.time += self.step

    def advance(self, seconds: float) -> None:
        self.time += seconds


class WallClock:
    """The machine's own time, for clients that wait for a limit's reset."""

    def now(self) -> float:
        return time.time()

    def tick(self) -> None:
        """Time passes by itself."""


def stamp(at: float) -> str:
    """Return a time as GitHub writes it."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
