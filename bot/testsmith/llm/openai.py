"""Client of an OpenAI-compatible endpoint, based on the official SDK. It makes single attempts.

The SDK's own retries are disabled. `error_mapping.py` interprets its exceptions, and `capabilities.py` learns
which parameters the endpoint rejects.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Interval, MinLen

from testsmith.decode import IF_VALID, Malformed, OrElse, decode, decode_value
from testsmith.llm.budget import Budget, Hold
from testsmith.llm.capabilities import ANY, Capabilities, Dialect
from testsmith.llm.error_mapping import (
    ModelEndpoint,
    Refusal,
    broken_off,
    content_filtered,
    no_completion,
    not_sendable,
    read_refusal,
    refused,
)
from testsmith.llm.interface import (
    CannotConnect,
    CompletionRequest,
    CompletionResponse,
    FinishReason,
    ProviderError,
    TokenUsage,
)
from testsmith.llm.profiles import profile_of

if TYPE_CHECKING:
    import openai

MAX_ANSWER_CHARACTERS = 4 * 1024**2
"""Maximum length of a response, far above every output limit."""

_FIRST_ERROR_STATUS = 400

_FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
}


class OpenAIProvider:
    """The innermost layer: one HTTP request per attempt, or two if the endpoint rejects a parameter."""

    def __init__(
        self,
        connect: Callable[[], openai.AsyncOpenAI],
        *,
        target: ModelEndpoint,
        budget: Budget,
        capabilities: Capabilities = ANY,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare without connecting or importing the SDK, which takes longer than the rest of a cached run.

        Args:
            connect: Creates the SDK's client on the first call.
            target: The endpoint, for messages, and the time limit.
            budget: Limits and counts requests and tokens.
            capabilities: Parameters to try first.
            clock: Seconds since the epoch.
        """
        self._connect = connect
        self._client: openai.AsyncOpenAI | None = None
        self._target = target
        self._budget = budget
        self._capabilities = capabilities
        self._clock = clock
        self._dialects: dict[str, Dialect] = {}

    async def complete(self, request: CompletionRequest) -> CompletionResponse:
        """See `Provider.complete`."""
        import openai

        target = replace(self._target, model=request.model)
        dialect = self._dialect(request.model)
        while True:
            sent = dialect.arguments(request)
            hold = await self._hold(request)
            try:
                return self._read(await self._post(sent), target, hold)
            except openai.APIStatusError as error:
                hold.release()
                said = self._refusal(error.status_code, error.body, error.response.headers)
                if not dialect.learn(said, sent):
                    raise refused(said, target) from error
            except UnicodeEncodeError as error:
                hold.release()
                raise not_sendable() from error
            except (openai.OpenAIError, TimeoutError) as error:
                broken = broken_off(error, target)
                if isinstance(broken, CannotConnect):
                    hold.release()
                raise broken from error
            finally:
                hold.keep()

    def _dialect(self, model: str) -> Dialect:
        """Return what all calls of a model have learned together."""
        if model not in self._dialects:
            self._dialects[model] = Dialect(self._capabilities, profile_of(model))
        return self._dialects[model]

    async def aclose(self) -> None:
        """Close the connections, if any."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _hold(self, request: CompletionRequest) -> Hold:
        prompt = (request.system_prompt, request.user_prompt)
        return await self._budget.hold(request.model, prompt, request.max_tokens)

    async def _post(self, sent: dict[str, Any]) -> bytes:
        """Send one HTTP request and return the response body.

        The time limit covers the whole response, however slowly it arrives.
        """
        self._client = self._client or self._connect()
        self._budget.meter.count_call()
        async with asyncio.timeout(self._target.timeout_seconds):
            raw = await self._client.chat.completions.with_raw_response.create(**sent)
        content: bytes = raw.http_response.content
        return content

    def _read(self, content: bytes, target: ModelEndpoint, hold: Hold) -> CompletionResponse:
        try:
            body = decode(Any, content)
        except Malformed as error:
            raise no_completion(target) from error
        response = read_completion(body)
        if response is None:
            raise self._embedded_error(body, target)
        hold.settle(response.usage)
        if response.finish_reason == "content_filter" and not response.text:
            raise content_filtered(target)
        return response

    def _embedded_error(self, body: object, target: ModelEndpoint) -> ProviderError:
        """Return the error of a successful response with an embedded error status, as sent by OpenRouter."""
        error = body.get("error") if isinstance(body, dict) else None
        status = error.get("code") if isinstance(error, dict) else None
        if not isinstance(status, int) or status < _FIRST_ERROR_STATUS:
            return no_completion(target)
        return refused(self._refusal(status, body, {}), target)

    def _refusal(self, status: int, body: object, headers: Mapping[str, str]) -> Refusal:
        return read_refusal(status, headers, body, target=self._target, now=self._clock())


_Tokens = Annotated[int, Interval(ge=0, le=10**12), OrElse(0)]
_Word = Annotated[str, OrElse("")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _TokenDetails:
    reasoning_tokens: _Tokens = 0
    cached_tokens: _Tokens = 0
    cache_write_tokens: _Tokens = 0


_Details = Annotated[_TokenDetails, OrElse(_TokenDetails())]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Usage:
    prompt_tokens: _Tokens = 0
    completion_tokens: _Tokens = 0
    total_tokens: _Tokens = 0
    prompt_tokens_details: _Details = _TokenDetails()
    completion_tokens_details: _Details = _TokenDetails()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    content: str | tuple[Annotated[_Part, IF_VALID], ...] | None = None
    refusal: Annotated[str | None, OrElse(None)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    message: _Message
    finish_reason: _Word = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Completion:
    choices: Annotated[tuple[_Choice, ...], MinLen(1)]
    usage: Annotated[_Usage, OrElse(_Usage())] = _Usage()
    service_tier: _Word = ""


def read_completion(body: object) -> CompletionResponse | None:
    """Return the answer in a JSON body; None if there is no completion."""
    try:
        read = decode_value(_Completion, body)
    except Malformed:
        return None
    message, reason = read.choices[0].message, read.choices[0].finish_reason
    content = message.content or ""
    text = content if isinstance(content, str) else "".join(part.text for part in content)
    if len(text) > MAX_ANSWER_CHARACTERS:
        return None
    declined = not text and message.refusal is not None
    finish_reason = "content_filter" if declined else _FINISH_REASONS.get(reason, "other")
    return CompletionResponse(text=text, finish_reason=finish_reason, usage=_token_usage(read))


def _token_usage(read: _Completion) -> TokenUsage:
    """Return an answer's token counts and billed service tier.

    Some endpoints, such as Gemini's, charge for reasoning tokens but leave them out of `completion_tokens`.
    In that case, only the total includes them.
    """
    said = read.usage
    prompt, answer, total = said.prompt_tokens, said.completion_tokens, said.total_tokens
    left_out = max(0, total - prompt - answer) if prompt else 0
    thinking = max(left_out, said.completion_tokens_details.reasoning_tokens)
    return TokenUsage(
        prompt_tokens=prompt,
        completion_tokens=answer + left_out,
        cached_tokens=said.prompt_tokens_details.cached_tokens,
        cache_write_tokens=said.prompt_tokens_details.cache_write_tokens,
        thinking_tokens=min(thinking, answer + left_out),
        service_tier=read.service_tier,
    )
