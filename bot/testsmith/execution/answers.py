"""What comes back of `worker/serve.py`.

It was written beside foreign code, so all of it is checked, and cut, before it counts as anything.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from testsmith.execution.sandbox.interface import ProcessOutcome, read_lines

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
TIMED_OUT, CRASHED = "timed out", "crashed"
MISSING = "missing"
"""How a test function ends that was not run, as its module did not load."""
STATUSES = frozenset({PASSED, FAILED, SKIPPED, TIMED_OUT, CRASHED})
"""How a test function may end."""

MOVED_CLOCK, BESIDE_OWN_TESTS, UNDER_CONFTEST = "clock", "own tests", "conftest"
WITHOUT_ADDOPTS = "without addopts"
"""What a worker tells of how a job was run: the clock was moved; beside the project's own tests, or under its
conftest alone; either without the project's `addopts`."""

_DONE = frozenset({MOVED_CLOCK, BESIDE_OWN_TESTS, UNDER_CONFTEST, WITHOUT_ADDOPTS})
_WITH_CHANGES = tuple(sorted({*STATUSES, MISSING}))  # no set: what is told may be no key
_MOST_FUNCTIONS = 500
_MOST_MESSAGE_CHARACTERS = 4_000
_MOST_NAMES = 10
_MOST_PLACES = 10_000
_MOST_NAME_CHARACTERS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Lines, and line-to-line arcs from lines with more than one way on; one out of the code is negative."""

    lines: frozenset[int] = frozenset()
    branches: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionResult:
    """How one test function ended.

    Attributes:
        status: One of `STATUSES`.
        message: What it says where it did not pass. Untrusted text.
        reached: What it reached of the member.
        wants_network: Whether it failed since no network could be reached.
        raised_by_test: Whether it failed with what its own text raised, without an assertion or other code.
        left: Names of a few files that it left outside of pytest's temporary folder. Untrusted text.
    """

    status: str
    message: str = ""
    reached: Reached = Reached()
    wants_network: bool = False
    raised_by_test: bool = False
    left: tuple[str, ...] = ()


Place = tuple[int, int, int, int]
"""The place of something in a text: line, column, last line and column; columns in bytes, -1 for unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """What became of one job.

    Attributes:
        functions: The test functions that were run, by name.
        problem: Why the module as a whole could not be run; empty where it could. Untrusted text.
        loaded: What of the member was reached while the modules were loaded.
        changed: How test functions ended, up to the first that did not pass, with each change of a module
            that was tried.
        idle: Where calls and imports stand in the test module that were not reached; None where that is not
            known.
        acts: Whether changes that were written into a file are shown to have an effect.
        done: What a worker tells of how it was run, as `MOVED_CLOCK`.
    """

    functions: Mapping[str, FunctionResult] = field(default_factory=dict)
    problem: str = ""
    loaded: Reached = Reached()
    changed: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    idle: tuple[Place, ...] | None = None
    acts: bool = False
    done: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """What a worker says of its interpreter.

    Attributes:
        version: As `(3, 13)`.
        pytest: Pytest's version; empty where it has none.
        problem: Why no tests can be run; empty where they can.
        locales: Some other locales that the system has.
    """

    version: tuple[int, int]
    pytest: str
    problem: str = ""
    locales: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerAnswer:
    """What one worker told.

    Attributes:
        greeting: None where it did not come so far.
        results: By the numbers of the jobs.
        trouble: How it ended, where it ended before its time; empty where it did not.
    """

    greeting: Greeting | None
    results: Mapping[int, JobResult]
    trouble: str = ""

    @property
    def has_started(self) -> bool:
        """Whether it came to its jobs at all."""
        return self.greeting is not None and not self.greeting.problem


def read_answer(outcome: ProcessOutcome, wanted: Collection[int]) -> WorkerAnswer:
    """Read what a worker has printed, line by line; what has not the right shape does not count.

    Args:
        outcome: How the worker ended.
        wanted: The numbers of its jobs.
    """
    greeting: Greeting | None = None
    results: dict[int, JobResult] = {}

    def take(data: dict[str, Any]) -> None:
        nonlocal greeting
        if "python" in data and greeting is None:
            greeting = _greeting(data)
            return
        number = data.get("number")
        if isinstance(number, int) and number in wanted and number not in results:
            results[number] = _job_result(data)

    read_lines(outcome.stdout, take)
    return WorkerAnswer(greeting=greeting, results=results, trouble=_trouble(outcome, greeting))


def _trouble(outcome: ProcessOutcome, greeting: Greeting | None) -> str:
    if greeting is not None and greeting.problem:
        return greeting.problem
    if outcome.exceeded:
        return f"it took {outcome.exceeded} and ended the whole test process"
    if outcome.timed_out:
        return "it ran into the time limit and took the whole test process with it"
    last_words = outcome.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
    ending = f"the test process ended with exit code {outcome.exit_code}"
    return ": ".join([ending, *(line[:300] for line in last_words)])


def _greeting(data: Mapping[str, Any]) -> Greeting | None:
    match data:
        case {"python": [int(major), int(minor)], "pytest": str(pytest)}:
            problem = data.get("problem")
            return Greeting(
                version=(major, minor),
                pytest=pytest[:50],
                problem=_text(problem)[:500],
                locales=tuple(name for name in _list(data.get("locales")) if _is_locale(name)),
            )
    return None


def _is_locale(name: object) -> bool:
    return isinstance(name, str) and re.fullmatch(r"[a-z]{2}_[A-Z]{2}\.UTF-8", name) is not None


def _job_result(data: Mapping[str, Any]) -> JobResult:
    functions = data.get("functions")
    named: dict[str, FunctionResult] = {}
    for function in (functions if isinstance(functions, list) else [])[:_MOST_FUNCTIONS]:
        match function:
            case {"name": str(name), "status": str(status)} if status in STATUSES:
                named[name] = _function_result(status, function)
    loaded = data.get("loaded")
    return JobResult(
        functions=named,
        problem=_text(data.get("problem")),
        loaded=_reached(loaded if isinstance(loaded, dict) else {}),
        changed=dict(_changed(data.get("mutants"))),
        idle=_places(data.get("idle")),
        acts=data.get("acts") is True,
        done=frozenset(word for word in _list(data.get("done")) if isinstance(word, str)) & _DONE,
    )


def _function_result(status: str, data: Mapping[str, Any]) -> FunctionResult:
    left = (_text(name)[:_MOST_NAME_CHARACTERS] for name in _list(data.get("left"))[:_MOST_NAMES])
    return FunctionResult(
        status=status,
        message=_text(data.get("message")),
        reached=_reached(data),
        wants_network=data.get("network") is True,
        raised_by_test=data.get("raised_by_test") is True,
        left=tuple(name for name in left if name),
    )


def _changed(data: object) -> Iterator[tuple[int, dict[str, str]]]:
    for tried in _list(data):
        match tried:
            case {"number": int(number), "functions": dict(functions)}:
                known = [(name, status) for name, status in functions.items() if status in _WITH_CHANGES]
                yield number, dict(known[:_MOST_FUNCTIONS])


def _places(data: object) -> tuple[Place, ...] | None:
    if not isinstance(data, list) or len(data) > _MOST_PLACES:
        return None
    places: list[Place] = []
    for place in data:
        match place:
            case [int(line), int(column), int(last), int(end)]:
                places.append((line, column, last, end))
            case _:
                return None
    return tuple(places)


def _reached(data: Mapping[str, Any]) -> Reached:
    lines, branches = data.get("lines"), data.get("branches")
    return Reached(
        lines=frozenset(line for line in _list(lines) if isinstance(line, int) and line > 0),
        branches=frozenset(arc for told_arc in _list(branches) for arc in _arc(told_arc)),
    )


def _arc(data: object) -> Iterator[tuple[int, int]]:
    match data:
        case [int(before), int(after)]:
            yield before, after


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    """Return text that may be shown: cut, and without what steers a terminal."""
    text = value[:_MOST_MESSAGE_CHARACTERS] if isinstance(value, str) else ""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in text)
