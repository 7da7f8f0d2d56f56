"""What one sweep is worth: real projects with most of their tests taken away, swept by the offline engine.

The program sweeps as a person has it do, and writes what it proposes; then the project's own pytest, outside
of the program, runs all of its tests, and says whether every proposed one passes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.clock import Stopwatch
from bench.engine import kept_environment
from bench.figures import Figure
from bench.projects import commit_all
from bench.subjects import fetched

MEMBERS = 12
MINUTES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """A project to sweep.

    Attributes:
        name: What it is called.
        requirement: Its source distribution.
        kept: The only test file that stays, below its `tests`.
        needs: What its tests need.
    """

    name: str
    requirement: str
    kept: str
    needs: tuple[str, ...]


PROJECTS = (
    Swept(
        name="humanize",
        requirement="humanize==4.17.0",
        kept="test_filesize.py",
        needs=("pytest", "freezegun"),
    ),
    Swept(
        name="python-dotenv",
        requirement="python-dotenv==1.2.4",
        kept="test_utils.py",
        needs=("pytest", "click", "sh"),
    ),
)


def measure_sweep(folder: Path, only: Sequence[str] = ()) -> Iterator[Figure]:
    """Sweep each project, and yield what that has come to."""
    for project in PROJECTS:
        if not only or project.name in only:
            yield from _measure(project, folder / project.name)


def _measure(project: Swept, folder: Path) -> Iterator[Figure]:
    root = fetched(project.requirement, folder)
    removed = _without_most_tests(root, project.kept)
    commit_all(root, "base")
    python = kept_environment(*project.needs)
    with Stopwatch() as watch:
        report = _sweep(root, python)
    sweep = report["sweep"]
    passed, failed = _own_run(root, python)
    name = f"sweep of {project.name}"
    yield Figure(name=f"{name}: test files taken away", value=removed, unit="")
    for state in ("before", "after"):
        yield from _figures(f"{name}: {{}} {state}", sweep[state])
    yield Figure(name=f"{name}: members taken", value=len(sweep["taken"]), unit="")
    tests = sum(len(one["tests"]) for one in report["suggestions"])
    yield Figure(name=f"{name}: members with tests", value=len(report["suggestions"]), unit="")
    yield Figure(name=f"{name}: tests proposed", value=tests, unit="", least=1)
    yield Figure(name=f"{name}: cases that pass in its own run", value=passed, unit="")
    yield Figure(name=f"{name}: cases that fail there", value=failed, unit="", most=0)
    yield Figure(name=f"{name}: by the clock", value=watch.seconds / 60, unit="min")
    yield Figure(name=f"{name}: of one processor", value=watch.busy / 60, unit="min")


def _figures(name: str, measured: dict[str, Any]) -> Iterator[Figure]:
    coverage, mutation = measured["coverage"], measured["mutation"]
    if coverage is not None:
        lines = 100 * coverage["lines_reached"] / coverage["lines"]
        yield Figure(name=name.format("lines"), value=lines, unit="%")
        if coverage["branches"]:
            branches = 100 * coverage["branches_reached"] / coverage["branches"]
            yield Figure(name=name.format("branches"), value=branches, unit="%")
    if mutation is not None:
        score = 100 * mutation["noticed"] / mutation["mutants"]
        yield Figure(name=name.format("mutants noticed"), value=score, unit="%")


def _without_most_tests(root: Path, kept: str) -> int:
    """Take away all test files but one; return how many went."""
    gone = [path for path in root.glob("tests/**/test_*.py") if path.name != kept]
    for path in gone:
        path.unlink()
    return len(gone)


def _sweep(root: Path, python: Path) -> dict[str, Any]:
    limits = ("--max-members", str(MEMBERS), "--max-minutes", str(MINUTES))
    command = (
        *(sys.executable, "-m", "testsmith", "sweep", "src", "--repo", str(root), "--provider", "offline"),
        *("--python", str(python), "--format", "json", "--write", *limits),
    )
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def _own_run(root: Path, python: Path) -> tuple[int, int]:
    """Run the project's own pytest on all its tests; return how many cases pass, and how many do not."""
    report = root.parent / "own.xml"
    command = (str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}")
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(root / "src")}
    subprocess.run(command, cwd=root, env=environment, capture_output=True, check=False)
    from xml.etree import ElementTree as ET

    suite = ET.parse(report).getroot().find("testsuite")  # noqa: S314 - pytest's own, of a moment ago
    counts = {} if suite is None else {key: int(suite.get(key, 0)) for key in _COUNTS}
    bad = counts.get("failures", 0) + counts.get("errors", 0)
    return counts.get("tests", 0) - bad - counts.get("skipped", 0), bad


_COUNTS = ("tests", "failures", "errors", "skipped")
