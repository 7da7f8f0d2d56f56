from __future__ import annotations

from typing import Any

import pytest

from testsmith.languages.python.running.worker.forking import CRASHED, DONE, TIMED_OUT
from testsmith.languages.python.running.worker.results import JobResults


def case(name: str, status: str = "passed", message: str = "", lines: tuple[int, ...] = ()) -> dict[str, Any]:
    return {
        "kind": "case",
        "name": name,
        "status": status,
        "message": message,
        "lines": list(lines),
        "branches": [],
    }


def test_receive__the_worst_case_of_a_function_counts() -> None:
    account = JobResults()
    first, *others = case("t", lines=(1,)), case("t", "failed", "first", (2,)), case("t", "failed", "second")
    for message in ({**first, "calls": ["a", "b"]}, *({**one, "calls": ["b", "c"]} for one in others)):
        account.receive(message)
    assert account.functions == {
        "t": {
            "name": "t",
            "status": "failed",
            "message": "first",
            "failing_line": "",
            "network": False,
            "raised_by_test": False,
            "lines": [1, 2],
            "branches": [],
            "failed_rows": [None],
            "seconds": None,
            "calls": ["a", "b", "c"],
        }
    }


@pytest.mark.parametrize(
    ("seconds", "expected"), [([0.5, 0.25, 1.0], 1.75), ([0.5], 0.5), ([0.5, None, 1.0], None)]
)
def test_receive__the_seconds_of_all_cases_count(seconds: list[float | None], expected: float | None) -> None:
    account = JobResults()
    for one in seconds:
        account.receive({**case("t"), "seconds": one})
    assert account.functions["t"]["seconds"] == expected


@pytest.mark.parametrize(
    ("cases", "rows"),
    [
        ([("passed", 0), ("failed", 1), ("passed", 2), ("failed", 3)], {1, 3}),
        ([("passed", 0), ("passed", 1)], set()),
        ([("failed", 0), ("failed", None)], {0, None}),
    ],
)
def test_receive__the_rows_that_failed_are_known(
    cases: list[tuple[str, int | None]], rows: set[int | None]
) -> None:
    account = JobResults()
    for status, row in cases:
        account.receive({**case("t", status), "row": row})
    assert set(account.functions["t"]["failed_rows"]) == rows


@pytest.mark.parametrize(
    ("cases", "status", "rows"),
    [
        ([("passed", 0), ("skipped", 0), ("skipped", 1), ("passed", 1)], "passed", set()),
        ([("passed", 0), ("skipped", 0), ("skipped", 1)], "skipped", {1}),
        ([("passed", 0), ("skipped", 0), ("failed", 1), ("skipped", 1)], "failed", {1}),
        ([("skipped", 0), ("passed", 0), ("failed", 0)], "failed", {0}),
        ([("skipped", None)], "skipped", {None}),
    ],
)
def test_receive__a_case_is_skipped_of_a_row_that_passes_in_another(
    cases: list[tuple[str, int | None]], status: str, rows: set[int | None]
) -> None:
    account = JobResults()
    for one, row in cases:
        account.receive({**case("t", one, "" if one == "passed" else "why"), "row": row})
    function = account.functions["t"]
    assert (function["status"], set(function["failed_rows"])) == (status, rows)
    assert bool(function["message"]) is (status != "passed")


@pytest.mark.parametrize(
    ("cases", "raised_by_test"),
    [
        ([("passed", False), ("failed", True)], True),
        ([("failed", True), ("failed", True)], True),
        ([("failed", True), ("failed", False)], False),
        ([("failed", False), ("failed", True)], False),
        ([("failed", True), ("timed out", False)], False),
    ],
)
def test_receive__one_case_that_fails_by_the_code_is_enough(
    cases: list[tuple[str, bool]], *, raised_by_test: bool
) -> None:
    account = JobResults()
    for status, by_test in cases:
        account.receive({**case("t", status), "raised_by_test": by_test})
    assert account.functions["t"]["raised_by_test"] is raised_by_test


@pytest.mark.parametrize(
    "message",
    [
        {"kind": "case"},
        {"kind": "case", "name": "t", "status": "won", "message": "", "lines": [], "branches": []},
        {"kind": "case", "name": "t", "status": "passed", "message": "", "lines": 3, "branches": []},
        {"kind": "case", "name": "t", "status": "passed", "message": "", "lines": [], "branches": [1]},
        {"kind": "case", "name": "t", "status": [], "message": "", "lines": [], "branches": []},
        {"kind": "module"},
        {"kind": "begun"},
        {"kind": "unheard of"},
        {"kind": "left", "name": "unknown", "paths": ["x"]},
        {"kind": "left", "name": "t"},
        {"kind": "ready"},
        {"kind": "ready", "names": 3},
    ],
)
def test_receive__a_broken_message_does_not_count(message: dict[str, Any]) -> None:
    account = JobResults()
    account.receive(message)
    assert account.functions == {}
    assert account.problem == ""


@pytest.mark.parametrize(("ending", "status"), [(TIMED_OUT, "timed out"), (CRASHED, "crashed")])
def test_close__the_function_that_was_running_is_the_culprit(ending: str, status: str) -> None:
    account = JobResults()
    account.receive({"kind": "begun", "name": "t"})
    assert account.close(ending)
    assert account.functions["t"]["status"] == status


def test_close__an_end_outside_the_functions_is_the_modules_own() -> None:
    account = JobResults()
    account.receive({"kind": "begun", "name": "t"})
    account.receive(case("t"))
    assert not account.close(CRASHED)
    assert account.functions["t"]["status"] == "passed"
    assert account.problem == "the test module ended the test process outside its test functions"


def test_close__nothing_is_left_after_the_last_word() -> None:
    account = JobResults()
    account.receive({"kind": "begun", "name": "t"})
    assert not account.close(DONE)
    assert account.functions == {}


def test_is_whole__only_where_all_functions_of_a_session_ended_and_none_was_spoiled() -> None:
    account = JobResults()
    seen = [account.is_whole]
    for message in (
        {"kind": "ready", "names": ["t", "u"]},
        case("t"),
        case("u", "failed", "no"),
        {"kind": "spoiled"},
    ):
        account.receive(message)
        seen.append(account.is_whole)
    assert seen == [False, False, False, True, False]


def test_take_again__what_passed_only_the_first_time_did_not_pass() -> None:
    first, again = JobResults(), JobResults()
    for message in (case("steady"), case("once"), case("lost"), case("broken", "failed", "at once")):
        first.receive(message)
    for message in (case("steady"), case("once", "failed", "there already"), case("broken")):
        again.receive(message)
    again.problem = "it ended"
    first.take_again(again)
    told = {name: (function["status"], function["message"]) for name, function in first.functions.items()}
    assert told == {
        "steady": ("passed", ""),
        "once": ("failed", "when run again in the same folder: there already"),
        "lost": ("crashed", "when run again in the same folder: it ended"),
        "broken": ("failed", "at once"),
    }


def test_receive__what_one_child_alone_has_seen_of_the_calls_is_not_all() -> None:
    idle = {"kind": "idle", "calls": [[3, 4, 3, 9]]}
    account = JobResults()
    account.receive(idle)
    assert account.idle == [[3, 4, 3, 9]]
    after_a_crash = JobResults()
    after_a_crash.receive({"kind": "begun", "name": "t"})
    after_a_crash.close(CRASHED)
    after_a_crash.receive(idle)
    assert after_a_crash.idle is None
