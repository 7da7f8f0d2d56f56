from __future__ import annotations

import pytest

from testsmith.llm.error_mapping import ModelEndpoint, read_refusal, refused, retry_after_seconds
from testsmith.llm.interface import (
    ContentFiltered,
    ContextTooLong,
    EndpointRetired,
    KeyRefused,
    ModelUnknown,
    ProviderError,
    QuotaEmpty,
    RateLimited,
    RequestRefused,
    ServerFailed,
    TransientError,
)
from testsmith.settings import Secret

TARGET = ModelEndpoint(
    url="http://model.test/v1", model="small-1", key=Secret("sk-secret"), timeout_seconds=10
)
NOW = 1_780_000_000.0  # 2026-05-28, 20:26:40


def error_for(status: int, body: object = None, headers: dict[str, str] | None = None) -> ProviderError:
    return refused(read_refusal(status, headers or {}, body, target=TARGET, now=NOW), TARGET)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"message": "Incorrect API key provided"}, KeyRefused),
        (403, {"message": "Country not supported"}, KeyRefused),
        (403, {"message": "Your input was flagged by moderation"}, ContentFiltered),
        (402, {"message": "Insufficient credits"}, QuotaEmpty),
        (429, {"code": "insufficient_quota", "message": "You exceeded your current quota"}, QuotaEmpty),
        (429, {"type": "insufficient_quota"}, QuotaEmpty),
        (429, {"code": "billing_hard_limit_reached"}, QuotaEmpty),
        (400, {"message": "Your credit balance is too low to access the API"}, QuotaEmpty),
        (429, {"code": "rate_limit_exceeded"}, RateLimited),
        (429, {"code": 429, "message": "You exceeded your current quota, retry in 20 s"}, RateLimited),
        (429, "slow down", RateLimited),
        (408, None, ServerFailed),
        (500, {"message": "Internal error"}, ServerFailed),
        (502, "<html>Bad Gateway</html>", ServerFailed),
        (503, None, ServerFailed),
        (504, None, ServerFailed),
        (529, {"type": "overloaded_error"}, ServerFailed),
        (404, {"code": "model_not_found", "message": "The model `x` does not exist"}, ModelUnknown),
        (404, {"message": 'model "x" not found, try pulling it first'}, ModelUnknown),
        (
            404,
            {"code": 404, "type": "NotFoundError", "message": "The model `x` is none."},
            ModelUnknown,
        ),
        (400, {"param": "model", "message": "invalid model ID"}, ModelUnknown),
        (404, {"code": "DeploymentNotFound"}, ModelUnknown),
        (404, "404 page not found", EndpointRetired),
        (410, "GitHub Models has been retired", EndpointRetired),
        (405, None, EndpointRetired),
        (308, None, EndpointRetired),
        (400, {"code": "context_length_exceeded"}, ContextTooLong),
        (400, {"message": "This model's maximum context length is 4096 tokens"}, ContextTooLong),
        (400, {"type": "exceed_context_size_error"}, ContextTooLong),
        (400, {"message": "prompt is too long: 210000 tokens > 200000 maximum"}, ContextTooLong),
        (500, {"message": "the request exceeds the available context size"}, ContextTooLong),
        (413, None, ContextTooLong),
        (400, {"code": "content_filter"}, ContentFiltered),
        (400, {"message": "max_tokens is too large: 9000"}, RequestRefused),
        (422, {"detail": [{"msg": "field required"}]}, RequestRefused),
    ],
)
def test_refused__by_status_and_words(status: int, body: object, kind: type[ProviderError]) -> None:
    assert type(error_for(status, body)) is kind
    assert type(error_for(status, {"error": body} if isinstance(body, dict) else body)) is kind


def test_refused__says_what_could_not_be_done_and_what_to_do() -> None:
    message = str(error_for(404, {"message": "The model `small-1` does not exist."}))

    assert message == (
        "There is no model small-1 at http://model.test/v1: The model `small-1` does not exist. "
        "Choose another one with --model; providers may retire models at short notice."
    )


def test_refused__cuts_what_the_endpoint_says() -> None:
    message = str(error_for(400, {"message": "\x1b[31mno\x00\r\n way " + "x" * 100_000}))

    assert len(message) < 500
    assert message.isprintable()
    assert "no way xxx" in message


def test_refused__never_shows_the_key() -> None:
    spread = {"message": "x" * 1_990 + "sk-secret"}
    for status in (400, 401, 403, 429, 500):
        for body in ({"message": "You sent sk-secret."}, "sk-secret", {"detail": ["sk-secret"]}, spread):
            assert "sk-s" not in str(error_for(status, body))


def test_refused__shows_no_markup() -> None:
    assert "<" not in str(error_for(502, "<html><body>Bad Gateway</body></html>"))


@pytest.mark.parametrize(
    "body", [None, 5, [], [1], {}, {"error": None}, {"error": []}, {"error": {"message": {"a": 1}}}, "", b"x"]
)
def test_refused__survives_bodies_of_any_shape(body: object) -> None:
    assert isinstance(error_for(400, body), RequestRefused)


def test_refused__hands_on_how_long_to_wait() -> None:
    error = error_for(503, None, {"retry-after": "12"})

    assert isinstance(error, TransientError)
    assert error.retry_after == 12


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Thu, 28 May 2026 20:27:00 GMT"}, 20.0),
        ({"retry-after": "Thu, 28 May 2020 20:27:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Thu, 99 May 2026"}, None),
    ],
)
def test_retry_after_seconds__number_date_or_nonsense(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers, NOW) == seconds
