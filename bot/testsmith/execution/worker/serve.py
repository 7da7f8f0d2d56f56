"""Serve one plan of tests: load pytest once, then fork a child for each job.

One process serves one plan, so that pytest is loaded once; a job costs its own limits and no more, whatever
its code does. The plan comes as one JSON object on standard input:

    roots     folders that go first on the import path: the source roots of a copy of the project
    hidden    top-level modules that are refused, as they are not there for the reviewer
    owned     top-level modules that come from the roots or not at all
    refused   folders that are taken off the import path, but for what lies in the interpreter's own
    borrowed  folders that go last on the import path
    ini       text of the pytest configuration
    place     a path below a test's own folder where it works in truth; `""` for that folder itself
    instant   seconds since 1970 at which the clock goes on from; null for the real clock
    grounds   `{root, pristine, home}`: a copy of the project that may be written to, what it was made of, and
              the project's folder in it; null where nothing of the project takes part
    seed      what a plugin of the project that shuffles tests is given
    jobs      a list of

        number    names the job in what is told back
        kind      `test` for a test module, `import` for the loading of one module of the project, `mutants`
                  for a test module against changes of one module of the project
        code      the test module's text, or the module's dotted name
        seconds   the time limit of one attempt
        order     a seed to shuffle the test functions by; null for the order of the file
        without   names of test functions that are not run
        beside    the path below the copy's root where the test would stand, in a session of the project's
                  own; null for a session without anything of the project
        apart     whether each function is run in a child of its own
        twice     whether all is run again where it left files
        own_calls  whether it is told which calls of the module's own text are not made
        span      `{file, first, last}`: where the member stands whose lines are traced; null for no tracing
        names, file, source, mutants, direct    for `mutants` alone, see `mutating.py`

What is told back are lines of JSON on standard output, none of them written by a process that has ever run
code of the project, and each written as soon as it is known:

    {"python": [3, 13], "pytest": "9.0.1", "problem": null, "locales": []}    at the start
    {"number": 0, "problem": null, "loaded": REACHED, "functions": [FUNCTION], "done": []}     after each job

with REACHED = `{"lines": [...], "branches": [[from, to], ...]}` (`to` is negative where the code is left) and
FUNCTION = `{"name": "Class::test_x", "status": "passed", "message": "", "lines": ..., "branches": ...,
"network": false, "left": []}`, with whether it failed for want of a network, and names of files that it left.
`idle` is null, or where calls and imports of the module's own text stand that were not reached, each as
`[line, column, last line, last column]`. `done` tells what came of the setting: `clock`, and the words of
`grounds.py`. Of a job of the kind `mutants` only `"mutants": [{"number": 0, "functions": {"test_x":
"failed"}}]` is told, and `"acts": true` where the changes are written into a copy's file and are shown to
have an effect.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import locale
import os
import sys
import time
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, NamedTuple

from .clock import set_clock
from .forking import DONE, SAYINGS, Message, Send, become_parent, run_child
from .imports import arrange
from .project_session import ProjectFolder, Session, read_grounds, remove_folder
from .results import JobResults, ResultChannel
from .tracer import MemberSpan

CLOCK = "clock"
"""That the clock was moved, as it is told back."""

_DEBUGGER = ("pdb", "bdb", "cmd", "code", "codeop", "readline", "rlcompleter")
"""What pytest loads when it is set up: here, once, unless the project has a module of such a name."""

_LOCALES = ("de_DE.UTF-8", "fr_FR.UTF-8", "es_ES.UTF-8", "pt_BR.UTF-8", "tr_TR.UTF-8", "ja_JP.UTF-8")
"""Locales with another language, and most with another decimal point, than texts without any."""

_MOST_ATTEMPTS = 10
"""How many children one module may have: after one that hung or crashed, the next runs the functions left."""

_LEAST_SECONDS = 1.0
_MOST_SECONDS = 10.0
_MOST_WORK_SECONDS = 3.0
"""A session of the project's own that takes longer is not set up for another candidate."""

_MOST_TIME_LIMITS = 2
"""How many time limits all the children of one module may use up together."""


def main() -> None:
    """Read the plan from standard input, and tell the results on standard output."""
    teller = ResultChannel()
    become_parent()
    plan = json.load(sys.stdin)
    arrange(plan["roots"], plan["hidden"], plan["owned"], plan["refused"], plan["borrowed"])
    is_moved = plan["instant"] is not None and set_clock(plan["instant"])
    problem = _load_pytest(plan["roots"])
    teller.tell(_greeting(problem))
    if problem is None:
        _serve_jobs(plan, teller, [CLOCK] if is_moved else [])


def _load_pytest(roots: list[str]) -> str | None:
    """Load pytest with all that each child would load else; return why that is not possible."""
    try:
        config = importlib.import_module("_pytest.config")
        importlib.import_module("pytest")
        for name in getattr(config, "default_plugins", ()):
            importlib.import_module("_pytest." + name)
        if not any(PathFinder.find_spec(name, roots) for name in _DEBUGGER):
            importlib.import_module(_DEBUGGER[0])
        _testing()
        importlib.import_module(__package__ + ".mutation")
    except BaseException as error:  # noqa: BLE001 - a project may bring its own pytest, which may raise anything
        return f"{type(error).__name__}: {error}"
    gc.collect()
    gc.freeze()  # the children's collections pass over what is loaded now
    return None


def _greeting(problem: str | None) -> Message:
    pytest = sys.modules.get("pytest")
    return {
        "python": list(sys.version_info[:2]),
        "pytest": str(getattr(pytest, "__version__", "")),
        "problem": problem,
        "locales": [name for name in _LOCALES if _is_there(name)],
    }


def _is_there(name: str) -> bool:
    """Tell whether the system has a locale."""
    before = locale.setlocale(locale.LC_NUMERIC)
    try:
        locale.setlocale(locale.LC_NUMERIC, name)
    except locale.Error:
        return False
    locale.setlocale(locale.LC_NUMERIC, before)
    return True


def _serve_jobs(plan: dict[str, Any], teller: ResultChannel, done: list[str]) -> None:
    ini = Path("settings.ini").resolve()  # no name that pytest would find by itself
    ini.write_text(plan["ini"], encoding="utf-8")
    grounds = read_grounds(plan)
    tests = _Tests(ini, plan["place"], grounds, teller.descriptor)
    for job in plan["jobs"]:
        if job["kind"] == "import":
            teller.tell(_serve_import(job, teller.descriptor))
        elif job["kind"] == "mutants":
            teller.tell(_serve_mutants(job, ini, grounds, teller.descriptor))
        else:
            data = tests.serve(job)
            teller.tell({**data, "done": [*done, *data["done"]]})


def _serve_import(job: dict[str, Any], closed: int) -> Message:
    account = JobResults()
    ending = run_child(lambda send: _import(job["code"], send), job["seconds"], account.receive, closed)
    problem = account.problem if ending == DONE else f"it {SAYINGS[ending]}"
    return {"number": job["number"], "problem": problem or None, "loaded": account.loaded, "functions": []}


def _import(module: str, send: Send) -> None:
    try:
        importlib.import_module(module)
    except BaseException as error:  # noqa: BLE001 - foreign code raises what it likes
        problem = f"{type(error).__name__}: {error}".encode("utf-8", "replace").decode()[:500]
        send({"kind": "module", "problem": problem, "lines": [], "branches": []})


class _Tests:
    """Runs test modules.

    Args:
        ini: The pytest configuration of a session without anything of the project.
        place: A path below a test's own folder where it works in truth.
        grounds: A copy of the project that tests may take part in; None for none.
        closed: The file descriptor that no child may have.
    """

    def __init__(self, ini: Path, place: str, grounds: ProjectFolder | None, closed: int) -> None:
        self._ini = ini
        self._place = place
        self._grounds = grounds
        self._closed = closed

    def serve(self, job: dict[str, Any]) -> Message:
        """Run a test module, beside the project's own tests where it is to be and can be."""
        account, done = self._in_session(job, job["beside"]) or (self._alone(job), [])
        return {
            "number": job["number"],
            "problem": account.problem or None,
            "loaded": account.loaded,
            "functions": list(account.functions.values()),
            "idle": account.idle,
            "done": done,
        }

    def _in_session(self, job: dict[str, Any], path: str | None) -> tuple[JobResults, list[str]] | None:
        """Run it in the best session of the project's own that can be set up; None where none can."""
        grounds = self._grounds
        if grounds is None or path is None:
            return None
        deadline = time.monotonic() + job["seconds"]
        for session in grounds.sessions(path):
            started = _Spent.so_far()
            left = max((deadline - time.monotonic()) / 2, _LEAST_SECONDS)  # some for the next one
            account, is_done = self._attempts(job, left, session)
            grounds.restore()
            if account.is_whole and is_done:
                if started.is_long_ago():
                    grounds.give_up(path, session)
                return account, session.words
            if not account.is_spoiled:
                grounds.give_up(path, session)
        return None

    def _alone(self, job: dict[str, Any]) -> JobResults:
        account, is_done = self._attempts(job, _MOST_TIME_LIMITS * job["seconds"], None, keep=job["twice"])
        folder = self._folder(job)
        if job["twice"] and is_done and account.functions and _holds_files(folder / self._place):
            again, _ = self._attempts(job, job["seconds"], None)
            account.take_again(again)
        remove_folder(folder)
        return account

    def _folder(self, job: dict[str, Any]) -> Path:
        return Path(f"job-{job['number']}").resolve()

    def _attempts(
        self, job: dict[str, Any], seconds: float, session: Session | None, *, keep: bool = False
    ) -> tuple[JobResults, bool]:
        """Run a module's functions; after one that hangs or crashes, run the rest in a new child.

        Returns:
            What is known of them, and whether it is known of all.
        """
        account = JobResults()
        span = None if job["span"] is None or session is not None else MemberSpan(**job["span"])
        deadline = time.monotonic() + seconds
        folder = self._folder(job)
        is_done = False
        for _ in range(_MOST_ATTEMPTS):
            left = deadline - time.monotonic()
            without = frozenset([*job["without"], *account.functions])
            run = _testing().ModuleRun(
                folder / self._place,
                job["code"],
                self._ini,
                job["order"],
                without,
                span,
                job["apart"],
                session,
                job["own_calls"],
            )
            body = functools.partial(_carry_out, run)
            ending = run_child(body, min(left, job["seconds"]), account.receive, self._closed)
            is_done = ending == DONE
            if not (keep and is_done):
                remove_folder(folder)
            if not account.close(ending) or time.monotonic() > deadline:
                break
        return account, is_done


class _Spent(NamedTuple):
    """How long all has taken so far: on the clock, and the processors for the children that have ended."""

    clock: float
    processor: float

    @classmethod
    def so_far(cls) -> _Spent:
        times = os.times()
        return cls(time.monotonic(), times.children_user + times.children_system)

    def is_long_ago(self) -> bool:
        """Tell whether what has been done since is too slow to be done for each candidate."""
        now = _Spent.so_far()
        return now.clock - self.clock > _MOST_SECONDS or now.processor - self.processor > _MOST_WORK_SECONDS


def _holds_files(folder: Path) -> bool:
    """Tell whether a module has left files outside of pytest's temporary folder."""
    there = {place for sub in (folder, folder / "work") if sub.is_dir() for place in sub.iterdir()}
    return bool(there - {folder / name for name in ("tests", "tmp", "work")})


def _serve_mutants(job: dict[str, Any], ini: Path, grounds: ProjectFolder | None, closed: int) -> Message:
    mutating = importlib.import_module(__package__ + ".mutation")
    folder = Path(f"job-{job['number']}").resolve()
    folder.mkdir()
    run = mutating.read_run(job, ini, folder)
    try:
        if grounds is None or run.direct is None:
            return {"number": job["number"], "mutants": mutating.run_mutants(run, closed)}
        mutants, acts = mutating.run_in_file(run, run.direct, closed)
        grounds.restore()
        return {"number": job["number"], "mutants": mutants, "acts": acts}
    finally:
        remove_folder(folder)


def _carry_out(run: Any, send: Send) -> None:
    """Carry out one attempt at a module, a `ModuleRun`, in a child."""
    run.folder.mkdir(parents=True, exist_ok=True)
    os.environ.update(HOME=str(run.folder), TMPDIR=str(run.folder))
    _testing().seed_anew()
    _testing().run_tests(run, send)


def _testing() -> Any:
    """Return what runs tests, which loads pytest: that waits until the import path is arranged."""
    return importlib.import_module(__package__ + ".test_run")
