from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.endpoint import Body, answer_all
from fakes.faults import extra_members, half_the_members, plain_text, truncated
from fakes.observer import FakeObserver
from fakes.provider import FakeProvider, Step
from fakes.requests import make_repair, make_request, make_requests
from fakes.streams import read_all
from testsmith.generation.cached import CachedGenerator
from testsmith.generation.fan_out import results
from testsmith.generation.interface import BatchTestGenerator, NotedGenerator, TestGenerator, skipped
from testsmith.generation.llm.generator import ModelGenerator, model_identity
from testsmith.llm.interface import (
    CompletionRequest,
    ContentFiltered,
    QuotaEmpty,
    ServerFailed,
    SpendingEnded,
)
from testsmith.model import (
    CacheStats,
    CacheStatsReporter,
    Candidate,
    Context,
    Member,
    Request,
    Result,
    ShownChange,
    Skipped,
    TestFileChoice,
)
from testsmith.settings import CacheSettings, ModelSettings
from testsmith.storage.keys import KeyParts, result_key
from testsmith.storage.store import ResultStore

SETTINGS = ModelSettings(model="a-model")


def key_for(request: Request) -> str:
    return result_key(KeyParts.of(request, model_identity(SETTINGS)))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ResultStore]:
    with ResultStore.open(CacheSettings(folder=tmp_path), warn=pytest.fail) as opened:
        yield opened


def cached(provider: FakeProvider, store: ResultStore) -> CachedGenerator:
    return CachedGenerator(ModelGenerator(provider, SETTINGS), store, key_for)


async def collect(stream: AsyncGenerator[Result, None]) -> list[Result]:
    return [result async for result in stream]


def answers(generator: CachedGenerator, requests: Sequence[Request]) -> dict[str | None, Result]:
    got = asyncio.run(collect(generator.generate_batch(requests)))
    assert sorted(str(result.member) for result in got) == sorted(request.member.id for request in requests)
    return {result.member: result for result in got}


def test_protocols__all_are_there(store: ResultStore) -> None:
    generator = cached(FakeProvider(), store)
    asked: TestGenerator = generator
    reporter: CacheStatsReporter = generator
    assert isinstance(asked, BatchTestGenerator)
    assert reporter.cache_stats() == CacheStats()


def test_second_run__asks_nothing_and_gives_the_same(store: ResultStore) -> None:
    requests = make_requests(5, 6)
    first = answers(cached(FakeProvider(), store), requests)
    provider = FakeProvider()
    again = cached(provider, store)
    assert answers(again, requests) == first
    assert provider.requests == []
    assert again.cache_stats() == CacheStats(hits=30, misses=0, entries=30)


def test_first_run__counts_misses_in_members(store: ResultStore) -> None:
    generator = cached(FakeProvider(), store)
    answers(generator, make_requests(5, 6))
    assert generator.cache_stats() == CacheStats(hits=0, misses=30, entries=30)


def test_one_member_edited__asks_for_it_alone(store: ResultStore) -> None:
    requests = make_requests(5, 6)
    answers(cached(FakeProvider(), store), requests)
    requests[7] = make_request(requests[7].member.id, source="def f1(a, b):\n    return a - b\n")
    provider = FakeProvider()
    generator = cached(provider, store)
    answers(generator, requests)
    assert provider.asked == [["src/shop/m1.py::f1"]]
    assert generator.cache_stats() == CacheStats(hits=29, misses=1, entries=31)


def moved(request: Request) -> Request:
    """The same member further down in a private file that the same public module shows."""
    return with_member(request, lambda member: replace(member, path="src/shop/_inner.py", line=90))


def with_member(request: Request, change: Callable[[Member], Member]) -> Request:
    return replace(request, member=change(request.member))


def test_move__behind_the_same_public_module_hits_and_answers_the_new_id(store: ResultStore) -> None:
    request = make_request("src/shop/cart.py::add")
    [first] = answers(cached(FakeProvider(), store), [request]).values()
    provider = FakeProvider()
    [again] = answers(cached(provider, store), [moved(request)]).values()
    assert provider.requests == []
    assert isinstance(first, Candidate)
    assert again == replace(first, member="src/shop/_inner.py::add")


def test_move__to_another_public_module_is_asked(store: ResultStore) -> None:
    request = make_request("src/shop/cart.py::add")
    answers(cached(FakeProvider(), store), [request])
    provider = FakeProvider()
    elsewhere = with_member(request, lambda member: replace(member, module="shop.basket"))
    answers(cached(provider, store), [elsewhere])
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda request: replace(request, conventions="Use tables."),
        lambda request: replace(request, context=Context(signatures="def g(): ...")),
        lambda request: with_member(
            request, lambda member: replace(member, shown_change=ShownChange(digest="9f"))
        ),
    ],
    ids=["conventions", "signatures", "change"],
)
def test_key__what_changes_the_answer_is_asked(
    store: ResultStore, change: Callable[[Request], Request]
) -> None:
    request = make_request()
    answers(cached(FakeProvider(), store), [request])
    provider = FakeProvider()
    answers(cached(provider, store), [change(request)])
    assert len(provider.requests) == 1


def test_key__a_style_sample_changes_nothing(store: ResultStore) -> None:
    request = make_request()
    answers(cached(FakeProvider(), store), [request])
    provider = FakeProvider()
    answers(cached(provider, store), [replace(request, context=Context(style_sample="def test_x(): ..."))])
    assert provider.requests == []


@pytest.mark.parametrize(
    ("always", "calls"),
    [(ContentFiltered("filtered"), 1), (half_the_members(), 3), (truncated(0.5), 2)],
    ids=["filtered", "never answered", "cut off"],
)
def test_failure__that_is_a_property_of_the_content_is_kept(
    store: ResultStore, always: Step, calls: int
) -> None:
    provider = FakeProvider(then=always)
    request = make_request()
    [first] = answers(cached(provider, store), [request]).values()
    assert len(provider.requests) == calls
    [again] = answers(cached(provider, store), [request]).values()
    assert len(provider.requests) == calls
    assert isinstance(first, Skipped)
    assert isinstance(again, Skipped)
    assert again.reason == first.reason


@pytest.mark.parametrize(
    "script",
    [[ServerFailed("500 (3 attempts)")], [plain_text()] * 3],
    ids=["server failed", "garbage"],
)
def test_failure__that_may_pass_is_not_kept(store: ResultStore, script: list[Step]) -> None:
    provider = FakeProvider(*script)
    request = make_request()
    [first] = answers(cached(provider, store), [request]).values()
    [again] = answers(cached(provider, store), [request]).values()
    assert isinstance(first, Skipped)
    assert isinstance(again, Candidate)


@pytest.mark.parametrize(
    "value",
    [{}, {"schema": 1}, {"schema": 1, "kind": "candidate", "code": 7}, {"schema": 99, "kind": "candidate"}],
    ids=str,
)
def test_entry__of_another_shape_is_a_miss_and_is_replaced(
    store: ResultStore, value: dict[str, object]
) -> None:
    request = make_request()
    store.put(key_for(request), value)
    generator = cached(FakeProvider(), store)
    answers(generator, [request])
    assert generator.cache_stats() == CacheStats(hits=0, misses=1, entries=1)
    [again] = answers(cached(FakeProvider(then=ServerFailed("off")), store), [request]).values()
    assert isinstance(again, Candidate)


def test_spending_ended__keeps_what_was_had(store: ResultStore) -> None:
    requests = make_requests(2, 20)
    generator = cached(FakeProvider(None, then=QuotaEmpty("empty")), store)
    got, ended = asyncio.run(read_all(generator.generate_batch(requests)))
    assert isinstance(ended, QuotaEmpty)
    assert len(got) == 40
    provider = FakeProvider()
    answers(cached(provider, store), requests)
    assert [len(members) for members in provider.asked] == [20]


def test_stream__a_result_is_in_the_store_before_it_is_handed_over(store: ResultStore) -> None:
    async def run() -> None:
        requests = make_requests(1, 3)
        async with aclosing(cached(FakeProvider(), store).generate_batch(requests)) as stream:
            first = await anext(stream)
            keys = {request.member.id: key_for(request) for request in requests}
            assert store.get_many([keys[str(first.member)]]) != {}

    asyncio.run(run())


def test_stream__new_results_are_kept_however_slow_the_reader(store: ResultStore) -> None:
    async def run() -> None:
        requests = make_requests(1, 3)
        async with aclosing(cached(FakeProvider(), store).generate_batch(requests)) as stream:
            await anext(stream)
            assert store.stats().entries == 3

    asyncio.run(run())


def test_stream__known_results_come_while_the_others_are_asked_for(store: ResultStore) -> None:
    async def run() -> None:
        requests = make_requests(2, 20)
        await collect(cached(FakeProvider(), store).generate_batch(requests[:20]))
        gate = asyncio.Event()

        async def until_the_known_are_read(_request: CompletionRequest) -> None:
            await gate.wait()

        provider = FakeProvider(wait=until_the_known_are_read)
        order = []
        async with aclosing(cached(provider, store).generate_batch(requests)) as stream:
            async for result in stream:
                order.append(result.member)
                await asyncio.sleep(0)
                if len(order) == 20:
                    assert len(provider.requests) == 1
                    gate.set()
        assert sorted(map(str, order[:20])) == sorted(request.member.id for request in requests[:20])
        assert len(order) == 40

    asyncio.run(run())


def test_stream__closing_it_cancels_the_calls(store: ResultStore) -> None:
    async def run() -> FakeProvider:
        requests = make_requests(2, 20)
        await collect(cached(FakeProvider(), store).generate_batch(requests[:1]))

        asked = asyncio.Semaphore(0)

        async def hold(_request: CompletionRequest) -> None:
            asked.release()
            await asyncio.Event().wait()

        provider = FakeProvider(wait=hold)
        async with aclosing(cached(provider, store).generate_batch(requests)) as stream:
            await anext(stream)
            for _ in range(2):
                await asked.acquire()
        return provider

    assert asyncio.run(run()).cancelled == 2


def test_stream__what_was_answered_when_it_is_cancelled_is_kept(store: ResultStore) -> None:
    async def run() -> FakeProvider:
        gate, asked = asyncio.Event(), asyncio.Semaphore(0)

        async def until_all_are_answered(_request: CompletionRequest) -> None:
            asked.release()
            await gate.wait()

        provider = FakeProvider(wait=until_all_are_answered)
        reading = asyncio.create_task(collect(cached(provider, store).generate_batch(make_requests(5, 20))))
        for _ in range(5):
            await asked.acquire()
        gate.set()
        reading.cancel()
        await asyncio.wait([reading])
        assert reading.cancelled()
        return provider

    provider = asyncio.run(run())
    assert list(map(len, provider.asked)) == [20] * 5
    assert store.stats().entries == 100


def test_generate__one_by_one_is_cached_too(store: ResultStore) -> None:
    requests = make_requests(1, 3)
    provider = FakeProvider()
    first = asyncio.run(collect(results(cached(provider, store), requests, batches=False)))
    again = asyncio.run(collect(results(cached(provider, store), requests, batches=False)))
    assert [len(members) for members in provider.asked] == [1, 1, 1]
    assert {(result.member, result) for result in first} == {(result.member, result) for result in again}


def test_skipped__names_the_member_its_file_and_the_reason() -> None:
    [result] = skipped([make_request("src/a.py::f")], "no key")
    assert (result.path, result.member, result.reason, result.permanent) == (
        "src/a.py",
        "src/a.py::f",
        "no key",
        False,
    )


def said(request: Request, text: str) -> Request:
    assert request.repair is not None
    return replace(request, repair=replace(request.repair, failures=(("test_add", text),)))


def test_repairs__are_asked_for_once_whatever_the_tests_said(store: ResultStore) -> None:
    repairs = [make_repair(f"src/shop/{name}.py::add") for name in "ab"]
    first, second = FakeProvider(), FakeProvider()
    answered = answers(cached(first, store), repairs)
    generator = cached(second, store)
    again = answers(generator, [said(request, "at 0x7f3a: 3 is not 4") for request in repairs])
    assert (len(first.requests), len(second.requests)) == (1, 0)
    assert again == answered
    assert generator.cache_stats() == CacheStats(hits=2, misses=0, entries=2)


def test_repairs__are_looked_up_beside_the_first_answers(store: ResultStore) -> None:
    provider = FakeProvider()
    generator = cached(provider, store)
    request = make_request()
    answers(generator, [request])
    answers(generator, [replace(request, repair=make_repair().repair)])
    answers(generator, [request])
    assert len(provider.requests) == 2
    assert generator.cache_stats() == CacheStats(hits=1, misses=2, entries=2)


def test_repairs__that_were_never_answered_are_not_asked_for_again(store: ResultStore) -> None:
    provider = FakeProvider(then=half_the_members())
    repairs = [make_repair(f"src/shop/a.py::f{number}") for number in range(2)]
    first = answers(cached(provider, store), repairs)
    calls = len(provider.requests)
    assert sum(isinstance(result, Skipped) for result in first.values()) == 1
    assert answers(cached(provider, store), repairs) == first
    assert len(provider.requests) == calls


def test_notes__are_those_of_the_generator_inside(store: ResultStore) -> None:
    generator = cached(FakeProvider(extra_members()), store)
    noted: NotedGenerator = generator
    answers(generator, make_requests(1, 2))
    assert noted.notes() == ("ignored entries of the model's answers: 1 for members that were not asked for",)


def test_settled__once_all_that_was_paid_for_is_stored(store: ResultStore) -> None:
    entries: list[int] = []
    for provider in (FakeProvider(), FakeProvider(QuotaEmpty("empty"))):
        generator = CachedGenerator(
            ModelGenerator(provider, SETTINGS),
            store,
            key_for,
            settled=lambda: entries.append(store.stats().entries),
        )
        requests = make_requests(1 + len(entries), 3)
        with suppress(SpendingEnded):
            asyncio.run(collect(generator.generate_batch(requests)))

    assert entries == [3, 3]


def test_settled__also_where_the_run_is_stopped(store: ResultStore) -> None:
    settled: list[bool] = []
    generator = CachedGenerator(
        ModelGenerator(FakeProvider(), SETTINGS), store, key_for, settled=lambda: settled.append(True)
    )

    async def stop_early() -> None:
        async with aclosing(generator.generate_batch(make_requests(1, 3))) as stream:
            async for _ in stream:
                break

    asyncio.run(stop_early())
    assert settled == [True]


def test_observe_with__only_what_is_asked_for_is_observed(store: ResultStore) -> None:
    known, new = make_requests(1, 2)
    provider = FakeProvider()
    answers(cached(provider, store), [known])
    observer = FakeObserver({each.member.id: ("`f(1)` gives `2`",) for each in (known, new)})
    generator = cached(provider, store)
    generator.observe_with(observer)
    answers(generator, [known, new])
    answers(generator, [known, new])

    assert observer.asked == [[new.member.id]]
    assert provider.asked == [[known.member.id], [new.member.id]]


def test_observe_with__what_is_observed_makes_no_other_key() -> None:
    request = make_request()
    told = replace(request, context=Context(observations=("`add(1, 2)` gives `3`",)))
    assert key_for(told) == key_for(request)


def test_chosen_file__is_kept_and_counts_only_as_long_as_the_file_may_be_chosen(store: ResultStore) -> None:
    request = make_request()

    def choice_of(*paths: str) -> Request:
        files = TestFileChoice(
            paths=paths,
            digest="",
            tests=lambda _: ((), 0, 0),
            request=lambda path: replace(request, test_path=path),
        )
        return replace(request, files=files)

    def answer(body: Body) -> str:
        named = {"name": request.member.id, "file": "tests/test_prices.py"}
        is_choice = "Choose the test file" in str(body)
        return json.dumps({"files": [named]}) if is_choice else answer_all(body)

    both = choice_of(request.test_path, "tests/test_prices.py")
    first = answers(cached(FakeProvider(answer=answer), store), [both])[request.member.id]
    assert isinstance(first, Candidate)
    assert first.test_path == "tests/test_prices.py"
    assert answers(cached(FakeProvider(QuotaEmpty("not asked")), store), [both]) == {request.member.id: first}
    provider = FakeProvider()
    [again] = answers(cached(provider, store), [choice_of(request.test_path)]).values()
    assert isinstance(again, Candidate)
    assert again.test_path == ""
    assert len(provider.requests) == 2
