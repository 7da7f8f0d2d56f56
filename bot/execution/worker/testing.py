"""One test module in one child: pytest on the one file, and a plugin that tells how each function ends."""

from __future__ import annotations

import os
import random
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from .children import Message, Send
from .tracer import Reached, Span, Tracer, make_tracer

TEST_FILE = "test_candidate.py"

_MESSAGE_CHARACTERS = 2_000
_ARGUMENTS = (
    "-q",
    "--tb=short",
    "--show-capture=no",
    "--noconftest",
    "--color=no",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:faulthandler",
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
    """

    folder: Path
    code: str
    ini: Path
    order: int | None
    without: frozenset[str]
    span: Span | None


def run_tests(run: ModuleRun, send: Send) -> None:
    """Run the module's tests; send how each case ends, and at last what came of the whole."""
    tests, work = run.folder / "tests", run.folder / "work"
    for folder in (tests, work):
        folder.mkdir()
    file = tests / TEST_FILE
    file.write_bytes(run.code.encode("utf-8", "replace"))
    os.chdir(work)
    recorder = _Recorder(send, run)
    recorder.start()
    exit_code = pytest.main(pytest_arguments(file, run.folder, run.ini), plugins=[recorder])
    recorder.finish(int(exit_code))


def pytest_arguments(file: Path, folder: Path, ini: Path) -> list[str]:
    """Return pytest's command line for one test module, which lies in a folder of its own."""
    named = {"-c": ini, "--rootdir": file.parent, "--basetemp": folder / "tmp"}
    return [str(file), *(str(part) for option in named.items() for part in option), *_ARGUMENTS]


def _case(name: str, status: str, message: str, reached: Reached) -> Message:
    return {"kind": "case", "name": name, "status": status, "message": message, **reached.as_json()}


class _Recorder:
    """The plugin. What the member's code does outside any test belongs to the loading of the module."""

    def __init__(self, send: Send, run: ModuleRun) -> None:
        self._send = send
        self._order = run.order
        self._without = run.without
        self._loaded = Reached()
        self._tracer: Tracer | None = None if run.span is None else make_tracer(run.span)
        self._of_fixtures: dict[Any, Reached] = {}
        self._status = ""
        self._message = ""
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
            self._problem = f"pytest ended with {pytest.ExitCode(exit_code).name}"
        self._send({"kind": "module", "problem": self._problem, **self._loaded.as_json()})

    def _note_into(self, reached: Reached) -> Reached:
        return self._loaded if self._tracer is None else self._tracer.exchange(reached)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what is not wanted, then shuffle; pytest itself groups by wider fixtures afterwards."""
        items[:] = [item for item in items if function_name(item) not in self._without]
        if self._order is not None:
            items[:] = shuffled(items, self._order)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note why the module did not load."""
        if report.failed and not self._problem:
            self._problem = _cut(_own_words(str(report.longrepr)))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, None]:
        """Run one case, and send how it ended."""
        name = function_name(item)
        self._send({"kind": "begun", "name": name})
        self._status, self._message = "crashed", "it has no outcome"
        reached = Reached()
        before = self._note_into(reached)
        outcome = yield
        self._note_into(before)
        if outcome.excinfo is not None:  # as Ctrl-C, which ends the run: the rest belongs into a new child
            os._exit(1)
        for fixture in _fixtures_of(item):
            reached.add(self._of_fixtures.get(fixture, Reached()))
        self._send(_case(name, self._status, self._message, reached))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, None, None]:
        """Keep what a fixture's setup reaches: it counts for each function that shares the fixture."""
        reached = Reached()
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


def function_name(item: pytest.Item) -> str:
    """Return the name of the function a case belongs to, `Class::name` for a method."""
    classes = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
    return "::".join([*classes, getattr(item, "originalname", None) or item.name])


def shuffled(items: Iterable[pytest.Item], seed: int) -> list[pytest.Item]:
    """Return the cases in an order that a seed decides; the cases of one function stay together."""
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        groups.setdefault(function_name(item), []).append(item)
    order = list(groups.values())
    random.Random(seed).shuffle(order)  # noqa: S311 - an order to try, no secret
    return [item for group in order for item in group]


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
