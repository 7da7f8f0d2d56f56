from __future__ import annotations

import asyncio

import pytest

from fakes.clock import FakeClock
from testsmith.deadline import Deadline, TimeIsOver, next_group


def deadline(clock: FakeClock, minutes: float = 1.0) -> Deadline:
    return Deadline.after(minutes, clock.now)


def test_left__is_never_less_than_none() -> None:
    clock = FakeClock()
    ends = deadline(clock)
    clock.advance(45)
    assert ends.left == 15
    clock.advance(45)
    assert ends.left == 0


def test_within__what_is_done_in_time() -> None:
    assert asyncio.run(deadline(FakeClock()).within(asyncio.sleep(0, "done"))) == "done"


def test_within__what_takes_more_than_its_share_is_cancelled() -> None:
    ended = []

    async def work() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("cancelled")

    clock = FakeClock()
    ends = deadline(clock)
    clock.advance(59.9)
    with pytest.raises(TimeIsOver):
        asyncio.run(ends.within(work(), 0.5))
    assert ended == ["cancelled"]


def test_within__another_time_limit_is_not_its_own() -> None:
    async def work() -> None:
        raise TimeoutError("a limit of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        asyncio.run(deadline(FakeClock()).within(work()))


def test_reason__names_the_flag() -> None:
    said = deadline(FakeClock(), 0.5).reason("it was proven")
    assert said == "time limit of 0.5 minutes reached before it was proven: raise it with --max-minutes"


@pytest.mark.parametrize(
    ("waiting", "left", "pace", "size"),
    [
        (8, 600, None, 8),  # a usual run is one group
        (40, 500, None, 10),  # of many some show how long one takes
        (8, 60, None, 3),
        (8, 5, None, 1),
        (8, 1, None, 0),
        (30, 400, 2.0, 30),  # time enough for all
        (30, 60, 2.0, 7),  # time for fifteen: not all of it is put on one card
        (30, 5, 2.0, 1),
        (30, 3, 2.0, 0),
        (30, 300, 0.0, 30),
    ],
)
def test_next_group__is_what_is_likely_to_end(
    waiting: int, left: float, pace: float | None, size: int
) -> None:
    assert next_group(waiting, left, pace) == size
