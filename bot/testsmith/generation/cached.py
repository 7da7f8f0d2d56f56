"""Generator wrapper that uses the result cache."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

from testsmith.generation.fan_out import closing, results
from testsmith.generation.interface import (
    FactsSource,
    NotedGenerator,
    Observer,
    ObservingGenerator,
    TestGenerator,
)
from testsmith.model import CacheStats, Candidate, Request, Result, Skipped
from testsmith.storage.store import ResultStore, decode_result, encode_result


class CachedGenerator:
    """Answers requests from the store, and asks another generator for the rest.

    A cached result is used for every request with the same key, even if its file moved. This is safe because
    the key includes the module that tests import the member from: moves within a file, or of a private file
    behind the same public module, still hit the cache, while moves that change the import do not.

    Args:
        inner: Generator to ask for results that are not in the store.
        store: The result store.
        key_for: Returns the key of a request's result; see `testsmith.storage.keys`.
        settled: Called when all requested results have arrived or no more will, and paid results are stored.
        used: Called with the key of each result before the result is returned.
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
        """Return the cached result or a new one.

        Raises:
            SpendingEnded: No further model call is possible in this run.
        """
        [result] = [result async for result in self.generate_batch([request])]
        return result

    async def generate_batch(self, requests: Sequence[Request]) -> AsyncGenerator[Result, None]:
        """Yield exactly one result per request, cached ones first while the others are being generated.

        Raises:
            SpendingEnded: No further model call is possible in this run. Raised after all results.
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
        """Return this run's hits and misses in members, and the current contents of the store.

        A member that is requested again for a repair is looked up and counted again.
        """
        return CacheStats(hits=self._hits, misses=self._misses, entries=self._store.stats().entries)

    def observe_with(self, observer: Observer, facts: FactsSource | None = None) -> None:
        """Pass them to the inner generator; members with cached results are not observed."""
        if isinstance(self._inner, ObservingGenerator):
            self._inner.observe_with(observer, facts)

    def notes(self) -> tuple[str, ...]:
        """Return the inner generator's notes."""
        return self._inner.notes() if isinstance(self._inner, NotedGenerator) else ()

    def _known(self, requests: Sequence[Request], keys: Mapping[str, str]) -> dict[str, Result]:
        """Return cached results by member id; invalid values are ignored."""
        values = self._store.get_many(list(keys.values()))
        decoded = (
            (request, decode_result(values[key], request.member))
            for request in requests
            if (key := keys[request.member.id]) in values
        )
        return {
            request.member.id: result
            for request, result in decoded
            if result is not None and _is_in_its_file(result, request)
        }

    async def _ask(
        self, requests: Sequence[Request], keys: Mapping[str, str], arriving: asyncio.Queue[Result | None]
    ) -> None:
        """Request the rest; each result is stored as soon as it arrives, even if the reader is slow."""
        try:
            async with closing(results(self._inner, requests)) as stream:
                async for result in stream:
                    self._keep(keys.get(result.member or ""), result)
                    arriving.put_nowait(result)
        finally:
            arriving.put_nowait(None)
            self._settled()

    def _keep(self, key: str | None, result: Result) -> None:
        """Store a permanent result; temporary failures are requested again in the next run."""
        if key is not None and not (isinstance(result, Skipped) and not result.permanent):
            self._store.put(key, encode_result(result))
            self._used(key)


def _is_in_its_file(result: Result, request: Request) -> bool:
    """Return whether a stored result is for one of the files of its request; what is stored is untrusted."""
    path = result.test_path if isinstance(result, Candidate) else ""
    return not path or (request.files is not None and path in request.files.paths)
