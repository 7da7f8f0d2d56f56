"""Stores with some entries, and the keeping of them, as tests of the archive need them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testsmith.settings import CacheSettings
from testsmith.storage.archive import (
    MEASUREMENTS,
    RESULTS,
    Archive,
    ArchiveBackend,
    archive_name,
    pack,
)
from testsmith.storage.store import ResultStore, StoredEntry
from testsmith.storage.sync import CacheSync


def key_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def result(code: str = "def test_a(): ...\n") -> dict[str, object]:
    return {"schema": 1, "kind": "candidate", "code": code}


def entry(name: str, value: Mapping[str, object] | None = None, used_at: float | None = None) -> StoredEntry:
    used = time.time() if used_at is None else used_at
    return StoredEntry(key=key_of(name), value=result() if value is None else value, used_at=used)


def archive_of(*names: str, run: str = "1-1") -> Archive:
    """Return an archive with results of these names, the same whenever it is asked for."""
    data = pack({RESULTS: [entry(name, used_at=1_780_000_000.0) for name in names]})
    return Archive(name=archive_name(run, data), data=data)


@dataclass(frozen=True, slots=True)
class Job:
    """One run of the program, with what it keeps."""

    keeping: CacheSync
    results: ResultStore
    measurements: ResultStore
    warnings: list[str]

    def put(self, *names: str) -> None:
        for name in names:
            self.results.put(key_of(name), result(f"def test_{name}(): ...\n"))

    def has(self, *names: str) -> set[str]:
        held = self.results.get_many([key_of(name) for name in names])
        return {name for name in names if key_of(name) in held}


@contextmanager
def job(place: ArchiveBackend, folder: Path, *, run: str = "4711-1") -> Iterator[Job]:
    """Open both stores in a folder; nothing is fetched or saved but by the test."""
    warnings: list[str] = []
    settings = CacheSettings(folder=folder)
    results = ResultStore.open(settings, warn=warnings.append)
    measurements = ResultStore.open(settings, warn=warnings.append, file_name="measured.sqlite3")
    with results, measurements:
        yield Job(CacheSync(place, run=run, clock=time.monotonic), results, measurements, warnings)


async def begun(one: Job) -> Job:
    """Fetch, and have both stores watched, as `main` does it."""
    await one.keeping.fetch()
    one.keeping.watch(RESULTS, one.results)
    one.keeping.watch(MEASUREMENTS, one.measurements)
    return one
