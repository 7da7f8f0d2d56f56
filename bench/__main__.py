"""Measure speed: calls, seconds and memory. `make bench` prints it all."""

from __future__ import annotations

import argparse
import heapq
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
sys.path += [str(_HERE.parent / "tests"), str(_HERE.parent / "examples")]

from make_repository import make_repository  # noqa: E402 - found by the path above

from bench.mutants import measure_mutants  # noqa: E402 - finds the fakes by the path above
from bench.projects import edit_one_member, make_project  # noqa: E402 - sorted behind those two
from fakes.endpoint import Endpoint, per_member_latency  # noqa: E402 - found by the path above

CALL_SECONDS = 4.88
MEMBER_SECONDS = 0.12
IN_FLIGHT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run of the program.

    Attributes:
        seconds: The whole process, from outside.
        megabytes: The largest memory of the process.
        report: What it printed.
    """

    seconds: float
    megabytes: float
    report: dict[str, Any]


def testsmith(folder: Path, *arguments: str) -> Measured:
    """Run `testsmith suggest` on a measured project and say what it took."""
    command = (sys.executable, "-m", "bot", "suggest", "--repo", str(folder), "--base", "main", *arguments)
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_API_KEY")}
    started = time.perf_counter()
    with (
        tempfile.TemporaryFile() as told,
        subprocess.Popen(
            (*command, "--format", "json"), stdout=subprocess.PIPE, stderr=told, env=environment
        ) as process,
    ):
        output = process.stdout.read() if process.stdout else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        told.seek(0)
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)} ended with {process.returncode}: {told.read().decode()}")
    seconds = time.perf_counter() - started
    return Measured(seconds=seconds, megabytes=usage.ru_maxrss / 1024, report=json.loads(output))


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

    def __init__(self, folder: Path, endpoint: Endpoint, scale: float) -> None:
        self._folder = folder
        self._endpoint = endpoint
        self._scale = scale

    def rows(self) -> Iterator[Row]:
        """Measure row by row."""
        yield self._row("one call a member", "cache-1", "--max-output-tokens", "300")
        yield self._row("one call a file", "cache-2", "--max-output-tokens", "1800")
        yield self._row("files packed together", "cache-3")
        yield self._row("second run", "cache-3")
        edit_one_member(self._folder)
        yield self._row("one member edited", "cache-3")

    def _row(self, name: str, cache: str, *arguments: str) -> Row:
        before = len(self._endpoint.requests)
        folder = str(self._folder.parent / cache)
        measured = ask(self._folder, self._endpoint.url, "--cache-dir", folder, *arguments)
        requests = self._endpoint.requests[before:]
        asking = self._endpoint.last_answered - requests[0].arrived if requests else 0.0
        durations = [CALL_SECONDS + MEMBER_SECONDS * len(received.members) for received in requests]
        return Row(
            name=name,
            calls=len(requests),
            asking=asking / self._scale,
            whole=measured.seconds - asking + asking / self._scale,
            bound=lower_bound(durations, IN_FLIGHT),
        )


def ask(folder: Path, url: str, *arguments: str) -> Measured:
    """Ask the endpoint for every changed member, and prove nothing."""
    endpoint = ("--base-url", url, "--model", "measured", "--no-verify", "--max-members", "100000")
    return testsmith(folder, *endpoint, "--max-concurrent-calls", str(IN_FLIGHT), *arguments)


def measure_calls(folder: Path, scale: float) -> None:
    """Print the table of calls."""
    make_project(folder / "project", files=40, members=6)
    timing = f"{CALL_SECONDS} s + {MEMBER_SECONDS} s a member a call, its time scaled by {scale:g}"
    print(f"\n40 files of 6 functions, 5 calls in flight, {timing}\n")
    print("| asked                  | calls | asking s |  bound s |   over |  whole s |")
    print("|------------------------|-------|----------|----------|--------|----------|")
    with Endpoint(latency=per_member_latency(scale=scale)) as endpoint:
        for row in CallTable(folder / "project", endpoint, scale).rows():
            print(row, flush=True)


def measure_size(folder: Path) -> None:
    """Print what a large change takes with a warm cache."""
    make_project(folder / "project", files=1000, members=6)
    cache = ("--cache-dir", str(folder / "cache"), "--max-output-tokens", "100000")
    with Endpoint() as endpoint:
        ask(folder / "project", endpoint.url, *cache)
        warm = ask(folder / "project", endpoint.url, *cache)
    print("\n1,000 files of 6 functions, all changed, warm cache, nothing proven:")
    figures = f"{warm.seconds:.2f} s, {warm.megabytes:.0f} MB"
    print(f"{figures}, {len(warm.report['suggestions'])} members, {warm.report['stats']['api_calls']} calls")


def measure_start() -> None:
    """Print how long `testsmith --help` takes."""
    seconds = []
    for _ in range(7):
        started = time.perf_counter()
        subprocess.run((sys.executable, "-m", "bot", "--help"), stdout=subprocess.DEVNULL, check=True)
        seconds.append(time.perf_counter() - started)
    print(f"testsmith --help: {statistics.median(seconds):.3f} s, median of {len(seconds)}")


def measure_proof(folder: Path) -> None:
    """Print what the example project's pull request takes with the offline engine, proof included."""
    make_repository(folder / "shop")
    measured = testsmith(folder / "shop", "--head", "change", "--provider", "offline")
    members = len(measured.report["members"])
    print(f"\nthe example project, offline engine, {members} members, proven: {measured.seconds:.2f} s")


def main() -> None:
    """Measure everything, each in a folder of its own."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--scale", type=float, default=0.1, help="of the endpoint's time (default: 0.1)")
    scale = parser.parse_args().scale
    measure_start()
    for measure in (partial(measure_calls, scale=scale), measure_size, measure_proof, measure_mutants):
        with tempfile.TemporaryDirectory(prefix="testsmith-bench-") as folder:
            measure(Path(folder))


if __name__ == "__main__":
    main()
