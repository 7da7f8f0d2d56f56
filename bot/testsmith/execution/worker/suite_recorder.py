"""The project's own tests in one child: a plugin that tells what each of them reaches of the members."""

from __future__ import annotations

import ast
import os
import re
import time
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from .children import Send
from .suite_pytest import InOneProcess, OnlyTheseFiles, Place, file_of, files_of, suite_arguments, test_id
from .testing import function_name
from .tracer import Reached, ReachedByFile, Span, Spans, make_tracer

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

    place: Place
    spans: tuple[Span, ...]
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
        self._of_fixtures: dict[Any, Reached] = {}
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
        told = report.longrepr
        why = str(told[2] if isinstance(told, tuple) else told)[-1_000:]  # of a skip: file, line, reason
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
        told = self._told(item)
        self._send({"kind": "begun", **told})
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
            reached.add(self._of_fixtures.get(fixture, Reached()))
        number = self._tell_reached(reached)
        status = {"status": self._status, "seconds": round(seconds, 5), "set": number}
        early = {"left_early": sorted(self._left_early), "likely": told["file"] not in self._unlikely}
        self._send({"kind": "test", **told, **status, **early})

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
