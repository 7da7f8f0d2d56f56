"""Run one test module with pytest in a child, with a plugin that reports each function's result."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import random
import re
import socket
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from .comparable_calls import ComparableCalls
from .forking import Message, Send
from .project_session import TEMPORARY, Leftovers, Session, plain_options
from .reached_calls import OwnCalls
from .tracer import MemberSpan, ReachedLines, Spans, Tracer, make_tracer

TEST_FILE = "test_candidate.py"

_clock = time.perf_counter  # whatever a test replaces it with later
_gethostname = socket.gethostname

_MESSAGE_CHARACTERS = 2_000
_LINE_CHARACTERS = 200
_MOST_OWN_TESTS = 20
_UNREACHABLE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EAFNOSUPPORT})
_SHORT = (
    *("-W", "ignore::pytest.PytestDeprecationWarning"),  # the project may be pinned to an older version
    "-q",
    "--tb=short",
    "--show-capture=no",
    "--color=no",
    *("-p", "no:cacheprovider"),
    *("-p", "no:faulthandler"),
)


class ModuleRun(NamedTuple):
    """What a child runs.

    Attributes:
        folder: Folder for this run: contains the test module and, below it, the working folder.
        code: Text of the test module.
        ini: pytest configuration file.
        order: Seed for shuffling the functions; None for file order.
        without: Names of functions to leave out.
        span: Location of the member to trace; None for no tracing.
        apart: Whether to run each function in its own child.
        session: Session of the project to run in; None to run alone.
        own_calls: Whether to report the calls in the module that were not made.
        recorded: Locations of members whose calls to report instead of tracing lines.
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
    recorded: tuple[MemberSpan, ...] = ()


def run_tests(run: ModuleRun, send: Send) -> None:
    """Run the module's tests; send the result of each case, and of the module at the end.

    In a session of the project, only the module's own results are sent.
    """
    file, arguments = lay_out(run.folder, run.code, run.ini, run.session, run.order)
    with_own_tests = run.session is not None and run.session.own is not None
    watched = [] if with_own_tests else [Path.cwd(), file.parent, run.folder]
    if watched and "tempfile" in run.code:  # otherwise, the code under test leaves what is there
        watched.append(run.folder / TEMPORARY)
    known = [run.folder / "tmp", run.folder / TEMPORARY]
    recorder = _Recorder(send, run, file, Leftovers(watched, known))
    plugins: list[object] = [recorder, _Apart()] if run.apart and not with_own_tests else [recorder]
    if run.session is not None:
        plugins.append(_Beside(send, file))
    recorder.start()
    own_calls, text = OwnCalls(str(file)) if run.own_calls else None, file.read_text(encoding="utf-8")
    if own_calls is not None:
        arguments.append("--assert=plain")  # otherwise pytest adds calls
        own_calls.start()
    exit_code = pytest.main(arguments, plugins=plugins)
    if own_calls is not None:
        send({"kind": "idle", "calls": own_calls.left(text)})
    recorder.finish(int(exit_code))


def lay_out(
    folder: Path, code: str, ini: Path, session: Session | None, order: int | None = None
) -> tuple[Path, list[str]]:
    """Write a test module and change to its working folder; return its file and pytest's command line.

    Args:
        folder: Folder for the run.
        code: Text of the test module.
        ini: pytest configuration file if it runs alone.
        session: Session of the project to run in; None to run alone.
        order: Seed of the order of the tests.
    """
    file = folder / "tests" / TEST_FILE if session is None else session.file
    work = folder / "work" if session is None else session.home
    file.parent.mkdir(parents=True, exist_ok=True)
    work.mkdir(exist_ok=True)
    file.write_bytes(code.encode("utf-8", "replace"))
    os.chdir(work)
    if session is None:
        return file, _arguments_alone(file, folder, ini, code)
    os.environ.pop("PYTEST_DISABLE_PLUGIN_AUTOLOAD", None)
    files = [file] if session.own is None else [session.own, file]
    if order is not None and order % 2:
        files.reverse()
    addopts = () if session.with_addopts else ("-o", "addopts=")
    basetemp = ("--basetemp", str(folder / "tmp"))
    return file, [*map(str, files), *addopts, "--maxfail=0", *basetemp, *session.options, *_SHORT]


def _arguments_alone(file: Path, folder: Path, ini: Path, code: str) -> list[str]:
    named = {"-c": ini, "--rootdir": file.parent, "--confcutdir": file.parent, "--basetemp": folder / "tmp"}
    options = (str(part) for option in named.items() for part in option)
    return [str(file), *options, "--noconftest", *_SHORT, *plain_options(code, ini)]


def _case(name: str, status: str, message: str, reached: ReachedLines) -> Message:
    return {"kind": "case", "name": name, "status": status, "message": message, **reached.as_json()}


class _Recorder:
    """The plugin. Lines that the member runs outside of tests count as reached by loading the module."""

    def __init__(self, send: Send, run: ModuleRun, file: Path, leftovers: Leftovers) -> None:
        self._send = send
        self._run = run
        self._calls = ComparableCalls(Spans(run.recorded), run.folder, file) if run.recorded else None
        self._leftovers = leftovers
        self._loaded = ReachedLines()
        self._tracer: Tracer | None = None if run.span is None else make_tracer(run.span)
        self._reached = ReachedLines()
        self._of_fixtures: dict[Any, ReachedLines] = {}
        self._status = ""
        self._message = ""
        self._failing_line = ""
        self._network = False
        self._connections = Connections()
        self._raised_by_test = False
        self._problem = ""
        self._rows: dict[str, int] = {}

    def start(self) -> None:
        """Start tracing."""
        if self._tracer is not None:
            self._tracer.exchange(self._loaded)
            self._tracer.start()
        if self._calls is not None:
            self._calls.start()
        sys.addaudithook(self._connections.hear)

    def finish(self, exit_code: int) -> None:
        """Send the results of the module as a whole."""
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
        """Remove excluded functions, then shuffle; pytest then groups by fixtures with a wider scope."""
        for _, cases in groups_of(item for item in items if not self._is_foreign(item)):
            self._rows |= row_numbers(cases)
        own = [item for item in items if self._is_foreign(item)][:_MOST_OWN_TESTS]
        is_first = bool(items) and self._is_foreign(items[0])
        mine: list[pytest.Item] = [item for item in items if self._is_wanted(item)]
        if self._run.order is not None:
            mine = shuffled(mine, self._run.order)
        items[:] = [*own, *mine] if is_first else [*mine, *own]

    def _is_wanted(self, item: pytest.Item) -> bool:
        is_function = isinstance(item, pytest.Function)  # not an item created by another plugin
        return is_function and not self._is_foreign(item) and function_name(item) not in self._run.without

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run nothing if the module did not load.

        Pytest itself would raise an exception and write its traceback, which takes longer than the run.
        """
        return True if session.testsfailed and self._run.session is None else None

    def pytest_collection_finish(self) -> None:
        """Attribute new files and calls to functions from here on."""
        self._leftovers.disregard()
        if self._calls is not None:
            self._calls.close_load()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Record why the module did not load."""
        if report.failed and not self._problem:
            self._problem = _cut(_own_words(str(report.longrepr)))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, None]:
        """Run one case and send its result."""
        if self._is_foreign(item):
            before = self._note_into(ReachedLines())
            yield
            self._note_into(before)
            return
        name = function_name(item)
        if self._run.session is None:  # in a session, the project's setup does not count for the function
            self._send({"kind": "begun", "name": name})
        self._status, self._message = "crashed", "it has no outcome"
        self._failing_line, self._network, self._raised_by_test = "", False, False
        self._reached = reached = ReachedLines()
        before = self._note_into(reached if self._run.session is None else ReachedLines())
        if self._calls is not None:
            self._calls.taken()  # those of the project's tests
        started = _clock()
        outcome = yield
        seconds = round(_clock() - started, 5)
        self._note_into(before)
        if outcome.excinfo is not None:  # for example Ctrl-C: the remaining tests need a new child
            os._exit(1)
        for fixture in _fixtures_of(item):
            reached.add(self._of_fixtures.get(fixture, ReachedLines()))
        notes = {
            "failing_line": self._failing_line,
            "network": self._network,
            "raised_by_test": self._raised_by_test,
            "row": self._rows.get(item.nodeid),
            "seconds": seconds,
            "calls": [] if self._calls is None else sorted(self._calls.taken()),
        }
        self._send({**_case(name, self._status, self._message, reached), **notes})
        self._leftovers.look(name)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """In a session, report that a function itself starts: what the project sets up is not its doing."""
        if self._is_foreign(item):
            yield
            return
        self._connections.is_wanted = False
        if self._run.session is None:
            yield
        else:
            self._send({"kind": "begun", "name": function_name(item)})
            self._leftovers.disregard()
            before = self._note_into(self._reached)
            yield
            self._note_into(before)
        self._network |= self._connections.is_wanted

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Generator[None, None, None]:
        """Record where a phase failed, and whether without a network or by an error of the test itself."""
        yield
        if call.excinfo is None:
            return
        self._network |= wants_network(call.excinfo.value)
        if self._status != "failed":
            self._raised_by_test = is_raised_by_test(call.excinfo.value, file_of(item))
            self._failing_line = failing_line(call.excinfo, file_of(item))

    def _is_foreign(self, item: pytest.Item) -> bool:
        """Return whether a case is one of the project's tests."""
        session = self._run.session
        return session is not None and file_of(item) != str(session.file)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, None, None]:
        """Record what a fixture's setup reaches; it counts for every function that uses the fixture."""
        reached = ReachedLines()
        before = self._note_into(reached)
        yield
        self._note_into(before)
        session = self._run.session
        if session is not None and session.file.name not in str(getattr(fixturedef, "baseid", "")):
            return
        (before if session is None else self._reached).add(reached)
        if fixturedef.scope != "function":
            self._of_fixtures[fixturedef] = reached

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the result of one phase; the worst counts."""
        if report.failed:
            message = self._message if self._status == "failed" else failure_message(report)
            self._status, self._message = "failed", message
        elif self._status == "failed":
            return
        elif report.skipped or hasattr(report, "wasxfail"):
            self._status, self._message = "skipped", skip_message(report)
        elif report.when == "call":
            self._status, self._message = "passed", ""


def row_numbers(cases: Iterable[Any]) -> dict[str, int]:
    """Return the number of each case's row, by node id: those that differ by fixtures or hooks share one."""
    counted: dict[object, int] = {}
    numbers: dict[str, int] = {}
    for case in cases:
        if hasattr(case, "callspec"):
            variant = _variant(case)
            numbers[case.nodeid] = counted.get(variant, 0)
            counted[variant] = numbers[case.nodeid] + 1
    return numbers


def _variant(case: Any) -> object:
    """Return which parameters a case has that its own marks do not give, each by its index or as an object.

    They are those of fixtures, and those that a `pytest_generate_tests` of the project gives, of which pytest
    only says the index of the whole case.
    """
    own = [mark.kwargs.get("argnames", (*mark.args, "")[0]) for mark in case.iter_markers("parametrize")]
    named = {
        str(name).strip() for names in own for name in (names.split(",") if isinstance(names, str) else names)
    }
    known, indices = _known_fixtures(case), getattr(case.callspec, "indices", {})
    is_fixture = {name: any(getattr(one, "params", None) for one in known.get(name, ())) for name in indices}
    return tuple(
        (name, indices[name] if is_fixture[name] else id(case.callspec.params.get(name)))
        for name in sorted(indices.keys() - named)
    )


class _Apart:
    """Plugin that runs each function in its own child, with only the module loaded."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Replace pytest's own loop if the module has loaded and it is not run in a session.

        A child of a process with threads may wait forever for a lock that one of them has. Threads of
        native code are not known here, so a child is made only if there are several functions.
        """
        groups = list(groups_of(session.items))
        if session.testsfailed or len(groups) <= 1 or threading.active_count() > 1:
            return None
        for _, items in groups:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about threads that the module has started
                child = os.fork()
            if child == 0:
                _run_apart(items)
            _, status = os.waitpid(child, 0)
            if status:
                os._exit(1)
        return True


def _run_apart(items: Sequence[pytest.Item]) -> None:
    """Run the cases of one function and exit this process."""
    status = 1
    try:
        seed_anew()
        for item, following in zip(items, [*items[1:], None]):  # noqa: B905 - Python 3.9 has no `strict`
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        status = 0
    finally:
        os._exit(status)


def seed_anew() -> None:
    """Give a forked process new random numbers, as a newly started one would have."""
    random.seed()


class _Beside:
    """Plugin that reports whether a session of the project could be set up.

    Args:
        send: Sends messages.
        file: File of the candidate.
    """

    def __init__(self, send: Send, file: Path) -> None:
        self._send = send
        self._file = str(file)
        self._name = file.name
        self._failed: set[bool] = set()
        self._passed = False
        self._is_own_failure = False

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Record whose file does not load. If only the candidate's does not, the session works."""
        if report.failed:
            self._failed.add(self._is_of_candidate(report))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Report whether the candidate is part of the session: whether its functions were collected."""
        names = {function_name(item) for item in session.items if file_of(item) == self._file}
        if False in self._failed:
            return
        if names or True in self._failed:
            self._send({"kind": "ready", "names": sorted(names)})
        else:
            self._send({"kind": "ignored"})

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> None:
        """Record if the candidate's own code fails."""
        self._is_own_failure = call.excinfo is not None and runs_code_of(call.excinfo.value, self._file)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record if the project's setup failed for all tests so far; then the candidate is not to blame."""
        if not self._is_of_candidate(report):
            self._passed |= report.passed and report.when == "call"
        elif report.when == "setup" and not (report.passed or self._passed or self._is_own_failure):
            self._send({"kind": "spoiled"})

    def _is_of_candidate(self, report: pytest.CollectReport | pytest.TestReport) -> bool:
        return report.nodeid.partition("::")[0].rpartition("/")[2] == self._name


def file_of(item: pytest.Item) -> str:
    """Return the file of a case."""
    return str(getattr(item, "path", None) or item.fspath)  # pytest before 7 has no `path`


_CANNOT_BIND = re.compile(r"[\w.<>]+\(\) |Can't instantiate ")
"""Start of the message of a `TypeError` for a call with the wrong arguments."""

_LACKS_NAME = re.compile(r"(?:module|type object) '")
"""Start of the message of an `AttributeError` for a name that a module or a class does not define."""


_REPLACING = re.compile(r".*[/\\](?:_pytest[/\\]monkeypatch|(?:unittest|mock)[/\\]mock)\.py")
_IMPORTING = re.compile(r"<frozen importlib.*|.*[/\\](?:pkgutil|contextlib|importlib[/\\]__init__)\.py")
_RUNNING_TESTS = re.compile(r".*[/\\](?:_pytest|pluggy|pytest_mock|unittest)[/\\][^/\\]+\.py")
"""Files of what replaces names in tests, of what it calls to find them, and of what calls tests."""


def is_raised_by_test(error: BaseException, file: str) -> bool:
    """Return whether an expression in a test module raised the error itself, after all calls in it returned.

    Such an error concerns what the test does with a value. Assertions do not count, nor do calls with wrong
    arguments, names that a module or class lacks, or errors that passed through other code. A missing name
    that a test wants to replace counts: only the test says that the code has it.

    Args:
        error: Error that a test failed with.
        file: File of the test module.
    """
    files = _files_of(error)
    if isinstance(error, AttributeError | ImportError) and _replaces_nothing(files, file):
        return True
    if isinstance(error, AssertionError):
        return False
    if isinstance(error, TypeError) and _CANNOT_BIND.match(str(error)):
        return False
    if isinstance(error, AttributeError) and _LACKS_NAME.match(str(error)):
        return False
    return _ends_in(file, files)


def _replaces_nothing(files: list[str], file: str) -> bool:
    """Return whether `monkeypatch` or `mock.patch`, used by a test module, did not find what to replace."""
    outer = [*files]
    while outer and (_IMPORTING.fullmatch(outer[-1]) or _REPLACING.fullmatch(outer[-1])):
        outer.pop()
    if not any(_REPLACING.fullmatch(one) for one in files[len(outer) :]):
        return False
    is_decorator = file not in outer and (not outer or _RUNNING_TESTS.fullmatch(outer[-1]) is not None)
    return is_decorator or _ends_in(file, outer)


def _ends_in(file: str, files: list[str]) -> bool:
    return file in files and set(files[files.index(file) :]) == {file}


def runs_code_of(error: BaseException, file: str) -> bool:
    """Return whether an error came from, or passed through, the code of a file."""
    return file in _files_of(error)


def _files_of(error: BaseException) -> list[str]:
    return [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]


def failing_line(error: pytest.ExceptionInfo[Any], file: str) -> str:
    """Return the statement of a test module that an error came from, on one line; empty if there is none.

    Args:
        error: Error that a test failed with.
        file: File of the test module.
    """
    with contextlib.suppress(Exception):  # the file may be gone, or no longer be Python
        own = (entry for entry in error.traceback if entry.frame.code.raw.co_filename == file)
        return _cut(" ".join(str(next(own).statement).split()), _LINE_CHARACTERS)
    return ""


def wants_network(error: BaseException) -> bool:
    """Return whether an error, or one of its causes, is about an unreachable network."""
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
            with contextlib.suppress(Exception):  # a project's error may have any `reason`
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


class Connections:
    """Notices if code asks for another machine: a test that passes because it is refused fails elsewhere.

    Attributes:
        is_wanted: Whether code asked for one since this was last set to False.
    """

    def __init__(self) -> None:
        self.is_wanted = False

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Look at an audit event; an exception would be one of the code that caused it."""
        if event in _LOOKUPS:
            self.is_wanted |= _is_name_elsewhere(arguments[0])
        elif event in _CONNECTIONS and isinstance(arguments[1], tuple):  # not a socket in the file system
            sends_nothing = event == "socket.connect" and arguments[0].type == socket.SOCK_DGRAM
            self.is_wanted |= not sends_nothing and _is_elsewhere(*arguments[1][:1])


_LOOKUPS = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})
_CONNECTIONS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_NEVER_ELSEWHERE = frozenset({"", "localhost", "invalid", "test", "example"})
"""Last parts of names that no name server may know (RFC 6761), and of this machine's."""


def _is_elsewhere(host: Any = None) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _is_name_elsewhere(host)
    return not (address.is_loopback or address.is_unspecified)


def _is_name_elsewhere(host: Any) -> bool:
    """Return whether a host has to be looked up; connections to addresses are noticed when they are made."""
    name = host.decode(errors="replace") if isinstance(host, bytes) else host
    if not isinstance(name, str) or name.rpartition(".")[2] in _NEVER_ELSEWHERE or name == _gethostname():
        return False
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(name)
        return False
    return True


def function_name(item: pytest.Item) -> str:
    """Return the name of the function a case belongs to, `Class::name` for a method."""
    classes = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
    return "::".join([*classes, plain_name(item)])


def plain_name(item: pytest.Item) -> str:
    """Return the name of the function that a case is made from.

    Decorators such as `parameterized.expand` make functions such as `test_x_0`, still qualified as `test_x`.
    """
    name = str(getattr(item, "originalname", None) or item.name)
    function = getattr(getattr(item, "cls", None) or getattr(item, "module", None), name, None)
    written = str(getattr(function, "__qualname__", "")).rpartition(".")[2]
    return written if written.startswith("test") and name.startswith(f"{written}_") else name


def shuffled(items: Iterable[pytest.Item], seed: int) -> list[pytest.Item]:
    """Return the cases in an order determined by a seed; cases of one function stay together."""
    order = groups_of(items)
    random.Random(seed).shuffle(order)  # noqa: S311 - not for cryptography
    return [item for _, group in order for item in group]


def groups_of(items: Iterable[pytest.Item]) -> list[tuple[str, list[pytest.Item]]]:
    """Return the cases by function, in the order of their first cases."""
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        groups.setdefault(function_name(item), []).append(item)
    return list(groups.items())


def _fixtures_of(item: pytest.Item) -> Iterable[Any]:
    return [definition for definitions in _known_fixtures(item).values() for definition in definitions]


def _known_fixtures(item: pytest.Item) -> dict[str, Sequence[Any]]:
    """Return the definitions of fixtures that a case may use, by name."""
    found: dict[str, Sequence[Any]] = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    return found


def failure_message(report: pytest.TestReport) -> str:
    """Return the message of a failed phase, truncated."""
    crash = getattr(report.longrepr, "reprcrash", None)
    message = _own_words(str(report.longrepr)) if crash is None else str(crash.message)
    return _cut(message if report.when == "call" else f"in {report.when}: {message}")


def skip_message(report: pytest.TestReport) -> str:
    """Return why a case was skipped or expected to fail, truncated."""
    if hasattr(report, "wasxfail"):
        return _cut(f"marked as expected to fail: {report.wasxfail}")
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    return _cut(str(reason).removeprefix("Skipped: "))


def _own_words(text: str) -> str:
    """Return the error lines of pytest's output; for a syntax error, the last one."""
    lines = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
    if lines and lines[0].startswith('File "'):
        return lines[-1]
    return "\n".join(lines) or text.strip()


def _cut(message: str, most: int = _MESSAGE_CHARACTERS) -> str:
    # Lone surrogates cannot be encoded.
    plain = message.encode("utf-8", "replace").decode()
    return plain if len(plain) <= most else plain[:most] + " ..."
