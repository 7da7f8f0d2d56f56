"""`action.yml`, the code, the documentation and the example workflows agree."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from testsmith import ACTION
from testsmith.action.run import outputs_of
from testsmith.options import options_of
from testsmith.settings import ACTION_OPTIONS, OPTIONS, SweepSettings

ROOT = Path(__file__).parents[2]
CALLING = ROOT / "examples" / "workflows" / "sweep-on-several-machines.yml"
WORKFLOWS = sorted(set((ROOT / "examples" / "workflows").glob("*.yml")) - {CALLING})


def read_yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path)


@pytest.fixture(name="action", scope="module")
def _action() -> Any:
    return read_yaml(ROOT / "action.yml")


def test_generated_files__are_up_to_date() -> None:
    command = (sys.executable, str(ROOT / "docs" / "reference.py"), "--check")
    checked = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_inputs__are_few_and_reach_the_code(action: Any) -> None:
    assert len(action["inputs"]) <= 15
    variables = {one.name: one.variable for one in ACTION_OPTIONS}
    assert action["runs"]["env"] == {
        variables[name]: f"${{{{ inputs.{name} }}}}" for name in action["inputs"]
    }


def test_inputs__have_a_default_only_if_no_file_may_set_them(action: Any) -> None:
    in_file = {one.name for one in OPTIONS}
    declared = {name: one["default"] for name, one in action["inputs"].items() if "default" in one}
    assert not in_file & set(declared)
    assert declared == {
        "token": "${{ github.token }}",
        "provider": "auto",
        "sandbox": "strict",
        "fail-on-error": "false",
        "install-forks": "false",
    }


def test_outputs__are_those_of_the_code(action: Any) -> None:
    assert tuple(action["outputs"]) == tuple(outputs_of(None))


def test_schema__takes_what_the_file_may_hold_and_nothing_else() -> None:
    schema = json.loads((ROOT / "docs" / "testsmith.schema.json").read_text())
    assert set(schema["properties"]) == {one.name for one in OPTIONS}
    for one in OPTIONS:
        described = schema["properties"][one.name]
        if "default" in described:
            value = described["default"]
            assert one.checked(value, "here") == (tuple(value) if isinstance(value, list) else value)


def test_entry_point__is_isolated() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()

    assert 'ENTRYPOINT ["/opt/testsmith/bin/python", "-I", "-m", "testsmith"]' in dockerfile
    assert not re.search(r"^USER ", dockerfile, re.MULTILINE)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows__ask_for_no_more_than_is_needed(action: Any, path: Path) -> None:
    workflow = read_yaml(path)
    (job,) = workflow["jobs"].values()
    checkout, step = job["steps"][0], job["steps"][-1]

    assert workflow["permissions"] == {}
    assert checkout["with"]["persist-credentials"] is False
    assert all(re.search(r"@[0-9a-f]{40}$", one["uses"]) for one in job["steps"] if one is not step)
    assert step["uses"].replace("/sweep@", "@") == ACTION
    used = read_yaml(ROOT / "sweep" / "action.yml") if "/sweep@" in step["uses"] else action
    assert set(step["with"]) <= set(used["inputs"])


@pytest.mark.parametrize("path", [*WORKFLOWS, *(ROOT / ".github" / "workflows").glob("*.yml")], ids=str)
def test_workflows__each_rule_of_a_linter_that_is_left_out_is_explained(path: Path) -> None:
    ignored = re.findall(r"zizmor: ignore\[[\w-]+\](.*)", path.read_text())
    assert all(len(reason.split()) > 3 for reason in ignored), ignored


def test_workflows__commands_are_taken_from_new_comments_one_after_the_other() -> None:
    workflow = read_yaml(ROOT / "examples" / "workflows" / "commands.yml")
    (job,) = workflow["jobs"].values()

    assert workflow["on"] == {
        "issue_comment": {"types": ["created"]},
        "pull_request_review_comment": {"types": ["created"]},
    }
    assert job["permissions"] == {"contents": "write", "pull-requests": "write"}
    assert job["concurrency"]["queue"] == "max"
    assert "cancel-in-progress" not in job["concurrency"]
    assert "ref" not in job["steps"][0]["with"], "nobody's code is checked out"


@pytest.mark.parametrize(("name", "contents"), [("testsmith", "read"), ("commit", "write")])
def test_workflows__reviewing_pull_requests(name: str, contents: str) -> None:
    workflow = read_yaml(ROOT / "examples" / "workflows" / f"{name}.yml")
    (job,) = workflow["jobs"].values()

    assert workflow["on"]["pull_request"]["types"] == [
        "opened",
        "synchronize",
        "reopened",
        "ready_for_review",
    ]
    assert job["permissions"] == {"contents": contents, "pull-requests": "write"}
    assert job["concurrency"]["cancel-in-progress"] == "${{ github.event.sender.type != 'Bot' }}"
    assert "github.event.pull_request.number" in job["concurrency"]["group"]


def test_sweep_action__is_the_same_but_for_its_inputs(action: Any) -> None:
    sweep = read_yaml(ROOT / "sweep" / "action.yml")
    assert set(sweep["inputs"]) - set(action["inputs"]) == {"paths", "dry-run"}
    assert set(action["inputs"]) - set(sweep["inputs"]) == {"mode", "install-forks"}
    for name in set(sweep["inputs"]) & set(action["inputs"]):
        assert sweep["inputs"][name] == action["inputs"][name]
    assert sweep["outputs"] == action["outputs"]
    assert sweep["runs"]["image"] == "../Dockerfile"


def test_reusable_workflow__hands_on_what_the_action_takes_and_no_job_has_more_than_it_needs() -> None:
    sweep, called = read_yaml(ROOT / "sweep" / "action.yml"), read_yaml(ROOT / ".github/workflows/sweep.yml")
    jobs, asked = called["jobs"], called["on"]["workflow_call"]
    assert called["permissions"] == {}
    steps = {name: [one for one in job["steps"] if one["uses"] == "$/sweep"] for name, job in jobs.items()}
    for (step,) in steps.values():
        assert set(step["with"]) <= set(sweep["inputs"])
        assert set(step["env"]) <= {one.variable for one in options_of(SweepSettings)}
    assert "api-key" in steps["shard"][0]["with"]
    assert not {"api-key", "token"} & set(steps["plan"][0]["with"])
    assert "token" not in steps["shard"][0]["with"]
    assert "write" not in {*jobs["plan"]["permissions"].values(), *jobs["shard"]["permissions"].values()}
    assert jobs["collect"]["permissions"] == {"contents": "write", "pull-requests": "write"}
    assert jobs["shard"]["strategy"]["fail-fast"] is False
    calling = read_yaml(CALLING)
    (job,) = calling["jobs"].values()
    assert set(job["with"]) <= set(asked["inputs"])
    assert set(job["secrets"]) <= set(asked["secrets"])
    assert job["permissions"] == jobs["collect"]["permissions"]
