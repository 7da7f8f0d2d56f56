"""Measure speed (calls, seconds, memory), and what the offline engine's tests are worth.

`make bench` measures all of it but `engine-peers`, which takes half an hour the first time; name parts to
measure those.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from bench.archive import measure_archive
from bench.calls import measure_calls, measure_faults, measure_size
from bench.candidates import measure_candidates
from bench.competition import measure_competition
from bench.engine import measure_engine
from bench.engine_peers import measure_engine_peers
from bench.figures import Figure, print_figures
from bench.machines import measure_machines
from bench.mutants import measure_mutants
from bench.packing import measure_packing
from bench.pairs import measure_pairs
from bench.peers import measure_peers
from bench.pressure import measure_pressure
from bench.pulls import measure_pulls
from bench.ranking import measure_ranking
from bench.repeats import measure_repeats
from bench.round_trip import measure_round_trip
from bench.runs import measure_example, measure_start
from bench.suites import measure_suites
from bench.sweep import measure_sweep

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
    "machines": measure_machines,
    "competition": measure_competition,
    "ranking": measure_ranking,
}


class MeasuresSeveral(Protocol):
    """Measures several things that have names."""

    def __call__(self, folder: Path, only: Sequence[str]) -> Iterable[Figure]:
        """Measure those that are named, or all."""


OF_SEVERAL: dict[str, MeasuresSeveral] = {
    "engine": measure_engine,
    "engine-peers": measure_engine_peers,
    "pairs": measure_pairs,
    "repeats": measure_repeats,
    "round-trip": measure_round_trip,
    "sweep": measure_sweep,
}
"""Parts that measure several things by name, of which `--only` takes some."""

ONLY_BY_NAME = frozenset({"engine-peers"})
"""Parts that take half an hour the first time."""


def main() -> None:
    """Measure the parts that are named, each in a folder of its own, and print what came of them."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = [*PARTS, *OF_SEVERAL]
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(names)}")
    several = ", ".join(OF_SEVERAL)
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help=f"of {several}: measure this one alone"
    )
    arguments = parser.parse_args()
    parts = dict(PARTS)
    parts |= {name: partial(part, only=arguments.only) for name, part in OF_SEVERAL.items()}
    chosen = arguments.parts or [name for name in names if name not in ONLY_BY_NAME]
    if unknown := [name for name in chosen if name not in parts]:
        parser.error(f"there is no part {', '.join(unknown)}")
    started = time.perf_counter()
    figures: list[Figure] = []
    for name in chosen:
        print(f"measuring: {name}", flush=True)
        with tempfile.TemporaryDirectory(prefix="testsmith-bench-") as folder:
            figures += parts[name](Path(folder).resolve())
    print_figures(figures)
    print(f"\nmeasured in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
