"""Run the project's tests against mutants of its modules.

One child collects the tests (importing the project's modules), runs them unchanged, and forks a child per
mutant. That child replaces the code of one function and runs the tests that reach it, fastest first, until
one fails. For a mutant in code that runs when its module is loaded, a child that has not imported the project
loads the changed module, provided that loading is fast.

Only tests that pass unchanged, before and afterwards, count. They run unchanged in the order of the plan, as
many as the time limit for a mutant allows. If some of the tests that reach a mutant are left out, because
they fail or there is not enough time, and the others do not kill it, no result is reported for it.

For an audit, the unchanged tests run in reverse order, which shows whether they depend on it. The tests of
one function are also run alone, and, if they kill no mutant, with the project taken away from them (see
`audit/removal.py`).
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ..audit.removal import FALSE, GONE, NOTHING, TRUE, ProjectCode, Removal
from ..code_swap import LoadedModule, compiled
from ..forking import (
    CRASHED,
    DONE,
    Message,
    Patience,
    Send,
    become_parent,
    run_child,
)
from ..mutation import LoadedMutant, MutantFinder, QuickCase
from .recorder import (
    UNUSABLE,
    InOneProcess,
    OnlyTheseFiles,
    SuiteFolder,
    files_of,
    suite_arguments,
    test_id,
)

MOST_SECONDS_TO_LOAD = 3.0
"""If loading the tests takes longer, mutants that require loading are not tried."""

MOST_SECONDS_A_CHANGE = 5.0
"""Limit for the unchanged run time of the tests for one mutant."""

_LEAST_SECONDS = 2.0
_TIMES_AS_LONG = 5.0
_SHARE_UNCHANGED = 0.5
_MOST_ATTEMPTS = 4
_MOST_BYTES = 16 * 1024**2
_PATIENCE = Patience(most_bytes=_MOST_BYTES)


class ModuleChange(NamedTuple):
    """One mutant of one module.

    Attributes:
        module: Number of the module.
        mutant: The mutant; its `tests` are ids of the project's tests.
        function: Number of the audited function that the tests are of; None if they are of any.
        optional: Whether to leave it out if that function has killed another mutant.
    """

    module: int
    mutant: LoadedMutant
    function: int | None = None
    optional: bool = False


class AuditedCases(NamedTuple):
    """A test function to audit.

    Attributes:
        number: Identifies it in the results.
        tests: Ids of its tests.
    """

    number: int
    tests: frozenset[str]


class ChangesRun(NamedTuple):
    """What to run.

    Attributes:
        place: Where pytest runs.
        ordered: Ids of all tests that reach a mutant or are audited, those to run first at the beginning.
        modules: Changed files, as named in code objects, with their source texts.
        changes: The mutants.
        deadline: End of the time limit on the monotonic clock.
        closed: File descriptor to close in children.
        audited: Functions to audit.
        project: What belongs to the project; None without an audit.
    """

    place: SuiteFolder
    ordered: tuple[str, ...]
    modules: tuple[tuple[str, str], ...]
    changes: tuple[ModuleChange, ...]
    deadline: float
    closed: int
    audited: tuple[AuditedCases, ...] = ()
    project: ProjectCode | None = None

    @property
    def tests(self) -> frozenset[str]:
        """Ids of all tests."""
        return frozenset(self.ordered)

    @property
    def left(self) -> float:
        """Return the remaining seconds."""
        return self.deadline - time.monotonic()


def read_changes(plan: dict[str, Any], place: SuiteFolder, closed: int) -> ChangesRun:
    """Decode the mutants of a plan."""
    data = plan["changes"]
    audit = data.get("audit") or {"functions": (), "files": ()}
    files = frozenset(f"{plan['root']}/{file}" for file in audit["files"])
    return ChangesRun(
        place=place,
        ordered=tuple(data["tests"]),
        modules=tuple((f"{plan['root']}/{module['path']}", module["source"]) for module in data["modules"]),
        changes=tuple(_change(change, data["tests"]) for change in data["changes"]),
        deadline=time.monotonic() + plan["seconds"],
        closed=closed,
        audited=tuple(
            AuditedCases(number, frozenset(data["tests"][test] for test in tests))
            for number, tests in audit["functions"]
        ),
        project=ProjectCode(plan["root"], files, frozenset(plan["owned"])) if files else None,
    )


def _change(data: dict[str, Any], tests: Sequence[str]) -> ModuleChange:
    start, end, text = data["edit"]
    function = None if data["function"] is None else (data["function"][0], data["function"][1])
    ids = frozenset(tests[number] for number in data["tests"])
    mutant = LoadedMutant(data["number"], (start, end, text), function, ids, whole=False)
    return ModuleChange(data["module"], mutant, data.get("group"), bool(data.get("optional")))


def try_changes(run: ChangesRun) -> Iterator[Message]:
    """Yield the results as in `main.py`: of mutants with a known result, and of audited functions."""
    known = CollectedTests()
    for with_own in (True, False):
        stage = _Stage(run, with_own=with_own)
        run_child(stage.carry_out, run.left, known.receive, run.closed, _PATIENCE)
        if not known.is_unusable:
            break
    yield from known.verdicts()
    outside = [change for change in run.changes if change.mutant.function is None]
    outside += [change for change in run.changes if known.is_unplaced(change)]
    if known.loading_seconds is not None and known.loading_seconds <= MOST_SECONDS_TO_LOAD:
        for change in outside:
            if run.left > 0:
                yield from _loaded_verdict(run, change, known)
    yield from known.audited()


class CollectedTests:
    """What the child that collects the tests has reported. It runs untrusted code, so values are validated.

    Attributes:
        loading_seconds: Time to load the tests; None if loading did not finish.
        is_unusable: Whether pytest did not get to any tests.
        with_own: Whether the project's own pytest options were used.
    """

    def __init__(self) -> None:
        self.loading_seconds: float | None = None
        self.is_unusable = False
        self.with_own = True
        self._clean: dict[str, tuple[str, float]] = {}
        self._distrusted: set[str] = set()
        self._unplaced: set[tuple[Any, Any]] = set()
        self._verdicts: dict[tuple[int, int], tuple[str | None, bool]] = {}
        self._audited: dict[int, Message] = {}

    def receive(self, message: Message) -> None:
        """Handle one message."""
        try:
            getattr(self, "_take_" + message["kind"], self._ignore)(message)
        except (KeyError, TypeError, ValueError):
            return

    def _ignore(self, message: Message) -> None:
        """Ignore an unknown message."""

    def _take_loaded(self, message: Message) -> None:
        self.loading_seconds = float(message["seconds"])
        self.with_own = bool(message["with_own"])

    def _take_exit(self, message: Message) -> None:
        self.is_unusable = message["code"] in UNUSABLE and self.loading_seconds is None

    def _take_clean(self, message: Message) -> None:
        self._clean.setdefault(str(message["id"]), (str(message["status"]), float(message["seconds"])))

    def _take_after(self, message: Message) -> None:
        if message["status"] != "passed":
            self._distrusted.add(str(message["id"]))

    def _take_unplaced(self, message: Message) -> None:
        self._unplaced.add((int(message["module"]), int(message["number"])))

    def _take_tried(self, message: Message) -> None:
        by = message["by"]
        key = (int(message["module"]), int(message["number"]))
        self._verdicts.setdefault(key, (None if by is None else str(by), bool(message["in_setup"])))

    def _take_audited(self, message: Message) -> None:
        ways = {str(way): str(result) for way, result in message["without"].items()}
        found: Message = {"kind": "audited", "function": int(message["function"]), "without": ways}
        found |= {name: str(message[name]) for name in ("alone", "backwards", "why")}
        self._audited.setdefault(found["function"], found)

    def is_unplaced(self, change: ModuleChange) -> bool:
        """Return whether a mutant could not be applied."""
        return (change.module, change.mutant.number) in self._unplaced

    def choice(self, tests: Collection[str]) -> TestChoice:
        """Choose among the tests that reach a mutant."""
        return choose(self._clean, tests)

    def verdicts(self) -> Iterator[Message]:
        """Yield the known results of mutants that were applied."""
        for (module, number), (by, in_setup) in self._verdicts.items():
            if by not in self._distrusted:
                yield {"module": module, "number": number, "noticed": by is not None, "in_setup": in_setup}

    def audited(self) -> Iterator[Message]:
        """Yield the results of audited functions."""
        yield from self._audited.values()


class TestChoice(NamedTuple):
    """Tests to run against a mutant.

    Attributes:
        tests: Ids, fastest first.
        seconds: Time they took unchanged.
        is_whole: Whether these are all the tests that reach it, so that it survives if they pass.
    """

    tests: tuple[str, ...]
    seconds: float
    is_whole: bool


def choose(clean: dict[str, tuple[str, float]], tests: Collection[str]) -> TestChoice:
    """Choose tests that pass unchanged, fastest first, as many as the time limit allows."""
    passing = sorted((clean[test][1], test) for test in tests if clean.get(test, ("", 0))[0] == "passed")
    skipped = sum(clean.get(test, ("", 0))[0] == "skipped" for test in tests)
    chosen: list[str] = []
    total = 0.0
    for seconds, test in passing:
        if chosen and total + seconds > MOST_SECONDS_A_CHANGE:
            break
        chosen.append(test)
        total += seconds
    return TestChoice(tuple(chosen), total, len(chosen) + skipped == len(tests))


class UnchangedSeconds:
    """Which tests still have to run unchanged, so that enough are known to pass for each mutant.

    Args:
        changes: The mutants.
        known: Status and seconds of the tests that have run.
    """

    def __init__(self, changes: Iterable[ModuleChange], known: dict[str, tuple[str, float]]) -> None:
        self._reached: dict[str, list[int]] = {}
        self._seconds: dict[int, float] = {}
        for number, change in enumerate(changes):
            self._seconds[number] = 0.0
            for test in change.mutant.tests:
                self._reached.setdefault(test, []).append(number)
        for test, ended in known.items():
            self.add(test, *ended)

    def is_needed(self, test: str) -> bool:
        """Return whether the known tests of one of its mutants take less than the time limit for a mutant."""
        return any(self._seconds[number] <= MOST_SECONDS_A_CHANGE for number in self._reached.get(test, ()))

    def add(self, test: str, status: str, seconds: float) -> None:
        """Take note of how a test ended."""
        for number in self._reached.get(test, ()) if status == "passed" else ():
            self._seconds[number] += seconds


class _Stage:
    """Plugin for the child that collects the tests: forks a child per mutant instead of running the tests."""

    def __init__(self, run: ChangesRun, *, with_own: bool) -> None:
        self._run = run
        self._with_own = with_own
        self._started = time.monotonic()
        self._send: Send = lambda _message: None
        self._case = _OwnCase(run.place.root)
        self._modules: list[LoadedModule] = []
        self._killing: set[int] = set()

    def carry_out(self, send: Send) -> None:
        """Collect the tests and try all mutants."""
        self._send = send
        arguments = suite_arguments(self._run.place, with_own=self._with_own)
        files = files_of(self._run.place, self._run.tests)
        only = OnlyTheseFiles(self._run.place, files)
        code = pytest.main([*arguments, *files], plugins=[InOneProcess(), only, self, self._case])
        send({"kind": "exit", "code": int(code)})

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the tests that reach a mutant."""
        wanted = self._run.tests
        items[:] = [item for item in items if test_id(item, self._run.place.root) in wanted]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try all mutants; return True to replace pytest's own loop."""
        seconds = time.monotonic() - self._started
        self._send({"kind": "loaded", "seconds": seconds, "with_own": self._with_own})
        self._modules = [LoadedModule(*module) for module in self._run.modules]  # while all can be found
        become_parent()
        for item in session.items:
            _ = item.location  # computed once here instead of in each child
        gc.collect()
        gc.freeze()
        items = {test_id(item, self._run.place.root): item for item in session.items}
        clean = self._clean(self._in_order(items), "clean")
        removal = None if self._run.project is None else Removal(self._run.project)
        noticing = [by for change in self._run.changes for by in self._tried(change, items, clean)]
        self._clean({by: items[by] for by in noticing if by in items}, "after")
        for function in self._run.audited:
            if removal is not None and self._run.left > 0 and items.keys() >= function.tests:
                own = [item for test, item in items.items() if test in function.tests]
                is_known = clean.keys() >= function.tests
                backwards = _together(clean[test][0] for test in function.tests) if is_known else ""
                self._audit(function, own, removal, backwards)
        return True

    def _in_order(self, items: dict[str, pytest.Item]) -> dict[str, pytest.Item]:
        """Return the tests in the order to run them unchanged: that of the plan, or reversed for an audit."""
        if self._run.audited:
            return dict(reversed(items.items()))
        return {test: items[test] for test in self._run.ordered if test in items}

    def _audit(
        self, function: AuditedCases, items: Sequence[pytest.Item], removal: Removal, backwards: str
    ) -> None:
        """Run the tests of one function alone, and without the project if they kill no mutant.

        Args:
            function: The function.
            items: Its tests.
            removal: The project's code.
            backwards: How they ended in reverse order; empty if that is not known.
        """
        started = time.monotonic()
        alone = self._case.trial(items, (), whole=True, seconds=self._run.left)
        seconds = _LEAST_SECONDS + _TIMES_AS_LONG * (time.monotonic() - started)
        status, without, why = _overall(alone), dict[str, str](), ""
        if status == "passed" and function.number not in self._killing:
            why = next(filter(None, map(removal.obstacle_of, items)), "")
            for way in (GONE, NOTHING, TRUE, FALSE):
                if way == NOTHING and without[GONE] != "passed":
                    continue
                trial = self._without(removal, way, items, min(self._run.left, seconds))
                without[way] = "setup" if trial.in_setup else _overall(trial)
                why = why or next(iter(trial.noticed), "")
        ended = {"alone": status, "backwards": backwards, "without": without, "why": why}
        self._send({"kind": "audited", "function": function.number, **ended})

    def _without(self, removal: Removal, way: str, items: Sequence[pytest.Item], seconds: float) -> _Trial:
        def prepare(send: Send) -> None:
            removal.apply(way, lambda why: send({"kind": "noticed", "why": why}))

        return self._case.trial(items, (), whole=False, seconds=seconds, prepare=prepare)

    def _clean(self, items: dict[str, pytest.Item], kind: str) -> dict[str, tuple[str, float]]:
        """Run tests unchanged and report their results; if one ends the process, continue with the rest.

        This uses part of the remaining time; tests that did not run in it have no result. Nor have those that
        are not needed before mutants are tried, unless there is an audit.
        """
        found: dict[str, tuple[str, float]] = {}
        is_limited = kind == "clean" and not self._run.audited
        deadline = time.monotonic() + self._run.left * _SHARE_UNCHANGED
        for _ in range(_MOST_ATTEMPTS):
            left = [item for test, item in items.items() if test not in found]
            seconds = deadline - time.monotonic()
            if not left or seconds <= 0:
                break
            needed = UnchangedSeconds(self._run.changes, found) if is_limited else None
            trial = self._case.trial(left, (), whole=True, seconds=seconds, needed=needed)
            found.update(trial.ended)
            if trial.is_over:
                break
            if trial.running is not None and time.monotonic() < deadline:
                found[trial.running] = ("crashed", 0.0)
        for test, (status, seconds) in found.items():
            self._send({"kind": kind, "id": test, "status": status, "seconds": seconds})
        return found

    def _tried(
        self, change: ModuleChange, items: dict[str, pytest.Item], clean: dict[str, tuple[str, float]]
    ) -> Iterator[str]:
        """Try one mutant; yield the test that kills it."""
        mutant = change.mutant
        choice = choose(clean, mutant.tests)
        if mutant.function is None or not choice.tests or self._run.left <= 0:
            return
        if change.optional and change.function in self._killing:
            return
        exchange = self._modules[change.module].exchange(mutant.edit, mutant.function)
        data = {"module": change.module, "number": mutant.number}
        if exchange is None:
            self._send({"kind": "unplaced", **data})
            return
        limit = min(self._run.left, _LEAST_SECONDS + _TIMES_AS_LONG * choice.seconds)
        trial = self._case.trial([items[test] for test in choice.tests], exchange, whole=False, seconds=limit)
        by = trial.noticed_by(hung=self._run.left > 0)
        if by is not None or (trial.is_over and choice.is_whole):
            self._send({"kind": "tried", **data, "by": by, "in_setup": by in trial.in_setup})
        if by is not None:
            if change.function is not None and by not in trial.in_setup:
                self._killing.add(change.function)
            yield by


class _Trial:
    """What one child has reported about its tests.

    Attributes:
        ended: Status and duration in seconds by test.
        running: The test that was running when the child ended, if any.
        is_over: Whether the child finished.
        in_setup: Tests that failed in their fixtures, before or after they ran.
        noticed: What the tests reach although the project was taken away.
    """

    def __init__(self) -> None:
        self.ended: dict[str, tuple[str, float]] = {}
        self.in_setup: set[str] = set()
        self.noticed: list[str] = []
        self.running: str | None = None
        self.is_over = False

    def receive(self, message: Message) -> None:
        """Handle one message."""
        if message["kind"] == "begun":
            self.running = str(message["id"])
        elif message["kind"] == "case":
            self.ended[str(message["id"])] = (str(message["status"]), float(message["seconds"]))
            self.running = None
            if message["phase"] in {"setup", "teardown"}:
                self.in_setup.add(str(message["id"]))
        elif message["kind"] == "noticed":
            self.noticed.append(str(message["why"]))

    def noticed_by(self, *, hung: bool) -> str | None:
        """Return the test that failed, hung or ended the process, if any.

        Args:
            hung: Whether an unfinished test counts as hanging, rather than as lack of time.
        """
        failed = [test for test, (status, _) in self.ended.items() if status not in {"passed", "skipped"}]
        return failed[0] if failed else self.running if hung else None


def _overall(trial: _Trial) -> str:
    """Return how the tests of one function ended together."""
    if trial.running is not None or not trial.is_over:
        return "failed"
    return _together(status for status, _ in trial.ended.values())


def _together(statuses: Iterable[str]) -> str:
    """Return how tests that ended in these ways ended together."""
    known = set(statuses)
    if known - {"passed", "skipped"}:
        return "failed"
    return "passed" if "passed" in known else "skipped"


class _OwnCase(QuickCase):
    """Runs the project's tests in children and reports their results."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root

    def trial(  # noqa: PLR0913 - all of it makes one child
        self,
        items: Sequence[pytest.Item],
        exchange: Any,
        *,
        whole: bool,
        seconds: float,
        prepare: Callable[[Send], None] = lambda _: None,
        needed: UnchangedSeconds | None = None,
    ) -> _Trial:
        """Run tests in a child with replaced code, as `run_own` does; prepare the child first."""
        trial = _Trial()

        def body(send: Send) -> None:
            prepare(send)
            for function, code in exchange:
                function.__code__ = code
            self.run_own(items, send, whole=whole, needed=needed)

        trial.is_over = run_child(body, seconds, trial.receive, None, _PATIENCE) == DONE
        return trial

    def run_own(
        self,
        items: Sequence[pytest.Item],
        send: Send,
        *,
        whole: bool,
        needed: UnchangedSeconds | None = None,
    ) -> None:
        """Run tests in order, all, those needed, or until one fails.

        The next one is chosen before a test runs, because pytest tears down what that one does not use.
        """
        waiting = (one for one in items if needed is None or needed.is_needed(test_id(one, self._root)))
        item = next(waiting, None)
        while item is not None:
            test, following = test_id(item, self._root), next(waiting, None)
            send({"kind": "begun", "id": test})
            self.status, self.phase = CRASHED, ""
            started = time.monotonic()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            seconds = round(time.monotonic() - started, 5)
            ended = {"status": self.status, "phase": self.phase, "seconds": seconds}
            send({"kind": "case", "id": test, **ended})
            if needed is not None:
                needed.add(test, self.status, seconds)
            if self.status == "failed" and not whole:
                return
            item = following


def _loaded_verdict(run: ChangesRun, change: ModuleChange, known: CollectedTests) -> Iterator[Message]:
    """Yield the result for a mutant that requires loading its module."""
    choice = known.choice(change.mutant.tests)
    file, source = run.modules[change.module]
    code = compiled(change.mutant.applied(source), file)
    if code is None or not choice.tests:
        return
    once = _Once(run.place, choice.tests, MutantFinder(file, code), with_own=known.with_own)
    limit = _LEAST_SECONDS + _TIMES_AS_LONG * (choice.seconds + (known.loading_seconds or 0.0))
    trial = _Trial()
    loaded: list[Any] = []

    def receive(message: Message) -> None:
        loaded.append(message.get("tests")) if message["kind"] == "loaded" else trial.receive(message)

    how = run_child(once.carry_out, min(run.left, limit), receive, run.closed, _PATIENCE)
    hung = run.left > 0
    is_lost = loaded != [len(choice.tests)] and (how == DONE or hung)  # the tests no longer exist
    by = trial.noticed_by(hung=hung)
    if is_lost or by is not None or (how == DONE and choice.is_whole):
        data = {"module": change.module, "number": change.mutant.number}
        yield {**data, "noticed": is_lost or by is not None, "in_setup": is_lost or by in trial.in_setup}


class _Once:
    """Plugin for a child that loads the changed module and runs tests until one fails."""

    def __init__(
        self, place: SuiteFolder, tests: Sequence[str], finder: MutantFinder, *, with_own: bool
    ) -> None:
        self._place = place
        self._tests = tests
        self._finder = finder
        self._with_own = with_own
        self._send: Send = lambda _message: None
        self._case = _OwnCase(place.root)

    def carry_out(self, send: Send) -> None:
        """Load and run."""
        self._send = send
        sys.meta_path.insert(0, self._finder)
        arguments = suite_arguments(self._place, with_own=self._with_own)
        files = files_of(self._place, self._tests)
        only = OnlyTheseFiles(self._place, files)
        pytest.main([*arguments, *files], plugins=[InOneProcess(), only, self, self._case])

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Run before pytest's own hook, which imports modules with doctests."""
        sys.meta_path.insert(0, self._finder)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests if all of them exist; return True to replace pytest's own loop."""
        items = {test_id(item, self._place.root): item for item in session.items}
        chosen = [items[test] for test in self._tests if test in items]
        self._send({"kind": "loaded", "tests": len(chosen)})
        if len(chosen) == len(self._tests):
            self._case.run_own(chosen, self._send, whole=False)
        return True
