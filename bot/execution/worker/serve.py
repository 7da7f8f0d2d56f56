"""Serve one plan of tests: load pytest once, then fork a child for each job.

One process serves one plan, so that pytest is loaded once; a job costs its own limits and no more, whatever
its code does. The plan comes as one JSON object on standard input:

    roots     folders that go first on the import path: the source roots of a copy of the project
    hidden    top-level modules that are refused, as they are not there for the reviewer
    owned     top-level modules that come from the roots or not at all
    refused   folders that are taken off the import path, but for what lies in the interpreter's own
    ini       text of the pytest configuration
    jobs      a list of

        number    names the job in what is told back
        kind      `test` for a test module, `import` for the loading of one module of the project, `mutants`
                  for a test module against changes of one module of the project
        code      the test module's text, or the module's dotted name
        seconds   the time limit of one attempt
        order     a seed to shuffle the test functions by; null for the order of the file
        without   names of test functions that are not run
        span      `{file, first, last}`: where the member stands whose lines are traced; null for no tracing
        names, file, source, mutants    for `mutants` alone, see `mutating.py`

What is told back are lines of JSON on standard output, none of them written by a process that has ever run
code of the project, and each written as soon as it is known:

    {"python": [3, 13], "prefix": "/usr", "pytest": "9.0.1", "problem": null}           once, at the start
    {"number": 0, "problem": null, "loaded": REACHED, "functions": [FUNCTION]}           after each job

with REACHED = `{"lines": [...], "branches": [[from, to], ...]}` (`to` is negative where the code is left) and
FUNCTION = `{"name": "Class::test_x", "status": "passed", "message": "", "lines": ..., "branches": ...}`. Of a
job of the kind `mutants` only `"mutants": [{"number": 0, "functions": {"test_x": "failed"}}]` is told.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from .account import Account
from .children import DONE, SAYINGS, Message, Send, become_parent, run_child
from .imports import arrange
from .teller import Teller
from .tracer import Span

_MOST_ATTEMPTS = 10
"""How many children one module may have: after one that hung or crashed, the next runs the functions left."""

_MOST_TIME_LIMITS = 2
"""How many time limits all the children of one module may use up together."""


def main() -> None:
    """Read the plan from standard input, and tell the results on standard output."""
    teller = Teller()
    become_parent()
    plan = json.load(sys.stdin)
    arrange(plan["roots"], plan["hidden"], plan["owned"], plan["refused"])
    problem = _load_pytest()
    teller.tell(_greeting(problem))
    if problem is None:
        _serve_jobs(plan, teller)


def _load_pytest() -> str | None:
    """Load pytest with all that each child would load else; return why that is not possible."""
    try:
        config = importlib.import_module("_pytest.config")
        importlib.import_module("pytest")
        for name in getattr(config, "default_plugins", ()):
            importlib.import_module("_pytest." + name)
        _testing()
        importlib.import_module(__package__ + ".mutating")
    except Exception as error:  # noqa: BLE001 - a project may bring its own pytest, which may raise anything
        return f"{type(error).__name__}: {error}"
    gc.collect()
    gc.freeze()  # the children's collections pass over what is loaded now
    return None


def _greeting(problem: str | None) -> Message:
    pytest = sys.modules.get("pytest")
    return {
        "python": list(sys.version_info[:2]),
        "prefix": sys.prefix,
        "pytest": str(getattr(pytest, "__version__", "")),
        "problem": problem,
    }


def _serve_jobs(plan: dict[str, Any], teller: Teller) -> None:
    ini = Path("pytest.ini").resolve()
    ini.write_text(plan["ini"], encoding="utf-8")
    for job in plan["jobs"]:
        if job["kind"] == "import":
            teller.tell(_serve_import(job, teller.descriptor))
        elif job["kind"] == "mutants":
            teller.tell(_serve_mutants(job, ini, teller.descriptor))
        else:
            teller.tell(_serve_test(job, ini, teller.descriptor))


def _serve_import(job: dict[str, Any], closed: int) -> Message:
    account = Account()
    ending = run_child(lambda send: _import(job["code"], send), job["seconds"], account.receive, closed)
    problem = account.problem if ending == DONE else f"it {SAYINGS[ending]}"
    return {"number": job["number"], "problem": problem or None, "loaded": account.loaded, "functions": []}


def _import(module: str, send: Send) -> None:
    try:
        importlib.import_module(module)
    except BaseException as error:  # noqa: BLE001 - foreign code raises what it likes
        problem = f"{type(error).__name__}: {error}".encode("utf-8", "replace").decode()[:500]
        send({"kind": "module", "problem": problem, "lines": [], "branches": []})


def _serve_test(job: dict[str, Any], ini: Path, closed: int) -> Message:
    """Run a module's functions; after one that hangs or crashes, run the rest in a new child."""
    account = Account()
    span = None if job["span"] is None else Span(**job["span"])
    deadline = time.monotonic() + _MOST_TIME_LIMITS * job["seconds"]
    for attempt in range(_MOST_ATTEMPTS):
        left = deadline - time.monotonic()
        folder = Path(f"job-{job['number']}-{attempt}").resolve()
        without = frozenset([*job["without"], *account.functions])
        run = _testing().ModuleRun(folder, job["code"], ini, job["order"], without, span)
        ending = run_child(
            functools.partial(_carry_out, run), min(left, job["seconds"]), account.receive, closed
        )
        _remove(folder)
        if not account.close(ending) or time.monotonic() > deadline:
            break
    return {
        "number": job["number"],
        "problem": account.problem or None,
        "loaded": account.loaded,
        "functions": list(account.functions.values()),
    }


def _serve_mutants(job: dict[str, Any], ini: Path, closed: int) -> Message:
    mutating = importlib.import_module(__package__ + ".mutating")
    folder = Path(f"job-{job['number']}").resolve()
    folder.mkdir()
    try:
        mutants = mutating.run_mutants(mutating.read_run(job, ini, folder), closed)
    finally:
        _remove(folder)
    return {"number": job["number"], "mutants": mutants}


def _carry_out(run: Any, send: Send) -> None:
    """Carry out one attempt at a module, a `ModuleRun`, in a child."""
    run.folder.mkdir()
    os.environ.update(HOME=str(run.folder), TMPDIR=str(run.folder))
    _testing().run_tests(run, send)


def _testing() -> Any:
    """Return what runs tests, which loads pytest: that waits until the import path is arranged."""
    return importlib.import_module(__package__ + ".testing")


def _remove(folder: Path) -> None:
    """Remove what an attempt has left, even where it took its own rights away."""
    for path, _, _ in os.walk(folder):
        with contextlib.suppress(OSError):
            Path(path).chmod(0o700)
    with contextlib.suppress(RecursionError):  # what is left goes with the whole folder
        shutil.rmtree(folder, ignore_errors=True)
