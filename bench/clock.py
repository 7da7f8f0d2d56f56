"""How long something takes, by the clock and by the processor."""

from __future__ import annotations

import resource
import time
from typing import Self

PROCESSORS = 2
"""Of the machine that the targets are for: with nothing else to do, it takes half of the processor's time."""


class Stopwatch:
    """Measures what is done inside its `with` block.

    Attributes:
        seconds: By the clock.
        busy: The processor's time of this process and of those that have ended, which a machine that is
            busy with other work does not lengthen.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.busy = 0.0

    def __enter__(self) -> Self:
        self.seconds, self.busy = time.perf_counter(), _processor_seconds()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds, self.busy = time.perf_counter() - self.seconds, _processor_seconds() - self.busy

    def without(self, other: Stopwatch) -> Stopwatch:
        """Return what is left without a part that was measured by itself."""
        left = Stopwatch()
        left.seconds, left.busy = self.seconds - other.seconds, self.busy - other.busy
        return left


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
