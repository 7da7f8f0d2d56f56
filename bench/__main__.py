"""Measure speed: calls, seconds and memory. `make bench` measures all of it; name parts to measure those."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from bench.archive import measure_archive
from bench.calls import measure_calls, measure_faults, measure_size
from bench.candidates import measure_candidates
from bench.figures import Figure, print_figures
from bench.mutants import measure_mutants
from bench.packing import measure_packing
from bench.peers import measure_peers
from bench.pressure import measure_pressure
from bench.pulls import measure_pulls
from bench.runs import measure_example, measure_start
from bench.suites import measure_suites

PARTS: dict[str, Callable[[Path], Iterable[Figure]]] = {
    "start": measure_start,
    "calls": measure_calls,
    "faults": measure_faults,
    "pressure": measure_pressure,
    "size": measure_size,
    "example": measure_example,
    "candidates": measure_candidates,
    "mutants": measure_mutants,
    "packing": measure_packing,
    "peers": measure_peers,
    "suites": measure_suites,
    "pulls": measure_pulls,
    "archive": measure_archive,
}


def main() -> None:
    """Measure the parts that are named, each in a folder of its own, and print what came of them."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (default: all)")
    chosen = parser.parse_args().parts or list(PARTS)
    if unknown := [name for name in chosen if name not in PARTS]:
        parser.error(f"there is no part {', '.join(unknown)}")
    started = time.perf_counter()
    figures: list[Figure] = []
    for name in chosen:
        print(f"measuring: {name}", flush=True)
        with tempfile.TemporaryDirectory(prefix="testsmith-bench-") as folder:
            figures += PARTS[name](Path(folder).resolve())
    print_figures(figures)
    print(f"\nmeasured in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
