"""The calls of a run, reckoned and held to its budget, without one being made."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Sequence

from testsmith.generation.generator import skipped
from testsmith.generation.model.generator import completion_request, limits_of
from testsmith.generation.model.packing import Batch, pack
from testsmith.generation.model.prompts import Prompts
from testsmith.generation.model.rounds import Outcome, after_error
from testsmith.model import ExpectedCall, Request, Result
from testsmith.providers.budget import Budget
from testsmith.providers.provider import CompletionRequest, OverBudget, Usage
from testsmith.settings import ModelSettings

CHARACTERS_A_TOKEN = 3.7
"""Of a prompt: OpenAI's cl100k makes a token of 3.8 to 4.0 characters of them, SmolLM2's tokeniser of 3.4."""


class EstimatingGenerator:
    """Stands where the model's generator stands, and says of every member that it is only reckoned with.

    Members, packing, prompts and caps are as they are in a run. Answers are reckoned at what the settings say
    of one member; that they have to be asked for again, or mended, nobody knows beforehand.
    """

    def __init__(self, settings: ModelSettings, budget: Budget) -> None:
        """Begin with no call; what the calls would take is counted by the budget's meter."""
        self._settings = settings
        self._budget = budget
        self._limits = limits_of(settings)
        self._prompts = Prompts()
        self._calls: list[ExpectedCall] = []

    def expected_calls(self) -> tuple[ExpectedCall, ...]:
        """See `ExpectedCallsReporter.expected_calls`."""
        return tuple(self._calls)

    async def generate(self, request: Request) -> Result:
        """Reckon with one request."""
        [result] = [result async for result in self.generate_batch([request])]
        return result

    async def generate_batch(self, requests: Sequence[Request]) -> AsyncGenerator[Result, None]:
        """Yield each request's member as skipped: under `budget` where the caps leave it out."""
        waiting = deque(pack(requests, self._limits))
        while waiting:
            outcome = await self._reckoned(waiting.popleft())
            waiting.extend(outcome.again)
            for result in outcome.results:
                yield result

    async def _reckoned(self, batch: Batch) -> Outcome:
        request = completion_request(batch, self._prompts, self._settings)
        prompt = (request.system_prompt, request.user_prompt)
        try:
            hold = await self._budget.hold(request.model, prompt, request.max_tokens)
        except OverBudget as error:
            return after_error(batch, error, self._limits)
        usage = self._usage(batch, request)
        self._budget.meter.count_call()
        hold.settle(usage)
        self._calls.append(
            ExpectedCall(
                members=tuple(one.member.id for one in batch.requests),
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens,
            )
        )
        return Outcome(results=skipped(batch.requests, "its call is only reckoned with"))

    def _usage(self, batch: Batch, request: CompletionRequest) -> Usage:
        characters = len(request.system_prompt) + len(request.user_prompt)
        answer = self._limits.shares_of(batch.requests) * self._settings.tokens_per_member
        return Usage(
            prompt_tokens=round(characters / CHARACTERS_A_TOKEN),
            completion_tokens=min(answer, request.max_tokens),
            service_tier=self._settings.service_tier,
        )
