"""Pynguin and Hypothesis' ghostwriter on the modules that the offline engine is measured on.

What they write is kept, since Pynguin searches for minutes; the same mutants show what it is worth.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from platformdirs import user_cache_path

from bench.engine import NEEDED, chosen, kept_environment, print_head, row_of
from bench.figures import Figure
from bench.modules import Module
from bench.scores import Ground, open_ground, score_of_candidates
from bench.subjects import NotToBeHad, fetched

_TOOLS = ("pynguin==0.48.0", "hypothesis==6.170.17", "black", "click", "freezegun", "pytest")
_SEARCH_SECONDS = 60
_MOST_SECONDS = 420.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """What a tool has written, and in which time; why there is nothing where the text is empty."""

    code: str
    seconds: float
    problem: str = ""


def measure_engine_peers(folder: Path, only: Sequence[str] = ()) -> Iterator[Figure]:
    """Have both write tests for each module, or for those that are named, and measure them."""
    print_head()
    for module in chosen(only):
        try:
            root = fetched(module.requirement, folder / module.name)
            tools, interpreter = kept_environment(*_TOOLS), kept_environment(*NEEDED)
        except NotToBeHad as reason:
            print(f"not measured: {module.name}: {reason}")
            continue
        place = _Place(module=module, root=root, tools=tools.parent, scratch=folder / f"{module.name}-work")
        place.scratch.mkdir()
        written = {tool: place.kept(tool, write) for tool, write in _WRITERS.items()}
        asyncio.run(_measure(module, root, interpreter, written))
        yield Figure(name=f"{module.name} by Pynguin, written", value=written["Pynguin"].seconds, unit="s")


async def _measure(module: Module, root: Path, interpreter: Path, written: dict[str, _Written]) -> None:
    async with open_ground(module, root, interpreter) as ground:
        for tool, tests in written.items():
            if tests.code:
                await _print_score(ground, tool, tests)
            else:
                print(f"  no tests of {module.name} by {tool}: {tests.problem}", flush=True)


async def _print_score(ground: Ground, tool: str, tests: _Written) -> None:
    measure = partial(score_of_candidates, ground, [tests.code])
    await row_of(ground, tool, measure, tests.code, seconds=tests.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where tests of one module are written.

    Attributes:
        module: The module.
        root: Its project.
        tools: The folder of the tools' programs.
        scratch: The folder to run them in.
    """

    module: Module
    root: Path
    tools: Path
    scratch: Path

    @property
    def source_root(self) -> Path:
        """The folder that goes on the import path."""
        return self.root / "src" if self.module.path.startswith("src/") else self.root

    def kept(self, tool: str, write: Callable[[_Place], _Written]) -> _Written:
        """Return what was written before, else have it written."""
        file = user_cache_path("testsmith-bench") / "peers" / f"{self.module.name}-{tool}.json"
        if not file.exists():
            written = write(self)
            file.parent.mkdir(exist_ok=True)
            told = {"code": written.code, "seconds": written.seconds, "problem": written.problem}
            file.write_text(json.dumps(told), encoding="utf-8")
        return _Written(**json.loads(file.read_text(encoding="utf-8")))

    def run(self, *command: str) -> tuple[subprocess.CompletedProcess[str], float]:
        """Run a program, at a low priority, and say how long it took; one that takes too long fails."""
        variables = {**os.environ, "PYTHONPATH": str(self.source_root), "PYNGUIN_DANGER_AWARE": "1"}
        nice = ("nice", "timeout", f"{_MOST_SECONDS:.0f}")
        started = time.perf_counter()
        done = subprocess.run(
            (*nice, *command), cwd=self.scratch, env=variables, capture_output=True, text=True, check=False
        )
        return done, time.perf_counter() - started


def _by_pynguin(place: _Place) -> _Written:
    output = place.scratch / "pynguin"
    shutil.rmtree(output, ignore_errors=True)
    options = {
        "--project-path": str(place.source_root),
        "--module-name": place.module.name,
        "--output-path": str(output),
        "--maximum-search-time": str(_SEARCH_SECONDS),
        "--maximum-mutation-time": str(_SEARCH_SECONDS),
        "--seed": "1",
        "--no-xfail": "True",
    }
    arguments = [word for option in options.items() for word in option]
    done, seconds = place.run(str(place.tools / "pynguin"), *arguments)
    files = sorted(output.glob("**/test_*.py"))
    code = files[0].read_text(encoding="utf-8") if files else ""
    return _Written(code=code, seconds=seconds, problem="" if code else _ending(done))


def _by_ghostwriter(place: _Place) -> _Written:
    done, seconds = place.run(str(place.tools / "hypothesis"), "write", place.module.name)
    code = "" if done.returncode else done.stdout
    return _Written(code=code, seconds=seconds, problem="" if code else _ending(done))


_WRITERS: dict[str, Callable[[_Place], _Written]] = {"Pynguin": _by_pynguin, "ghostwriter": _by_ghostwriter}


def _ending(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["it says nothing"]
    return f"it ended with {done.returncode}: {lines[-1][:200]}"
