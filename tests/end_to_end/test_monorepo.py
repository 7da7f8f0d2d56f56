"""A repository with several projects, each in a folder of its own."""

from __future__ import annotations

import pytest

from fakes.attack_site import everybodys_folder
from fakes.command_line import CommandLine
from fakes.git_repository import GitRepository

PROJECT = "[project]\nname = '{0}'\nversion = '1'\n"
BEFORE = "def price(count: int) -> int:\n    return 2 * count\n"
AFTER = "def price(count: int) -> int:\n    return 2 * count if count < 10 else 15\n"
OWN_TEST = "from {0}.prices import price\n\n\ndef test_price():\n    assert price(2) == 4\n"
FAILS = "\n\ndef test_network():\n    raise OSError\n"


@pytest.mark.slow
def test_suggest__runs_each_changed_project_by_itself(command_line: CommandLine) -> None:
    with everybodys_folder() as folder:
        made = GitRepository.create(folder)
        made.commit(
            {
                "packages/tea/pyproject.toml": PROJECT.format("tea"),
                "packages/tea/src/tea/__init__.py": "",
                "packages/tea/src/tea/prices.py": BEFORE,
                "packages/tea/tests/test_prices.py": OWN_TEST.format("tea"),
                "packages/cake/pyproject.toml": PROJECT.format("cake"),
                "packages/cake/cake/__init__.py": "",
                "packages/cake/cake/prices.py": BEFORE,
                "packages/cake/tests/test_prices.py": OWN_TEST.format("cake") + FAILS,
            }
        )
        made.git("checkout", "-q", "-b", "change")
        made.commit({"packages/tea/src/tea/prices.py": AFTER, "packages/cake/cake/prices.py": AFTER})
        ran = command_line.suggest(folder, "--base", "main", "--provider", "offline", "--runs", "1")
    assert ran.code == 0, ran
    report = ran.report
    assert report["skipped"] == []
    assert {one["member"]: one["test_path"] for one in report["suggestions"]} == {
        "packages/tea/src/tea/prices.py::price": "packages/tea/tests/test_prices.py",
        "packages/cake/cake/prices.py::price": "packages/cake/tests/test_prices.py",
    }
    failing = "1 of 2 project tests fails in the sandbox, but none of them tests these functions"
    assert report["notes"] == [f"packages/cake: {failing}"]
