"""A model that is told what members give, and the offline engine beside it: the whole program, real runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fakes import many_members
from fakes.command_line import CommandLine, Ran
from fakes.endpoint import Endpoint, Received
from fakes.git_repository import GitRepository
from fakes.guessing_model import GuessingModel

pytestmark = pytest.mark.slow

MEMBERS = ("fee", "express", "tax", "pairs")


@dataclass(frozen=True)
class Parcels:
    """The package with its change, and the program run on some of its members."""

    project: GitRepository
    command_line: CommandLine

    def suggest(self, endpoint: Endpoint, *arguments: str, members: tuple[str, ...] = MEMBERS) -> Ran:
        model = ("--base-url", endpoint.url, "--model", "guessing")
        only = [part for name in members for part in ("--only", name)]
        limits = ("--suite-seconds", "0", "--runs", "1", "--repairs", "0")
        ran = self.command_line.suggest(
            self.project.folder, "--base", "main", *model, *only, *limits, *arguments, key="sk-test"
        )
        assert "Traceback" not in ran.stderr
        assert ran.code == 0
        return ran


@pytest.fixture(name="change")
def _change(tmp_path: Path, command_line: CommandLine) -> Parcels:
    made = GitRepository.create(tmp_path / "project")
    made.commit({**many_members.base()})
    made.git("switch", "-qc", "change")
    made.commit({**many_members.HEAD})
    return Parcels(made, command_line)


def model() -> GuessingModel:
    return GuessingModel(many_members.INPUTS, many_members.namespace())


def prompt(call: Received) -> str:
    return str(call.body["messages"][1]["content"])


def block(call: Received, name: str) -> str:
    """What a prompt says of one member."""
    return prompt(call).partition(f"::{name}\n")[2].partition("### member:")[0]


def green(ran: Ran) -> dict[str, Mapping[str, Any]]:
    """The tests to keep: a wrong guess may be what base gave, and is then asked about."""
    kept = [one for one in ran.report["suggestions"] if one["label"] not in {"catches", "question"}]
    found = {short(one["member"]): one for one in kept}
    assert len(found) == len(kept)
    return found


def test_observations__are_facts_of_this_change_if_the_engine_runs(change: Parcels) -> None:
    members = ("fee", "express", "pairs")
    with Endpoint(answer=model()) as endpoint:
        suggest = partial(change.suggest, endpoint, members=members)
        write = ("--strategy", "write")
        suggest("--provider", "openai+offline", *write)
        suggest("--cache-dir", "elsewhere", *write)
        unproven = suggest("--no-verify", "--cache-dir", "another", "--strategy", "probe+edit")
        told, *others = endpoint.requests  # unproven, no inputs are asked for, and nothing is reviewed

    assert "Observed by running it" in block(told, "fee")
    assert "before this change and gives" in block(told, "fee")
    assert '`fee(0)` raises `ValueError("weight must be positive")`' in block(told, "fee")
    assert "before this change and gives" in block(told, "express")
    assert "before this change" not in block(told, "pairs")
    assert [("Observed" in prompt(call)) for call in others] == [False, False]
    assert [("They run on Python 3." in prompt(call)) for call in (told, *others)] == [True, True, False]
    systems = {str(call.body["messages"][0]["content"]) for call in (told, *others)}
    assert len(systems) == 1
    assert len(unproven.report["suggestions"]) == len(members)


def test_model_for_hard__asks_only_for_what_the_engine_does_not_show(change: Parcels) -> None:
    with Endpoint(answer=model()) as endpoint:
        ran = change.suggest(endpoint, "--provider", "openai+offline", "--model-for", "hard")
        asked = {short(member) for call in endpoint.requests for member in call.members}

    shown = set(MEMBERS) - asked
    assert shown
    assert ran.report["stats"]["not_asked"] == len(shown)
    assert {green(ran)[name]["origin"] for name in shown} == {"offline"}
    for name in shown:
        evidence = green(ran)[name]["evidence"]
        kills_all = evidence["mutants_killed"] == evidence["mutants"]
        assert kills_all if evidence["base"] == "absent" else evidence["fail_to_pass"]
    [note] = [note for note in ran.report["notes"] if "was called for" in note]
    assert f"called for {len(asked)} of {len(MEMBERS)} functions" in note
    assert sorted(green(ran)) == sorted(MEMBERS)


def test_model_for_hard__says_where_it_cannot_be_heeded(change: Parcels) -> None:
    with Endpoint(answer=model()) as endpoint:
        ran = change.suggest(endpoint, "--model-for", "hard", "--no-verify", members=("fee",))
        assert len(endpoint.requests) == 1
    assert [note for note in ran.report["notes"] if "called for all functions" in note]


def short(member: str) -> str:
    return member.rpartition("::")[2]
