"""Measure speed: calls, seconds and memory. `make bench` prints the tables of docs/speed.md anew."""

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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.projects import edit_one_member, make_project

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from fakes.endpoint import Endpoint

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
    report: dict[str, object]


def testsmith(folder: Path, *arguments: str) -> Measured:
    """Run `testsmith suggest` on a measured project and say what it took."""
    command = (sys.executable, "-m", "bot", "suggest", "--repo", str(folder), "--base", "main", *arguments)
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_API_KEY")}
    started = time.perf_counter()
    with subprocess.Popen((*command, "--format", "json"), stdout=subprocess.PIPE, env=environment) as process:
        output = process.stdout.read() if process.stdout else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return Measured(seconds=seconds, megabytes=usage.ru_maxrss / 1024, report=json.loads(output))


def lower_bound(durations: Sequence[float], slots: int) -> float:
    """The least time in which calls of these durations end, longest first, in so many slots."""
    free = [0.0] * slots
    for duration in sorted(durations, reverse=True):
        heapq.heappush(free, heapq.heappop(free) + duration)
    return max(free)
