"""What events ask for: which pull requests are reviewed, which are left alone, and what no payload can do."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from testsmith.events import (
    COMMIT_TRAILER,
    HandleCommentCommands,
    Nothing,
    ReviewPullRequest,
    SweepRepository,
    Task,
    is_own_commit,
    task_of,
)
from testsmith.forge.slash_commands import ParsedComment, SlashCommand, Verb

SHA = {"base": "b" * 40, "head": "a" * 40}


def payload(place: str = "", value: Any = None) -> dict[str, Any]:
    """Return a pull request's payload, with another value at a place such as `pull_request.draft`."""
    whole: dict[str, Any] = {
        "action": "opened",
        "sender": {"login": "ada", "type": "User"},
        "pull_request": {
            "number": 7,
            "state": "open",
            "draft": False,
            "labels": [{"name": "bug"}],
            "user": {"login": "ada", "type": "User"},
            "base": {"sha": SHA["base"], "ref": "main", "repo": {"full_name": "octo/shop"}},
            "head": {"sha": SHA["head"], "repo": {"full_name": "Octo/Shop"}},
        },
    }
    *parents, last = place.split(".")
    part = whole
    for name in parents:
        part = part[name]
    if place:
        part[last] = copy.deepcopy(value)
    return whole


def asked(event_name: str, told: object) -> Task:
    return task_of(event_name, json.dumps(told))


def review(told: object) -> ReviewPullRequest:
    task = asked("pull_request", told)
    assert isinstance(task, ReviewPullRequest), task
    return task


def nothing(task: Task) -> Nothing:
    assert isinstance(task, Nothing), task
    return task


def test_pull_request__all_that_is_told_of_it() -> None:
    assert review(payload()) == ReviewPullRequest(
        repository="octo/shop",
        number=7,
        base_sha=SHA["base"],
        base_ref="main",
        head_sha=SHA["head"],
        head_repository="Octo/Shop",
        author="ada",
        labels=("bug",),
    )


@pytest.mark.parametrize("action", ["opened", "synchronize", "reopened", "ready_for_review"])
def test_pull_request__is_reviewed_when(action: str) -> None:
    assert review(payload("action", action)).number == 7


@pytest.mark.parametrize("action", ["closed", "labeled", "edited", "converted_to_draft", ""])
def test_pull_request__is_not_reviewed_when(action: str) -> None:
    told = nothing(asked("pull_request", payload("action", action)))

    assert (repr(action) in told.reason, told.is_warning) == (True, False)


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("pull_request.state", "closed", "is closed"),
        ("pull_request.draft", True, "is a draft"),
        ("pull_request.user", {"login": "renovate[bot]"}, "'renovate[bot]'"),
        ("pull_request.user", {"login": "robot", "type": "Bot"}, "'robot'"),
        ("pull_request.labels", [{"name": " TestSmith-Skip"}], "'testsmith-skip'"),
    ],
)
def test_pull_request__is_left_alone(place: str, value: object, told: str) -> None:
    left = nothing(asked("pull_request", payload(place, value)))

    assert told in left.reason
    assert not left.is_warning


@pytest.mark.parametrize(
    ("place", "value", "is_fork", "is_small"),
    [
        ("", None, False, False),
        ("pull_request.head.repo", {"full_name": "eve/shop"}, True, True),
        ("pull_request.head.repo", None, True, True),
        ("sender", {"login": "dependabot[bot]", "type": "Bot"}, False, True),
    ],
)
def test_pull_request__whose_token_may_only_read(
    place: str, value: object, *, is_fork: bool, is_small: bool
) -> None:
    task = review(payload(place, value))

    assert (task.is_fork, task.has_small_token) == (is_fork, is_small)


def test_pull_request__of_somebody_who_is_gone() -> None:
    assert review(payload("pull_request.user", None)).author == "ghost"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("action", None),
        ("action", ["opened"]),
        ("pull_request", []),
        ("pull_request.number", True),
        ("pull_request.number", 0),
        ("pull_request.number", 2**31),
        ("pull_request.number", "7"),
        ("pull_request.draft", None),
        ("pull_request.labels", "testsmith-skip"),
        ("pull_request.labels", [None]),
        ("pull_request.base.sha", "main"),
        ("pull_request.head.sha", "A" * 40),
        ("pull_request.head.sha", "--upload-pack=/evil"),
        ("pull_request.head.sha", "a" * 40 + "\n"),
        ("pull_request.base.ref", "-x"),
        ("pull_request.base.ref", "a b"),
        ("pull_request.base.ref", "a\n::set-env name=A::b"),
        ("pull_request.base.repo", {"full_name": "octo/shop/../evil"}),
        ("pull_request.head.repo", {"full_name": "octo"}),
        ("pull_request.user", {"login": 1}),
    ],
)
def test_payload__what_has_another_shape_is_told_by_its_place(place: str, value: object) -> None:
    told = nothing(asked("pull_request", payload(place, value)))

    assert told.is_warning
    assert f"`{place}" in told.reason


@pytest.mark.parametrize("whole", [None, [], "opened", 1, {"pull_request": {}}])
def test_payload__no_object_at_all(whole: object) -> None:
    assert nothing(asked("pull_request", whole)).is_warning


@pytest.mark.parametrize("name", ["merge_group", "workflow_run", ""])
def test_others__ask_for_nothing(name: str) -> None:
    assert not nothing(asked(name, payload())).is_warning


def test_sweep__by_the_clock_and_by_hand_from_the_default_branch() -> None:
    assert asked("schedule", None) == SweepRepository()
    by_hand = {"ref": "refs/heads/main", "repository": {"default_branch": "main"}}
    assert asked("workflow_dispatch", by_hand) == SweepRepository()
    elsewhere = nothing(asked("workflow_dispatch", {**by_hand, "ref": "refs/heads/other"}))
    assert elsewhere.is_warning
    assert "Run the workflow from 'main'" in elsewhere.reason
    assert nothing(asked("workflow_dispatch", {})).is_warning


def test_others__pull_request_target_says_what_to_use_instead() -> None:
    told = nothing(asked("pull_request_target", payload()))

    assert told.is_warning
    assert "`on: pull_request` instead" in told.reason


@pytest.mark.parametrize("hostile", ["::set-env name=A::b", "##[error]x", "a\n::error::b", "x" * 10_000])
def test_reason__holds_nothing_that_a_log_would_obey(hostile: str) -> None:
    reasons = [
        nothing(asked(hostile, None)).reason,
        nothing(asked("pull_request", payload("action", hostile))).reason,
        nothing(
            asked("pull_request", payload("pull_request.user", {"login": f"{hostile[:40]}[bot]"}))
        ).reason,
    ]
    for reason in reasons:
        assert not {"::", "##[", "\n"} & {part for part in ("::", "##[", "\n") if part in reason}
        assert len(reason) < 200


@pytest.mark.parametrize(
    ("author", "message", "is_own"),
    [
        ("testsmith[bot]", f"Add tests\n\n{COMMIT_TRAILER} 1", True),
        ("TestSmith[bot]", f"{COMMIT_TRAILER} 1", True),
        ("ada", f"Add tests\n\n{COMMIT_TRAILER} 1", False),
        (None, f"Add tests\n\n{COMMIT_TRAILER} 1", False),
        ("testsmith[bot]", "Add tests", False),
        ("testsmith[bot]", f"Say {COMMIT_TRAILER} 1", False),
    ],
)
def test_own_commit__says_so_by_author_and_trailer(author: str | None, message: str, *, is_own: bool) -> None:
    assert is_own_commit(author, message, "testsmith[bot]") is is_own


def comment(place: str = "", value: Any = None, *, on_diff: bool = False) -> dict[str, Any]:
    """Return the payload of a comment with a command, with another value at a place."""
    about = payload()["pull_request"] if on_diff else {"number": 7, "state": "open", "pull_request": {}}
    whole: dict[str, Any] = {
        "action": "created",
        "repository": {"full_name": "octo/shop"},
        "comment": {"id": 2**40, "body": "/testsmith apply 1", "user": {"login": "ada", "type": "User"}},
        "pull_request" if on_diff else "issue": about,
    }
    *parents, last = place.split(".")
    part = whole
    for name in parents:
        part = part[name]
    if place:
        part[last] = copy.deepcopy(value)
    return whole


APPLY = ParsedComment(lines=(SlashCommand(verb=Verb.APPLY, numbers=(1,)),))


def test_comment__in_the_conversation() -> None:
    assert asked("issue_comment", comment()) == HandleCommentCommands(
        repository="octo/shop", number=7, comment=2**40, commander="ada", orders=APPLY
    )


def test_comment__on_the_diff() -> None:
    assert asked("pull_request_review_comment", comment(on_diff=True)) == HandleCommentCommands(
        repository="octo/shop",
        number=7,
        comment=2**40,
        commander="ada",
        orders=APPLY,
        is_on_diff=True,
        head_sha=SHA["head"],
    )


def test_comment__a_bare_word_counts_only_as_an_answer() -> None:
    told = comment("comment.body", "apply", on_diff=True)
    assert isinstance(asked("pull_request_review_comment", told), Nothing)
    told["comment"]["in_reply_to_id"] = 12
    task = asked("pull_request_review_comment", told)
    assert isinstance(task, HandleCommentCommands)
    assert (task.thread, task.orders.is_shortcut) == (12, True)


def test_comment__on_the_change_of_a_fork_has_a_small_token() -> None:
    told = comment("pull_request.head", {"sha": SHA["head"], "repo": None}, on_diff=True)
    task = asked("pull_request_review_comment", told)
    assert isinstance(task, HandleCommentCommands)
    assert task.has_small_token


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("action", "edited", "only new comments are processed"),
        ("action", "deleted", "only new comments are processed"),
        ("issue.state", "closed", "is closed"),
        ("issue.pull_request", None, "on an issue"),
        ("comment.user", {"login": "renovate[bot]", "type": "Bot"}, "a bot or a deleted account"),
        ("comment.user", {"login": "robot", "type": "Bot"}, "a bot or a deleted account"),
        ("comment.user", None, "a bot or a deleted account"),
        ("comment.body", "Nice work!", "no command"),
        ("comment.body", "> /testsmith apply 1", "no command"),
        ("comment.body", None, "no command"),
        ("comment.body", "apply", "no command"),
    ],
)
def test_comment__that_is_none_to_obey(place: str, value: Any, told: str) -> None:
    nothing_to_do = nothing(asked("issue_comment", comment(place, value)))
    assert (told in nothing_to_do.reason, nothing_to_do.is_warning) == (True, False)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("comment.id", "12"),
        ("comment.id", True),
        ("comment.body", ["/testsmith apply 1"]),
        ("comment.user", {"login": 3}),
        ("issue.number", 0),
        ("repository.full_name", "octo/shop/../x"),
    ],
)
def test_comment__of_the_wrong_shape(place: str, value: Any) -> None:
    assert nothing(asked("issue_comment", comment(place, value))).is_warning
