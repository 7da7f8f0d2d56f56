from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from testsmith.execution.threads import in_thread


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
