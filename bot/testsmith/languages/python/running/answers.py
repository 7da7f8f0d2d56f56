"""Decode the output of `worker/serve.py`.

Untrusted code runs in the same process as the worker, so every value is validated and truncated before use.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from testsmith.execution.jobs import (
    BESIDE_OWN_TESTS,
    MISSING,
    MOVED_CLOCK,
    STATUSES,
    UNDER_CONFTEST,
    WITHOUT_ADDOPTS,
    FunctionResult,
    JobResult,
    Place,
    Reached,
)
from testsmith.execution.sandbox.interface import ProcessOutcome, read_lines

_DONE = frozenset({MOVED_CLOCK, BESIDE_OWN_TESTS, UNDER_CONFTEST, WITHOUT_ADDOPTS})
_WITH_CHANGES = tuple(sorted({*STATUSES, MISSING}))  # a tuple, because a reported value may be unhashable
_MOST_FUNCTIONS = 500
_MOST_MESSAGE_CHARACTERS = 4_000
_MOST_NAMES = 10
_MOST_PLACES = 10_000
_MOST_NAME_CHARACTERS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """What a worker reports about its interpreter.

    Attributes:
        version: Python version, for example `(3, 13)`.
        pytest: Version of pytest; empty if it is not installed.
        problem: Why no tests can be run; empty if they can.
        locales: Some other locales installed on the system.
    """

    version: tuple[int, int]
    pytest: str
    problem: str = ""
    locales: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerAnswer:
    """Everything one worker reported.

    Attributes:
        greeting: None if the worker ended before sending it.
        results: Results by job number.
        trouble: Why the worker ended early; empty if it finished.
    """

    greeting: Greeting | None
    results: Mapping[int, JobResult]
    trouble: str = ""

    @property
    def has_started(self) -> bool:
        """Whether the worker got as far as running jobs."""
        return self.greeting is not None and not self.greeting.problem


def read_answer(outcome: ProcessOutcome, wanted: Collection[int]) -> WorkerAnswer:
    """Parse a worker's output line by line, ignoring malformed lines.

    Args:
        outcome: How the worker process ended.
        wanted: Numbers of the jobs it was given.
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
    """Return the value as text that is safe to show: truncated, without terminal control sequences."""
    text = value[:_MOST_MESSAGE_CHARACTERS] if isinstance(value, str) else ""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in text)
