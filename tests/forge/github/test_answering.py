"""Who may command, and how a comment is answered, on a fake GitHub."""

from __future__ import annotations

import pytest
from forge.github.desk import COMMENTS, Desk

from testsmith.forge.comment_markers import answer_mark
from testsmith.forge.interface import CommentRef, Forbidden, Reaction
from testsmith.settings import Role


@pytest.mark.parametrize(
    ("role", "is_private", "found"),
    [
        ("admin", True, Role.WRITE),
        ("maintain", True, Role.WRITE),
        ("write", True, Role.WRITE),
        ("triage", True, Role.TRIAGE),
        ("read", True, Role.READ),
        ("none", True, Role.NONE),
        ("none", False, Role.READ),
    ],
)
def test_role__is_what_github_says(desk: Desk, role: str, found: Role, *, is_private: bool) -> None:
    desk.at.shop.is_private = is_private
    desk.at.github.say(desk.at.pull, "bob", "Hello")
    desk.at.shop.collaborators["bob"] = role
    assert desk.forge().role("bob") is found


def test_role__of_nobody_is_none(desk: Desk) -> None:
    assert desk.forge().role("unheard-of") is Role.NONE


def test_roles__cover_what_is_less() -> None:
    assert [[one.covers(other) for other in Role].count(True) for one in Role] == [1, 2, 3, 4]


def test_reaction__in_the_conversation_and_on_the_diff(desk: Desk) -> None:
    forge, comment = desk.forge(), desk.at.github.say(desk.at.pull, "bob", "/testsmith help")
    for _ in range(2):
        forge.react(CommentRef(comment=comment.id), Reaction.SEEN)
    assert [one.content for one in comment.reactions] == ["eyes"]


def test_reaction__that_the_token_may_not_show(desk: Desk) -> None:
    comment = desk.at.github.say(desk.at.pull, "bob", "/testsmith help")
    reader = desk.at.github.token(desk.at.shop, {"contents": "read", "pull_requests": "read"})
    with pytest.raises(Forbidden, match="react to a comment") as refused:
        desk.forge(reader).react(CommentRef(comment=comment.id), Reaction.SEEN)
    assert refused.value.permission == "pull-requests: write"


@pytest.mark.parametrize("when", ["before", "after"])
def test_answer__a_lost_one_makes_no_second(desk: Desk, when: str) -> None:
    comment = desk.at.github.say(desk.at.pull, "bob", "/testsmith help")
    desk.fail(COMMENTS, 502, when=when)
    body = f"Help.\n\n{answer_mark(comment.id)}"
    desk.forge().answer(1, CommentRef(comment=comment.id), body)
    assert [one.body for one in desk.at.pull.comments.values()] == ["/testsmith help", body]
