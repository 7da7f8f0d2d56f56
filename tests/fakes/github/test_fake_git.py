"""Git itself over HTTP, and git's objects over REST."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from fakes.github.git_store import git_environment
from fakes.github.scene import Scene
from fakes.github.state import Token


def git(folder: Path, *arguments: str, token: Token | None = None) -> subprocess.CompletedProcess[str]:
    secret = base64.b64encode(f"x-access-token:{token.value}".encode()).decode() if token else ""
    header = ("-c", f"http.extraheader=AUTHORIZATION: basic {secret}") if token else ()
    return subprocess.run(
        ("git", *header, *arguments),
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        env=git_environment(GIT_AUTHOR_NAME="t", GIT_COMMITTER_NAME="t", EMAIL="t@example.org"),
    )


@pytest.fixture(name="clone")
def _clone(at: Scene, tmp_path: Path) -> Path:
    done = git(tmp_path, "clone", "-q", f"{at.github.url}/octo/shop.git", "clone")
    assert not done.returncode, done.stderr
    return tmp_path / "clone"


def test_fetch__the_pull_requests_refs(at: Scene, clone: Path) -> None:
    for name, sha in (("head", at.pull.head), ("merge", at.pull.merge_commit)):
        done = git(clone, "fetch", "-q", "--depth=1", "origin", f"refs/pull/1/{name}")
        assert not done.returncode, done.stderr
        assert git(clone, "rev-parse", "FETCH_HEAD").stdout.strip() == sha


def test_fetch__a_commit_by_its_id(at: Scene, clone: Path) -> None:
    base = at.shop.git.commit(at.pull.head).parents[0]
    assert not git(clone, "fetch", "-q", "--depth=1", "origin", base).returncode


def test_fetch__private_needs_a_token(at: Scene, clone: Path) -> None:
    at.shop.is_private = True
    assert git(clone, "fetch", "origin").returncode
    assert git(clone, "fetch", "origin", token=at.grant({"pull_requests": "write"})).returncode
    assert not git(clone, "fetch", "origin", token=at.token).returncode


def _push(clone: Path, refspec: str, token: Token) -> subprocess.CompletedProcess[str]:
    (clone / "new.py").write_text("new = 1\n" * 200_000)
    git(clone, "checkout", "-q", "origin/change")
    git(clone, "add", "--all")
    git(clone, "commit", "-q", "-m", "more")
    return git(clone, "push", "origin", refspec, token=token)


def test_push__moves_the_pull_request(at: Scene, clone: Path) -> None:
    before = at.pull.head
    done = _push(clone, "HEAD:refs/heads/change", at.grant({"contents": "write"}))
    assert not done.returncode, done.stderr
    assert at.pull.previous_head == before
    assert at.pull.head == git(clone, "rev-parse", "HEAD").stdout.strip() == at.shop.branch("change")
    assert "new.py" in [one["filename"] for one in at.ask("GET", "pulls/1/files").json()]


def test_push__large_in_chunks(at: Scene, clone: Path) -> None:
    git(clone, "config", "http.postBuffer", "1024")
    done = _push(clone, "HEAD:refs/heads/change", at.grant({"contents": "write"}))
    assert not done.returncode, done.stderr


def test_push__only_who_may_write(at: Scene, clone: Path) -> None:
    done = _push(clone, "HEAD:refs/heads/change", at.token)
    assert "The requested URL returned error: 403" in done.stderr
    assert at.shop.branch("change") == at.pull.previous_head


def test_push__not_to_githubs_own_refs(at: Scene, clone: Path) -> None:
    done = _push(clone, "HEAD:refs/pull/1/head", at.grant({"contents": "write"}))
    assert done.returncode
    assert at.shop.git.refs("refs/pull/1/head") == {"refs/pull/1/head": at.pull.head}


def test_objects__a_commit_by_hand(at: Scene) -> None:
    token = at.grant({"contents": "write"})
    blob = at.ask("POST", "git/blobs", {"content": "b25lCg==", "encoding": "base64"}, token=token).json()
    entries = [
        {"path": "run.sh", "mode": "100755", "type": "blob", "sha": blob["sha"]},
        {"path": "words.txt", "mode": "100644", "type": "blob", "content": "words\n"},
        {"path": "tea.py", "mode": "100644", "type": "blob", "sha": None},
    ]
    tree = at.ask("POST", "git/trees", {"base_tree": at.pull.head, "tree": entries}, token=token).json()
    assert {one["path"]: one["mode"] for one in tree["tree"]}["run.sh"] == "100755"
    told = {"message": "by hand", "tree": tree["sha"], "parents": [at.pull.head]}
    signed = at.ask("POST", "git/commits", told, token=token).json()
    assert (signed["verification"]["verified"], signed["author"]["name"]) == (True, "github-actions[bot]")
    author = {"name": "Ada", "email": "ada@example.org"}
    own = at.ask("POST", "git/commits", told | {"author": author}, token=token).json()
    assert (own["verification"]["verified"], own["author"]["name"]) == (False, "Ada")
    moved = at.ask("PATCH", "git/refs/heads/change", {"sha": signed["sha"]}, token=token)
    assert (moved.status_code, at.pull.head) == (200, signed["sha"])
    assert at.shop.git.blob(f"{at.pull.head}:run.sh") == b"one\n"


def test_ref__only_forward_unless_forced(at: Scene) -> None:
    token, main = at.grant({"contents": "write"}), at.shop.branch("main")
    refused = at.ask("PATCH", "git/refs/heads/change", {"sha": main}, token=token)
    assert (refused.status_code, refused.json()["message"]) == (422, "Update is not a fast forward")
    assert at.ask("PATCH", "git/refs/heads/change", {"sha": main, "force": True}, token=token).ok
    assert at.pull.head == main


def test_ref__made_read_and_removed(at: Scene) -> None:
    token, told = at.grant({"contents": "write"}), {"ref": "refs/heads/bot/one", "sha": at.pull.head}
    assert at.ask("POST", "git/refs", told, token=token).status_code == 201
    assert at.ask("POST", "git/refs", told, token=token).status_code == 422
    assert at.ask("GET", "branches/bot%2Fone").json()["name"] == "bot/one"
    assert at.ask("DELETE", "git/refs/heads/bot/one", token=token).status_code == 204
    assert at.ask("GET", "branches/bot%2Fone").status_code == 404


def test_comparison__of_two_branches(at: Scene) -> None:
    main = at.github.commit(at.shop, "main", {"other.py": "other = 1\n"})
    told = at.ask("GET", "compare/main...change").json()
    assert (told["status"], told["ahead_by"], told["behind_by"]) == ("diverged", 1, 1)
    assert told["merge_base_commit"]["sha"] == at.shop.git.commit(main).parents[0]
    assert [one["filename"] for one in told["files"]] == ["cart.py", "tea.py"]
    assert at.ask("GET", "compare/main...gone").status_code == 404
