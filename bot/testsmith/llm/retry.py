"""Retry transient errors, stop all calls after a permanent one, and fall back to a second model."""

from __future__ import annotations

from dataclasses import replace

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt

from testsmith.llm.interface import (
    CannotConnect,
    CompletionRequest,
    CompletionResponse,
    EndpointUnreachable,
    ModelUnknown,
    Provider,
    ProviderError,
    RateLimited,
    RequestRefused,
    SpendingEnded,
    TransientError,
    WaitTooLong,
)
from testsmith.llm.rate_limit import RateLimitGate


class RetryProvider:
    """The layer around the semaphore.

    A rate limit closes the gate in the semaphore's layer, so that the affected call waits there like all
    others. All other delays apply to one call only.
    """

    def __init__(self, inner: Provider, *, gate: RateLimitGate, attempts: int, base_seconds: float) -> None:
        """Wrap a provider.

        Args:
            inner: The provider that makes an attempt.
            gate: The gate that a rate limit closes for all calls.
            attempts: Maximum attempts per call.
            base_seconds: Half of the delay before the second attempt. The delay doubles with each further
                one.
        """
        self._inner = inner
        self._gate = gate
        self._attempts = attempts
        self._base_seconds = base_seconds
        self._reached = False
        self._answers = 0

    async def complete(self, request: CompletionRequest) -> CompletionResponse:
        """See `Provider.complete`. The error contains the number of attempts; the last error is its cause."""
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._attempts),
            retry=retry_if_exception_type(TransientError),
            wait=self._own_wait,
            sleep=self._gate.rest,
            reraise=True,
        )
        try:
            return await retrying(self._attempt, request)
        except ProviderError as error:
            raise self._final(error, retrying.statistics["attempt_number"]) from error

    async def _attempt(self, request: CompletionRequest) -> CompletionResponse:
        """Make one attempt. A rate limit does not count if another call was answered in the meantime."""
        while True:
            answers = self._answers
            try:
                response = await self._inner.complete(request)
            except SpendingEnded as error:
                self._gate.end(error)
                raise
            except TransientError as error:
                self._reached |= not isinstance(error, CannotConnect)
                if not isinstance(error, RateLimited) or answers == self._answers:
                    raise
                self._gate.close(self._wait_after(error, 1))
            else:
                self._reached = True
                self._answers += 1
                return response

    def _own_wait(self, state: RetryCallState) -> float:
        """Return this call's delay before its next attempt. A rate limit delays all calls instead."""
        error = state.outcome.exception() if state.outcome is not None else None
        seconds = self._wait_after(error, state.attempt_number)
        if isinstance(error, RateLimited):
            self._gate.close(seconds)
            return 0.0
        return seconds

    def _wait_after(self, error: BaseException | None, attempt: int) -> float:
        asked = error.retry_after if isinstance(error, TransientError) else None
        return max(asked or 0.0, self._base_seconds * float(2**attempt))

    def _final(self, error: ProviderError, attempts: int) -> ProviderError:
        """Return the error for the caller. If no call ever connected, also end all other calls."""
        made = attempts if error.attempts > 0 else attempts - 1
        message = f"{error} Tried {made} times." if made == attempts > 1 else str(error)
        if isinstance(error, CannotConnect) and not self._reached:
            final: ProviderError = EndpointUnreachable(message)
            self._gate.end(EndpointUnreachable(message))
        else:
            final = type(error)(message)
        final.attempts = made
        return final


class FallbackProvider:
    """The layer around the first model's retries. The second model has its own retries."""

    def __init__(self, first: Provider, second: Provider, model: str) -> None:
        """Wrap two providers.

        Args:
            first: Provider of the model that a request names.
            second: Provider to use if the first one fails.
            model: Id of the second model.
        """
        self._first = first
        self._second = second
        self._model = model
        self._answered = 0

    async def complete(self, request: CompletionRequest) -> CompletionResponse:
        """See `Provider.complete`."""
        try:
            return await self._first.complete(request)
        except ProviderError as error:
            if not _another_may_do(error):
                raise
        response = await self._second.complete(replace(request, model=self._model))
        self._answered += 1
        return response

    def notes(self) -> tuple[str, ...]:
        """Return how many calls the second model answered, if any."""
        if not self._answered:
            return ()
        calls = "1 call was" if self._answered == 1 else f"{self._answered} calls were"
        return (f"{calls} answered by the fallback model {self._model}",)


def _another_may_do(error: ProviderError) -> bool:
    """Return whether the failure may be specific to this model, and not fixable by a smaller request."""
    if isinstance(error, TransientError):
        return not isinstance(error, CannotConnect)
    return isinstance(error, ModelUnknown | WaitTooLong) or type(error) is RequestRefused
