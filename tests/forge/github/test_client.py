from __future__ import annotations

import pytest
from forge.github.desk import COMMENTS, GRAPHQL, SHOWN, Desk
from forge.talk import proposing, wanted

from fakes.github.scene import WORKFLOW
from fakes.github.state import ACTIONS_BOT
from testsmith.forge.comment_markers import SUMMARY_MARK, run_mark
from testsmith.forge.interface import (
    Classifier,
    CreateSummary,
    DeletePendingReview,
    Forbidden,
    Forge,
    Minimise,
    NotFound,
    Operation,
    OutcomeUnknown,
    ResolveThread,
    Restore,
    UnresolveThread,
    UpdateSummary,
)
from testsmith.forge.plan import plan
from testsmith.forge.reconcile import DesiredState, PostLimits

SUMMARY = f"TestSmith proposes nothing.\n\nno call\n\n{SUMMARY_MARK}"
OTHER = f"TestSmith proposes tests.\n\nno call\n\n{SUMMARY_MARK}"
PATCH = r"PATCH .*/issues/comments/\d+$"


def bodies(desk: Desk) -> list[str]:
    return [one.body for one in desk.at.pull.comments.values()]


def test_summary__is_made_and_updated(desk: Desk) -> None:
    forge = desk.forge()
    assert not forge.apply(1, CreateSummary(body=SUMMARY)).was_there
    (comment,) = forge.existing(1).comments
    forge.apply(1, UpdateSummary(comment=comment.id, body=OTHER))
    assert bodies(desk) == [OTHER]


@pytest.mark.parametrize("status", [0, 502])
@pytest.mark.parametrize("when", ["before", "after"])
def test_summary__a_lost_answer_makes_no_second(desk: Desk, status: int, when: str) -> None:
    desk.fail(COMMENTS, status, when=when)
    assert desk.forge().apply(1, CreateSummary(body=SUMMARY)).was_there is (when == "after")
    assert bodies(desk) == [SUMMARY]


def test_summary__a_person_who_pastes_the_mark_is_not_found(desk: Desk) -> None:
    desk.at.github.say(desk.at.pull, "mallory", SUMMARY)
    desk.fail(COMMENTS, 502)
    assert not desk.forge().apply(1, CreateSummary(body=SUMMARY)).was_there
    assert [one.user.login for one in desk.at.pull.comments.values()] == ["mallory", ACTIONS_BOT]


def test_summary__lost_while_another_run_makes_one(desk: Desk) -> None:
    desk.at.github.say(desk.at.pull, ACTIONS_BOT, OTHER)
    desk.fail(COMMENTS, 502)
    assert desk.forge().apply(1, CreateSummary(body=SUMMARY)).was_there
    assert bodies(desk) == [SUMMARY]


@pytest.mark.parametrize("when", ["before", "after"])
def test_summary__an_update_is_sent_again(desk: Desk, when: str) -> None:
    comment = desk.at.github.say(desk.at.pull, ACTIONS_BOT, OTHER)
    desk.fail(PATCH, 502, when=when)
    desk.forge().apply(1, UpdateSummary(comment=comment.id, body=SUMMARY))
    assert bodies(desk) == [SUMMARY]


def test_summary__one_that_is_gone_cannot_be_updated(desk: Desk) -> None:
    with pytest.raises(NotFound, match="Cannot update the summary comment"):
        desk.forge().apply(1, UpdateSummary(comment=99, body=SUMMARY))


def test_summary__lost_again_and_again(desk: Desk) -> None:
    desk.fail(COMMENTS, 502, times=9)
    with pytest.raises(OutcomeUnknown, match="Cannot comment on pull request 1"):
        desk.forge().apply(1, CreateSummary(body=SUMMARY))


def test_hiding__and_showing_again(desk: Desk) -> None:
    desk.apply_review(SHOWN)
    (comment,) = desk.at.pull.review_comments.values()
    forge, node = desk.forge(), f"PRRC_{comment.id}"
    forge.apply(1, Minimise(node_id=node, classifier=Classifier.OUTDATED))
    assert comment.minimised == "outdated"
    forge.apply(1, Restore(node_id=node))
    assert comment.minimised is None


def test_hiding__what_somebody_has_deleted(desk: Desk) -> None:
    gone = Minimise(node_id="PRRC_99", classifier=Classifier.DUPLICATE)
    assert desk.forge().apply(1, gone).note == "A comment of ours is gone: somebody has deleted it."


@pytest.mark.parametrize("when", ["before", "after"])
def test_hiding__a_lost_answer_is_asked_for_again(desk: Desk, when: str) -> None:
    comment = desk.at.github.say(desk.at.pull, ACTIONS_BOT, SUMMARY)
    desk.fail(GRAPHQL, 502, when=when)
    desk.forge().apply(1, Minimise(node_id=f"IC_{comment.id}", classifier=Classifier.DUPLICATE))
    assert comment.minimised == "duplicate"


def test_resolving__where_the_token_may(desk: Desk) -> None:
    desk.apply_review(SHOWN)
    (comment,) = desk.at.pull.review_comments
    forge = desk.forge(desk.at.grant(WORKFLOW | {"contents": "write"}))
    assert forge.apply(1, ResolveThread(thread=f"PRRT_{comment}")).note == ""
    assert list(desk.at.pull.resolved) == [comment]
    assert forge.apply(1, UnresolveThread(thread=f"PRRT_{comment}")).note == ""
    assert list(desk.at.pull.resolved) == []


@pytest.mark.parametrize("kind", [ResolveThread, UnresolveThread])
def test_resolving__where_the_token_may_not_is_a_note(
    desk: Desk, kind: type[ResolveThread | UnresolveThread]
) -> None:
    desk.apply_review(SHOWN)
    (comment,) = desk.at.pull.review_comments
    applied = desk.forge().apply(1, kind(thread=f"PRRT_{comment}"))
    assert applied.note.endswith("Grant the workflow's token `contents: write`.")


def test_pending_review__is_deleted_and_may_be_gone(desk: Desk) -> None:
    told = [{"path": "cart.py", "line": SHOWN, "body": "b"}]
    desk.at.ask("POST", "pulls/1/reviews", {"body": run_mark("0" * 16), "comments": told})
    (review,) = desk.at.pull.reviews
    forge = desk.forge()
    assert not forge.apply(1, DeletePendingReview(review=review)).was_there
    assert desk.reviews == []
    assert forge.apply(1, DeletePendingReview(review=review)).was_there


def test_forbidden__all_that_writes(desk: Desk) -> None:
    review = desk.review(SHOWN)
    comment = desk.at.github.say(desk.at.pull, ACTIONS_BOT, SUMMARY)
    forge = desk.forge(desk.at.grant({"contents": "read", "pull_requests": "read"}))
    operations: tuple[Operation, ...] = (
        review,
        CreateSummary(body=SUMMARY),
        UpdateSummary(comment=comment.id, body=SUMMARY),
        Minimise(node_id=f"IC_{comment.id}", classifier=Classifier.OUTDATED),
        Restore(node_id=f"IC_{comment.id}"),
    )
    for operation in operations:
        with pytest.raises(Forbidden, match="not accessible by integration") as failed:
            forge.apply(1, operation)
        assert failed.value.permission == "pull-requests: write"
    assert desk.naps == [1.0] * (len(operations) - 1)


def run(forge: Forge, want: DesiredState) -> int:
    """Do what a run does at the forge, and return how many operations there were."""
    pull = forge.pull_request(1)
    forge.commit(pull.head_sha)
    forge.file_patches(1)
    planned = plan(forge.existing(1), want, PostLimits())
    for operation in planned.operations:
        forge.apply(1, operation)
    return len(planned.operations)


def test_runs__a_quiet_repeat_costs_few_reads_and_no_write(desk: Desk) -> None:
    want = wanted(*(proposing(f"cart.py::f{n}") for n in range(10)), head=desk.at.pull.head)
    assert run(desk.forge(), want) == 2
    before = len(desk.at.github.exchanges)
    assert run(desk.forge(), want) == 0
    again = desk.at.github.exchanges[before:]
    assert len(again) == 5
    assert not any(one.is_write for one in again)


def test_runs__ten_pushes_leave_one_summary_and_no_duplicates(desk: Desk) -> None:
    for number in range(10):
        desk.at.github.commit(desk.at.shop, "change", {"tea.py": f"cups = {number}\n"})
        outcomes = [proposing(f"cart.py::f{n}") for n in range(number % 3, 8)]
        run(desk.forge(), wanted(*outcomes, head=desk.at.pull.head))
    ours = [one for one in desk.at.pull.comments.values() if one.user.login == ACTIONS_BOT]
    assert len(ours) == 1
    posted = list(desk.at.pull.review_comments.values())
    assert len({one.body for one in posted}) == len(posted) == 8
    assert [one.minimised for one in posted] == [None] * 8
