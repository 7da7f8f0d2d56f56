"""An observer with memory that tells what it was set up with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from testsmith.model import Request


class FakeObserver:
    """Tells the same of a member whenever it is asked.

    Attributes:
        asked: The ids of the members of every question, in the order of arrival.
    """

    def __init__(self, told: Mapping[str, tuple[str, ...]]) -> None:
        self.asked: list[list[str]] = []
        self._told = told

    async def observe(self, requests: Sequence[Request]) -> AsyncIterator[tuple[str, tuple[str, ...]]]:
        self.asked.append([request.member.id for request in requests])
        for member in self.asked[-1]:
            if member in self._told:
                yield member, self._told[member]
