"""Run a candidate's test functions against mutants of a member, as fast as that goes.

What does not run while modules are loaded is changed in place: one child collects the candidate's tests, the
project's modules with them, and forks a child a mutant, which exchanges the code of the one function and runs
the tests. Where the change runs when its module is loaded, a child is forked that has loaded nothing of the
project yet, and loads that module changed. Where neither can be shown to have any effect, as below a
decorator that compiles its function again from its source, the change is written into the module's file in a
copy of the project, and a child that has loaded nothing of it loads that file.

The unchanged member is run in the same way, before and, where its code is exchanged, after: tests that do not
pass then say nothing.
"""

from __future__ import annotations

import functools
import gc
import importlib.util
import inspect
import os
import sys
import time
import tokenize
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple

import pytest

from .code_swap import Edit, Exchange, LoadedModule, applied, compiled
from .forking import CRASHED, Message, Patience, Send, become_parent, run_child
from .results import JobResults
from .test_run import (
    TEST_FILE,
    ModuleRun,
    function_name,
    pytest_arguments,
    run_tests,
)

CLEAN = -1
"""The number of the unchanged member."""

_LEAST_SECONDS = 1.0
_TIMES_AS_LONG = 5.0
_MOST_ENDINGS = 3
"""So many functions may hang or end the process with one mutant, before the others are left."""


class LoadedMutant(NamedTuple):
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


class DirectCall(NamedTuple):
    """The call of a member that shows whether a change of its file has any effect.

    Attributes:
        module: The module that it is imported from.
        name: Its dotted name there.
        number: The change with which it raises whatever is done with it.
    """

    module: str
    name: str
    number: int


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
        direct: How the effect of changes of the file is shown; None where the code is exchanged in memory.
    """

    folder: Path
    code: str
    names: frozenset[str]
    ini: Path
    file: str
    source: str
    mutants: tuple[LoadedMutant, ...]
    seconds: float
    direct: DirectCall | None = None


def read_run(job: Mapping[str, Any], ini: Path, folder: Path) -> MutantRun:
    """Read a job of the plan."""
    mutants = (
        LoadedMutant(
            number=data["number"],
            edit=(data["edit"][0], data["edit"][1], data["edit"][2]),
            function=None if data["function"] is None else (data["function"][0], data["function"][1]),
            tests=frozenset(data["tests"]),
            whole=data["whole"],
        )
        for data in job["mutants"]
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
        direct=None if job["direct"] is None else DirectCall(*job["direct"]),
    )


def run_in_file(run: MutantRun, direct: DirectCall, closed: int) -> tuple[list[Message], bool]:
    """Run tests with each change written into the module's file.

    Returns:
        How each test function ended with each mutant, as of `run_mutants`; and whether it is shown that
        changes of the file have an effect. Where they are not, no others than the first one are tried.
    """
    file = Path(run.file)
    before = file.read_bytes()
    loading = _Loading(run, time.monotonic() + run.seconds, closed, in_file=True)
    gone = [mutant for mutant in run.mutants if mutant.number == direct.number]
    try:
        results = loading.results(gone, None)
        passes = _all_pass(results.get(direct.number), run.names)
        acts = bool(results) and (not passes or any(loading.is_gone(mutant, direct) for mutant in gone))
        if acts:
            results |= loading.results([one for one in run.mutants if one not in gone], loading.seconds)
    finally:
        file.write_bytes(before)
    return _told(results), acts


def run_mutants(run: MutantRun, closed: int) -> list[Message]:
    """Return how each test function ended with each mutant, `{"number": ..., "functions": {name: status}}`.

    A mutant that was not tried is left out; so are all that were tried between two runs of the unchanged
    member that did not both pass.
    """
    deadline = time.monotonic() + run.seconds
    inside = [mutant for mutant in run.mutants if mutant.function is not None]
    data = _Told()
    if inside:
        stage = _Stage(run, inside)
        run_child(stage.carry_out, run.seconds, data.receive, closed)
    results = data.trusted(run.names)
    outside = [mutant for mutant in run.mutants if mutant.function is None or mutant.number in data.unplaced]
    if outside and time.monotonic() < deadline:
        results |= _Loading(run, deadline, closed).results(outside, data.seconds if results else None)
    return _told(results)


def _told(results: Mapping[int, dict[str, str]]) -> list[Message]:
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

    def __init__(self, run: MutantRun, mutants: Sequence[LoadedMutant]) -> None:
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
        self, items: Sequence[pytest.Item], mutant: LoadedMutant, exchange: Exchange, seconds: float
    ) -> dict[str, str]:
        """Run tests in a child with some code exchanged; tell how they ended."""
        account = JobResults()

        def body(send: Send) -> None:
            left = mutant.tests - account.functions.keys()
            for function, code in exchange:
                function.__code__ = code
            self._move_to_folder(mutant.number)
            chosen = [item for item in items if function_name(item) in left]
            self._case.run(chosen, send, whole=mutant.whole)

        for _ in range(_MOST_ENDINGS if mutant.whole else 1):
            ending = run_child(body, seconds, account.receive, patience=Patience(silence=seconds))
            goes_on = account.close(ending)
            if not goes_on or not mutant.tests - account.functions.keys():
                break
        statuses = _statuses(account)
        self._send({"kind": "mutant", "number": mutant.number, "functions": statuses})
        return statuses

    def _move_to_folder(self, number: int) -> None:
        folder = self._run.folder / f"work-{number}-{os.getpid()}"
        folder.mkdir()
        _move_to(folder)


def _clean(names: frozenset[str]) -> LoadedMutant:
    return LoadedMutant(number=CLEAN, edit=(0, 0, ""), function=None, tests=names, whole=True)


def _statuses(account: JobResults) -> dict[str, str]:
    return {name: str(data["status"]) for name, data in account.functions.items()}


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
    """Tries mutants in children that load the changed module themselves.

    Args:
        run: What is to be run.
        deadline: When it is to be over.
        closed: The file descriptor that no child may have.
        in_file: Whether the change is written into the module's file, rather than given to who loads it.

    Attributes:
        seconds: How long the unchanged member took; None as long as that is not known.
    """

    def __init__(self, run: MutantRun, deadline: float, closed: int, *, in_file: bool = False) -> None:
        self.seconds: float | None = None
        self._run = run
        self._deadline = deadline
        self._closed = closed
        self._in_file = in_file
        self._tried = 0

    def results(self, mutants: Sequence[LoadedMutant], seconds: float | None) -> dict[int, dict[str, str]]:
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
        self.seconds = seconds
        results: dict[int, dict[str, str]] = {}
        for mutant in mutants:
            left = self._deadline - time.monotonic()
            tried = self._try(mutant, min(left, _limit(seconds))) if left > 0 else None
            if tried is not None:
                results[mutant.number] = tried
        return results

    def is_gone(self, mutant: LoadedMutant, direct: DirectCall) -> bool:
        """Tell whether a direct call of the member raises what it does where it is taken away."""
        if self._put_in_place(mutant) is None:
            return False
        found: list[Message] = []
        seconds = max(_LEAST_SECONDS, min(self._deadline - time.monotonic(), _limit(self.seconds or 0.0)))
        body = functools.partial(_call_directly, self._new_folder(), direct)
        run_child(body, seconds, found.append, self._closed)
        return any(message.get("kind") == "gone" for message in found)

    def _try(self, mutant: LoadedMutant, seconds: float) -> dict[str, str] | None:
        """Return how the test functions ended; None where the mutant is no program."""
        code = self._put_in_place(mutant)
        if code is None:
            return None
        account = JobResults()
        for _ in range(_MOST_ENDINGS if mutant.whole else 1):
            left = mutant.tests - account.functions.keys()
            body = self._body(code, self._run.names - left)
            goes_on = account.close(run_child(body, seconds, account.receive, self._closed))
            if not goes_on or not mutant.tests - account.functions.keys():
                break
        lost = () if account.functions else mutant.tests  # it does not load with this change
        return {**dict.fromkeys(lost, "missing"), **_statuses(account)}

    def _put_in_place(self, mutant: LoadedMutant) -> CodeType | None:
        """Return the changed module's code, its file written where that is asked for; None for no program."""
        text = mutant.applied(self._run.source)
        code = compiled(text, self._run.file)
        if code is not None and self._in_file:
            file = Path(self._run.file)
            with file.open("rb") as before:
                encoding, _ = tokenize.detect_encoding(before.readline)
            file.write_bytes(text.encode(encoding, "replace"))
        return code

    def _new_folder(self) -> Path:
        self._tried += 1
        return self._run.folder / f"loading-{self._tried}"

    def _body(self, code: CodeType, without: frozenset[str]) -> Callable[[Send], None]:
        """Return what loads the changed module and runs tests in a child."""
        folder = self._new_folder()
        run = ModuleRun(folder, self._run.code, self._run.ini, None, without, None)

        def body(send: Send) -> None:
            folder.mkdir()
            os.environ.update(HOME=str(folder), TMPDIR=str(folder))
            if self._in_file:
                _keep_no_bytecode()
            else:
                sys.meta_path.insert(0, MutantFinder(self._run.file, code))
            run_tests(run, send)

        return body


def _keep_no_bytecode() -> None:
    """Leave none behind: a file of another text may have the same size and time."""
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"


def _call_directly(folder: Path, direct: DirectCall, send: Send) -> None:
    """Call a member with several arguments; tell whether it raises what it does where it is taken away."""
    folder.mkdir()
    os.environ.update(HOME=str(folder), TMPDIR=str(folder))
    os.chdir(folder)
    _keep_no_bytecode()
    member: Any = importlib.import_module(direct.module)
    for part in direct.name.split("."):
        member = inspect.getattr_static(member, part)
        member = getattr(member, "__func__", None) or getattr(member, "fget", None) or member
    for argument in (None, "x", 1, ()):
        try:
            _begin(member(*_arguments(member, argument)))
        except BaseException as error:  # noqa: BLE001 - foreign code raises what it likes
            if _is_of_taken_away(error):
                send({"kind": "gone"})
                return


def _arguments(member: Any, argument: object) -> list[object]:
    """Return as many arguments as a call needs by place."""
    try:
        parameters = inspect.signature(member).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [argument for one in parameters if one.kind in kinds and one.default is inspect.Parameter.empty]


def _begin(given: Any) -> None:
    """Begin with what a generator, a coroutine or a context manager would do first."""
    for name in ("__next__", "__enter__", "__anext__", "__aenter__"):
        if hasattr(type(given), name):
            given = getattr(given, name)()
            break
    if inspect.iscoroutine(given) or hasattr(type(given), "__await__"):
        next(iter(given.__await__()))


def _is_of_taken_away(error: BaseException | None) -> bool:
    """Tell whether an error, or one that it came of, is that of a member that is taken away."""
    known: set[int] = set()
    while error is not None and id(error) not in known:
        if type(error).__name__ == "MemberTakenAway":
            return True
        known.add(id(error))
        error = error.__cause__ or error.__context__
    return False


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
