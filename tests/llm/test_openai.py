"""The real SDK against a real HTTP server: nothing between the two is replaced."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from fakes import faults
from fakes.endpoint import Endpoint, answer_all
from fakes.faults import Fault
from testsmith.llm.budget import Budget, SpendingMeter
from testsmith.llm.error_mapping import ModelEndpoint
from testsmith.llm.factory import connect
from testsmith.llm.interface import (
    CannotConnect,
    CompletionRequest,
    CompletionResponse,
    ConnectionFailed,
    ContentFiltered,
    ContextTooLong,
    EndpointRetired,
    FinishReason,
    KeyRefused,
    ModelUnknown,
    ProviderError,
    QuotaEmpty,
    RateLimited,
    RequestRefused,
    ServerFailed,
    TimedOut,
    TokenUsage,
)
from testsmith.llm.openai import OpenAIProvider, read_completion
from testsmith.model import Spending
from testsmith.settings import ModelSettings, Secret

MEMBER = "src/shop/cart.py::Cart.add"
REQUEST = CompletionRequest(
    system_prompt="Answer in JSON.",
    user_prompt=f"### member: {MEMBER}\ndef add(self): ...",
    model="small-1",
    max_tokens=300,
)
KEY = Secret("sk-secret")


class Client:
    """The provider under test, and what it counted."""

    def __init__(self, url: str, *, timeout: float = 10.0) -> None:
        self.meter = SpendingMeter()
        settings = ModelSettings(timeout_seconds=timeout)
        target = ModelEndpoint(url=url, model="small-1", key=KEY, timeout_seconds=timeout)
        self.provider = OpenAIProvider(
            lambda: connect(url, KEY, settings), target=target, budget=Budget(self.meter), clock=lambda: 0.0
        )

    def ask(self, request: CompletionRequest = REQUEST, *, times: int = 1) -> list[CompletionResponse]:
        async def asked() -> list[CompletionResponse]:
            try:
                return [await self.provider.complete(request) for _ in range(times)]
            finally:
                await self.provider.aclose()

        return asyncio.run(asked())


def error_after(fault: Fault, *, timeout: float = 10.0) -> ProviderError:
    with Endpoint(faults=[fault]) as endpoint, pytest.raises(ProviderError) as raised:
        Client(endpoint.url, timeout=timeout).ask()
    assert len(endpoint.requests) == 1
    return raised.value


def test_complete__what_is_sent() -> None:
    with Endpoint() as endpoint:
        Client(endpoint.url).ask()

    (received,) = endpoint.requests
    assert received.path == "/v1/chat/completions"
    assert received.headers["authorization"] == "Bearer sk-secret"
    assert received.body == {
        "model": "small-1",
        "messages": [
            {"role": "system", "content": "Answer in JSON."},
            {"role": "user", "content": REQUEST.user_prompt},
        ],
        "max_tokens": 300,
        "temperature": 0.0,
        "response_format": {"type": "json_object"},
    }


def test_complete__what_comes_back() -> None:
    with Endpoint() as endpoint:
        client = Client(endpoint.url)
        (response,) = client.ask()

    text = answer_all(endpoint.requests[0].body)
    prompt_characters = len(REQUEST.system_prompt) + len(REQUEST.user_prompt)
    usage = TokenUsage(prompt_tokens=-(-prompt_characters // 4), completion_tokens=-(-len(text) // 4))
    assert response == CompletionResponse(text=text, finish_reason="stop", usage=usage)
    assert client.meter.spending() == Spending(
        api_calls=1,
        prompt_tokens=usage.prompt_tokens,
        prefix_tokens=round(usage.prompt_tokens * len(REQUEST.system_prompt) / prompt_characters),
        completion_tokens=usage.completion_tokens,
        cost=None,  # nobody has named a price
    )


def test_complete__a_cut_answer_says_so() -> None:
    with Endpoint(faults=[faults.truncated()]) as endpoint:
        (response,) = Client(endpoint.url).ask()

    assert response.finish_reason == "length"
    assert response.text


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (faults.rate_limited(), RateLimited),
        (faults.quota_empty(), QuotaEmpty),
        (faults.key_refused(), KeyRefused),
        (faults.key_refused(403), KeyRefused),
        (faults.server_failed(), ServerFailed),
        (faults.server_failed(408), ServerFailed),
        (faults.server_failed(503), ServerFailed),
        (faults.server_failed(529), ServerFailed),
        (faults.bad_gateway(), ServerFailed),
        (faults.login_page(), ServerFailed),
        (faults.garbage(), ServerFailed),
        (faults.other_json(), ServerFailed),
        (faults.other_json("[1]"), ServerFailed),
        (faults.other_json("null"), ServerFailed),
        (faults.other_json('{"choices": []}'), ServerFailed),
        (faults.other_json('{"choices": [{"message": {"content": 5}}]}'), ServerFailed),
        (faults.other_json("[" * 100_000), ServerFailed),
        (faults.other_json('{"error": {"code": 429, "message": "upstream"}}'), RateLimited),
        (faults.connection_dropped(), ConnectionFailed),
        (faults.body_dropped(), ConnectionFailed),
        (faults.context_too_long(), ContextTooLong),
        (faults.content_refused(), ContentFiltered),
        (faults.content_filtered(), ContentFiltered),
        (faults.refused_by_model(), ContentFiltered),
        (faults.model_unknown(), ModelUnknown),
        (faults.retired(), EndpointRetired),
        (faults.retired(404), EndpointRetired),
        (faults.refusal(400, "No."), RequestRefused),
    ],
)
def test_complete__each_fault_has_its_error(fault: Fault, kind: type[ProviderError]) -> None:
    error = error_after(fault)

    assert type(error) is kind
    assert str(error).endswith(".")
    assert str(error).isprintable()


@pytest.mark.parametrize("fault", [faults.slow_headers(), faults.stalled_body(), faults.dripping_body()])
def test_complete__the_time_limit_holds_for_the_whole_attempt(fault: Fault) -> None:
    begin = time.monotonic()

    error = error_after(fault, timeout=0.3)

    assert type(error) is TimedOut
    assert "within 0.3 s" in str(error)
    assert time.monotonic() - begin < 5


def test_complete__a_redirect_is_not_followed() -> None:
    error = error_after(Fault(status=307, headers={"location": "http://127.0.0.1:9/v1"}, body=""))

    assert type(error) is EndpointRetired
    assert "redirects to another address (307)" in str(error)


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        (faults.rate_limited("7"), 7.0),
        (faults.rate_limited(milliseconds="250"), 0.25),
        (faults.rate_limited("Thu, 01 Jan 1970 00:01:30 GMT"), 90.0),
        (faults.rate_limited(), None),
    ],
)
def test_complete__reads_how_long_to_wait(fault: Fault, seconds: float | None) -> None:
    error = error_after(fault)

    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("url", "words"),
    [("http://127.0.0.1:9/v1", "the connection was refused"), ("http://nowhere.invalid/v1", "no such host")],
)
def test_complete__no_connection(url: str, words: str) -> None:
    with pytest.raises(CannotConnect, match=words):
        Client(url).ask()


def test_complete__keeps_the_cause_and_hides_the_key() -> None:
    echo = faults.refusal(400, "Your key sk-secret may not do this.")

    error = error_after(echo)

    assert type(error.__cause__).__name__ == "BadRequestError"
    assert "Your key *** may not do this" in str(error)


def test_complete__a_prompt_that_is_no_text() -> None:
    request = replace(REQUEST, user_prompt="### member: src/\udcff.py::f")
    with Endpoint() as endpoint, pytest.raises(RequestRefused, match="not valid Unicode"):
        Client(endpoint.url).ask(request)


@pytest.mark.parametrize(
    ("refuses", "calls", "sent_at_last"),
    [
        (["response_format"], 2, {"max_tokens", "temperature"}),
        (["max_tokens"], 2, {"max_completion_tokens", "temperature", "response_format"}),
        (["max_tokens", "temperature"], 3, {"max_completion_tokens", "response_format"}),
        (["response_format", "max_tokens", "max_completion_tokens", "temperature"], 5, set()),
    ],
)
def test_complete__what_the_endpoint_does_not_take_is_learned_once(
    refuses: Iterable[str], calls: int, sent_at_last: set[str]
) -> None:
    with Endpoint(refuses=refuses) as endpoint:
        client = Client(endpoint.url)
        responses = client.ask(times=3)

    assert len(responses) == 3
    assert len(endpoint.requests) == calls + 2
    assert set(endpoint.requests[-1].body) == {"model", "messages"} | sent_at_last
    assert client.meter.spending().api_calls == calls + 2


def test_complete__cancellation_hangs_up() -> None:
    with Endpoint(latency=lambda _: 60.0) as endpoint:
        client = Client(endpoint.url, timeout=60.0)

        async def scenario() -> None:
            call = asyncio.create_task(client.provider.complete(REQUEST))
            await until(lambda: endpoint.in_flight == 1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await until(lambda: endpoint.in_flight == 0)
            await client.provider.aclose()

        asyncio.run(asyncio.wait_for(scenario(), 10))

    assert client.meter.spending().api_calls == 1


async def until(happened: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    for _ in range(1_000):
        if happened():
            return
        await asyncio.sleep(0.005)
    pytest.fail("it did not happen")


@pytest.mark.parametrize(
    ("content", "text"),
    [(None, ""), ("", ""), ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}, 3], "ab")],
)
def test_read_completion__content_in_other_shapes(content: object, text: str) -> None:
    body = {"choices": [{"message": {"content": content}, "finish_reason": "length"}]}

    assert read_completion(body) == CompletionResponse(text=text, finish_reason="length")


@pytest.mark.parametrize(
    ("said", "reason"),
    [("stop", "stop"), ("max_tokens", "length"), ("tool_calls", "other"), (None, "other"), ([], "other")],
)
def test_read_completion__finish_reasons(said: object, reason: str) -> None:
    response = read_completion({"choices": [{"message": {"content": "a"}, "finish_reason": said}]})

    assert response is not None
    assert response.finish_reason == reason


@pytest.mark.parametrize("usage", [None, [], {"prompt_tokens": "5"}, {"prompt_tokens": -5}])
def test_read_completion__usage_that_is_none(usage: object) -> None:
    said = {"choices": [{"message": {"content": "a"}}], "usage": usage, "service_tier": usage}
    response = read_completion(said)

    assert response is not None
    assert response.usage == TokenUsage()


def test_read_completion__an_answer_beyond_all_limits_is_none() -> None:
    body = {"choices": [{"message": {"content": "x" * (4 * 1024**2 + 1)}}]}

    assert read_completion(body) is None


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "total_tokens": 150,
                "prompt_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 60},
                "completion_tokens_details": {"reasoning_tokens": 30},
            },
            TokenUsage(
                prompt_tokens=100,
                completion_tokens=50,
                cached_tokens=20,
                cache_write_tokens=60,
                thinking_tokens=30,
            ),
        ),
        (  # Gemini's: what was thought is in the total alone
            {"prompt_tokens": 21, "completion_tokens": 5, "total_tokens": 86},
            TokenUsage(prompt_tokens=21, completion_tokens=65, thinking_tokens=60),
        ),
        (  # and some gateways': it is told, but not counted
            {
                "prompt_tokens": 21,
                "completion_tokens": 0,
                "total_tokens": 81,
                "completion_tokens_details": {"reasoning_tokens": 60},
            },
            TokenUsage(prompt_tokens=21, completion_tokens=60, thinking_tokens=60),
        ),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 5,
                "completion_tokens_details": {"reasoning_tokens": 9},
            },
            TokenUsage(prompt_tokens=5, completion_tokens=5, thinking_tokens=5),
        ),
    ],
)
def test_read_completion__tokens_of_every_kind(usage: object, read: TokenUsage) -> None:
    response = read_completion({"choices": [{"message": {"content": "a"}}], "usage": usage})

    assert response is not None
    assert response.usage == read


@pytest.mark.parametrize(
    ("text", "reason", "thinking", "was_cut"),
    [
        ("", "length", 0, True),
        ("<think>Let me see", "length", 0, True),
        ('{"tests": [', "length", 60, True),
        ('{"tests": [', "length", 40, False),
        ("", "stop", 100, False),
    ],
)
def test_response__tells_whether_it_was_cut_while_thinking(
    text: str, reason: FinishReason, thinking: int, *, was_cut: bool
) -> None:
    usage = TokenUsage(prompt_tokens=9, completion_tokens=100, thinking_tokens=thinking)
    assert CompletionResponse(text=text, finish_reason=reason, usage=usage).was_cut_while_thinking is was_cut
