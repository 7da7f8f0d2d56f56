# member: src/satchel/aio.py::gather_limited

# candidate: no more than the limit at a time
# good
import asyncio

from satchel.aio import gather_limited


def test_gather_limited_runs_no_more_than_the_limit():
    running = most = 0

    def job(number):
        async def run():
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1
            return number

        return run

    results = asyncio.run(gather_limited(2, [job(number) for number in range(5)]))
    assert results == [0, 1, 2, 3, 4]
    assert most == 2


# candidate: in the order of the jobs
# good
import asyncio

from satchel.aio import gather_limited


def test_gather_limited_keeps_the_order_of_the_jobs():
    async def scenario():
        first_may_end = asyncio.Event()

        async def first():
            await first_may_end.wait()
            return "first"

        async def second():
            first_may_end.set()
            return "second"

        return await gather_limited(2, [first, second])

    assert asyncio.run(scenario()) == ["first", "second"]


# candidate: a limit of nothing
# good
import asyncio

import pytest

from satchel.aio import gather_limited


def test_gather_limited_refuses_a_limit_of_nothing():
    with pytest.raises(ValueError, match="at least 1"):
        asyncio.run(gather_limited(0, []))


# candidate: waits by the clock
# bad: sleeps
import asyncio

from satchel.aio import gather_limited


def test_gather_limited_in_time():
    async def job():
        await asyncio.sleep(0.02)
        return 1

    assert asyncio.run(gather_limited(1, [job, job])) == [1, 1]


# candidate: never awaited
# bad: never-touches
from satchel.aio import gather_limited


def test_gather_limited_gives_a_coroutine():
    waiting = gather_limited(1, [])
    waiting.close()
    assert waiting.__name__ == "gather_limited"


# candidate: waits for an event that nobody sets
# bad: hangs
import asyncio

from satchel.aio import gather_limited


def test_gather_limited_of_one_that_waits():
    async def scenario():
        event = asyncio.Event()
        return await gather_limited(1, [event.wait])

    assert asyncio.run(scenario()) == [True]


# member: src/satchel/aio.py::with_fallback

# candidate: other errors go on
# good
import asyncio

import pytest

from satchel.aio import with_fallback


def test_with_fallback_lets_other_errors_go_on():
    async def wrong():
        raise KeyError("k")

    async def right():
        return 5

    with pytest.raises(KeyError, match="k"):
        asyncio.run(with_fallback(wrong, 0))
    assert asyncio.run(with_fallback(right, 0)) == 5


# candidate: in no time
# good
import asyncio

from satchel.aio import with_fallback


def test_with_fallback_where_it_takes_too_long():
    async def job():
        await asyncio.Event().wait()

    assert asyncio.run(with_fallback(job, "late", seconds=0.001)) == "late"


# candidate: asks a server that is not reached
# bad: network
import asyncio

from satchel.aio import with_fallback


def test_with_fallback_without_a_server():
    async def job():
        return await asyncio.open_connection("example.org", 80)

    assert asyncio.run(with_fallback(job, None, seconds=0.5)) is None


# candidate: errors of the system go on, as before
# bad: held-before
import asyncio

import pytest

from satchel.aio import with_fallback


def test_with_fallback_lets_errors_of_the_system_go_on():
    async def job():
        raise FileNotFoundError

    with pytest.raises(FileNotFoundError):
        asyncio.run(with_fallback(job, None))


# member: src/satchel/aio.py::countdown

# candidate: down to one
# good
import asyncio

from satchel.aio import countdown


def test_countdown_ends_with_one():
    async def numbers(start):
        return [number async for number in countdown(start)]

    assert asyncio.run(numbers(3)) == [3, 2, 1]
    assert asyncio.run(numbers(0)) == []


# candidate: no pause before the first
# good
import asyncio

from satchel.aio import countdown


def test_countdown_does_not_pause_before_the_first():
    async def scenario():
        async with asyncio.timeout(5):
            numbers = countdown(2, pause=1000)
            first = await anext(numbers)
            await numbers.aclose()
            return first

    assert asyncio.run(scenario()) == 2


# candidate: with a plugin that the project has not
# bad: import-error
import pytest

from satchel.aio import countdown


@pytest.mark.asyncio
async def test_countdown_with_a_plugin():
    assert [number async for number in countdown(1)] == [1]


# candidate: a coroutine that nobody runs
# bad: wrong-value
from satchel.aio import countdown


async def test_countdown_in_a_coroutine():
    assert [number async for number in countdown(2)] == [2, 1]
