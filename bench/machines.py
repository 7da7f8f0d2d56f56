"""A sweep shared among machines: the same suggestions, how even the shards are, and what that takes.

Each machine is a process with a clone, a cache and a folder of parts of its own; what they hand to each other
is copied, as artifacts are. All work at once, so on a machine with two processors four take no less than two.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.clock import Stopwatch
from bench.figures import Figure

_COUNTS = (1, 2, 4)
_MOST_UNEVEN = 1.3
_LEAST_SECONDS = 0.5
_LEDGER = Path(__file__).parent / "ledger"


def measure_machines(folder: Path) -> Iterator[Figure]:
    """Measure a sweep of a small project without tests by one, two and four machines."""
    source = _project(folder / "source")
    alone: frozenset[str] = frozenset()
    for count in _COUNTS:
        with Stopwatch() as watch:
            found, uneven = _swept(source, folder / f"on-{count}", count)
        alone = alone or found
        name = f"a sweep by {count} of {len(found)} members with tests"
        yield Figure(name=f"{name}, plan to collected", value=watch.seconds, unit="s")
        yield Figure(name=f"{name}, processors", value=watch.busy, unit="s")
        name_of_others = f"{name}, suggestions unlike those of one alone"
        yield Figure(name=name_of_others, value=len(found ^ alone), unit="", most=0)
        yield Figure(name=f"{name}, longest to mean, expected", value=uneven[0], unit="", most=_MOST_UNEVEN)
        yield Figure(name=f"{name}, longest to mean, measured", value=uneven[1], unit="")


def _project(folder: Path) -> Path:
    shutil.copytree(_LEDGER, folder, ignore=shutil.ignore_patterns("tests", "__pycache__"))
    person = ("-c", "user.name=Bench", "-c", "user.email=bench@example.org")
    for words in (("init", "-q"), ("add", "-A"), (*person, "commit", "-q", "-m", "Begin")):
        subprocess.run(("git", *words), cwd=folder, check=True)
    return folder


def _swept(source: Path, folder: Path, count: int) -> tuple[frozenset[str], tuple[float, float]]:
    """Return what is proposed, and how uneven the shards were expected to be and were."""
    plan = _machine(source, folder / "plan")
    _step(plan, "--plan", str(count))
    told = json.loads((plan / "parts" / "plan.json").read_text())
    expected = {_id(one["member"]): max(one["seconds"], _LEAST_SECONDS) for one in told["plan"]["ranked"]}
    loads = [sum(expected[member] for member in shard) for shard in told["shards"]]
    machines = [_machine(source, folder / f"machine-{number}") for number in range(1, len(loads) + 1)]
    took = _side_by_side(plan, machines)
    last = _machine(source, folder / "collect")
    for machine in (plan, *machines):
        shutil.copytree(machine / "parts", last / "parts", dirs_exist_ok=True)
    report = json.loads(_step(last, "--collect", "--format", "json"))
    found = frozenset(one["member"] + one["code"] for one in report["suggestions"])
    return found, (_uneven(loads), _uneven(took))


def _id(member: Mapping[str, str]) -> str:
    return f"{member['path']}::{member['name']}"


def _uneven(loads: Sequence[float]) -> float:
    return max(loads) * len(loads) / sum(loads) if sum(loads) else 1.0


def _machine(source: Path, folder: Path) -> Path:
    folder.mkdir(parents=True)
    subprocess.run(("git", "clone", "-q", str(source), str(folder / "project")), check=True)
    return folder


def _side_by_side(plan: Path, machines: Sequence[Path]) -> list[float]:
    """Let all machines prove their shards at once, and return how long each took in seconds."""
    started, running, took = time.perf_counter(), {}, dict[Path, float]()
    for number, machine in enumerate(machines, start=1):
        shutil.copytree(plan / "parts", machine / "parts")
        command = _command(machine, "--shard", f"{number}/{len(machines)}")
        running[machine] = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(took) < len(machines):
        for machine, process in running.items():
            if machine not in took and process.poll() is not None:
                took[machine] = time.perf_counter() - started
        time.sleep(0.1)
    return [took[machine] for machine in machines]


def _step(machine: Path, *words: str) -> str:
    done = subprocess.run(_command(machine, *words), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def _command(machine: Path, *words: str) -> tuple[str, ...]:
    own = ("--repo", str(machine / "project"), "--cache-dir", str(machine / "cache"))
    parts = ("--parts", str(machine / "parts"))
    minutes = ("--max-minutes", "20")
    program = (sys.executable, "-m", "testsmith", "sweep")
    return (*program, *own, *parts, *minutes, "--provider", "offline", *words)
