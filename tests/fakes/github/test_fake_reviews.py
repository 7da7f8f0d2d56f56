"""GitHub's rules on reviews and review comments."""

from __future__ import annotations

from typing import Any

import pytest

from fakes.github.scene import Scene

REVIEWS, COMMENTS = "pulls/1/reviews", "pulls/1/comments"


def a_review(*comments: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "event": "COMMENT",
        "body": "one line",
        "comments": [{"body": "b", **one} for one in comments],
        **more,
    }


def test_review__comments_on_shown_lines(at: Scene) -> None:
    told = a_review(
        {"path": "cart.py", "line": 3, "side": "RIGHT"},
        {"path": "cart.py", "line": 3, "side": "LEFT"},
        {"path": "cart.py", "line": 33, "start_line": 30},
        {"path": "tea.py", "position": 2},
    )
    answer = at.ask("POST", REVIEWS, told)
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["user"]["login"]) == ("COMMENTED", "github-actions[bot]")
    comments = at.ask("GET", COMMENTS).json()
    assert [
        (one["path"], one["side"], one["start_line"], one["line"], one["position"]) for one in comments
    ] == [
        ("cart.py", "RIGHT", None, 3, 4),
        ("cart.py", "LEFT", None, 3, 3),
        ("cart.py", "RIGHT", 30, 33, 16),
        ("tea.py", "RIGHT", None, 2, 2),
    ]
    assert comments[0]["diff_hunk"].splitlines()[-1] == "+line_3 = 33"
    assert comments[2]["diff_hunk"].startswith("@@ -27,7 +27,7 @@")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"path": "cart.py", "line": 15}, "Line could not be resolved"),
        ({"path": "cart.py", "line": 41}, "Line could not be resolved"),
        ({"path": "docs/guide.md", "line": 1}, "Path could not be resolved"),
        ({"path": "cart.py", "line": 3, "start_line": 3}, "must precede the end line"),
        ({"path": "cart.py", "line": 30, "start_line": 3}, "Line could not be resolved"),
        ({"path": "cart.py"}, "Line could not be resolved"),
        ({"path": "cart.py", "line": 3, "side": "MIDDLE"}, "Line could not be resolved"),
    ],
)
def test_review__one_bad_anchor_loses_all(at: Scene, bad: dict[str, Any], words: str) -> None:
    answer = at.ask("POST", REVIEWS, a_review({"path": "cart.py", "line": 3}, bad))
    assert answer.status_code == 422
    assert words in str(answer.json()["errors"])
    assert not at.pull.reviews
    assert not at.pull.review_comments


def test_review__only_one_pending(at: Scene) -> None:
    pending = at.ask(
        "POST", REVIEWS, {"body": "later", "comments": [{"path": "cart.py", "line": 3, "body": "b"}]}
    )
    assert pending.json()["state"] == "PENDING"
    answer = at.ask("POST", REVIEWS, a_review())
    assert answer.status_code == 422
    assert "User can only have one pending review per pull request" in answer.text
    assert at.ask("DELETE", f"{REVIEWS}/{pending.json()['id']}").status_code == 200
    assert not at.pull.review_comments
    assert at.ask("POST", REVIEWS, a_review()).status_code == 200


def test_review__pending_is_its_authors_alone(at: Scene) -> None:
    at.ask("POST", REVIEWS, {"comments": [{"path": "cart.py", "line": 3, "body": "b"}]})
    other = at.github.personal_token("bob")
    assert len(at.ask("GET", REVIEWS).json()) == 1
    assert at.ask("GET", REVIEWS, token=other).json() == []
    assert at.ask("GET", COMMENTS, token=other).json() == []
    assert at.ask("GET", "pulls/1").json()["review_comments"] == 0


def test_review__too_many_comments_answers_502_after_some(at: Scene) -> None:
    answer = at.ask("POST", REVIEWS, a_review(*[{"path": "cart.py", "line": 3}] * 31))
    assert answer.status_code == 502
    assert len(at.pull.review_comments) == 30


def test_review__empty(at: Scene) -> None:
    assert at.ask("POST", REVIEWS, {"event": "COMMENT"}).status_code == 422


@pytest.mark.parametrize(("event", "login"), [("APPROVE", "ada"), ("REQUEST_CHANGES", "ada")])
def test_review__own_pull_request_is_not_judged(at: Scene, event: str, login: str) -> None:
    answer = at.ask("POST", REVIEWS, {"event": event, "body": "x"}, token=at.github.personal_token(login))
    assert answer.status_code == 422


def test_review__workflow_may_not_approve(at: Scene) -> None:
    assert at.ask("POST", REVIEWS, {"event": "APPROVE"}).status_code == 422
    judged = at.ask("POST", REVIEWS, {"event": "APPROVE"}, token=at.github.personal_token("bob")).json()
    assert judged["state"] == "APPROVED"


@pytest.mark.parametrize(("size", "status"), [(65_536, 201), (65_537, 422), (0, 422)])
def test_body__size(at: Scene, size: int, status: int) -> None:
    body = "é" * size
    assert at.ask("POST", "issues/1/comments", {"body": body}).status_code == status


def test_body__size_in_a_review(at: Scene) -> None:
    long = "x" * 65_537
    told = a_review({"path": "cart.py", "line": 3, "body": long})
    for review in (told, a_review(body=long)):
        answer = at.ask("POST", REVIEWS, review)
        assert "maximum is 65536 characters" in answer.text
    assert not at.pull.reviews


def test_reply__joins_the_thread(at: Scene) -> None:
    at.ask("POST", REVIEWS, a_review({"path": "cart.py", "line": 3}))
    (head,) = at.pull.review_comments.values()
    reply = at.ask("POST", f"{COMMENTS}/{head.id}/replies", {"body": "thanks"})
    assert (reply.status_code, reply.json()["in_reply_to_id"]) == (201, head.id)
    assert at.ask("POST", f"{COMMENTS}/{reply.json()['id']}/replies", {"body": "x"}).status_code == 422
    assert at.ask("POST", f"{COMMENTS}/1/replies", {"body": "x"}).status_code == 404
    at.github.reply(at.pull, head, "bob", "and from me")
    (thread,) = at.github.threads(at.shop, at.pull)
    assert [one.body for one in thread.comments] == ["b", "thanks", "and from me"]


def test_comment__moves_with_its_line(at: Scene) -> None:
    at.ask("POST", REVIEWS, a_review({"path": "cart.py", "line": 3}, {"path": "cart.py", "line": 30}))
    text = at.shop.git.blob(f"{at.pull.head}:cart.py").decode()
    at.github.commit(
        at.shop, "change", {"cart.py": "first = 0\n" + text.replace("line_30 = 300", "line_30 = 3")}
    )
    moved, outdated = at.ask("GET", COMMENTS).json()
    assert (moved["line"], moved["original_line"], moved["commit_id"]) == (4, 3, at.pull.head)
    assert (outdated["line"], outdated["position"], outdated["original_line"]) == (None, None, 30)
    assert [thread.is_outdated for thread in at.github.threads(at.shop, at.pull)] == [False, True]


def test_comment__on_the_left_stays_while_the_base_does(at: Scene) -> None:
    at.ask("POST", REVIEWS, a_review({"path": "cart.py", "line": 30, "side": "LEFT"}))
    at.github.commit(at.shop, "change", {"tea.py": "other = 1\n"})
    assert at.ask("GET", COMMENTS).json()[0]["line"] == 30
