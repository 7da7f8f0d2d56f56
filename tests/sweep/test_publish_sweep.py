"""What comes of landing a sweep's tests, in each situation that it can meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.github.faults import Fault
from fakes.sweep_site import BRANCH, MAY_SWEEP, SweepSite, member, suggestion, sweep_site
from testsmith.forge.review_result import PostStatus
from testsmith.languages.registry import languages
from testsmith.publish import PublishStatus
from testsmith.settings import CommitSettings
from testsmith.sweep.pull_request_sweep import content_for

COMMIT = r"POST /graphql$"


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Iterator[SweepSite]:
    with sweep_site(tmp_path) as made:
        yield made


def test_first__opens_the_one_pull_request(site: SweepSite) -> None:
    before = site.shop.branch("main")
    done = site.land("add", "size")
    (pull,) = site.pulls
    assert (done.status, done.reason, done.patch) == (PublishStatus.DONE, "", "")
    assert done.commit
    assert done.pull
    assert (done.pull.number, done.commit) == (pull.number, site.tip)
    assert (pull.head_branch, pull.base_branch, pull.title) == (
        BRANCH,
        "main",
        "Tests for 2 functions without full coverage",
    )
    assert site.paths() == {"tests/test_add.py", "tests/test_size.py"}
    assert site.shop.branch("main") == before


def test_second__updates_it_with_both_proposed(site: SweepSite) -> None:
    site.land("add")
    done = site.land("size")
    (pull,) = site.pulls
    assert (done.status, pull.title) == (
        PublishStatus.DONE,
        "Tests for 2 functions without full coverage",
    )
    assert "adds 1 test for 1 function" in pull.body
    assert site.paths() == {"tests/test_add.py", "tests/test_size.py"}
    assert [one.member for one in site.remembered().proposed] == ["shop/cart.py::add", "shop/cart.py::size"]


def test_second__is_brought_up_to_the_default_branch_first(site: SweepSite) -> None:
    site.land("add")
    main = site.github.commit(site.shop, "main", {"shop/new.py": "x = 1\n"})
    assert site.land("size").status is PublishStatus.DONE
    assert site.tip
    assert site.shop.git.is_ancestor(main, site.tip)
    assert site.shop.git.text("show", f"{site.tip}:shop/new.py") == "x = 1\n"
    site.github.commit(site.shop, "main", {"shop/new.py": "x = 2\n"})
    assert site.land("tell").status is PublishStatus.DONE  # its own merge is nobody else's commit
    assert len(site.pulls) == 1
    assert site.paths() == {"tests/test_add.py", "tests/test_size.py", "tests/test_tell.py"}


@pytest.mark.parametrize("squash", [False, True])
def test_third__after_a_merge_a_new_one_begins_at_default(site: SweepSite, *, squash: bool) -> None:
    site.land("add")
    site.github.close(site.shop, site.pulls[0], merge=True, squash=squash)
    done = site.land("size")
    main, tip = site.shop.branch("main"), site.tip
    assert (done.status, len(site.pulls), site.pulls[1].is_open) == (PublishStatus.DONE, 2, True)
    assert main
    assert tip
    assert site.shop.git.between(main, tip) == (tip,)
    assert site.paths() == {"tests/test_add.py", "tests/test_size.py"}
    assert site.pulls[1].title == "Tests for 1 function without full coverage"


def test_third__after_a_squashed_merge_with_a_reviewers_commit_nothing_is_lost(site: SweepSite) -> None:
    site.land("add")
    site.github.commit(site.shop, BRANCH, {"tests/test_add.py": "# mine\n"}, by="ada")
    site.github.close(site.shop, site.pulls[0], merge=True, squash=True)
    assert site.land("size").status is PublishStatus.DONE
    assert site.text("tests/test_add.py") == "# mine\n"


def test_closed_unmerged__is_remembered_by_content_and_carried_on(site: SweepSite) -> None:
    site.land("add")
    site.github.close(site.shop, site.pulls[0])
    refused = content_for(member("add"), languages())
    assert "closed without merging" in site.remembered().why_not(refused)
    changed = replace(member("add"), source="def add(a):\n    return a + 3\n")
    assert site.remembered().why_not(content_for(changed, languages())) == ""
    assert site.land("size").status is PublishStatus.DONE
    assert site.paths() == {"tests/test_size.py"}
    site.pulls[0].body = "a person has written something else"
    assert "closed without merging" in site.remembered().why_not(refused)


def test_open__holds_back_what_it_proposes(site: SweepSite) -> None:
    site.land("add")
    content = content_for(member("add"), languages())
    assert site.remembered().why_not(content) == "its tests are in the open pull request 1"


@pytest.mark.parametrize("is_open", [True, False])
def test_others__their_commits_are_left_as_they_are(site: SweepSite, *, is_open: bool) -> None:
    site.land("add")
    theirs = site.github.commit(site.shop, BRANCH, {"notes.md": "mine\n"}, by="ada")
    if not is_open:
        site.github.close(site.shop, site.pulls[0])
    done = site.land("size")
    assert (done.status, site.tip, len(site.pulls)) == (PublishStatus.OTHERS_COMMITS, theirs, 1)
    assert ("Merge its pull request" if is_open else "Delete it") in done.reason
    assert "diff --git a/tests/" in done.patch


def test_others__a_sweep_stops_before_it_spends_anything(site: SweepSite) -> None:
    site.land("add")
    assert "commits by others" not in site.sweep().reason
    site.github.commit(site.shop, BRANCH, {"notes.md": "mine\n"}, by="ada")
    done = site.sweep()
    assert (done.delivery, done.report) == (PostStatus.FAILED, None)
    assert "has commits by others" in done.reason
    assert "No tests were generated." in done.reason


def test_conflict__only_own_commits_are_merged_anew_without_force(site: SweepSite) -> None:
    site.carry_out(site.order(suggestion("add", "tests/test_cart.py"), suggestion("size")))
    before = site.tip
    main = site.github.commit(site.shop, "main", {"tests/test_cart.py": "def test_mine():\n    pass\n"})
    done = site.land("tell")
    (pull,) = site.pulls
    assert (done.status, pull.head) == (PublishStatus.DONE, site.tip)
    assert before
    assert site.tip
    assert all(site.shop.git.is_ancestor(one, site.tip) for one in (before, main))
    assert site.text("tests/test_cart.py") == "def test_mine():\n    pass\n"
    assert site.paths() == {"tests/test_cart.py", "tests/test_size.py", "tests/test_tell.py"}
    assert [one.member for one in site.remembered().proposed] == ["shop/cart.py::size", "shop/cart.py::tell"]


def test_nothing__makes_neither_branch_nor_pull_request(site: SweepSite) -> None:
    assert site.land().status is PublishStatus.NOTHING
    assert (site.tip, site.pulls) == (None, [])


def test_default_branch__a_test_file_that_has_changed_meanwhile_is_left_out(site: SweepSite) -> None:
    order = site.order(suggestion("add"), suggestion("size"))
    site.github.commit(site.shop, "main", {"tests/test_add.py": "def test_theirs():\n    pass\n"})
    done = site.carry_out(order)
    assert [one.member for one in done.suggestions] == ["shop/cart.py::size"]
    assert [one.member for one in done.unplaced] == ["shop/cart.py::add"]
    assert site.paths() == {"tests/test_size.py"}
    assert site.land("add").status is PublishStatus.DONE
    assert "def test_theirs" in site.text("tests/test_add.py")
    assert site.paths() == {"tests/test_add.py", "tests/test_size.py"}


def test_default_branch__a_member_that_has_changed_meanwhile_is_left_out(site: SweepSite) -> None:
    order = site.order(suggestion("add"))
    site.github.commit(site.shop, "main", {"shop/cart.py": "def add(a):\n    return a + 9\n"})
    done = site.carry_out(order)
    assert (done.status, site.pulls) == (PublishStatus.NOTHING, [])
    assert "has changed on the default branch" in done.reason


def test_token__may_not_open_pull_requests(site: SweepSite) -> None:
    site.shop.actions_may_open_pulls = False
    done = site.land("add")
    assert (done.status, done.pull, site.pulls) == (PublishStatus.NO_PULL_REQUESTS, None, [])
    assert "Allow GitHub Actions to create and approve pull requests" in done.reason
    assert site.paths() == {"tests/test_add.py"}
    site.shop.actions_may_open_pulls = True
    assert site.land("add", "size").status is PublishStatus.DONE
    assert len(site.pulls) == 1


@pytest.mark.parametrize(
    ("permissions", "missing"),
    [
        ({"contents": "read", "pull_requests": "write"}, "contents: write"),
        ({"contents": "write", "pull_requests": "read"}, "pull-requests: write"),
    ],
)
def test_token__lacks_a_permission(site: SweepSite, permissions: dict[str, str], missing: str) -> None:
    site.permissions = permissions
    done = site.land("add")
    assert done.status is PublishStatus.NOT_ALLOWED
    assert f"`{missing}`" in done.reason
    site.permissions = MAY_SWEEP
    assert site.land("add").status is PublishStatus.DONE


def test_protected__branch(site: SweepSite) -> None:
    site.land("add")
    before = site.tip
    site.shop.protected.add(BRANCH)
    assert (site.land("size").status, site.tip) == (PublishStatus.PROTECTED, before)


def test_attack__a_path_out_of_the_test_tree(site: SweepSite) -> None:
    for path in ("../x.py", ".github/workflows/test_x.py", "shop/cart.py", "/tests/test_x.py"):
        done = site.carry_out(site.order(suggestion("add", path)))
        assert (done.status, site.tip) == (PublishStatus.NOTHING, None)


@pytest.mark.parametrize("request_", [r"POST .*/pulls$", r"POST .*/git/refs$", r"PATCH .*/pulls/\d+$"])
def test_lost_answer__is_looked_for_and_never_done_twice(site: SweepSite, request_: str) -> None:
    site.land("size")
    site.github.close(site.shop, site.pulls[0], merge=True)
    site.github.fail(Fault(request=request_, status=502, when="after"))
    assert site.land("add").status is PublishStatus.DONE
    site.github.fail(Fault(request=request_, status=502, when="after"))
    assert site.land("tell").status is PublishStatus.DONE
    assert [pull.is_open for pull in site.pulls] == [False, True]


@pytest.mark.parametrize("is_behind", [False, True])
def test_race__somebody_pushes_just_before_the_commit(site: SweepSite, *, is_behind: bool) -> None:
    site.land("add")
    if is_behind:
        site.github.commit(site.shop, "main", {"shop/new.py": "x = 1\n"})
    order = site.order(suggestion("size"))

    def push() -> None:
        site.github.commit(site.shop, BRANCH, {"notes.md": "mine\n"}, by="ada")

    site.github.before("POST /repos/octo/shop/git/trees" if is_behind else "GET /repos/octo/shop/pulls", push)
    assert site.carry_out(order).status is PublishStatus.OTHERS_COMMITS
    assert "notes.md" in site.shop.git.text("ls-tree", "--name-only", f"refs/heads/{BRANCH}").split()


def test_settings__no_marks_and_a_sign_off(site: SweepSite) -> None:
    site.settings = CommitSettings(mark_tests=False, sign_off="Ada Bee <ada@shop.test>")
    site.land("add")
    assert "# testsmith" not in site.text("tests/test_add.py")
    assert "Signed-off-by: Ada Bee" in site.shop.git.text("log", "-1", "--format=%B", f"refs/heads/{BRANCH}")


def test_support__a_project_without_tests_gets_what_its_tests_need(site: SweepSite) -> None:
    site.github.commit(site.shop, "main", {"shop/__init__.py": None, "src/shop/cart.py": "x = 1\n"})
    site.land("add")
    listed = site.shop.git.text("ls-tree", "-r", "--name-only", f"refs/heads/{BRANCH}").split()
    assert "conftest.py" in listed
    site.land("size")
    assert site.text("conftest.py").count("sys.path.insert") == 1
