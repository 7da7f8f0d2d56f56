from __future__ import annotations

import asyncio

import pytest

from testsmith.llm.interface import (
    CompletionRequest,
    CompletionResponse,
    ContentFiltered,
    ContextTooLong,
    EndpointUnreachable,
    KeyRefused,
    ModelUnknown,
    OverBudget,
    ProviderError,
    RequestRefused,
    TokenUsage,
    TransientError,
    WaitTooLong,
)
from testsmith.llm.retry import FallbackProvider

REQUEST = CompletionRequest(system_prompt="JSON", user_prompt="go", model="first", max_tokens=10)


class Answering:
    """Answers with the model's name, or fails as it is told to."""

    def __init__(self, error: ProviderError | None = None) -> None:
        self.error = error
        self.asked: list[str] = []

    async def complete(self, request: CompletionRequest) -> CompletionResponse:
        self.asked.append(request.model)
        if self.error is not None:
            raise self.error
        return CompletionResponse(text=request.model, finish_reason="stop", usage=TokenUsage())


def ask(provider: FallbackProvider) -> str:
    return asyncio.run(provider.complete(REQUEST)).text


def test_complete__asks_the_first_model_where_that_answers() -> None:
    first, second = Answering(), Answering()
    provider = FallbackProvider(first, second, "second")
    assert ask(provider) == "first"
    assert (second.asked, provider.notes()) == ([], ())


@pytest.mark.parametrize(
    "error", [TransientError("busy"), ModelUnknown("gone"), WaitTooLong("wait"), RequestRefused("no")]
)
def test_complete__asks_the_second_for_what_the_first_cannot_do(error: ProviderError) -> None:
    provider = FallbackProvider(Answering(error), Answering(), "second")
    assert [ask(provider), ask(provider)] == ["second", "second"]
    assert provider.notes() == ("2 calls were answered by the fallback model second",)


@pytest.mark.parametrize(
    "error",
    [
        KeyRefused("key"),
        EndpointUnreachable("away"),
        ContextTooLong("long"),
        ContentFiltered("filtered"),
        OverBudget("spent"),
    ],
)
def test_complete__spends_nothing_where_another_model_helps_nothing(error: ProviderError) -> None:
    second = Answering()
    with pytest.raises(type(error)):
        ask(FallbackProvider(Answering(error), second, "second"))
    assert second.asked == []


def test_complete__the_last_failure_is_that_of_the_second() -> None:
    with pytest.raises(KeyRefused):
        ask(FallbackProvider(Answering(TransientError("busy")), Answering(KeyRefused("key")), "second"))
