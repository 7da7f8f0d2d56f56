"""Tries again what can pass, and stops everybody where nothing can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from testsmith.providers.gate import SharedGate, wait_too_long
from testsmith.providers.provider import (
    CannotConnect,
    CompletionRequest,
    CompletionResponse,
    EndpointUnreachable,
    Provider,
    ProviderError,
    RateLimited,
    SpendingEnded,
    TimedOut,
    TransientError,
)

JITTER = 0.25
"""Waits are longer by up to this share, never shorter."""

WHERE_IT_WORKS = 2
"""So many times the attempts are made where the endpoint answers other calls meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how patiently to try.

    Attributes:
        attempts: Attempts a call at most; twice as many where the endpoint answers other calls meanwhile.
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
    """What became of one call's attempts.

    Attributes:
        counted: How many count.
        begun: How many calls had been answered when the last attempt began.
        failed: How many when the first one had failed; None where none has.
        kinds: The errors' classes.
    """

    counted: int = 0
    begun: int = 0
    failed: int | None = None
    kinds: set[type[BaseException]] = field(default_factory=set)

    def met(self, error: TransientError, answers: int) -> None:
        """Count an attempt, unless it met a rate limit while another call was answered."""
        self.counted += not (isinstance(error, RateLimited) and answers > self.begun)
        self.failed = answers if self.failed is None else self.failed
        self.kinds.add(type(error))

    def tried(self, times: int) -> str:
        """Say how often it was tried, and whether the last error is the only kind."""
        others = ", and failed in other ways before" if len(self.kinds) > 1 else ""
        return f"Tried {times} times{others}."


class RetryProvider:
    """The layer around the semaphore.

    A rate limit closes the gate that all calls pass in the semaphore's layer, so whoever met it waits there
    like everyone else; all other waits are a call's own. An attempt that met a rate limit while another call
    was answered does not count: the endpoint does work, one after the other, and nothing is lost by waiting.
    Where others were answered since a call first failed, it has twice the attempts: one call of ninety fails
    three times by chance where three in ten do. What took too long has not: it would take too long again.
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
            stop=lambda _: call.counted >= self._attempts(call),
            retry=retry_if_exception_type(TransientError),
            after=lambda state: self._after(call, _error(state)),
            wait=lambda state: self._own_wait(call, _error(state)),
            sleep=self._gate.rest,
            reraise=True,
        )
        try:
            return await retrying(self._attempt, call, request)
        except ProviderError as error:
            raise self._final(error, call, retrying.statistics["attempt_number"]) from error

    def _attempts(self, call: _Call) -> int:
        """Return how many attempts a call has that has failed."""
        works = call.failed is not None and self._answers > call.failed
        return self._policy.attempts * (WHERE_IT_WORKS if works and TimedOut not in call.kinds else 1)

    async def _attempt(self, call: _Call, request: CompletionRequest) -> CompletionResponse:
        call.begun = self._answers
        try:
            response = await self._inner.complete(request)
        except SpendingEnded as error:
            self._gate.end(error)
            raise
        except TransientError as error:
            call.met(error, self._answers)
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

    def _final(self, error: ProviderError, call: _Call, attempts: int) -> ProviderError:
        """Return the error for the caller; where nothing was ever connected to, all other calls end, too."""
        sent = error.attempts > 0
        made = attempts if sent else attempts - 1
        message = f"{error} {call.tried(made)}" if sent and made > 1 else str(error)
        unreachable = isinstance(error, CannotConnect) and not self._reached
        final = EndpointUnreachable(message) if unreachable else type(error)(message)
        final.attempts = made
        if isinstance(final, EndpointUnreachable):
            self._gate.end(final)
        return final


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None
