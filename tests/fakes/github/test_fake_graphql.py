"""GitHub's GraphQL interface: minimizing, resolving, committing."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from fakes.github.scene import Scene

THREADS = """
query($after: String) { repository(owner: "octo", name: "shop") { pullRequest(number: 1) {
  id headRefOid
  comments(first: 100) { nodes { id databaseId body isMinimized author { login } } pageInfo { hasNextPage } }
  reviewThreads(first: 1, after: $after) { pageInfo { hasNextPage endCursor } nodes {
    id isResolved isOutdated line path viewerCanResolve
    comments(first: 10) { nodes { id databaseId body isMinimized author { login } } } } } } } }
"""
MINIMIZE = """
mutation($id: ID!, $why: ReportedContentClassifiers!) {
  minimizeComment(input: {subjectId: $id, classifier: $why}) { minimizedComment { isMinimized } } }
"""
UNMINIMIZE = """
mutation($id: ID!) { unminimizeComment(input: {subjectId: $id}) { unminimizedComment { isMinimized } } }
"""
RESOLVE = "mutation($id: ID!) { resolveReviewThread(input: {threadId: $id}) { thread { isResolved } } }"
UNRESOLVE = "mutation($id: ID!) { unresolveReviewThread(input: {threadId: $id}) { thread { isResolved } } }"
COMMIT = """
mutation($input: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $input) {
  commit { oid url signature { isValid wasSignedByGitHub } } } }
"""


def threads(at: Scene, after: str | None = None) -> Any:
    return at.query(THREADS, after=after)["data"]["repository"]["pullRequest"]


@pytest.fixture(name="reviewed")
def _reviewed(at: Scene) -> Scene:
    comments = [{"path": "cart.py", "line": line, "body": f"on {line}"} for line in (3, 30)]
    at.ask("POST", "pulls/1/reviews", {"event": "COMMENT", "body": "r", "comments": comments})
    return at


def test_threads__page_by_page(reviewed: Scene) -> None:
    first = threads(reviewed)["reviewThreads"]
    second = threads(reviewed, first["pageInfo"]["endCursor"])["reviewThreads"]
    assert [page["nodes"][0]["line"] for page in (first, second)] == [3, 30]
    assert [page["pageInfo"]["hasNextPage"] for page in (first, second)] == [True, False]
    assert first["nodes"][0]["comments"]["nodes"][0]["author"]["login"] == "github-actions"


EDGES = """
query { repository(owner: "octo", name: "shop") { pullRequest(number: 1) { reviewThreads(first: 9) {
  edges { cursor node { viewerCanResolve viewerCanUnresolve comments(first: 1) { nodes { state } } } } } } } }
"""


def test_threads__what_may_be_done_and_what_is_pending(reviewed: Scene) -> None:
    comments = [{"path": "cart.py", "line": 3, "body": "later"}]
    reviewed.ask("POST", "pulls/1/reviews", {"body": "pending", "comments": comments})
    first = next(iter(reviewed.pull.review_comments))
    reviewed.pull.resolved[first] = reviewed.github.world.user("bob")
    told = reviewed.query(EDGES, reviewed.grant({"contents": "write"}))
    edges = told["data"]["repository"]["pullRequest"]["reviewThreads"]["edges"]
    assert [edge["cursor"] for edge in edges] == ["1", "2", "3"]
    may = [(edge["node"]["viewerCanResolve"], edge["node"]["viewerCanUnresolve"]) for edge in edges]
    assert may == [(False, True), (True, False), (True, False)]
    states = [edge["node"]["comments"]["nodes"][0]["state"] for edge in edges]
    assert states == ["SUBMITTED", "SUBMITTED", "PENDING"]


def test_minimise__a_comment(reviewed: Scene) -> None:
    comment = reviewed.github.say(reviewed.pull, "bob", "old")
    node = f"IC_{comment.id}"
    assert reviewed.query(MINIMIZE, id=node, why="OUTDATED") == {
        "data": {"minimizeComment": {"minimizedComment": {"isMinimized": True}}}
    }
    assert threads(reviewed)["comments"]["nodes"][0]["isMinimized"] is True
    reviewed.query(UNMINIMIZE, id=node)
    assert comment.minimized is None


def test_minimise__review_comments_and_reviews(reviewed: Scene) -> None:
    comment = threads(reviewed)["reviewThreads"]["nodes"][0]["comments"]["nodes"][0]
    review = reviewed.ask("GET", "pulls/1/reviews").json()[0]
    for node in (comment["id"], review["node_id"]):
        assert "errors" not in reviewed.query(MINIMIZE, id=node, why="RESOLVED")
    assert [thread.is_minimized for thread in reviewed.github.threads(reviewed.shop, reviewed.pull)] == [
        True,
        False,
    ]


def test_minimise__unknown_reason_is_githubs_no(reviewed: Scene) -> None:
    answer = reviewed.query(MINIMIZE, id="IC_1", why="BORING")
    assert "errors" in answer
    assert "BORING" in reviewed.github.violations.pop()


def test_minimise__unknown_comment_and_missing_permission(reviewed: Scene) -> None:
    assert reviewed.query(MINIMIZE, id="IC_1", why="OUTDATED")["errors"][0]["type"] == "NOT_FOUND"
    comment = reviewed.github.say(reviewed.pull, "bob", "old")
    token = reviewed.grant({"contents": "write"})
    refused = reviewed.query(MINIMIZE, token, id=f"IC_{comment.id}", why="OUTDATED")
    assert refused["errors"][0]["type"] == "FORBIDDEN"
    assert comment.minimized is None


def test_resolve__needs_the_permission_to_write_contents(reviewed: Scene) -> None:
    thread = threads(reviewed)["reviewThreads"]["nodes"][0]
    assert thread["viewerCanResolve"] is False
    refused = reviewed.query(RESOLVE, id=thread["id"])
    assert refused["data"] == {"resolveReviewThread": None}
    assert refused["errors"][0]["type"] == "FORBIDDEN"
    assert refused["errors"][0]["message"] == "Resource not accessible by integration"
    writer = reviewed.grant({"contents": "write", "pull_requests": "write"})
    assert "errors" not in reviewed.query(RESOLVE, writer, id=thread["id"])
    assert [one.is_resolved for one in reviewed.github.threads(reviewed.shop, reviewed.pull)] == [True, False]
    reviewed.query(UNRESOLVE, writer, id=thread["id"])
    assert not reviewed.pull.resolved


def commit_input(head: str) -> dict[str, Any]:
    contents = base64.b64encode("größe = 1\n".encode()).decode()
    return {
        "branch": {"repositoryNameWithOwner": "octo/shop", "branchName": "change"},
        "expectedHeadOid": head,
        "message": {"headline": "Add tests", "body": "of the bot's"},
        "fileChanges": {
            "additions": [{"path": "tests/test_tea.py", "contents": contents}],
            "deletions": [{"path": "tea.py"}],
        },
    }


def test_commit__is_signed_and_guarded(at: Scene) -> None:
    token, head = at.grant({"contents": "write"}), at.pull.head
    made = at.query(COMMIT, token, input=commit_input(head))["data"]["createCommitOnBranch"]["commit"]
    assert (made["signature"]["wasSignedByGitHub"], at.pull.head) == (True, made["oid"])
    stored = at.shop.git.commit(made["oid"])
    assert (stored.message, stored.author.name) == ("Add tests\n\nof the bot's", "github-actions[bot]")
    assert at.shop.git.blob(f"{made['oid']}:tests/test_tea.py").decode() == "größe = 1\n"
    assert "tea.py" not in [entry.path for entry in at.shop.git.tree(made["oid"])]
    stale = at.query(COMMIT, token, input=commit_input(head))
    assert stale["errors"][0]["type"] == "STALE_DATA"
    assert at.pull.head == made["oid"]


def test_commit__needs_permission_and_a_free_branch(at: Scene) -> None:
    told = commit_input(at.pull.head)
    assert at.query(COMMIT, input=told)["errors"][0]["type"] == "FORBIDDEN"
    at.shop.protected.add("change")
    refused = at.query(COMMIT, at.grant({"contents": "write"}), input=told)
    assert "errors" in refused
    assert at.pull.head == at.pull.previous_head


def test_query__unknown_field_breaks_the_contract(at: Scene) -> None:
    assert "errors" in at.query("query { viewer { shoeSize } }")
    assert "shoeSize" in at.github.violations.pop()


def test_connection__needs_a_bound(at: Scene) -> None:
    document = THREADS.replace("reviewThreads(first: 1, after: $after)", "reviewThreads(after: $after)")
    assert at.query(document)["errors"][0]["type"] == "MISSING_PAGINATION_BOUNDARIES"
    document = THREADS.replace("first: 1,", "first: 101,")
    assert at.query(document)["errors"][0]["type"] == "EXCESSIVE_PAGINATION"


def test_unknown__repository_and_pull_request(at: Scene) -> None:
    document = THREADS.replace('name: "shop"', 'name: "none"')
    assert at.query(document)["errors"][0]["type"] == "NOT_FOUND"
    document = THREADS.replace("number: 1", "number: 9")
    assert at.query(document)["errors"][0]["type"] == "NOT_FOUND"
