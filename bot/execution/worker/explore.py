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
    expected    the value that is documented, as an expression; null for none
    exception   the name of the documented exception's class; null for none

What is told back are lines of JSON:

    {"problem": null, "missing": null}                     once: why the module cannot be loaded, and the
                                                           name of a module that is not there
    {"description": {...}}                                 one a name; see `describe`
    {"number", "outcome", "state", "writes", "lines", "branches"}    one a trial; see `observe`

State is a list of `{"of", "text", "imports", "approximate", "before"}`: what the watched objects, the probes
and the files in the working folder show after the call, and the text that they showed before it; `writes`
says whether there are such files.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import resource
import shutil
import signal
import sys
import warnings
from pathlib import Path
from typing import Any, NamedTuple

from .children import DONE, SAYINGS, Send, become_parent, run_child
from .clock import move_clock
from .describe import describe
from .imports import arrange
from .literals import quoted, written
from .observe import (
    Raises,
    Told,
    facts,
    form_of,
    is_documented,
    nothing,
    printed,
    settle,
    told,
    value_outcome,
)
from .refusal import Refusal
from .teller import Teller
from .tracer import Reached, Span, make_tracer

_LAST_LINE = 10**9
_MOST_CHECKS = 12
_MOST_FILES = 2
_LONGEST_FILE = 200


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
    failures: dict[str, int] = {}
    for trial in job["trials"]:
        member = trial["member"]
        if failures.get(member, 0) >= job["limits"]["failures"]:
            teller.tell({"number": trial["number"], **_unseen("others of its trials ran into a limit")})
            continue
        observation, ending = _run_trial(job, trial, teller.descriptor)
        if ending != DONE:
            failures[member] = failures.get(member, 0) + 1
        teller.tell({"number": trial["number"], **observation})


def _unseen(reason: str) -> Told:
    return {"outcome": nothing(reason), "state": [], "writes": False, "lines": [], "branches": []}


def _run_trial(job: Told, trial: Told, closed: int) -> tuple[Told, str]:
    """Run one trial in a child; return what was observed, and how the child ended."""
    heard: list[Told] = []
    folder = Path("trial").resolve()
    folder.mkdir(exist_ok=True)
    run = _Trial(folder=folder, trial=trial, roots=job["roots"], file=job["file"], limits=job["limits"])
    ending = run_child(run.carry_out, job["limits"]["seconds"], heard.append, closed)
    if any(folder.iterdir()):
        _remove(folder)
    if ending != DONE or not heard:
        return _unseen(f"it {SAYINGS[ending]}"), ending
    return {name: heard[-1].get(name) for name in _unseen("")}, ending


def _remove(folder: Path) -> None:
    for path, _, _ in os.walk(folder):
        with contextlib.suppress(OSError):
            Path(path).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


class _Trial(NamedTuple):
    """One trial, carried out in a child."""

    folder: Path
    trial: Told
    roots: list[str]
    file: str | None
    limits: Told

    def carry_out(self, send: Send) -> None:
        """Run the trial, and tell what was seen."""
        os.chdir(self.folder)
        os.environ.update(HOME=str(self.folder), TMPDIR=str(self.folder))
        _limit(self.limits)
        refusal = Refusal(str(self.folder))
        reached = Reached()
        outcome, state = self._observe(_Tracing(self.file, reached))
        if refusal.reason is not None:
            outcome, state = nothing(refusal.reason), []
        seen = {"outcome": outcome, "state": state, "writes": any(self.folder.iterdir())}
        send({"kind": "observation", **seen, **reached.as_json()})

    def _observe(self, tracing: _Tracing) -> tuple[Told, list[Told]]:
        namespace: Told = {"__name__": "trial"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                for statement in [*self.trial["imports"], *self.trial["setup"]]:
                    exec(statement, namespace)  # noqa: S102 - this is the sandbox, made for it
            except BaseException as error:  # noqa: BLE001 - foreign code raises what it likes
                return nothing(f"its setup raises {type(error).__name__}: {error}"), []
            before = [*self._state_before(namespace), *_files()]
            outcome = self._call(namespace)
            tracing.stop()  # what looking at the state reaches is not the call's
            return outcome, _with_before([*self._state(namespace), *_files()], before)

    def _call(self, namespace: Told) -> Told:
        """Make the call, and return its outcome."""
        known = {name: namespace[name] for name in self.trial["watched"] if name in namespace}
        out = io.StringIO()
        form = "plain"
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
                given = _evaluate(self.trial["call"], namespace)
                form = form_of(given)
                form, value = settle(given, form)
        except BaseException as error:  # noqa: BLE001 - foreign code raises what it likes
            return {**Raises(self.roots).outcome(error, self.trial["exception"]), "form": form}
        if value is None and out.getvalue():
            return printed(out.getvalue(), self.limits["longest"])
        outcome = value_outcome(form, value, known, self.limits["longest"])
        return {**outcome, "agrees": self._agrees(value, namespace)}

    def _agrees(self, value: Any, namespace: Told) -> bool | None:
        """Tell whether a value is the documented one; None where that cannot be said."""
        if self.trial["exception"] is not None:
            return False
        if self.trial["expected"] is None:
            return None
        try:
            return is_documented(value, _evaluate(self.trial["expected"], namespace))
        except Exception:  # noqa: BLE001 - a foreign constructor or comparison may raise anything
            return None

    def _state_before(self, namespace: Told) -> list[Told]:
        """Look at the state in a child, since looking may change it."""
        if not self.trial["watched"] and not self.trial["probes"]:
            return []
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(writer, json.dumps(self._state(namespace)).encode())
            finally:
                os._exit(0)
        os.close(writer)
        with open(reader, "rb") as told:  # noqa: PTH123 - it is a file descriptor
            text = told.read()
        os.waitpid(child, 0)
        state: list[Told] = json.loads(text or b"[]")
        return state

    def _state(self, namespace: Told) -> list[Told]:
        """Return what the objects and the probes show now; probes that change an object show nothing."""
        found = self._facts(namespace)
        probed = [fact for probe in self.trial["probes"] for fact in self._probed(probe, namespace)]
        if probed and self._facts(namespace) == found:
            found += probed
        return found[:_MOST_CHECKS]

    def _facts(self, namespace: Told) -> list[Told]:
        names = [name for name in self.trial["watched"] if name in namespace]
        return [{**fact, "of": fact["of"].format(name)} for name in names for fact in facts(namespace[name])]

    def _probed(self, probe: str, namespace: Told) -> list[Told]:
        try:
            text = written(_evaluate(probe, namespace), self.limits["longest"])
        except Exception:  # noqa: BLE001 - foreign code raises what it likes
            return []
        return [] if text is None else [{"of": probe, **told(text)}]


class _Tracing:
    """The tracing of one file's lines, which may be none."""

    def __init__(self, file: str | None, reached: Reached) -> None:
        self._tracer = None if file is None else make_tracer(Span(file, 1, _LAST_LINE))
        if self._tracer is not None:
            self._tracer.exchange(reached)
            self._tracer.start()

    def stop(self) -> None:
        """Note nothing more."""
        if self._tracer is not None:
            self._tracer.exchange(Reached())


def _files() -> list[Told]:
    """Return what stands in the files of the working folder, where that is short text."""
    found: list[Told] = []
    for file in sorted(Path().iterdir()):
        try:
            text = written(file.read_text(encoding="utf-8"), _LONGEST_FILE)
        except (OSError, ValueError):
            continue
        if text is not None:
            of = f"Path({quoted(file.name)}).read_text()"
            found.append({**told(text), "of": of, "imports": [("pathlib", "Path")]})
    return found[:_MOST_FILES]


def _with_before(state: list[Told], before: list[Told]) -> list[Told]:
    texts = {fact["of"]: fact["text"] for fact in before}
    return [{**fact, "before": texts.get(fact["of"], _absent(fact["of"]))} for fact in state]


def _absent(of: str) -> str | None:
    """Return the text before of something that was not there: a file was empty, all else is not known."""
    return "" if of.startswith("Path(") else None


def _evaluate(call: str, namespace: Told) -> Any:
    """Return an expression's value; carry out what is a statement."""
    try:
        code = compile(call, "<call>", "eval")
    except SyntaxError:
        exec(compile(call, "<call>", "exec"), namespace)  # noqa: S102 - this is the sandbox, made for it
        return None
    return eval(code, namespace)  # noqa: S307 - as above


def _limit(limits: Told) -> None:
    """Limit memory and processor time; the parent watches the clock on the wall."""
    for what, wanted in ((resource.RLIMIT_AS, limits["memory"]), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(what)
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(what, (most, hard))
    signal.setitimer(signal.ITIMER_PROF, limits["cpu_seconds"])
