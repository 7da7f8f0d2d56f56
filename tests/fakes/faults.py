"""The ways in which one call to the fake endpoint can go wrong, each as a real endpoint does it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

STALL_SECONDS = 3600.0
"""Longer than any client waits."""


class Break(Enum):
    """Where an answer stops short of its end."""

    CONNECTION_DROPPED = "before the answer"
    BODY_DROPPED = "in the middle of the body"
    HEADERS_STALL = "nothing comes"
    BODY_STALLS = "half of the body comes"
    BODY_DRIPS = "a byte comes now and then"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What one call gets in place of the ordinary answer.

    Attributes:
        status: The HTTP status.
        headers: Further headers.
        body: The whole body; None for a completion.
        alter: What is made of the completion's text.
        message: What stands in the completion's message beside or in place of its text.
        finish_reason: Why the completion ended; None for the true reason.
        breaks: Where the answer stops short.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    alter: Callable[[str], str] = str
    message: Mapping[str, object] = field(default_factory=dict)
    finish_reason: str | None = None
    breaks: Break | None = None


def refusal(status: int, message: str, *, code: str | None = None, param: str | None = None) -> Fault:
    """An error as OpenAI writes it."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return Fault(
        status=status, headers={"content-type": "application/json"}, body=json.dumps({"error": error})
    )


def rate_limited(retry_after: str | None = None, *, milliseconds: str | None = None) -> Fault:
    named = {"retry-after": retry_after, "retry-after-ms": milliseconds}
    headers = {name: value for name, value in named.items() if value is not None}
    message = "Rate limit reached for requests"
    return Fault(status=429, headers=headers, body=refusal(429, message, code="rate_limit_exceeded").body)


def quota_empty() -> Fault:
    return refusal(429, "You exceeded your current quota, please check your plan.", code="insufficient_quota")


def key_refused(status: int = 401) -> Fault:
    return refusal(status, "Incorrect API key provided: sk-wrong.", code="invalid_api_key")


def server_failed(status: int = 500) -> Fault:
    return refusal(status, "The server had an error while processing your request.")


def bad_gateway() -> Fault:
    return Fault(
        status=502, headers={"content-type": "text/html"}, body="<html><h1>502 Bad Gateway</h1></html>"
    )


def login_page() -> Fault:
    return Fault(headers={"content-type": "text/html"}, body="<html><form>Sign in</form></html>")


def garbage() -> Fault:
    """A 200 whose body is no JSON though it says so."""
    return Fault(headers={"content-type": "application/json"}, body='{"choices": [{"mess')


def other_json(body: str = '{"detail": "hello"}') -> Fault:
    """A 200 whose body is JSON, but no completion."""
    return Fault(headers={"content-type": "application/json"}, body=body)


def connection_dropped() -> Fault:
    return Fault(breaks=Break.CONNECTION_DROPPED)


def body_dropped() -> Fault:
    return Fault(breaks=Break.BODY_DROPPED)


def slow_headers() -> Fault:
    return Fault(breaks=Break.HEADERS_STALL)


def stalled_body() -> Fault:
    return Fault(breaks=Break.BODY_STALLS)


def dripping_body() -> Fault:
    return Fault(breaks=Break.BODY_DRIPS)


def response_format_refused(status: int = 400) -> Fault:
    return refusal(status, "'response_format' is not supported by this model.", param="response_format")


def context_too_long() -> Fault:
    message = "This model's maximum context length is 4096 tokens. However, your messages have 5000 tokens."
    return refusal(400, message, code="context_length_exceeded", param="messages")


def content_refused() -> Fault:
    return refusal(400, "The response was filtered.", code="content_filter")


def content_filtered() -> Fault:
    """A 200 whose completion was cut by a filter."""
    return Fault(alter=lambda _: "", finish_reason="content_filter")


def refused_by_model() -> Fault:
    """A 200 in which the model declines."""
    return Fault(message={"content": None, "refusal": "I can't help with that."})


def model_unknown() -> Fault:
    return refusal(404, "The model `gpt-none` does not exist.", code="model_not_found")


def retired(status: int = 410) -> Fault:
    return Fault(
        status=status, headers={"content-type": "text/plain"}, body="Gone: this service was retired."
    )


def empty_answer() -> Fault:
    return Fault(alter=lambda _: "")


def plain_text() -> Fault:
    """An answer without any JSON or code."""
    return Fault(alter=lambda _: "Sure! I would be happy to write some tests for you.")


def fenced() -> Fault:
    return Fault(alter=lambda text: f"Here are the tests:\n\n```json\n{text}\n```\n")


def half_the_members() -> Fault:
    return Fault(alter=lambda text: _with_tests(text, lambda tests: tests[: len(tests) // 2]))


def wrong_names() -> Fault:
    return Fault(
        alter=lambda text: _with_tests(text, lambda tests: [{**test, "name": "nobody"} for test in tests])
    )


def members_twice() -> Fault:
    return Fault(alter=lambda text: _with_tests(text, lambda tests: [*tests, *tests]))


def extra_members() -> Fault:
    extra = {"name": "src/other.py::unasked", "code": "def test_unasked():\n    assert 1\n"}
    return Fault(alter=lambda text: _with_tests(text, lambda tests: [extra, *tests]))


def truncated(share: float = 0.6) -> Fault:
    """Only the first part of the answer's text, as where the output limit was met."""
    return Fault(alter=lambda text: text[: int(len(text) * share)], finish_reason="length")


def _with_tests(text: str, change: Callable[[list[dict[str, str]]], list[dict[str, str]]]) -> str:
    return json.dumps({"tests": change(json.loads(text)["tests"])})
