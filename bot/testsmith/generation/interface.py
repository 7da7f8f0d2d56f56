"""What turns requests into candidates.

Batching is opt-in by interface: whoever implements only `TestGenerator` is asked member by member, side by
side. Neither raises for a member that could not be answered: that is a `Skipped`. A `SpendingEnded` ends
the stream after the results that were had.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Protocol, runtime_checkable

from testsmith.model import Request, Result, Skipped, SkipStage


class TestGenerator(Protocol):
    """Answers one request at a time."""

    async def generate(self, request: Request) -> Result:
        """Return a candidate, or the member skipped with stage `generation` or `budget` and the reason."""
        ...


@runtime_checkable
class BatchTestGenerator(Protocol):
    """Answers many requests in fewer calls."""

    def generate_batch(self, requests: Sequence[Request]) -> AsyncIterator[Result]:
        """Yield exactly one result a request, in any order, each as soon as it is there."""
        ...


@runtime_checkable
class NotedGenerator(Protocol):
    """Has something to say about its answers as a whole."""

    def notes(self) -> tuple[str, ...]:
        """Return what a reader of the report should know of the answers so far."""
        ...


class Observer(Protocol):
    """Runs members, and tells what came of it."""

    def observe(self, requests: Sequence[Request]) -> AsyncIterator[tuple[str, tuple[str, ...]]]:
        """Yield members' ids with what came of running them, as `Context.observations` holds it.

        Each comes as soon as it is known. What the documentation contradicts is left out, and so are members
        of which nothing is known.
        """
        ...


@runtime_checkable
class ObservingGenerator(Protocol):
    """Shows whom it asks what was observed of the members."""

    def observe_with(self, observer: Observer) -> None:
        """Have members observed from now on, those alone that someone is asked for."""
        ...


def skipped(
    requests: Iterable[Request],
    reason: str,
    *,
    permanent: bool = False,
    stage: SkipStage = SkipStage.GENERATION,
) -> tuple[Skipped, ...]:
    """Return each request's member as skipped, for one reason."""
    return tuple(
        Skipped(
            path=request.member.path,
            member=request.member.id,
            stage=stage,
            reason=reason,
            permanent=permanent,
        )
        for request in requests
    )
