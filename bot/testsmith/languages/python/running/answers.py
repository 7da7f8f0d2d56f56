"""The output of `worker/serve.py`. Untrusted code runs in the same process, so it may be anything."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, MaxLen

from testsmith.decode import IF_VALID, Matches, OrElse, Then, decode_lines
from testsmith.execution.jobs import FunctionResult, JobResult, Place, Reached
from testsmith.execution.sandbox.interface import ProcessOutcome, without_controls
from testsmith.languages.python.running.run_settings import (
    BESIDE_OWN_TESTS,
    MOVED_CLOCK,
    UNDER_CONFTEST,
    WITHOUT_ADDOPTS,
)

_DONE = frozenset({MOVED_CLOCK, BESIDE_OWN_TESTS, UNDER_CONFTEST, WITHOUT_ADDOPTS})
_LOCALE = re.compile(r"[a-z]{2}_[A-Z]{2}\.UTF-8")
_MOST_FUNCTIONS = 500
_MOST_MESSAGE_CHARACTERS = 4_000
_MOST_LINE_CHARACTERS = 300
_MOST_NAMES = 10
_MOST_PLACES = 10_000
_MOST_CALLS = 20_000
_DIGEST = re.compile(r"[0-9a-f]{32}")
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


_Status = Literal["passed", "failed", "skipped", "timed out", "crashed"]
_Message = Annotated[str, Then(lambda text: without_controls(text[:_MOST_MESSAGE_CHARACTERS])), OrElse("")]
_Flag = Annotated[bool, OrElse(value=False)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reached:
    lines: Annotated[tuple[Annotated[int, Ge(1), IF_VALID], ...], OrElse(())] = ()
    branches: Annotated[tuple[Annotated[tuple[int, int], IF_VALID], ...], OrElse(())] = ()

    def reached(self) -> Reached:
        return Reached(lines=frozenset(self.lines), branches=frozenset(self.branches))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Function(_Reached):
    name: str
    status: _Status
    message: _Message = ""
    failing_line: _Message = ""
    network: _Flag = False
    raised_by_test: _Flag = False
    left: Annotated[tuple[_Message, ...], OrElse(())] = ()
    failed_rows: Annotated[frozenset[Annotated[int, Ge(0)]], OrElse(frozenset())] = frozenset()
    seconds: Annotated[float | None, Ge(0), OrElse(None)] = None
    calls: Annotated[
        frozenset[Annotated[str, Matches(_DIGEST)]], MaxLen(_MOST_CALLS), OrElse(frozenset())
    ] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mutant:
    number: int
    functions: dict[str, Annotated[_Status | Literal["missing"], IF_VALID]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A greeting, which has `python`, or the result of a job, which has `number`."""

    python: tuple[int, int] | None = None
    pytest: str = ""
    locales: Annotated[tuple[Annotated[str, Matches(_LOCALE), IF_VALID], ...], OrElse(())] = ()
    number: int | None = None
    functions: Annotated[tuple[Annotated[_Function, IF_VALID], ...], OrElse(())] = ()
    problem: _Message = ""
    loaded: Annotated[_Reached, OrElse(_Reached())] = _Reached()
    mutants: Annotated[tuple[Annotated[_Mutant, IF_VALID], ...], OrElse(())] = ()
    idle: Annotated[tuple[Place, ...] | None, MaxLen(_MOST_PLACES), OrElse(None)] = None
    acts: _Flag = False
    fault: _Flag = False
    done: Annotated[frozenset[Annotated[str, IF_VALID]], OrElse(frozenset())] = frozenset()


def read_answer(outcome: ProcessOutcome, wanted: Collection[int]) -> WorkerAnswer:
    """Parse a worker's output line by line, ignoring malformed lines.

    Args:
        outcome: How the worker process ended.
        wanted: Numbers of the jobs it was given.
    """
    greeting: Greeting | None = None
    results: dict[int, JobResult] = {}
    for line in decode_lines(_Line, outcome.stdout)[0]:
        if line.number is not None:
            if line.number in wanted and line.number not in results:
                results[line.number] = _job_result(line)
        elif line.python is not None and greeting is None:
            greeting = Greeting(
                version=line.python,
                pytest=line.pytest[:50],
                problem=line.problem[:500],
                locales=line.locales,
            )
    return WorkerAnswer(greeting=greeting, results=results, trouble=_trouble(outcome, greeting))


def _trouble(outcome: ProcessOutcome, greeting: Greeting | None) -> str:
    if greeting is not None and greeting.problem:
        return greeting.problem
    if outcome.exceeded:
        return f"it took {outcome.exceeded} and ended the whole test process"
    if outcome.timed_out:
        return "it exceeded the time limit and ended the whole test process"
    last_words = outcome.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
    return ": ".join(["the test process ended early", *(line[:300] for line in last_words)])


def _job_result(job: _Line) -> JobResult:
    return JobResult(
        functions={one.name: _function_result(one) for one in job.functions[:_MOST_FUNCTIONS]},
        problem=job.problem,
        is_fault=job.fault,
        loaded=job.loaded.reached(),
        changed={one.number: dict(list(one.functions.items())[:_MOST_FUNCTIONS]) for one in job.mutants},
        idle=job.idle,
        acts=job.acts,
        done=job.done & _DONE,
    )


def _function_result(function: _Function) -> FunctionResult:
    return FunctionResult(
        status=function.status,
        message=function.message,
        failing_line=function.failing_line[:_MOST_LINE_CHARACTERS],
        reached=function.reached(),
        wants_network=function.network,
        raised_by_test=function.raised_by_test,
        left=tuple(name[:_MOST_NAME_CHARACTERS] for name in function.left[:_MOST_NAMES] if name),
        failed_rows=function.failed_rows,
        seconds=function.seconds,
        calls=function.calls,
    )
