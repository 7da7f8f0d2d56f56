"""`action.yml`, the code, the documentation and the example workflows agree."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from testsmith.action.inputs import INPUTS, variable_of
from testsmith.action.run import outputs_of
from testsmith.settings import (
    BudgetSettings,
    ModelSettings,
    ReviewSettings,
    SandboxChoice,
    SelectionSettings,
    SweepSettings,
)

ROOT = Path(__file__).parents[2]
CALLING = ROOT / "examples" / "workflows" / "sweep-on-several-machines.yml"
WORKFLOWS = sorted(set((ROOT / "examples" / "workflows").glob("*.yml")) - {CALLING})


def read_yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path)


@pytest.fixture(name="action", scope="module")
def _action() -> Any:
    return read_yaml(ROOT / "action.yml")


def table(heading: str) -> dict[str, list[str]]:
    """Return the rows of the table below a heading of `docs/inputs.md`, by their first cell."""
    text = (ROOT / "docs" / "inputs.md").read_text()
    section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [
        re.split(r"\s*\|\s*", line.strip("| ")) for line in section.splitlines() if line.startswith("| `")
    ]
    return {row[0].strip("`"): row[1:] for row in rows}


def test_inputs__are_the_same_everywhere(action: Any) -> None:
    assert tuple(action["inputs"]) == INPUTS
    assert tuple(table("Inputs")) == INPUTS
    assert action["runs"]["env"] == {variable_of(name): f"${{{{ inputs.{name} }}}}" for name in INPUTS}


def test_outputs__are_the_same_everywhere(action: Any) -> None:
    assert tuple(action["outputs"]) == tuple(table("Outputs")) == tuple(outputs_of(None))


def test_defaults__are_those_of_the_code(action: Any) -> None:
    review = ReviewSettings()
    sweep = SweepSettings()
    expected = {
        "token": "${{ github.token }}",
        "provider": "auto",
        "max-comments": str(review.max_comments),
        "sandbox": SandboxChoice.STRICT.value,
        "skip-label": review.skip_label,
        "fail-on-error": str(review.fail_on_error).lower(),
        "commands": str(review.commands).lower(),
        "explain-for": review.explain_for.value,
        "install-forks": str(review.installs_forks).lower(),
        "dry-run": str(sweep.dry_run).lower(),
        "sweep-step": sweep.step.value,
        "shards": str(sweep.shards),
    }
    declared = {name: one["default"] for name, one in action["inputs"].items() if "default" in one}

    assert declared == expected


def test_defaults__documentation_tells_those_of_the_code(action: Any) -> None:
    documented = {name: cells[0].strip("`") for name, cells in table("Inputs").items()}
    for name, one in action["inputs"].items():
        if name != "token" and "default" in one:
            assert (name, documented[name]) == (name, one["default"])
    numbers = {
        "max-members": SelectionSettings().max_members,
        "max-minutes": BudgetSettings().max_minutes,
        "max-calls": BudgetSettings().max_calls,
        "max-tokens": BudgetSettings().max_tokens,
        "max-cost": BudgetSettings().max_cost,
        "max-concurrent-calls": ModelSettings().max_concurrent_calls,
        "max-retry-attempts": ModelSettings().max_retry_attempts,
    }
    for name, number in numbers.items():
        assert (name, documented[name]) == (name, f"{number:g}")
        assert f"{number:g} unless set" in action["inputs"][name]["description"]


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
    assert all(re.search(r"@[0-9a-f]{40}$", one["uses"]) for one in job["steps"])
    assert set(step["with"]) <= set(action["inputs"])


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
    assert job["steps"][-1]["with"]["commands"] == "true"
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


def test_sweep_action__is_the_same_with_fewer_inputs(action: Any) -> None:
    sweep = read_yaml(ROOT / "sweep" / "action.yml")
    assert set(sweep["inputs"]) < set(action["inputs"])
    for name, one in sweep["inputs"].items():
        assert (name, one.get("default")) == (name, action["inputs"][name].get("default"))
    assert sweep["outputs"] == action["outputs"]
    assert sweep["runs"]["image"] == "../Dockerfile"
    assert sweep["runs"]["env"] == {
        variable_of(name): f"${{{{ inputs.{name} }}}}" for name in sweep["inputs"]
    }


def test_reusable_workflow__hands_on_what_the_action_takes_and_no_job_has_more_than_it_needs() -> None:
    sweep, called = read_yaml(ROOT / "sweep" / "action.yml"), read_yaml(ROOT / ".github/workflows/sweep.yml")
    jobs, asked = called["jobs"], called["on"]["workflow_call"]
    assert called["permissions"] == {}
    steps = {name: [one for one in job["steps"] if one["uses"] == "$/sweep"] for name, job in jobs.items()}
    for (step,) in steps.values():
        assert set(step["with"]) <= set(sweep["inputs"])
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
