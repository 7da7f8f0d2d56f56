"""What a pull request's diff shows, and where GitHub cuts it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.github.scene import Scene, scene
from fakes.github.world import Limits

DIFF = {"Accept": "application/vnd.github.diff"}


def test_files__with_patches_and_counts(at: Scene) -> None:
    changed, added = at.ask("GET", "pulls/1/files").json()
    assert (changed["filename"], changed["status"]) == ("cart.py", "modified")
    assert (changed["additions"], changed["deletions"], changed["changes"]) == (2, 2, 4)
    assert changed["patch"].startswith("@@ -1,6 +1,6 @@\n line_1 = 1\n")
    assert not changed["patch"].endswith("\n")
    assert (added["status"], added["patch"]) == ("added", "@@ -0,0 +1,2 @@\n+kind = 'green'\n+cups = 2")
    told = at.ask("GET", "pulls/1").json()
    assert (told["changed_files"], told["additions"], told["deletions"], told["commits"]) == (2, 4, 2, 1)


def test_files__binary_renamed_removed_and_huge_ones(at: Scene) -> None:
    guide = at.shop.git.blob("refs/heads/main:docs/guide.md")
    files = {"logo.png": b"\0\3\4", "docs/guide.md": None, "docs/manual.md": guide, "cart.py": None}
    at.github.commit(at.shop, "change", {**files, "huge.py": "x = 1\n" * 2_001})
    told = {one["filename"]: one for one in at.ask("GET", "pulls/1/files").json()}
    assert {name: (one["status"], "patch" in one) for name, one in told.items()} == {
        "cart.py": ("removed", True),
        "docs/manual.md": ("renamed", False),
        "huge.py": ("added", False),
        "logo.png": ("modified", False),
        "tea.py": ("added", True),
    }
    assert told["docs/manual.md"]["previous_filename"] == "docs/guide.md"
    assert told["huge.py"]["additions"] == 2_001


NAMES = [
    "naïve ☕.py",
    'quote".py',
    "a b.py",
    "new\nline.py",
    "tab\t.py",
    "back\\slash.py",
    "-dash.py",
    "[x].py",
]


@pytest.mark.parametrize("name", NAMES)
def test_files__any_name(at: Scene, name: str) -> None:
    at.github.commit(at.shop, "change", {name: "one = 1\ntwo = 2\n"})
    assert name in [one["filename"] for one in at.ask("GET", "pulls/1/files").json()]
    told = {"event": "COMMENT", "comments": [{"path": name, "line": 2, "body": "b"}]}
    assert at.ask("POST", "pulls/1/reviews", told).status_code == 200
    at.github.commit(at.shop, "change", {name: "zero = 0\none = 1\ntwo = 2\n"})
    assert at.ask("GET", "pulls/1/comments").json()[0]["line"] == 3


def test_files__carriage_returns_stay(at: Scene) -> None:
    at.github.commit(at.shop, "change", {"dos.py": "a = 1\r\nb = 2\r\n"})
    told = {one["filename"]: one for one in at.ask("GET", "pulls/1/files").json()}
    assert told["dos.py"]["patch"] == "@@ -0,0 +1,2 @@\n+a = 1\r\n+b = 2\r"


def test_files__three_thousand_at_most(at: Scene) -> None:
    at.github.commit(at.shop, "many", {f"f{number:04}.py": "" for number in range(3_001)}, start="main")
    at.github.pull_request(at.shop, head="many")
    pages = [at.ask("GET", f"pulls/2/files?per_page=100&page={page}") for page in (1, 30, 31)]
    assert [len(page.json()) for page in pages] == [100, 100, 0]
    assert "next" not in pages[1].links
    assert at.ask("GET", "pulls/2").json()["changed_files"] == 3_001
    assert len(at.ask("GET", "compare/main...many").json()["files"]) == 300


def test_diff__as_text(at: Scene) -> None:
    answer = at.ask("GET", "pulls/1", headers=DIFF)
    assert answer.headers["Content-Type"].startswith("application/vnd.github.diff")
    assert answer.text.startswith("diff --git a/cart.py b/cart.py\n")


@pytest.mark.parametrize("limits", [Limits(diff_files=1), Limits(diff_lines=20)])
def test_diff__too_large(tmp_path: Path, limits: Limits) -> None:
    with scene(tmp_path / "github", limits=limits) as at:
        answer = at.ask("GET", "pulls/1", headers=DIFF)
        assert answer.status_code == 406
        assert answer.json()["errors"] == [{"resource": "PullRequest", "field": "diff", "code": "too_large"}]


def test_limits__are_githubs() -> None:
    limits = Limits()
    assert (limits.diff_files, limits.diff_lines, limits.files, limits.compared_files) == (
        300,
        20_000,
        3_000,
        300,
    )
    assert (limits.body, limits.requests, limits.content_a_minute) == (65_536, 1_000, 80)


def test_base_moved__diff_stays_from_the_merge_base(at: Scene) -> None:
    before = at.ask("GET", "pulls/1").json()
    at.github.commit(at.shop, "main", {"other.py": "other = 1\n"})
    after = at.ask("GET", "pulls/1").json()
    assert [one["filename"] for one in at.ask("GET", "pulls/1/files").json()] == ["cart.py", "tea.py"]
    assert after["base"]["sha"] == before["base"]["sha"]
    assert after["merge_commit_sha"] != before["merge_commit_sha"]


def test_conflict__leaves_no_merge_commit(at: Scene) -> None:
    at.github.commit(at.shop, "main", {"cart.py": "something = 'else'\n"})
    told = at.ask("GET", "pulls/1").json()
    assert (told["mergeable"], told["mergeable_state"], told["merge_commit_sha"]) == (False, "dirty", None)
    assert at.shop.git.refs("refs/pull/1") == {"refs/pull/1/head": at.pull.head}


def test_forced_push__drops_what_it_drops(at: Scene) -> None:
    old = at.pull.head
    at.github.commit(at.shop, "change", {"fresh.py": "fresh = 1\n"}, start="main")
    assert [one["filename"] for one in at.ask("GET", "pulls/1/files").json()] == ["fresh.py"]
    assert (at.pull.previous_head, at.ask("GET", "pulls/1").json()["head"]["sha"]) == (old, at.pull.head)


def test_closed_and_merged(at: Scene) -> None:
    at.github.close(at.shop, at.pull)
    assert at.ask("GET", "pulls/1").json()["state"] == "closed"
    at.github.reopen(at.pull)
    at.github.close(at.shop, at.pull, merge=True)
    told = at.ask("GET", "pulls/1").json()
    assert (told["merged"], at.shop.branch("main")) == (True, told["merge_commit_sha"])
    assert [one["filename"] for one in at.ask("GET", "pulls/1/files").json()] == ["cart.py", "tea.py"]


def test_list__by_state_base_and_head(at: Scene) -> None:
    at.github.commit(at.shop, "other", {"x.py": "x = 1\n"}, start="main")
    at.github.close(at.shop, at.github.pull_request(at.shop, head="other"))

    def numbers(query: str) -> list[int]:
        return [one["number"] for one in at.ask("GET", f"pulls?{query}").json()]

    assert numbers("") == [1]
    assert numbers("state=all") == [2, 1]
    assert numbers("state=all&sort=created&direction=asc") == [1, 2]
    assert numbers("state=closed") == [2]
    assert numbers("state=all&head=octo:other") == [2]
    assert numbers("base=release") == []
