"""What is written exactly once, at the HTTP edge."""

from __future__ import annotations

import pytest
from forge.github.clients import comment as new_comment
from forge.github.http import (
    BOT,
    COMMENTS,
    GRAPHQL,
    OTHER,
    PULL,
    REPO,
    SHA,
    Http,
    Json,
    comment,
    conversation,
    page,
    review,
)

from testsmith.forge.comment_markers import SUMMARY_MARK, answer_mark, run_digest, run_mark
from testsmith.forge.commits import BranchProtected, CannotOpenPulls, FileChange, NewCommit, OwnPull, PullText
from testsmith.forge.interface import (
    Classifier,
    CommentRef,
    CreateReview,
    CreateSummary,
    DeletePendingReview,
    Forbidden,
    ForgeFailure,
    HeadMoved,
    HideComment,
    NotFound,
    Operation,
    OutcomeUnknown,
    Reaction,
    Refused,
    ResolveThread,
    UpdateSummary,
)

SUMMARY = f"TestSmith proposes nothing.\n\nno call\n\n{SUMMARY_MARK}"
SUMMARY_BEFORE = f"TestSmith proposes tests.\n\nno call\n\n{SUMMARY_MARK}"
SUMMARY_PATH = f"{REPO}/issues/comments/7"
REVIEWS = f"{PULL}/reviews"
FORBIDDEN = {"message": "Resource not accessible by integration"}
FORBIDDEN_BY_GRAPHQL = {"errors": [{"type": "FORBIDDEN", "message": FORBIDDEN["message"]}]}


def test_summary__lost_and_there_is_not_made_again(http: Http) -> None:
    http.lose("POST", COMMENTS)
    http.on("POST", GRAPHQL, conversation(comments=page(comment(7, SUMMARY))))
    assert http.forge.apply(1, CreateSummary(body=SUMMARY)).was_there
    assert http.sent("POST", "comments") == [{"body": SUMMARY}]


@pytest.mark.parametrize("there", [page(), page(comment(7, SUMMARY, "mallory"))], ids=["none", "a person's"])
def test_summary__lost_and_not_there_is_made(http: Http, there: Json) -> None:
    http.lose("POST", COMMENTS)
    http.on("POST", COMMENTS, {}, 201)
    http.on("POST", GRAPHQL, conversation(comments=there))
    assert not http.forge.apply(1, CreateSummary(body=SUMMARY)).was_there
    assert len(http.sent("POST", "comments")) == 2


def test_summary__lost_while_another_run_makes_one(http: Http) -> None:
    http.lose("POST", COMMENTS)
    http.on("POST", GRAPHQL, conversation(comments=page(comment(7, SUMMARY_BEFORE))))
    http.on("PATCH", SUMMARY_PATH, {})
    assert http.forge.apply(1, CreateSummary(body=SUMMARY)).was_there
    assert http.sent("PATCH") == [{"body": SUMMARY}]


def test_summary__an_update_is_sent_again(http: Http) -> None:
    http.lose("PATCH", SUMMARY_PATH)
    http.on("PATCH", SUMMARY_PATH, {})
    http.on("PATCH", SUMMARY_PATH, {"message": "Not Found"}, 404)
    http.forge.apply(1, UpdateSummary(comment=7, body=SUMMARY))
    assert http.sent("PATCH") == [{"body": SUMMARY}] * 2
    with pytest.raises(NotFound, match="Cannot update the summary comment"):
        http.forge.apply(1, UpdateSummary(comment=7, body=SUMMARY))


@pytest.mark.parametrize(
    ("said", "path"),
    [
        (CommentRef(comment=5), "issues/1/comments"),
        (CommentRef(comment=5, is_on_diff=True), "pulls/1/comments/5/replies"),
        (CommentRef(comment=5, is_on_diff=True, thread=4), "pulls/1/comments/4/replies"),
    ],
)
def test_answer__a_lost_one_makes_no_second(http: Http, said: CommentRef, path: str) -> None:
    body = f"Help.\n\n{answer_mark(5)}"
    http.lose("POST", f"{REPO}/{path}", times=2)
    http.on("POST", GRAPHQL, conversation())
    http.on("POST", GRAPHQL, conversation(comments=page(comment(7, body))))
    http.forge.answer(1, said, body)
    assert http.sent("POST", path) == [{"body": body}] * 2


@pytest.mark.parametrize(("is_on_diff", "kind"), [(False, "issues"), (True, "pulls")])
def test_react__to_a_comment(http: Http, kind: str, *, is_on_diff: bool) -> None:
    path = f"{REPO}/{kind}/comments/5/reactions"
    http.lose("POST", path)
    http.on("POST", path, {}, 201)
    http.on("POST", path, FORBIDDEN, 403)
    said = CommentRef(comment=5, is_on_diff=is_on_diff)
    http.forge.react(said, Reaction.SEEN)
    assert http.sent("POST") == [{"content": "eyes"}] * 2
    with pytest.raises(Forbidden, match="react to a comment") as refused:
        http.forge.react(said, Reaction.DONE)
    assert refused.value.permission == "pull-requests: write"


@pytest.mark.parametrize(
    ("operation", "data"),
    [
        (HideComment(node_id="C", reason=Classifier.RESOLVED), {"subjectId": "C", "classifier": "RESOLVED"}),
        (HideComment(node_id="C", reason=None), {"subjectId": "C"}),
        (ResolveThread(thread="T"), {"threadId": "T"}),
        (ResolveThread(thread="T", is_resolved=False), {"threadId": "T"}),
    ],
)
def test_mutation__is_repeated_and_what_is_gone_is_a_note(
    http: Http, operation: Operation, data: Json
) -> None:
    http.lose("POST", GRAPHQL)
    http.on("POST", GRAPHQL, {"data": {}})
    http.on("POST", GRAPHQL, {"errors": [{"type": "NOT_FOUND", "message": "Could not resolve to a node"}]})
    assert http.forge.apply(1, operation).note == ""
    assert [sent["variables"]["input"] for sent in http.sent("POST")] == [data] * 2
    assert "It no longer exists" in http.forge.apply(1, operation).note


@pytest.mark.parametrize("is_resolved", [True, False])
def test_resolving__where_the_token_may_not_is_a_note(http: Http, *, is_resolved: bool) -> None:
    http.on("POST", GRAPHQL, FORBIDDEN_BY_GRAPHQL)
    applied = http.forge.apply(1, ResolveThread(thread="T", is_resolved=is_resolved))
    assert applied.note.endswith("Grant the workflow's token `contents: write`.")


def test_pending_review__is_deleted_and_may_be_gone(http: Http) -> None:
    http.on("DELETE", f"{REVIEWS}/5", {})
    http.on("DELETE", f"{REVIEWS}/5", {"message": "Not Found"}, 404)
    assert not http.forge.apply(1, DeletePendingReview(review=5)).was_there
    assert http.forge.apply(1, DeletePendingReview(review=5)).was_there


COMMENT = new_comment(1, 3)
RUN = run_digest(SHA, [COMMENT.content])
REVIEW = CreateReview(head=SHA, body=f"Tests.\n\n{run_mark(RUN)}", comments=(COMMENT,), run=RUN)


def at_head(http: Http, sha: str = SHA) -> None:
    http.on("GET", PULL, http.pull(head={"sha": sha}, changed_files=1))


def test_review__not_for_a_head_that_is_none_any_more(http: Http) -> None:
    at_head(http, OTHER)
    with pytest.raises(HeadMoved, match="has a new head") as failed:
        http.forge.apply(1, REVIEW)
    assert failed.value.found == OTHER
    assert http.sent("POST") == []


def test_review__the_head_moves_while_a_limit_is_waited_for(http: Http) -> None:
    at_head(http)
    at_head(http, OTHER)
    http.on("POST", REVIEWS, "", 429, headers={"Retry-After": "30"})
    with pytest.raises(HeadMoved):
        http.forge.apply(1, REVIEW)
    assert len(http.sent("POST", "/reviews")) == 1


def test_review__lost_and_there_is_not_made_again(http: Http) -> None:
    at_head(http)
    http.lose("POST", REVIEWS)
    http.on("POST", GRAPHQL, conversation(reviews=page(review(5, REVIEW.body))))
    applied = http.forge.apply(1, REVIEW)
    assert (applied.was_there, applied.refused) == (True, (COMMENT.content,))  # its comment is not there
    assert len(http.sent("POST", "/reviews")) == 1


@pytest.mark.parametrize(
    "there",
    [page(), page(review(5, REVIEW.body, "mallory")), page(review(5, REVIEW.body, state="PENDING"))],
    ids=["none", "a person's", "a pending one"],
)
def test_review__lost_and_not_there_is_made(http: Http, there: Json) -> None:
    at_head(http)
    http.lose("POST", REVIEWS)
    http.on("POST", REVIEWS, {"id": 6})
    http.on("POST", GRAPHQL, conversation(reviews=there))
    assert not http.forge.apply(1, REVIEW).was_there
    told = {"commit_id": SHA, "body": REVIEW.body, "event": "COMMENT"}
    place = {"path": "cart.py", "line": 3, "side": "RIGHT", "body": COMMENT.body}
    assert http.sent("POST", "/reviews") == [told | {"comments": [place]}] * 2


def test_review__a_pending_one_that_is_not_ours_stays(http: Http) -> None:
    at_head(http)
    http.on("POST", REVIEWS, {"message": "User can only have one pending review per pull request"}, 422)
    http.on("POST", GRAPHQL, conversation(reviews=page(review(5, "my thoughts", state="PENDING"))))
    with pytest.raises(Refused, match="has a pending review: submit or delete it"):
        http.forge.apply(1, REVIEW)


TEST = FileChange(path="tests/test_a.py", content=b"x")
GONE = FileChange(path="old.py", content=None)
EXECUTABLE = FileChange(path="tests/a.py", content=b"\xff", is_executable=True)
BRANCH = f"{REPO}/branches/change"
REF = f"{REPO}/git/refs/heads/change"
MADE = {"data": {"createCommitOnBranch": {"commit": {"oid": OTHER}}}}


def order(*changes: FileChange, merged: str = "") -> NewCommit:
    return NewCommit(
        branch="change", parent=SHA, headline="Add tests", body="All", changes=changes, merged=merged
    )


def branch_at(http: Http, *shas: str) -> None:
    for sha in shas:
        http.on("GET", BRANCH, {"commit": {"sha": sha}, "protected": False})


def ours(http: Http, message: str = "Add tests\n\nAll") -> None:
    told: Json = {"author": {"login": BOT}, "committer": None, "commit": {"message": message}}
    http.on("GET", f"{REPO}/commits/{OTHER}", told | {"parents": [{"sha": SHA}]})


def test_commit__adds_and_removes_in_one_mutation(http: Http) -> None:
    http.on("POST", GRAPHQL, MADE)
    assert http.forge.commit_files(order(TEST, GONE)).sha == OTHER
    (sent,) = http.sent("POST")
    assert sent["variables"]["input"] == {
        "branch": {"repositoryNameWithOwner": "octo/shop", "branchName": "change"},
        "expectedHeadOid": SHA,
        "message": {"headline": "Add tests", "body": "All"},
        "fileChanges": {
            "additions": [{"path": "tests/test_a.py", "contents": "eA=="}],
            "deletions": [{"path": "old.py"}],
        },
    }


def test_commit__lost_and_there_is_not_made_again(http: Http) -> None:
    http.lose("POST", GRAPHQL)
    branch_at(http, OTHER)
    ours(http)
    assert http.forge.commit_files(order(TEST)).sha == OTHER
    assert len(http.sent("POST")) == 1


def test_commit__lost_while_somebody_pushes(http: Http) -> None:
    http.lose("POST", GRAPHQL)
    http.on("POST", GRAPHQL, {"errors": [{"type": "STALE_DATA", "message": "Expected branch to point to"}]})
    branch_at(http, OTHER)
    ours(http, "Theirs")
    with pytest.raises(HeadMoved) as moved:
        http.forge.commit_files(order(TEST))
    assert moved.value.found == OTHER


def test_commit__an_error_without_a_type_may_be_anything(http: Http) -> None:
    http.on("POST", GRAPHQL, {"errors": [{"message": "Something went wrong"}]})
    branch_at(http, SHA)
    with pytest.raises(OutcomeUnknown, match="Cannot commit"):
        http.forge.commit_files(order(TEST))
    assert len(http.sent("POST")) == 3


def objects(http: Http) -> None:
    """Take the git objects of a commit."""
    for parent in (SHA, OTHER):
        http.on("GET", f"{REPO}/git/commits/{parent}", {"tree": {"sha": parent}})
    for kind in ("blobs", "trees", "commits"):
        http.on("POST", f"{REPO}/git/{kind}", {"sha": OTHER}, 201)


@pytest.mark.parametrize(("merged", "parents"), [("", [SHA]), (OTHER, [SHA, OTHER])])
def test_commit__by_objects_keeps_the_mode_and_a_second_parent(
    http: Http, merged: str, parents: list[str]
) -> None:
    branch_at(http, SHA)
    objects(http)
    http.lose("PATCH", REF)
    http.on("PATCH", REF, {})
    assert http.forge.commit_files(order(EXECUTABLE, GONE, merged=merged)).sha == OTHER
    assert http.sent("POST", "/blobs") == [{"content": "/w==", "encoding": "base64"}]
    (tree,) = http.sent("POST", "/trees")
    assert tree == {
        "base_tree": parents[-1],
        "tree": [
            {"path": "tests/a.py", "mode": "100755", "type": "blob", "sha": OTHER},
            {"path": "old.py", "mode": "100644", "type": "blob", "sha": None},
        ],
    }
    assert http.sent("POST", "/commits") == [
        {"message": "Add tests\n\nAll", "tree": OTHER, "parents": parents}
    ]
    assert http.sent("PATCH") == [{"sha": OTHER, "force": False}] * 2


def test_commit__by_objects_lost_and_there_is_not_made_again(http: Http) -> None:
    branch_at(http, SHA, OTHER)
    objects(http)
    http.lose("PATCH", REF)
    assert http.forge.commit_files(order(EXECUTABLE)).sha == OTHER
    assert len(http.sent("PATCH")) == 1


def test_commit__by_objects_never_on_another_head(http: Http) -> None:
    branch_at(http, OTHER)
    with pytest.raises(HeadMoved) as moved:
        http.forge.commit_files(order(EXECUTABLE))
    assert moved.value.found == OTHER
    assert http.sent("POST") == []


PROTECTED = "Changes must be made through a pull request."


@pytest.mark.parametrize(
    ("said", "error", "kind"),
    [
        ("Update is not a fast forward", "STALE_DATA", HeadMoved),
        (PROTECTED, "BRANCH_PROTECTION_RULE_VIOLATION", BranchProtected),
        ("Something else", "OTHER", ForgeFailure),
    ],
)
@pytest.mark.parametrize("change", [TEST, EXECUTABLE], ids=["mutation", "objects"])
def test_commit__what_a_refusal_means(
    http: Http, change: FileChange, said: str, error: str, kind: type[ForgeFailure]
) -> None:
    branch_at(http, SHA)
    objects(http)
    http.on("PATCH", REF, {"message": said}, 422)
    http.on("POST", GRAPHQL, {"errors": [{"type": error, "message": "x"}]})
    with pytest.raises(ForgeFailure) as failed:
        http.forge.commit_files(order(change))
    assert isinstance(failed.value, kind)
    assert isinstance(failed.value, HeadMoved | BranchProtected) is (error != "OTHER")


@pytest.mark.parametrize("change", [TEST, EXECUTABLE], ids=["mutation", "objects"])
def test_commit__without_the_permission(http: Http, change: FileChange) -> None:
    branch_at(http, SHA)
    http.on("GET", f"{REPO}/git/commits/{SHA}", {"tree": {"sha": SHA}})
    http.on("POST", f"{REPO}/git/blobs", FORBIDDEN, 403)
    http.on("POST", GRAPHQL, FORBIDDEN_BY_GRAPHQL)
    with pytest.raises(Forbidden, match="`contents: write`") as refused:
        http.forge.commit_files(order(change))
    assert refused.value.permission == "contents: write"


def test_branch__made_where_there_is_one_stays(http: Http) -> None:
    http.on("POST", f"{REPO}/git/refs", {"message": "Reference already exists"}, 422)
    http.on("POST", f"{REPO}/git/refs", {"message": "Reference name is invalid"}, 422)
    http.forge.create_branch("change", SHA)
    with pytest.raises(Refused, match="make branch change"):
        http.forge.create_branch("change", SHA)
    assert http.sent("POST") == [{"ref": "refs/heads/change", "sha": SHA}] * 2


def test_branch__is_removed_only_where_it_is_expected(http: Http) -> None:
    branch_at(http, OTHER, OTHER, SHA, SHA)
    http.on("GET", BRANCH, {"message": "Branch not found"}, 404)
    http.lose("DELETE", REF)
    with pytest.raises(HeadMoved) as moved:
        http.forge.remove_branch("change", SHA)
    assert moved.value.found == OTHER
    http.forge.remove_branch("change", SHA)  # its answer is lost, and the branch is gone
    http.forge.remove_branch("change", SHA)
    assert len(http.sent("DELETE")) == 1


PULLS = f"{REPO}/pulls"
TEXT = PullText(title="Tests", body="b")


def test_pull__lost_and_there_is_not_opened_again(http: Http) -> None:
    mine = http.make("pull-request-simple", number=2, html_url="https://x/2", state="open", body="b")
    mine |= {"head": mine["head"] | {"sha": SHA, "ref": "testsmith/pr-1"}, "merged_at": None}
    http.lose("POST", PULLS)
    http.on("GET", PULLS, [mine])
    opened = http.forge.open_pull("testsmith/pr-1", "change", TEXT)
    assert opened == OwnPull(number=2, url="https://x/2", head=SHA, body="b")
    told = {"head": "testsmith/pr-1", "base": "change", "title": "Tests", "body": "b"}
    assert http.sent("POST") == [told]


def test_pull__where_workflows_may_open_none(http: Http) -> None:
    said = "GitHub Actions is not permitted to create or approve pull requests."
    http.on("POST", PULLS, {"message": said}, 403)
    with pytest.raises(CannotOpenPulls, match="Allow GitHub Actions to create"):
        http.forge.open_pull("testsmith/pr-1", "change", TEXT)


@pytest.mark.parametrize("title", ["Tests", ""])
def test_pull__its_title_stays_where_none_is_given(http: Http, title: str) -> None:
    http.lose("PATCH", PULL)
    http.on("PATCH", PULL, {"number": 1, "html_url": "https://x/1"})
    http.forge.update_pull(1, PullText(title=title, body="b"))
    assert http.sent("PATCH") == [{"body": "b"} | ({"title": title} if title else {})] * 2


def test_await_head__until_the_pull_request_shows_it(http: Http) -> None:
    at_head(http, OTHER)
    at_head(http, SHA)
    http.forge.await_head(1, SHA)
    assert http.naps == [1.0]
    http.forge.await_head(1, OTHER)
    assert http.naps == [1.0] * 11


@pytest.mark.parametrize(
    "operation",
    [
        CreateSummary(body=SUMMARY),
        UpdateSummary(comment=7, body=SUMMARY),
        REVIEW,
        HideComment(node_id="C", reason=Classifier.OUTDATED),
        HideComment(node_id="C", reason=None),
    ],
    ids=lambda operation: type(operation).__name__,
)
def test_forbidden__all_that_writes(http: Http, operation: Operation) -> None:
    at_head(http)
    for method, url in (("POST", COMMENTS), ("PATCH", SUMMARY_PATH), ("POST", REVIEWS)):
        http.on(method, url, FORBIDDEN, 403)
    http.on("POST", GRAPHQL, FORBIDDEN_BY_GRAPHQL)
    with pytest.raises(Forbidden, match="not accessible by integration") as failed:
        http.forge.apply(1, operation)
    assert failed.value.permission == "pull-requests: write"
