"""What completes a prompt, and what can go wrong with it.

The errors form one tree, and each class decides whether trying again can help:

    ProviderError
      TransientError            can pass: tried again
        RateLimited             429, with the wait the endpoint asked for
        ServerFailed            408, 500, 502, 503, 504, 529, ...
        ConnectionFailed        reset, cut off
          CannotConnect         refused, no such host, no answer to the handshake
        TimedOut                no whole answer within the time limit
      RequestRefused            a property of this one request: the next one may work
        ContextTooLong          the prompt is over the model's context
        ContentFiltered         refused for its content
      SpendingEnded             no further call can work: the run asks nothing more
        KeyRefused              401 and 403
        QuotaEmpty              no credit left
        ModelUnknown            no such model at this endpoint
        EndpointRetired         404 and 410 on the endpoint itself
        EndpointUnreachable     never connected, however often it was tried
        ReplayMissed            `--replay` has no answer for this request
      WaitTooLong               the endpoint asks for a longer wait than the settings allow
      OverBudget                the run may spend no more, or not so much; nothing was sent
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
        system_prompt: The stable part: task, rules, conventions.
        user_prompt: The members' sources and context.
        model: The model's id at the endpoint.
        max_tokens: The most tokens the answer may have.
        temperature: 0 for the least variation.
        effort: How long the model is to think; what it does not accept is replaced by the nearest.
        response_format: `json_object` asks the endpoint for a JSON answer; None leaves it free.
        schema: The JSON Schema of such an answer, for endpoints that hold it to one; None for any JSON.
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
    """Tokens as the endpoint counts them; 0 where it does not say.

    Attributes:
        prompt_tokens: Of the prompt.
        completion_tokens: Of the answer, with what the model thought.
        cached_tokens: Those of the prompt that the endpoint had kept from an earlier one.
        cache_write_tokens: Those of the prompt that the endpoint has kept for later ones, at another price.
        thinking_tokens: Those of the answer that the model only thought.
        service_tier: The tier that they are billed at, as `flex`; empty if the endpoint does not say.
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
        text: What was answered.
        finish_reason: Why it ended; `length` means that it was cut.
        usage: Its tokens.
    """

    text: str
    finish_reason: FinishReason
    usage: TokenUsage = TokenUsage()

    @property
    def was_cut_while_thinking(self) -> bool:
        """Whether the answer ended at its limit because most of that, or all, went into thinking."""
        if self.finish_reason != "length":
            return False
        begun = self.text.strip()
        only_thought = not begun or (begun.startswith("<think>") and "</think>" not in begun)
        return only_thought or 2 * self.usage.thinking_tokens > self.usage.completion_tokens


class Provider(Protocol):
    """The seam of every model call. Layers wrap it: retry around a semaphore around an endpoint."""

    async def complete(self, request: CompletionRequest) -> CompletionResponse:
        """Return the answer.

        Raises:
            ProviderError: There is none; the class says whether another attempt could help.
        """
        ...


@runtime_checkable
class NotedProvider(Protocol):
    """Has something to say about its answers as a whole."""

    def notes(self) -> tuple[str, ...]:
        """Return what a reader of the report should know of the answers so far."""
        ...


class ProviderError(Exception):
    """A completion could not be had. The message is for people and names what to do next.

    Attributes:
        attempts: How many attempts were made for this request.
    """

    attempts: int = 1


class TransientError(ProviderError):
    """Something that can pass.

    Attributes:
        retry_after: Seconds the endpoint asked to wait; None where it did not say.
    """

    retry_after: float | None = None


class RateLimited(TransientError):
    """The endpoint answers 429."""


class ServerFailed(TransientError):
    """The endpoint answers 408 or 5xx, or something that is no completion."""


class ConnectionFailed(TransientError):
    """No connection, or one that broke."""


class CannotConnect(ConnectionFailed):
    """No connection at all: the request was not sent."""


class TimedOut(TransientError):
    """No whole answer within the time limit."""


class RequestRefused(ProviderError):
    """This one request is refused; others may work."""


class ContextTooLong(RequestRefused):
    """The prompt does not fit the model's context."""


class ContentFiltered(RequestRefused):
    """The endpoint refuses the request for its content."""


class WaitTooLong(ProviderError):
    """The endpoint asks for a longer wait than the settings allow."""


class OverBudget(ProviderError):
    """The run may not spend what this call may cost; nothing was sent."""


class CallTooLarge(OverBudget):
    """The call may cost more than is left to spend; a smaller one may not."""


class SpendingEnded(ProviderError, EndsRun):
    """No further call of this run can work."""


class KeyRefused(SpendingEnded):
    """The key is not accepted."""


class QuotaEmpty(SpendingEnded):
    """The account has no credit left."""


class ModelUnknown(SpendingEnded):
    """The endpoint does not know the model."""


class EndpointRetired(SpendingEnded):
    """There is no chat-completions endpoint at the address (any more)."""


class EndpointUnreachable(SpendingEnded):
    """No attempt of this run has ever connected to the endpoint."""


class ReplayMissed(SpendingEnded):
    """The recording holds no answer for this request."""
