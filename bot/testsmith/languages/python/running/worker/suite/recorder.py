"""Run the project's tests in a child process, with a plugin that reports what each test reaches.

pytest runs as configured by the project, with its conftest files, plugins and settings, but in one process.
Plugins that run tests in other processes, measure coverage or shuffle tests are disabled. If pytest cannot
start that way, for example because of an option of a plugin that is not installed, it runs without the
project's command line options, and warnings are not errors.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.metadata
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ..explorer.call_recorder import CallRecorder
from ..forking import Send
from ..test_run import failure_message, function_name, skip_message, wants_network
from ..tracer import MemberSpan, ReachedByFile, ReachedLines, Spans, make_tracer

UNUSABLE = frozenset({int(pytest.ExitCode.USAGE_ERROR), int(pytest.ExitCode.INTERNAL_ERROR)})
"""Exit codes of pytest if it did not get to any tests."""

NO_TESTS = int(pytest.ExitCode.NO_TESTS_COLLECTED)
"""Exit code of pytest if it found no tests."""

_ALWAYS = (
    *("-p", "no:cacheprovider", "-p", "no:randomly"),
    *("--capture=fd", "--maxfail=0", "--continue-on-collection-errors", "--color=no"),
    *(
        "-W",
        "ignore::pytest.PytestDeprecationWarning",
    ),  # an error for projects pinned to another version of pytest
)
_OVER = "the time for other files is over"
_QUIETED = {"xdist": ("-n", "0"), "pytest_cov": ("--no-cov",), "benchmark": ("--benchmark-disable",)}
_REFUSED = ("xdist", "pytest_cov", "pytest_forked", "testmon", "picked")
_MAY_CONFIGURE = (
    *("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini"),
    *("pyproject.toml", "tox.ini", "setup.cfg"),
)
_SETS_A_ROOT = ("-c", "--config-file", "--rootdir")
_LAST_WORDS_BYTES = 8_000
_ERRORS = tuple(
    re.compile(pattern)
    for pattern in (
        r"E +(\S.*)",
        r".*[Ee][Rr][Rr][Oo][Rr]: (.*)",
        r"INTERNALERROR> ([\w.]+: .*)",
        r"ERROR (.*)",
    )
)


class SuiteFolder(NamedTuple):
    """Where pytest runs.

    Attributes:
        root: Copy of the git root.
        project: The project's folder in it.
        hidden: Top-level modules that are hidden along with their plugins.
        arguments: Configured arguments for pytest.
    """

    root: Path
    project: Path
    hidden: frozenset[str]
    arguments: tuple[str, ...] = ()


class InOneProcess:
    """A plugin that prevents tests from running in separate processes, where they are not traced."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Disable pytest-forked, which no argument can do."""
        if getattr(config.option, "forked", False):
            config.option.forked = False


class OnlyTheseFiles:
    """A plugin that limits pytest to some files instead of those in the configured arguments."""

    def __init__(self, place: SuiteFolder, files: Sequence[str]) -> None:
        self._arguments = place.arguments
        self._files = files

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Replace the files after the configured ones determined the root folder."""
        if self._arguments:
            config.args = list(self._files)


def suite_arguments(place: SuiteFolder, *, with_own: bool) -> list[str]:
    """Return pytest's command line, with the configured files only.

    Args:
        place: Where pytest runs.
        with_own: Whether to use the project's own options.
    """
    installed = {point.name: point.value for point in _plugins()}
    hidden = [name for name, value in installed.items() if value.partition(".")[0] in place.hidden]
    quieted = [option for name, options in _QUIETED.items() if name in installed for option in options]
    own = quieted if with_own else ["-o", "addopts=", "-W", "default", *_without(_REFUSED)]
    return [*place.arguments, *_ALWAYS, *_without(hidden), *own, *_barrier(place)]


def _plugins() -> Iterable[Any]:
    for distribution in importlib.metadata.distributions():
        for point in distribution.entry_points:
            if point.group == "pytest11":
                yield point


def _without(names: Iterable[str]) -> list[str]:
    return [part for name in names for part in ("-p", f"no:{name}")]


def _barrier(place: SuiteFolder) -> list[str]:
    """Keep pytest from reading settings and conftest files above the copy if the project has none."""
    if any(argument.startswith(_SETS_A_ROOT) for argument in place.arguments):
        return []
    if any(_configures(folder / name) for folder in _upwards(place) for name in _MAY_CONFIGURE):
        return []
    return ["-c", os.devnull, "--rootdir", str(place.project), "--confcutdir", str(place.project)]


def _upwards(place: SuiteFolder) -> Iterable[Path]:
    return [folder for folder in (place.project, *place.project.parents) if _within(folder, place.root)]


def _within(folder: Path, root: Path) -> bool:
    return folder == root or root in folder.parents


def _configures(file: Path) -> bool:
    if not file.is_file():
        return False
    try:
        from _pytest.config.findpaths import load_config_dict_from_file

        return load_config_dict_from_file(file) is not None
    except Exception:  # noqa: BLE001 - pytest reports broken files; the function may be missing
        return True


def test_id(item: pytest.Item, root: Path) -> str:
    """Return the id of a test, independent of pytest's root: file below the git root, and the rest."""
    return f"{file_of(item, root)}::{item.nodeid.partition('::')[2] or item.name}"


def files_of(place: SuiteFolder, tests: Iterable[str]) -> list[str]:
    """Return the paths of the existing files of some tests."""
    files = {place.root / test.partition("::")[0] for test in tests}
    return sorted(str(file) for file in files if file.exists())


test_id.__test__ = False  # type: ignore[attr-defined]  # pytest would collect it wherever it is imported


def file_of(item: pytest.Item, root: Path) -> str:
    """Return the file of a test, relative to the git root."""
    return os.path.relpath(str(getattr(item, "path", None) or item.fspath), root)


def speak_into(file: Path) -> None:
    """Redirect the output of this process to a file."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)


def last_words(file: Path) -> str:
    """Return the line of pytest's output that best explains why it did not get to any tests."""
    text = ""
    with contextlib.suppress(OSError), file.open("rb") as output:
        output.seek(max(0, file.stat().st_size - _LAST_WORDS_BYTES))
        text = output.read(_LAST_WORDS_BYTES).decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return _telling(lines)[:500]


def _telling(lines: Sequence[str]) -> str:
    """Choose the line with the error, which has one of several prefixes and may be followed by more."""
    for pattern in _ERRORS:
        found = [match.group(1) for line in lines if (match := pattern.match(line))]
        if found:
            return found[-1]
    return lines[-1] if lines else ""


_MOST_SOURCE_BYTES = 1_000_000
_MOST_ID_CHARACTERS = 2_000
"""Tests with longer ids are not run: their results are not read, and megabytes leave no room for others."""

_LIKELY = 1
"""Highest rank of test files that name a member. They run first."""

_UNLIKELY = 4
"""Rank of test files that neither import nor name a member's module or class. They run last."""

_LACKS_A_MODULE = "could not import "
"""Message of `pytest.importorskip`."""


class Likely(NamedTuple):
    """Names in a test file that suggest it reaches a member.

    Attributes:
        names: Names of members, or of their classes, and of their modules.
        own_names: Names of members, or of their classes if a method has a special name.
        modules: Dotted names of the members' modules.
        files: Paths of files that are likely to, whatever they contain.
    """

    names: tuple[str, ...]
    own_names: tuple[str, ...]
    modules: tuple[str, ...]
    files: frozenset[str] = frozenset()


class SuiteRun(NamedTuple):
    """What a child runs.

    Attributes:
        place: Where pytest runs.
        spans: Locations of the members to trace; empty for no tracing.
        likely: Names in test files that run first.
        without: Ids of tests to leave out.
        with_own: Whether to use the project's own pytest options.
        whole: Whether to report each line only once, for the first test that reaches it.
        others_until: Time on the monotonic clock after which no test begins in a file that is not likely to
            reach a member; None for any time.
        only: Ids of the tests to run, of test functions without their cases, or files to run as a whole; None
            for all.
        backwards: Whether to run the tests in reverse order.
        part: Number of this process, and the number of those that share the test files.
        recorded: Source files whose calls are recorded instead of tracing lines, by the tests that are likely
            to reach a member; empty for a traced run.
        files: Files to collect, relative to the project; empty for pytest's default.
    """

    place: SuiteFolder
    spans: tuple[MemberSpan, ...]
    likely: Likely
    without: frozenset[str]
    with_own: bool
    whole: bool = False
    others_until: float | None = None
    only: frozenset[str] | None = None
    backwards: bool = False
    part: tuple[int, int] = (0, 1)
    recorded: frozenset[str] = frozenset()
    files: tuple[str, ...] = ()


def run_suite(run: SuiteRun, send: Send) -> None:
    """Run the project's tests; send the result of each, and pytest's exit code at the end."""
    recorder = _SuiteRecorder(send, run)
    recorder.start()
    arguments = suite_arguments(run.place, with_own=run.with_own)
    files = list(run.files) if run.only is None else files_of(run.place, run.only)
    plugins = [InOneProcess(), *([OnlyTheseFiles(run.place, files)] if files else []), recorder]
    try:
        exit_code = pytest.main([*arguments, *files], plugins=plugins)
    except (Exception, pytest.fail.Exception):
        if not recorder.leaves_others:
            raise
        exit_code = pytest.ExitCode.INTERRUPTED  # something failed after the last test, such as a teardown
    sys.stdout.flush()  # for `last_words`
    recorder.finish(int(exit_code))


class _SuiteRecorder:
    """The plugin. Lines that members run outside of tests count as reached by loading the modules.

    Each set of lines is sent once, because cases of one test usually reach the same lines; arcs are sent when
    first seen.

    Attributes:
        leaves_others: Whether tests were left out because their time was over.
    """

    def __init__(self, send: Send, run: SuiteRun) -> None:
        self._send = send
        self._run = run
        self._loaded = ReachedByFile()
        self._spans = Spans(run.spans)
        self._tracer = make_tracer(self._spans)
        self._of_fixtures: dict[Any, ReachedLines] = {}
        self._sets: dict[str, int] = {}
        self._arcs: set[tuple[str, int, int]] = set()
        self._sent_lines: dict[str, set[int]] = {}
        self._likely: set[str] = set()
        self.leaves_others = False
        self._status = self._message = ""
        self._network = False
        self._left_early: set[tuple[str, int]] = set()
        self._calls = CallRecorder(run.recorded, self._spans, send) if run.recorded else None

    def start(self) -> None:
        """Start tracing."""
        self._tracer.exchange(self._loaded)
        if self._calls is not None:
            self._calls.start()
        elif self._run.spans:
            self._tracer.start()

    def finish(self, exit_code: int) -> None:
        """Send the final results."""
        self._tell_loaded()
        self._send({"kind": "exit", "code": exit_code, "leaves_others": self.leaves_others})

    def _tell_loaded(self) -> None:
        self._send({"kind": "loaded", "set": self._tell_reached(self._loaded)})

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Move tests that are likely to reach a member to the front; remove tests that must not run."""
        root, without, only = self._run.place.root, self._run.without, self._run.only
        ids = {id(item): test_id(item, root) for item in items}
        kept = [item for item in items if only is None or not only.isdisjoint(self._names(item))]
        readable = [item for item in kept if len(ids[id(item)]) <= _MOST_ID_CHARACTERS]
        items[:] = [item for item in readable if ids[id(item)] not in without]
        ranks = _Ranks(root, self._run.likely)
        items.sort(key=lambda item: ranks.of(file_of(item, root)))
        items[:] = self._of_part(items)
        self._likely = {file for file in map(self._file, items) if ranks.of(file) <= _LIKELY}
        if self._calls is not None:
            items[:] = [item for item in items if ranks.of(self._file(item)) < _UNLIKELY]
        if self._run.backwards:
            items.reverse()

    def _of_part(self, items: Sequence[pytest.Item]) -> list[pytest.Item]:
        """Return the tests of this process. Each file goes to the process that has the fewest tests."""
        number, count = self._run.part
        shares = [0] * count
        for_process: dict[str, int] = {}
        sizes = Counter(map(self._file, items))
        for file, size in sizes.items():
            for_process[file] = shares.index(min(shares))
            shares[for_process[file]] += size
        return [item for item in items if for_process[self._file(item)] == number]

    def _names(self, item: pytest.Item) -> set[str]:
        """Return what `SuiteRun.only` may call a test."""
        file = self._file(item)
        return {test_id(item, self._run.place.root), f"{file}::{function_name(item)}", file}

    def _file(self, item: pytest.Item) -> str:
        return file_of(item, self._run.place.root)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Report files that could not be collected, and progress for the others."""
        self._send({"kind": "alive"})
        data = report.longrepr
        why = str(data[2] if isinstance(data, tuple) else data)[-1_000:]  # for a skip: file, line, reason
        if report.failed or (report.skipped and _LACKS_A_MODULE in why):
            self._send({"kind": "broken", "node": report.nodeid, "message": why})

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Report the lines reached by loading, and the number of tests."""
        self._tell_loaded()
        root = os.path.relpath(session.config.rootpath, self._run.place.root)
        self._send({"kind": "collected", "tests": len(session.items), "rootdir": root})

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Run nothing more if an earlier child took the time for other files, and only these are left."""
        if self._run.without and session.items and self._is_over_for(session.items[0]):
            self.leaves_others = True
            raise session.Interrupted(_OVER)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, Any, None]:
        """Run one case and send its result."""
        data = self._told(item)
        likely = data["file"] in self._likely
        self._send({"kind": "begun", **data, "likely": likely})
        self._status, self._message, self._network = "crashed", "", False
        self._left_early = set()
        reached = ReachedByFile()
        before = self._tracer.exchange(reached)
        started = time.monotonic()
        outcome = yield
        seconds = time.monotonic() - started
        self._tracer.exchange(before)
        if outcome.excinfo is not None:  # for example Ctrl-C: the remaining tests need a new child
            os._exit(1)
        for fixture in _fixtures_of(item):
            reached.add(self._of_fixtures.get(fixture, ReachedLines()))
        number = self._tell_reached(reached)
        status = {"status": self._status, "seconds": round(seconds, 5), "set": number}
        early = {"left_early": sorted(self._left_early), "likely": likely}
        why = {"message": self._message, "network": self._network}
        self._send({"kind": "test", **data, **status, **early, **why})
        if self._calls is not None and self._calls.is_full:
            item.session.shouldstop = "no more calls are recorded"
        elif nextitem is not None and self._is_over_for(nextitem):
            self.leaves_others = True
            item.session.shouldstop = _OVER

    def _is_over_for(self, item: pytest.Item) -> bool:
        until = self._run.others_until
        return until is not None and self._file(item) not in self._likely and time.monotonic() > until

    def _told(self, item: pytest.Item) -> dict[str, str]:
        root = self._run.place.root
        return {"id": test_id(item, root), "file": file_of(item, root), "name": function_name(item)}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, None, None]:
        """Record what a fixture's setup reaches; it counts for every test that uses the fixture."""
        reached = ReachedByFile()
        before = self._tracer.exchange(reached)
        yield
        self._tracer.exchange(before)
        before.add(reached)
        if fixturedef.scope != "function":
            self._of_fixtures[fixturedef] = reached

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
        """Record where an exception that ends the test (failure or skip) left a member."""
        outcome = yield
        if call.excinfo is not None and not hasattr(outcome.get_result(), "wasxfail"):
            self._left_early.update(_frames(call.excinfo.value, self._spans))
            self._network |= wants_network(call.excinfo.value)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the result of one phase; the worst counts."""
        if report.failed:
            self._message = self._message or failure_message(report)
            self._status = "failed"
        elif self._status == "failed":
            return
        elif report.skipped or hasattr(report, "wasxfail"):
            self._message, self._status = skip_message(report), "skipped"
        elif report.when == "call":
            self._status = "passed"

    def _lines(self, reached: ReachedByFile) -> dict[str, list[int]]:
        """Return the lines to report; with `whole`, only those not reported before."""
        if not self._run.whole:
            return {file: sorted(part.lines) for file, part in sorted(reached.parts.items())}
        found = {}
        for file, part in sorted(reached.parts.items()):
            known = self._sent_lines.setdefault(file, set())
            if new := part.lines - known:
                found[file] = sorted(new)
                known |= new
        return found

    def _tell_reached(self, reached: ReachedByFile) -> int:
        """Send new lines and arcs; return the number of the set of lines."""
        lines = self._lines(reached)
        arcs = {(file, *arc) for file, part in reached.parts.items() for arc in part.branches}
        if not arcs <= self._arcs:
            self._send({"kind": "arcs", "arcs": sorted(arcs - self._arcs)})
            self._arcs |= arcs
        key = repr(lines)
        if key not in self._sets:
            self._sets[key] = len(self._sets)
            self._send({"kind": "lines", "number": self._sets[key], "files": lines})
        return self._sets[key]


def _frames(error: BaseException | None, spans: Spans) -> Iterable[tuple[str, int]]:
    """Yield the locations in members that an exception and its context passed through."""
    known: set[int] = set()
    while error is not None and id(error) not in known:
        known.add(id(error))
        traceback = error.__traceback__
        while traceback is not None:
            code = traceback.tb_frame.f_code
            if spans.holds(code):
                yield code.co_filename, traceback.tb_lineno
            traceback = traceback.tb_next
        error = error.__cause__ or error.__context__


def _fixtures_of(item: pytest.Item) -> Iterable[Any]:
    known = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    return [definition for definitions in known.values() for definition in definitions]


class _Ranks:
    """Determines which test files run first."""

    def __init__(self, root: Path, likely: Likely) -> None:
        self._root = root
        self._files = likely.files
        self._modules = frozenset(likely.modules)
        self._pattern, self._own = _any_of(likely.names), _any_of(likely.own_names)
        self._known: dict[str, int] = {}

    def of(self, file: str) -> int:
        """Return the rank of a file; in each group, files that import a member's module come first."""
        if file in self._files:
            return 0
        if file not in self._known:
            try:
                text = (self._root / file).read_bytes()[:_MOST_SOURCE_BYTES].decode("utf-8", "replace")
            except OSError:
                text = ""
            self._known[file] = self._rank(text)
        return self._known[file]

    def _rank(self, text: str) -> int:
        if self._pattern.search(text) is None:
            return _UNLIKELY
        first = 0 if self._own.search(text) else _LIKELY + 1
        return first + self._modules.isdisjoint(_imported(text))


def _any_of(names: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(rf"\b{re.escape(name)}\b" for name in names) or r"(?!)")


def _imported(text: str) -> Iterable[str]:
    """Yield the dotted names of modules and objects that a module imports."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
