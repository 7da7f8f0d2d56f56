"""Attacks on the whole program: by the project, by its environment, by a model's answers."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest

from bot.execution.isolation import landlock
from fakes.arena import ORDINARY_USER, PLANTED, can_run_the_bot
from fakes.forgeries import NAMES
from fakes.hostile_project import HostileRun, hostile_project

pytestmark = pytest.mark.slow

_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


LEAKY = ("--only", "leaky.py", "--runs", "2", "--max-mutants", "5")


def skip_unless_possible(user: int) -> None:
    is_possible = landlock.version() and os.geteuid() in {0, user} and can_run_the_bot(user)
    if not is_possible:
        pytest.skip(f"NOT SHOWN: the program as user {user}, which cannot be had here")


@pytest.fixture(scope="module", params=["root", "an ordinary user"])
def runs(request: pytest.FixtureRequest) -> Iterator[tuple[HostileRun, HostileRun]]:
    """The project's own attacks, told to programs and to people."""
    user = 0 if request.param == "root" else ORDINARY_USER
    skip_unless_possible(user)
    with hostile_project(user) as (project, endpoint):
        yield (
            project.suggest(endpoint, *LEAKY, "--format", "json"),
            project.suggest(endpoint, *LEAKY, "--format", "text", "--provider", "openai+offline"),
        )


@pytest.fixture(scope="module")
def forged() -> Iterator[dict[str, Any]]:
    """The report on tests that lie."""
    skip_unless_possible(os.geteuid())
    with hostile_project(os.geteuid()) as (project, endpoint):
        run = project.suggest(endpoint, "--only", "target.py", "--format", "json")
        assert run.code == 0, run.stderr
        report: dict[str, Any] = json.loads(run.stdout)
        yield report


def test_program__comes_to_its_end(runs: tuple[HostileRun, HostileRun]) -> None:
    for run in runs:
        assert run.code == 0, run.stderr
        assert "Traceback" not in run.stderr
    report = json.loads(runs[0].stdout)
    assert {one["member"] for one in report["skipped"] + report["suggestions"]} == {
        f"leaky.py::{name}" for name in ("shout", "fail", "write")
    }
    assert "environment" not in {one["stage"] for one in report["skipped"]}, report["skipped"]
    assert any("Landlock" in note for note in report["notes"])


def test_program__no_secret_comes_out(runs: tuple[HostileRun, HostileRun]) -> None:
    for run in runs:
        assert PLANTED not in run.stdout
        assert PLANTED not in run.stderr
        assert not [body for _, body in run.received if PLANTED in body]


def test_program__nobody_is_spoken_to_but_the_endpoint(runs: tuple[HostileRun, HostileRun]) -> None:
    assert {path for run in runs for path, _ in run.received} == {"/v1/chat/completions"}


def test_program__nothing_outside_is_changed(runs: tuple[HostileRun, HostileRun]) -> None:
    assert [run.changed for run in runs] == [(), ()]


def test_program__nothing_steers_the_terminal_or_the_runner(runs: tuple[HostileRun, HostileRun]) -> None:
    for run in runs:
        for text in (run.stdout, run.stderr):
            assert not _STEERING.findall(text)
            assert not [line for line in text.splitlines() if line.lstrip().startswith("::")]


@pytest.mark.parametrize("name", NAMES, ids=NAMES.values())
def test_forgery__is_not_posted(forged: dict[str, Any], name: str) -> None:
    member = f"target.py::{name}"
    assert [one for one in forged["suggestions"] if one["member"] == member] == []
    [skipped] = [one for one in forged["skipped"] if one["member"] == member]
    assert skipped["stage"] in {"gate", "verification"}, skipped
