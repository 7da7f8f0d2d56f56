"""The generator that asks a model by jobs.

What is asked, how, and what an answer comes to is as of ordinary calls. Only when differs: a run takes what
earlier runs have asked, asks for the rest, and waits or leaves. What an answer lacks is asked again by the
next run, not by this one, so that no run waits twice for the same member.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from testsmith.generation.generator import Observer, TestGenerator, skipped
from testsmith.generation.model.generator import Questions
from testsmith.generation.model.jobs.run import JobDesk, JobKeeping, JobRun
from testsmith.generation.model.jobs.sending import send
from testsmith.generation.model.jobs.taking import look, look_at_earlier
from testsmith.generation.side_by_side import closing, results
from testsmith.model import Request, Result
from testsmith.providers.jobs import JobProvider
from testsmith.providers.provider import NoJobs, NotedProvider, SpendingEnded
from testsmith.settings import ModelSettings

FIRST_LOOK_SECONDS = 2.0
"""After so long a job is looked at for the first time, and then ever more seldom."""

LOOK_FACTOR = 1.5
MOST_SECONDS_BETWEEN = 60.0

LOCK_SECONDS = 120.0
"""How long another run on this machine is waited for that is sending a job of its own."""

_ELSEWHERE = "another run is sending its batch right now; run again once that is done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How a run waits.

    Attributes:
        seconds: For how long at most, once its job is sent.
        sleep: As `asyncio.sleep`.
        clock: As `time.monotonic`.
    """

    seconds: float
    sleep: Callable[[float], Awaitable[None]]
    clock: Callable[[], float]


class JobGenerator:
    """Asks a model by jobs; implements both generator protocols."""

    def __init__(  # noqa: PLR0913 - the seams it stands between
        self,
        provider: JobProvider,
        settings: ModelSettings,
        *,
        endpoint: str,
        keeping: JobKeeping,
        waiting: Waiting,
        otherwise: TestGenerator | None = None,
    ) -> None:
        """Put it between its seams.

        Args:
            provider: Who takes jobs.
            settings: How the model is asked.
            endpoint: What the endpoint is remembered by.
            keeping: What outlives the run.
            waiting: How long answers are waited for.
            otherwise: Who is asked where the endpoint takes no jobs; None for nobody.
        """
        self._desk = JobDesk(
            provider=provider,
            questions=Questions(settings),
            keeping=keeping,
            endpoint=endpoint,
            model=settings.model,
        )
        self._waiting = waiting
        self._otherwise = otherwise

    def observe_with(self, observer: Observer) -> None:
        """Show the model what is observed of the members, from now on."""
        self._desk.questions.observe_with(observer)

    def notes(self) -> tuple[str, ...]:
        """Return what has become of the jobs, and what is to be said of their answers."""
        provider = self._desk.provider
        told = provider.notes() if isinstance(provider, NotedProvider) else ()
        return (*dict.fromkeys(self._desk.notes), *self._desk.questions.notes(), *told)

    async def generate(self, request: Request) -> Result:
        """Return a candidate, or the member skipped with the reason.

        Raises:
            SpendingEnded: No further call of this run can work.
        """
        [result] = [result async for result in self.generate_batch([request])]
        return result

    async def generate_batch(self, requests: Sequence[Request]) -> AsyncGenerator[Result, None]:
        """Yield exactly one result a request: what earlier runs have asked for first.

        Jobs of earlier runs are looked at even where nothing is asked, so that their answers are kept.

        Raises:
            SpendingEnded: No further call of this run can work. It comes after all results.
        """
        run = JobRun(requests, self._desk.keeping.key_for)
        try:
            await self._asked(run)
            async for result in self._instead(run):
                yield result
            for result in self._ready(run):
                yield result
            async for result in self._waited(run):
                yield result
        finally:
            for one in run.opened:
                one.leave()
        for result in _without_answer(run):
            yield result
        if run.ended is not None:
            raise run.ended

    async def _asked(self, run: JobRun) -> None:
        """Take what earlier runs have asked for and ask for the rest, while no other process does so."""
        async with AsyncExitStack() as stack:
            alone = await self._alone(stack)
            try:
                await look_at_earlier(self._desk, run)
                if alone:
                    await send(self._desk, run)
            except SpendingEnded as error:
                run.ended = error
        if not alone:
            run.skip(run.left(), _ELSEWHERE)

    async def _alone(self, stack: AsyncExitStack) -> bool:
        """Wait for other processes; return whether there is none that asks now."""
        end = self._waiting.clock() + LOCK_SECONDS
        while not stack.enter_context(self._desk.memory.alone()):
            if self._waiting.clock() >= end:
                return False
            await self._waiting.sleep(1.0)
        return True

    async def _instead(self, run: JobRun) -> AsyncGenerator[Result, None]:
        """Have ordinary calls made for what is left, where the endpoint takes no jobs and they are wanted."""
        if not isinstance(run.ended, NoJobs) or self._otherwise is None:
            return
        self._desk.notes.append(f"ordinary calls were made at full price: {run.ended}")
        run.ended = None
        requests = [request for key in run.left() for request in run.requests.pop(key)]
        async with closing(results(self._otherwise, requests)) as stream:
            async for result in stream:
                yield result

    def _ready(self, run: JobRun) -> Iterator[Result]:
        """Yield what has come; a job is over once its answers are with the reader, who stores them."""
        yield from run.ready()
        while run.taken:
            self._desk.memory.over(run.taken.pop())

    async def _waited(self, run: JobRun) -> AsyncGenerator[Result, None]:
        """Look at the jobs now and then, as long as there is time, and yield what comes."""
        waiting, pause = self._waiting, FIRST_LOOK_SECONDS
        end = waiting.clock() + waiting.seconds
        while run.ended is None and run.is_waiting and (left := end - waiting.clock()) > 0:
            await waiting.sleep(min(pause, left))
            pause = min(pause * LOOK_FACTOR, MOST_SECONDS_BETWEEN)
            await self._looked(run)
            for result in self._ready(run):
                yield result

    async def _looked(self, run: JobRun) -> None:
        try:
            for one in tuple(run.opened):
                await look(self._desk, run, one)
        except SpendingEnded as error:
            run.ended = error


def _without_answer(run: JobRun) -> Iterator[Result]:
    """Yield a reason for each request that is left."""
    awaited = run.awaited()
    lost = str(run.ended) if run.ended else "its batch is gone; the next run asks again"
    for key, requests in run.requests.items():
        if key in awaited:
            for one in skipped(requests, awaited[key].reason()):
                yield replace(one, awaited=True)
        else:
            yield from skipped(requests, lost)
