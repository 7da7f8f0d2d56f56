"""At most so many attempts at a time: fewer after a rate limit, more again as calls go well."""

from __future__ import annotations

import asyncio
from collections import deque

from testsmith.providers.gate import SharedGate
from testsmith.providers.provider import CompletionRequest, CompletionResponse, Provider, RateLimited

DECREASE = 0.7
"""What is left of the allowed number after a rate limit; it grows by one in as many answers as it is."""


class Slots:
    """Places for attempts in flight: never more than a ceiling, first come, first served.

    Calls that were in flight together and met a rate limit together bring the number down once.
    """

    def __init__(self, ceiling: int) -> None:
        self._ceiling = ceiling
        self._allowed = float(ceiling)
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._decreases = 0

    @property
    def allowed(self) -> int:
        """How many attempts may be in flight right now."""
        return int(self._allowed)

    async def take(self) -> int:
        """Wait for a slot and take it; return what tells `rate_limited` when that was."""
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        self._grant()
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():  # it was granted in the same moment
                self.give_back()
            raise
        return self._decreases

    def give_back(self) -> None:
        """Let the next one have the slot."""
        self._taken -= 1
        self._grant()

    def answered(self) -> None:
        """Allow a little more, since a call went well."""
        self._allowed = min(self._ceiling, self._allowed + 1 / self._allowed)

    def rate_limited(self, taken: int) -> None:
        """Allow less, unless that was done since the refused call took its slot."""
        if taken == self._decreases:
            self._decreases += 1
            self._allowed = max(1.0, self._allowed * DECREASE)

    def _grant(self) -> None:
        while self._waiting and self._taken < self.allowed:
            place = self._waiting.popleft()
            if not place.done():
                self._taken += 1
                place.set_result(None)


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
        """See `Provider.complete`; an endpoint that says that it has enough for now is left alone."""
        while True:
            await self._gate.passed()
            taken = await self._slots.take()
            try:
                if self._gate.is_open:
                    return await self._attempt(request, taken)
            finally:
                self._slots.give_back()

    async def _attempt(self, request: CompletionRequest, taken: int) -> CompletionResponse:
        try:
            response = await self._inner.complete(request)
        except RateLimited:
            self._slots.rate_limited(taken)
            raise
        self._slots.answered()
        if response.pause > 0:
            self._gate.close(response.pause)
        return response
