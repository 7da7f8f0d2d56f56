"""What a run says about the tests that a change itself adds or edits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fakes.command_line import CommandLine
from fakes.git_repository import GitRepository

BEFORE = "def fee(amount: int) -> int:\n    return 2\n"
AFTER = "def fee(amount: int) -> int:\n    if amount > 100:\n        return 1\n    return 2\n"
OLD_TESTS = "from fees import fee\n\n\ndef test_old():\n    assert fee(5) == 2\n"
NEW_TESTS = f"""{OLD_TESTS}

def test_large():
    assert fee(200) == 1


def test_nothing():
    fee
"""
ARGUMENTS = ("--base", "HEAD", "--provider", "offline", "--runs", "1")


def a_change(folder: Path, *, source: str = AFTER, tests: str = NEW_TESTS) -> Path:
    project = GitRepository.create(folder / "project")
    project.commit({"fees.py": BEFORE, "tests/test_fees.py": OLD_TESTS})
    project.write({"fees.py": source, "tests/test_fees.py": tests})
    return project.folder


def verdicts(report: dict[str, Any]) -> dict[str, str | None]:
    return {one["test"].partition("::")[2]: one["verdict"] for one in report["audit"]["tests"]}


@pytest.mark.slow
def test_suggest__judges_the_tests_of_the_change_and_names_what_no_test_notices(
    command_line: CommandLine, tmp_path: Path
) -> None:
    ran = command_line.suggest(a_change(tmp_path), *ARGUMENTS)
    assert ran.code == 0, ran.stderr
    assert verdicts(ran.report) == {"test_large": "fails-without-change", "test_nothing": "cannot-fail"}
    survived = ran.report["audit"]["changed_lines_survived"]
    assert {(one["path"], one["line"]) for one in survived} == {("fees.py", 2)}
    assert "`>` to `>=` on line 2" in {one["mutant"] for one in survived}
    assert all(one["reached"] for one in survived)
    assert ran.report["audit"]["changed_lines_mutants"] > len(survived)


@pytest.mark.slow
def test_suggest__what_failed_with_the_whole_suite_is_run_so_once_more(
    command_line: CommandLine, tmp_path: Path
) -> None:
    by_seed = 'def test_by_seed():\n    assert fee(200) == 1\n    assert next(iter({"b", "e"})) == "b"\n'
    ran = command_line.suggest(a_change(tmp_path, tests=f"{OLD_TESTS}\n\n{by_seed}"), *ARGUMENTS)
    (found,) = ran.report["audit"]["tests"]
    assert (found["verdict"], found["passes"], found["runs"]) == ("flaky", 1, 2)
    assert found["reason"] == "failed in 1 of 2 runs, with hash seed 0"


@pytest.mark.slow
def test_suggest__without_tests_of_the_change_the_known_mutants_are_reported(
    command_line: CommandLine, tmp_path: Path
) -> None:
    ran = command_line.suggest(a_change(tmp_path, tests=OLD_TESTS), *ARGUMENTS)
    audit = ran.report["audit"]
    assert audit["tests"] == []
    assert audit["changed_lines_mutants"] >= len(audit["changed_lines_survived"]) > 0
    survived = {one["mutant"]: one for one in audit["changed_lines_survived"]}
    unreached = survived["`1` to `2` on line 3"]
    assert (unreached["path"], unreached["reached"], unreached["proposed"]) == ("fees.py", False, True)
    (suggestion,) = ran.report["suggestions"]
    assert all(survived[one]["proposed"] for one in suggestion["evidence"]["killed"] if one in survived)
    assert "auditing" not in ran.stderr


@pytest.mark.slow
def test_suggest__judges_the_tests_of_a_change_of_nothing_but_tests(
    command_line: CommandLine, tmp_path: Path
) -> None:
    text = f"{OLD_TESTS}\n\ndef test_small():\n    assert fee(1) == 2\n"
    ran = command_line.suggest(a_change(tmp_path, source=BEFORE, tests=text), *ARGUMENTS)
    assert ran.code == 0, ran.stderr
    assert ran.report["members"] == []
    assert verdicts(ran.report) == {"test_small": "guards-other-behavior"}
    assert ran.report["audit"]["changed_lines_survived"] is None


OVER_A_HELPER = "from shop._rules import _bound\n\n\ndef fee(amount):\n    return _bound(amount)\n"


def a_change_of_a_helper(folder: Path, more_tests: str) -> Path:
    project = GitRepository.create(folder / "project")
    tests = f"{OLD_TESTS.replace('from fees', 'from shop.fees')}\n\n{more_tests}"
    files = {"shop/__init__.py": "", "shop/fees.py": OVER_A_HELPER, "tests/test_fees.py": tests}
    project.commit({**files, "shop/_rules.py": BEFORE.replace("fee", "_bound")})
    added = "\n\ndef test_large():\n    assert fee(200) == 1\n"
    project.write({"shop/_rules.py": AFTER.replace("fee", "_bound"), "tests/test_fees.py": f"{tests}{added}"})
    return project.folder


@pytest.mark.slow
def test_suggest__mutants_of_a_private_function_in_another_file_are_tried(
    command_line: CommandLine, tmp_path: Path
) -> None:
    ran = command_line.suggest(a_change_of_a_helper(tmp_path, ""), *ARGUMENTS)
    assert [one["id"] for one in ran.report["members"]] == ["shop/fees.py::fee"]
    audit = ran.report["audit"]
    survived = {(one["path"], one["line"], one["mutant"]) for one in audit["changed_lines_survived"]}
    assert ("shop/_rules.py", 2, "`>` to `>=` on line 2") in survived
    assert audit["changed_lines_mutants"] > len(survived)


@pytest.mark.slow
def test_suggest__what_a_failing_test_may_kill_is_not_said_to_survive(
    command_line: CommandLine, tmp_path: Path
) -> None:
    """The test names the public function, and may reach the private one."""
    failing = "def test_bound():\n    assert (fee(100), fee(101), open('/none')) == (2, 1, None)\n"
    ran = command_line.suggest(a_change_of_a_helper(tmp_path, failing), *ARGUMENTS)
    assert verdicts(ran.report) == {"test_large": "fails-without-change"}
    assert ran.report["audit"]["changed_lines_survived"] is None
