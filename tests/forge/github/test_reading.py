"""What is read of a repository, at the HTTP edge."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import Any

import pytest
from forge.github.http import (
    BOT,
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
    thread,
)

from testsmith.forge.commits import Ahead, Branch, OwnPull
from testsmith.forge.github.conversation import REQUESTS
from testsmith.forge.interface import (
    Comment,
    Commit,
    DiffTooLarge,
    Existing,
    FilePatch,
    ForgeFailure,
    Issue,
    NotFound,
    PullRequest,
    Review,
    ReviewComment,
    Thread,
    Viewer,
)
from testsmith.settings import Role

FILES = f"{PULL}/files"
BASE = {"sha": OTHER, "ref": "main"}
PULL_REQUEST = PullRequest(
    repository="octo/shop",
    number=1,
    head_sha=SHA,
    base_sha=OTHER,
    base_ref="main",
    head_repository="ada/shop",
    head_ref="change",
    default_branch="trunk",
    files=2,
    pushed_at="2026-01-05T09:00:00Z",
)


def repository(http: Http, name: str) -> Json:
    return http.make("repository", full_name=name, default_branch="trunk", pushed_at="2026-01-05T09:00:00Z")


def test_pull_request__as_it_is(http: Http) -> None:
    told = http.pull(
        head={"sha": SHA, "ref": "change", "repo": repository(http, "ada/shop")},
        base=BASE | {"repo": repository(http, "octo/shop")},
        state="open",
        changed_files=2,
    )
    http.on("GET", PULL, told)
    http.on("GET", PULL, told | {"state": "closed", "head": told["head"] | {"repo": None}})
    assert http.forge.pull_request(1) == PULL_REQUEST
    gone = replace(PULL_REQUEST, is_open=False, head_repository=None, pushed_at="")
    assert http.forge.pull_request(1) == gone


def test_pull_request__that_is_none(http: Http) -> None:
    http.on("GET", PULL, {"message": "Not Found"}, 404)
    with pytest.raises(NotFound, match="Cannot read pull request 1: GitHub says 'Not Found'"):
        http.forge.pull_request(1)


def test_pull_request__of_a_list_has_no_number_of_files(http: Http) -> None:
    told = http.pull()
    del told["changed_files"]
    http.on("GET", PULL, told)
    with pytest.raises(ForgeFailure, match="did not return the number of its files"):
        http.forge.pull_request(1)


@pytest.mark.parametrize("body", ["It is wrong.", None])
def test_issue__as_it_is(http: Http, body: str | None) -> None:
    http.on("GET", f"{REPO}/issues/12", http.make("issue", number=12, title="Totals", body=body))
    assert http.forge.issue(12) == Issue(number=12, title="Totals", body=body or "")


def listed(http: Http, name: str, **what_matters: Any) -> Json:
    return http.make("diff-entry", filename=name, sha=SHA, **what_matters)


def test_file_patches__past_one_page(http: Http) -> None:
    names = [f"{number}.py" for number in range(101)]
    http.on("GET", PULL, http.pull(changed_files=101))
    http.on("GET", FILES, [listed(http, name, status="modified", patch="@@") for name in names[:100]])
    http.on("GET", FILES, [listed(http, names[100], status="removed")])
    patches = http.forge.file_patches(1)
    assert patches[0] == FilePatch(path="0.py", patch="@@")
    assert patches[100] == FilePatch(path="100.py", patch=None, is_removed=True)


@pytest.mark.parametrize(("changed", "found"), [(3_001, 3_000), (2, 1)])
def test_file_patches__more_than_github_lists(http: Http, changed: int, found: int) -> None:
    http.on("GET", PULL, http.pull(changed_files=changed))
    http.on("GET", FILES, [listed(http, "a.py", status="added")])
    with pytest.raises(DiffTooLarge, match=f"changes {changed} files, of which GitHub lists {found}"):
        http.forge.file_patches(1)


@pytest.mark.parametrize("status", [406, 422])
def test_file_patches__a_diff_that_github_does_not_make(http: Http, status: int) -> None:
    http.on("GET", PULL, http.pull(changed_files=1))
    http.on("GET", FILES, {"message": "Sorry, this diff is taking too long to generate."}, status)
    with pytest.raises(DiffTooLarge, match="this diff is taking too long"):
        http.forge.file_patches(1)


@pytest.mark.parametrize(
    ("author", "committer", "verified", "is_certain"),
    [
        ("ada", "ada", True, True),
        ("ada", "web-flow", True, True),
        ("ada", "ada", False, False),
        ("ada", "mallory", True, False),
        (None, None, True, False),
    ],
)
def test_commit__who_certainly_made_it(
    http: Http, author: str | None, committer: str | None, *, verified: bool, is_certain: bool
) -> None:
    told = {
        "author": {"login": author} if author else {},
        "committer": {"login": committer} if committer else None,
        "commit": {"message": "Change", "verification": {"verified": verified}},
        "parents": [{"sha": OTHER}],
    }
    http.on("GET", f"{REPO}/commits/{SHA}", told)
    assert http.forge.commit(SHA) == Commit(
        author=author, message="Change", parents=(OTHER,), is_certain=is_certain
    )


@pytest.mark.parametrize("name", ["change", "feature/x#1%20", "ä/ü"])
def test_branch__and_one_that_does_not_exist(http: Http, name: str) -> None:
    http.mock.add_callback("GET", _any(f"{REPO}/branches/"), lambda _: (200, {}, _branch()))
    assert http.forge.branch(name) == Branch(name=name, sha=SHA, is_protected=True)


def _any(prefix: str) -> Any:
    return re.compile(re.escape(prefix))


def _branch() -> str:
    return f'{{"commit": {{"sha": "{SHA}"}}, "protected": true}}'


def test_default_branch__of_a_repository_without_a_commit(http: Http) -> None:
    http.on("GET", REPO, repository(http, "octo/shop"))
    http.on("GET", f"{REPO}/branches/trunk", {"message": "Branch not found"}, 404)
    http.on("GET", f"{REPO}/branches/trunk", _branch())
    with pytest.raises(ForgeFailure, match="Push a first commit to it"):
        http.forge.default_branch()
    assert http.forge.default_branch() == Branch(name="trunk", sha=SHA, is_protected=True)


def test_ahead__and_the_contents_of_its_files(http: Http) -> None:
    commit: Json = {"author": {"login": BOT}, "committer": None, "commit": {"message": "m"}, "parents": []}
    files = [
        listed(http, "new.py", status="renamed") | {"previous_filename": "old.py"},
        listed(http, "gone.py", status="removed"),
    ]
    told = {
        "commits": [commit, commit | {"author": None}],
        "total_commits": 2,
        "behind_by": 3,
        "files": files,
    }
    http.on("GET", f"{REPO}/compare/{SHA}...{OTHER}", told)
    http.on("GET", f"{REPO}/compare/{SHA}...{OTHER}", told | {"total_commits": 9, "files": files * 150})
    ahead = http.forge.ahead(SHA, OTHER)
    assert ahead == Ahead(
        authors=(BOT, None),
        messages=("m", "m"),
        files={"old.py": None, "new.py": SHA, "gone.py": None},
        behind=3,
    )
    cut = http.forge.ahead(SHA, OTHER)
    assert (cut.has_all_commits, cut.has_all_files) == (False, False)
    http.on("GET", f"{REPO}/git/blobs/{SHA}", {"content": base64.b64encode(b"\xff\0").decode()})
    contents = http.forge.contents(ahead.files)
    assert contents == {"old.py": None, "new.py": b"\xff\0", "gone.py": None}


def test_own_pulls__of_this_very_branch(http: Http) -> None:
    mine = http.make("pull-request-simple", number=2, html_url="https://x/2", state="open", body=None)
    mine |= {"head": mine["head"] | {"sha": SHA, "ref": "testsmith/sweep"}, "merged_at": None}
    merged = mine | {"number": 1, "state": "closed", "merged_at": "2026-01-05T09:00:00Z", "body": "b"}
    other = mine | {"head": mine["head"] | {"ref": "testsmith/sweep-2"}}
    http.on("GET", f"{REPO}/pulls", [mine, merged, other])
    assert http.forge.own_pulls("testsmith/sweep", "main") == (
        OwnPull(number=2, url="https://x/2", head=SHA),
        OwnPull(number=1, url="https://x/2", head=SHA, body="b", is_open=False, is_merged=True),
    )


@pytest.mark.parametrize(
    ("permission", "name", "role"),
    [
        ("admin", "admin", Role.WRITE),
        ("write", "maintain", Role.WRITE),
        ("read", "triage", Role.TRIAGE),
        ("read", "read", Role.READ),
        ("none", "none", Role.NONE),
    ],
)
def test_role__is_what_github_says(http: Http, permission: str, name: str, role: Role) -> None:
    path = f"{REPO}/collaborators/bob/permission"
    http.on("GET", path, {"permission": permission, "role_name": name, "user": None})
    assert http.forge.role("bob") is role


def test_role__of_nobody_is_none(http: Http) -> None:
    http.on("GET", f"{REPO}/collaborators/x%2Fy/permission", {"message": "Not Found"}, 404)
    assert http.forge.role("x/y") is Role.NONE


def test_login__of_the_token(http: Http) -> None:
    http.on("POST", GRAPHQL, {"data": {"viewer": {"login": BOT}}})
    assert http.forge.login() == BOT


def test_existing__nothing_in_one_request(http: Http) -> None:
    http.on("POST", GRAPHQL, conversation())
    assert http.forge.existing(1) == Existing(viewer=Viewer(login=BOT))
    assert len(http.sent("POST")) == 1


def test_existing__who_wrote_what(http: Http) -> None:
    hidden = {
        "isMinimized": True,
        "minimizedReason": "resolved",
        "editor": {"__typename": "User", "login": "ada"},
    }
    pending = comment(6, "p", state="PENDING")
    told = conversation(
        comments=page(comment(3, "c", "bob"), None, comment(4, "gone", author=None)),
        reviews=page(review(1, "r"), review(2, "mine", state="PENDING")),
        reviewThreads=page(thread(7, comment(5, "t") | hidden, pending, line=None, isResolved=True)),
    )
    http.on("POST", GRAPHQL, told)
    existing = http.forge.existing(1)
    assert existing.comments == (
        Comment(id=3, node_id="C_3", body="c", author="bob"),
        Comment(id=4, node_id="C_4", body="gone", author="ghost"),
    )
    assert existing.reviews == (
        Review(id=1, body="r", author=BOT),
        Review(id=2, body="mine", author=BOT, is_pending=True),
    )
    assert existing.review_comments == (
        ReviewComment(
            id=5,
            node_id="C_5",
            path="cart.py",
            line=None,
            body="t",
            author=BOT,
            thread=Thread(node_id="T_7", is_resolved=True, viewer_may_resolve=True),
            is_minimized=True,
            editor="ada",
            is_settled=True,
        ),
    )


def test_existing__past_the_first_page_of_everything(http: Http) -> None:
    first = conversation(
        comments=page(comment(1, "a"), after="c1"),
        reviews=page(review(2, "b"), after="r1"),
        reviewThreads=page(
            thread(3, comment(3, "c")), thread(4, comment(4, "d"), before="t1"), after="cursor 4"
        ),
    )
    http.on("POST", GRAPHQL, first)
    http.on("POST", GRAPHQL, conversation(comments=page(comment(5, "e"))))
    http.on("POST", GRAPHQL, conversation(reviews=page(review(6, "f"))))
    http.on("POST", GRAPHQL, conversation(reviewThreads=page(thread(7, comment(7, "g")))))
    http.on("POST", GRAPHQL, conversation(reviewThreads=page(thread(4, comment(8, "h")), after="cursor 4")))
    existing = http.forge.existing(1)
    assert [one.id for one in existing.comments] == [1, 5]
    assert [one.id for one in existing.reviews] == [2, 6]
    assert [one.id for one in existing.review_comments] == [3, 4, 8, 7]
    place = {"owner": "octo", "name": "shop", "number": 1}
    asked = [sent["variables"] for sent in http.sent("POST")]
    assert asked == [
        place | {"withComments": True, "withReviews": True, "withThreads": True},
        place | {"withComments": True, "comments": "c1"},
        place | {"withReviews": True, "reviews": "r1"},
        place | {"withThreads": True, "threads": "cursor 4"},
        place | {"withThreads": True, "threads": "cursor 3", "threadCount": 1, "replies": "t1"},
    ]


ENDLESS = page(comment(1, "a"), after="same")
UNREADABLE: tuple[Any, ...] = (
    {"nodes": 7, "pageInfo": {"hasNextPage": False}},
    page({}),
    page(comment(1, "a") | {"fullDatabaseId": "9" * 5_000}),
    page(comment(1, "a") | {"fullDatabaseId": "-1"}),
    page(comment(1, "a") | {"fullDatabaseId": True}),
    page(comment(1, "a") | {"body": None}),
    {"nodes": []},
    None,
    ENDLESS,
)


@pytest.mark.parametrize("comments", UNREADABLE, ids=range(len(UNREADABLE)))
def test_existing__answers_that_are_none(http: Http, comments: Any) -> None:
    http.on("POST", GRAPHQL, conversation(comments=comments))
    with pytest.raises(ForgeFailure, match="Cannot read the comments of pull request 1: "):
        http.forge.existing(1)
    assert len(http.sent("POST")) in {1, 4, REQUESTS}


def test_existing__another_thread_than_was_asked_for(http: Http) -> None:
    http.on("POST", GRAPHQL, conversation(reviewThreads=page(thread(4, comment(4, "d"), before="t1"))))
    http.on("POST", GRAPHQL, conversation(reviewThreads=page(thread(5, comment(5, "e")))))
    with pytest.raises(ForgeFailure, match="GitHub did not return a list"):
        http.forge.existing(1)
