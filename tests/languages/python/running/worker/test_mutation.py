from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from fakes.workspaces import small_workspace
from testsmith.execution.jobs import FAILED, PASSED, ChangedModule, ChangedModules, TestJob
from testsmith.execution.sandbox.interface import ProcessOutcome
from testsmith.languages.python.running.answers import read_answer
from testsmith.languages.python.running.harness import run_jobs
from testsmith.languages.python.running.run_settings import PythonSetting

SOURCE = "LIMIT = 3\n\n\ndef low(n):\n    return n < LIMIT\n"
TESTS = "import shop\n\ndef test_x():\n    assert shop.low(2) and not shop.low(3)\n"


def change(number: int, old: str, new: str, function: tuple[str, int] | None = ("low", 4)) -> ChangedModule:
    start = SOURCE.index(old)
    edit = (start, start + len(old), new)
    return ChangedModule(number=number, edit=edit, function=function, tests=frozenset({"test_x"}))


def told(
    folder: Path,
    code: str,
    *changes: ChangedModule,
    names: frozenset[str] = frozenset({"test_x"}),
    seconds: float = 20.0,
) -> Mapping[int, Mapping[str, str]]:
    changed = ChangedModules(path="shop.py", source=SOURCE, names=names, changes=changes)
    job = TestJob(number=0, code=code, seconds=seconds, changed=changed)

    async def scenario() -> Mapping[int, Mapping[str, str]]:
        async with small_workspace(folder, {"shop.py": SOURCE}) as workspace:
            results = await run_jobs(workspace, PythonSetting(name="mutants"), [job])
            return results[0].changed

    return asyncio.run(scenario())


def test_run_mutants__in_place_and_when_loaded(tmp_path: Path) -> None:
    results = told(
        tmp_path,
        TESTS,
        change(0, "<", "<="),
        change(1, "<", " < "),
        change(2, "3", "4", None),
        change(3, "3", "3 ", None),
        change(4, "LIMIT = 3", "raise SystemExit", None),
    )
    assert results == {
        0: {"test_x": FAILED},
        1: {"test_x": PASSED},
        2: {"test_x": FAILED},
        3: {"test_x": PASSED},
        4: {"test_x": "missing"},
    }


def test_run_mutants__what_cannot_be_exchanged_is_loaded(tmp_path: Path) -> None:
    results = told(tmp_path, TESTS, change(0, "<", ">", ("high", 4)), change(1, "<", "<", ("low", 5)))
    assert results == {0: {"test_x": FAILED}, 1: {"test_x": PASSED}}


def test_run_mutants__none_is_begun_after_its_latest_second(tmp_path: Path) -> None:
    results = told(
        tmp_path,
        TESTS,
        change(0, "<", "<="),
        replace(change(1, "<", ">"), latest=0.0),
        change(2, "3", "4", None),
        replace(change(3, "3", "5", None), latest=0.0),
    )
    assert results == {0: {"test_x": FAILED}, 2: {"test_x": FAILED}}


def test_run_mutants__the_end_of_the_time_for_all_kills_none(tmp_path: Path) -> None:
    hangs = change(0, "LIMIT = 3", "import time; time.sleep(60)", None)
    assert told(tmp_path, TESTS, hangs, seconds=1.0) == {}


SEVERAL = """\
import pytest
import shop

SEEN = []


class TestLow:
    @pytest.mark.parametrize("n", [2, 1, 0])
    def test_many(self, n):
        SEEN.append(n)
        assert shop.low(n)

    def test_other(self):
        assert shop.low(2) == (0 in SEEN)
        assert not shop.low(3)


@pytest.fixture(scope="module")
def limit():
    yield shop.LIMIT
    assert SEEN


@pytest.mark.parametrize("n", [2, 1])
def test_after(n, limit):
    assert shop.low(n) and limit == 3


def test_last():
    assert not shop.low(9)
"""
NAMES = frozenset({"TestLow::test_many", "TestLow::test_other", "test_after", "test_last"})


def told_of_all(folder: Path, code: str, names: frozenset[str], *changes: ChangedModule) -> list[set[str]]:
    """Return the functions that fail with each change, and make sure that of all it is known."""
    whole = [replace(change, tests=names, whole=True) for change in changes]
    found = told(folder, code, *whole, names=names)
    assert all(functions.keys() == names for functions in found.values())
    return [{name for name, status in found[change.number].items() if status != PASSED} for change in changes]


def test_run_mutants__whole_tells_of_each_function_but_not_of_each_case(tmp_path: Path) -> None:
    many, other, after, last = sorted(NAMES)
    changes = (
        change(0, "<", ">"),
        change(1, "n < LIMIT", "True"),
        change(2, "n < LIMIT", "n == 2"),
        change(3, "3", "4", None),
    )
    assert told_of_all(tmp_path, SEVERAL, NAMES, *changes) == [
        {many, after, last},
        {other, last},
        {many, other, after},  # as it is not shown the last case
        {other, after},
    ]


def test_run_mutants__a_function_that_hangs_takes_none_along(tmp_path: Path) -> None:
    code = """\
import os
import shop

def test_hangs():
    while not shop.low(2):
        pass

def test_leaves():
    shop.low(2) or os._exit(0)

def test_fails():
    assert shop.low(2)

def test_passes():
    assert not shop.low(5)
"""
    names = frozenset({"test_hangs", "test_leaves", "test_fails", "test_passes"})
    changes = change(0, "n < LIMIT", "False"), change(1, "n < LIMIT", "False", None)
    assert told_of_all(tmp_path, code, names, *changes) == [names - {"test_passes"}] * 2


def test_run_mutants__what_is_no_program_is_not_tried(tmp_path: Path) -> None:
    results = told(tmp_path, TESTS, change(0, "<", "< <"), change(1, "<", "< <", None), change(2, "<", ">"))
    assert results == {2: {"test_x": FAILED}}


def test_run_mutants__tests_that_do_not_pass_unchanged_say_nothing(tmp_path: Path) -> None:
    code = "import shop\n\ndef test_x():\n    assert shop.low(5)\n"
    assert told(tmp_path, code, change(0, "<", ">"), change(1, "3", "9", None)) == {}


def test_run_mutants__tests_that_are_not_found_say_nothing(tmp_path: Path) -> None:
    assert told(tmp_path, "import shop\n", change(0, "<", ">")) == {}


def test_read_answer__of_changes_only_what_has_their_shape_counts() -> None:
    mutants = [
        {"number": 0, "functions": {"test_x": "failed", "test_y": "fine", "test_z": ["failed"]}},
        {"number": "1", "functions": {}},
        {"number": 2, "functions": ["test_x"]},
        3,
    ]
    output = json.dumps({"number": 0, "mutants": mutants}).encode() + b"\n"
    outcome = ProcessOutcome(exit_code=0, stdout=output, stderr=b"", timed_out=False, seconds=1.0)
    assert read_answer(outcome, {0}).results[0].changed == {0: {"test_x": "failed"}}
    output = json.dumps({"number": 0, "mutants": 7}).encode() + b"\n"
    outcome = ProcessOutcome(exit_code=0, stdout=output, stderr=b"", timed_out=False, seconds=1.0)
    assert read_answer(outcome, {0}).results[0].changed == {}
