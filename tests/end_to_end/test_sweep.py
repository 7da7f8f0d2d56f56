"""A sweep of a whole project, as a person starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

import testsmith
from fakes.command_line import CommandLine
from fakes.git_repository import GitRepository

SCHEMA = json.loads(
    (Path(testsmith.__file__).parent / "reporting" / "schema.json").read_text(encoding="utf-8")
)
SWEEP = ("sweep", "--provider", "offline", "--runs", "1", "--format", "json")

PRICES = '''\
def discounted(price: int, percent: int) -> int:
    """Return the price less some percent, never below zero."""
    if percent < 0:
        raise ValueError("percent must not be negative")
    return max(0, price - price * percent // 100)
'''


def passes_plainly(folder: Path) -> bool:
    """Tell whether plain pytest passes in a project that nobody has installed."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder.parent)}
    command = (str(Path(sys.executable).parent / "pytest"), "-q", "-p", "no:randomly")
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode == 0


@pytest.mark.slow
def test_sweep__says_what_the_new_tests_reach_and_notice(command_line: CommandLine, shop: Path) -> None:
    ran = command_line.run(*SWEEP, "--repo", str(shop), "--max-members", "1", seconds=600)

    assert ran.code == 0, ran.stderr
    jsonschema.validate(ran.report, SCHEMA)
    sweep = ran.report["sweep"]
    assert [one["member"] for one in ran.report["suggestions"]] == sweep["taken"]
    assert sweep["taken"] == [one["member"] for one in sweep["ranking"][:1]]
    before, after = sweep["before"], sweep["after"]
    assert after["coverage"]["lines_reached"] > before["coverage"]["lines_reached"]
    assert after["coverage"]["branches_reached"] > before["coverage"]["branches_reached"]
    assert after["coverage"]["lines"] == before["coverage"]["lines"] == sweep["coverage"]["lines"]
    assert after["mutation"]["mutants"] == before["mutation"]["mutants"]
    assert after["mutation"]["noticed"] > before["mutation"]["noticed"]


@pytest.mark.slow
def test_sweep__makes_the_test_tree_of_a_project_without_tests(
    command_line: CommandLine, tmp_path: Path
) -> None:
    project = GitRepository.create(tmp_path / "project")
    project.commit({"src/shop/__init__.py": "", "src/shop/prices.py": PRICES})

    ran = command_line.run(*SWEEP, "--repo", str(project.folder), "--write", seconds=600)

    assert ran.code == 0, ran.stderr
    assert set(ran.report["sweep"]["made"]) == {"conftest.py", "tests/shop/"}, ran.stderr
    assert "conftest.py is new: the project cannot be installed" in ran.stderr
    assert passes_plainly(project.folder)

    again = command_line.run(*SWEEP, "--repo", str(project.folder), seconds=600)
    assert again.report["sweep"]["taken"] == []
    assert again.report["sweep"]["made"] == {}


@pytest.mark.slow
def test_sweep__a_test_file_that_cannot_be_loaded_costs_no_new_test(
    command_line: CommandLine, tmp_path: Path
) -> None:
    lacking = (
        "import no_such_library\n\nfrom shop.prices import discounted\n\n\ndef test_nothing():\n    pass\n"
    )
    project = GitRepository.create(tmp_path / "project")
    project.commit(
        {
            "shop/__init__.py": "",
            "shop/prices.py": PRICES,
            "tests/test_prices.py": lacking,
            "tests/test_other.py": "def test_other():\n    pass\n",
        }
    )

    ran = command_line.run(*SWEEP, "--repo", str(project.folder), seconds=600)

    assert ran.code == 0, ran.stderr
    assert [one["test_path"] for one in ran.report["suggestions"]] == ["tests/test_discounted.py"]
    note = "tests/test_prices.py cannot be loaded (ModuleNotFoundError"
    assert any(one.startswith(note) for one in ran.report["notes"]), ran.report["notes"]


def test_sweep__a_dry_run_spends_nothing(command_line: CommandLine, shop: Path) -> None:
    ran = command_line.run("sweep", "--repo", str(shop), "--dry-run", "--provider", "openai", seconds=300)

    assert ran.code == 0, ran.stderr
    assert "A sweep would select 10 of 10 functions without full coverage; 1 is skipped." in ran.stdout
    assert "worth = uncovered x complexity x churn x dependents" in ran.stdout
    assert "gpt-6-luna would be called for 10 of 10 functions" in ran.stdout
