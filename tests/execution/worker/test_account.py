from __future__ import annotations

from typing import Any

import pytest

from bot.execution.worker.account import Account
from bot.execution.worker.children import CRASHED, DONE, TIMED_OUT


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
    account = Account()
    for message in (case("t", lines=(1,)), case("t", "failed", "first", (2,)), case("t", "failed", "second")):
        account.receive(message)
    assert account.functions == {
        "t": {"name": "t", "status": "failed", "message": "first", "lines": [1, 2], "branches": []}
    }


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
    ],
)
def test_receive__a_broken_message_does_not_count(message: dict[str, Any]) -> None:
    account = Account()
    account.receive(message)
    assert account.functions == {}
    assert account.problem == ""


@pytest.mark.parametrize(("ending", "status"), [(TIMED_OUT, "timed out"), (CRASHED, "crashed")])
def test_close__the_function_that_was_running_is_the_culprit(ending: str, status: str) -> None:
    account = Account()
    account.receive({"kind": "begun", "name": "t"})
    assert account.close(ending)
    assert account.functions["t"]["status"] == status


def test_close__an_end_outside_the_functions_is_the_modules_own() -> None:
    account = Account()
    account.receive({"kind": "begun", "name": "t"})
    account.receive(case("t"))
    assert not account.close(CRASHED)
    assert account.functions["t"]["status"] == "passed"
    assert account.problem == "the test module ended the test process outside its test functions"


def test_close__nothing_is_left_after_the_last_word() -> None:
    account = Account()
    account.receive({"kind": "begun", "name": "t"})
    assert not account.close(DONE)
    assert account.functions == {}
