"""At most so many attempts at a time, and fewer after a rate limit."""

from __future__ import annotations

from asyncio import Semaphore

from testsmith.providers.gate import SharedGate
from testsmith.providers.provider import CompletionRequest, CompletionResponse, Provider, RateLimited


class Slots:
    """Places for attempts in flight.

    A rate limit takes away the place of the attempt that met it, and each answer gives one back, so that an
    endpoint that lets fewer calls through than there are places is not asked all the time. Two places always
    stay: with one, the next call would wait for the answer to the one before.
    """

    def __init__(self, places: int) -> None:
        self._free = Semaphore(places)
        self._taken_away = 0
        self._most_taken_away = max(0, places - 2)

    async def __aenter__(self) -> None:
        await self._free.acquire()

    async def __aexit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, RateLimited) and self._taken_away < self._most_taken_away:
            self._taken_away += 1
        else:
            self._free.release()

    def answered(self) -> None:
        """Give back a place that was taken away."""
        if self._taken_away:
            self._taken_away -= 1
            self._free.release()


class SemaphoreProvider:
    """The layer next to the endpoint: each attempt takes its own slot, and none is held while waiting."""

    def __init__(self, inner: Provider, *, slots: Slots, gate: SharedGate) -> None:
        """Wrap a provider.

        Args:
            inner: What makes the attempt.
            slots: Where an attempt's slot comes from.
            gate: What may have closed while an attempt waited for its slot.
        """
        self._inner = inner
        self._slots = slots
        self._gate = gate

    async def complete(self, request: CompletionRequest) -> CompletionResponse:
        """See `Provider.complete`."""
        while True:
            await self._gate.passed()
            async with self._slots:
                if self._gate.is_open:
                    response = await self._inner.complete(request)
                    self._slots.answered()
                    return response
