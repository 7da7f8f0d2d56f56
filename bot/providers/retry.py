"""Tries again what can pass, and stops everybody where nothing can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from bot.providers.gate import SharedGate, wait_too_long
from bot.providers.provider import (
    CannotConnect,
    CompletionRequest,
    CompletionResponse,
    EndpointUnreachable,
    Provider,
    ProviderError,
    RateLimited,
    SpendingEnded,
    TransientError,
)

JITTER = 0.25
"""Waits are longer by up to this share, never shorter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how patiently to try.

    Attributes:
        attempts: Attempts a call at most.
        base_seconds: The wait before the second attempt is twice this, doubled for each further one.
        longest_wait: The longest `Retry-After` that is obeyed, in seconds.
        random: Gives a number from 0 up to 1, as `random.random`.
    """

    attempts: int
    base_seconds: float
    longest_wait: float
    random: Callable[[], float]


@dataclass(slots=True)
class _Call:
    """One call's attempts that count; `answers` is how many calls had been answered when the last began."""

    counted: int = 0
    answers: int = 0


class RetryProvider:
    """The layer around the semaphore.

    A rate limit closes the gate that all calls pass in the semaphore's layer, so whoever met it waits there
    like everyone else; all other waits are a call's own. An attempt that met a rate limit while another call
    was answered does not count: the endpoint does work, one after the other, and nothing is lost by waiting.
    """

    def __init__(self, inner: Provider, *, policy: RetryPolicy, gate: SharedGate) -> None:
        self._inner = inner
        self._policy = policy
        self._gate = gate
        self._reached = False
        self._answers = 0

    async def complete(self, request: CompletionRequest) -> CompletionResponse:
        """See `Provider.complete`; the last attempt's error says how many there were, and is the cause."""
        call = _Call()
        retrying = AsyncRetrying(
            stop=lambda _: call.counted >= self._policy.attempts,
            retry=retry_if_exception_type(TransientError),
            after=lambda state: self._after(call, _error(state)),
            wait=lambda state: self._own_wait(call, _error(state)),
            sleep=self._gate.rest,
            reraise=True,
        )
        try:
            return await retrying(self._attempt, call, request)
        except ProviderError as error:
            raise self._final(error, retrying.statistics["attempt_number"]) from error

    async def _attempt(self, call: _Call, request: CompletionRequest) -> CompletionResponse:
        call.answers = self._answers
        try:
            response = await self._inner.complete(request)
        except SpendingEnded as error:
            self._gate.end(error)
            raise
        except TransientError as error:
            call.counted += not (isinstance(error, RateLimited) and self._answers > call.answers)
            self._reached = self._reached or not isinstance(error, CannotConnect)
            self._refuse_long_wait(error)
            raise
        self._reached = True
        self._answers += 1
        return response

    def _refuse_long_wait(self, error: TransientError) -> None:
        asked = error.retry_after or 0.0
        if asked <= self._policy.longest_wait:
            return
        if isinstance(error, RateLimited):
            self._gate.close(asked)
        raise wait_too_long(asked, self._policy.longest_wait) from error

    def _after(self, call: _Call, error: BaseException | None) -> None:
        """Slow everybody after a rate limit."""
        if isinstance(error, RateLimited):
            self._gate.close(max(error.retry_after or 0.0, self._backoff(call)))

    def _own_wait(self, call: _Call, error: BaseException | None) -> float:
        if isinstance(error, RateLimited):
            return 0.0
        asked = (error.retry_after or 0.0) if isinstance(error, TransientError) else 0.0
        return max(asked, self._backoff(call)) * (1 + JITTER * self._policy.random())

    def _backoff(self, call: _Call) -> float:
        return float(self._policy.base_seconds * 2 ** max(1, call.counted))

    def _final(self, error: ProviderError, attempts: int) -> ProviderError:
        """Return the error for the caller; where nothing was ever connected to, all other calls end, too."""
        sent = error.attempts > 0
        made = attempts if sent else attempts - 1
        message = f"{error} Tried {made} times." if sent and made > 1 else str(error)
        unreachable = isinstance(error, CannotConnect) and not self._reached
        final = EndpointUnreachable(message) if unreachable else type(error)(message)
        final.attempts = made
        if isinstance(final, EndpointUnreachable):
            self._gate.end(final)
        return final


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None
