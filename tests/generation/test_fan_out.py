from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence

from fakes.observer import FakeObserver
from fakes.requests import make_requests
from testsmith.deadline import Deadline
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.generation.fan_out import TimedObserver
from testsmith.model import Request

TOLD = {"src/shop/m0.py::f0": ("`f0(1)` gives `2`",)}


class SlowObserver(FakeObserver):
    """Tells what it knows, and comes to no end."""

    async def observe(self, requests: Sequence[Request]) -> AsyncIterator[tuple[str, tuple[str, ...]]]:
        async for told in super().observe(requests):
            yield told
        await asyncio.sleep(60)


class BrokenObserver(FakeObserver):
    """Tells what it knows, and fails."""

    async def observe(self, requests: Sequence[Request]) -> AsyncIterator[tuple[str, tuple[str, ...]]]:
        async for told in super().observe(requests):
            yield told
        raise CannotRun(f"no process for {len(requests)} members.")


def observed(inner: FakeObserver, minutes: float) -> tuple[Mapping[str, tuple[str, ...]], tuple[str, ...]]:
    observer = TimedObserver(inner, Deadline.after(minutes, time.monotonic), 0.5)

    async def twice() -> Mapping[str, tuple[str, ...]]:
        first = {member: told async for member, told in observer.observe(make_requests(1, 2))}
        assert first == {member: told async for member, told in observer.observe(make_requests(1, 2))}
        return first

    return asyncio.run(twice()), observer.notes()


def test_observe__in_time() -> None:
    assert observed(FakeObserver(TOLD), 1) == (TOLD, ())


def test_observe__what_takes_too_long_loses_nothing_that_is_known_and_is_noted_once() -> None:
    told, [note] = observed(SlowObserver(TOLD), 0.01)
    assert told == TOLD
    assert "too long" in note
    assert "--max-minutes" in note


def test_observe__what_cannot_be_run_is_noted_and_ends_nothing() -> None:
    assert observed(BrokenObserver(TOLD), 1) == (
        TOLD,
        ("the model did not see the observed results of all functions: no process for 2 members.",),
    )
