"""A test from its making through the changes of its member: as a person runs the program, time and again."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from fakes.command_line import CommandLine
from fakes.git_repository import GitRepository

pytestmark = pytest.mark.slow

LEAN = ("--runs", "1", "--max-mutants", "3")
MINE = "\n\ndef test_mine() -> None:\n    assert True\n"


def till(price: int) -> str:
    return (
        f'"""The till."""\n\n\ndef price(cups: int) -> int:\n    """Tell a price."""\n'
        f"    if cups > 9:\n        return cups * {price} - 5\n    return cups * {price}\n"
    )


def counting(name: str, rule: str) -> str:
    return f'"""A place."""\n\n\ndef {name}(n: int) -> int:\n    """Count."""\n    return n * {rule}\n'


SHED, HUT, BARN = counting("tools", "2 + 1"), counting("beds", "3 + 2"), counting("cows", "4 + 3")


def test_life__moved_renamed_edited_and_gone(command_line: CommandLine, tmp_path: Path) -> None:
    """One pull request moves, renames and changes members whose tests are there, and one of them goes."""
    project = GitRepository.create(tmp_path / "project")
    files = {"till/till.py": till(3), "till/shed.py": SHED, "till/hut.py": HUT, "till/barn.py": BARN}
    first = project.commit({"till/__init__.py": "", "tests/__init__.py": "", **dict.fromkeys(files, "")})
    second = project.commit(dict(files))
    suggest = partial(command_line.suggest, project.folder, "--provider", "offline", *LEAN)
    assert suggest("--base", first, "--write").code == 0
    tests = {path.stem: path for path in project.folder.glob("tests/**/test_*.py")}
    assert all("# testsmith " in path.read_text() for path in tests.values())
    by_hand = tests["test_hut"].read_text().replace("==", "==  1 *", 1)
    tests["test_hut"].write_text(by_hand)
    tests["test_till"].write_text(tests["test_till"].read_text() + MINE)
    project.commit({})
    project.commit(
        {
            "till/till.py": till(4),
            "till/shed.py": None,
            "till/store.py": SHED,
            "till/hut.py": HUT.replace("n * 3", "n * 5"),
            "till/barn.py": None,
        }
    )
    ran = suggest("--base", second, "--write", "--format", "json")
    told = {one["member"]: one for one in json.loads(ran.stdout)["earlier"]}
    assert {member: (one["fate"], one["edited"], one["fails"]) for member, one in told.items()} == {
        "till/barn.py::cows": ("remove", False, True),
        "till/hut.py::beds": ("mend", True, True),
    }
    assert tests["test_hut"].read_text().startswith(by_hand.rstrip()), "left alone, the new ones beside it"
    assert tests["test_shed"].read_text().count("def test_") == 1
    renewed = tests["test_till"].read_text()
    assert renewed.endswith(MINE)
    assert renewed.count("def test_") == renewed.count("# testsmith ") + 1 == 2
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", tests["test_till"])
    done = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
