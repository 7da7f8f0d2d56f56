from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from forge.github.desk import COMMENTS, GRAPHQL, PULL, SHOWN, Desk

from fakes.github.faults import secondary_limit
from fakes.github.scene import scene
from fakes.github.state import ACTIONS_BOT
from fakes.github.world import Limits
from testsmith.forge.comment_markers import SUMMARY_MARK
from testsmith.forge.github.connection import BETWEEN_WRITES, PATIENCE, READS
from testsmith.forge.interface import Classifier as Why
from testsmith.forge.interface import (
    CreateSummary,
    ForgeFailure,
    ForgeRateLimited,
    Minimise,
    UpdateSummary,
)

SUMMARY = f"text\n\nno call\n\n{SUMMARY_MARK}"


def say(desk: Desk) -> None:
    desk.forge().apply(1, CreateSummary(body=SUMMARY))


@pytest.mark.parametrize("status", [0, 408, 500, 502, 503])
def test_read__what_failed_is_tried_again(desk: Desk, status: int) -> None:
    desk.fail(PULL, status, times=READS - 1)
    assert desk.forge().pull_request(1).number == 1
    assert desk.naps == [1, 2, 4]


def test_read__graphql_is_tried_again(desk: Desk) -> None:
    desk.fail(GRAPHQL, 502)
    desk.fail(GRAPHQL, 200, body={"errors": [{"message": "Something went wrong."}]})
    assert desk.forge().existing(1).comments == ()
    assert desk.naps == [1, 2]


def test_read__not_for_ever(desk: Desk) -> None:
    desk.fail(PULL, 502, times=99)
    with pytest.raises(ForgeFailure, match=r"Cannot read pull request 1: .* 4 requests \(status 502\)"):
        desk.forge().head(1)
    assert desk.statuses("GET", "/pulls/1") == [502] * READS


def test_write__one_a_second(desk: Desk) -> None:
    forge, comment = desk.forge(), desk.at.github.say(desk.at.pull, ACTIONS_BOT, "x")
    desk.at.clock.step = 0
    for number in range(4):
        forge.apply(1, UpdateSummary(comment=comment.id, body=f"{number}"))
    times = [one.at for one in desk.at.github.counted(writes=True)]
    assert [later - earlier for earlier, later in pairwise(times)] == [BETWEEN_WRITES] * 3


def test_write__not_slower_than_asked(desk: Desk) -> None:
    forge, comment = desk.forge(), desk.at.github.say(desk.at.pull, ACTIONS_BOT, "x")
    forge.apply(1, UpdateSummary(comment=comment.id, body="1"))
    desk.at.clock.advance(5)
    forge.apply(1, UpdateSummary(comment=comment.id, body="2"))
    assert desk.naps == []


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(("retry_after", "waited"), [(7, 7), (0, 1), (None, 60)])
def test_limit__a_secondary_one_is_waited_for(
    desk: Desk, status: int, retry_after: int | None, waited: int
) -> None:
    desk.at.github.fail(secondary_limit(COMMENTS, retry_after=retry_after, status=status))
    say(desk)
    assert waited in desk.naps
    assert len(desk.at.pull.comments) == 1


def test_limit__a_429_without_a_word(desk: Desk) -> None:
    desk.fail(COMMENTS, 429, text=b"")
    say(desk)
    assert 60 in desk.naps


def test_limit__without_a_time_the_waits_grow_until_patience_ends(desk: Desk) -> None:
    desk.at.github.fail(secondary_limit(COMMENTS, retry_after=None, times=9))
    with pytest.raises(ForgeRateLimited, match="GitHub asks to wait 240 s"):
        say(desk)
    assert [nap for nap in desk.naps if nap > 1] == [60, 120]


@pytest.mark.parametrize("retry_after", [int(PATIENCE) + 1, 10**10])
def test_limit__one_beyond_all_patience_is_not_waited_for(desk: Desk, retry_after: int) -> None:
    desk.at.github.fail(secondary_limit(COMMENTS, retry_after=retry_after))
    with pytest.raises(ForgeRateLimited, match=f"asks to wait {retry_after} s .* Run the job again later"):
        say(desk)
    assert desk.naps == []


def test_limit__patience_is_one_for_the_whole_run(desk: Desk) -> None:
    forge = desk.forge()
    desk.at.github.fail(secondary_limit(PULL, retry_after=150))
    forge.head(1)
    desk.at.github.fail(secondary_limit(PULL, retry_after=150))
    with pytest.raises(ForgeRateLimited):
        forge.head(1)
    assert desk.naps == [150]


def test_limit__the_primary_one(tmp_path: Path) -> None:
    with scene(tmp_path / "github", limits=Limits(requests=2)) as at:
        desk = Desk(at)
        forge = desk.forge()
        forge.existing(1)
        forge.existing(1)
        with pytest.raises(ForgeRateLimited, match="Cannot read pull request 1: GitHub asks to wait 3601 s"):
            forge.head(1)
        at.clock.advance(3_500)
        forge.head(1)
        assert desk.naps == [101]
        desk.close()


def test_limit__by_graphql(desk: Desk) -> None:
    comment = desk.at.github.say(desk.at.pull, ACTIONS_BOT, "x")
    error = {"type": "RATE_LIMITED", "message": "API rate limit exceeded"}
    desk.fail(GRAPHQL, 200, body={"errors": [error]})
    desk.forge().apply(1, Minimise(node_id=f"IC_{comment.id}", classifier=Why.OUTDATED))
    assert comment.minimised == "outdated"
    assert 60 in desk.naps


def test_limit__a_review_is_not_made_twice(desk: Desk) -> None:
    desk.at.github.fail(secondary_limit(r"POST .*/reviews$", retry_after=2, times=3))
    desk.apply_review(SHOWN)
    assert len(desk.reviews) == 1
