from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

from bot.execution.answers import FAILED, PASSED, read_answer
from bot.execution.harness import ChangedModule, ChangedModules, Job, Setting, run_jobs
from bot.execution.sandbox import Outcome
from fakes.workspaces import small_workspace

SOURCE = "LIMIT = 3\n\n\ndef low(n):\n    return n < LIMIT\n"
TESTS = "import shop\n\ndef test_x():\n    assert shop.low(2) and not shop.low(3)\n"


def change(number: int, old: str, new: str, function: tuple[str, int] | None = ("low", 4)) -> ChangedModule:
    start = SOURCE.index(old)
    edit = (start, start + len(old), new)
    return ChangedModule(number=number, edit=edit, function=function, tests=frozenset({"test_x"}))


def told(folder: Path, code: str, *changes: ChangedModule) -> Mapping[int, Mapping[str, str]]:
    changed = ChangedModules(path="shop.py", source=SOURCE, names=frozenset({"test_x"}), changes=changes)
    job = Job(number=0, code=code, seconds=20.0, changed=changed)

    async def scenario() -> Mapping[int, Mapping[str, str]]:
        async with small_workspace(folder, {"shop.py": SOURCE}) as workspace:
            results = await run_jobs(workspace, Setting(name="mutants"), [job])
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
    outcome = Outcome(exit_code=0, stdout=output, stderr=b"", timed_out=False, seconds=1.0)
    assert read_answer(outcome, {0}).results[0].changed == {0: {"test_x": "failed"}}
    output = json.dumps({"number": 0, "mutants": 7}).encode() + b"\n"
    outcome = Outcome(exit_code=0, stdout=output, stderr=b"", timed_out=False, seconds=1.0)
    assert read_answer(outcome, {0}).results[0].changed == {}
