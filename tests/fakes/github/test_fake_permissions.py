"""What tokens may: permissions by name, forks, Dependabot, people."""

from __future__ import annotations

import pytest

from fakes.github.github import DEPENDABOT
from fakes.github.scene import Scene

WRITES = [
    ("POST", "issues/1/comments", {"body": "b"}, ["issues", "pull_requests"]),
    ("POST", "pulls/1/reviews", {"event": "COMMENT", "body": "b"}, ["pull_requests"]),
    ("POST", "git/blobs", {"content": "b"}, ["contents"]),
]
ALL = ["contents", "issues", "pull_requests", "checks", "statuses", "actions"]


@pytest.mark.parametrize(("method", "path", "told", "enough"), WRITES)
def test_write__needs_its_permission(
    at: Scene, method: str, path: str, told: dict[str, object], enough: list[str]
) -> None:
    for granted in ALL:
        answer = at.ask(method, path, told, token=at.grant({granted: "write"}))
        if granted in enough:
            assert answer.ok, answer.text
            continue
        assert (answer.status_code, answer.json()["message"]) == (
            403,
            "Resource not accessible by integration",
        )
        named = answer.headers["X-Accepted-GitHub-Permissions"]
        assert named == "; ".join(f"{name}=write" for name in enough)


def test_write__is_not_in_reading(at: Scene) -> None:
    token = at.grant(dict.fromkeys(ALL, "read"))
    for method, path, told, _ in WRITES:
        assert at.ask(method, path, told, token=token).status_code == 403
    assert not at.pull.comments


def test_read__private_needs_its_permission(at: Scene) -> None:
    at.shop.is_private = True
    assert at.ask("GET", "pulls/1", token=at.grant({"contents": "read"})).status_code == 403
    assert at.ask("GET", "pulls/1", token=at.grant({"pull_requests": "read"})).status_code == 200
    assert at.ask("GET", "pulls/1", token=at.github.personal_token("mallory")).status_code == 404
    assert at.ask("GET", "pulls/1", token=at.github.personal_token("octo")).status_code == 200


def test_token__is_good_for_one_repository(at: Scene) -> None:
    other = at.github.repository("octo/other", at.shop.git.folder)
    at.github.pull_request(other, head="change")
    path = "/repos/octo/other/issues/1/comments"
    assert at.ask("POST", path, {"body": "b"}).status_code == 403
    assert at.ask("GET", path).status_code == 200


@pytest.mark.parametrize("value", ["", "nobody's"])
def test_token__unknown_or_missing(at: Scene, value: str) -> None:
    headers = {"Authorization": f"Bearer {value}" if value else ""}
    answer = at.ask("POST", "issues/1/comments", {"body": "b"}, headers=headers)
    assert (answer.status_code, answer.json()["message"]) == (
        401,
        "Bad credentials" if value else "Requires authentication",
    )
    assert at.ask("GET", "pulls/1", headers=headers).status_code == (401 if value else 200)


def test_me__is_hidden_from_installations(at: Scene) -> None:
    assert at.ask("GET", "/user").status_code == 403
    assert at.ask("GET", "/user", token=at.github.personal_token("ada")).json()["login"] == "ada"
    assert at.query("query { viewer { login } }") == {"data": {"viewer": {"login": "github-actions[bot]"}}}


@pytest.mark.parametrize(
    ("role", "permission"),
    [("admin", "admin"), ("maintain", "write"), ("write", "write"), ("triage", "read"), ("read", "read")],
)
def test_role__of_a_collaborator(at: Scene, role: str, permission: str) -> None:
    at.shop.collaborators["bob"] = role
    at.github.world.user("bob")
    told = at.ask("GET", "collaborators/bob/permission").json()
    assert (told["permission"], told["role_name"]) == (permission, role)


def test_role__of_a_stranger(at: Scene) -> None:
    at.github.world.user("mallory")
    assert at.ask("GET", "collaborators/mallory/permission").json()["permission"] == "read"
    at.shop.is_private = True
    reader = at.grant({"contents": "read"})
    assert at.ask("GET", "collaborators/mallory/permission", token=reader).json()["permission"] == "none"
    assert at.ask("GET", "collaborators/unheard-of/permission").status_code == 404


def test_person__pushes_only_where_they_may(at: Scene) -> None:
    bob = at.github.personal_token("bob")
    told = {"ref": "refs/heads/bobs", "sha": at.pull.head}
    assert at.ask("POST", "git/refs", told, token=bob).status_code == 404
    at.shop.collaborators["bob"] = "write"
    assert at.ask("POST", "git/refs", told, token=bob).status_code == 201


def test_fork__workflow_only_reads(at: Scene) -> None:
    fork = at.github.fork(at.shop, "mallory")
    at.github.commit(fork, "idea", {"idea.py": "idea = 1\n"}, start="main")
    pull = at.github.pull_request(at.shop, head="idea", source=fork, author="mallory")
    token = at.github.workflow_token(at.shop, pull, {"contents": "write", "pull_requests": "write"})
    assert at.ask("POST", f"issues/{pull.number}/comments", {"body": "b"}, token=token).status_code == 403
    told = at.ask("GET", f"pulls/{pull.number}", token=token).json()
    assert (told["head"]["repo"]["full_name"], told["head"]["label"]) == ("mallory/shop", "mallory:idea")
    assert told["head"]["repo"]["fork"] is True


def test_fork__deleted(at: Scene) -> None:
    fork = at.github.fork(at.shop, "mallory")
    at.github.commit(fork, "idea", {"idea.py": "idea = 1\n"}, start="main")
    pull = at.github.pull_request(at.shop, head="idea", source=fork, author="mallory")
    at.github.delete(fork)
    told = at.ask("GET", f"pulls/{pull.number}").json()
    assert (told["head"]["repo"], told["head"]["user"], told["head"]["sha"]) == (None, None, pull.head)
    assert at.ask("GET", f"pulls/{pull.number}/files").json()[0]["filename"] == "idea.py"
    assert at.shop.git.refs("refs/pull/2/head") == {"refs/pull/2/head": pull.head}


def test_dependabot__workflow_only_reads(at: Scene) -> None:
    pull = at.github.pull_request(at.shop, head="change", author=DEPENDABOT)
    token = at.github.workflow_token(at.shop, pull, {"pull_requests": "write"})
    answer = at.ask("POST", "issues/2/comments", {"body": "b"}, token=token)
    assert answer.status_code == 403
    assert at.ask("GET", "pulls/2").json()["user"]["type"] == "Bot"


def test_locked__takes_no_comment(at: Scene) -> None:
    at.pull.is_locked = True
    assert at.ask("POST", "issues/1/comments", {"body": "b"}).status_code == 403
