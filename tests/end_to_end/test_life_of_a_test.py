"""A test from its making through the changes of its member: as a person runs the program, time and again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fakes.command_line import CommandLine
from fakes.git_repository import GitRepository

pytestmark = pytest.mark.slow

MINE = "\n\ndef test_mine() -> None:\n    assert True\n"


def till(price: int) -> str:
    return (
        f'"""The till."""\n\n\ndef price(cups: int) -> int:\n    """Tell a price."""\n'
        f"    if cups > 9:\n        return cups * {price} - 5\n    return cups * {price}\n"
    )


def test_life__written_then_renewed_in_place(command_line: CommandLine, tmp_path: Path) -> None:
    project = GitRepository.create(tmp_path / "project")
    first = project.commit({"till/__init__.py": "", "till/till.py": "", "tests/__init__.py": ""})
    second = project.commit({"till/till.py": till(3)})

    def written(base: str) -> str:
        ran = command_line.suggest(project.folder, "--base", base, "--provider", "offline", "--write")
        assert ran.code == 0, ran.stderr
        return "\n".join(path.read_text() for path in project.folder.glob("tests/**/test_*.py"))

    made = written(first)
    assert "# testsmith " in made
    (path,) = project.folder.glob("tests/**/test_*.py")
    path.write_text(made + MINE)
    project.commit({})
    project.commit({"till/till.py": till(4)})
    renewed = written(second)
    assert renewed.endswith(MINE)
    assert renewed.count("def test_") == renewed.count("# testsmith ") + 1
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "tests")
    done = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
