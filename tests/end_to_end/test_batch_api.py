"""A sweep that has a model asked by a batch job, as a person starts it: over several runs, and its death."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fakes.batches import BatchDesk, Becomes, Body
from fakes.command_line import CommandLine, Ran
from fakes.endpoint import Endpoint, members_in
from fakes.faults import Break, Fault
from fakes.git_repository import GitRepository

ONE_A_CALL = ("--tokens-per-member", "5000")
LARGE = ("--max-members", "200", "--max-calls", "1000", "--max-tokens", "100000000", "--max-cost", "1000")
TEST = "from shop.m{file} import {name}\n\n\ndef test_{name}():\n    assert {name}(20) == {value}\n"


def module(file: int, members: int) -> str:
    """A module of functions that differ in what they add."""
    bodies = (f"    return weight + {file * 100 + number}\n" for number in range(members))
    heads = (f"def f{number}(weight: int) -> int:\n" for number in range(members))
    return "\n\n".join(map("".join, zip(heads, bodies, strict=True)))


def project(folder: Path, *, files: int, members: int) -> Path:
    repository = GitRepository.create(folder / "project")
    tree = {f"src/shop/m{file}.py": module(file, members) for file in range(files)}
    repository.commit({"src/shop/__init__.py": "", **tree})
    return repository.folder


def answer(body: Body) -> str:
    """Tests that pass, and notice what may be broken."""
    tests = []
    for member in members_in(body):
        path, _, name = member.partition("::")
        file = int(path.removesuffix(".py").rpartition("m")[2])
        value = 20 + file * 100 + int(name[1:])
        tests.append({"name": member, "code": TEST.format(file=file, name=name, value=value)})
    return json.dumps({"tests": tests})


def swept(command_line: CommandLine, folder: Path, url: str, *more: str) -> Ran:
    return command_line.run(*sweep(folder, url, *more), seconds=300)


def sweep(folder: Path, url: str, *more: str) -> tuple[str, ...]:
    named = ("--repo", str(folder), "--base-url", url, "--model", "small-1", "--format", "json")
    return ("sweep", *named, "--batch-api", "--suite-seconds", "0", *more)


def members(entries: list[dict[str, Any]]) -> set[str]:
    return {entry["member"] for entry in entries}


def until(happened: Callable[[], object]) -> None:
    end = time.monotonic() + 200  # on a busy machine
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


@pytest.mark.slow
def test_sweep__two_hundred_members_in_one_batch_of_which_twenty_are_asked_again(
    command_line: CommandLine, tmp_path: Path
) -> None:
    folder = project(tmp_path, files=10, members=20)
    failing = {f"src/shop/m1.py::f{number}" for number in range(10)}
    expiring = {f"src/shop/m2.py::f{number}" for number in range(10)}

    def becomes(_: int, body: Body) -> Becomes:
        [member] = members_in(body)
        return "failed" if member in failing else "expired" if member in expiring else "answered"

    more = (*LARGE, *ONE_A_CALL, "--no-verify")
    desk = BatchDesk(becomes=becomes, ends_as="expired", held=True)
    with Endpoint(batches=desk, answer=answer) as endpoint:
        sent = swept(command_line, folder, endpoint.url, *more)
        desk.held = False
        took = swept(command_line, folder, endpoint.url, *more)
        desk.held = True
        again = swept(command_line, folder, endpoint.url, *more)

    assert [sent.code, took.code, again.code] == [0, 0, 0], took.stderr
    first, second = desk.batches.values()
    assert len(sent.report["skipped"]) == len(desk.members_of(first)) == 200
    assert {one["reason"] for one in sent.report["skipped"]} == {
        f"asked in batch {first.id}; the next run takes its answers"
    }
    assert len(took.report["suggestions"]) == 180
    reasons = {one["member"]: one["reason"] for one in took.report["skipped"]}
    assert reasons.keys() == failing | expiring
    assert all("failed (500)" in reasons[member] for member in failing)
    assert all("expired before this was answered" in reasons[member] for member in expiring)
    assert set(desk.members_of(second)) == failing | expiring
    assert len(again.report["suggestions"]) == 180
    assert len(desk.answered) == 180


def test_sweep__proves_what_an_earlier_one_has_asked_for(command_line: CommandLine, tmp_path: Path) -> None:
    folder = project(tmp_path, files=1, members=2)
    desk = BatchDesk()
    with Endpoint(batches=desk, answer=answer) as endpoint:
        sent = swept(command_line, folder, endpoint.url)
        took = swept(command_line, folder, endpoint.url)

    assert sent.code == took.code == 0, sent.stderr + took.stderr
    assert not sent.report["suggestions"]
    assert members(took.report["suggestions"]) == {"src/shop/m0.py::f0", "src/shop/m0.py::f1"}
    assert all(one["evidence"]["mutants_killed"] for one in took.report["suggestions"])
    assert len(desk.answered) == 1


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["waiting", "being sent"])
def test_sweep__killed_at_any_moment_pays_once(
    command_line: CommandLine, tmp_path: Path, moment: str
) -> None:
    """Killed while it waits, or when the batch is made and nobody knows its id yet."""
    folder = project(tmp_path, files=1, members=2)
    stalled = {"POST /batches": [Fault(breaks=Break.HEADERS_STALL)]} if moment == "being sent" else {}
    desk = BatchDesk(held=True, faults_after=stalled)
    with Endpoint(batches=desk, answer=answer) as endpoint:
        command = sweep(folder, endpoint.url, "--batch-wait", "5")
        with command_line.started(*command) as running:
            until(lambda: desk.batches)
            if moment == "waiting":
                until(lambda: any("/batches/" in one.path for one in endpoint.requests))
            running.send(signal.SIGKILL)
        desk.held = False
        took = swept(command_line, folder, endpoint.url, "--batch-wait", "1")

    assert took.code == 0, took.stderr
    assert len(took.report["suggestions"]) == 2
    assert len(desk.batches) == len(desk.answered) == 1


def test_sweep__without_a_batch_api_says_what_to_do(command_line: CommandLine, tmp_path: Path) -> None:
    folder = project(tmp_path, files=1, members=2)
    with Endpoint(answer=answer) as endpoint:
        refused = swept(command_line, folder, endpoint.url)
        done = swept(command_line, folder, endpoint.url, "--batch-fallback")

    assert refused.code == 1
    assert "There are no batch jobs at" in refused.stderr
    assert "--batch-fallback" in refused.stderr
    assert len(done.report["suggestions"]) == 2


def test_estimate__reckons_at_half_the_price(command_line: CommandLine, tmp_path: Path) -> None:
    folder = project(tmp_path, files=2, members=5)
    asked = ("suggest", "--repo", str(folder), "--all", "src", "--estimate", "--format", "json")
    whole = command_line.run(*asked, "--model", "gpt-6-luna")
    half = command_line.run(*asked, "--model", "gpt-6-luna", "--batch-api")

    costs = [json.loads(ran.stdout)["stats"]["cost"] for ran in (whole, half)]
    assert costs[0] > 0
    assert costs[1] == pytest.approx(costs[0] / 2, abs=1e-6)  # as it is rounded
