"""An unexpected exception costs the one member whose work raises it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import jsonschema
import pytest
from end_to_end.test_example import SCHEMA

from fakes.command_line import CommandLine, Ran
from fakes.endpoint import Endpoint
from fakes.fault_injection import GUILTY, STAGES
from fakes.git_repository import GitRepository

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
OF_MODEL = ("prompt", "parsing")
INNOCENT = {"src/text.py::shortened", "src/text.py::doubled"}
TEXT = """\
def shortened(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    return text[:most] + "..."


def doubled(text: str, times: int) -> str:
    return text * times if times > 2 else text * 2
"""
GUILTY_ONE = """

def {name}(text: str) -> str:
    return text.upper() if len(text) > 3 else text
"""
TESTS = """\
import text


def test_text():
    assert (text.shortened("abc", 3), text.doubled("a", 2)) == ("abc", "aa")


def test_guilty():
    assert [guilty("") for name, guilty in vars(text).items() if name.startswith("guilty")]
"""


def project(folder: Path, stages: Iterable[str]) -> Path:
    """A project whose change adds two functions, and one for each stage that raises for it."""
    guilty = "".join(GUILTY_ONE.format(name=GUILTY[stage]) for stage in stages)
    repository = GitRepository.create(folder / "text")
    repository.commit({"pyproject.toml": "[tool.pytest.ini_options]\n"})
    repository.commit({"src/text.py": TEXT + guilty, "tests/test_text.py": TESTS})
    return repository.folder


def run(command_line: CommandLine, project: Path, *arguments: str) -> Ran:
    environment = {**command_line.environment(), "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    command = (sys.executable, "-m", "fakes.fault_injection", "suggest", "--repo", str(project))
    done = subprocess.run(
        (*command, "--base", "HEAD~1", "--format", "json", *arguments),
        capture_output=True,
        text=True,
        env=environment,
        cwd=command_line.home,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def check_others_are_complete(ran: Ran, stages: Iterable[str]) -> None:
    assert ran.code == 0, ran.stderr
    report = ran.report
    jsonschema.validate(report, SCHEMA)
    assert {one["stage"] for one in report["skipped"]} == {"internal"}
    reasons = {one["member"]: one["reason"] for one in report["skipped"]}
    assert len(reasons) == len(report["skipped"])
    assert reasons.keys() == {f"src/text.py::{GUILTY[stage]}" for stage in stages}
    for stage in stages:
        reason = reasons[f"src/text.py::{GUILTY[stage]}"]
        assert reason.startswith(f"internal error: Injected({STAGES[stage]!r}")
        assert "\n" not in reason
    assert {one["member"] for one in report["suggestions"]} == INNOCENT
    assert "Traceback" in ran.stderr
    assert "Injected" in ran.stderr


def test_suggest__a_fault_of_one_member_costs_that_member(command_line: CommandLine, tmp_path: Path) -> None:
    stages = [stage for stage in STAGES if stage not in OF_MODEL]
    ran = run(
        command_line,
        project(tmp_path, stages),
        "--provider",
        "offline",
        "--runs",
        "1",
        "--max-mutants",
        "2",
        "--verbose",
    )
    check_others_are_complete(ran, stages)
    for one in ran.report["suggestions"]:
        assert one["evidence"]["passes"] == 1
        assert one["evidence"]["mutants_killed"] > 0


def test_suggest__a_fault_of_one_answer_costs_that_member(command_line: CommandLine, tmp_path: Path) -> None:
    with Endpoint() as endpoint:
        asked = ("--base-url", endpoint.url, "--model", "small", "--no-verify", "--verbose")
        check_others_are_complete(run(command_line, project(tmp_path, OF_MODEL), *asked), OF_MODEL)


def test_suggest__nothing_but_faults_is_a_failure(command_line: CommandLine, tmp_path: Path) -> None:
    only = ("--only", f"src/text.py::{GUILTY['planning trials']}")
    ran = run(command_line, project(tmp_path, ["planning trials"]), "--provider", "offline", *only)
    assert ran.code == 1
    assert [one["stage"] for one in ran.report["skipped"]] == ["internal"]
    assert "Traceback" not in ran.stderr
    assert "--verbose" in ran.report["failure"]


def test_suggest__one_test_of_a_private_change_is_shown_and_replaces_one_that_a_fault_costs(
    command_line: CommandLine, tmp_path: Path
) -> None:
    text = (
        "def _fee(days):\n    return 2 * days\n\n\n"
        "def {0}(days):\n    return _fee(days)\n\n\n"
        "def weekly_rent(weeks):\n    return _fee(7 * weeks)\n"
    )
    texts = {"rent.py": text.format("total_fee"), "hire.py": text.format(GUILTY["placing"])}
    project = GitRepository.create(tmp_path / "project")
    project.commit({**texts})
    project.commit({path: text.replace("2 * days", "3 * days") for path, text in texts.items()})

    report = run(command_line, project.folder, "--provider", "offline", "--runs", "1").report

    assert [one["member"] for one in report["suggestions"]] == ["hire.py::weekly_rent", "rent.py::total_fee"]
    skipped = {one["member"]: (one["stage"], one["reason"]) for one in report["skipped"]}
    assert skipped["rent.py::weekly_rent"] == ("gate", "the same change is shown through `total_fee`")
    assert skipped[f"hire.py::{GUILTY['placing']}"][0] == "internal"
    assert len(skipped) == 2
