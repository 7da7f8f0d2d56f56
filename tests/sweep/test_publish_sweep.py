"""What comes of landing a sweep's tests, in each situation that it can meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.github.faults import Fault
from fakes.sweep_site import BRANCH, MAY_SWEEP, SweepSite, member, suggestion, sweep_site
from testsmith.settings import CommitSettings
from testsmith.sweep.publish_sweep import Swept, content_for

COMMIT = r"POST /graphql$"


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Iterator[SweepSite]:
    with sweep_site(tmp_path) as made:
        yield made


def test_first__opens_the_one_pull_request(site: SweepSite) -> None:
    before = site.shop.branch("main")
    done = site.land("add", "size")
    (pull,) = site.pulls
    assert (done.outcome, done.reason, done.patch) == (Swept.OPENED, "", "")
    assert done.commit
    assert done.pull
    assert (done.pull.number, done.commit.sha) == (pull.number, site.tip)
    assert (pull.head_branch, pull.base_branch, pull.title) == (BRANCH, "main", "Tests for 2")
    assert site.paths() == {"tests/test_add.py", "tests/test_size.py"}
    assert site.shop.branch("main") == before


def test_second__updates_it_with_both_proposed(site: SweepSite) -> None:
    site.land("add")
    done = site.land("size")
    (pull,) = site.pulls
    assert (done.outcome, pull.title) == (Swept.UPDATED, "Tests for 2")
    assert pull.body.startswith("New: size.")
    assert site.paths() == {"tests/test_add.py", "tests/test_size.py"}
    assert [one.member for one in site.remembered().standing] == ["shop/cart.py::add", "shop/cart.py::size"]


def test_second__is_brought_up_to_the_default_branch_first(site: SweepSite) -> None:
    site.land("add")
    main = site.github.commit(site.shop, "main", {"shop/new.py": "x = 1\n"})
    assert site.land("size").outcome is Swept.UPDATED
    assert site.tip
    assert site.shop.git.is_ancestor(main, site.tip)
    assert site.shop.git.text("show", f"{site.tip}:shop/new.py") == "x = 1\n"
    site.github.commit(site.shop, "main", {"shop/new.py": "x = 2\n"})
    assert site.land("tell").outcome is Swept.UPDATED  # its own merge is nobody else's commit
    assert len(site.pulls) == 1


@pytest.mark.parametrize("squash", [False, True])
def test_third__after_a_merge_a_new_one_begins_at_default(site: SweepSite, *, squash: bool) -> None:
    site.land("add")
    site.github.close(site.shop, site.pulls[0], merge=True, squash=squash)
    done = site.land("size")
    main, tip = site.shop.branch("main"), site.tip
    assert (done.outcome, len(site.pulls), site.pulls[1].is_open) == (Swept.OPENED, 2, True)
    assert main
    assert tip
    assert site.shop.git.between(main, tip) == (tip,)
    assert site.paths() == {"tests/test_add.py", "tests/test_size.py"}
    assert site.pulls[1].title == "Tests for 1"


def test_third__after_a_squashed_merge_with_a_reviewers_commit_nothing_is_lost(site: SweepSite) -> None:
    site.land("add")
    site.github.commit(site.shop, BRANCH, {"tests/test_add.py": "# mine\n"}, by="ada")
    site.github.close(site.shop, site.pulls[0], merge=True, squash=True)
    assert site.land("size").outcome is Swept.OPENED
    assert site.text("tests/test_add.py") == "# mine\n"


def test_closed_unmerged__is_remembered_by_content_and_carried_on(site: SweepSite) -> None:
    site.land("add")
    site.github.close(site.shop, site.pulls[0])
    refused = content_for(member("add"), site.order().drivers)
    assert "closed without merging" in site.remembered().why_not(refused)
    changed = replace(member("add"), source="def add(a):\n    return a + 3\n")
    assert site.remembered().why_not(content_for(changed, site.order().drivers)) == ""
    assert site.land("size").outcome is Swept.OPENED
    assert site.paths() == {"tests/test_size.py"}
    site.pulls[0].body = "a person has written something else"
    assert "closed without merging" in site.remembered().why_not(refused)


def test_open__holds_back_what_it_proposes(site: SweepSite) -> None:
    site.land("add")
    content = content_for(member("add"), site.order().drivers)
    assert site.remembered().why_not(content) == "its tests stand in pull request 1, which is open"


def test_others__an_open_one_is_added_to_and_keeps_their_commits(site: SweepSite) -> None:
    site.land("add")
    theirs = site.github.commit(site.shop, BRANCH, {"tests/test_add.py": "# mine\n"}, by="ada")
    assert site.land("size").outcome is Swept.UPDATED
    assert site.tip
    assert site.shop.git.is_ancestor(theirs, site.tip)
    assert site.text("tests/test_add.py") == "# mine\n"


def test_others__without_an_open_one_the_branch_is_left_as_it_is(site: SweepSite) -> None:
    site.land("add")
    theirs = site.github.commit(site.shop, BRANCH, {"notes.md": "mine\n"}, by="ada")
    site.github.close(site.shop, site.pulls[0])
    done = site.land("size")
    assert (done.outcome, site.tip, len(site.pulls)) == (Swept.OTHERS_COMMITS, theirs, 1)
    assert "delete it" in done.reason
    assert "diff --git a/tests/" in done.patch


def test_conflict__only_own_commits_are_merged_anew_without_force(site: SweepSite) -> None:
    site.carry_out(site.order(suggestion("add", "tests/test_cart.py"), suggestion("size")))
    before = site.tip
    main = site.github.commit(site.shop, "main", {"tests/test_cart.py": "def test_mine():\n    pass\n"})
    done = site.land("tell")
    (pull,) = site.pulls
    assert (done.outcome, pull.head) == (Swept.UPDATED, site.tip)
    assert before
    assert site.tip
    assert all(site.shop.git.is_ancestor(one, site.tip) for one in (before, main))
    assert site.text("tests/test_cart.py") == "def test_mine():\n    pass\n"
    assert site.paths() == {"tests/test_cart.py", "tests/test_size.py", "tests/test_tell.py"}
    assert [one.member for one in site.remembered().standing] == ["shop/cart.py::size", "shop/cart.py::tell"]


def test_conflict__with_others_commits_asks_for_a_decision(site: SweepSite) -> None:
    site.carry_out(site.order(suggestion("add", "tests/test_cart.py")))
    theirs = site.github.commit(site.shop, BRANCH, {"notes.md": "mine\n"}, by="ada")
    site.github.commit(site.shop, "main", {"tests/test_cart.py": "def test_mine():\n    pass\n"})
    done = site.land("tell")
    assert (done.outcome, site.tip) == (Swept.CONFLICT, theirs)
    assert "Resolve the conflict" in done.reason


def test_nothing__brings_an_open_one_up_to_date_all_the_same(site: SweepSite) -> None:
    site.land("add")
    main = site.github.commit(site.shop, "main", {"shop/new.py": "x = 1\n"})
    done = site.land()
    assert (done.outcome, done.reason) == (Swept.NOTHING, "There is nothing to commit.")
    assert site.tip
    assert site.shop.git.is_ancestor(main, site.tip)


def test_nothing__makes_neither_branch_nor_pull_request(site: SweepSite) -> None:
    assert site.land().outcome is Swept.NOTHING
    assert (site.tip, site.pulls) == (None, [])


def test_default_branch__has_gone_on_while_tests_were_proven(site: SweepSite) -> None:
    order = site.order(suggestion("add"), suggestion("size"))
    main = site.github.commit(site.shop, "main", {"tests/test_add.py": "def test_theirs():\n    pass\n"})
    assert site.carry_out(order).outcome is Swept.OPENED
    assert site.tip
    assert site.shop.git.is_ancestor(main, site.tip)
    assert "test_theirs" in site.text("tests/test_add.py")
    assert "test_add" in site.text("tests/test_add.py")


def test_default_branch__a_member_that_has_changed_meanwhile_is_left_out(site: SweepSite) -> None:
    order = site.order(suggestion("add"))
    site.github.commit(site.shop, "main", {"shop/cart.py": "def add(a):\n    return a + 9\n"})
    done = site.carry_out(order)
    assert (done.outcome, site.pulls) == (Swept.NOTHING, [])
    assert "has changed on the default branch" in done.reason


def test_token__may_not_open_pull_requests(site: SweepSite) -> None:
    site.shop.actions_may_open_pulls = False
    done = site.land("add")
    assert (done.outcome, done.pull, site.pulls) == (Swept.NO_PULL_REQUESTS, None, [])
    assert "Allow GitHub Actions to create and approve pull requests" in done.reason
    assert site.paths() == {"tests/test_add.py"}
    site.shop.actions_may_open_pulls = True
    assert site.land("add", "size").outcome is Swept.OPENED
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
    assert done.outcome is Swept.NOT_ALLOWED
    assert f"`{missing}`" in done.reason
    site.permissions = MAY_SWEEP
    assert site.land("add").outcome is Swept.OPENED


def test_protected__branch(site: SweepSite) -> None:
    site.land("add")
    before = site.tip
    site.shop.protected.add(BRANCH)
    assert (site.land("size").outcome, site.tip) == (Swept.PROTECTED, before)


def test_attack__a_path_out_of_the_test_tree(site: SweepSite) -> None:
    for path in ("../x.py", ".github/workflows/test_x.py", "shop/cart.py", "/tests/test_x.py"):
        done = site.carry_out(site.order(suggestion("add", path)))
        assert (done.outcome, site.tip) == (Swept.NOTHING, None)


@pytest.mark.parametrize("request_", [r"POST .*/pulls$", r"POST .*/git/refs$", r"PATCH .*/pulls/\d+$"])
def test_lost_answer__is_looked_for_and_never_done_twice(site: SweepSite, request_: str) -> None:
    site.land("size")
    site.github.close(site.shop, site.pulls[0], merge=True)
    site.github.fail(Fault(request=request_, status=502, when="after"))
    assert site.land("add").outcome is Swept.OPENED
    site.github.fail(Fault(request=request_, status=502, when="after"))
    assert site.land("tell").outcome is Swept.UPDATED
    assert [pull.is_open for pull in site.pulls] == [False, True]


def test_race__somebody_pushes_just_before_the_commit(site: SweepSite) -> None:
    site.land("add")
    order = site.order(suggestion("size"))

    def push() -> None:
        site.github.commit(site.shop, BRANCH, {"notes.md": "mine\n"}, by="ada")

    site.github.before("GET /repos/octo/shop/pulls", push)
    assert site.carry_out(order).outcome is Swept.UPDATED
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
