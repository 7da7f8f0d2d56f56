"""The project's own tests in one child: a plugin that tells what each of them reaches of the members."""

from __future__ import annotations

import ast
import contextlib
import importlib.metadata
import os
import re
import time
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from .forking import Send
from .test_run import function_name
from .tracer import MemberSpan, ReachedByFile, ReachedLines, Spans, make_tracer

# Pytest as the project's authors run it, in one process: with their conftest, plugins and settings.
#
# Plugins that would run tests elsewhere, measure them as well or shuffle them are told not to. Where
# pytest cannot be started so, as with an option of a plugin that is not installed, it is run without the
# project's command line options, and no warning is an error.

UNUSABLE = frozenset({int(pytest.ExitCode.USAGE_ERROR), int(pytest.ExitCode.INTERNAL_ERROR)})
"""How pytest ends where it came to no tests."""

NO_TESTS = int(pytest.ExitCode.NO_TESTS_COLLECTED)
"""How pytest ends where it has found no test."""

_ALWAYS = (
    *("-p", "no:cacheprovider", "-p", "no:randomly"),
    *("--capture=fd", "--maxfail=0", "--continue-on-collection-errors", "--color=no"),
    *(
        "-W",
        "ignore::pytest.PytestDeprecationWarning",
    ),  # an error for authors who hold pytest at another version
)
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
    """Where pytest is run.

    Attributes:
        root: The copy of the git root.
        project: The project's folder in it.
        hidden: Top-level modules that are not there, and whose plugins are not, either.
        arguments: What a person gives to pytest.
    """

    root: Path
    project: Path
    hidden: frozenset[str]
    arguments: tuple[str, ...] = ()


class InOneProcess:
    """A plugin that undoes what would run tests in processes of their own, where nothing traces them."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Turn the option of pytest-forked off, which no argument can."""
        if getattr(config.option, "forked", False):
            config.option.forked = False


class OnlyTheseFiles:
    """A plugin that has pytest look at some files, in place of those that a person names."""

    def __init__(self, place: SuiteFolder, files: Sequence[str]) -> None:
        self._arguments = place.arguments
        self._files = files

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Exchange the files, once what a person names has told where the project begins."""
        if self._arguments:
            config.args = list(self._files)


def suite_arguments(place: SuiteFolder, *, with_own: bool) -> list[str]:
    """Return pytest's command line, without the files; those that a person names are in it.

    Args:
        place: Where it is run.
        with_own: Whether the project's own options hold.
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
    """Keep pytest from looking for settings and conftest files above the copy, where the project has none."""
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
    except Exception:  # noqa: BLE001 - a broken file is for pytest to refuse; an older pytest lacks the function
        return True


def test_id(item: pytest.Item, root: Path) -> str:
    """Return what names a test whatever pytest's own root is: its file below the git root, and the rest."""
    return f"{file_of(item, root)}::{item.nodeid.partition('::')[2] or item.name}"


def files_of(place: SuiteFolder, tests: Iterable[str]) -> list[str]:
    """Return the paths of the files of some tests, by the ids of these, as far as they are there."""
    files = {place.root / test.partition("::")[0] for test in tests}
    return sorted(str(file) for file in files if file.exists())


test_id.__test__ = False  # type: ignore[attr-defined]  # pytest would take it for a test where it is imported


def file_of(item: pytest.Item, root: Path) -> str:
    """Return the file of a test, relative to the git root."""
    return os.path.relpath(str(getattr(item, "path", None) or item.fspath), root)


def speak_into(file: Path) -> None:
    """Let this process write its output into a file."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)


def last_words(file: Path) -> str:
    """Return the line of pytest's output that says best why it came to no tests."""
    text = ""
    with contextlib.suppress(OSError), file.open("rb") as output:
        output.seek(max(0, file.stat().st_size - _LAST_WORDS_BYTES))
        text = output.read(_LAST_WORDS_BYTES).decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return _telling(lines)[:500]


def _telling(lines: Sequence[str]) -> str:
    """Choose an error's own line: pytest begins it in one of some ways, and may say more afterwards."""
    for pattern in _ERRORS:
        found = [match.group(1) for line in lines if (match := pattern.match(line))]
        if found:
            return found[-1]
    return lines[-1] if lines else ""


_MOST_SOURCE_BYTES = 1_000_000
UNLIKELY = 2
"""The rank of test files that are run last, as they neither import nor name a member."""

_LACKS_A_MODULE = "could not import "
"""What `pytest.importorskip` says."""


class Likely(NamedTuple):
    """What a test file has in it that is likely to reach a member.

    Attributes:
        names: The names of members and of their modules.
        modules: The dotted names of the members' modules.
    """

    names: tuple[str, ...]
    modules: tuple[str, ...]


class SuiteRun(NamedTuple):
    """What a child is to run.

    Attributes:
        place: Where.
        spans: Where the members stand whose lines are traced; empty if nothing is traced.
        likely: What the files of those tests have in them that are run first.
        without: The ids of tests that are not run.
        with_own: Whether the project's own pytest options hold.
        whole: Whether a line is told of once, by whichever test reaches it first.
        only: The ids of the tests that are run; None for all.
        files: The files that are looked at, relative to the project; empty for what pytest finds by itself.
    """

    place: SuiteFolder
    spans: tuple[MemberSpan, ...]
    likely: Likely
    without: frozenset[str]
    with_own: bool
    whole: bool = False
    only: frozenset[str] | None = None
    files: tuple[str, ...] = ()


def run_suite(run: SuiteRun, send: Send) -> None:
    """Run the project's own tests; send how each ends, and at last how pytest did."""
    recorder = _SuiteRecorder(send, run)
    recorder.start()
    arguments = suite_arguments(run.place, with_own=run.with_own)
    files = list(run.files) if run.only is None else files_of(run.place, run.only)
    plugins = [InOneProcess(), *([OnlyTheseFiles(run.place, files)] if files else []), recorder]
    exit_code = pytest.main([*arguments, *files], plugins=plugins)
    recorder.finish(int(exit_code))


class _SuiteRecorder:
    """The plugin. What members' code does outside any test belongs to the loading of the modules.

    Sets of lines are sent once each, since cases of one test mostly reach the same; arcs are sent where
    they are met for the first time.
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
        self._told_lines: dict[str, set[int]] = {}
        self._unlikely: set[str] = set()
        self._status = ""
        self._left_early: set[tuple[str, int]] = set()

    def start(self) -> None:
        """Begin to trace."""
        self._tracer.exchange(self._loaded)
        if self._run.spans:
            self._tracer.start()

    def finish(self, exit_code: int) -> None:
        """Send what is known of the whole."""
        self._tell_loaded()
        self._send({"kind": "exit", "code": exit_code})

    def _tell_loaded(self) -> None:
        self._send({"kind": "loaded", "set": self._tell_reached(self._loaded)})

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Bring those to the front that are likely to reach a member; leave out what is not to be run."""
        root, without, only = self._run.place.root, self._run.without, self._run.only
        ids = {id(item): test_id(item, root) for item in items}
        kept = [item for item in items if only is None or ids[id(item)] in only]
        items[:] = [item for item in kept if ids[id(item)] not in without]
        ranks = _Ranks(root, self._run.likely)
        items.sort(key=lambda item: ranks.of(file_of(item, root)))
        self._unlikely = {file for file in map(self._file, items) if ranks.of(file) == UNLIKELY}

    def _file(self, item: pytest.Item) -> str:
        return file_of(item, self._run.place.root)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tell which file could not be collected, and of each that it goes on."""
        self._send({"kind": "alive"})
        data = report.longrepr
        why = str(data[2] if isinstance(data, tuple) else data)[-1_000:]  # of a skip: file, line, reason
        if report.failed or (report.skipped and _LACKS_A_MODULE in why):
            self._send({"kind": "broken", "node": report.nodeid, "message": why})

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell what loading has reached, and how many tests there are."""
        self._tell_loaded()
        root = os.path.relpath(session.config.rootpath, self._run.place.root)
        self._send({"kind": "collected", "tests": len(session.items), "rootdir": root})

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, None]:
        """Run one case, and send how it ended."""
        data = self._told(item)
        self._send({"kind": "begun", **data})
        self._status = "crashed"
        self._left_early = set()
        reached = ReachedByFile()
        before = self._tracer.exchange(reached)
        started = time.monotonic()
        outcome = yield
        seconds = time.monotonic() - started
        self._tracer.exchange(before)
        if outcome.excinfo is not None:  # as Ctrl-C, which ends the run: the rest belongs into a new child
            os._exit(1)
        for fixture in _fixtures_of(item):
            reached.add(self._of_fixtures.get(fixture, ReachedLines()))
        number = self._tell_reached(reached)
        status = {"status": self._status, "seconds": round(seconds, 5), "set": number}
        early = {"left_early": sorted(self._left_early), "likely": data["file"] not in self._unlikely}
        self._send({"kind": "test", **data, **status, **early})

    def _told(self, item: pytest.Item) -> dict[str, str]:
        root = self._run.place.root
        return {"id": test_id(item, root), "file": file_of(item, root), "name": function_name(item)}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, None, None]:
        """Keep what a fixture's setup reaches: it counts for each test that shares the fixture."""
        reached = ReachedByFile()
        before = self._tracer.exchange(reached)
        yield
        self._tracer.exchange(before)
        before.add(reached)
        if fixturedef.scope != "function":
            self._of_fixtures[fixturedef] = reached

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
        """Note where an exception left a member and ended the test, as a failure or by a skip."""
        outcome = yield
        if call.excinfo is not None and not hasattr(outcome.get_result(), "wasxfail"):
            self._left_early.update(_frames(call.excinfo.value, self._spans))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a phase of the case ended; the worst counts."""
        if report.failed:
            self._status = "failed"
        elif self._status == "failed":
            return
        elif report.skipped or hasattr(report, "wasxfail"):
            self._status = "skipped"
        elif report.when == "call":
            self._status = "passed"

    def _lines(self, reached: ReachedByFile) -> dict[str, list[int]]:
        """Return the lines to tell of; where only all tests together matter, those that nobody knows of."""
        if not self._run.whole:
            return {file: sorted(part.lines) for file, part in sorted(reached.parts.items())}
        found = {}
        for file, part in sorted(reached.parts.items()):
            known = self._told_lines.setdefault(file, set())
            if new := part.lines - known:
                found[file] = sorted(new)
                known |= new
        return found

    def _tell_reached(self, reached: ReachedByFile) -> int:
        """Send what is new of it; return the number of the set of lines."""
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
    """Yield where an exception, and those that it was raised while handling, passed through the members."""
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
    """Tells which test files are run first."""

    def __init__(self, root: Path, likely: Likely) -> None:
        self._root = root
        self._modules = frozenset(likely.modules)
        self._pattern = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in likely.names) or r"(?!)")
        self._known: dict[str, int] = {}

    def of(self, file: str) -> int:
        """Return 0 for one that imports a member's module, 1 for one that names a member, else `UNLIKELY`."""
        if file not in self._known:
            try:
                text = (self._root / file).read_bytes()[:_MOST_SOURCE_BYTES].decode("utf-8", "replace")
            except OSError:
                text = ""
            self._known[file] = self._rank(text)
        return self._known[file]

    def _rank(self, text: str) -> int:
        if self._pattern.search(text) is None:
            return UNLIKELY
        return 1 if self._modules.isdisjoint(_imported(text)) else 0


def _imported(text: str) -> Iterable[str]:
    """Yield the dotted names that a module's text imports, modules and what is taken of them alike."""
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
