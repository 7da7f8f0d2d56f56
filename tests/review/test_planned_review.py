"""A review that is only planned: what would be posted, and nothing written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.stage import Stage, module, stage
from testsmith.forge.interface import CreateReview, CreateSummary, HideComment
from testsmith.forge.review_result import PostStatus
from testsmith.reporting.pull_requests.planned_review import planned_review
from testsmith.settings import CommitSettings, Mode


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path, {"shop/__init__.py": "", "shop/cart.py": module("add", "size")}) as made:
        made.posts = False
        yield made


def test_plan__writes_nothing_and_is_what_is_posted_then(at: Stage) -> None:
    with at.counting() as counts:
        planned = at.run()
    assert planned.delivery is PostStatus.PLANNED
    assert counts.writes == 0

    at.posts = True
    posted = at.run()
    assert posted.delivery is PostStatus.POSTED
    assert posted.operations[:1] == planned.operations[:1]
    review, summary = planned.operations
    assert isinstance(review, CreateReview)
    assert isinstance(summary, CreateSummary)
    assert [one.body for one in review.comments] == [one.body for one in at.shown()]
    assert summary.body == at.summaries()[0].body


def test_plan__of_a_reviewed_pull_request_has_only_what_is_new(at: Stage) -> None:
    at.posts = True
    at.run()
    at.posts = False
    assert at.run().operations == ()

    at.push({"shop/cart.py": module("add", "size", body="return a + 2")})
    planned = at.run()
    assert sum(isinstance(one, HideComment) for one in planned.operations) == 2
    assert planned_review(planned.operations).endswith("\n2 earlier comments would be hidden.\n")


def test_plan__commits_nothing(at: Stage) -> None:
    at.commits = CommitSettings(mode=Mode.COMMIT)
    head = at.pull.head
    with at.counting() as counts:
        at.run()
    assert (counts.writes, at.pull.head) == (0, head)


def test_planned_review__shows_each_comment_under_its_place(at: Stage) -> None:
    shown = planned_review(at.run().operations)

    assert shown.startswith("**TestSmith** proposes tests for the 2 changed functions.")
    assert "\n---\n\n`shop/cart.py`, lines 1 to 2\n\n**`add`** · " in shown
    assert not planned_review(())
