"""One test module in one child: pytest on the one file, and a plugin that tells how each function ends."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import re
import socket
import threading
import traceback
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from .forking import Message, Send
from .project_session import Leftovers, Session
from .reached_calls import OwnCalls
from .tracer import MemberSpan, ReachedLines, Tracer, make_tracer

TEST_FILE = "test_candidate.py"

_MESSAGE_CHARACTERS = 2_000
_MOST_OWN_TESTS = 20
_UNREACHABLE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EAFNOSUPPORT})
_SHORT = (
    "-q",
    "--tb=short",
    "--show-capture=no",
    "--color=no",
    *("-p", "no:cacheprovider"),
    *("-p", "no:faulthandler"),
)


class ModuleRun(NamedTuple):
    """What a child is to run.

    Attributes:
        folder: A folder of its own: the test module comes into it, and its working folder below it.
        code: The test module's text.
        ini: The pytest configuration's file.
        order: A seed to shuffle the functions by; None for the order of the file.
        without: Names of functions that are not run.
        span: Where the member stands that is traced; None for no tracing.
        apart: Whether each function is run in a child of its own.
        session: The project's own session that it takes part in; None where it is alone.
        own_calls: Whether it is told which calls of the module's own text are not made.
    """

    folder: Path
    code: str
    ini: Path
    order: int | None
    without: frozenset[str]
    span: MemberSpan | None
    apart: bool = False
    session: Session | None = None
    own_calls: bool = False


def run_tests(run: ModuleRun, send: Send) -> None:
    """Run the module's tests; send how each case ends, and at last what came of the whole."""
    if run.session is not None:
        _run_in_session(run, run.session, send)
        return
    tests, work = run.folder / "tests", run.folder / "work"
    for folder in (tests, work):
        folder.mkdir(exist_ok=True)
    file = tests / TEST_FILE
    file.write_bytes(run.code.encode("utf-8", "replace"))
    os.chdir(work)
    recorder = _Recorder(send, run, Leftovers((work, tests, run.folder), [run.folder / "tmp"]))
    plugins: list[object] = [recorder, _Apart()] if run.apart else [recorder]
    recorder.start()
    arguments = pytest_arguments(file, run.folder, run.ini)
    own_calls, text = OwnCalls(str(file)) if run.own_calls else None, file.read_text(encoding="utf-8")
    if own_calls is not None:
        arguments.append("--assert=plain")  # else calls of pytest's own stand among them
        own_calls.start()
    exit_code = pytest.main(arguments, plugins=plugins)
    if own_calls is not None:
        send({"kind": "idle", "calls": own_calls.left(text)})
    recorder.finish(int(exit_code))


def pytest_arguments(file: Path, folder: Path, ini: Path) -> list[str]:
    """Return pytest's command line for one test module, which lies in a folder of its own."""
    named = {"-c": ini, "--rootdir": file.parent, "--basetemp": folder / "tmp"}
    return [str(file), *(str(part) for option in named.items() for part in option), "--noconftest", *_SHORT]


def _run_in_session(run: ModuleRun, session: Session, send: Send) -> None:
    """Run the module in a session of the project's own; of the outcomes only the module's own are told."""
    session.file.parent.mkdir(parents=True, exist_ok=True)
    session.file.write_bytes(run.code.encode("utf-8", "replace"))
    os.chdir(session.home)
    os.environ.pop("PYTEST_DISABLE_PLUGIN_AUTOLOAD", None)
    files = [session.file] if session.own is None else [session.own, session.file]
    if run.order is not None and run.order % 2:
        files.reverse()
    addopts = () if session.with_addopts else ("-o", "addopts=")
    basetemp = ("--basetemp", str(run.folder / "tmp"))
    recorder = _Recorder(send, run, Leftovers(()))
    exit_code = pytest.main(
        [*map(str, files), *addopts, "--maxfail=0", *basetemp, *session.options, *_SHORT],
        plugins=[recorder, _Beside(send, session.file)],
    )
    recorder.finish(int(exit_code))


def _case(name: str, status: str, message: str, reached: ReachedLines) -> Message:
    return {"kind": "case", "name": name, "status": status, "message": message, **reached.as_json()}


class _Recorder:
    """The plugin. What the member's code does outside any test belongs to the loading of the module."""

    def __init__(self, send: Send, run: ModuleRun, leftovers: Leftovers) -> None:
        self._send = send
        self._run = run
        self._leftovers = leftovers
        self._loaded = ReachedLines()
        self._tracer: Tracer | None = None if run.span is None else make_tracer(run.span)
        self._of_fixtures: dict[Any, ReachedLines] = {}
        self._status = ""
        self._message = ""
        self._network = False
        self._raised_by_test = False
        self._problem = ""

    def start(self) -> None:
        """Begin to trace."""
        if self._tracer is not None:
            self._tracer.exchange(self._loaded)
            self._tracer.start()

    def finish(self, exit_code: int) -> None:
        """Send what is known of the module as a whole."""
        failed = exit_code not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
        if failed and not self._problem and exit_code != pytest.ExitCode.NO_TESTS_COLLECTED:
            self._problem = f"pytest ended with exit code {exit_code}"
        for name, paths in self._leftovers.left():
            self._send({"kind": "left", "name": name, "paths": paths})
        self._send({"kind": "module", "problem": self._problem, **self._loaded.as_json()})

    def _note_into(self, reached: ReachedLines) -> ReachedLines:
        return self._loaded if self._tracer is None else self._tracer.exchange(reached)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what is not wanted, then shuffle; pytest itself groups by wider fixtures afterwards."""
        own = [item for item in items if self._is_foreign(item)][:_MOST_OWN_TESTS]
        is_first = bool(items) and self._is_foreign(items[0])
        mine: list[pytest.Item] = [item for item in items if self._is_wanted(item)]
        if self._run.order is not None:
            mine = shuffled(mine, self._run.order)
        items[:] = [*own, *mine] if is_first else [*mine, *own]

    def _is_wanted(self, item: pytest.Item) -> bool:
        is_function = isinstance(item, pytest.Function)  # rather than what a plugin makes of a file
        return is_function and not self._is_foreign(item) and function_name(item) not in self._run.without

    def pytest_collection_finish(self) -> None:
        """From here on a new file is a function's."""
        self._leftovers.disregard()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note why the module did not load."""
        if report.failed and not self._problem:
            self._problem = _cut(_own_words(str(report.longrepr)))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, None]:
        """Run one case, and send how it ended."""
        if self._is_foreign(item):
            yield
            return
        name = function_name(item)
        if self._run.session is None:  # there, what the project sets up is not the function's doing
            self._send({"kind": "begun", "name": name})
        self._status, self._message = "crashed", "it has no outcome"
        self._network = self._raised_by_test = False
        reached = ReachedLines()
        before = self._note_into(reached)
        outcome = yield
        self._note_into(before)
        if outcome.excinfo is not None:  # as Ctrl-C, which ends the run: the rest belongs into a new child
            os._exit(1)
        for fixture in _fixtures_of(item):
            reached.add(self._of_fixtures.get(fixture, ReachedLines()))
        notes = {"network": self._network, "raised_by_test": self._raised_by_test}
        self._send({**_case(name, self._status, self._message, reached), **notes})
        self._leftovers.look(name)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """Tell that a function itself begins, in a session that the project has set up."""
        if self._run.session is not None and not self._is_foreign(item):
            self._send({"kind": "begun", "name": function_name(item)})

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Generator[None, None, None]:
        """Note whether a phase failed for want of a network, or by what the test itself raised."""
        yield
        if call.excinfo is None:
            return
        self._network |= wants_network(call.excinfo.value)
        if self._status != "failed":
            self._raised_by_test = is_raised_by_test(call.excinfo.value, file_of(item))

    def _is_foreign(self, item: pytest.Item) -> bool:
        """Tell whether a case is one of the project's own."""
        session = self._run.session
        return session is not None and file_of(item) != str(session.file)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, None, None]:
        """Keep what a fixture's setup reaches: it counts for each function that shares the fixture."""
        reached = ReachedLines()
        before = self._note_into(reached)
        yield
        self._note_into(before)
        before.add(reached)
        if fixturedef.scope != "function":
            self._of_fixtures[fixturedef] = reached

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a phase of the case ended; the worst counts."""
        if report.failed:
            message = self._message if self._status == "failed" else failure_message(report)
            self._status, self._message = "failed", message
        elif self._status == "failed":
            return
        elif report.skipped or hasattr(report, "wasxfail"):
            self._status, self._message = "skipped", skip_message(report)
        elif report.when == "call":
            self._status, self._message = "passed", ""


class _Apart:
    """The plugin that runs each function in a child of its own, with nothing but the module loaded."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Take pytest's own loop's place, where the module has loaded and nothing else runs beside it."""
        if session.testsfailed or threading.active_count() > 1:
            return None
        for _, items in groups_of(session.items):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of threads that the module has started behind Python's back
                child = os.fork()
            if child == 0:
                _run_apart(items)
            _, status = os.waitpid(child, 0)
            if status:
                os._exit(1)
        return True


def _run_apart(items: Sequence[pytest.Item]) -> None:
    """Run the cases of one function, and end this process."""
    status = 1
    try:
        seed_anew()
        for item, following in zip(items, [*items[1:], None]):  # noqa: B905 - Python 3.9 has no `strict`
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        status = 0
    finally:
        os._exit(status)


def seed_anew() -> None:
    """Give a forked process random numbers of its own, as one that was started has."""
    random.seed()


class _Beside:
    """The plugin that tells whether a session of the project's own could be set up.

    Args:
        send: Tells.
        file: The candidate's file.
    """

    def __init__(self, send: Send, file: Path) -> None:
        self._send = send
        self._file = str(file)
        self._name = file.name
        self._failed: set[bool] = set()
        self._passed = False
        self._fixture_failed = False

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note whose file does not load: a candidate's that does not has met a session that was set up."""
        if report.failed:
            self._failed.add(self._is_of_candidate(report))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """With its functions found, the candidate is part of the session."""
        names = {function_name(item) for item in session.items if file_of(item) == self._file}
        if (names or True in self._failed) and False not in self._failed:
            self._send({"kind": "ready", "names": sorted(names)})

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, Any, None]:
        """Note where a fixture of the candidate fails."""
        outcome = yield
        code = getattr(fixturedef.func, "__code__", None)
        if outcome.excinfo is not None and getattr(code, "co_filename", "") == self._file:
            self._fixture_failed = True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """What the project sets up, and fails for all that ran so far, says nothing of a candidate."""
        if not self._is_of_candidate(report):
            self._passed |= report.passed and report.when == "call"
        elif report.when == "setup":
            if not report.passed and not self._passed and not self._fixture_failed:
                self._send({"kind": "spoiled"})
            self._fixture_failed = False

    def _is_of_candidate(self, report: pytest.CollectReport | pytest.TestReport) -> bool:
        return report.nodeid.partition("::")[0].rpartition("/")[2] == self._name


def file_of(item: pytest.Item) -> str:
    """Return the file of a case."""
    return str(getattr(item, "path", None) or item.fspath)  # Pytest before 7 has no `path`.


_CANNOT_BIND = re.compile(r"[\w.<>]+\(\) |Can't instantiate ")
"""How the message of a `TypeError` begins where a call does not fit what is called."""


def is_raised_by_test(error: BaseException, file: str) -> bool:
    """Tell whether an expression of a test module itself raised an error, after all calls in it had returned.

    Such an error is about what the test does with a value. An assertion is not; neither is a call with
    arguments that the callee does not take, nor an error with any other code on its way.

    Args:
        error: What a test has failed with.
        file: The test module's file.
    """
    if isinstance(error, AssertionError):
        return False
    if isinstance(error, TypeError) and _CANNOT_BIND.match(str(error)):
        return False
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    return file in files and set(files[files.index(file) :]) == {file}


def wants_network(error: BaseException) -> bool:
    """Tell whether an error, or one behind it, comes of a network that cannot be reached."""
    return any(_is_of_network(one) for one in _behind(error))


_Next = Callable[[BaseException], Any]
_WAYS_BACK: tuple[_Next, ...] = (
    lambda error: error.__cause__,
    lambda error: error.__context__,
    lambda error: getattr(error, "reason", None),
)
_MOST_ERRORS = 30


def _behind(error: BaseException) -> Iterator[BaseException]:
    known = {id(error): error}
    left = [error]
    while left and len(known) < _MOST_ERRORS:
        one = left.pop()
        yield one
        for way in _WAYS_BACK:
            found = None
            with contextlib.suppress(Exception):  # a project's error may have a `reason` of its own kind
                found = way(one)
            if isinstance(found, BaseException) and id(found) not in known:
                known[id(found)] = found
                left.append(found)


def _is_of_network(error: BaseException) -> bool:
    if isinstance(error, socket.gaierror):
        return True
    if not isinstance(error, OSError):
        return False
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    inner = "" if trace is None else trace.tb_frame.f_code.co_filename
    refused = isinstance(error, (PermissionError, ConnectionRefusedError)) or error.errno in _UNREACHABLE
    return refused and (inner == socket.__file__ or error.errno in _UNREACHABLE)


def function_name(item: pytest.Item) -> str:
    """Return the name of the function a case belongs to, `Class::name` for a method."""
    classes = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
    return "::".join([*classes, getattr(item, "originalname", None) or item.name])


def shuffled(items: Iterable[pytest.Item], seed: int) -> list[pytest.Item]:
    """Return the cases in an order that a seed decides; the cases of one function stay together."""
    order = groups_of(items)
    random.Random(seed).shuffle(order)  # noqa: S311 - an order to try, no secret
    return [item for _, group in order for item in group]


def groups_of(items: Iterable[pytest.Item]) -> list[tuple[str, list[pytest.Item]]]:
    """Return the cases by function, in the order of their first cases."""
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        groups.setdefault(function_name(item), []).append(item)
    return list(groups.items())


def _fixtures_of(item: pytest.Item) -> Iterable[Any]:
    known = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    return [definition for definitions in known.values() for definition in definitions]


def failure_message(report: pytest.TestReport) -> str:
    """Return what a failed phase says, cut."""
    crash = getattr(report.longrepr, "reprcrash", None)
    message = _own_words(str(report.longrepr)) if crash is None else str(crash.message)
    return _cut(message if report.when == "call" else f"in {report.when}: {message}")


def skip_message(report: pytest.TestReport) -> str:
    """Return why a case was skipped or expected to fail, cut."""
    if hasattr(report, "wasxfail"):
        return _cut(f"marked as expected to fail: {report.wasxfail}")
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    return _cut(str(reason).removeprefix("Skipped: "))


def _own_words(text: str) -> str:
    """Return an error's own lines of what pytest tells; of a syntax error its last."""
    lines = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
    if lines and lines[0].startswith('File "'):
        return lines[-1]
    return "\n".join(lines) or text.strip()


def _cut(message: str) -> str:
    # What is no character by itself, as half of a pair, cannot be written out.
    plain = message.encode("utf-8", "replace").decode()
    return plain if len(plain) <= _MESSAGE_CHARACTERS else plain[:_MESSAGE_CHARACTERS] + " ..."
