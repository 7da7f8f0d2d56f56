"""Whole runs of the program: how fast it starts, and what the example project takes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from make_repository import make_repository

from bench.figures import Figure
from bench.program import run_program

_STARTS = 7
_MOST_SECONDS_TO_START = 0.3


def measure_start(_: Path) -> Iterator[Figure]:
    """Measure how long `testsmith --help` takes."""
    seconds = []
    for _number in range(_STARTS):
        started = time.perf_counter()
        subprocess.run((sys.executable, "-m", "testsmith", "--help"), stdout=subprocess.DEVNULL, check=True)
        seconds.append(time.perf_counter() - started)
    name = f"testsmith --help, median of {_STARTS}"
    yield Figure(name=name, value=statistics.median(seconds), unit="s", most=_MOST_SECONDS_TO_START)


def measure_example(folder: Path) -> Iterator[Figure]:
    """Measure what the example project's pull request takes with the offline engine, proof included."""
    make_repository(folder / "shop")
    measured = run_program(folder / "shop", "--head", "change", "--provider", "offline")
    name = f"the example project, offline engine, {len(measured.report['members'])} members, proven"
    yield Figure(name=name, value=measured.seconds, unit="s")
