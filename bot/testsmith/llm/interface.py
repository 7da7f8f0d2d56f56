"""Interface of model calls: requests, responses, and errors.

The class of an error decides whether another attempt can help:

    ProviderError
      TransientError            may pass: retried
        RateLimited             429, with the delay that the endpoint asked for
        ServerFailed            408, 500, 502, 503, 504, 529, ...
        ConnectionFailed        reset or interrupted
          CannotConnect         refused, unknown host, or no answer to the handshake
        TimedOut                no complete answer within the time limit
      RequestRefused            specific to this request: others may work
        ContextTooLong          the prompt exceeds the model's context
        ContentFiltered         rejected for its content
      SpendingEnded             no further call can work: the run makes no more calls
        KeyRefused              401 and 403
        QuotaEmpty              no credit left
        ModelUnknown            the endpoint does not have the model
        EndpointRetired         404 and 410 from the endpoint itself
        EndpointUnreachable     no attempt ever connected
        ReplayMissed            `--replay` has no answer to this request
      WaitTooLong               the endpoint asks for a longer delay than the settings allow
      OverBudget                the call exceeds the run's budget; nothing was sent
        CallTooLarge            a smaller call may still fit
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from testsmith.model import EndsRun
from testsmith.settings import ReasoningEffort

FinishReason = Literal["stop", "length", "content_filter", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest:
    """One prompt.

    Attributes:
        system_prompt: The constant part: task, rules and conventions.
        user_prompt: The members' source and context.
        model: The model's id at the endpoint.
        max_tokens: Maximum tokens of the answer.
        temperature: Sampling temperature; 0 for the least variation.
        effort: Reasoning effort. If the model does not accept it, the nearest one is used.
        response_format: `json_object` to request a JSON answer; None for any text.
        schema: JSON Schema of the answer, for endpoints that enforce it; None for any JSON.
    """

    system_prompt: str
    user_prompt: str
    model: str
    max_tokens: int
    temperature: float = 0.0
    effort: ReasoningEffort = ReasoningEffort.LOWEST
    response_format: Literal["json_object"] | None = "json_object"
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """Tokens as counted by the endpoint; 0 if not reported.

    Attributes:
        prompt_tokens: Tokens of the prompt.
        completion_tokens: Tokens of the answer, including reasoning.
        cached_tokens: Prompt tokens that the endpoint read from its cache.
        cache_write_tokens: Prompt tokens that the endpoint wrote to its cache, which have a different price.
        thinking_tokens: Tokens of the answer spent on reasoning.
        service_tier: Service tier that was billed, for example `flex`; empty if not reported.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    thinking_tokens: int = 0
    service_tier: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionResponse:
    """One answer.

    Attributes:
        text: The text.
        finish_reason: Why it ended; `length` means that it was truncated.
        usage: Its tokens.
    """

    text: str
    finish_reason: FinishReason
    usage: TokenUsage = TokenUsage()

    @property
    def was_cut_while_thinking(self) -> bool:
        """Whether the answer reached its limit because most or all of it was spent on reasoning."""
        if self.finish_reason != "length":
            return False
        begun = self.text.strip()
        only_thought = not begun or (begun.startswith("<think>") and "</think>" not in begun)
        return only_thought or 2 * self.usage.thinking_tokens > self.usage.completion_tokens


class Provider(Protocol):
    """Interface of every model call. Layers wrap it: retry around a semaphore around an endpoint."""

    async def complete(self, request: CompletionRequest) -> CompletionResponse:
        """Return the answer to one prompt.

        Raises:
            ProviderError: There is no answer. The class says whether another attempt could help.
        """
        ...


@runtime_checkable
class NotedProvider(Protocol):
    """Provider with notes about its answers."""

    def notes(self) -> tuple[str, ...]:
        """Return notes for the report about the answers so far."""
        ...


class ProviderError(Exception):
    """There is no completion. The message is for users and says what to do next.

    Attributes:
        attempts: Number of attempts made for this request.
    """

    attempts: int = 1


class TransientError(ProviderError):
    """Error that may pass.

    Attributes:
        retry_after: Delay requested by the endpoint, in seconds; None if it named none.
    """

    retry_after: float | None = None


class RateLimited(TransientError):
    """The endpoint returned 429."""


class ServerFailed(TransientError):
    """The endpoint returned 408, 5xx, or something that is not a completion."""


class ConnectionFailed(TransientError):
    """The connection could not be made or was interrupted."""


class CannotConnect(ConnectionFailed):
    """The connection could not be made, so the request was not sent."""


class TimedOut(TransientError):
    """There was no complete answer within the time limit."""


class RequestRefused(ProviderError):
    """This request was rejected; others may work."""


class ContextTooLong(RequestRefused):
    """The prompt exceeds the model's context."""


class ContentFiltered(RequestRefused):
    """The endpoint rejected the request for its content."""


class WaitTooLong(ProviderError):
    """The endpoint asks for a longer delay than the settings allow."""


class OverBudget(ProviderError):
    """The call's maximum cost exceeds the run's budget; nothing was sent."""


class CallTooLarge(OverBudget):
    """The call's maximum cost exceeds the rest of the budget; a smaller call may fit."""


class SpendingEnded(ProviderError, EndsRun):
    """No further call of this run can work."""


class KeyRefused(SpendingEnded):
    """The key was rejected."""


class QuotaEmpty(SpendingEnded):
    """The account has no credit left."""


class ModelUnknown(SpendingEnded):
    """The endpoint does not have the model."""


class EndpointRetired(SpendingEnded):
    """There is no chat completions endpoint at this URL, or no longer."""


class EndpointUnreachable(SpendingEnded):
    """No attempt of this run ever connected to the endpoint."""


class ReplayMissed(SpendingEnded):
    """The recording has no answer to this request."""
