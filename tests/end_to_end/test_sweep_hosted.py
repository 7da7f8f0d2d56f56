"""Sweeps by the action on the fake GitHub: processes with all that GitHub gives to them."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.actions_cache import ActionsCacheService
from fakes.github.actions_run import ActionsRun
from fakes.github.events import Events
from fakes.sweepable import MEMBERS, PARTS, Sweepable, hand_over, sweepable

pytestmark = pytest.mark.slow


@pytest.fixture(name="at")
def _at(tmp_path: Path) -> Iterator[Sweepable]:
    with sweepable(tmp_path) as made:
        yield made


def test_sweep__opens_and_updates_a_pull_request_and_heeds_a_refusal(at: Sweepable) -> None:
    first = at.run(max_members="1")
    (pull,) = at.pulls
    one = at.tested()
    assert (first.outputs["pull-request"], first.outputs["commit"]) == (str(pull.number), pull.head)
    assert (pull.head_branch, pull.base_branch, len(one)) == ("testsmith/sweep", "main", 1)
    changed = at.repository.git.text("diff", "--name-only", "main", "testsmith/sweep").split()
    assert all(path.startswith("tests/") for path in changed)

    second = at.run(max_members="1")
    two = at.tested() - one
    assert (len(at.pulls), second.outputs["pull-request"], len(two)) == (1, str(pull.number), 1)
    assert at.tested() >= one

    at.github.close(at.repository, pull)
    third = at.run(max_members="1")
    three = at.tested()
    assert (len(at.pulls), third.outputs["pull-request"]) == (2, "2")
    assert (len(three), three & (one | two)) == (1, set())


def test_sweep__a_dry_run_writes_nothing(at: Sweepable) -> None:
    done = at.run(dry_run="true")
    assert "dry run" in done.summary
    assert at.github.counted(writes=True) == []
    assert at.repository.branch("testsmith/sweep") is None


def test_sweep__by_hand_from_another_branch_says_where_to_start_it(at: Sweepable) -> None:
    at.github.commit(at.repository, "other", {"README.md": "other\n"}, start="main")
    run = at.prepared()
    run.event = Events(at.github).workflow_dispatch(at.repository, "other")
    (run.temp / "_github_workflow" / "event.json").write_text(json.dumps(run.event.payload))
    done = at.finished(run)
    assert "Run the workflow from 'main'" in done.annotations("warning")[0].data
    assert done.outputs["members"] == "0"


def plan(at: Sweepable, shards: int) -> tuple[ActionsRun, list[str]]:
    run = at.prepared(sweep_step="plan", shards=str(shards), max_members=str(shards))
    done = at.finished(run)
    assert at.github.counted(writes=True) == []
    return run, json.loads(done.outputs["matrix"])["shard"]


def shard(at: Sweepable, planned: ActionsRun, name: str) -> ActionsRun:
    """Return a run for a shard on a machine of its own, to which the plan was brought."""
    run = at.prepared(sweep_step="shard", shard=name)
    hand_over(planned, run)
    return run


def collected(at: Sweepable, *runs: ActionsRun) -> set[str]:
    """Collect what machines have left, and return the members whose tests are in the pull request."""
    run = at.prepared(sweep_step="collect")
    for one in runs:
        hand_over(one, run)
    at.finished(run)
    return at.tested()


def test_shards__one_that_is_killed_costs_its_own_members_and_is_made_alone_again(at: Sweepable) -> None:
    with ActionsCacheService() as service:
        at.keep_in(service)
        planned, (first, second) = plan(at, 2)
        told = json.loads((planned.workspace / PARTS / "plan.json").read_text())
        members = [{one.partition("::")[2] for one in ids} for ids in told["shards"]]
        assert [len(one) for one in members] == [1, 1]
        assert members[0] != members[1]
        assert members[0] | members[1] <= MEMBERS

        whole = shard(at, planned, first)
        at.finished(whole)
        killed = shard(at, planned, second)
        with at.begun(killed) as process:
            assert any(b"running tests" in line for line in process.stdout or ())
            os.killpg(process.pid, signal.SIGKILL)
        assert not list((killed.workspace / PARTS).glob("shard-*"))
        assert collected(at, planned, whole) == members[0]
        (pull,) = at.pulls
        assert "has no report" in pull.body

        again = shard(at, planned, second)
        at.finished(again)
        assert collected(at, planned, whole, again) == members[0] | members[1]
        assert len(at.pulls) == 1
        assert service.violations == []
        names = service.keys("refs/heads/main")
        assert all(("-shard-" in one) is one.startswith("testsmith-sweep-v") for one in names)
