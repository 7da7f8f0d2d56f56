from __future__ import annotations

from pathlib import Path

import pytest
from forge.github.desk import PULL, Desk

from fakes.github.clock import stamp
from fakes.github.scene import scene
from fakes.github.state import ACTIONS_BOT
from fakes.github.world import Limits
from testsmith.forge.interface import (
    Commit,
    DiffTooLarge,
    FilePatch,
    ForgeFailure,
    NotFound,
    PullRequest,
)

FILES = r"GET .*/pulls/1/files$"


def test_pull_request__as_it_is(desk: Desk) -> None:
    pull = desk.at.pull
    assert desk.forge().pull_request(1) == PullRequest(
        repository="octo/shop",
        number=1,
        head_sha=pull.head,
        base_sha=pull.base,
        base_ref="main",
        head_repository="octo/shop",
        head_ref="change",
        default_branch="main",
        files=2,
        pushed_at=stamp(desk.at.shop.pushed),
    )


def test_pull_request__a_closed_one(desk: Desk) -> None:
    desk.at.github.close(desk.at.shop, desk.at.pull)
    assert not desk.forge().pull_request(1).is_open


def test_pull_request__of_a_fork_that_was_deleted(desk: Desk) -> None:
    fork = desk.at.github.fork(desk.at.shop, "ada")
    desk.at.github.commit(fork, "mine", {"new.py": "x = 1\n"}, start="main")
    desk.at.github.pull_request(desk.at.shop, head="mine", source=fork)
    assert desk.forge().pull_request(2).head_repository == "ada/shop"
    desk.at.github.delete(fork)
    forge = desk.forge()
    assert forge.pull_request(2).head_repository is None
    assert [file.path for file in forge.file_patches(2)] == ["new.py"]


def test_pull_request__that_is_none(desk: Desk) -> None:
    with pytest.raises(NotFound, match="Cannot read pull request 99: GitHub says 'Not Found'"):
        desk.forge().pull_request(99)


def test_head__is_read_anew_but_costs_nothing_where_it_is_the_same(desk: Desk) -> None:
    forge, first = desk.forge(), desk.at.pull.head
    assert [forge.head(1), forge.head(1)] == [first, first]
    assert desk.statuses("GET", "/pulls/1") == [200, 304]
    second = desk.at.github.commit(desk.at.shop, "change", {"tea.py": None})
    assert forge.head(1) == second != first


def test_commit__its_account_and_message(desk: Desk) -> None:
    forge = desk.forge()
    pull = desk.at.pull
    assert forge.commit(pull.head) == Commit(author="ada", message="Change change", parents=(pull.base,))
    ours = desk.at.github.commit(desk.at.shop, "change", {"a.py": "a = 1\n"}, by=ACTIONS_BOT)
    assert forge.commit(ours).author == ACTIONS_BOT
    with pytest.raises(ForgeFailure, match="Cannot read commit"):
        forge.commit("0" * 40)


def test_file_patches__all_kinds(desk: Desk) -> None:
    files = {"cart.py": None, "logo.png": b"\0\1\3", "docs/guide.md": None, "docs/guide two.md": "guide\n"}
    desk.at.github.commit(desk.at.shop, "change", files)
    patches = {one.path: one for one in desk.forge().file_patches(1)}
    assert patches["cart.py"].is_removed
    assert patches["logo.png"] == FilePatch(path="logo.png", patch=None)
    assert patches["docs/guide two.md"] == FilePatch(path="docs/guide two.md", patch=None)
    assert patches["tea.py"].patch == "@@ -0,0 +1,2 @@\n+kind = 'green'\n+cups = 2"


def test_file_patches__past_one_page(desk: Desk) -> None:
    names = [f"many/{number:03}.txt" for number in range(198)]
    desk.at.github.commit(desk.at.shop, "change", dict.fromkeys(names, "x\n"))
    patches = desk.forge().file_patches(1)
    assert sorted(one.path for one in patches) == ["cart.py", *names, "tea.py"]
    assert desk.statuses("GET", "/files") == [200, 200]


def test_file_patches__more_than_github_lists(desk: Desk) -> None:
    told = desk.at.ask("GET", "pulls/1").json()
    desk.fail(PULL, 200, body=told | {"changed_files": 3_001})
    with pytest.raises(DiffTooLarge, match="changes 3001 files, of which GitHub lists 3000"):
        desk.forge().file_patches(1)
    assert desk.statuses("GET", "/files") == []


def test_file_patches__a_list_that_is_cut_short(tmp_path: Path) -> None:
    with scene(tmp_path / "github", limits=Limits(files=1)) as at:
        desk = Desk(at)
        with pytest.raises(DiffTooLarge, match="changes 2 files, of which GitHub lists 1"):
            desk.forge().file_patches(1)
        desk.close()


@pytest.mark.parametrize("status", [406, 422])
def test_file_patches__a_diff_that_github_does_not_make(desk: Desk, status: int) -> None:
    desk.fail(FILES, status, body={"message": "Sorry, this diff is taking too long to generate."})
    with pytest.raises(DiffTooLarge, match="this diff is taking too long"):
        desk.forge().file_patches(1)


def test_file_patches__a_file_without_a_patch(tmp_path: Path) -> None:
    with scene(tmp_path / "github", limits=Limits(patch_lines=2)) as at:
        desk = Desk(at)
        assert {one.path: one.patch is None for one in desk.forge().file_patches(1)} == {
            "cart.py": True,
            "tea.py": False,
        }
        desk.close()
