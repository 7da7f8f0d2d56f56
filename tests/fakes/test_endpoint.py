"""The fake is what other tests stand on, so what it does by itself is shown here, by a plain HTTP client."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fakes.endpoint import Endpoint, ThinkingModel
from fakes.faults import half_the_members, rate_limited, truncated

MEMBERS = ("src/shop/cart.py::Cart.add", "src/shop/cart.py::total")
PROMPT = "Write tests.\n" + "".join(f"### member: {member}\ndef f(): ...\n" for member in MEMBERS)


def ask(endpoint: Endpoint, path: str = "/chat/completions", **further: object) -> Any:
    body = {"model": "m", "messages": [{"role": "user", "content": PROMPT}], **further}
    request = urllib.request.Request(endpoint.url + path, json.dumps(body).encode())  # noqa: S310 - our own address
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - our own address
        return json.load(response)


def entries(answer: Any) -> list[dict[str, str]]:
    tests: list[dict[str, str]] = json.loads(answer["choices"][0]["message"]["content"])["tests"]
    return tests


def test_endpoint__answers_every_member_of_the_prompt() -> None:
    with Endpoint() as endpoint:
        answer = ask(endpoint)

    assert [test["name"] for test in entries(answer)] == list(MEMBERS)
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["prompt_tokens"] == -(-len(PROMPT) // 4)
    for test in entries(answer):
        compile(test["code"], "test", "exec")


def test_endpoint__remembers_what_it_was_asked() -> None:
    with Endpoint() as endpoint:
        ask(endpoint, temperature=0)

    (received,) = endpoint.requests
    assert received.members == list(MEMBERS)
    assert received.body["temperature"] == 0
    assert received.path == "/v1/chat/completions"


def test_endpoint__cuts_at_the_output_limit() -> None:
    with Endpoint() as endpoint:
        answer = ask(endpoint, max_tokens=10)

    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 10


def test_endpoint__plays_its_script_call_by_call() -> None:
    with Endpoint(faults=[rate_limited("7"), None, half_the_members(), truncated(0.5)]) as endpoint:
        with pytest.raises(urllib.error.HTTPError) as limited:
            ask(endpoint)
        whole, half, cut, after = (ask(endpoint) for _ in range(4))

    assert limited.value.code == 429
    assert limited.value.headers["Retry-After"] == "7"
    limited.value.close()
    assert [len(entries(answer)) for answer in (whole, half, after)] == [2, 1, 2]
    assert cut["choices"][0]["finish_reason"] == "length"


def test_endpoint__refuses_what_it_does_not_know() -> None:
    with Endpoint(refuses=["max_tokens"]) as endpoint:
        for path, code in (("/chat/completions", 400), ("/responses", 404)):
            with pytest.raises(urllib.error.HTTPError) as refused:
                ask(endpoint, path, max_tokens=5)
            assert refused.value.code == code
            refused.value.close()


def test_endpoint__sustains_fifty_calls_in_flight() -> None:
    with Endpoint(latency=lambda _: 1.0) as endpoint, ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: ask(endpoint), range(50)))

    assert len(answers) == 50
    assert endpoint.most_in_flight == 50
    assert endpoint.in_flight == 0


def test_thinking_model__spends_the_limit_before_it_answers() -> None:
    model = ThinkingModel(spends={"low": 100, "high": 900}, default="high")
    with Endpoint(model=model) as endpoint:
        starved = ask(endpoint, max_tokens=500)
        answered = ask(endpoint, max_tokens=500, reasoning_effort="low")
        for refused_value in ({"reasoning_effort": "none"}, {"temperature": 0}):
            with pytest.raises(urllib.error.HTTPError) as refused:
                ask(endpoint, **refused_value)
            assert refused.value.code == 400
            refused.value.close()

    assert starved["choices"][0]["message"]["content"] == ""
    assert starved["choices"][0]["finish_reason"] == "length"
    assert starved["usage"]["completion_tokens_details"]["reasoning_tokens"] == 500
    assert len(entries(answered)) == 2
    assert answered["usage"]["completion_tokens_details"]["reasoning_tokens"] == 100
