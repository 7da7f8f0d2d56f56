from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from testsmith.providers import job_lines
from testsmith.providers.job_lines import JobLine, Lines, parted, read, written
from testsmith.providers.jobs import JobCall, job_digest
from testsmith.providers.provider import CompletionRequest

REQUEST = CompletionRequest(system_prompt="s", user_prompt="u", model="m", max_tokens=1)


def cut(*chunks: bytes) -> tuple[list[bytes], int]:
    async def stream() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def all_of(lines: Lines) -> list[bytes]:
        return [line async for line in lines.cut(stream())]

    lines = Lines()
    return asyncio.run(all_of(lines)), lines.too_long


def test_cut__lines_whichever_way_they_come() -> None:
    text = b'{"a": 1}\n\r\n{"b": 2}\r\n\n{"c": 3}'
    whole = [b'{"a": 1}', b'{"b": 2}', b'{"c": 3}']

    assert cut(text) == (whole, 0)
    assert cut(*(text[at : at + 1] for at in range(len(text)))) == (whole, 0)
    assert cut() == ([], 0)


def test_cut__a_line_that_is_too_long_is_dropped_before_it_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_lines, "MOST_LINE_BYTES", 10)

    assert cut(b"short\n", b"x" * 8, b"x" * 8, b"\nnext\n") == ([b"short", b"next"], 1)
    assert cut(b"x" * 100) == ([], 1)


def test_read__an_answer_an_error_and_a_call_that_was_not_made() -> None:
    answered = {"custom_id": "a", "response": {"status_code": 200, "body": {"choices": []}}, "error": None}
    refused = {"custom_id": "b", "response": {"status_code": 400, "body": {"error": {}}}, "error": None}
    expired = {"custom_id": "c", "response": None, "error": {"code": "batch_expired", "message": "Too late."}}

    assert read(json.dumps(answered).encode()) == JobLine(call="a", status=200, body={"choices": []})
    assert read(json.dumps(refused).encode()) == JobLine(call="b", status=400, body={"error": {}})
    assert read(json.dumps(expired).encode()) == JobLine(call="c", code="batch_expired", message="Too late.")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b'"x"',
        b"{}",
        b'{"custom_id": 1, "error": {}}',
        b'{"custom_id": "a"}',
        b'{"custom_id": "a", "response": []}',
        b'{"custom_id": "a", "response": {"status_code": "200"}}',
        b"[" * 100_000,
    ],
)
def test_read__anything_else_is_none(line: bytes) -> None:
    assert read(line) is None


def test_written__one_line_whatever_the_prompt_holds() -> None:
    body = {"messages": [{"content": "two\nlines\u2028and ✓"}]}
    line = written("a", body, "/v1/chat/completions")

    assert line.count(b"\n") == 1
    named = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions"}
    assert json.loads(line) == {**named, "body": body}
    with pytest.raises(UnicodeEncodeError):
        written("a", {"text": "\udcff"}, "/v1/chat/completions")


def test_parted__in_as_few_as_fit() -> None:
    calls = [JobCall(id=str(number), request=REQUEST) for number in range(7)]
    lines = [f"{number:09}\n".encode() for number in range(7)]

    def sizes(**limits: int) -> list[int]:
        parts = parted(calls, lines, **limits)
        assert b"".join(part.file for part in parts) == b"".join(lines)
        assert [call for part in parts for call in part.calls] == calls
        return [len(part.calls) for part in parts]

    assert sizes() == [7]
    assert sizes(most_calls=3) == [3, 3, 1]
    assert sizes(most_bytes=20) == [2, 2, 2, 1]
    assert sizes(most_bytes=5) == [1] * 7  # what is too long by itself is the endpoint's to refuse
    assert parted([], []) == ()


def test_digest__is_that_of_the_calls_in_any_order() -> None:
    assert job_digest(["b", "a"]) == job_digest(["a", "b"]) != job_digest(["a"])
