"""One call goes ahead of the others, so that what an endpoint refuses costs one call, and not one each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FirstCall:
    """Who goes ahead as long as no call was answered: one at a time, and the others wait a moment for it.

    Attributes:
        is_answered: Whether a call was answered; from then on nobody waits.
    """

    def __init__(self, patience: float) -> None:
        """Begin with nothing answered; `patience` is how many seconds another call waits at most."""
        self.is_answered = False
        self._patience = patience
        self._ahead = asyncio.Lock()

    @asynccontextmanager
    async def passed(self) -> AsyncIterator[None]:
        """Give a call its turn: the first, or once that was answered, or failed, or takes its time."""
        if self.is_answered or not await self._goes_ahead():
            yield
            return
        try:
            yield
        finally:
            self._ahead.release()

    async def _goes_ahead(self) -> bool:
        try:
            async with asyncio.timeout(self._patience):
                await self._ahead.acquire()
        except TimeoutError:
            return False
        if self.is_answered:
            self._ahead.release()
        return not self.is_answered
