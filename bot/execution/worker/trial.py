"""One trial in a child: its setup, its call, and what is there to see afterwards."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import warnings
from pathlib import Path
from typing import Any, NamedTuple

from .children import Send
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
from .tracer import Reached, Span, make_tracer

_LAST_LINE = 10**9
_MOST_CHECKS = 12
_MOST_FILES = 2
_LONGEST_FILE = 200


class TrialRun(NamedTuple):
    """One trial, carried out in a child.

    Attributes:
        folder: Its working folder.
        trial: The trial, as the job has it.
        roots: Folders of the project.
        file: The file whose lines are traced; None for no tracing.
        limits: The limits, as the job has them.
        before: What the objects and probes show before the call.
    """

    folder: Path
    trial: Told
    roots: list[str]
    file: str | None
    limits: Told
    before: list[Told]

    def carry_out(self, send: Send) -> None:
        """Run the trial, and tell what was seen."""
        refusal = self._settle_in()
        reached = Reached()
        outcome, state = self._observe(reached)
        if refusal.reason is not None:
            outcome, state = nothing(refusal.reason), []
        seen = {"outcome": outcome, "state": state, "writes": any(self.folder.iterdir())}
        send({"kind": "observation", **seen, **reached.as_json()})

    def look(self, send: Send) -> None:
        """Tell what the objects and probes show after the setup, without the call."""
        self._settle_in()
        namespace, problem = self._set_up()
        send({"kind": "state", "state": [] if problem else self._state(namespace)})

    def _settle_in(self) -> Refusal:
        os.chdir(self.folder)
        os.environ.update(HOME=str(self.folder), TMPDIR=str(self.folder))
        warnings.simplefilter("ignore")
        _limit(self.limits)
        return Refusal(str(self.folder))

    def _set_up(self) -> tuple[Told, str]:
        """Carry out imports and setup; return the names, and what went wrong."""
        namespace: Told = {"__name__": "trial"}
        try:
            for statement in [*self.trial["imports"], *self.trial["setup"]]:
                exec(statement, namespace)  # noqa: S102 - this is the sandbox, made for it
        except BaseException as error:  # noqa: BLE001 - foreign code raises what it likes
            return namespace, f"{type(error).__name__}: {error}"
        return namespace, ""

    def _observe(self, reached: Reached) -> tuple[Told, list[Told]]:
        namespace, problem = self._set_up()
        if problem:
            return nothing(f"its setup raises {problem}"), []
        files = _files()
        tracing = _Tracing(self.file, reached)  # what the setup reaches is not the call's
        outcome = self._call(namespace)
        tracing.stop()  # nor is what looking at the state reaches
        return outcome, _with_before([*self._state(namespace), *_files()], [*self.before, *files])

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
        longest = 0 if self.trial["inside"] else self.limits["longest"]
        outcome = value_outcome(form, value, known, longest)
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
