from __future__ import annotations

from typing import Any

import pytest
from forge.github.desk import GRAPHQL, SHOWN, Desk

from fakes.github.scene import WORKFLOW
from fakes.github.state import ACTIONS_BOT
from testsmith.forge.github.conversation import REQUESTS
from testsmith.forge.interface import Comment, Existing, ForgeFailure, Thread, Viewer


def test_existing__nothing_in_one_request(desk: Desk) -> None:
    assert desk.forge().existing(1) == Existing(viewer=Viewer(login=ACTIONS_BOT))
    assert len(desk.at.github.exchanges) == 1


def test_existing__who_wrote_what(desk: Desk) -> None:
    desk.at.github.say(desk.at.pull, "bob", "a person's")
    desk.at.github.say(desk.at.pull, ACTIONS_BOT, "a bot's").minimised = "outdated"
    desk.apply_review(SHOWN)
    existing = desk.forge().existing(1)
    assert [(one.author, one.body, one.is_minimised) for one in existing.comments] == [
        ("bob", "a person's", False),
        (ACTIONS_BOT, "a bot's", True),
    ]
    (comment,) = existing.review_comments
    assert (comment.author, comment.path, comment.line) == (ACTIONS_BOT, "cart.py", SHOWN)
    (review,) = existing.reviews
    assert (review.author, review.is_pending) == (ACTIONS_BOT, False)


def test_existing__numbers_are_those_of_rest(desk: Desk) -> None:
    said = desk.at.github.say(desk.at.pull, "bob", "b")
    assert desk.forge().existing(1).comments == (
        Comment(id=said.id, node_id=f"IC_{said.id}", body="b", author="bob"),
    )


def test_existing__a_person_asks(desk: Desk) -> None:
    assert desk.forge(desk.at.github.personal_token("octo")).existing(1).viewer.login == "octo"


def test_existing__threads_resolved_and_outdated(desk: Desk) -> None:
    desk.apply_review(SHOWN)
    may = desk.forge(desk.at.grant(WORKFLOW | {"contents": "write"}))
    (comment,) = may.existing(1).review_comments
    node = f"PRRT_{comment.id}"
    assert comment.thread == Thread(node_id=node, viewer_may_resolve=True)
    desk.at.pull.resolved[comment.id] = desk.at.github.world.user("bob")
    desk.at.github.commit(desk.at.shop, "change", {"cart.py": "other = 1\n"})
    (comment,) = may.existing(1).review_comments
    assert comment.thread == Thread(node_id=node, is_resolved=True, viewer_may_unresolve=True)
    assert comment.line is None


def test_existing__past_a_hundred_of_everything(desk: Desk) -> None:
    github, pull = desk.at.github, desk.at.pull
    for number in range(230):
        github.say(pull, "bob", f"comment {number}")
    for number in range(5):
        told = [{"path": "cart.py", "line": SHOWN, "body": f"{number} {one}"} for one in range(25)]
        desk.at.ask("POST", "pulls/1/reviews", {"event": "COMMENT", "body": "r", "comments": told})
    existing = desk.forge().existing(1)
    assert [one.body for one in existing.comments] == [f"comment {number}" for number in range(230)]
    assert len({one.id for one in existing.review_comments}) == 125
    assert len(existing.reviews) == 5
    assert desk.statuses("POST", "/graphql") == [200] * 4


def test_existing__a_thread_with_many_replies(desk: Desk) -> None:
    desk.apply_review(SHOWN, SHOWN, SHOWN)
    heads = list(desk.at.pull.review_comments.values())
    for head in heads[:2]:
        for number in range(170):
            desk.at.github.reply(desk.at.pull, head, "bob", f"{head.id} {number}")
    comments = desk.forge().existing(1).review_comments
    for head in heads[:2]:
        assert [one.body for one in comments if one.body.startswith(f"{head.id} ")] == [
            f"{head.id} {number}" for number in range(170)
        ]
    assert len(comments) == 343


def test_existing__comments_of_a_pending_review_are_none_yet(desk: Desk) -> None:
    told = [{"path": "cart.py", "line": SHOWN, "body": "b"}]
    desk.at.ask("POST", "pulls/1/reviews", {"body": "mine", "comments": told})
    existing = desk.forge().existing(1)
    assert existing.review_comments == ()
    assert [one.is_pending for one in existing.reviews] == [True]


def test_existing__accounts_that_were_deleted(desk: Desk) -> None:
    node = {"fullDatabaseId": "7", "id": "IC_7", "body": "b", "isMinimized": False, "author": None}
    answer(desk, comments={"nodes": [node, None], **LAST})
    (comment,) = desk.forge().existing(1).comments
    assert comment.author == "ghost"


LAST: dict[str, Any] = {"pageInfo": {"hasNextPage": False, "endCursor": None}}
ENDLESS: dict[str, Any] = {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "same"}}


def answer(desk: Desk, times: int = 1, **lists: Any) -> None:
    """Let GitHub answer by some lists; the others are empty."""
    empty = {"nodes": [], "edges": [], **LAST}
    pull = dict.fromkeys(("comments", "reviews", "reviewThreads"), empty) | lists
    data = {"viewer": {"login": ACTIONS_BOT}, "repository": {"pullRequest": pull}}
    desk.fail(GRAPHQL, 200, times=times, body={"data": data})


NUMBERED = {"id": "IC_7", "body": "b", "isMinimized": False, "author": None}


@pytest.mark.parametrize(
    "comments",
    [
        ENDLESS,
        {"nodes": 7, **LAST},
        {"nodes": [7], **LAST},
        {"nodes": [{**NUMBERED, "fullDatabaseId": "9" * 5_000}], **LAST},
        {"nodes": [{**NUMBERED, "fullDatabaseId": "-1"}], **LAST},
        {"nodes": [{**NUMBERED, "fullDatabaseId": True}], **LAST},
        {"nodes": [{**NUMBERED, "fullDatabaseId": "7", "body": None}], **LAST},
        {"nodes": []},
        None,
    ],
)
def test_existing__answers_that_are_none(desk: Desk, comments: object) -> None:
    answer(desk, times=REQUESTS, comments=comments)
    with pytest.raises(ForgeFailure, match="Cannot read the comments of pull request 1"):
        desk.forge().existing(1)


def test_existing__a_list_without_an_end(desk: Desk) -> None:
    for number in range(REQUESTS + 5):
        page = {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": str(number)}}
        answer(desk, comments=page)
    with pytest.raises(ForgeFailure, match="there are more than can be read"):
        desk.forge().existing(1)
