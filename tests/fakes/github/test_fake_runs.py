"""A step of a workflow as a subprocess: its environment, its workspace, what the runner reads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.github.actions_run import ActionsRun, Step
from fakes.github.checkouts import Checkout
from fakes.github.git_store import git_environment
from fakes.github.runner import BadFile
from fakes.github.scene import Scene

ACTION = """
name: TestSmith
inputs:
  token: {default: "${{ github.token }}"}
  max-members: {default: "40"}
  api-key: {}
runs:
  using: docker
  image: Dockerfile
  env:
    TESTSMITH_TOKEN: ${{ inputs.token }}
    TESTSMITH_MAX_MEMBERS: ${{ inputs.max-members }}
    TESTSMITH_API_KEY: ${{ inputs.api-key }}
"""


def run_of(at: Scene, folder: Path, step: Step | None = None) -> ActionsRun:
    return ActionsRun(at.github, at.events.pull_request(at.shop, at.pull), at.token, folder / "run", step)


def python(run: ActionsRun, code: str) -> str:
    done = run.run((sys.executable, "-c", code))
    assert not done.status, done.stderr
    return done.stdout


def git(run: ActionsRun, *arguments: str) -> str:
    done = subprocess.run(
        ("git", *arguments),
        cwd=run.workspace,
        check=True,
        capture_output=True,
        text=True,
        env=git_environment(),
    )
    return done.stdout.strip()


def test_environment__is_githubs(at: Scene, tmp_path: Path) -> None:
    run = run_of(at, tmp_path, Step(variables={"GITHUB_REF": "mine", "OWN": "own"}))
    told = json.loads(python(run, "import json, os; print(json.dumps(dict(os.environ)))"))
    assert (told["GITHUB_REF"], told["OWN"], told["CI"]) == ("refs/pull/1/merge", "own", "true")
    assert (told["GITHUB_HEAD_REF"], told["GITHUB_BASE_REF"]) == ("change", "main")
    assert (told["GITHUB_API_URL"], told["GITHUB_REPOSITORY"]) == (at.github.url, "octo/shop")
    assert (told["GITHUB_SHA"], told["GITHUB_REF_NAME"]) == (at.pull.merge_commit, "1/merge")
    assert "GITHUB_TOKEN" not in told
    assert not any(name.startswith("PYTEST") for name in told)


def test_environment__inputs_by_the_actions_own_file(at: Scene, tmp_path: Path) -> None:
    (tmp_path / "action.yml").write_text(ACTION)
    run = run_of(at, tmp_path, Step(action=tmp_path / "action.yml", inputs={"max-members": "3"}))
    told = run.environment()
    assert (told["TESTSMITH_TOKEN"], told["TESTSMITH_MAX_MEMBERS"]) == (at.token.value, "3")
    assert (told["INPUT_MAX-MEMBERS"], told["INPUT_API-KEY"], told["TESTSMITH_API_KEY"]) == ("3", "", "")
    wrong = run_of(at, tmp_path / "b", Step(action=tmp_path / "action.yml", inputs={"max-member": "3"}))
    with pytest.raises(AssertionError, match="unexpected inputs: max-member"):
        wrong.environment()


def test_environment__inputs_without_a_file(at: Scene, tmp_path: Path) -> None:
    told = run_of(at, tmp_path, Step(inputs={"api-key": "k"})).environment()
    assert (told["TESTSMITH_API_KEY"], told["TESTSMITH_TOKEN"]) == ("k", at.token.value)


def test_event__is_read_from_its_path(at: Scene, tmp_path: Path) -> None:
    code = "import json, os; print(json.load(open(os.environ['GITHUB_EVENT_PATH']))['number'])"
    assert python(run_of(at, tmp_path), code) == "1\n"


def test_workspace__is_the_merge_commit_alone(at: Scene, tmp_path: Path) -> None:
    run = run_of(at, tmp_path)
    assert git(run, "rev-parse", "HEAD") == at.pull.merge_commit
    assert git(run, "rev-list", "--count", "HEAD") == "1"
    assert git(run, "status", "--porcelain", "--branch") == "## HEAD (no branch)"
    assert (run.workspace / "tea.py").is_file()
    git(run, "fetch", "-q", "--depth=1", "origin", "refs/pull/1/head")
    assert git(run, "rev-parse", "FETCH_HEAD") == at.pull.head


def test_workspace__credentials_are_left_unless_told(at: Scene, tmp_path: Path) -> None:
    kept = run_of(at, tmp_path / "a")
    gone = run_of(at, tmp_path / "b", Step(checkout=Checkout(persist_credentials=False)))
    configs = [(run.workspace / ".git" / "config").read_text() for run in (kept, gone)]
    assert ["extraheader = AUTHORIZATION: basic" in config for config in configs] == [True, False]


def test_workspace__whole_history_or_none(at: Scene, tmp_path: Path) -> None:
    whole = run_of(at, tmp_path / "a", Step(checkout=Checkout(depth=0)))
    assert git(whole, "rev-parse", "origin/main") == at.shop.branch("main")
    assert git(whole, "rev-list", "--count", "HEAD") == "3"
    none = run_of(at, tmp_path / "b", Step(checkout=None))
    assert not list(none.workspace.iterdir())


def test_workspace__of_other_events_is_a_branch(at: Scene, tmp_path: Path) -> None:
    run = ActionsRun(at.github, at.events.schedule(at.shop), at.token, tmp_path / "run")
    assert git(run, "branch", "--show-current") == "main"
    assert not (run.workspace / "tea.py").exists()


def test_files__outputs_summary_and_exports(at: Scene, tmp_path: Path) -> None:
    code = """
import os
def add(name, text):
    with open(os.environ[name], "a") as file:
        file.write(text)
add("GITHUB_OUTPUT", "members=3\\nreport<<EOF-1\\none\\ntwo=2\\nEOF-1\\n")
add("GITHUB_ENV", "A=b\\n")
add("GITHUB_STATE", "S=t\\n")
add("GITHUB_STEP_SUMMARY", "# done\\n")
"""
    done = run_of(at, tmp_path).run((sys.executable, "-c", code))
    assert done.outputs == {"members": "3", "report": "one\ntwo=2"}
    assert (done.exported, done.state, done.summary) == ({"A": "b"}, {"S": "t"}, "# done\n")


@pytest.mark.parametrize("text", ["a<<END\nb\n", "just words\n", "<<END\nEND\n"])
def test_files__unreadable_ones_fail_the_step(at: Scene, tmp_path: Path, text: str) -> None:
    code = f"import os; open(os.environ['GITHUB_OUTPUT'], 'w').write({text!r})"
    with pytest.raises(BadFile):
        run_of(at, tmp_path).run((sys.executable, "-c", code))


def test_files__summary_beyond_a_mebibyte_is_dropped(at: Scene, tmp_path: Path) -> None:
    code = "import os; open(os.environ['GITHUB_STEP_SUMMARY'], 'w').write('x' * (1024 * 1024 + 1))"
    assert not run_of(at, tmp_path).run((sys.executable, "-c", code)).summary


def test_step__reaches_the_fake_from_inside(at: Scene, tmp_path: Path) -> None:
    code = """
import os, urllib.request
url = os.environ["GITHUB_API_URL"] + "/repos/" + os.environ["GITHUB_REPOSITORY"]
print(urllib.request.urlopen(url).status)
"""
    assert python(run_of(at, tmp_path), code) == "200\n"
