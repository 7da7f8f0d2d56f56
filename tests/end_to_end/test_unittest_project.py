"""A project that tests with unittest alone: it has no pytest, and needs none afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from end_to_end.test_example import SCHEMA

from fakes.command_line import CommandLine
from fakes.git_repository import GitRepository

FEES = """\
def fee(grams: int) -> int:
    if grams < 0:
        raise ValueError("grams must not be negative")
    if grams > 500:
        return 7
    return 3


def label(name: str, width: int) -> str:
    return name.upper().ljust(width, ".") if width > 3 else name
"""
TESTS = """\
import unittest

from fees import fee


class TestFee(unittest.TestCase):
    def test_light(self):
        self.assertEqual(fee(0), 3)


if __name__ == "__main__":
    unittest.main()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    repository = GitRepository.create(tmp_path / "fees")
    repository.commit({"README.md": "Run `python -m unittest`.\n"})
    repository.commit({"fees.py": FEES, "tests/__init__.py": "", "tests/test_fees.py": TESTS})
    return repository.folder


def run_unittest(project: Path) -> str:
    command = (sys.executable, "-S", "-m", "unittest", "-v")  # without what is installed beside this program
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_suggest__writes_methods_of_test_cases_that_unittest_runs(
    command_line: CommandLine, project: Path
) -> None:
    ran = command_line.suggest(project, "--base", "HEAD~1", "--provider", "offline", "--runs", "1", "--write")

    assert ran.code == 0, ran.stderr
    jsonschema.validate(ran.report, SCHEMA)
    suggestions = ran.report["suggestions"]
    assert {one["member"] for one in suggestions} == {"fees.py::fee", "fees.py::label"}
    for one in suggestions:
        assert one["framework"] == "unittest"
        assert one["run"] == "python -m unittest tests/test_fees.py"
        assert all(name.startswith("Test") and "::" in name for name in one["tests"])
        assert one["evidence"]["passes"] == 1
        assert one["evidence"]["mutants_killed"] > 0
    text = (project / "tests/test_fees.py").read_text(encoding="utf-8")
    assert "pytest" not in text
    told = run_unittest(project)
    count = 1 + sum(len(one["tests"]) for one in suggestions)
    assert f"Ran {count} tests" in told
    assert "test_light (tests.test_fees.TestFee.test_light)" in told


def test_suggest__methods_in_a_project_of_pytest_are_run_by_pytest(
    command_line: CommandLine, project: Path
) -> None:
    (project / "tests/conftest.py").write_text("import pytest\n")
    ran = command_line.suggest(project, "--base", "HEAD~1", "--provider", "offline", "--no-verify")
    found = {(one["framework"], one["run"]) for one in ran.report["suggestions"]}
    assert found == {("unittest", "pytest tests/test_fees.py")}
