"""Members are observed only as long as there is time for it: a model can be asked without, too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from testsmith.deadline import Deadline, TimeIsOver
from testsmith.execution.sandbox import CannotRun
from testsmith.faults import fault_in_words, is_fault
from testsmith.generation.generator import Observer
from testsmith.generation.side_by_side import closing
from testsmith.model import Request


class TimedObserver:
    """An observer that ends in time, and whose failure is nobody's: what is known until then counts.

    Args:
        inner: Who runs the members.
        deadline: When the whole run has to be over.
        share: So much of the time that is left may go by.
    """

    def __init__(self, inner: Observer, deadline: Deadline, share: float) -> None:
        self._inner = inner
        self._deadline = deadline
        self._share = share
        self._notes: dict[str, None] = {}

    async def observe(self, requests: Sequence[Request]) -> AsyncIterator[tuple[str, tuple[str, ...]]]:
        """See `Observer.observe`; what takes too long or cannot be run is left out."""
        found: dict[str, tuple[str, ...]] = {}
        try:
            await self._deadline.within(self._take(requests, found), self._share)
        except TimeIsOver:
            self._note("running them takes too long; --max-minutes allows more")
        except CannotRun as failure:
            self._note(str(failure))
        except Exception as error:
            if not is_fault(error):
                raise
            self._note(fault_in_words(error))
        for member, told in found.items():
            yield member, told

    def notes(self) -> tuple[str, ...]:
        """Return why something was not observed, once each."""
        return tuple(self._notes)

    async def _take(self, requests: Sequence[Request], found: dict[str, tuple[str, ...]]) -> None:
        async with closing(self._inner.observe(requests)) as stream:
            async for member, told in stream:
                found.setdefault(member, told)

    def _note(self, reason: str) -> None:
        self._notes[f"the model was not told what all members give: {reason}"] = None
