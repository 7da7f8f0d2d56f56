"""A provider with memory that answers from a script, then as the fake endpoint does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import cast

from fakes.endpoint import Body, answer_all, members_in
from fakes.faults import Fault
from testsmith.llm.interface import (
    CompletionRequest,
    CompletionResponse,
    FinishReason,
    ProviderError,
)

Step = Fault | ProviderError | None
"""What one call gets: an altered answer, an error, or the ordinary answer."""


async def at_once(_request: CompletionRequest) -> None:
    """Wait for nothing."""


class FakeProvider:
    """Answers every member in the prompt, but for what the script says, call by call.

    Attributes:
        requests: Every request, in the order of arrival.
        cancelled: How many calls were cancelled before they were answered.
    """

    def __init__(
        self,
        *script: Step,
        then: Step = None,
        answer: Callable[[Body], str] = answer_all,
        wait: Callable[[CompletionRequest], Awaitable[None]] = at_once,
    ) -> None:
        """Set the script.

        Args:
            script: What the first calls get.
            then: What all later calls get.
            answer: The ordinary answer's text.
            wait: Awaited before each answer.
        """
        self.requests: list[CompletionRequest] = []
        self.cancelled = 0
        self._script: Iterable[Step] = iter(script)
        self._then = then
        self._answer = answer
        self._wait = wait

    async def complete(self, request: CompletionRequest) -> CompletionResponse:
        self.requests.append(request)
        step = next(iter(self._script), self._then)
        answered = False
        try:
            await self._wait(request)
            answered = True
        finally:
            self.cancelled += not answered
        if isinstance(step, ProviderError):
            raise step
        fault = step or Fault()
        text = fault.alter(self._answer(as_body(request)))
        return CompletionResponse(
            text=text, finish_reason=cast("FinishReason", fault.finish_reason or "stop")
        )

    @property
    def asked(self) -> list[list[str]]:
        """The members of every call, in the order of arrival."""
        return [members_in(as_body(request)) for request in self.requests]


def as_body(request: CompletionRequest) -> Body:
    """The part of a wire request that the ordinary answer is made from."""
    return {"messages": [{"role": "user", "content": request.user_prompt}]}
