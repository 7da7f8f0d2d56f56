"""Run a candidate's test functions against mutants of a member, as fast as that goes.

What does not run while modules are loaded is changed in place: one child collects the candidate's tests, the
project's modules with them, and forks a child a mutant, which exchanges the code of the one function and runs
the tests. Where the change runs when its module is loaded, a child is forked that has loaded nothing of the
project yet, and loads that module changed.

The unchanged member is run in the same way, before and, where its code is exchanged, after: tests that do not
pass then say nothing.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple

import pytest

from .account import Account
from .children import CRASHED, Message, Send, become_parent, run_child
from .exchanging import Edit, Exchange, LoadedModule, applied, compiled
from .testing import TEST_FILE, ModuleRun, function_name, pytest_arguments, run_tests

CLEAN = -1
"""The number of the unchanged member."""

_LEAST_SECONDS = 1.0
_TIMES_AS_LONG = 5.0
_MOST_ENDINGS = 3
"""So many functions may hang or end the process with one mutant, before the others are left."""


class Mutant(NamedTuple):
    """One change of the module's text.

    Attributes:
        number: Names it in what is told back.
        edit: The first character that goes, the first that stays, and the text in between.
        function: Plain name and first line of the function that it is in; None where it runs when loaded.
        tests: The test functions that are run.
        whole: Whether all of them are run, rather than up to the first that fails.
    """

    number: int
    edit: Edit
    function: tuple[str, int] | None
    tests: frozenset[str]
    whole: bool

    def applied(self, source: str) -> str:
        """Return a text with the change made."""
        return applied(source, self.edit)


class MutantRun(NamedTuple):
    """What is to be run.

    Attributes:
        folder: A folder of its own, which exists.
        code: The test module's text.
        names: All of its test functions.
        ini: The pytest configuration's file.
        file: The module's file, as code objects name it.
        source: The module's text.
        mutants: The changes.
        seconds: The time limit of all together.
    """

    folder: Path
    code: str
    names: frozenset[str]
    ini: Path
    file: str
    source: str
    mutants: tuple[Mutant, ...]
    seconds: float


def read_run(job: Mapping[str, Any], ini: Path, folder: Path) -> MutantRun:
    """Read a job of the plan."""
    mutants = (
        Mutant(
            number=told["number"],
            edit=(told["edit"][0], told["edit"][1], told["edit"][2]),
            function=None if told["function"] is None else (told["function"][0], told["function"][1]),
            tests=frozenset(told["tests"]),
            whole=told["whole"],
        )
        for told in job["mutants"]
    )
    return MutantRun(
        folder=folder,
        code=job["code"],
        names=frozenset(job["names"]),
        ini=ini,
        file=job["file"],
        source=job["source"],
        mutants=tuple(mutants),
        seconds=job["seconds"],
    )


def run_mutants(run: MutantRun, closed: int) -> list[Message]:
    """Return how each test function ended with each mutant, `{"number": ..., "functions": {name: status}}`.

    A mutant that was not tried is left out; so are all that were tried between two runs of the unchanged
    member that did not both pass.
    """
    deadline = time.monotonic() + run.seconds
    inside = [mutant for mutant in run.mutants if mutant.function is not None]
    told = _Told()
    if inside:
        stage = _Stage(run, inside)
        run_child(stage.carry_out, run.seconds, told.receive, closed)
    results = told.trusted(run.names)
    outside = [mutant for mutant in run.mutants if mutant.function is None or mutant.number in told.unplaced]
    if outside and time.monotonic() < deadline:
        results |= _Loading(run, deadline, closed).results(outside, told.seconds if results else None)
    return [{"number": number, "functions": functions} for number, functions in sorted(results.items())]


class _Told:
    """What the child that collects the tests has told; it runs foreign code, so it may be anything.

    Attributes:
        unplaced: The mutants that could not be put in place.
        seconds: How long it took to load the tests and to run them with the unchanged member.
    """

    def __init__(self) -> None:
        self.unplaced: set[int] = set()
        self.seconds = 0.0
        self._started = time.monotonic()
        self._results: dict[int, dict[str, str]] = {}
        self._clean: list[dict[str, str]] = []

    def receive(self, message: Message) -> None:
        """Take one message in."""
        number, functions = message.get("number"), message.get("functions")
        if not isinstance(number, int):
            return
        if message["kind"] == "unplaced":
            self.unplaced.add(number)
        elif message["kind"] == "mutant" and isinstance(functions, dict):
            statuses = {str(name): str(status) for name, status in functions.items()}
            if number == CLEAN:
                self.seconds = self.seconds or time.monotonic() - self._started
                self._clean.append(statuses)
            else:
                self._results.setdefault(number, statuses)

    def trusted(self, names: Collection[str]) -> dict[int, dict[str, str]]:
        """Return the results, unless the unchanged member did not pass before them, or did not after them."""
        passed = [_all_pass(statuses, names) for statuses in self._clean]
        return self._results if passed and all(passed) else {}


def _all_pass(statuses: Mapping[str, str] | None, names: Collection[str]) -> bool:
    return bool(statuses and names) and all((statuses or {}).get(name) == "passed" for name in names)


def _limit(seconds: float) -> float:
    """Return the time limit of a mutant, by what the unchanged member took."""
    return _LEAST_SECONDS + _TIMES_AS_LONG * seconds


class _Stage:
    """The child that collects the tests, as a plugin: in place of running them, it forks a child a mutant."""

    def __init__(self, run: MutantRun, mutants: Sequence[Mutant]) -> None:
        self._run = run
        self._mutants = mutants
        self._send: Send = lambda _message: None
        self._case = QuickCase()

    def carry_out(self, send: Send) -> None:
        """Collect, and try all mutants."""
        self._send = send
        tests, work = self._run.folder / "tests", self._run.folder / "work"
        for folder in (tests, work):
            folder.mkdir()
        file = tests / TEST_FILE
        file.write_bytes(self._run.code.encode("utf-8", "replace"))
        _move_to(work)
        arguments = pytest_arguments(file, self._run.folder, self._run.ini)
        pytest.main(arguments, plugins=[self, self._case])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try all mutants; tell pytest that its tests have been run."""
        module = LoadedModule(self._run.file, self._run.source)
        become_parent()
        for item in session.items:
            _ = item.location  # pytest keeps it, and would find it anew in each child
        gc.collect()
        gc.freeze()
        clean = _clean(self._run.names)
        started = time.monotonic()
        if not _all_pass(self._try(session.items, clean, (), self._run.seconds), clean.tests):
            return True
        limit = _limit(time.monotonic() - started)
        for mutant in self._mutants:
            exchange = module.exchange(mutant.edit, mutant.function)
            if exchange is None:
                self._send({"kind": "unplaced", "number": mutant.number})
            else:
                self._try(session.items, mutant, exchange, limit)
        self._try(session.items, clean, (), limit)
        return True

    def _try(
        self, items: Sequence[pytest.Item], mutant: Mutant, exchange: Exchange, seconds: float
    ) -> dict[str, str]:
        """Run tests in a child with some code exchanged; tell how they ended."""
        account = Account()

        def body(send: Send) -> None:
            left = mutant.tests - account.functions.keys()
            for function, code in exchange:
                function.__code__ = code
            self._move_to_folder(mutant.number)
            chosen = [item for item in items if function_name(item) in left]
            self._case.run(chosen, send, whole=mutant.whole)

        for _ in range(_MOST_ENDINGS if mutant.whole else 1):
            goes_on = account.close(run_child(body, seconds, account.receive))
            if not goes_on or not mutant.tests - account.functions.keys():
                break
        statuses = _statuses(account)
        self._send({"kind": "mutant", "number": mutant.number, "functions": statuses})
        return statuses

    def _move_to_folder(self, number: int) -> None:
        folder = self._run.folder / f"work-{number}-{os.getpid()}"
        folder.mkdir()
        _move_to(folder)


def _clean(names: frozenset[str]) -> Mutant:
    return Mutant(number=CLEAN, edit=(0, 0, ""), function=None, tests=names, whole=True)


def _statuses(account: Account) -> dict[str, str]:
    return {name: str(told["status"]) for name, told in account.functions.items()}


def _move_to(folder: Path) -> None:
    os.chdir(folder)
    os.environ.update(HOME=str(folder), TMPDIR=str(folder))


class QuickCase:
    """A plugin that runs cases and tells how each ended, without the cost of reports that nobody reads.

    Attributes:
        status: How the case that is running ended so far.
    """

    def __init__(self) -> None:
        self.status = ""

    def run(self, items: Sequence[pytest.Item], send: Send, *, whole: bool) -> None:
        """Run cases in order, all or up to the first that fails."""
        failed = ""
        for item, following in zip(items, [*items[1:], None]):  # noqa: B905 - Python 3.9 has no `strict`
            name = function_name(item)
            if name == failed and (following is None or following.parent is item.parent):
                continue  # its other cases change nothing; those that follow need no other set-up
            send({"kind": "begun", "name": name})
            self.status = CRASHED
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            case = {"kind": "case", "name": name, "status": self.status, "message": ""}
            send({**case, "lines": [], "branches": []})
            failed = name if self.status == "failed" else ""
            if failed and not whole:
                return

    @pytest.hookimpl
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> pytest.TestReport | None:
        """Report a failure without its text."""
        if call.excinfo is None or isinstance(call.excinfo.value, pytest.skip.Exception):
            return None
        return pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords={},
            outcome="failed",
            longrepr=None,
            when="call" if call.when == "collect" else call.when,
        )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a phase of the case ended; the worst counts."""
        if report.failed:
            self.status = "failed"
        elif self.status == "failed":
            return
        elif report.skipped or hasattr(report, "wasxfail"):
            self.status = "skipped"
        elif report.when == "call":
            self.status = "passed"


class _Loading:
    """Tries mutants in children that load the changed module themselves."""

    def __init__(self, run: MutantRun, deadline: float, closed: int) -> None:
        self._run = run
        self._deadline = deadline
        self._closed = closed
        self._tried = 0

    def results(self, mutants: Sequence[Mutant], seconds: float | None) -> dict[int, dict[str, str]]:
        """Return how the test functions ended with each.

        Args:
            mutants: What is tried.
            seconds: How long the unchanged member took, where it is known to pass.
        """
        if seconds is None:
            started = time.monotonic()
            statuses = self._try(_clean(self._run.names), self._deadline - started)
            if not _all_pass(statuses, self._run.names):
                return {}
            seconds = time.monotonic() - started
        results: dict[int, dict[str, str]] = {}
        for mutant in mutants:
            left = self._deadline - time.monotonic()
            tried = self._try(mutant, min(left, _limit(seconds))) if left > 0 else None
            if tried is not None:
                results[mutant.number] = tried
        return results

    def _try(self, mutant: Mutant, seconds: float) -> dict[str, str] | None:
        """Return how the test functions ended; None where the mutant is no program."""
        code = compiled(mutant.applied(self._run.source), self._run.file)
        if code is None:
            return None
        account = Account()
        for _ in range(_MOST_ENDINGS if mutant.whole else 1):
            left = mutant.tests - account.functions.keys()
            body = self._body(code, self._run.names - left)
            goes_on = account.close(run_child(body, seconds, account.receive, self._closed))
            if not goes_on or not mutant.tests - account.functions.keys():
                break
        lost = () if account.functions else mutant.tests  # it does not load with this change
        return {**dict.fromkeys(lost, "missing"), **_statuses(account)}

    def _body(self, code: CodeType, without: frozenset[str]) -> Callable[[Send], None]:
        """Return what loads the changed module and runs tests in a child."""
        self._tried += 1
        folder = self._run.folder / f"loading-{self._tried}"
        run = ModuleRun(folder, self._run.code, self._run.ini, None, without, None)

        def body(send: Send) -> None:
            folder.mkdir()
            os.environ.update(HOME=str(folder), TMPDIR=str(folder))
            sys.meta_path.insert(0, MutantFinder(self._run.file, code))
            run_tests(run, send)

        return body


class MutantFinder:
    """Finds modules as the other finders do, but gives one file's module other code."""

    def __init__(self, file: str, code: CodeType) -> None:
        self._file = file
        self._code = code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module, if it is the one."""
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is None or spec.origin != self._file:
            return None
        loader = _MutantLoader(fullname, self._file)
        loader.changed = self._code
        return importlib.util.spec_from_loader(fullname, loader, is_package=loader.is_package(fullname))


class _MutantLoader(SourceFileLoader):
    """Loads a module from code that is there already."""

    changed: CodeType

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the loader is for one module alone
        """Return the changed code."""
        return self.changed
