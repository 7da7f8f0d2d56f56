"""How long an archive of many results takes to be restored and saved, and how large it is."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.clock import Stopwatch
from bench.figures import Figure
from testsmith.settings import CacheSettings
from testsmith.storage.archive import RESULTS, pack, unpack
from testsmith.storage.store import ResultStore, StoredEntry

ENTRIES = 10_000
MOST_SECONDS = 1.0
MOST_MEGABYTES = 10.0
_WORDS = (
    "cart",
    "total",
    "price",
    "rate",
    "order",
    "stock",
    "label",
    "count",
    "limit",
    "offset",
    "member",
    "coupon",
)
_TESTS = 4
_LINES = 6


def _module(number: int, chance: random.Random) -> str:
    """Return a test module of some 1,200 characters, as an answer has it: names and numbers of its own."""
    lines = [f"import pytest\n\nfrom shop.module_{number} import member_{number}\n"]
    for test in range(_TESTS):
        lines.append(
            f"\n\ndef test_{chance.choice(_WORDS)}_{chance.choice(_WORDS)}_{number}_{test}() -> None:"
        )
        for _ in range(_LINES):
            name, value = chance.choice(_WORDS), chance.randint(-9_999, 9_999)
            lines.append(f"    assert member_{number}({name}={value}) == {chance.random():.6f}")
    return "\n".join(lines)


def _entries() -> list[StoredEntry]:
    chance, now = random.Random(7), time.time()  # noqa: S311 - the same entries in every measurement
    return [
        StoredEntry(
            key=hashlib.sha256(str(number).encode()).hexdigest(),
            value={"schema": 1, "kind": "candidate", "code": _module(number, chance)},
            used_at=now - number,
        )
        for number in range(ENTRIES)
    ]


def measure_archive(folder: Path) -> Iterator[Figure]:
    """Measure both ways between the store and the bytes that are sent; the network is not in it."""
    filled, empty = _store(folder / "filled"), _store(folder / "empty")
    filled.add(_entries())
    with Stopwatch() as saving:
        data = pack({RESULTS: filled.newest(ENTRIES)})
    with Stopwatch() as restoring:
        added = empty.add(unpack(data).entries[RESULTS])
    yield from _figures(f"{added:,} results", data, (saving, restoring))
    filled.close()
    empty.close()


def _store(folder: Path) -> ResultStore:
    return ResultStore.open(CacheSettings(folder=folder), warn=print)


def _figures(what: str, data: bytes, times: Sequence[Stopwatch]) -> Iterator[Figure]:
    for name, watch in zip(("saved", "restored"), times, strict=True):
        yield Figure(name=f"{what} {name}", value=watch.seconds, unit="s", most=MOST_SECONDS)
        yield Figure(name=f"{what} {name}, processor", value=watch.busy, unit="s")
    yield Figure(name=f"archive of {what}", value=len(data) / 1e6, unit="MB", most=MOST_MEGABYTES)
