"""Whole pull requests of real projects, from one release to the next: seconds, and what comes of them."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bench.clock import PROCESSORS, Stopwatch
from bench.figures import Figure
from bench.program import run_program
from bench.projects import commit_all
from bench.subjects import NotToBeHad, fetched

PAIRS = (
    ("humanize", "4.16.0", "4.17.0"),
    ("python-dotenv", "1.2.2", "1.2.3"),
    ("boltons", "25.0.0", "26.0.0"),
)

_TEST_FOLDERS = frozenset({"test", "tests"})


def measure_pulls(folder: Path) -> Iterator[Figure]:
    """Measure each pair with the offline engine, proof included; say so where one cannot be had."""
    for name, old, new in PAIRS:
        try:
            repository = pull_request(folder / name, name, old, new)
        except NotToBeHad as reason:
            print(f"not measured: {name} from {old} to {new}: {reason}")
            continue
        with Stopwatch() as watch:
            measured = run_program(repository, "--head", "change", "--provider", "offline")
        report = measured.report
        labels = Counter(one["label"] for one in report["suggestions"])
        stages = Counter(one["stage"] for one in report["skipped"])
        print(
            f"{name}: {len(report['members'])} members, {dict(labels)}; skipped: {dict(stages)}", flush=True
        )
        what = f"{name} {old} to {new}"
        yield Figure(name=what, value=measured.seconds, unit="s")
        yield Figure(name=f"{what}, {PROCESSORS} processors' time", value=watch.busy / PROCESSORS, unit="s")
        yield Figure(name=what, value=len(report["suggestions"]), unit="suggestions")


def pull_request(folder: Path, name: str, old: str, new: str, *, old_tests: bool = False) -> Path:
    """Return a repository whose branch `main` is one release, and whose branch `change` is the next.

    Args:
        folder: Where it is made.
        name: The project.
        old: The one release.
        new: The next.
        old_tests: Whether the next has the tests of the one, as if nobody had written any.

    Raises:
        NotToBeHad: One of them cannot be downloaded.
    """
    base = fetched(f"{name}=={old}", folder / "old")
    head = fetched(f"{name}=={new}", folder / "new")
    if old_tests:
        _exchange_tests(base, head)
    commit_all(base, old)
    shutil.move(base / ".git", head / ".git")
    subprocess.run(("git", "checkout", "--quiet", "-b", "change"), cwd=head, check=True)
    commit_all(head, new)
    return head


def _exchange_tests(base: Path, head: Path) -> None:
    """Put the test files of one release in the place of those of another."""
    for path in _test_files(head):
        path.unlink()
    for path in _test_files(base):
        place = head / path.relative_to(base)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)


def _test_files(root: Path) -> list[Path]:
    files = [path for path in root.rglob("*") if path.is_file()]
    return [path for path in files if not _TEST_FOLDERS.isdisjoint(path.relative_to(root).parts[:-1])]
