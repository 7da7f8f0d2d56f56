"""Webhook payloads from the fake's state, valid by GitHub's schemas."""

from __future__ import annotations

import pytest

from fakes.github.scene import Scene

ACTIONS = ["opened", "synchronize", "reopened", "ready_for_review", "closed"]


@pytest.mark.parametrize("action", ACTIONS)
def test_pull_request__tells_its_state(at: Scene, action: str) -> None:
    old = at.pull.head
    at.github.commit(at.shop, "change", {"more.py": "more = 1\n"})
    at.pull.is_draft = action == "opened"
    at.github.label(at.pull, "skip")
    event = at.events.pull_request(at.shop, at.pull, action)
    told = event.payload["pull_request"]
    assert (event.name, event.payload["action"], event.payload["number"]) == ("pull_request", action, 1)
    assert (told["head"]["sha"], told["base"]["ref"]) == (at.pull.head, "main")
    assert (told["draft"], [label["name"] for label in told["labels"]]) == (action == "opened", ["skip"])
    assert event.payload["sender"]["login"] == told["user"]["login"] == "ada"
    assert (event.ref, event.sha) == ("refs/pull/1/merge", at.pull.merge_commit)
    assert event.payload.get("before") == (old if action == "synchronize" else None)


def test_pull_request__target_runs_on_the_default_branch(at: Scene) -> None:
    event = at.events.pull_request(at.shop, at.pull, name="pull_request_target")
    assert (event.name, event.ref, event.sha) == (
        "pull_request_target",
        "refs/heads/main",
        at.shop.branch("main"),
    )


def test_pull_request__merged_runs_on_the_base(at: Scene) -> None:
    at.github.close(at.shop, at.pull, merge=True)
    event = at.events.pull_request(at.shop, at.pull, "closed")
    assert (event.ref, event.payload["pull_request"]["merged"]) == ("refs/heads/main", True)


def test_pull_request__with_a_conflict_starts_nothing(at: Scene) -> None:
    at.github.commit(at.shop, "main", {"cart.py": "something = 'else'\n"})
    with pytest.raises(AssertionError, match="conflict"):
        at.events.pull_request(at.shop, at.pull, "synchronize")


def test_pull_request__from_a_deleted_fork(at: Scene) -> None:
    fork = at.github.fork(at.shop, "mallory")
    at.github.commit(fork, "idea", {"idea.py": "idea = 1\n"}, start="main")
    pull = at.github.pull_request(at.shop, head="idea", source=fork, author="mallory")
    assert at.events.pull_request(at.shop, pull).payload["pull_request"]["head"]["repo"]["fork"] is True
    at.github.delete(fork)
    assert at.events.pull_request(at.shop, pull, "reopened").payload["pull_request"]["head"]["repo"] is None


def test_issue_comment__is_on_a_pull_request_and_names_no_commit(at: Scene) -> None:
    comment = at.github.say(at.pull, "bob", "/testsmith apply 1")
    event = at.events.issue_comment(at.shop, at.pull, comment)
    assert event.payload["comment"]["body"] == "/testsmith apply 1"
    assert event.payload["issue"]["pull_request"]["url"].endswith("/repos/octo/shop/pulls/1")
    assert "sha" not in str(event.payload["issue"])
    assert (event.ref, event.head_branch, event.actor.login) == ("refs/heads/main", "", "bob")


def test_review_comment__knows_its_thread(at: Scene) -> None:
    told = {"path": "cart.py", "line": 3, "body": "b"}
    at.ask("POST", "pulls/1/reviews", {"event": "COMMENT", "body": "r", "comments": [told]})
    (head,) = at.pull.review_comments.values()
    reply = at.github.reply(at.pull, head, "bob", "reject")
    event = at.events.review_comment(at.shop, at.pull, reply)
    assert event.payload["comment"]["in_reply_to_id"] == head.id
    assert event.payload["pull_request"]["number"] == 1
    assert (event.ref, event.head_branch) == ("refs/pull/1/merge", "change")


def test_others__merge_group_schedule_and_dispatch(at: Scene) -> None:
    group = at.events.merge_group(at.shop, at.pull)
    assert group.payload["merge_group"]["head_sha"] == group.sha
    assert group.ref.startswith("refs/heads/gh-readonly-queue/main/")
    assert at.events.schedule(at.shop).payload["schedule"] == "0 5 * * 1"
    dispatch = at.events.workflow_dispatch(at.shop, "change", {"path": "cart.py"})
    assert (dispatch.payload["inputs"], dispatch.sha) == ({"path": "cart.py"}, at.pull.head)


def test_schema__refuses_what_is_no_event(at: Scene) -> None:
    payload = at.events.pull_request(at.shop, at.pull).payload
    at.github.world.contract.check_event("pull-request-opened", payload | {"number": "one"})
    at.github.world.contract.check_event("pull-request-imagined", payload)
    assert ["number" in one or "imagined" in one for one in at.github.violations] == [True, True]
    at.github.violations.clear()
