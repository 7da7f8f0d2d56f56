from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from testsmith.languages.python.running.worker.mutation import LoadedMutant
from testsmith.languages.python.running.worker.suite.mutation import (
    CollectedTests,
    ModuleChange,
    UnchangedSeconds,
    choose,
    read_changes,
)
from testsmith.languages.python.running.worker.suite.recorder import SuiteFolder

CLEAN = {
    "slow": ("passed", 3.0),
    "quick": ("passed", 0.1),
    "slower": ("passed", 4.0),
    "skipped": ("skipped", 0.0),
    "failing": ("failed", 0.0),
}


def test_choose__the_quickest_first() -> None:
    choice = choose(CLEAN, {"slow", "quick", "skipped"})
    assert (choice.tests, choice.seconds, choice.is_whole) == (("quick", "slow"), 3.1, True)


def test_choose__no_more_than_there_is_time_for() -> None:
    choice = choose(CLEAN, {"slow", "quick", "slower"})
    assert (choice.tests, choice.is_whole) == (("quick", "slow"), False)


def test_choose__one_that_takes_long_alone_is_run() -> None:
    choice = choose({"long": ("passed", 30.0)}, {"long"})
    assert (choice.tests, choice.is_whole) == (("long",), True)


@pytest.mark.parametrize("other", ["failing", "unknown"])
def test_choose__with_one_that_says_nothing_what_is_left_alive_is_not_known(other: str) -> None:
    choice = choose(CLEAN, {"quick", other})
    assert (choice.tests, choice.is_whole) == (("quick",), False)


def reached_by(*tests: str) -> ModuleChange:
    return ModuleChange(0, LoadedMutant(0, (0, 1, ""), ("f", 1), frozenset(tests), whole=False))


def test_unchanged_seconds__until_enough_pass_for_each_mutant() -> None:
    needed = UnchangedSeconds([reached_by("slow", "other"), reached_by("rare", "failing")], CLEAN)
    assert needed.is_needed("other")
    needed.add("other", "passed", 3.0)
    assert [one for one in ("slow", "other", "rare", "failing") if needed.is_needed(one)] == [
        "rare",
        "failing",
    ]
    needed.add("failing", "failed", 9.0)
    assert needed.is_needed("rare")


def test_unchanged_seconds__what_reaches_no_mutant_is_not_needed() -> None:
    assert not UnchangedSeconds([reached_by("slow")], {}).is_needed("other")


def known(*messages: Any) -> CollectedTests:
    found = CollectedTests()
    for message in messages:
        found.receive(message)
    return found


def test_known__verdicts_of_tests_that_fail_afterwards_do_not_count() -> None:
    found = known(
        {"kind": "tried", "module": 0, "number": 0, "by": "a", "in_setup": False},
        {"kind": "tried", "module": 0, "number": 1, "by": "b", "in_setup": True},
        {"kind": "tried", "module": 0, "number": 2, "by": None, "in_setup": False},
        {"kind": "after", "id": "a", "status": "failed"},
        {"kind": "after", "id": "b", "status": "passed"},
    )
    assert list(found.verdicts()) == [
        {"module": 0, "number": 1, "noticed": True, "in_setup": True},
        {"module": 0, "number": 2, "noticed": False, "in_setup": False},
    ]


@pytest.mark.parametrize(
    "odd",
    [
        {"kind": "tried", "module": 0, "number": "x", "by": None},
        {"kind": "tried", "module": None, "number": 0, "by": None},
        {"kind": "tried", "number": 0},
        {"kind": "clean", "id": "a", "status": "passed", "seconds": []},
        {"kind": "loaded", "seconds": "long", "with_own": True},
        {"kind": "unplaced", "module": [], "number": 0},
        {"kind": "exit"},
        {"kind": "verdicts"},
        {"kind": "no such"},
    ],
)
def test_known__what_has_not_the_right_shape_does_not_count(odd: dict[str, Any]) -> None:
    found = known(odd)
    assert list(found.verdicts()) == []
    assert found.loading_seconds is None
    assert not found.is_unusable


def test_known__pytest_that_came_to_no_tests() -> None:
    loaded = {"kind": "loaded", "seconds": 1, "with_own": False}
    assert known({"kind": "exit", "code": 4}).is_unusable
    assert not known(loaded, {"kind": "exit", "code": 4}).is_unusable


def test_read_changes__tests_by_number(tmp_path: Path) -> None:
    plan = {
        "root": "/copy",
        "seconds": 5.0,
        "changes": {
            "tests": ["t.py::a", "t.py::b"],
            "modules": [{"path": "shop.py", "source": "x = 1\n"}],
            "changes": [
                {"module": 0, "number": 7, "edit": [4, 5, "2"], "function": ["f", 3], "tests": [1]},
                {"module": 0, "number": 8, "edit": [4, 5, "3"], "function": None, "tests": [0, 1]},
            ],
        },
    }
    run = read_changes(plan, SuiteFolder(tmp_path, tmp_path, frozenset()), 9)
    both = frozenset({"t.py::a", "t.py::b"})
    assert run.modules == (("/copy/shop.py", "x = 1\n"),)
    assert run.changes == (
        ModuleChange(0, LoadedMutant(7, (4, 5, "2"), ("f", 3), frozenset({"t.py::b"}), whole=False)),
        ModuleChange(0, LoadedMutant(8, (4, 5, "3"), None, both, whole=False)),
    )
    assert run.tests == both
    assert 0 < run.left <= 5.0
