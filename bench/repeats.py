"""The same run again and again while others use the processors: is what comes of it always the same?"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.figures import Figure
from bench.program import run_program
from bench.projects import commit_all
from bench.subjects import NotToBeHad, fetched

OTHERS = 6
"""How many other processes want a processor all the time."""

PROJECTS = (("one small module", 20), ("isodate==0.7.2", 5))
"""What is run, and how often."""

_ONLY = "src/isodate/isoduration.py"
_SMALL = '''
import asyncio


def total(prices: list[int], discount: int = 0) -> int:
    """Add prices up.

    >>> total([100, 200], discount=50)
    250
    """
    if discount < 0:
        raise ValueError("a discount is never negative")
    return max(sum(prices) - discount, 0)


def waits_for_ever(limit: int) -> int:
    while limit > 100:
        pass
    return limit + 1


async def doubled(number: int) -> int:
    await asyncio.sleep(0)
    return number * 2
'''


def measure_repeats(folder: Path, only: Sequence[str] = ()) -> Iterator[Figure]:
    """Run each project, or those that are named, as often as it says; count the different outcomes."""
    for name, runs in PROJECTS:
        if only and name not in only:
            continue
        try:
            repository, restricted = _project(folder, name)
        except NotToBeHad as reason:
            print(f"not measured: {name}: {reason}")
            continue
        with _busy_machine():
            outcomes = {_outcome(repository, restricted) for _ in range(runs)}
        yield Figure(
            name=f"different outcomes of {runs} runs of {name}", value=len(outcomes), unit="", most=1
        )


def _project(folder: Path, name: str) -> tuple[Path, tuple[str, ...]]:
    """Return a repository whose branch `change` adds a project without its tests, and what is looked at."""
    head = folder / "small"
    if "==" in name:
        head = fetched(name, folder / "fetched")
        shutil.rmtree(head / "tests", ignore_errors=True)
    else:
        head.mkdir()
        (head / "small.py").write_text(_SMALL)
    base = folder / "base"
    base.mkdir()
    (base / "README").write_text("Nothing yet.\n")
    commit_all(base, "Begin")
    shutil.move(base / ".git", head / ".git")
    base.joinpath("README").unlink()
    base.rmdir()
    subprocess.run(("git", "checkout", "--quiet", "-b", "change"), cwd=head, check=True)
    commit_all(head, "Add all of it")
    return head, ("--only", _ONLY) if "==" in name else ()


def _outcome(repository: Path, restricted: Sequence[str]) -> str:
    report = run_program(repository, "--head", "change", "--provider", "offline", *restricted).report
    return json.dumps([report["suggestions"], report["skipped"]], sort_keys=True)


@contextmanager
def _busy_machine() -> Iterator[None]:
    others = [subprocess.Popen((sys.executable, "-c", "while True: pass")) for _ in range(OTHERS)]
    try:
        yield
    finally:
        for one in others:
            one.kill()
            one.wait()
