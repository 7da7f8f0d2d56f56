from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import pytest

from fakes.requests import make_requests
from fakes.streams import read_all
from testsmith.generation.fan_out import SideBySide, results
from testsmith.llm.interface import QuotaEmpty
from testsmith.model import Candidate, Origin, Request, Result, Skipped


class OneByOne:
    """A generator without batches, with memory; it answers after as many turns of the loop as it is told."""

    def __init__(self, turns: int = 3, *, empty_after: int | None = None) -> None:
        self.asked: list[str] = []
        self.most_at_once = 0
        self.cancelled = 0
        self._now = 0
        self._turns = turns
        self._empty_after = empty_after

    async def generate(self, request: Request) -> Result:
        self.asked.append(request.member.id)
        number = len(self.asked)
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            for _ in range(self._turns):
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self._now -= 1
        if self._empty_after is not None and number > self._empty_after:
            raise QuotaEmpty("the account is empty")
        return Candidate(member=request.member.id, code="# one\n", origin=Origin.MODEL)


class InBatches(OneByOne):
    """The same with batches."""

    async def generate_batch(self, requests: Sequence[Request]) -> AsyncGenerator[Result, None]:
        for request in requests:
            yield Candidate(member=request.member.id, code="# batch\n", origin=Origin.MODEL)


async def codes(stream: AsyncGenerator[Result, None]) -> dict[str, str]:
    return {result.member: result.code async for result in stream if isinstance(result, Candidate)}


def ids(requests: Sequence[Request]) -> list[str]:
    return [request.member.id for request in requests]


def test_results__in_batches_where_the_generator_can() -> None:
    requests = make_requests(2, 3)
    generator = InBatches()
    assert asyncio.run(codes(results(generator, requests))) == dict.fromkeys(ids(requests), "# batch\n")
    assert generator.asked == []


def test_results__one_by_one_where_the_driver_opts_out() -> None:
    requests = make_requests(2, 3)
    answered = asyncio.run(codes(results(InBatches(), requests, batches=False)))
    assert answered == dict.fromkeys(ids(requests), "# one\n")


def test_results__one_by_one_where_the_generator_cannot_batch() -> None:
    requests = make_requests(2, 3)
    assert asyncio.run(codes(results(OneByOne(), requests))) == dict.fromkeys(ids(requests), "# one\n")


@pytest.mark.parametrize("at_once", [1, 4])
def test_fan_out__is_bounded(at_once: int) -> None:
    generator = OneByOne()
    asyncio.run(codes(results(generator, make_requests(4, 5), at_once=at_once)))
    assert generator.most_at_once == at_once
    assert len(generator.asked) == 20


def test_fan_out__nothing_asks_nothing() -> None:
    assert asyncio.run(codes(results(OneByOne(), []))) == {}


def test_fan_out__the_end_of_spending_skips_the_rest_then_raises() -> None:
    requests = make_requests(2, 10)
    generator = OneByOne(empty_after=4)
    got, ended = asyncio.run(read_all(results(generator, requests, at_once=3)))
    assert str(ended) == "the account is empty"
    assert sorted(str(result.member) for result in got) == sorted(ids(requests))
    assert sum(isinstance(result, Candidate) for result in got) == 4
    assert {result.reason for result in got if isinstance(result, Skipped)} == {"the account is empty"}
    assert len(generator.asked) <= 4 + 3


def test_fan_out__closing_it_cancels_what_runs() -> None:
    async def run() -> OneByOne:
        generator = OneByOne(turns=0)
        async with aclosing(results(generator, make_requests(1, 9), at_once=3)) as stream:
            await anext(stream)
            generator._turns = 1_000_000
            await anext(stream)
            await anext(stream)
            await asyncio.sleep(0)
        return generator

    generator = asyncio.run(run())
    assert generator.cancelled == 3
    assert len(generator.asked) == 6


def test_side_by_side__values_come_in_the_order_of_their_ends() -> None:
    async def value(number: int) -> int:
        for _ in range(number * 5):
            await asyncio.sleep(0)
        return number

    async def run() -> list[int]:
        async with SideBySide[int]() as running:
            for number in (3, 1, 2):
                running.start(value(number))
            return [ended async for ended in running]

    assert asyncio.run(run()) == [1, 2, 3]


def test_side_by_side__more_may_start_while_it_is_read() -> None:
    async def value(number: int) -> int:
        return number

    async def run() -> list[int]:
        got = []
        async with SideBySide[int]() as running:
            running.start(value(3))
            async for number in running:
                got.append(number)
                if number:
                    running.start(value(number - 1))
        return got

    assert asyncio.run(run()) == [3, 2, 1, 0]


def test_side_by_side__what_has_ended_is_handed_over_before_a_cancellation() -> None:
    got = []
    started = []

    async def value(number: int) -> int:
        started.append(number)
        asked.release()
        await gate.wait()
        return number

    async def read() -> None:
        async with SideBySide[int]() as running:
            for number in (1, 2, 3):
                running.start(value(number))
            async for number in running:
                got.append(number)
                running.start(value(number + 10))

    async def run() -> None:
        reading = asyncio.create_task(read())
        for _ in range(3):
            await asked.acquire()
        gate.set()
        reading.cancel()
        await asyncio.wait([reading])
        assert reading.cancelled()

    gate, asked = asyncio.Event(), asyncio.Semaphore(0)
    asyncio.run(run())
    assert sorted(got) == started == [1, 2, 3]


def test_side_by_side__an_error_is_raised_and_the_others_cancelled() -> None:
    cancelled = []

    async def fail() -> int:
        raise ValueError("a fault of the program")

    async def wait_for_ever() -> int:
        try:
            return await asyncio.Future()
        finally:
            cancelled.append(1)

    async def run() -> None:
        async with SideBySide[int]() as running:
            running.start(wait_for_ever())
            running.start(fail())
            async for _ in running:
                pass

    with pytest.raises(ValueError, match="a fault of the program"):
        asyncio.run(run())
    assert cancelled == [1]
