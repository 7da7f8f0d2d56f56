"""Explore members: describe them, or run trials, each in a child of its own.

The module under test is loaded once, then a child is forked for each trial; a hostile or hanging trial costs
its time limit and no more. The job comes as one JSON object on standard input:

    roots, hidden, owned, refused      as for the tests; see `imports.arrange`
    module      the public module to load
    days        how far the clock is moved ahead
    describe    names of members to describe, in this process
    trials      a list of trials
    file        the file whose lines are traced; null for no tracing
    limits      `{"seconds", "cpu_seconds", "memory", "longest", "failures"}`: those of one trial, the most
                characters of a value's text, and after how many trials of a member that ran into a limit or
                died its others are not run

with each trial

    number, member
    imports     import statements
    setup       statements
    call        an expression or a statement
    watched     names of objects that the setup makes, which are looked at afterwards
    probes      expressions that are looked at afterwards
    inside      whether an object is told by what it shows, even where it has a source text
    expected    the value that is documented, as an expression; null for none
    exception   the name of the documented exception's class; null for none

What is told back are lines of JSON:

    {"problem": null, "missing": null}                     once: why the module cannot be loaded, and the
                                                           name of a module that is not there
    {"description": {...}}                                 one a name; see `describe`
    {"number", "outcome", "state", "writes", "lines", "branches"}    one a trial; see `observe`

State is a list of `{"of", "text", "imports", "before"}`: what the watched objects, the probes
and the files in the working folder show after the call, and the text that they showed before it; `writes`
says whether there are such files.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from .children import DONE, SAYINGS, Send, become_parent, run_child
from .clock import move_clock
from .describe import describe
from .imports import arrange
from .observe import Told, nothing
from .teller import Teller
from .trial import TrialRun


def main() -> None:
    """Read the job from standard input, and tell the results on standard output."""
    teller = Teller()
    become_parent()
    job = json.load(sys.stdin)
    arrange(job["roots"], job["hidden"], job["owned"], job["refused"])
    if job["days"]:
        move_clock(job["days"])
    problem = _load(job["module"])
    teller.tell(problem)
    if problem["problem"] is not None:
        return
    for name in job["describe"]:
        teller.tell({"description": describe(job["module"], name)})
    gc.collect()
    gc.freeze()  # the children's collections pass over what is loaded now
    _run_trials(job, teller)


def _load(module: str) -> Told:
    try:
        importlib.import_module(module)
    except BaseException as error:  # noqa: BLE001 - foreign code raises what it likes
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        return {"problem": f"{type(error).__name__}: {error}"[:500], "missing": missing}
    return {"problem": None, "missing": None}


def _run_trials(job: Told, teller: Teller) -> None:
    runner = _Runner(job, teller.descriptor)
    for trial in job["trials"]:
        teller.tell({"number": trial["number"], **runner.run(trial)})


class _Runner:
    """Runs trials, each in a child of its own.

    Args:
        job: The job.
        closed: The file descriptor that no child may have.
    """

    def __init__(self, job: Told, closed: int) -> None:
        self._job = job
        self._closed = closed
        self._folder = Path("trial").resolve()
        self._failures: dict[str, int] = {}
        self._before: dict[str, list[Told]] = {}

    def run(self, trial: Told) -> Told:
        """Run a trial, and return what was observed."""
        member = trial["member"]
        if self._failures.get(member, 0) >= self._job["limits"]["failures"]:
            return _unseen("others of its trials ran into a limit")
        run = TrialRun(
            folder=self._folder,
            trial=trial,
            roots=self._job["roots"],
            file=self._job["file"],
            limits=self._job["limits"],
            before=[],
        )
        run = run._replace(before=self._state_before(run))
        heard, ending = self._in_child(run.carry_out)
        if ending != DONE or heard is None:
            self._failures[member] = self._failures.get(member, 0) + 1
            return _unseen(f"it {SAYINGS[ending]}")
        return {name: heard.get(name) for name in _unseen("")}

    def _state_before(self, run: TrialRun) -> list[Told]:
        """Look at the objects before the call, in a child, since looking may change them; once a setup."""
        trial = run.trial
        if not trial["watched"] and not trial["probes"]:
            return []
        key = json.dumps([trial["setup"], trial["watched"], trial["probes"]])
        if key not in self._before:
            heard, _ = self._in_child(run.look)
            state = heard.get("state") if heard else None
            self._before[key] = state if isinstance(state, list) else []
        return self._before[key]

    def _in_child(self, body: Callable[[Send], None]) -> tuple[Told | None, str]:
        """Run a function in a child, in an empty folder; return its last message, and how it ended."""
        heard: list[Told] = []
        self._folder.mkdir(exist_ok=True)
        ending = run_child(body, self._job["limits"]["seconds"], heard.append, self._closed)
        if any(self._folder.iterdir()):
            _remove(self._folder)
        return heard[-1] if heard else None, ending


def _unseen(reason: str) -> Told:
    return {"outcome": nothing(reason), "state": [], "writes": False, "lines": [], "branches": []}


def _remove(folder: Path) -> None:
    for path, _, _ in os.walk(folder):
        with contextlib.suppress(OSError):
            Path(path).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
