"""Attacks on the whole program: by the project, by its environment, by a model's answers.

Each test looks at one whole run from all sides, since such a run takes its time.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection

import pytest

from fakes.attack_site import ORDINARY_USER, PLANTED, can_run_the_bot
from fakes.forgeries import BETRAYED, NAMES
from fakes.hostile_project import HostileRun, hostile_project
from testsmith.execution.sandbox.linux import landlock

pytestmark = pytest.mark.slow

LEAKY = ("--only", "leaky.py", "--runs", "2", "--max-mutants", "5")
FORGED = ("--only", "target.py", "--only", "traitor.py", "--max-mutants", "10")
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def skip_unless_possible(user: int) -> None:
    is_possible = landlock.version() and os.geteuid() in {0, user} and can_run_the_bot(user)
    if not is_possible:
        pytest.skip(f"NOT SHOWN: the program as user {user}, which cannot be had here")


def test_program__attacks_come_to_nothing_and_forgeries_are_not_posted() -> None:
    skip_unless_possible(os.geteuid())
    with hostile_project(os.geteuid()) as (project, endpoint):
        run = project.suggest(endpoint, *LEAKY, *FORGED, "--format", "json")
        assert_nothing_came_out(run)
    report = json.loads(run.stdout)
    leaky = {f"leaky.py::{name}" for name in ("shout", "fail", "write")}
    assert leaky <= {one["member"] for one in report["skipped"] + report["suggestions"]}
    assert "environment" not in {one["stage"] for one in report["skipped"]}, report["skipped"]
    assert not any("sandbox" in note for note in report["notes"]), report["notes"]  # no layer is missing
    posted = {one["member"] for one in report["suggestions"]} - leaky
    assert {NAMES.get(name, name) for name in (one.partition("::")[2] for one in posted)} == set()
    judged = {
        one["member"].partition("::")[2]: one["stage"]
        for one in report["skipped"]
        if one["member"] not in leaky
    }
    assert set(judged) == {*NAMES, BETRAYED}
    assert set(judged.values()) <= {"gate", "verification"}


def test_program__of_an_ordinary_user_shows_what_attacks_to_people() -> None:
    user = ORDINARY_USER if os.geteuid() == 0 else os.geteuid()
    skip_unless_possible(user)
    with hostile_project(user) as (project, endpoint):
        run = project.suggest(endpoint, *LEAKY, "--format", "text", "--provider", "openai+offline")
        assert_nothing_came_out(run)


@pytest.mark.parametrize("shown", ["json", "text"])
def test_prove__attacks_of_the_tests_come_to_nothing(shown: str) -> None:
    skip_unless_possible(os.geteuid())
    with hostile_project(os.geteuid()) as (project, endpoint):
        run = project.prove(endpoint, "tests", "--format", shown)
        assert_nothing_came_out(run, code=1, paths=set(), shown="owned")
    if shown == "json":
        verdicts = {one["test"]: one["verdict"] for one in json.loads(run.stdout)["audit"]["tests"]}
        assert verdicts["tests/test_loud.py::test_loud"] == "fails"
        assert verdicts["tests/test_loud.py::TestLoudly::test_ends_the_process"] is None
        assert verdicts["tests/test_own.py::test_own"] == "fails-without-change"


def assert_nothing_came_out(
    run: HostileRun,
    code: int = 0,
    paths: Collection[str] = ("/v1/chat/completions",),
    shown: str = "set-output",
) -> None:
    """Look at a run from all sides."""
    assert run.code == code, run.stderr
    assert "Traceback" not in run.stderr
    for text in (run.stdout, run.stderr):
        assert PLANTED not in text
        assert not _STEERING.findall(text)
        assert not [line for line in text.splitlines() if line.lstrip().startswith("::")]
    assert shown in run.stdout  # in a test that holds, or in the failure of one that does not
    assert {path for path, _ in run.received} == set(paths)
    assert not [body for _, body in run.received if PLANTED in body]
    assert run.changed == ()
