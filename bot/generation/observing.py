"""Members are observed only as long as there is time for it: a model can be asked without, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.deadline import Deadline, TimeIsOver
from bot.execution.sandbox import CannotRun
from bot.generation.generator import Observer
from bot.model import Request


class TimedObserver:
    """An observer whose failure is no one's: nothing is observed then, and that is noted.

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

    async def observe(self, requests: Sequence[Request]) -> Mapping[str, tuple[str, ...]]:
        """See `Observer.observe`; nothing is known where it took too long or could not be run."""
        try:
            return await self._deadline.within(self._inner.observe(requests), self._share)
        except TimeIsOver:
            reason = "running them took too long; --max-minutes allows more"
        except CannotRun as failure:
            reason = str(failure)
        self._notes[f"the model was asked without what members give: {reason}"] = None
        return {}

    def notes(self) -> tuple[str, ...]:
        """Return why nothing was observed, once each."""
        return tuple(self._notes)
