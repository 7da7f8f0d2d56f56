"""Sweeps by the action on the fake GitHub: processes with all that GitHub gives to them."""

from __future__ import annotations

import json

import pytest

from fakes.github.actions_run import Finished
from fakes.github.events import Events
from fakes.shop import Shop

pytestmark = pytest.mark.slow

WRITING = {"contents": "write", "pull_requests": "write"}


@pytest.fixture(name="swept")
def _swept(hosted: Shop) -> Shop:
    """The example project after its change, to be swept."""
    hosted.github.close(hosted.repository, hosted.pull, merge=True)
    hosted.granted = WRITING
    hosted.event = Events(hosted.github).schedule(hosted.repository)
    return hosted


def sweep(at: Shop, **inputs: str) -> Finished:
    at.event = Events(at.github).schedule(at.repository)
    return at.run(provider="offline", max_members="2", **inputs)


def proposed(done: Finished) -> set[str]:
    """Return the members that have a row of their own in the job summary."""
    rows = [line for line in done.summary.splitlines() if line.startswith("| `")]
    return {row.split("`")[1] for row in rows if "mutant" in row or "line" in row}


def test_sweep__opens_updates_and_after_a_merge_opens_anew(swept: Shop) -> None:
    first = sweep(swept)
    pulls = swept.repository.pulls
    (number,) = set(pulls) - {1}
    assert (first.outputs["pull-request"], pulls[number].head_branch) == (str(number), "testsmith/sweep")
    assert pulls[number].base_branch == "main"
    assert first.outputs["commit"] == pulls[number].head
    git = swept.repository.git
    changed = git.text("diff", "--name-only", "main", "testsmith/sweep").split()
    assert changed
    assert all(path.startswith("tests/") for path in changed)

    second = sweep(swept)
    assert set(pulls) == {1, number}
    assert second.outputs["pull-request"] == str(number)
    assert pulls[number].head == second.outputs["commit"] != first.outputs["commit"]
    assert proposed(second)
    assert not proposed(first) & proposed(second)

    swept.github.close(swept.repository, pulls[number], merge=True, squash=True)
    third = sweep(swept)
    assert third.outputs["pull-request"] == str(number + 1)
    assert not proposed(third) & (proposed(first) | proposed(second))

    swept.github.close(swept.repository, pulls[number + 1])
    fourth = sweep(swept)
    assert not proposed(fourth) & proposed(third)


def test_sweep__a_dry_run_writes_nothing(swept: Shop) -> None:
    before = len(swept.github.counted(writes=True))
    done = sweep(swept, dry_run="true")
    assert "dry run" in done.summary
    assert len(swept.github.counted(writes=True)) == before
    assert swept.repository.branch("testsmith/sweep") is None


def test_sweep__by_hand_from_another_branch_says_where_to_start_it(swept: Shop) -> None:
    swept.event = Events(swept.github).workflow_dispatch(swept.repository, "change")
    done = swept.run()
    assert "run the workflow from 'main'" in done.annotations("warning")[0].data
    assert json.loads(done.outputs["members"]) == 0
