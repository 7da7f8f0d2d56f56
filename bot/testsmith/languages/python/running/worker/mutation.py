"""Run a candidate's test functions against mutants of a member, as fast as possible.

Code that does not run while modules are loaded is changed in memory: one child collects the candidate's tests
(importing the project's modules) and forks a child per mutant, which replaces the code of one function and
runs the tests. For a mutant in code that runs when its module is loaded, a child that has not imported the
project loads the changed module. If neither is shown to take effect, for example below a decorator that
compiles its function again from source, the mutant is written to the module's file in a copy of the project,
and a new child loads that file.

The unchanged member is run in the same way before and, if code is replaced in memory, afterwards. Tests that
fail then give no result.
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
from .project_session import Session
from .results import JobResults
from .test_run import ModuleRun, function_name, lay_out, run_tests, runs_code_of

CLEAN = -1
"""Number of the unchanged member."""

_LEAST_SECONDS = 1.0
_TIMES_AS_LONG = 5.0
_MOST_ENDINGS = 3
"""Maximum number of functions that may hang or end the process with one mutant; the others are skipped."""


class LoadedMutant(NamedTuple):
    """One mutant of the module.

    Attributes:
        number: Identifies it in the results.
        edit: Start offset, end offset (exclusive) and replacement text.
        function: Plain name and first line of the function it is in; None if it runs when the module is
            loaded.
        tests: Test functions to run.
        whole: Whether to run all of them instead of stopping at the first failure.
        latest: Seconds of the run after which it is not begun any more; None for the run's own limit.
    """

    number: int
    edit: Edit
    function: tuple[str, int] | None
    tests: frozenset[str]
    whole: bool
    latest: float | None = None

    def applied(self, source: str) -> str:
        """Return a text with the mutant applied."""
        return applied(source, self.edit)


class DirectCall(NamedTuple):
    """A call of a member that shows whether mutants written to its file take effect.

    Attributes:
        module: Module the member is imported from.
        name: Dotted name there.
        number: The mutant that makes any use of the member raise an error.
    """

    module: str
    name: str
    number: int


class MutantRun(NamedTuple):
    """What to run.

    Attributes:
        folder: Existing folder for this run.
        code: Text of the test module.
        names: All of its test functions.
        ini: pytest configuration file.
        file: File of the module as named in code objects.
        source: Source text of the module.
        mutants: The mutants.
        seconds: Time limit for all mutants.
        direct: How to show that mutants in the file take effect; None if they are not written to it.
        session: Session of the project to run the tests in; None to run them alone.
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
    session: Session | None = None


def read_run(job: Mapping[str, Any], ini: Path, folder: Path) -> MutantRun:
    """Decode a job of the plan."""
    mutants = (
        LoadedMutant(
            number=data["number"],
            edit=(data["edit"][0], data["edit"][1], data["edit"][2]),
            function=None if data["function"] is None else (data["function"][0], data["function"][1]),
            tests=frozenset(data["tests"]),
            whole=data["whole"],
            latest=data["latest"],
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
    """Run tests with each mutant written to the module's file.

    Returns:
        Results as from `run_mutants`, and whether mutants in the file were shown to take effect. If not, only
        the removal of the member is tried; if that could not be shown, there are no results.
    """
    file = Path(run.file)
    before = file.read_bytes()
    loading = _Loading(run, time.monotonic() + run.seconds, closed, in_file=True)
    gone = [mutant for mutant in run.mutants if mutant.number == direct.number]
    try:
        results = loading.results(gone, None)
        passes = _all_pass(results.get(direct.number), run.names)
        acts = loading.is_gone(gone[0], direct) if results and passes else bool(results)
        if acts:
            results |= loading.results([one for one in run.mutants if one not in gone], loading.seconds)
    finally:
        file.write_bytes(before)
    return _messages({} if acts is None else results), bool(acts)


def run_mutants(run: MutantRun, closed: int) -> list[Message]:
    """Return the results for each mutant: `{"number": ..., "functions": {name: status}}`.

    Mutants that were not tried are left out, and so are those between two runs of the unchanged member that
    did not both pass.
    """
    deadline = time.monotonic() + run.seconds
    inside = [mutant for mutant in run.mutants if mutant.function is not None]
    data = _Collector()
    if inside:
        stage = _Stage(run, inside, deadline)
        run_child(stage.carry_out, run.seconds, data.receive, closed)
    results = data.trusted(run.names)
    outside = [mutant for mutant in run.mutants if mutant.function is None or mutant.number in data.unplaced]
    if outside and time.monotonic() < deadline:
        results |= _Loading(run, deadline, closed).results(outside, data.seconds if results else None)
    return _messages(results)


def _messages(results: Mapping[int, dict[str, str]]) -> list[Message]:
    return [{"number": number, "functions": functions} for number, functions in sorted(results.items())]


class _Collector:
    """What the child that collects the tests has reported. It runs untrusted code, so values are validated.

    Attributes:
        unplaced: Mutants that could not be applied.
        seconds: Time to load the tests and to run them with the unchanged member.
    """

    def __init__(self) -> None:
        self.unplaced: set[int] = set()
        self.seconds = 0.0
        self._started = time.monotonic()
        self._results: dict[int, dict[str, str]] = {}
        self._clean: list[dict[str, str]] = []

    def receive(self, message: Message) -> None:
        """Handle one message."""
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
        """Return the results, unless the unchanged member failed before or after them."""
        passed = [_all_pass(statuses, names) for statuses in self._clean]
        return self._results if passed and all(passed) else {}


def _all_pass(statuses: Mapping[str, str] | None, names: Collection[str]) -> bool:
    return bool(statuses and names) and all((statuses or {}).get(name) == "passed" for name in names)


def _is_too_late(mutant: LoadedMutant, run: MutantRun, deadline: float) -> bool:
    """Return whether a mutant is not to be begun any more."""
    return mutant.latest is not None and time.monotonic() > deadline - run.seconds + mutant.latest


def _limit(seconds: float) -> float:
    """Return the time limit for a mutant, based on the time of the unchanged member."""
    return _LEAST_SECONDS + _TIMES_AS_LONG * seconds


class _Stage:
    """Plugin for the child that collects the tests: forks a child per mutant instead of running the tests."""

    def __init__(self, run: MutantRun, mutants: Sequence[LoadedMutant], deadline: float) -> None:
        self._run = run
        self._mutants = mutants
        self._deadline = deadline
        self._send: Send = lambda _message: None
        self._case = QuickCase(None if run.session is None else str(run.session.file))

    def carry_out(self, send: Send) -> None:
        """Collect the tests and try all mutants."""
        self._send = send
        run = self._run
        _, arguments = lay_out(run.folder, run.code, run.ini, run.session)
        _set_home(Path.cwd() if run.session is None else run.folder)
        pytest.main(arguments, plugins=[self, self._case])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try all mutants; return True to replace pytest's own loop."""
        module = LoadedModule(self._run.file, self._run.source)
        become_parent()
        for item in session.items:
            _ = item.location  # computed once here instead of in each child
        gc.collect()
        gc.freeze()
        clean = _clean(self._run.names)
        started = time.monotonic()
        if not _all_pass(self._try(session.items, clean, (), self._run.seconds), clean.tests):
            return True
        limit = _limit(time.monotonic() - started)
        for mutant in self._mutants:
            if _is_too_late(mutant, self._run, self._deadline):
                continue
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
        """Run tests in a child with replaced code; return their results."""
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
        if self._run.session is None:
            os.chdir(folder)
        _set_home(folder)


def _clean(names: frozenset[str]) -> LoadedMutant:
    return LoadedMutant(number=CLEAN, edit=(0, 0, ""), function=None, tests=names, whole=True)


def _statuses(account: JobResults) -> dict[str, str]:
    return {name: str(data["status"]) for name, data in account.functions.items()}


def _set_home(folder: Path) -> None:
    os.environ.update(HOME=str(folder), TMPDIR=str(folder))


class QuickCase:
    """Plugin that runs cases and sends their results, without the cost of full reports.

    Args:
        file: File of the tests in a session of the project: a case whose setup fails without running code of
            this file is skipped, because the project's setup failed. None if all failures count.

    Attributes:
        status: Current status of the case that is running.
        phase: Phase in which it failed, such as `setup`; empty if it did not.
    """

    def __init__(self, file: str | None = None) -> None:
        self.status = self.phase = ""
        self._file = file

    def run(self, items: Sequence[pytest.Item], send: Send, *, whole: bool) -> None:
        """Run cases in order, all or until one fails."""
        failed = ""
        for item, following in zip(items, [*items[1:], None]):  # noqa: B905 - Python 3.9 has no `strict`
            name = function_name(item)
            if name == failed and (following is None or following.parent is item.parent):
                continue  # its other cases change nothing, and following tests need the same setup
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
        counts = self._file is None or call.when == "call" or runs_code_of(call.excinfo.value, self._file)
        return pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords={},
            outcome="failed" if counts else "skipped",
            longrepr=None if counts else (str(self._file), 0, "Skipped: the project's setup failed"),
            when="call" if call.when == "collect" else call.when,
        )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the result of one phase; the worst counts."""
        if report.failed:
            self.status, self.phase = "failed", self.phase or str(report.when)
        elif self.status == "failed":
            return
        elif report.skipped or hasattr(report, "wasxfail"):
            self.status = "skipped"
        elif report.when == "call":
            self.status = "passed"


class _Loading:
    """Tries mutants in children that load the changed module themselves.

    Args:
        run: What to run.
        deadline: End of the time limit.
        closed: File descriptor to close in children.
        in_file: Whether to write mutants to the module's file instead of using an import finder.

    Attributes:
        seconds: Time of the unchanged member; None if not known yet.
    """

    def __init__(self, run: MutantRun, deadline: float, closed: int, *, in_file: bool = False) -> None:
        self.seconds: float | None = None
        self._run = run
        self._deadline = deadline
        self._closed = closed
        self._in_file = in_file
        self._tried = 0

    def results(self, mutants: Sequence[LoadedMutant], seconds: float | None) -> dict[int, dict[str, str]]:
        """Return the results of the test functions for each mutant.

        Args:
            mutants: Mutants to try.
            seconds: Time of the unchanged member if it is known to pass.
        """
        if seconds is None:
            started = time.monotonic()
            statuses = self._try(_clean(self._run.names), self._deadline - started)
            if not _all_pass(statuses, self._run.names):
                return {}
            seconds = time.monotonic() - started
        self.seconds = seconds
        results: dict[int, dict[str, str]] = {}
        limit = _limit(seconds)
        for mutant in mutants:
            left = self._deadline - time.monotonic()
            if left <= 0 or _is_too_late(mutant, self._run, self._deadline):
                continue
            tried = self._try(mutant, min(left, limit))
            has_ended = time.monotonic() < self._deadline or limit <= left
            if tried is not None and has_ended:  # otherwise, the end of the run says nothing of the mutant
                results[mutant.number] = tried
        return results

    def is_gone(self, mutant: LoadedMutant, direct: DirectCall) -> bool | None:
        """Return whether a direct call of the member raises the error of the mutant that removes it.

        None if it could not be called, for example because that ends the process.
        """
        if self._put_in_place(mutant) is None:
            return None
        found: list[Message] = []
        seconds = max(_LEAST_SECONDS, min(self._deadline - time.monotonic(), _limit(self.seconds or 0.0)))
        body = functools.partial(_call_directly, self._new_folder(), direct)
        run_child(body, seconds, found.append, self._closed)
        kinds = [message.get("kind") for message in found]
        return "gone" in kinds if kinds else None

    def _try(self, mutant: LoadedMutant, seconds: float) -> dict[str, str] | None:
        """Return the results of the test functions; None if the mutant is invalid."""
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
        if account.is_spoiled:  # by the mutant, in the project's setup: it is not the tests that notice it
            return dict.fromkeys(mutant.tests, "skipped")
        lost = () if account.functions else mutant.tests  # the mutant does not load
        return {**dict.fromkeys(lost, "missing"), **_statuses(account)}

    def _put_in_place(self, mutant: LoadedMutant) -> CodeType | None:
        """Return the code of the changed module, with its file written if required; None if invalid."""
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
        """Return a function for a child that loads the changed module and runs the tests."""
        folder = self._new_folder()
        session = self._run.session
        run = ModuleRun(folder, self._run.code, self._run.ini, None, without, None, session=session)

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
    """Do not write bytecode: another version of the file may have the same size and time."""
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"


def _call_directly(folder: Path, direct: DirectCall, send: Send) -> None:
    """Call a member with some arguments; send whether it raises the error of the mutant that removes it."""
    folder.mkdir()
    os.environ.update(HOME=str(folder), TMPDIR=str(folder))
    os.chdir(folder)
    _keep_no_bytecode()
    is_gone = False
    try:
        is_gone = _raises_as_taken_away(direct)
    finally:
        send({"kind": "gone" if is_gone else "there"})


def _raises_as_taken_away(direct: DirectCall) -> bool:
    member: Any = importlib.import_module(direct.module)
    for part in direct.name.split("."):
        member = inspect.getattr_static(member, part)
        member = getattr(member, "__func__", None) or getattr(member, "fget", None) or member
    for argument in (None, "x", 1, ()):
        try:
            _begin(member(*_arguments(member, argument)))
        except BaseException as error:  # noqa: BLE001 - untrusted code may raise anything
            if _is_of_taken_away(error):
                return True
    return False


def _arguments(member: Any, argument: object) -> list[object]:
    """Return as many arguments as the call requires."""
    try:
        parameters = inspect.signature(member).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [argument for one in parameters if one.kind in kinds and one.default is inspect.Parameter.empty]


def _begin(given: Any) -> None:
    """Start a generator, coroutine or context manager."""
    for name in ("__next__", "__enter__", "__anext__", "__aenter__"):
        if hasattr(type(given), name):
            given = getattr(given, name)()
            break
    if inspect.iscoroutine(given) or hasattr(type(given), "__await__"):
        next(iter(given.__await__()))


def _is_of_taken_away(error: BaseException | None) -> bool:
    """Return whether an error or one of its causes comes from a removed member."""
    known: set[int] = set()
    while error is not None and id(error) not in known:
        if type(error).__name__ == "MemberTakenAway":
            return True
        known.add(id(error))
        error = error.__cause__ or error.__context__
    return False


class MutantFinder:
    """Finds modules like the other finders, but replaces the code of one file."""

    def __init__(self, file: str, code: CodeType) -> None:
        self._file = file
        self._code = code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the module if it is the changed one."""
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is None or spec.origin != self._file:
            return None
        loader = _MutantLoader(fullname, self._file)
        loader.changed = self._code
        return importlib.util.spec_from_loader(fullname, loader, is_package=loader.is_package(fullname))


class _MutantLoader(SourceFileLoader):
    """Loads a module from existing code."""

    changed: CodeType

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the loader is for one module only
        """Return the changed code."""
        return self.changed
