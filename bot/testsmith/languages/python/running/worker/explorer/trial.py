"""Run trials in a child, one after another: setup, call and inspection of the results."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import resource
import shutil
import signal
import traceback
import warnings
from pathlib import Path
from typing import Any, NamedTuple

from ..tracer import MemberSpan, ReachedLines, make_tracer
from .literals import quoted, written
from .outcome import (
    Bringing,
    Json,
    Raises,
    as_json,
    facts,
    is_documented,
    nothing,
    printed,
    value_outcome,
)
from .trial_exec import (
    GIVEN_FOLDER,
    RETURNED,
    TRIAL,
    Restrictions,
    WaitsForever,
    carried_out,
    evaluated,
    fixtures,
    take_back,
)

_LAST_LINE = 10**9
_MOST_CHECKS = 12
_MOST_FILES = 2
_LONGEST_FILE = 200


class Trials:
    """Runs trials one after another in this process, each with a clean folder and environment.

    State that a trial leaves in the project's modules is visible to the next one.

    Args:
        folder: Empty working folder.
        roots: Folders of the project.
        file: File to trace; None for no tracing.
        limits: Limits from the job.

    Attributes:
        cpu_seconds: CPU time limit of the next trial.
    """

    def __init__(self, folder: Path, roots: list[str], file: str | None, limits: Json) -> None:
        self.cpu_seconds: float = limits["cpu_seconds"]
        self._folder = folder
        self._roots = roots
        self._limits = limits
        self._before: dict[str, list[Json]] = {}
        os.chdir(folder)
        os.environ.update(HOME=str(folder), TMPDIR=str(folder))
        self._variables = dict(os.environ)
        warnings.simplefilter("always")
        warnings.showwarning = self._note_warning
        self._warned = False
        _limit_memory(limits["memory"])
        self._tracing = Tracing(file)
        self._refusal = Restrictions(str(folder))

    def observe(self, trial: Json) -> Json:
        """Run a trial; return its outcome, state, files, warnings, and the lines and arcs it reached."""
        reached = ReachedLines()
        run = TrialRun(trial, self._roots, self._limits, self._state_before(trial))
        self._renew()
        self._warned = False
        outcome, state = run.observe(self._tracing, reached)
        if self._refusal.reason is not None:
            outcome, state = nothing(self._refusal.reason), []
        writes, warned = self._leaves_files(), self._warned
        return {"outcome": outcome, "state": state, "writes": writes, "warned": warned, **reached.as_json()}

    def _note_warning(self, *_args: object, **_options: object) -> None:
        """Record a warning instead of printing it."""
        self._warned = True

    def _state_before(self, trial: Json) -> list[Json]:
        """Return the state without the call; computed once per setup."""
        if not trial["watched"] and not trial["probes"]:
            return []
        key = json.dumps([trial["setup"], trial["watched"], trial["probes"], trial["in_loop"]])
        if key not in self._before:
            self._renew()
            self._before[key] = TrialRun(trial, self._roots, self._limits, []).look()
        return self._before[key]

    def _renew(self) -> None:
        """Restore the initial state, as far as possible within one process."""
        os.chdir(self._folder)
        if self._has_files():
            _empty(self._folder)
        if os.environ != self._variables:
            os.environ.clear()
            os.environ.update(self._variables)
        self._refusal.reason = None
        signal.setitimer(signal.ITIMER_PROF, self.cpu_seconds)

    def _has_files(self) -> bool:
        return any(self._folder.iterdir())

    def _leaves_files(self) -> bool:
        """Return whether there are files besides those in pytest's folder."""
        return any(path.name != GIVEN_FOLDER for path in self._folder.iterdir())


class TrialRun(NamedTuple):
    """One trial.

    Attributes:
        trial: The trial from the job.
        roots: Folders of the project.
        limits: Limits from the job.
        before: State of objects and probes before the call.
    """

    trial: Json
    roots: list[str]
    limits: Json
    before: list[Json]

    def look(self) -> list[Json]:
        """Return the state of objects and probes after the setup, without the call."""
        try:
            state: list[Json] = carried_out(self._look(), in_loop=self.trial["in_loop"])
        except WaitsForever:
            return []
        return state

    async def _look(self) -> list[Json]:
        namespace, problem = await self._set_up()
        state = [] if problem else await self._state(namespace)
        take_back(namespace)
        return state

    def observe(self, tracing: Tracing, reached: ReachedLines) -> tuple[Json, list[Json]]:
        """Run the trial; return its outcome and the state afterwards."""
        try:
            seen: tuple[Json, list[Json]] = carried_out(
                self._observe(tracing, reached), in_loop=self.trial["in_loop"]
            )
        except WaitsForever:
            return nothing("it waits forever"), []
        finally:
            tracing.pause()
        return seen

    async def _observe(self, tracing: Tracing, reached: ReachedLines) -> tuple[Json, list[Json]]:
        namespace, problem = await self._set_up()
        try:
            if problem:
                return nothing(f"its setup raises {problem}"), []
            files = _files(namespace)
            tracing.note_into(reached)  # the setup does not count as reached by the call
            outcome = await self._call(namespace)
            tracing.pause()  # neither does the inspection of the state
            state = [*await self._state(namespace), *_files(namespace)]
        finally:
            take_back(namespace)
        return outcome, _with_before(state, [*self.before, *files])

    async def _set_up(self) -> tuple[Json, str]:
        """Run imports and setup; return the names, and what went wrong, if anything."""
        namespace: Json = {"__name__": "trial"}
        try:
            namespace.update(fixtures("\n".join([*self.trial["setup"], self.trial["call"]])))
            for statement in [*self.trial["imports"], *self.trial["setup"]]:
                await evaluated(statement, namespace)
        except BaseException as error:  # noqa: BLE001 - untrusted code may raise anything
            return namespace, f"{type(error).__name__}: {error}"
        return namespace, ""

    async def _call(self, namespace: Json) -> Json:
        """Make the call and return its outcome."""
        out = io.StringIO()
        outcome = nothing("it hides what happens inside it")
        has_returned = False

        def note(value: Any) -> Any:
            nonlocal has_returned
            has_returned = True
            return value

        namespace[RETURNED] = note
        member = self.trial["member"].rpartition(".")[2]
        bringing = Bringing(in_loop=self.trial["in_loop"], enters=self.trial["enters"])
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
                async with bringing:
                    value = await bringing.out(await evaluated(self.trial["call"], namespace, member))
                    outcome = await self._outcome(bringing.form, value, namespace)
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and self.trial["in_loop"]:
                raise  # the time limit is reached
            return {**self._raised(error, has_returned=has_returned), "form": bringing.form}
        if value is None and out.getvalue():
            return printed(out.getvalue(), self.limits["longest"])
        return outcome

    def _raised(self, error: BaseException, *, has_returned: bool) -> Json:
        outcome = Raises([*self.roots, TRIAL], self.trial["allowed"]).outcome(error, self.trial["exception"])
        if has_returned and self._is_of_text_alone(error):
            outcome.pop("error", None)  # an error in using a value is not the member's
        return outcome

    def _is_of_text_alone(self, error: BaseException) -> bool:
        """Return whether an exception comes from the trial's own text, with no project code in between."""
        files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
        return TRIAL in files and not any(file.startswith(tuple(self.roots)) for file in files)

    async def _outcome(self, form: str, value: Any, namespace: Json) -> Json:
        watched = () if self.trial["enters"] else self.trial["watched"]  # often the object itself
        known = {name: namespace[name] for name in watched if name in namespace}
        longest = 0 if self.trial["inside"] else self.limits["longest"]
        outcome = value_outcome(form, value, known, longest, self.roots)
        return {**outcome, "agrees": await self._agrees(value, namespace)}

    async def _agrees(self, value: Any, namespace: Json) -> bool | None:
        """Return whether a value is the documented one; None if unknown."""
        if self.trial["exception"] is not None:
            return False
        if self.trial["expected"] is None:
            return None
        try:
            return is_documented(value, await evaluated(self.trial["expected"], namespace))
        except Exception:  # noqa: BLE001 - constructors and comparisons may raise anything
            return repr(value) == self.trial["expected"] or None

    async def _state(self, namespace: Json) -> list[Json]:
        """Return the state of objects and probes; probes that change an object are left out."""
        found = self._facts(namespace)
        probed = [fact for probe in self.trial["probes"] for fact in await self._probed(probe, namespace)]
        if probed and self._facts(namespace) == found:
            found += probed
        return found[:_MOST_CHECKS]

    def _facts(self, namespace: Json) -> list[Json]:
        names = [name for name in self.trial["watched"] if name in namespace]
        return [
            {**fact, "of": fact["of"].format(name)}
            for name in names
            for fact in facts(namespace[name], self.roots)
        ]

    async def _probed(self, probe: str, namespace: Json) -> list[Json]:
        try:
            text = written(await evaluated(probe, namespace), self.limits["longest"])
        except Exception:  # noqa: BLE001 - untrusted code may raise anything
            return []
        return [] if text is None else [{"of": probe, **as_json(text)}]


class Tracing:
    """Tracing of one file.

    Args:
        file: The file; None for no tracing.
    """

    def __init__(self, file: str | None) -> None:
        self._tracer = None if file is None else make_tracer(MemberSpan(file, 1, _LAST_LINE))
        if self._tracer is not None:
            self._tracer.start()

    def note_into(self, reached: ReachedLines) -> None:
        """Record lines and arcs from now on."""
        if self._tracer is not None:
            self._tracer.exchange(reached)

    def pause(self) -> None:
        """Stop recording."""
        self.note_into(ReachedLines())


def _files(namespace: Json) -> list[Json]:
    """Return the files in the working folder and pytest's folder that contain short text."""
    found: list[Json] = []
    given = namespace.get("tmp_path")
    for file in sorted([*Path().iterdir(), *(given.iterdir() if given else ())]):
        try:
            text = written(file.read_text(encoding="utf-8"), _LONGEST_FILE)
        except (OSError, ValueError):
            continue
        if text is not None:
            found.append({**as_json(text), **_named(file, namespace)})
    return found[:_MOST_FILES]


def _named(file: Path, namespace: Json) -> Json:
    """Return how a test reads a file: by the variable with its path, if there is one."""
    for name, value in namespace.items():
        if isinstance(value, Path) and value == file and not name.startswith("_"):
            return {"of": f"{name}.read_text()", "imports": []}
    if file.is_absolute():
        return {"of": f"(tmp_path / {quoted(file.name)}).read_text()", "imports": []}
    return {"of": f"Path({quoted(file.name)}).read_text()", "imports": [("pathlib", "Path")]}


def _with_before(state: list[Json], before: list[Json]) -> list[Json]:
    texts = {fact["of"]: fact["text"] for fact in before}
    return [{**fact, "before": texts.get(fact["of"], _absent(fact["of"]))} for fact in state]


def _absent(of: str) -> str | None:
    """Return the previous text of something that did not exist: empty for a file, otherwise unknown."""
    return "" if of.endswith(".read_text()") else None


def _limit_memory(wanted: int) -> None:
    """Limit memory; the parent process limits the wall-clock time."""
    for what, most in ((resource.RLIMIT_AS, wanted), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(what)
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _empty(folder: Path) -> None:
    """Remove what a trial left in its folder."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            remove_all(path)
        else:
            path.unlink()


def remove_all(folder: Path) -> None:
    """Remove a folder and its content, regardless of permissions."""
    for path, _, _ in os.walk(folder):
        with contextlib.suppress(OSError):
            Path(path).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
