"""Context managers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType


@contextmanager
def temporary_env(**values: str | None) -> Iterator[None]:
    """Set variables of the environment for a while; None takes one away."""
    before = {name: os.environ.get(name) for name in values}
    try:
        _set_all(values)
        yield
    finally:
        _set_all(before)


def _set_all(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        os.environ[name] = value or ""


class Stopwatch:
    """Measures how long blocks take, together."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started: float | None = None
        self._seconds = 0.0

    def __enter__(self) -> Stopwatch:
        self._started = self._clock()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        started, self._started = self._started, None
        if started is not None:
            self._seconds += self._clock() - started

    @property
    def seconds(self) -> float:
        """How long all blocks took."""
        return self._seconds
