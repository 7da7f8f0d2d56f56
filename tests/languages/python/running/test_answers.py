from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from testsmith.execution.jobs import FunctionResult, JobResult, Reached
from testsmith.execution.sandbox.interface import ProcessOutcome
from testsmith.languages.python.running.answers import read_answer

GREETING = {"python": [3, 13], "pytest": "9.0.1", "problem": None}


def outcome(
    *told: object, exit_code: int = 0, timed_out: bool = False, stderr: bytes = b""
) -> ProcessOutcome:
    lines = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in told]
    return ProcessOutcome(
        exit_code=exit_code, stdout=b"\n".join(lines), stderr=stderr, seconds=1.0, timed_out=timed_out
    )


def job(number: int = 0, **parts: Any) -> dict[str, Any]:
    function = {"name": "t", "status": "passed", "message": "", "lines": [1], "branches": [[1, -1]]}
    return {
        "number": number,
        "problem": None,
        "loaded": {"lines": [], "branches": []},
        "functions": [function],
    } | parts


def test_read_answer__what_a_worker_tells() -> None:
    answer = read_answer(outcome(GREETING, job()), {0})
    assert answer.greeting is not None
    assert answer.greeting.version == (3, 13)
    assert answer.has_started
    reached = Reached(lines=frozenset({1}), branches=frozenset({(1, -1)}))
    assert answer.results == {0: JobResult(functions={"t": FunctionResult(status="passed", reached=reached)})}


@pytest.mark.parametrize(
    ("told", "known"), [(0.25, 0.25), (0, 0.0), (None, None), (-1.0, None), ("1", None), ([], None)]
)
def test_read_answer__seconds_count_if_they_can_be_true(told: object, known: float | None) -> None:
    function = {"name": "t", "status": "passed", "seconds": told}
    answer = read_answer(outcome(GREETING, job(functions=[function])), {0})
    assert answer.results[0].functions["t"].seconds == known


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe",
        b"[" * 100_000,
        b"3",
        {"python": "3.13"},
        {"python": [3]},
        {"number": 7, "functions": []},
        {"number": [0]},
        {"number": None},
    ],
)
def test_read_answer__anything_else_does_not_count(line: object) -> None:
    answer = read_answer(outcome(line), {0})
    assert answer.results == {}
    assert answer.greeting is None


@pytest.mark.parametrize(
    "function",
    [
        3,
        {},
        {"name": 1, "status": "passed"},
        {"name": "t", "status": "won"},
        {"name": "t", "status": ["passed"]},
    ],
)
def test_read_answer__a_function_of_the_wrong_shape_does_not_count(function: object) -> None:
    answer = read_answer(outcome(GREETING, job(functions=[function])), {0})
    assert answer.results[0].functions == {}


@pytest.mark.parametrize(("count", "is_known"), [(10_000, True), (10_001, False)])
def test_read_answer__calls_that_are_too_many_to_be_told_are_not_known(count: int, *, is_known: bool) -> None:
    answer = read_answer(outcome(GREETING, job(idle=[[1, 2, 3, 4]] * count)), {0})
    assert (answer.results[0].idle is not None) == is_known


def test_read_answer__odd_lines_and_branches_are_left_out() -> None:
    function = {
        "name": "t",
        "status": "passed",
        "lines": [1, "2", -3, None],
        "branches": [[1], [1, "a"], [1, 2]],
    }
    answer = read_answer(outcome(GREETING, job(functions=[function])), {0})
    assert answer.results[0].functions["t"].reached == Reached(
        lines=frozenset({1}), branches=frozenset({(1, 2)})
    )


def test_read_answer__the_first_word_about_a_job_counts() -> None:
    answer = read_answer(outcome(GREETING, job(), job(functions=[])), {0})
    assert set(answer.results[0].functions) == {"t"}


@pytest.mark.parametrize(
    ("rows", "read"), [([2, 0], {0, 2}), ([0, None], set()), ([-1], set()), ("x", set())]
)
def test_read_answer__rows_that_failed_are_read_if_all_are_rows(rows: object, read: set[int]) -> None:
    function = {"name": "t", "status": "failed", "failed_rows": rows}
    assert (
        read_answer(outcome(GREETING, job(functions=[function])), {0}).results[0].functions["t"].failed_rows
        == read
    )


def test_read_answer__text_is_cut_and_steers_no_terminal() -> None:
    function = {"name": "t", "status": "failed", "message": "a\x1b[31m\ud800b\n" + "x" * 10_000}
    answer = read_answer(outcome(GREETING, job(functions=[function])), {0})
    message = answer.results[0].functions["t"].message
    assert message.startswith("a\ufffd[31m\ufffdb\nxxx")
    assert len(message) == 4_000


@pytest.mark.parametrize(
    ("ended", "trouble"),
    [
        (outcome(GREETING | {"problem": "no pytest"}), "no pytest"),
        (
            replace(outcome(exit_code=-9), exceeded="more than 1024 MiB of disk"),
            "it took more than 1024 MiB of disk and ended the whole test process",
        ),
        (outcome(timed_out=True), "it exceeded the time limit and ended the whole test process"),
        (
            outcome(exit_code=-9, stderr=b"Traceback\nMemoryError\n"),
            "the test process ended early: MemoryError",
        ),
    ],
)
def test_read_answer__how_a_worker_ended_before_its_time(ended: ProcessOutcome, trouble: str) -> None:
    answer = read_answer(ended, {0})
    assert answer.trouble == trouble
    assert not answer.has_started
