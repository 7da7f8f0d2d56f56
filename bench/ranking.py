"""How long ranking a large repository takes, and how much memory: 5,000 files with 50,000 members.

The plan is made by the program as a person starts it, from an `lcov.info` that says that half of the files
were reached, so that nothing but finding, counting, weighing and ranking is measured.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.clock import PROCESSORS
from bench.figures import Figure
from bench.projects import commit_all

PACKAGES, MODULES, FUNCTIONS = 50, 100, 10
MOST_SECONDS = 60.0
MOST_MEGABYTES = 1_000.0

_FUNCTION = '''def count_{number}(value: int, limit: int = {number}) -> int:
    """Count up to a limit."""
    total = 0
    for one in range(limit):
        if one % 3 == 0 and value > one:
            total += one
        elif value < {number}:
            total -= {used}(value) if value else 1
    return total
'''


def measure_ranking(folder: Path) -> Iterator[Figure]:
    """Make the repository, plan a sweep of it, and yield what that took."""
    _make(folder / "large")
    (folder / "lcov.info").write_text("".join(_reached(folder / "large")), encoding="utf-8")
    command = (
        *(sys.executable, "-m", "testsmith", "sweep", "--repo", str(folder / "large"), "--dry-run"),
        *("--provider", "offline", "--format", "json", "--coverage", str(folder / "lcov.info")),
        *("--cache-dir", str(folder / "cache")),
    )
    with (folder / "plan.json").open("wb") as output:
        process = subprocess.Popen(command, stdout=output)
        _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"the plan could not be made: {command}")
    plan = json.loads((folder / "plan.json").read_bytes())
    members = PACKAGES * MODULES * FUNCTIONS
    busy = used.ru_utime + used.ru_stime
    yield Figure(name="ranking: members ranked or covered", value=_counted(plan), unit="", least=members)
    yield Figure(name="ranking: by the clock", value=plan["seconds"], unit="s")
    yield Figure(name="ranking: of one processor", value=busy, unit="s", most=MOST_SECONDS)
    memory = used.ru_maxrss / 1024
    yield Figure(name="ranking: memory", value=memory, unit="MB", most=MOST_MEGABYTES)
    yield Figure(name="ranking: processors of the target", value=PROCESSORS, unit="")


def _counted(plan: dict[str, object]) -> int:
    ranked, left_out = plan["ranked"], plan["left_out"]
    return (ranked if isinstance(ranked, int) else 0) + (len(left_out) if isinstance(left_out, list) else 0)


def _make(folder: Path) -> None:
    chance = random.Random(1)  # noqa: S311 - the same repository in every measurement
    for package in range(PACKAGES):
        place = folder / f"src/part_{package:02d}"
        place.mkdir(parents=True)
        (place / "__init__.py").write_text("", encoding="utf-8")
        for module in range(MODULES):
            other = f"part_{package:02d}.module_{chance.randrange(MODULES):02d}"
            functions = [
                _FUNCTION.format(number=number, used="other" if number % 2 else f"count_{(number + 1) % 10}")
                for number in range(FUNCTIONS)
            ]
            text = "\n\n".join((f"from {other} import count_0 as other\n", *functions))
            (place / f"module_{module:02d}.py").write_text(text, encoding="utf-8")
    commit_all(folder, "base")


def _reached(folder: Path) -> Iterator[str]:
    """Yield an `lcov.info` by which every second file was reached, but for every fourth line."""
    for number, path in enumerate(sorted(folder.rglob("module_*.py"))):
        if number % 2:
            lines = range(1, len(path.read_text(encoding="utf-8").splitlines()) + 1)
            hits = "".join(f"DA:{line},{int(line % 4 > 0)}\n" for line in lines)
            yield f"SF:{path.relative_to(folder)}\n{hits}end_of_record\n"
