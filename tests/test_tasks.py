from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from testsmith.tasks import gather, in_thread


def test_in_thread__gives_what_the_function_returns_or_raises() -> None:
    def divided(number: int, *, by: int) -> float:
        return number / by

    assert asyncio.run(in_thread(divided, 6, by=4)) == 1.5
    with pytest.raises(ZeroDivisionError):
        asyncio.run(in_thread(divided, 1, by=0))


def test_in_thread__what_went_wrong_meanwhile_is_no_news_to_a_cancelled_wait() -> None:
    complaints: list[dict[str, object]] = []
    begun, may_end = threading.Event(), threading.Event()

    def fail() -> None:
        begun.set()
        may_end.wait(10)
        raise OSError("the disk is full")

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        task = asyncio.create_task(in_thread(fail))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        may_end.set()
        await asyncio.wait([task])
        assert task.cancelled()
        del task
        gc.collect()

    asyncio.run(run())
    assert complaints == []


def test_in_thread__a_cancelled_wait_lasts_until_the_function_has_ended() -> None:
    begun, may_end, done = threading.Event(), threading.Event(), []

    def work() -> None:
        begun.set()
        may_end.wait(10)
        done.append(1)

    async def run() -> None:
        task = asyncio.create_task(in_thread(work))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        may_end.set()
        await asyncio.wait([task])
        assert task.cancelled()
        assert done == [1]

    asyncio.run(run())


def test_gather__results_are_in_order() -> None:
    async def after(ticks: int) -> int:
        for _ in range(ticks):
            await asyncio.sleep(0)
        return ticks

    assert asyncio.run(gather(after(3), after(1), after(2), after(0))) == [3, 1, 2, 0]


async def _slowly_ended(ended: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        for _ in range(5):
            await asyncio.sleep(0)
        ended.append("slow")


def test_gather__a_canceled_wait_lasts_until_all_have_ended() -> None:
    ended: list[str] = []

    async def run() -> None:
        task = asyncio.create_task(gather(asyncio.Event().wait(), _slowly_ended(ended), asyncio.sleep(60)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert ended == ["slow"]

    asyncio.run(run())


def test_gather__a_failure_ends_the_others_first() -> None:
    ended: list[str] = []

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    async def run() -> None:
        with pytest.raises(ValueError, match="no"):
            await gather(fail(), _slowly_ended(ended))
        assert ended == ["slow"]

    asyncio.run(run())
