"""How many calls a change takes, and how long asking takes compared with the least possible time."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Figure
from bench.program import Measured, run_program
from bench.projects import edit_one_member, make_project
from fakes.endpoint import Endpoint, per_member_latency
from fakes.fault_matrix import table

CALL_SECONDS = 4.88
MEMBER_SECONDS = 0.12
IN_FLIGHT = 5
SCALE = 0.1
"""Of the endpoint's time."""


def lower_bound(durations: Sequence[float], slots: int) -> float:
    """The least time in which calls of these durations end, longest first, in so many slots."""
    free = [0.0] * slots
    for duration in sorted(durations, reverse=True):
        heapq.heappush(free, heapq.heappop(free) + duration)
    return max(free)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the table of calls; the seconds are as at full scale.

    Attributes:
        name: How the members were asked for.
        calls: HTTP requests.
        asking: From the first request to the last answer.
        whole: The whole process, with what does not scale counted once.
        bound: The least time in which an endpoint with these answering times can answer these calls.
    """

    name: str
    calls: int
    asking: float
    whole: float
    bound: float

    def __str__(self) -> str:
        over = f"{100 * (self.asking / self.bound - 1):.1f} %" if self.bound else "-"
        figures = f"{self.asking:8.2f} | {self.bound:8.2f} | {over:>6} | {self.whole:8.2f}"
        return f"| {self.name:<22} | {self.calls:>5} | {figures} |"


class CallTable:
    """The table of the idea that this program grew from: files of 6 functions, 5 calls in flight."""

    def __init__(self, folder: Path, endpoint: Endpoint) -> None:
        self._folder = folder
        self._endpoint = endpoint

    def rows(self) -> Iterator[Row]:
        """Measure row by row."""
        yield self.row("one call a member", "cache-1", "--max-output-tokens", "300")
        yield self.row("one call a file", "cache-2", "--max-output-tokens", "1800")
        yield self.row("files packed together", "cache-3")
        yield self.row("second run", "cache-3")
        edit_one_member(self._folder)
        yield self.row("one member edited", "cache-3")

    def row(self, name: str, cache: str, *arguments: str) -> Row:
        """Measure one way to ask; a cache that is named again is warm."""
        before = len(self._endpoint.requests)
        folder = str(self._folder.parent / cache)
        measured = ask(self._folder, self._endpoint.url, "--cache-dir", folder, *arguments)
        requests = self._endpoint.requests[before:]
        asking = self._endpoint.last_answered - requests[0].arrived if requests else 0.0
        durations = [CALL_SECONDS + MEMBER_SECONDS * len(received.members) for received in requests]
        return Row(
            name=name,
            calls=len(requests),
            asking=asking / SCALE,
            whole=measured.seconds - asking + asking / SCALE,
            bound=lower_bound(durations, IN_FLIGHT),
        )


def ask(folder: Path, url: str, *arguments: str) -> Measured:
    """Ask the endpoint for every changed member, and prove nothing."""
    endpoint = ("--base-url", url, "--model", "measured", "--no-verify", "--max-members", "100000")
    endless = ("--max-calls", "100000", "--max-tokens", "1000000000")
    return run_program(folder, *endpoint, "--max-concurrent-calls", str(IN_FLIGHT), *endless, *arguments)


def measure_calls(folder: Path) -> Iterator[Figure]:
    """Print the table of calls."""
    make_project(folder / "project", files=40, members=6)
    timing = f"{CALL_SECONDS} s + {MEMBER_SECONDS} s a member a call, its time scaled by {SCALE:g}"
    print(f"\n40 files of 6 functions, 5 calls in flight, {timing}\n")
    print("| asked                  | calls | asking s |  bound s |   over |  whole s |")
    print("|------------------------|-------|----------|----------|--------|----------|")
    with Endpoint(latency=per_member_latency(scale=SCALE)) as endpoint:
        for row in CallTable(folder / "project", endpoint).rows():
            print(row, flush=True)
            yield Figure(name=f"240 members, {row.name}", value=row.calls, unit="calls")


def measure_size(folder: Path) -> Iterator[Figure]:
    """Measure what a large change takes with a warm cache."""
    make_project(folder / "project", files=1000, members=6)
    cache = ("--cache-dir", str(folder / "cache"), "--max-output-tokens", "100000")
    with Endpoint() as endpoint:
        ask(folder / "project", endpoint.url, *cache)
        warm = ask(folder / "project", endpoint.url, *cache)
    name = f"{len(warm.report['suggestions']):,} members of 1,000 files, warm cache, nothing proven"
    yield Figure(name=name, value=warm.seconds, unit="s", most=10)
    yield Figure(name=name, value=warm.megabytes, unit="MB", most=300)
    yield Figure(name=name, value=warm.report["stats"]["api_calls"], unit="calls", most=0)


def measure_faults(_: Path) -> Iterator[Figure]:
    """Print what each fault costs and leaves; the waits are on a clock that takes no time."""
    started = time.perf_counter()
    print()
    for line in table():
        print(line, flush=True)
    yield Figure(name="every fault, in three phases", value=time.perf_counter() - started, unit="s")
