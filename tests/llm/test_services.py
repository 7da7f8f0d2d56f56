"""The compatible endpoints of well-known services: what is sent at last, and how many calls that takes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import dataclass

import pytest

from fakes import services
from fakes.endpoint import Endpoint, Service, answer_all
from fakes.faults import Fault, fenced, refusal
from fakes.requests import make_requests
from fakes.streams import read_all
from testsmith.generation.llm.generator import ModelGenerator
from testsmith.llm.budget import SpendingMeter
from testsmith.llm.factory import build_provider, connect
from testsmith.llm.interface import (
    CompletionRequest,
    ContextTooLong,
    KeyRefused,
    ModelUnknown,
    ProviderError,
    RateLimited,
)
from testsmith.model import Candidate
from testsmith.settings import ModelSettings, Secret

CALLS = 4
MEMBERS_A_CALL = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A service, what is sent to it at last beside model and messages, and the calls that were refused."""

    service: Service
    sent: set[str]
    json: str
    refused: int


ROWS = {
    "OpenAI, a reasoning model": Row(
        service=services.OPENAI,
        sent={"max_completion_tokens", "response_format"},
        json="json_schema",
        refused=2,
    ),
    "Azure, v1": Row(
        service=services.AZURE,
        sent={"max_completion_tokens", "response_format"},
        json="json_schema",
        refused=2,
    ),
    "Azure, by deployment and version": Row(
        service=services.AZURE_OF_2024,
        sent={"max_tokens", "temperature", "response_format"},
        json="json_object",
        refused=1,
    ),
    "Anthropic": Row(
        service=services.ANTHROPIC, sent={"max_tokens", "response_format"}, json="json_schema", refused=1
    ),
    "Gemini": Row(
        service=services.GEMINI,
        sent={"max_tokens", "temperature", "response_format"},
        json="json_schema",
        refused=0,
    ),
    "OpenRouter": Row(
        service=services.OPENROUTER,
        sent={"max_tokens", "temperature", "response_format"},
        json="json_object",
        refused=1,
    ),
    "Ollama": Row(
        service=services.OLLAMA,
        sent={"max_tokens", "temperature", "response_format"},
        json="json_schema",
        refused=0,
    ),
    "vLLM": Row(
        service=services.VLLM,
        sent={"max_tokens", "temperature", "response_format"},
        json="json_schema",
        refused=0,
    ),
    "vLLM, an old one": Row(
        service=services.OLD_VLLM,
        sent={"max_tokens", "temperature", "response_format"},
        json="json_schema",
        refused=0,
    ),
    "LM Studio": Row(
        service=services.LM_STUDIO,
        sent={"max_tokens", "temperature", "response_format"},
        json="json_schema",
        refused=0,
    ),
    "DeepSeek": Row(
        service=services.DEEPSEEK,
        sent={"max_tokens", "temperature", "response_format"},
        json="json_object",
        refused=1,
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_service__is_learned_by_those_in_flight_for_all(row: Row) -> None:
    with Endpoint(service=row.service, latency=lambda _: 0.05) as endpoint:
        settings = ModelSettings(
            base_url=endpoint.url,
            model="a-model",
            max_output_tokens=MEMBERS_A_CALL * ModelSettings().tokens_per_member,
            max_concurrent_calls=3,
        )
        answered = asyncio.run(_answered(settings))

    assert answered == CALLS * MEMBERS_A_CALL
    assert len(endpoint.requests) <= CALLS + 3 * row.refused
    assert set(endpoint.requests[-1].body) == {"model", "messages"} | row.sent


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_service__is_learned_by_one_call_for_all(row: Row) -> None:
    with Endpoint(service=row.service) as endpoint:
        settings = ModelSettings(
            base_url=endpoint.url,
            model="a-model",
            max_output_tokens=MEMBERS_A_CALL * ModelSettings().tokens_per_member,
            max_concurrent_calls=1,
        )
        answered = asyncio.run(_answered(settings))

    assert answered == CALLS * MEMBERS_A_CALL
    assert len(endpoint.requests) == CALLS + row.refused
    for received in endpoint.requests[row.refused :]:
        assert set(received.body) == {"model", "messages"} | row.sent
        assert services.way_of_json(received.body) == row.json


async def _answered(settings: ModelSettings) -> int:
    provider = build_provider(settings, SpendingMeter())
    try:
        generator = ModelGenerator(provider, settings)
        results, _ = await read_all(generator.generate_batch(make_requests(CALLS, MEMBERS_A_CALL)))
    finally:
        await provider.aclose()
    return sum(isinstance(one, Candidate) for one in results)


def test_service__that_holds_no_answer_to_json_is_understood_all_the_same() -> None:
    """Anthropic's reads `response_format` and ignores it."""
    with Endpoint(service=services.ANTHROPIC, faults=[fenced()] * 9, answer=answer_all) as endpoint:
        answered = asyncio.run(_answered(ModelSettings(base_url=endpoint.url, model="a-model")))
    assert answered == CALLS * MEMBERS_A_CALL


RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}
BAD_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}

REFUSALS: dict[str, tuple[Fault, type[ProviderError]]] = {
    "Gemini, key": (
        services.google_error(
            400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", BAD_KEY
        ),
        KeyRefused,
    ),
    "Gemini, rate": (
        services.google_error(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", RETRY),
        RateLimited,
    ),
    "Gemini, model": (
        services.google_error(404, "NOT_FOUND", "models/none is not found for API version v1main."),
        ModelUnknown,
    ),
    "Gemini, context": (
        services.google_error(
            400,
            "INVALID_ARGUMENT",
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        ),
        ContextTooLong,
    ),
    "Azure, model": (
        refusal(404, "The API deployment for this resource does not exist.", code="DeploymentNotFound"),
        ModelUnknown,
    ),
    "Anthropic, context": (
        refusal(400, "prompt is too long: 208310 tokens > 200000 maximum", code="invalid_request_error"),
        ContextTooLong,
    ),
    "OpenRouter, model": (refusal(404, "No endpoints found for some/model:free."), ModelUnknown),
    "OpenRouter, other model": (refusal(400, "some/model is not a valid model ID"), ModelUnknown),
    "Ollama, model": (refusal(404, 'model "none" not found, try pulling it first'), ModelUnknown),
    "vLLM, model": (
        services.vllm_error("The model `none` does not exist.", 404, "NotFoundError"),
        ModelUnknown,
    ),
    "vLLM, context": (
        services.vllm_error(
            "'max_tokens' or 'max_completion_tokens' is too large: 1624. This model's maximum context "
            "length is 2048 tokens and your request has 1000 input tokens (1624 > 2048 - 1000)."
        ),
        ContextTooLong,
    ),
    "vLLM, context, an old one": (
        services.vllm_error("max_tokens must be at least 1, got -186."),
        ContextTooLong,
    ),
    "llama.cpp, context": (
        refusal(
            400,
            "the request exceeds the available context size, try increasing it",
            code="exceed_context_size_error",
        ),
        ContextTooLong,
    ),
}


@pytest.mark.parametrize(("fault", "kind"), REFUSALS.values(), ids=REFUSALS.keys())
def test_service__says_no_in_its_own_words(fault: Fault, kind: type[ProviderError]) -> None:
    with Endpoint(faults=[fault]) as endpoint:
        error = asyncio.run(_refused(ModelSettings(base_url=endpoint.url, max_retry_attempts=1)))
    assert type(error) is kind
    if "retryDelay" in str(fault.body):
        assert isinstance(error, RateLimited)
        assert "Too many requests" in str(error)


async def _refused(settings: ModelSettings) -> ProviderError:
    provider = build_provider(settings, SpendingMeter())
    request = CompletionRequest(system_prompt="JSON", user_prompt="f", model="m", max_tokens=300)
    try:
        with pytest.raises(ProviderError) as raised:
            await provider.complete(request)
    finally:
        await provider.aclose()
    return raised.value


def test_azure__gets_its_key_in_its_own_header_and_the_version_with_each_call() -> None:
    """Through a proxy, since no such host is here; in a process of its own, since that is the process's."""
    program = (
        "import asyncio, sys\n"
        "from testsmith.llm.budget import SpendingMeter\n"
        "from testsmith.llm.interface import CompletionRequest, EndpointRetired\n"
        "from testsmith.llm.factory import build_provider\n"
        "from testsmith.settings import ModelSettings, Secret\n"
        "settings = ModelSettings(base_url=sys.argv[1], api_key=Secret('a-key'))\n"
        "request = CompletionRequest(system_prompt='JSON', user_prompt='f', model='m', max_tokens=9)\n"
        "async def main():\n"
        "    provider = build_provider(settings, SpendingMeter())\n"
        "    try:\n"
        "        await provider.complete(request)\n"
        "    except EndpointRetired:\n"  # of the fake, which knows another path
        "        pass\n"
        "    await provider.aclose()\n"
        "asyncio.run(main())\n"
    )
    url = "http://mine.openai.azure.com/openai/deployments/gpt?api-version=2024-06-01"
    with Endpoint() as proxy:
        environment = {"HTTP_PROXY": proxy.url.removesuffix("/v1")}
        subprocess.run((sys.executable, "-c", program, url), env=environment, check=True, timeout=60)

    [received] = proxy.requests
    assert received.path == url.replace("/gpt?", "/gpt/chat/completions?")
    assert received.headers["api-key"] == "a-key"
    assert "authorization" not in received.headers
    assert "max_completion_tokens" in received.body


def test_connect__others_get_the_key_as_a_bearer() -> None:
    client = connect("https://api.anthropic.com/v1", Secret("a-key"), ModelSettings())
    assert client.default_headers["Authorization"] == "Bearer a-key"
    assert "api-key" not in client.default_headers
    asyncio.run(client.close())
