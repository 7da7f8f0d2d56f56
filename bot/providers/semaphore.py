"""At most so many attempts at a time."""

from __future__ import annotations

import asyncio

from bot.providers.gate import SharedGate
from bot.providers.provider import CompletionRequest, CompletionResponse, Provider


class SemaphoreProvider:
    """The layer next to the endpoint: each attempt takes its own slot, and none is held while waiting."""

    def __init__(self, inner: Provider, *, limit: int, gate: SharedGate) -> None:
        """Wrap a provider.

        Args:
            inner: What makes the attempt.
            limit: Attempts in flight at most.
            gate: What may have closed while an attempt waited for its slot.
        """
        self._inner = inner
        self._slots = asyncio.Semaphore(limit)
        self._gate = gate

    async def complete(self, request: CompletionRequest) -> CompletionResponse:
        """See `Provider.complete`."""
        while True:
            await self._gate.passed()
            async with self._slots:
                if self._gate.is_open:
                    return await self._inner.complete(request)
