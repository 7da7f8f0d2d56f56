"""An unexpected exception costs the one member whose work raises it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from end_to_end.test_suggest import SCHEMA

from fakes.command_line import CommandLine, Ran
from fakes.endpoint import Endpoint
from fakes.fault_injection import GUILTY, STAGES
from fakes.git_repository import GitRepository

ROOT = Path(__file__).parents[2]
OF_MODEL = ("prompt", "parsing")
TEXT = """\
def shortened(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    return text[:most] + "..."


def guilty(text: str) -> str:
    return text.upper() if len(text) > 3 else text


def doubled(text: str, times: int) -> str:
    return text * times if times > 2 else text * 2
"""
TESTS = """\
from text import doubled, guilty, shortened


def test_text():
    assert (shortened("abc", 3), guilty(""), doubled("a", 2)) == ("abc", "", "aa")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    repository = GitRepository.create(tmp_path / "text")
    repository.commit({"pyproject.toml": "[tool.pytest.ini_options]\n"})
    repository.commit({"src/text.py": TEXT, "tests/test_text.py": TESTS})
    return repository.folder


def run(command_line: CommandLine, stage: str, project: Path, *arguments: str) -> Ran:
    environment = {**command_line.environment(), "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    command = (sys.executable, "-m", "fakes.fault_injection", stage, "suggest", "--repo", str(project))
    done = subprocess.run(
        (*command, "--base", "HEAD~1", "--format", "json", *arguments),
        capture_output=True,
        text=True,
        env=environment,
        cwd=command_line.home,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def check_others_are_complete(ran: Ran) -> None:
    assert ran.code == 0, ran.stderr
    report = ran.report
    jsonschema.validate(report, SCHEMA)
    [lost] = report["skipped"]
    assert (lost["member"], lost["stage"]) == (f"src/text.py::{GUILTY}", "internal")
    assert lost["reason"].startswith("internal error: Injected(")
    assert "\n" not in lost["reason"]
    assert {one["member"] for one in report["suggestions"]} == {
        "src/text.py::shortened",
        "src/text.py::doubled",
    }
    assert "Traceback" in ran.stderr
    assert "Injected" in ran.stderr


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage not in OF_MODEL])
def test_suggest__a_fault_of_one_member_costs_that_member(
    command_line: CommandLine, project: Path, stage: str
) -> None:
    ran = run(command_line, stage, project, "--provider", "offline", "--verbose")
    check_others_are_complete(ran)
    for one in ran.report["suggestions"]:
        assert one["evidence"]["passes"] == 5
        assert one["evidence"]["mutants_killed"] > 0


@pytest.mark.parametrize("stage", OF_MODEL)
def test_suggest__a_fault_of_one_answer_costs_that_member(
    command_line: CommandLine, project: Path, stage: str
) -> None:
    with Endpoint() as endpoint:
        asked = ("--base-url", endpoint.url, "--model", "small", "--no-verify", "--verbose")
        check_others_are_complete(run(command_line, stage, project, *asked))


def test_suggest__nothing_but_faults_is_a_failure(command_line: CommandLine, project: Path) -> None:
    only = f"src/text.py::{GUILTY}"
    ran = run(command_line, "gate", project, "--provider", "offline", "--only", only)
    assert ran.code == 1
    assert [one["stage"] for one in ran.report["skipped"]] == ["internal"]
    assert "Traceback" not in ran.stderr
    assert "--verbose" in ran.report["failure"]
