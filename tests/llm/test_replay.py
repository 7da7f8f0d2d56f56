from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.clock import FakeClock
from fakes.provider import FakeProvider
from testsmith.llm.interface import (
    CompletionRequest,
    CompletionResponse,
    ContextTooLong,
    Provider,
    ProviderError,
    ReplayMissed,
    SpendingEnded,
)
from testsmith.llm.replay import RecordProvider, ReplayProvider, request_digest
from testsmith.model import UsageFailure

REQUEST = CompletionRequest(system_prompt="JSON", user_prompt="ä \U0001f40d", model="m", max_tokens=300)
Outcome = CompletionResponse | BaseException


def asked(provider: Provider, *requests: CompletionRequest) -> list[Outcome]:
    """Ask all at the same time."""

    async def gathered() -> list[Outcome]:
        return await asyncio.gather(*map(provider.complete, requests), return_exceptions=True)

    return asyncio.run(gathered())


def counting() -> FakeProvider:
    """Answers with the number of the call."""
    numbers = iter(range(1_000))
    return FakeProvider(answer=lambda _: f"answer {next(numbers)}")


def test_record_and_replay__the_same_answers(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    requests = [replace(REQUEST, user_prompt=str(number)) for number in range(20)]

    recorded = asked(RecordProvider(counting(), file), *requests)
    replayed = asked(ReplayProvider(file), *reversed(requests))

    assert all(isinstance(outcome, CompletionResponse) for outcome in recorded)
    assert replayed == recorded[::-1]


def test_record__hands_on_what_it_records(tmp_path: Path) -> None:
    inner = counting()

    (response,) = asked(RecordProvider(inner, tmp_path / "run.jsonl"), REQUEST)

    assert response == CompletionResponse(text="answer 0", finish_reason="stop")
    assert inner.requests == [REQUEST]


def test_replay__the_tier_of_an_answer_if_the_recording_is_new_enough_to_have_it(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    asked(RecordProvider(FakeProvider(), file), REQUEST)
    line = json.loads(file.read_text())

    line["response"]["usage"]["service_tier"] = "flex"
    file.write_text(json.dumps(line))
    (flex,) = asked(ReplayProvider(file), REQUEST)
    del line["response"]["usage"]["service_tier"]
    file.write_text(json.dumps(line))
    (old,) = asked(ReplayProvider(file), REQUEST)

    assert isinstance(flex, CompletionResponse)
    assert flex.usage.service_tier == "flex"
    assert old == replace(flex, usage=replace(flex.usage, service_tier=""))


def test_replay__the_same_request_in_the_order_of_its_calls(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    clock = FakeClock()
    seconds = iter([3.0, 1.0, 2.0])
    names = iter("abc")

    async def slow_first(_: CompletionRequest) -> None:
        await clock.sleep(next(seconds))

    inner = FakeProvider(answer=lambda _: next(names), wait=slow_first)
    recorded = asked(RecordProvider(inner, file), REQUEST, REQUEST, REQUEST)

    assert [outcome.text for outcome in recorded if isinstance(outcome, CompletionResponse)] == [
        "c",
        "a",
        "b",
    ]
    assert asked(ReplayProvider(file), REQUEST, REQUEST, REQUEST) == recorded


def test_replay__a_failure_fails_again(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    error = ContextTooLong("The prompt is too long.")
    error.attempts = 2
    asked(RecordProvider(FakeProvider(error), file), REQUEST)

    (replayed,) = asked(ReplayProvider(file), REQUEST)

    assert type(replayed) is ContextTooLong
    assert isinstance(replayed, ProviderError)
    assert (str(replayed), replayed.attempts) == ("The prompt is too long.", 2)


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, model="n"),
        replace(REQUEST, temperature=0.5),
        replace(REQUEST, max_tokens=301),
        replace(REQUEST, response_format=None),
        replace(REQUEST, system_prompt="JSO", user_prompt="N" + REQUEST.user_prompt),
    ],
)
def test_replay__a_request_that_was_not_recorded_is_missed(tmp_path: Path, other: CompletionRequest) -> None:
    file = tmp_path / "run.jsonl"
    asked(RecordProvider(counting(), file), REQUEST)

    (missed,) = asked(ReplayProvider(file), other)

    assert isinstance(missed, ReplayMissed)
    assert isinstance(missed, SpendingEnded)
    assert str(file) in str(missed)
    assert request_digest(other) != request_digest(REQUEST)


def test_replay__more_calls_than_were_recorded_are_missed(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    asked(RecordProvider(counting(), file), REQUEST)

    kinds = [type(outcome) for outcome in asked(ReplayProvider(file), REQUEST, REQUEST)]

    assert kinds == [CompletionResponse, ReplayMissed]


def test_record__adds_to_a_recording(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    first = asked(RecordProvider(counting(), file), REQUEST, REQUEST)
    second = asked(RecordProvider(FakeProvider(answer=lambda _: "later"), file), REQUEST)

    assert asked(ReplayProvider(file), REQUEST, REQUEST, REQUEST) == first + second


def test_record__each_exchange_is_on_disk_before_the_next_begins(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    provider = RecordProvider(counting(), file)
    lines = []
    for _ in range(3):
        asked(provider, REQUEST)
        lines.append(len(file.read_text().splitlines()))

    assert lines == [1, 2, 3]
    assert all(
        json.loads(line)["request"]["user_prompt"] == "ä \U0001f40d" for line in file.read_text().splitlines()
    )


def test_record__a_cancelled_call_leaves_no_line(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"

    async def forever(_: CompletionRequest) -> None:
        await asyncio.Event().wait()

    async def scenario() -> None:
        provider = RecordProvider(FakeProvider(wait=forever), file)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(provider.complete(REQUEST), 0.01)

    asyncio.run(scenario())

    assert file.read_bytes() == b""


GOOD = {"format": "testsmith-exchange-1", "digest": "d", "call": 0}


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"\xff\xfe",
        b"[]",
        b"5",
        b"{}",
        b'{"format": "testsmith-exchange-2"}',
        b'{"format": "testsmith-exchange-1", "digest": "d"',
        b"[" * 100_000,
        json.dumps(GOOD).encode(),
        json.dumps({**GOOD, "response": {"text": "a"}}).encode(),
        json.dumps({**GOOD, "response": {"text": "a", "finish_reason": "tired", "usage": {}}}).encode(),
        json.dumps({**GOOD, "error": {"kind": "KeyboardInterrupt", "message": "", "attempts": 1}}).encode(),
        json.dumps({**GOOD, "error": []}).encode(),
    ],
)
@pytest.mark.parametrize("layer", [ReplayProvider, lambda file: RecordProvider(counting(), file)])
def test_open__a_file_that_is_no_recording(tmp_path: Path, line: bytes, layer: type[ReplayProvider]) -> None:
    file = tmp_path / "run.jsonl"
    asked(RecordProvider(counting(), file), REQUEST)
    before = file.read_bytes() + line
    file.write_bytes(before)

    with pytest.raises(UsageFailure, match=r"run\.jsonl, line 2, was not written by --record") as failed:
        layer(file)

    assert "\n" not in str(failed.value)
    assert file.read_bytes() == before


def test_open__a_file_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(UsageFailure, match=r"Could not read the recording .*No such file"):
        ReplayProvider(tmp_path / "none.jsonl")
    with pytest.raises(UsageFailure, match=r"Could not read the recording .*Is a directory"):
        ReplayProvider(tmp_path)
    with pytest.raises(UsageFailure, match=r"Could not write the recording .*No such file"):
        RecordProvider(counting(), tmp_path / "none" / "run.jsonl")
