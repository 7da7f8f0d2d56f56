from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

from bot.deadline import Deadline
from bot.execution.sandbox import CannotRun
from bot.generation.observing import TimedObserver
from bot.model import Request
from fakes.observer import FakeObserver
from fakes.requests import make_requests

TOLD = {"src/shop/m0.py::f0": ("`f0(1)` gives `2`",)}


class SlowObserver(FakeObserver):
    async def observe(self, requests: Sequence[Request]) -> Mapping[str, tuple[str, ...]]:
        await asyncio.sleep(60)
        return await super().observe(requests)


class BrokenObserver(FakeObserver):
    async def observe(self, requests: Sequence[Request]) -> Mapping[str, tuple[str, ...]]:
        raise CannotRun(f"no process for {len(requests)} members.")


def observed(inner: FakeObserver, minutes: float) -> tuple[Mapping[str, tuple[str, ...]], tuple[str, ...]]:
    observer = TimedObserver(inner, Deadline.after(minutes, time.monotonic), 0.5)

    async def twice() -> Mapping[str, tuple[str, ...]]:
        await observer.observe(make_requests(1, 1))
        return await observer.observe(make_requests(1, 1))

    return asyncio.run(twice()), observer.notes()


def test_observe__in_time() -> None:
    assert observed(FakeObserver(TOLD), 1) == (TOLD, ())


def test_observe__what_takes_too_long_is_given_up_and_noted_once() -> None:
    told, [note] = observed(SlowObserver(TOLD), 0.001)
    assert told == {}
    assert "took too long" in note
    assert "--max-minutes" in note


def test_observe__what_cannot_be_run_is_noted_and_ends_nothing() -> None:
    assert observed(BrokenObserver(TOLD), 1) == (
        {},
        ("the model was asked without what members give: no process for 1 members.",),
    )
