"""What comes of committing, in each situation that it can meet."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import dedent

import pytest

from fakes.github.checkouts import Checkout, check_out
from fakes.github.faults import Fault
from fakes.github.git_store import Person
from fakes.github.state import Token
from fakes.reports import a_member, a_suggestion
from fakes.stage import Stage, stage
from testsmith.forge.github import Connection, GitHub
from testsmith.git.fetch import open_checkout
from testsmith.git.repository import Repository
from testsmith.git.trees import OverlaidTree
from testsmith.languages.registry import languages
from testsmith.model import GeneratedTest, Label, StaleTestAction, Suggestion
from testsmith.publish import PublishOrder, PublishResult, PublishStatus, publish_for
from testsmith.settings import CommitSettings, Mode, Secret
from testsmith.test_files.plan import Marking

HEAD = {"shop/__init__.py": "", "shop/cart.py": "def add(a):\n    return a + 1\n"}
MAY_COMMIT = {"contents": "write", "pull_requests": "write"}
PATH = "tests/test_cart.py"
COMMIT = CommitSettings(mode=Mode.COMMIT, mark_tests=False)
FOLLOW_UP = CommitSettings(mode=Mode.PULL_REQUEST, mark_tests=False)


def suggestion(name: str = "add", path: str = PATH, label: Label = Label.NEW_BEHAVIOR) -> Suggestion:
    code = dedent(
        f"""\
        from shop.cart import {name}


        def test_{name}():
            assert {name}(1) == 2
        """
    )
    member = a_member(name, "shop/cart.py")
    return replace(a_suggestion(member, test_path=path, code=code, label=label), tests=(f"test_{name}",))


def commit(forge: GitHub, order: PublishOrder, head_repository: str | None = "octo/shop") -> PublishResult:
    return publish_for(forge, order, replace(forge.pull_request(1), head_repository=head_repository))


@dataclass
class Site:
    """A pull request whose head is checked out, and clients that may commit to it."""

    at: Stage
    repository: Repository
    token: Token
    clients: list[GitHub] = field(default_factory=list)

    @property
    def head(self) -> str:
        return self.at.pull.head

    def forge(self, token: Token | None = None) -> GitHub:
        made = GitHub(
            Connection(
                url=self.at.github.url,
                graphql_url=self.at.github.graphql_url,
                token=Secret((token or self.token).value),
                repository="octo/shop",
                clock=self.at.clock.now,
                sleep=self.at.clock.advance,
            )
        )
        self.clients.append(made)
        return made

    def order(self, *suggestions: Suggestion, settings: CommitSettings = COMMIT) -> PublishOrder:
        pull = self.forge().pull_request(self.at.pull.number)
        return PublishOrder(
            head=pull.head_sha,
            suggestions=suggestions or (suggestion(),),
            tree=self.repository.commit_tree(self.head),
            languages=languages(),
            settings=settings,
        )

    def commit(self, *suggestions: Suggestion, settings: CommitSettings = COMMIT) -> PublishResult:
        return commit(self.forge(), self.order(*suggestions, settings=settings))

    def text(self, path: str, branch: str = "change") -> str:
        return self.at.shop.git.text("show", f"refs/heads/{branch}:{path}")

    def fetch(self, branch: str = "change") -> None:
        """Bring what was pushed to where trees are read."""
        git = self.at.shop.git.folder
        command = ("git", "-C", str(self.repository.root), "fetch", "-q", str(git), branch)
        subprocess.run(command, check=True, capture_output=True)


@contextmanager
def site_of(at: Stage, token: Token, folder: Path, branch: str = "change") -> Iterator[Site]:
    workspace, own = folder / "workspace", folder / "own"
    workspace.mkdir()
    own.mkdir()
    check_out(workspace, at.github.url, at.event("opened"), token, Checkout())
    made = Site(at=at, repository=open_checkout(workspace, own), token=token)
    made.fetch(branch)
    yield made
    for client in made.clients:
        client.close()


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Iterator[Site]:
    with stage(tmp_path, HEAD) as at, site_of(at, at.github.token(at.shop, MAY_COMMIT), tmp_path) as made:
        yield made


def test_commit__tests_are_on_the_branch(site: Site) -> None:
    before = site.head
    done = site.commit(suggestion(), suggestion("size", label=Label.QUESTION))
    assert (done.status, done.reason, done.patch) == (PublishStatus.DONE, "", "")
    assert done.commit
    assert done.commit == site.head
    assert site.at.shop.git.between(before, site.head) == (site.head,)
    assert site.text(PATH) == suggestion().code
    assert [one.member for one in done.suggestions] == ["shop/cart.py::add"]


def test_commit__what_it_says(site: Site) -> None:
    site.commit(suggestion(), settings=replace(COMMIT, sign_off="Ada Bee <ada@shop.test>"))
    message = site.at.shop.git.text("log", "-1", "--format=%B", site.head)
    assert message.startswith("Add tests for add\n\nEach test was run and proven on ")
    assert "\nTestSmith-Commit: " in message
    assert message.rstrip().endswith("\nSigned-off-by: Ada Bee <ada@shop.test>")


def test_commit__passes_a_check_of_sign_offs(site: Site) -> None:
    """As such checks do it: the author's name and address stand in a trailer of the message."""
    before, git = site.head, site.at.shop.git
    site.commit()
    author = git.text("log", "-1", "--format=%an <%ae>", site.head).strip()
    site.fetch()
    site.commit(suggestion("size"), settings=replace(COMMIT, sign_off=author))
    signed = "--format=%an <%ae>%x00%(trailers:key=Signed-off-by,valueonly,separator=%x2C)"
    (last, *_) = git.text("log", signed, f"{before}..{site.head}").splitlines()
    assert last.split("\0") == [author, author]


def test_commit__renews_and_removes_beside_what_it_adds(site: Site) -> None:
    marks = Marking(version="1", members={"shop/cart.py::add": "0123abcd"})
    first = replace(site.order(), marking=marks)
    assert commit(site.forge(), first).status is PublishStatus.DONE
    site.fetch()
    changed = replace(suggestion(), code=suggestion().code.replace("== 2", "== 3"))
    later = replace(site.order(changed), marking=replace(marks, members={"shop/cart.py::add": "cafe0000"}))
    assert commit(site.forge(), later).status is PublishStatus.DONE
    text = site.text(PATH)
    assert (text.count("def test_add"), text.count("== 3"), text.count("cafe0000")) == (1, 1, 1)
    site.fetch()
    gone = GeneratedTest(
        path=PATH, name="test_add", member="x::y", fate=StaleTestAction.REMOVE, is_edited=False, fails=True
    )
    last = replace(site.order(suggestion("size", label=Label.QUESTION)), removals=(gone,))
    assert commit(site.forge(), last).status is PublishStatus.DONE
    assert PATH not in site.at.shop.git.text("ls-tree", "-r", "--name-only", site.head)


def test_nothing__stands_there_already(site: Site) -> None:
    site.commit()
    site.fetch()
    before = site.head
    done = site.commit()
    assert (done.status, done.patch, site.head) == (PublishStatus.NOTHING, "", before)
    assert "the tests are already there" in done.reason


def test_nothing__only_questions(site: Site) -> None:
    done = site.commit(suggestion(label=Label.CATCHES))
    assert (done.status, done.reason) == (PublishStatus.NOTHING, "There is nothing to commit.")


@pytest.mark.parametrize(
    "path",
    [
        "../../.github/workflows/x.yml",
        "/tests/test_x.py",
        ".github/workflows/test_x.py",
        "shop/cart.py",
        "a.yml",
    ],
)
def test_attack__a_path_out_of_the_test_tree(site: Site, path: str) -> None:
    before = site.head
    done = site.commit(suggestion(path=path))
    assert (done.status, done.patch, site.head) == (PublishStatus.NOTHING, "", before)
    assert [(one.path, bool(one.reason)) for one in done.unplaced] == [(path, True)]


@pytest.mark.parametrize("mode", ["120000", "160000"])
def test_attack__the_tests_folder_is_a_link(site: Site, mode: str) -> None:
    git, target = site.at.shop.git, ".github/workflows"
    oid = git.store_blob(target.encode()) if mode == "120000" else site.head
    tree = git.changed_tree(site.head, {"tests": (mode, oid)})
    person = Person(name="eve", email="eve@x.test", at=1_700_000_000)
    head = git.store_commit(tree, (site.head,), "link", person, person)
    git.set_ref("refs/heads/change", head)
    site.at.github.world.sync()
    site.fetch()
    done = site.commit()
    assert (done.status, site.head) == (PublishStatus.NOTHING, head)
    assert "symbolic link or another repository" in done.reason


def test_attack__a_branch_name_is_only_a_name(tmp_path: Path) -> None:
    name = "$(touch${IFS}PWNED);`id`&&'\"#1%2e"
    with stage(tmp_path, HEAD) as at:
        head = at.github.commit(at.shop, name, {"more.py": "1\n"}, start="change")
        at.pull.head_branch = name
        at.github.world.sync()
        token = at.github.token(at.shop, MAY_COMMIT)
        with site_of(at, token, tmp_path, name) as site:
            done = site.commit()
            assert (done.status, done.reason) == (PublishStatus.DONE, "")
            assert at.shop.git.between(head, at.shop.branch(name) or "")


def test_not_allowed__the_token_may_only_read_contents(site: Site) -> None:
    before = site.head
    done = commit(site.forge(site.at.token), site.order())
    assert (done.status, site.head) == (PublishStatus.NOT_ALLOWED, before)
    assert "`contents: write`" in done.reason
    assert PATH in done.patch


@pytest.mark.parametrize("rule", ["protected", "default"])
def test_protected__nothing_is_committed(site: Site, rule: str) -> None:
    before = site.head
    if rule == "protected":
        site.at.shop.protected.add("change")
    else:
        site.at.shop.default_branch = "change"
    done = site.commit()
    assert (done.status, site.head) == (PublishStatus.PROTECTED, before)
    assert "mode: pull-request" in done.reason
    assert done.patch


def test_too_large__over_40_mb(site: Site) -> None:
    before = site.head
    with site.at.counting() as counts:
        big = f"# {'x' * 990_000}\n".encode()  # a larger test file is left alone
        paths = [f"tests/test_big_{number}.py" for number in range(32)]
        tree = OverlaidTree(site.repository.commit_tree(before), dict.fromkeys(paths, big))
        order = site.order(*(suggestion(path=path) for path in paths))
        done = commit(site.forge(), replace(order, tree=tree))
    assert (done.status, counts.writes, site.head) == (PublishStatus.TOO_LARGE, 0, before)
    assert "40 MB" in done.reason


@pytest.mark.parametrize("mode", [COMMIT, FOLLOW_UP])
def test_fork__says_so_and_has_a_patch(site: Site, tmp_path: Path, mode: CommitSettings) -> None:
    order = site.order(settings=mode)
    with site.at.counting() as counts:
        done = commit(site.forge(), order, head_repository="eve/shop")
    assert (done.status, counts.writes) == (PublishStatus.FORK, 0)
    assert "git apply" in done.reason
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=done.patch.encode(), check=True)
    assert (tmp_path / PATH).read_text() == suggestion().code


def test_fork__one_that_was_deleted(site: Site) -> None:
    order = site.order()
    done = commit(site.forge(), order, head_repository=None)
    assert done.status is PublishStatus.FORK


def test_moved__a_push_between(site: Site) -> None:
    order = site.order()
    theirs = site.at.push({"other.py": "1\n"})
    done = commit(site.forge(), order)
    assert (done.status, done.found, site.head) == (PublishStatus.MOVED, theirs, theirs)
    assert PATH in done.patch


def test_two_runs_at_once__one_commit(site: Site) -> None:
    first, second = site.order(), site.order()
    before = site.head
    assert commit(site.forge(), first).status is PublishStatus.DONE
    assert commit(site.forge(), second).status is PublishStatus.MOVED
    assert site.at.shop.git.between(before, site.head) == (site.head,)


def test_failed__github_cannot_be_reached(site: Site) -> None:
    order = site.order()
    site.at.github.fail(Fault(request="GET .*/branches/", status=502, times=9))
    done = commit(site.forge(), order)
    assert done.status is PublishStatus.FAILED
    assert "no usable answer" in done.reason
    assert done.patch


def test_follow_up__one_pull_request_onto_the_branch(site: Site) -> None:
    before = site.head
    done = site.commit(settings=FOLLOW_UP)
    assert (done.status, site.head) == (PublishStatus.DONE, before)
    assert done.pull
    pull = site.at.shop.pulls[done.pull.number]
    assert (pull.base_branch, pull.head_branch) == ("change", "testsmith/pr-1")
    assert (pull.title, pull.body.splitlines()[2]) == ("Tests for #1", "- `add`")
    assert site.text(PATH, "testsmith/pr-1") == suggestion().code


def test_follow_up__is_updated_not_opened_again(site: Site) -> None:
    first = site.commit(settings=FOLLOW_UP)
    site.at.push({"other.py": "1\n"})
    site.fetch()
    second = site.commit(suggestion("size"), settings=FOLLOW_UP)
    assert (second.status, second.place) == (PublishStatus.DONE, first.place)
    assert len(site.at.shop.pulls) == 2
    assert second.pull
    assert "- `size`" in site.at.shop.pulls[second.pull.number].body
    text = site.text(PATH, "testsmith/pr-1")
    assert "test_add" in text
    assert "test_size" in text
    again = site.commit(suggestion("size"), settings=FOLLOW_UP)
    assert again.status is PublishStatus.NOTHING


def test_follow_up__holds_somebody_elses_commit(site: Site) -> None:
    site.commit(settings=FOLLOW_UP)
    theirs = site.at.github.commit(site.at.shop, "testsmith/pr-1", {"mine.py": "1\n"})
    done = site.commit(suggestion("size"), settings=FOLLOW_UP)
    assert (done.status, site.at.shop.branch("testsmith/pr-1")) == (PublishStatus.OTHERS_COMMITS, theirs)
    assert done.patch


def test_follow_up__a_commit_that_only_claims_to_be_ours(site: Site) -> None:
    site.commit(settings=FOLLOW_UP)
    git, tip = site.at.shop.git, site.at.shop.branch("testsmith/pr-1") or ""
    person = Person(name="eve", email="eve@x.test", at=1_700_000_000)
    theirs = git.store_commit(f"{tip}^{{tree}}", (tip,), "x\n\nTestSmith-Commit: 12", person, person)
    git.set_ref("refs/heads/testsmith/pr-1", theirs)
    assert site.commit(suggestion("size"), settings=FOLLOW_UP).status is PublishStatus.OTHERS_COMMITS


def test_follow_up__merged_and_the_branch_left(site: Site) -> None:
    first = site.commit(settings=FOLLOW_UP)
    assert first.pull
    site.at.shop.pulls[first.pull.number].closed = 1.0
    second = site.commit(suggestion("size"), settings=FOLLOW_UP)
    assert second.status is PublishStatus.DONE
    assert second.pull
    assert second.pull != first.pull
    branch = site.at.shop.pulls[second.pull.number].head_branch
    assert branch == "testsmith/pr-1"
    assert "test_add" not in site.text(PATH, branch)


def test_follow_up__workflows_may_open_none(site: Site) -> None:
    said = "GitHub Actions is not permitted to create or approve pull requests."
    site.at.github.fail(Fault(request=r"POST .*/pulls$", status=403, body={"message": said}))
    done = site.commit(settings=FOLLOW_UP)
    assert done.status is PublishStatus.NO_PULL_REQUESTS
    assert "testsmith/pr-1" in done.reason
    assert site.text(PATH, "testsmith/pr-1") == suggestion().code


def test_follow_up__two_runs_at_once(site: Site) -> None:
    site.commit(settings=FOLLOW_UP)
    ours = site.at.shop.branch("testsmith/pr-1")
    stale = {"type": "STALE_DATA", "message": 'Expected branch to point to "a" but it pointed to "b"'}
    site.at.github.fail(Fault(request="POST /graphql", status=200, body={"errors": [stale]}, skip=1))
    assert site.commit(suggestion("size"), settings=FOLLOW_UP).status is PublishStatus.DONE
    site.at.github.fail(Fault(request="POST /graphql", status=200, body={"errors": [stale]}, skip=1, times=2))
    assert site.commit(suggestion("more"), settings=FOLLOW_UP).status is PublishStatus.RACE_LOST
    assert ours
    assert len(site.at.shop.git.between(ours, site.at.shop.branch("testsmith/pr-1") or "")) == 1


def test_follow_up__the_head_has_gone_on(site: Site) -> None:
    order = site.order(settings=FOLLOW_UP)
    site.at.push({"other.py": "1\n"})
    assert commit(site.forge(), order).status is PublishStatus.MOVED
    assert site.at.shop.branch("testsmith/pr-1") is None
