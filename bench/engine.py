"""The offline engine on whole modules of real projects, against the projects' own tests of these modules.

For each module a table row: how many test functions, how many pass and are stable in five runs that differ
in order, hash seed, clock and place, what they reach, which of the module's mutants they kill, and how long
it took to write them, their proof not included: by the clock, and by the processors' time, which a busy
machine does not lengthen.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from platformdirs import user_cache_path

from bench.clock import PROCESSORS, Stopwatch
from bench.figures import Figure
from bench.modules import MODULES, Module
from bench.scores import Ground, Score, open_ground, score_of_candidates, score_of_own_tests
from bench.subjects import NotToBeHad, environment_with, fetched
from testsmith.languages.python.explorer.generator import OfflineGenerator
from testsmith.languages.python.language import PYTHON
from testsmith.model import Candidate, Result, Skipped

MOST_SECONDS = 10.0

NEEDED = (
    *("pytest==8.4.2", "freezegun", "click", "sh", "pytest-mock", "pytest-benchmark"),
    "hypothesis==6.170.17",
)
"""What the projects need, their own tests, and those that others write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one tool's tests of one module are worth.

    Attributes:
        module: The module's name.
        tool: Who wrote them.
        score: What they are worth.
        seconds: How long it took to write them, by the clock; None where that is not known.
        busy: The same by the processors' time, shared among as many as the targets are for.
    """

    module: str
    tool: str
    score: Score
    seconds: float | None = None
    busy: float | None = None


def measure_engine(folder: Path, only: Sequence[str] = ()) -> Iterator[Figure]:
    """Measure the engine on each module, or on those that are named."""
    print_head()
    rows: list[Row] = []
    for module in chosen(only):
        try:
            root, interpreter = fetched(module.requirement, folder / module.name), kept_environment(*NEEDED)
        except NotToBeHad as reason:
            print(f"not measured: {module.name}: {reason}")
            continue
        with Stopwatch() as watch:
            written, own = asyncio.run(_measure_module(module, root, interpreter))
        rows += [own, written]
        yield Figure(name=f"{module.name}, written", value=written.busy or 0.0, unit="s", most=MOST_SECONDS)
        yield Figure(name=f"{module.name}, measured", value=watch.busy / PROCESSORS, unit="s")
    yield from _over_all(rows)


def chosen(only: Sequence[str]) -> list[Module]:
    """Return the modules of these names, or all."""
    return [module for module in MODULES if not only or module.name in only]


def kept_environment(*requirements: str) -> Path:
    """Return the interpreter of an environment with some packages, which is kept for the next time.

    Raises:
        NotToBeHad: It cannot be made.
    """
    folder = user_cache_path("testsmith-bench") / f"environment-{_digest(*requirements)}"
    ready = folder / "ready"
    if not ready.exists():
        shutil.rmtree(folder, ignore_errors=True)
        environment_with(folder, *requirements)
        ready.touch()
    return folder / "bin/python"


async def _measure_module(module: Module, root: Path, interpreter: Path) -> tuple[Row, Row]:
    async with open_ground(module, root, interpreter) as ground:
        own = await row_of(ground, "own tests", lambda: score_of_own_tests(ground), _own_text(root, module))
        with Stopwatch() as watch:
            results = await _written(ground)
        codes = [result.code for result in results if isinstance(result, Candidate)]
        score = await score_of_candidates(ground, codes)
    busy = watch.busy / PROCESSORS
    written = Row(module=module.name, tool="engine", score=score, seconds=watch.seconds, busy=busy)
    print_row(written)
    _print_skipped([result for result in results if isinstance(result, Skipped)])
    return written, own


def _own_text(root: Path, module: Module) -> str:
    return (root / module.tests).read_text(encoding="utf-8")


async def _written(ground: Ground) -> list[Result]:
    members = ground.search.members
    requests = list(PYTHON.source.requests(ground.search.head_tree, members, "", ""))
    return [result async for result in OfflineGenerator(ground.workspace).generate_batch(requests)]


async def row_of(
    ground: Ground,
    tool: str,
    measure: Callable[[], Awaitable[Score]],
    *texts: str,
    seconds: float | None = None,
) -> Row:
    """Measure tests that stay the same, or take what was measured before; print and return the row.

    Args:
        ground: Where they are run.
        tool: Who wrote them.
        measure: Measures them.
        texts: What they are.
        seconds: How long it took to write them.
    """
    mutants = "".join(f"{mutant.edit}" for mutant in ground.mutants)
    digest = _digest(tool, ground.source, mutants, f"{sorted(ground.held_out)}", *texts)
    file = user_cache_path("testsmith-bench") / "scores" / f"{ground.module.name}-{digest}.json"
    if file.exists():
        score = Score(**json.loads(file.read_text(encoding="utf-8")))
    else:
        score = await measure()
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(score.told()), encoding="utf-8")
    row = Row(module=ground.module.name, tool=tool, score=score, seconds=seconds)
    print_row(row)
    return row


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def print_head() -> None:
    """Print the head of the table."""
    print(
        "\n| module                | tool        | tests | pass | stable | line | branch | mutation      ",
        end="",
    )
    print("| held-out | seconds |  busy |")
    print(
        "|-----------------------|-------------|-------|------|--------|------|--------|---------------",
        end="",
    )
    print("|----------|---------|-------|", flush=True)


def print_row(row: Row) -> None:
    """Print a row of the table."""
    score = row.score
    reached = f"{score.lines:>4.0f} | {score.branches:>6.0f}"
    mutation = f"{score.mutation:3.0f} ({score.killed}/{score.mutants})"
    held_out = f"{score.held_out_killed}/{score.held_out}"
    seconds, busy = ("" if one is None else f"{one:.1f}" for one in (row.seconds, row.busy))
    print(
        f"| {row.module:<21} | {row.tool:<11} | {score.tests:>5} | {score.passing:>4} | {score.stable:>6}"
        f" | {reached} | {mutation:<13} | {held_out:>8} | {seconds:>7} | {busy:>5} |",
        flush=True,
    )


def _print_skipped(skipped: Sequence[Skipped]) -> None:
    """Print which members have no candidate, those of one reason together, the most frequent first."""
    reasons = Counter(one.reason for one in skipped)
    for reason, count in reasons.most_common():
        names = ", ".join((one.member or "").rpartition("::")[2] for one in skipped if one.reason == reason)
        print(f"  without tests, {count}: {reason}: {names}", flush=True)


def _over_all(rows: Sequence[Row]) -> Iterator[Figure]:
    for tool in dict.fromkeys(row.tool for row in rows):
        scores = [row.score for row in rows if row.tool == tool]
        what = f"{tool}, {len(scores)} modules"
        killed, mutants = sum(one.killed for one in scores), sum(one.mutants for one in scores)
        held, held_out = sum(one.held_out_killed for one in scores), sum(one.held_out for one in scores)
        yield Figure(name=f"{what}, tests that are not stable", value=_unstable(scores), unit="tests")
        yield Figure(name=f"{what}, mean of lines", value=mean(one.lines for one in scores), unit="%")
        yield Figure(name=f"{what}, mean of branches", value=mean(one.branches for one in scores), unit="%")
        yield Figure(name=f"{what}, mutants killed", value=100 * killed / mutants, unit="%")
        yield Figure(name=f"{what}, held-out mutants killed", value=100 * held / held_out, unit="%")


def _unstable(scores: Sequence[Score]) -> int:
    return sum(one.tests - one.stable for one in scores)
