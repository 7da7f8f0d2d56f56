"""The fake holds every exchange against GitHub's own description, and so do the tests that use it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fakes.github.contract import FOLDER, Contract
from fakes.github.github import ContractBroken
from fakes.github.scene import Scene, client, scene


def test_contract__broken_at_the_end_fails_the_test(tmp_path: Path) -> None:
    with pytest.raises(ContractBroken, match="coments"), scene(tmp_path / "github") as at:
        at.ask("POST", "pulls/1/reviews", {"event": "COMMENT", "coments": []})


@pytest.mark.parametrize(
    ("method", "path", "told", "word"),
    [
        ("POST", "pulls/1/reviews", {"event": "LGTM"}, "LGTM"),
        ("POST", "pulls/1/reviews", {"comments": [{"path": "cart.py", "body": "b", "lin": 3}]}, "lin"),
        ("POST", "pulls/1/reviews", {"comments": [{"path": "cart.py", "body": "b", "line": "3"}]}, "line"),
        ("POST", "pulls/1/reviews", {"comments": [{"path": "cart.py", "line": 3}]}, "body"),
        ("POST", "pulls/1/comments", {"body": "b", "path": "cart.py", "line": 3}, "commit_id"),
        ("POST", "issues/1/comments", {}, "body"),
        ("POST", "issues/1/comments", None, "body is missing"),
        ("POST", "issues/1/reactions", {"content": "party"}, "party"),
        ("POST", "check-runs", {"name": "n"}, "head_sha"),
        ("GET", "pulls?state=ajar", None, "ajar"),
        ("GET", "pulls?perpage=5", None, "unknown query parameter perpage"),
        ("GET", "pulls/one", None, "no integer"),
    ],
)
def test_request__what_github_does_not_know(at: Scene, method: str, path: str, told: Any, word: str) -> None:
    answer = at.ask(method, path, told)
    assert answer.status_code == 422
    assert word in " ".join(at.github.violations)
    at.github.violations.clear()


def test_request__unknown_operation(at: Scene) -> None:
    assert at.ask("GET", "gists").status_code == 501
    assert at.github.violations.pop() == "no such operation: GET /repos/octo/shop/gists"


def test_answer__that_breaks_the_description_is_told() -> None:
    contract = Contract()
    called = contract.find("GET", "/repos/octo/shop/issues/comments/1")
    assert called is not None
    contract.check_answer(called, 200, {"id": "one"})
    assert contract.violations
    contract.violations.clear()
    contract.check_answer(called, 418, {})
    contract.check_answer(called, 206, {})
    assert contract.violations == ["answer issues/get-comment: 206 is not described"]


def test_operation__is_found_by_its_path() -> None:
    contract = Contract()
    found = [
        contract.find("GET", f"/repos/o/r/{path}")
        for path in ("git/ref/heads/a/b", "contents/a%20b/c.py", "pulls/comments/1", "compare/a/b...c/d")
    ]
    assert [(one.operation.name, list(one.parameters.values())[2]) for one in found if one] == [
        ("git/get-ref", "heads/a/b"),
        ("repos/get-content", "a b/c.py"),
        ("pulls/get-review-comment", "1"),
        ("repos/compare-commits-with-basehead", "a/b...c/d"),
    ]


def test_operation__each_is_made(at: Scene) -> None:
    names = (FOLDER / "kept" / "operations.txt").read_text().split()
    rooms = at.github.answering.rest.rooms
    methods = [name.replace("/", "__").replace("-", "_") for name in names]
    assert [name for name in methods if not any(hasattr(room, name) for room in rooms)] == []


def test_skeleton__knows_no_misspelt_property() -> None:
    with pytest.raises(AssertionError, match="nme"):
        Contract().make("label", nme="x")


def test_whole_surface__by_pygithub_without_a_violation(at: Scene) -> None:
    """Everything that a bot may want, as a client that knows nothing of the fake asks for it."""
    token = at.grant(dict.fromkeys(("contents", "pull_requests", "checks", "statuses", "actions"), "write"))
    repository = client(at.github, token).get_repo("octo/shop")
    pull = repository.get_pull(1)
    talk(repository, pull)
    review(pull)
    code(repository, pull)
    assert not at.github.violations
    assert len({one.operation for one in at.github.exchanges}) > 45


def talk(repository: Any, pull: Any) -> None:
    comment = pull.create_issue_comment("summary")
    comment.edit("summary, edited")
    reaction = comment.create_reaction("eyes")
    assert comment.create_reaction("eyes").id == reaction.id
    assert [one.content for one in comment.get_reactions()] == ["eyes"]
    comment.delete_reaction(reaction.id)
    assert pull.get_issue_comment(comment.id).body == "summary, edited"
    assert [one.body for one in pull.get_issue_comments()] == ["summary, edited"]
    pull.add_to_labels("skip", "later")
    pull.remove_from_labels("later")
    assert [one.name for one in pull.get_labels()] == ["skip"]
    issue = repository.get_issue(1)
    issue.create_reaction("rocket")
    assert [one.event for one in issue.get_events()] == ["labeled", "labeled", "unlabeled"]
    pull.edit(title="Better", state="closed")
    pull.edit(state="open")
    assert [one.title for one in repository.get_pulls(state="open")] == ["Better"]
    comment.delete()


def review(pull: Any) -> None:
    made = pull.create_review(
        event="COMMENT", body="r", comments=[{"path": "cart.py", "line": 3, "body": "c"}]
    )
    (comment,) = pull.get_review_comments()
    comment.edit("better")
    comment.create_reaction("+1")
    pull.create_review_comment_reply(comment.id, "reply")
    commit = pull.base.repo.get_commit(pull.head.sha)
    on_file = pull.create_review_comment("f", commit, "cart.py", subject_type="file")
    on_file.delete()
    assert pull.get_review_comment(comment.id).body == "better"
    assert [one.body for one in pull.get_single_review_comments(made.id)] == ["better"]
    pending = pull.create_review(body="p")
    assert pending.state == "PENDING"
    pending.delete()
    assert len(list(pull.get_reviews())) == 2


def code(repository: Any, pull: Any) -> None:
    assert [one.filename for one in pull.get_files()] == ["cart.py", "tea.py"]
    assert [one.sha for one in pull.get_commits()] == [pull.head.sha]
    assert repository.compare("main", "change").ahead_by == 1
    assert b"kind" in repository.get_contents("tea.py", ref="change").decoded_content
    assert repository.get_git_tree("change", recursive=True).tree
    assert repository.get_git_blob(pull.get_files()[0].sha).encoding == "base64"
    assert [one.number for one in repository.get_commit(pull.head.sha).get_pulls()] == [1]
    repository.get_commit(pull.head.sha).create_status("success", context="testsmith")
    run = repository.create_check_run("testsmith", pull.head.sha, status="in_progress")
    run.edit(conclusion="neutral", output={"title": "t", "summary": "s"})
    assert repository.get_check_run(run.id).conclusion == "neutral"
    assert [one.name for one in repository.get_commit(pull.head.sha).get_check_runs()] == ["testsmith"]
    assert repository.get_workflow_runs().totalCount == 0
    assert not repository.get_branch("change").protected
    made = repository.create_file("a.txt", "m", "one\n", branch="change")
    assert repository.get_git_commit(made["commit"].sha).message == "m"
    reference = repository.create_git_ref("refs/heads/bot", pull.head.sha)
    reference.edit(made["commit"].sha)
    assert repository.get_git_ref("heads/bot").object.sha == made["commit"].sha
    other = repository.create_pull(base="main", head="bot", title="Bot's", body="b", draft=True)
    assert (other.number, other.draft) == (2, True)
    reference.delete()
