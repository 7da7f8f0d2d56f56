"""The result cache, wrapped around a generator: what is known is neither asked nor packed into a call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

from testsmith.generation.fan_out import closing, results
from testsmith.generation.interface import NotedGenerator, Observer, ObservingGenerator, TestGenerator
from testsmith.model import CacheStats, Request, Result, Skipped
from testsmith.storage.store import ResultStore, decode_result, encode_result


class CachedGenerator:
    """Answers from the store what it can, and asks another generator for the rest; one or many at once.

    A known answer is given for whoever asks with the same key, wherever its file lies now. That is sound
    because the key names the module that tests import the member from: a move within a file, or of a private
    file behind the same public module, still hits; a move that changes the import does not, since what the
    answer imports would not be there.

    Args:
        inner: Who is asked for what the store does not hold.
        store: What is known.
        key_for: The key of a request's result, see `testsmith.storage.keys`.
        settled: Called once all that was asked for has come, or no more will: what was paid for is stored.
        used: Called with the key of each result before it is given to anybody.
    """

    def __init__(
        self,
        inner: TestGenerator,
        store: ResultStore,
        key_for: Callable[[Request], str],
        settled: Callable[[], None] = lambda: None,
        used: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._inner = inner
        self._store = store
        self._key_for = key_for
        self._settled = settled
        self._used = used
        self._hits = 0
        self._misses = 0

    async def generate(self, request: Request) -> Result:
        """Return the known result, or a new one.

        Raises:
            SpendingEnded: No further call of this run can work.
        """
        [result] = [result async for result in self.generate_batch([request])]
        return result

    async def generate_batch(self, requests: Sequence[Request]) -> AsyncGenerator[Result, None]:
        """Yield exactly one result a request, known ones first, while the others are asked for.

        Raises:
            SpendingEnded: No further call of this run can work. It comes after all results.
        """
        keys = {request.member.id: self._key_for(request) for request in requests}
        known = self._known(requests, keys)
        self._hits += len(known)
        unknown = [request for request in requests if request.member.id not in known]
        self._misses += len(unknown)
        arriving: asyncio.Queue[Result | None] = asyncio.Queue()
        asking = asyncio.create_task(self._ask(unknown, keys, arriving))
        try:
            for member, result in known.items():
                self._used(keys[member])
                yield result
            while (fresh := await arriving.get()) is not None:
                yield fresh
            await asking
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    def cache_stats(self) -> CacheStats:
        """Return this run's hits and misses in members, and what the store holds now.

        A member that is asked for again, for its tests to be mended, is looked up again, and counted again.
        """
        return CacheStats(hits=self._hits, misses=self._misses, entries=self._store.stats().entries)

    def observe_with(self, observer: Observer) -> None:
        """Have the other generator observe; members whose results are known are not."""
        if isinstance(self._inner, ObservingGenerator):
            self._inner.observe_with(observer)

    def notes(self) -> tuple[str, ...]:
        """Return what the other generator says about its answers."""
        return self._inner.notes() if isinstance(self._inner, NotedGenerator) else ()

    def _known(self, requests: Sequence[Request], keys: Mapping[str, str]) -> dict[str, Result]:
        """Return the results that the store holds, by member id; a value of another shape is none."""
        values = self._store.get_many(list(keys.values()))
        decoded = (
            (request.member.id, decode_result(values[key], request.member))
            for request in requests
            if (key := keys[request.member.id]) in values
        )
        return {member: result for member, result in decoded if result is not None}

    async def _ask(
        self, requests: Sequence[Request], keys: Mapping[str, str], arriving: asyncio.Queue[Result | None]
    ) -> None:
        """Ask for the rest; each result is safe in the store as soon as it comes, however slow its reader."""
        try:
            async with closing(results(self._inner, requests)) as stream:
                async for result in stream:
                    self._keep(keys.get(result.member or ""), result)
                    arriving.put_nowait(result)
        finally:
            arriving.put_nowait(None)
            self._settled()

    def _keep(self, key: str | None, result: Result) -> None:
        """Store a result that holds for good; what may pass is asked for again in the next run."""
        if key is not None and not (isinstance(result, Skipped) and not result.permanent):
            self._store.put(key, encode_result(result))
            self._used(key)
