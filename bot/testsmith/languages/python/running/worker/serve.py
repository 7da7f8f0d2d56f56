"""Run plans of tests: load pytest once, then fork a child for each plan, and one for each of its jobs.

Because of the children, a job only uses up its own limits, whatever its code does. A plan has:

    roots     folders placed first on the import path: the source roots of a copy of the project
    hidden    top-level modules that cannot be imported, because a reviewer does not have them
    owned     top-level modules that are only found in the roots
    refused   folders removed from the import path, except parts of the interpreter
    borrowed  folders placed last on the import path
    ini       content of the pytest configuration
    place     path below a test's own folder to use as the working folder; `""` for that folder itself
    instant   start time of the clock in seconds since 1970; null for the real clock
    working_copy  `{root, pristine, home}`: a writable copy of the project, its original, and the
              project's folder in the copy; null if nothing runs in a session of the project
    seed      seed for plugins of the project that shuffle tests
    jobs      a list of

        number    identifies the job in the results
        kind      `test` for a test module, `import` to import a module of the project, `mutants` to run a
                  test module against mutants of a module
        code      text of the test module, or the dotted name of the module
        alone     text of the test module if it is run alone; empty for `code`; only for `test`
        seconds   time limit for one attempt
        order     seed for shuffling the test functions; null for file order
        without   names of test functions to leave out
        test_path    path below the copy's root for the test, to run it in a session of the project; null to
                  run it alone
        in_project  whether not to run it at all if no session can be set up
        with_own    whether to run it next to the project's tests of that path
        apart     whether to run each function in its own child
        twice     whether to run everything again if it left files
        own_calls  whether to report the calls in the module that were not made
        span      `{file, first, last}`: location of the member to trace; null for no tracing
        recorded  locations of members whose calls to report, see `comparable_calls.py`
        names, file, source, mutants, direct, in_file    only for `mutants`, see `mutation.py`

Results are sent as soon as they are known by a process that never runs code of the project:

    {"python": [3, 13], "pytest": "9.0.1", "problem": null, "locales": []}    at the start
    {"number": 0, "problem": null, "loaded": REACHED, "functions": [FUNCTION], "done": []}     after each job

REACHED is `{"lines": [...], "branches": [[from, to], ...]}`, where a negative `to` means leaving the code.
FUNCTION is `{"name": "Class::test_x", "status": "passed", "message": "", "lines": ..., "branches": ...,
"network": false, "left": [], "calls": []}`, where `network` says whether it failed because of a missing
network, `left` names files it left, and `calls` are digests of its calls of the members in `recorded`.
`idle` is null, or the locations of calls and imports in the module that were not reached, each `[line,
column, last line, last column]`. `fault` says that it was not run. `done` lists flags: `clock`, and those of
`project_session.py`. For a job of kind `mutants`, the result only has `"mutants": [{"number": 0, "functions":
{"test_x": "failed"}}]` and, if mutants are written to a file and were shown to take effect, `"acts": true`.
"""

from __future__ import annotations

import functools
import gc
import importlib
import locale
import os
import sys
import time
from importlib.machinery import PathFinder
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from .clock import set_clock
from .forking import DONE, ENDING_TEXTS, Message, Send, Sender, run_child
from .imports import arrange
from .plans import Plan, run_plans
from .project_session import TEMPORARY, ProjectFolder, Session, read_working_copy, remove_folder
from .results import JobResults
from .tracer import MemberSpan

CLOCK = "clock"
"""Flag in the results: the clock was moved."""

_DEBUGGER = ("pdb", "bdb", "cmd", "code", "codeop", "readline", "rlcompleter")
"""Modules that pytest loads during setup; loaded once here, unless the project has a module of that name."""

_NO_FIXTURES = (type, ModuleType, str, int, tuple, list, dict, set, frozenset, type(None))

_LOCALES = ("de_DE.UTF-8", "fr_FR.UTF-8", "es_ES.UTF-8", "pt_BR.UTF-8", "tr_TR.UTF-8", "ja_JP.UTF-8")
"""Locales that differ from the C locale in language and mostly in the decimal point."""

_MOST_ATTEMPTS = 10
"""Maximum number of children per module. If one hangs or crashes, the next one continues."""

_LEAST_SECONDS = 1.0
_MOST_SECONDS = 10.0
_MOST_WORK_SECONDS = 3.0
"""A session of the project that takes longer is not set up for other candidates."""

_IGNORED = "the project's pytest does not collect it as a test"
_NO_SESSION = "the project's own test session could not be set up"

_OWN_SHARE, _SHARE = 1 / 3, 1 / 2
"""Shares of the remaining time for a session next to the project's tests, and for another one.

The rest is left for the sessions after it.
"""

_MOST_TIME_LIMITS = 2
"""Maximum total time of all children of one module, in time limits."""


def main() -> None:
    """Read plans from standard input and write the results to standard output."""
    run_plans(_prepare, _serve)


def _prepare(plan: Plan) -> str | None:
    """Set up imports and load pytest; return why that failed, if it did."""
    arrange(plan["roots"], plan["hidden"], plan["owned"], plan["refused"], plan["borrowed"])
    return _load_pytest(plan["roots"])


def _serve(plan: Plan, problem: str | None, sender: Sender) -> None:
    is_moved = plan["instant"] is not None and set_clock(plan["instant"])
    sender.tell(_greeting(problem))
    if problem is None:
        _serve_jobs(plan, sender, [CLOCK] if is_moved else [])


def _load_pytest(roots: list[str]) -> str | None:
    """Load pytest and everything each child would load; return why that failed, if it did."""
    gc.disable()  # nothing to collect yet: it would take a tenth of the time
    try:
        config = importlib.import_module("_pytest.config")
        importlib.import_module("pytest")
        for name in getattr(config, "default_plugins", ()):
            list_less(importlib.import_module("_pytest." + name))
        if not any(PathFinder.find_spec(name, roots) for name in _DEBUGGER):
            importlib.import_module(_DEBUGGER[0])
        _testing()
        importlib.import_module(__package__ + ".mutation")
    except BaseException as error:  # noqa: BLE001 - the project's own pytest may raise anything
        return f"{type(error).__name__}: {error}"
    finally:
        gc.freeze()  # exclude loaded objects from the children's garbage collection
        gc.enable()
    return None


def list_less(plugin: ModuleType) -> None:
    """Let `dir` leave out what is certainly neither a hook nor a fixture: classes, modules and plain values.

    Each session looks at everything that is listed for pytest's own plugins, which takes a tenth of its time.
    """
    listed = [
        name
        for name, value in vars(plugin).items()
        if name.startswith("pytest_") or _may_be_fixture(name, value)
    ]
    vars(plugin)["__dir__"] = lambda: listed


def _may_be_fixture(name: str, value: object) -> bool:
    """Return whether a value of one of pytest's plugins may be a fixture."""
    if name.startswith("__") or isinstance(value, _NO_FIXTURES):
        return False
    return not isinstance(value, FunctionType) or bool(vars(value))  # old versions mark functions


def _greeting(problem: str | None) -> Message:
    pytest = sys.modules.get("pytest")
    return {
        "python": list(sys.version_info[:2]),
        "pytest": str(getattr(pytest, "__version__", "")),
        "problem": problem,
        "locales": [name for name in _LOCALES if _is_there(name)],
    }


def _is_there(name: str) -> bool:
    """Return whether a locale is installed."""
    before = locale.setlocale(locale.LC_NUMERIC)
    try:
        locale.setlocale(locale.LC_NUMERIC, name)
    except locale.Error:
        return False
    locale.setlocale(locale.LC_NUMERIC, before)
    return True


def _serve_jobs(plan: Plan, sender: Sender, done: list[str]) -> None:
    ini = Path("settings.ini").resolve()  # not a name that pytest looks for
    ini.write_text(plan["ini"], encoding="utf-8")
    working_copy = read_working_copy(plan)
    tests = _Tests(ini, plan["place"], working_copy, sender.descriptor)
    for job in plan["jobs"]:
        if job["kind"] == "import":
            sender.tell(_serve_import(job, sender.descriptor))
        elif job["kind"] == "mutants":
            sender.tell(_serve_mutants(job, ini, working_copy, sender.descriptor))
        else:
            data = tests.serve(job)
            sender.tell({**data, "done": [*done, *data["done"]]})


def _serve_import(job: dict[str, Any], closed: int) -> Message:
    account = JobResults()
    ending = run_child(lambda send: _import(job["code"], send), job["seconds"], account.receive, closed)
    problem = account.problem if ending == DONE else f"it {ENDING_TEXTS[ending]}"
    return {"number": job["number"], "problem": problem or None, "loaded": account.loaded, "functions": []}


def _import(module: str, send: Send) -> None:
    try:
        importlib.import_module(module)
    except BaseException as error:  # noqa: BLE001 - untrusted code may raise anything
        problem = f"{type(error).__name__}: {error}".encode("utf-8", "replace").decode()[:500]
        send({"kind": "module", "problem": problem, "lines": [], "branches": []})


class _Tests:
    """Runs test modules.

    Args:
        ini: pytest configuration for modules that run alone.
        place: Path below a test's own folder to use as the working folder.
        working_copy: Copy of the project for sessions, if any.
        closed: File descriptor to close in children.
    """

    def __init__(self, ini: Path, place: str, working_copy: ProjectFolder | None, closed: int) -> None:
        self._ini = ini
        self._place = place
        self._working_copy = working_copy
        self._closed = closed

    def serve(self, job: dict[str, Any]) -> Message:
        """Run a test module, in a session of the project if requested and possible."""
        ran = self._in_session(job, job["test_path"])
        if ran is None and job["in_project"]:
            return {"number": job["number"], "problem": _NO_SESSION, "fault": True, "done": []}
        account, done = ran or (self._alone(job), [])
        return {
            "number": job["number"],
            "problem": account.problem or None,
            "loaded": account.loaded,
            "functions": list(account.functions.values()),
            "idle": account.idle,
            "done": done,
        }

    def _in_session(self, job: dict[str, Any], path: str | None) -> tuple[JobResults, list[str]] | None:
        """Run it in the best session of the project that can be set up; return None if none can."""
        working_copy = self._working_copy
        if working_copy is None or path is None:
            return None
        ignored = None
        limits = _MOST_TIME_LIMITS if job["in_project"] else 1  # otherwise it can be run alone
        deadline = time.monotonic() + limits * job["seconds"]
        own_is_slow = False
        for session in working_copy.sessions(path, with_own_tests=job["with_own"]):
            if own_is_slow and session.own is not None:
                working_copy.give_up(path, session)
                continue
            started = _Spent.so_far()
            share = _OWN_SHARE if session.own is not None else _SHARE
            left = max((deadline - time.monotonic()) * share, _LEAST_SECONDS)
            account, is_done = self._attempts(job, left, session)
            own_is_slow = session.own is not None and time.monotonic() - started.clock >= left
            working_copy.restore()
            if job["is_of_file"] and session.own is not None and account.problem:
                continue
            if account.is_whole and is_done:
                if started.is_long_ago() and not job["in_project"]:
                    working_copy.give_up(path, session)
                return account, session.words
            if account.is_ignored and not session.with_addopts:
                account.problem = account.problem or _IGNORED
                ignored = account, session.words
            elif not account.is_spoiled:
                working_copy.give_up(path, session)
        return ignored

    def _alone(self, job: dict[str, Any]) -> JobResults:
        job = {**job, "code": job["alone"] or job["code"]}
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
        """Run a module's functions; if one hangs or crashes, run the rest in a new child.

        Returns:
            The results, and whether they are complete.
        """
        account = JobResults()
        is_in_project = job["in_project"] and session is not None and session.own is None
        is_traced = session is None or is_in_project or job["is_of_file"]
        span = MemberSpan(**job["span"]) if job["span"] is not None and is_traced else None
        deadline = time.monotonic() + seconds
        folder = self._folder(job)
        if session is not None and job["in_project"] and self._place:
            session = session._replace(home=folder / self._place / "work")
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
                tuple(MemberSpan(**one) for one in job["recorded"]),
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
    """Time spent so far: wall-clock time, and CPU time of children that have ended."""

    clock: float
    processor: float

    @classmethod
    def so_far(cls) -> _Spent:
        times = os.times()
        return cls(time.monotonic(), times.children_user + times.children_system)

    def is_long_ago(self) -> bool:
        """Return whether the time spent since then is too long to repeat for each candidate."""
        now = _Spent.so_far()
        return now.clock - self.clock > _MOST_SECONDS or now.processor - self.processor > _MOST_WORK_SECONDS


def _holds_files(folder: Path) -> bool:
    """Return whether a module has left files outside of pytest's temporary folder."""
    there = {place for sub in (folder, folder / "work") if sub.is_dir() for place in sub.iterdir()}
    return bool(there - {folder / name for name in ("tests", "tmp", "work", TEMPORARY)})


def _serve_mutants(
    job: dict[str, Any], ini: Path, working_copy: ProjectFolder | None, closed: int
) -> Message:
    mutating = importlib.import_module(__package__ + ".mutation")
    folder = Path(f"job-{job['number']}").resolve()
    folder.mkdir()
    run, path = mutating.read_run(job, ini, folder), job["test_path"]
    sessions = (
        [None] if working_copy is None or path is None else working_copy.sessions(path, with_own_tests=False)
    )
    mutants, acts = [], False
    try:
        for session in sessions:
            run = run._replace(session=session)
            if job["in_file"] and run.direct is not None:
                mutants, acts = mutating.run_in_file(run, run.direct, closed)
            else:
                mutants = mutating.run_mutants(run, closed)
            if working_copy is not None:
                working_copy.restore()
            if mutants:
                break
        return {"number": job["number"], "mutants": mutants, "acts": acts}
    finally:
        remove_folder(folder)


def _carry_out(run: Any, send: Send) -> None:
    """Run one attempt at a module, a `ModuleRun`, in a child."""
    temporary = run.folder / TEMPORARY
    temporary.mkdir(parents=True, exist_ok=True)
    os.environ.update(HOME=str(run.folder), TMPDIR=str(temporary))
    _testing().seed_anew()
    _testing().run_tests(run, send)


def _testing() -> Any:
    """Return the module that imports pytest, which must wait until the import path is set up."""
    return importlib.import_module(__package__ + ".test_run")
