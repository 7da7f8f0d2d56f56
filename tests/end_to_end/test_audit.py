"""What a run says about the tests that a change itself adds or edits."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.command_line import CommandLine
from fakes.endpoint import Endpoint
from fakes.git_repository import GitRepository

BEFORE = "def fee(amount: int) -> int:\n    return 2\n"
AFTER = "def fee(amount: int) -> int:\n    if amount > 100:\n        return 1\n    return 2\n"
OVER_A_HELPER = "from shop._fees import _fee\n\n\ndef fee(amount):\n    return _fee(amount)\n"
OLD_TESTS = "from fees import fee\n\n\ndef test_old():\n    assert fee(5) == 2\n"
LARGE = "\n\ndef test_large():\n    assert fee(200) == 1\n"
NOTHING = "\n\ndef test_nothing():\n    fee\n"
BY_SEED = 'def test_by_seed():\n    assert next(iter({"b", "e"})) == "b"\n'
FAILING = "\n\ndef test_bound():\n    assert (fee(100), fee(101), open('/none')) == (2, 1, None)\n"
"""It names the public function, and may reach the private one."""


def over_a_helper(name: str, helper: str, tests: str) -> dict[str, str]:
    """Return the files of a function in a package, which calls a private one in another file."""
    texts = {
        f"shop/{name}s.py": OVER_A_HELPER,
        f"shop/_{name}s.py": helper.replace("fee", "_fee"),
        f"tests/test_{name}s.py": tests.replace("from fees", "from shop.fees"),
    }
    return {path: text.replace("fee", name) for path, text in texts.items()}


@pytest.mark.slow
def test_suggest__judges_the_tests_of_the_change_and_names_what_no_test_notices(
    command_line: CommandLine, tmp_path: Path
) -> None:
    project = GitRepository.create(tmp_path / "project")
    project.commit({"fees.py": BEFORE, "tests/test_fees.py": OLD_TESTS, "shop/__init__.py": ""})
    project.commit({**over_a_helper("due", BEFORE, OLD_TESTS)})
    project.commit({**over_a_helper("toll", BEFORE, OLD_TESTS + FAILING)})
    project.write({"fees.py": AFTER, "tests/test_fees.py": OLD_TESTS + LARGE + NOTHING})
    project.write({**over_a_helper("due", AFTER, OLD_TESTS + LARGE)})
    project.write({**over_a_helper("toll", AFTER, OLD_TESTS + FAILING + LARGE)})
    project.write({"tests/test_seeds.py": BY_SEED})
    with Endpoint(answer=lambda _: '{"tests": []}') as endpoint:  # nothing new has to be proven
        model = ("--base-url", endpoint.url, "--model", "small")
        lean = ("--repairs", "0", "--runs", "1")
        ran = command_line.suggest(project.folder, "--base", "HEAD", *model, *lean, key="sk-test")
    assert ran.code == 0, ran.stderr
    names = {one["id"] for one in ran.report["members"]}
    assert names == {"fees.py::fee", "shop/dues.py::due", "shop/tolls.py::toll"}
    tests = {one["test"]: one for one in ran.report["audit"]["tests"]}
    assert {name.removeprefix("tests/test_"): one["verdict"] for name, one in tests.items()} == {
        "fees.py::test_large": "fails-without-change",
        "fees.py::test_nothing": "cannot-fail",
        "dues.py::test_large": "fails-without-change",
        "tolls.py::test_large": "fails-without-change",
        "seeds.py::test_by_seed": "flaky",  # it failed with the whole suite, and was run so once more
    }
    seeded = tests["tests/test_seeds.py::test_by_seed"]
    assert (seeded["passes"], seeded["runs"]) == (1, 2)
    assert seeded["reason"] == "failed in 1 of 2 runs, with hash seed 0"
    survived = ran.report["audit"]["changed_lines_survived"]
    at_bound = "`>` to `>=` on line 2"
    found = {(one["path"], one["line"]) for one in survived}
    assert found == {("fees.py", 2), ("shop/_dues.py", 2)}, (
        "a failing test may kill those of `shop/_tolls.py`"
    )
    assert {one["path"] for one in survived if one["mutant"] == at_bound} == {"fees.py", "shop/_dues.py"}
    assert all(one["reached"] for one in survived)
    assert ran.report["audit"]["changed_lines_mutants"] > len(survived)


@pytest.mark.slow
def test_suggest__judges_the_tests_of_a_change_of_nothing_but_tests(
    command_line: CommandLine, tmp_path: Path
) -> None:
    project = GitRepository.create(tmp_path / "project")
    project.commit({"fees.py": BEFORE, "tests/test_fees.py": OLD_TESTS})
    project.write({"tests/test_fees.py": f"{OLD_TESTS}\n\ndef test_small():\n    assert fee(1) == 2\n"})
    ran = command_line.suggest(project.folder, "--base", "HEAD", "--provider", "offline", "--runs", "1")
    assert ran.code == 0, ran.stderr
    assert ran.report["members"] == []
    (test,) = ran.report["audit"]["tests"]
    assert (test["test"], test["verdict"]) == ("tests/test_fees.py::test_small", "guards-other-behavior")
    assert ran.report["audit"]["changed_lines_survived"] is None
