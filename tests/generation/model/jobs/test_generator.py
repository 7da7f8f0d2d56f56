"""Jobs from end to end: generator, stores, the real SDK, and an endpoint with memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.batches import Batch, BatchDesk, Becomes, Body
from fakes.endpoint import Endpoint, answer_all, code_for, members_in
from fakes.faults import connection_dropped, key_refused, rate_limited, refusal, server_failed
from fakes.job_desk import JobRuns, Ran
from fakes.requests import make_repair, make_request, make_requests
from testsmith.cache.jobs import AskedCall, AskedJob, AskedMember, Terms
from testsmith.model import Request, Stage
from testsmith.providers.jobs import job_digest
from testsmith.providers.provider import EndpointUnreachable, KeyRefused, NoJobs

ALONE = {"tokens_per_member": 5_000}
"""One member a call."""


def ids(requests: Iterable[Request]) -> set[str]:
    return {request.member.id for request in requests}


def batches(desk: BatchDesk) -> list[Batch]:
    return list(desk.batches.values())


def named(*members: str, otherwise: Becomes = "answered", becomes: Becomes) -> Callable[[int, Body], Becomes]:
    return lambda _, body: becomes if set(members) & set(members_in(body)) else otherwise


def test_generate_batch__two_hundred_members_ten_fail_ten_expire_and_only_those_are_asked_again(
    tmp_path: Path,
) -> None:
    requests = make_requests(20, 10)
    members = [request.member.id for request in requests]
    failing, expiring = set(members[30:40]), set(members[150:160])

    def becomes(_number: int, body: Body) -> Becomes:
        [member] = members_in(body)
        return "failed" if member in failing else "expired" if member in expiring else "answered"

    desk = BatchDesk(becomes=becomes, ends_as="expired", held=True)
    with Endpoint(batches=desk) as endpoint:
        runs = JobRuns(url=endpoint.url, folder=tmp_path, model=ALONE)
        sent = runs.run(requests)
        asked_first = desk.members()
        desk.held = False
        came = runs.run(requests)
        desk.held = True
        again = runs.run(requests)

    assert sorted(asked_first) == sorted(members)  # all of them, in one batch
    assert sent.awaited == set(members)
    assert len(came.answered) == 180
    assert came.reasons().keys() == failing | expiring
    [first, second] = batches(desk)
    for member in failing:
        assert came.reasons()[member] == (
            f"Batch {first.id}: The server at {endpoint.url} failed (500): The server had an error while "
            "processing your request. Run again later."
        )
    for member in expiring:
        assert came.reasons()[member] == f"Batch {first.id}: it expired before this was answered."
    assert again.answered == came.answered
    assert again.awaited == failing | expiring
    assert set(desk.members_of(second)) == failing | expiring
    assert len(desk.answered) == 180


def test_generate_batch__waits_for_the_answers(tmp_path: Path) -> None:
    requests = make_requests(2, 3)
    desk = BatchDesk(steps=3)
    with Endpoint(batches=desk) as endpoint:
        runs = JobRuns(url=endpoint.url, folder=tmp_path)
        came = runs.run(requests, wait=600)

    assert came.answered == ids(requests)
    assert runs.clock.slept == [2.0, 3.0, 4.5, 6.75]
    [batch] = batches(desk)
    assert came.notes == (
        f"batch {batch.id} was sent: 6 members in 1 calls",
        f"batch {batch.id} is completed: 1 of 1 calls came back",
    )


def test_generate_batch__leaves_when_its_time_is_over(tmp_path: Path) -> None:
    requests = make_requests(1, 2)
    desk = BatchDesk(held=True)
    with Endpoint(batches=desk) as endpoint:
        runs = JobRuns(url=endpoint.url, folder=tmp_path)
        left = runs.run(requests, wait=10)

    assert sum(runs.clock.slept) == pytest.approx(10)
    [batch] = batches(desk)
    assert set(left.reasons().values()) == {f"asked in batch {batch.id}; the next run takes its answers"}
    assert left.awaited == ids(requests)


def test_generate_batch__asks_as_ordinary_calls_do(tmp_path: Path) -> None:
    """Packing, prompts, schema and limits are those of the calls that are made one by one."""
    requests = make_requests(3, 20)
    desk = BatchDesk()
    with Endpoint(batches=desk) as endpoint:
        runs = JobRuns(url=endpoint.url, folder=tmp_path / "jobs")
        runs.run(requests, wait=60)
        [trial] = endpoint.completions
        ordinary = JobRuns(url=endpoint.url, folder=tmp_path / "ordinary")
    with Endpoint() as other:
        ordinary.url = other.url
        ordinary.run(requests, fallback=True)

    [batch] = batches(desk)
    lines = desk.lines_of(batch)
    by_length = sorted(json.dumps(line["body"], sort_keys=True) for line in lines)
    one_by_one = sorted(json.dumps(call.body, sort_keys=True) for call in other.completions if call.members)
    assert by_length == one_by_one
    assert {line["url"] for line in lines} == {"/v1/chat/completions"} == {batch.endpoint}
    assert not trial.members


def test_generate_batch__costs_half_and_what_goes_ahead(tmp_path: Path) -> None:
    requests = make_requests(2, 10)
    with Endpoint(batches=(desk := BatchDesk())) as endpoint, Endpoint() as other:
        jobs = JobRuns(url=endpoint.url, folder=tmp_path / "jobs").run(requests, wait=60)
        calls = JobRuns(url=other.url, folder=tmp_path / "calls").run(requests, fallback=True)

    assert jobs.answered == calls.answered == ids(requests)
    assert jobs.spending.cost is not None
    assert calls.spending.cost is not None
    assert 0.5 < jobs.spending.cost / calls.spending.cost < 0.55
    assert jobs.spending.completion_tokens == calls.spending.completion_tokens
    assert desk.charged > 0


@pytest.mark.parametrize("refused", ["max_tokens", "temperature", "response_format"])
def test_generate_batch__learns_what_the_model_takes_before_it_sends(tmp_path: Path, refused: str) -> None:
    requests = make_requests(1, 3)
    desk = BatchDesk()
    with Endpoint(batches=desk, refuses=[refused]) as endpoint:
        came = JobRuns(url=endpoint.url, folder=tmp_path).run(requests, wait=60)

    assert came.answered == ids(requests)
    assert all(refused not in line["body"] for line in desk.lines_of(batches(desk)[0]))


def test_generate_batch__a_run_with_other_members_keeps_the_answers_for_who_asked(tmp_path: Path) -> None:
    asked, others = make_requests(1, 3), [make_request("src/shop/other.py::g")]
    desk = BatchDesk()
    with Endpoint(batches=desk) as endpoint:
        runs = JobRuns(url=endpoint.url, folder=tmp_path)
        runs.run(asked)
        between = runs.run(others)
        calls = len(endpoint.requests)
        came = runs.run(asked)

    assert between.awaited == ids(others)
    assert came.answered == ids(asked)
    assert came.cache.hits == 3
    assert len(endpoint.requests) - calls == 2  # the other's batch alone: how it stands, and its answers
    assert len(desk.batches) == 2


def test_generate_batch__a_member_that_has_moved_gets_its_answer(tmp_path: Path) -> None:
    request = make_request("src/shop/_cart.py::add")
    desk = BatchDesk()
    with Endpoint(batches=desk) as endpoint:
        runs = JobRuns(url=endpoint.url, folder=tmp_path)
        runs.run([request])
        moved = replace(request, member=replace(request.member, path="src/shop/_moved.py"))
        came = runs.run([moved])

    assert came.answered == {"src/shop/_moved.py::add"}


def test_generate_batch__repairs_go_the_same_way(tmp_path: Path) -> None:
    request = make_repair()
    desk = BatchDesk()
    with Endpoint(batches=desk) as endpoint:
        runs = JobRuns(url=endpoint.url, folder=tmp_path)
        assert runs.run([request]).awaited == ids([request])
        assert runs.run([request]).answered == ids([request])
    assert len(desk.answered) == 1


def test_generate_batch__members_that_an_answer_lacks_are_asked_by_the_next_run_as_often_as_ever(
    tmp_path: Path,
) -> None:
    """One of four never gets a test: asked alone, and once more, and then no more for good."""
    requests = make_requests(1, 4)
    silent = requests[2].member.id

    def answer(body: Body) -> str:
        told = [{"name": member, "code": code_for(member)} for member in members_in(body) if member != silent]
        return json.dumps({"tests": told})

    desk = BatchDesk()
    with Endpoint(batches=desk, answer=answer) as endpoint:
        runs = JobRuns(url=endpoint.url, folder=tmp_path)
        came = [runs.run(requests, wait=60) for _ in range(5)]

    assert [len(ran.answered) for ran in came] == [3, 3, 3, 3, 3]
    asked = [desk.members_of(batch) for batch in batches(desk)]
    assert asked == [[request.member.id for request in requests], [silent], [silent]]
    first = batches(desk)[0].id
    assert (
        came[0].reasons()[silent] == f"batch {first}: the answer has no test for it; the next run asks again"
    )
    assert came[2].reasons()[silent] == "the model's answers held no usable test for it, asked 3 times"
    assert came[4].reasons() == came[2].reasons()  # from the cache
    assert came[4].spending.api_calls == 0


def test_generate_batch__a_cut_answer_keeps_what_is_whole(tmp_path: Path) -> None:
    requests = make_requests(1, 6)
    asked: list[list[str]] = []

    def answer(body: Body) -> str:
        asked.append(members_in(body))
        whole = json.loads(answer_all(body))
        for entry in whole["tests"]:
            entry["code"] += "#" * 2_600
        return json.dumps(whole)

    desk = BatchDesk()
    with Endpoint(batches=desk, answer=answer) as endpoint:
        runs = JobRuns(url=endpoint.url, folder=tmp_path, model={"tokens_per_member": 200})
        first = runs.run(requests, wait=60)
        second = runs.run(requests, wait=60)
        runs.run(requests, wait=60)

    assert 0 < len(first.answered) < 6
    assert all("its answer was cut off" in reason for reason in first.reasons().values())
    assert first.answered < second.answered
    assert all(len(call) <= 3 for call in asked[2:])  # after the one that goes ahead, and the first


@pytest.mark.parametrize(
    ("becomes", "ends_as", "told"),
    [
        ("expired", "expired", "Batch {id}: it expired before this was answered."),
        ("cancelled", "cancelled", "Batch {id}: it was cancelled before this was answered."),
        ("timed out", "completed", "Batch {id}: the model took too long for this."),
        (
            "lost",
            "completed",
            "batch {id} is completed, but its files hold no answer for this; the next run asks again",
        ),
        ("lost", "expired", "batch {id} expired before this was answered; the next run asks again"),
        ("lost", "cancelled", "batch {id} was cancelled before this was answered; the next run asks again"),
    ],
)
def test_generate_batch__what_became_of_each_member(
    tmp_path: Path, becomes: Becomes, ends_as: str, told: str
) -> None:
    requests = make_requests(1, 4)
    lost = requests[1].member.id
    desk = BatchDesk(becomes=named(lost, becomes=becomes), ends_as=ends_as)
    with Endpoint(batches=desk) as endpoint:
        runs = JobRuns(url=endpoint.url, folder=tmp_path, model=ALONE)
        came = runs.run(requests, wait=60)
        desk._becomes = named(becomes="answered")
        desk.ends_as = "completed"
        after = runs.run(requests, wait=60)

    [first, second] = batches(desk)
    assert came.answered == ids(requests) - {lost}
    assert came.reasons() == {lost: told.format(id=first.id)}
    assert desk.members_of(second) == [lost]
    assert after.answered == ids(requests)


def test_generate_batch__all_fail(tmp_path: Path) -> None:
    requests = make_requests(1, 3)
    desk = BatchDesk(becomes=named(becomes="answered", otherwise="failed"))
    with Endpoint(batches=desk) as endpoint:
        came = JobRuns(url=endpoint.url, folder=tmp_path, model=ALONE).run(requests, wait=60)

    assert batches(desk)[0].output is None  # as at OpenAI: completed, and only a file of errors
    assert came.reasons().keys() == ids(requests)
    assert came.ended is None


def test_generate_batch__a_batch_that_fails_as_a_whole(tmp_path: Path) -> None:
    requests = make_requests(1, 3)
    desk = BatchDesk(most_calls=2)
    with Endpoint(batches=desk) as endpoint:
        came = JobRuns(url=endpoint.url, folder=tmp_path, model=ALONE).run(requests, wait=60)

    [batch] = batches(desk)
    assert set(came.reasons().values()) == {
        f"batch {batch.id} failed as a whole: The batch input file has more than 2; the next run asks again"
    }
    assert came.spending.completion_tokens < 100  # the call that went ahead


def test_generate_batch__content_that_is_refused_for_good_is_kept_as_such(tmp_path: Path) -> None:
    requests = make_requests(1, 2)
    bad = requests[0].member.id

    class Refusing:
        path = "/v1"

        @staticmethod
        def refuses(body: Body) -> object:
            filtered = refusal(400, "Invalid prompt: filtered.", code="content_filter")
            return filtered if bad in members_in(body) else None

    desk = BatchDesk()
    with Endpoint(batches=desk, service=Refusing()) as endpoint:  # type: ignore[arg-type]
        runs = JobRuns(url=endpoint.url, folder=tmp_path, model=ALONE)
        came = runs.run(requests, wait=60)
        after = runs.run(requests, wait=60)

    assert came.skipped[0].permanent
    assert after.cache.hits == 2
    assert len(desk.batches) == 1


def test_generate_batch__the_key_of_a_line_does_not_end_the_run(tmp_path: Path) -> None:
    requests = make_requests(1, 2)

    def refuses(body: Body) -> object:
        return key_refused() if requests[0].member.id in members_in(body) else None

    class Refusing:
        path = "/v1"
        refuses: Callable[[Body], object]

    service = Refusing()
    service.refuses = refuses
    desk = BatchDesk()
    with Endpoint(batches=desk, service=service) as endpoint:  # type: ignore[arg-type]
        came = JobRuns(url=endpoint.url, folder=tmp_path, model=ALONE).run(requests, wait=60)

    assert came.ended is None
    assert came.answered == {requests[1].member.id}
    assert "The key is not accepted" in came.reasons()[requests[0].member.id]


# What is held to the budget.


def test_budget__holds_at_half_the_price(tmp_path: Path) -> None:
    requests = make_requests(1, 10)
    with Endpoint(batches=(desk := BatchDesk(held=True))) as endpoint:
        runs = JobRuns(url=endpoint.url, folder=tmp_path, model=ALONE)
        # An answer may have 8,192 tokens: 0.082 USD, and with the prompt a little more; 0.041 at half.
        runs.budget = replace(runs.budget, max_cost=0.32)
        came = runs.run(requests)

    assert 3 < len(desk.members()) == len(came.awaited) <= 7  # at the whole price 3 would fit
    assert len(came.reasons(Stage.BUDGET)) == 10 - len(came.awaited)
    assert "--max-cost allows more" in next(iter(came.reasons(Stage.BUDGET).values()))


def test_budget__counts_each_call_of_a_job(tmp_path: Path) -> None:
    requests = make_requests(1, 10)
    with Endpoint(batches=(desk := BatchDesk(held=True))) as endpoint:
        runs = JobRuns(url=endpoint.url, folder=tmp_path, model=ALONE)
        runs.budget = replace(runs.budget, max_calls=5)
        came = runs.run(requests)

    assert len(desk.members()) == 4  # and the one that went ahead
    assert len(came.reasons(Stage.BUDGET)) == 6


def test_budget__a_run_that_takes_an_earlier_one_s_answers_may_still_ask(tmp_path: Path) -> None:
    first, second = make_requests(1, 4), [make_request(f"src/shop/other.py::g{n}") for n in range(4)]
    with Endpoint(batches=(desk := BatchDesk())) as endpoint:
        runs = JobRuns(url=endpoint.url, folder=tmp_path, model=ALONE)
        runs.budget = replace(runs.budget, max_calls=5)
        runs.run(first)
        came = runs.run([*first, *second])

    assert came.answered == ids(first)
    assert came.awaited == ids(second)
    assert len(desk.batches) == 2
    assert came.spending.completion_tokens > 100  # what the first run has asked is told here


# What goes wrong on the way.


def test_generate_batch__no_batches_there(tmp_path: Path) -> None:
    requests = make_requests(1, 3)
    with Endpoint() as endpoint:
        came = JobRuns(url=endpoint.url, folder=tmp_path).run(requests)

    assert isinstance(came.ended, NoJobs)
    assert str(came.ended) == (
        f"There are no batch jobs at {endpoint.url} (404 for /files or /batches). Leave --batch-api out, or "
        "allow ordinary calls at full price in their place with --batch-fallback."
    )
    assert set(came.reasons().values()) == {str(came.ended)}
    assert not any(call.members for call in endpoint.completions)


def test_generate_batch__ordinary_calls_where_that_is_wanted(tmp_path: Path) -> None:
    requests = make_requests(1, 3)
    with Endpoint() as endpoint:
        came = JobRuns(url=endpoint.url, folder=tmp_path).run(requests, fallback=True)

    assert came.answered == ids(requests)
    assert came.ended is None
    assert came.notes[0].startswith("ordinary calls were made at full price: There are no batch jobs")


@pytest.mark.parametrize("status", [405, 501])
def test_generate_batch__files_but_no_batches(tmp_path: Path, status: int) -> None:
    desk = BatchDesk(faults={"POST /batches": [refusal(status, "Not here.")]})
    with Endpoint(batches=desk) as endpoint:
        came = JobRuns(url=endpoint.url, folder=tmp_path).run(make_requests(1, 1))

    assert isinstance(came.ended, NoJobs)


def test_generate_batch__the_endpoint_cannot_be_reached(tmp_path: Path) -> None:
    with Endpoint() as endpoint:
        url = endpoint.url
    came = JobRuns(url=url, folder=tmp_path).run(make_requests(1, 2))

    assert isinstance(came.ended, EndpointUnreachable)


def test_generate_batch__a_refused_key_ends_the_run(tmp_path: Path) -> None:
    desk = BatchDesk(held=True)
    with Endpoint(batches=desk) as endpoint:
        runs = JobRuns(url=endpoint.url, folder=tmp_path)
        runs.run(make_requests(1, 2))
        desk._faults["GET /batches/ID"] = [key_refused()]
        came = runs.run(make_requests(1, 2))

    assert isinstance(came.ended, KeyRefused)
    assert came.awaited == ids(make_requests(1, 2))


def test_generate_batch__what_can_pass_is_tried_again(tmp_path: Path) -> None:
    faults = {
        "POST /files": [server_failed(), rate_limited("1")],
        "POST /batches": [rate_limited("1")],
        "GET /batches/ID": [server_failed(), connection_dropped()],
        "GET /files/ID/content": [server_failed()],
    }
    requests = make_requests(1, 3)
    with Endpoint(batches=(desk := BatchDesk(faults=faults))) as endpoint:
        came = JobRuns(url=endpoint.url, folder=tmp_path).run(requests, wait=60)

    assert came.answered == ids(requests)
    assert len(desk.batches) == 1


@pytest.mark.parametrize("fault", [connection_dropped(), server_failed()], ids=["dropped", "500"])
def test_generate_batch__a_batch_whose_making_was_not_heard_of_is_not_made_twice(
    tmp_path: Path, fault: object
) -> None:
    requests = make_requests(1, 3)
    desk = BatchDesk(faults_after={"POST /batches": [fault]})  # type: ignore[list-item]
    with Endpoint(batches=desk) as endpoint:
        came = JobRuns(url=endpoint.url, folder=tmp_path).run(requests, wait=60)

    assert came.answered == ids(requests)
    assert len(desk.batches) == 1


def test_generate_batch__a_batch_in_doubt_is_found_by_the_next_run(tmp_path: Path) -> None:
    requests = make_requests(1, 3)
    desk = BatchDesk(
        faults_after={"POST /batches": [connection_dropped()]},
        faults={"GET /batches": [refusal(404, "Not listed."), *[connection_dropped() for _ in range(3)]]},
    )
    with Endpoint(batches=desk) as endpoint:
        runs = JobRuns(url=endpoint.url, folder=tmp_path)
        doubt = runs.run(requests)
        found = runs.run(requests)
        came = runs.run(requests)

    assert doubt.awaited == found.awaited == ids(requests)
    assert "could not be looked at: It is not known whether a batch was made" in next(
        iter(doubt.reasons().values())
    )
    assert came.answered == ids(requests)
    assert len(desk.batches) == 1


def test_generate_batch__files_that_cannot_be_had_are_had_later(tmp_path: Path) -> None:
    requests = make_requests(1, 3)
    desk = BatchDesk(faults={"GET /files/ID/content": [server_failed() for _ in range(3)]})
    with Endpoint(batches=desk) as endpoint:
        runs = JobRuns(url=endpoint.url, folder=tmp_path)
        runs.run(requests)
        came = [runs.run(requests) for _ in range(2)]

    assert came[0].awaited == ids(requests)
    assert came[1].answered == ids(requests)
    assert len(desk.answered) == 1


def test_generate_batch__the_cache_was_lost_but_the_batch_is_found(tmp_path: Path) -> None:
    requests = make_requests(1, 3)
    with Endpoint(batches=(desk := BatchDesk())) as endpoint:
        JobRuns(url=endpoint.url, folder=tmp_path / "lost").run(requests)
        came = JobRuns(url=endpoint.url, folder=tmp_path / "new").run(requests, wait=60)

    assert came.answered == ids(requests)
    assert len(desk.batches) == 1
    assert f"batch {batches(desk)[0].id} was found again" in came.notes[0]


def test_generate_batch__what_could_not_be_found_again_is_not_sent(tmp_path: Path) -> None:
    requests = make_requests(1, 3)
    with Endpoint(batches=(desk := BatchDesk())) as endpoint:
        came = JobRuns(url=endpoint.url, folder=tmp_path, forgetful=True).run(requests)

    assert not desk.batches
    [reason] = set(came.reasons().values())
    assert reason.startswith("the batch was not sent: what it is found by could not be written to the cache")


def test_generate_batch__an_id_that_the_endpoint_does_not_know(tmp_path: Path) -> None:
    requests = make_requests(1, 3)
    with Endpoint(batches=(desk := BatchDesk(held=True))) as endpoint:
        runs = JobRuns(url=endpoint.url, folder=tmp_path)
        runs.run(requests)
        gone = batches(desk)[0].id
        desk.batches.clear()
        came = runs.run(requests)

    assert came.notes[0] == (
        f"batch {gone} is forgotten, and what it was sent for is asked again: "
        f"{endpoint.url} does not know batch {gone}."
    )
    assert came.awaited == ids(requests)
    assert desk.members() == [request.member.id for request in requests]


# Several at once, and the process that ends.


def test_generate_batch__two_runs_at_once_send_one_batch(tmp_path: Path) -> None:
    requests = make_requests(2, 3)

    async def both(runs: JobRuns) -> list[Ran]:
        one, other = (runs._run(requests, 0.0, fallback=False) for _ in range(2))
        return list(await asyncio.gather(one, other))

    with Endpoint(batches=(desk := BatchDesk(held=True)), latency=lambda _: 0.2) as endpoint:
        runs = JobRuns(url=endpoint.url, folder=tmp_path)
        runs.clock.sleep = asyncio.sleep  # type: ignore[assignment, method-assign]
        came = asyncio.run(both(runs))

    assert len(desk.batches) == 1
    assert [ran.awaited for ran in came] == [ids(requests)] * 2


def test_generate_batch__closing_its_stream_loses_nothing(tmp_path: Path) -> None:
    requests = make_requests(2, 3)

    async def left_early(runs: JobRuns) -> None:
        running = asyncio.create_task(runs._run(requests, 3_600.0, fallback=False))
        while not desk.batches:  # noqa: ASYNC110 - the endpoint runs in a thread of its own
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    with Endpoint(batches=(desk := BatchDesk(held=True))) as endpoint:
        runs = JobRuns(url=endpoint.url, folder=tmp_path)
        runs.clock.sleep = asyncio.sleep  # type: ignore[assignment, method-assign]
        asyncio.run(left_early(runs))
        desk.held = False
        came = JobRuns(url=endpoint.url, folder=tmp_path).run(requests)

    assert came.answered == ids(requests)
    assert len(desk.batches) == 1


# What strangers may have written.


def strange_job(runs: JobRuns, requests: list[Request], batch: str, *, digest: str | None = None) -> AskedJob:
    """An entry that says that a batch was sent for these members."""
    members = tuple(
        AskedMember(key=runs.key_for(one), path=one.member.path, name=one.member.name) for one in requests
    )
    call = AskedCall(members=members, terms=Terms(max_tokens=2_000, tiers=3, asked_again=0))
    return AskedJob(
        digest=digest or job_digest([call.id]),
        endpoint=runs.url,
        id=batch,
        is_over=False,
        calls={call.id: call},
    )


@pytest.mark.parametrize("with_mark", [True, False], ids=["its digest", "ours"])
def test_entries__a_stranger_names_somebody_else_s_batch(tmp_path: Path, with_mark: bool) -> None:
    theirs, ours = [make_request("src/their/own.py::f")], make_requests(1, 2)
    with Endpoint(batches=(desk := BatchDesk())) as endpoint:
        JobRuns(url=endpoint.url, folder=tmp_path / "theirs").run(theirs)
        [other] = batches(desk)
        runs = JobRuns(url=endpoint.url, folder=tmp_path / "ours")
        digest = (other.metadata or {})["testsmith"] if with_mark else None
        with runs.stores() as (_, memory):
            strange = strange_job(runs, ours, other.id, digest=digest)
            assert memory.begin(strange.with_id(""))
            memory.sent(strange)
        came = runs.run(ours)
        runs.run(ours)
        after = runs.run(ours)

    assert not came.answered  # nothing of the other's answers is taken
    assert after.answered == ids(ours)
    assert len(desk.batches) == 2


def test_entries__a_batch_without_metadata_of_an_endpoint_that_has_it_is_nobody_s(tmp_path: Path) -> None:
    ours = make_requests(1, 2)
    with Endpoint(batches=(desk := BatchDesk(held=True))) as endpoint:
        JobRuns(url=endpoint.url, folder=tmp_path / "theirs").run([make_request("src/their/own.py::f")])
        other = batches(desk)[0]
        other.metadata = None
        runs = JobRuns(url=endpoint.url, folder=tmp_path / "ours")
        with runs.stores() as (_, memory):
            strange = strange_job(runs, ours, other.id)
            assert memory.begin(strange.with_id(""))
            memory.sent(strange)
        came = runs.run(ours)

    assert f"Batch {other.id} was not sent from here" in came.notes[0]
    assert desk.members_of(batches(desk)[1]) == [one.member.id for one in ours]


def test_endpoint__that_knows_no_metadata_does(tmp_path: Path) -> None:
    requests = make_requests(1, 2)
    with Endpoint(batches=(desk := BatchDesk(keeps_metadata=None))) as endpoint:
        runs = JobRuns(url=endpoint.url, folder=tmp_path)
        runs.run(requests)
        came = runs.run(requests)

    assert came.answered == ids(requests)
    assert len(desk.batches) == 1


def test_endpoint__that_forgets_metadata_does_not(tmp_path: Path) -> None:
    with Endpoint(batches=(desk := BatchDesk(keeps_metadata=False))) as endpoint:
        came = JobRuns(url=endpoint.url, folder=tmp_path).run(make_requests(1, 2))

    assert isinstance(came.ended, NoJobs)
    assert batches(desk)[0].status == "cancelling"


def test_files__lines_of_no_use_are_counted_and_left_out(tmp_path: Path) -> None:
    requests = make_requests(1, 3)

    def spoil(lines: list[str]) -> list[str]:
        first = json.loads(lines[0])
        other = json.dumps({**first, "custom_id": "somebody-else-s"})
        twice = json.dumps({**first, "response": {"status_code": 200, "body": {"choices": []}}})
        return [
            "{broken",
            "[]",
            '"text"',
            "null",
            "{}",
            "\x00",
            other,
            *lines,
            twice,
            lines[1][: len(lines[1]) // 2],
        ]

    with Endpoint(batches=BatchDesk(spoil=spoil)) as endpoint:
        came = JobRuns(url=endpoint.url, folder=tmp_path, model=ALONE).run(requests, wait=60)

    assert came.answered == ids(requests)
    assert came.notes[-1].endswith("ignored lines of its files: 1 of other calls, 1 repeated, 7 broken")


@pytest.mark.slow
def test_files__a_hundred_megabytes(tmp_path: Path) -> None:
    requests = make_requests(1, 3)
    filler = json.dumps({"custom_id": "x", "response": {"status_code": 200, "body": "y" * 1_000_000}})

    def spoil(lines: list[str]) -> list[str]:
        return ["z" * 30_000_000, *[filler] * 70, *lines]

    with Endpoint(batches=BatchDesk(spoil=spoil)) as endpoint:
        came = JobRuns(url=endpoint.url, folder=tmp_path, model=ALONE).run(requests, wait=60)

    assert came.answered == ids(requests)
    assert came.notes[-1].endswith("ignored lines of its files: 70 of other calls, 1 broken")
