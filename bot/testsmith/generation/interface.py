"""Interfaces of test generators.

Batching is optional: a class that implements only `TestGenerator` gets one request per member, concurrently.
Generators return a `Skipped` for a member that could not be answered, and do not raise. `SpendingEnded` ends
the stream after the available results.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from testsmith.model import Request, Result, Skipped, SkipStage


class TestGenerator(Protocol):
    """Answers one request at a time."""

    async def generate(self, request: Request) -> Result:
        """Return a candidate, or a skipped member with stage `generation` or `budget` and the reason."""
        ...


@runtime_checkable
class BatchTestGenerator(Protocol):
    """Answers many requests in fewer calls."""

    def generate_batch(self, requests: Sequence[Request]) -> AsyncIterator[Result]:
        """Yield exactly one result per request, in any order, each as soon as it is available."""
        ...


@runtime_checkable
class NotedGenerator(Protocol):
    """Has notes about its answers as a whole."""

    def notes(self) -> tuple[str, ...]:
        """Return notes for the report about the answers so far."""
        ...


class Observer(Protocol):
    """Runs members and reports their results."""

    def observe(self, requests: Sequence[Request]) -> AsyncIterator[tuple[str, tuple[str, ...]]]:
        """Yield member ids with observed results, in the format of `Context.observations`.

        Each is yielded as soon as it is known. Results that contradict the documentation and members without
        results are left out.
        """
        ...


class NothingObserved:
    """Observer of a language whose members cannot be run without a model's tests."""

    async def observe(self, _requests: Sequence[Request]) -> AsyncIterator[tuple[str, tuple[str, ...]]]:
        """Yield nothing."""
        nothing: tuple[tuple[str, tuple[str, ...]], ...] = ()
        for one in nothing:
            yield one


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTestFacts:
    """What the project's own tests show that is of use for new ones.

    Attributes:
        goals: Mutants that new tests should kill, by member id, in the format of `Context.goals`.
        broken: Ids of the tests that the change breaks: the test's file, `::`, and its name in its language.
    """

    goals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()


FactsSource = Callable[[], Awaitable[OwnTestFacts]]
"""Returns what is known of the project's own tests when a model is asked for tests."""


@runtime_checkable
class ObservingGenerator(Protocol):
    """Includes observed results, and what the project's own tests show, in its prompts."""

    def observe_with(self, observer: Observer, facts: FactsSource | None = None) -> None:
        """Set the observer and the facts for the members that are requested from now on."""
        ...


def skipped(
    requests: Iterable[Request],
    reason: str,
    *,
    permanent: bool = False,
    stage: SkipStage = SkipStage.GENERATION,
) -> tuple[Skipped, ...]:
    """Return the member of each request as skipped, with one reason."""
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
