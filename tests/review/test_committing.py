"""What comes of committing, in each situation that it can meet."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import dedent

import pytest

from bot.changes.checkout import open_checkout
from bot.changes.git import Repository
from bot.changes.trees import RepositoryTree
from bot.forge.github import GitHub, build_forge
from bot.languages.registry import drivers
from bot.model import Label, Suggestion
from bot.review.committing import CommitOrder, Committed, Committing, commit
from bot.settings import CommitSettings, Mode, Secret
from fakes.github.checkouts import Checkout, check_out
from fakes.github.state import ACTIONS_BOT, Token
from fakes.reports import a_member, a_suggestion
from fakes.stage import Stage, stage

HEAD = {"shop/__init__.py": "", "shop/cart.py": "def add(a):\n    return a + 1\n"}
MAY_COMMIT = {"contents": "write", "pull_requests": "write"}
PATH = "tests/test_cart.py"
COMMIT = CommitSettings(mode=Mode.COMMIT, mark_tests=False)
FOLLOW_UP = CommitSettings(mode=Mode.PULL_REQUEST, mark_tests=False)


def suggestion(name: str = "add", path: str = PATH, label: Label = Label.NEW_BEHAVIOUR) -> Suggestion:
    code = dedent(
        f"""\
        from shop.cart import {name}


        def test_{name}():
            assert {name}(1) == 2
        """
    )
    member = a_member(name, "shop/cart.py")
    return replace(a_suggestion(member, test_path=path, code=code, label=label), tests=(f"test_{name}",))


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
        made = build_forge(
            url=self.at.github.url,
            graphql_url=self.at.github.graphql_url,
            token=Secret((token or self.token).value),
            repository="octo/shop",
            clock=self.at.clock.now,
            sleep=self.at.clock.advance,
        )
        self.clients.append(made)
        return made

    def order(
        self,
        *suggestions: Suggestion,
        settings: CommitSettings = COMMIT,
        number: int | None = None,
        tree: RepositoryTree | None = None,
    ) -> CommitOrder:
        pull = self.forge().pull_request(number or self.at.pull.number)
        return CommitOrder(
            pull=pull,
            head=pull.head_sha,
            suggestions=suggestions or (suggestion(),),
            tree=tree or self.repository.commit_tree(self.head),
            folder=self.repository.root,
            drivers=drivers(),
            login=ACTIONS_BOT,
            settings=settings,
        )

    def commit(self, *suggestions: Suggestion, settings: CommitSettings = COMMIT) -> Committing:
        return commit(self.forge(), self.order(*suggestions, settings=settings))

    def text(self, path: str, branch: str = "change") -> str:
        return self.at.shop.git.text("show", f"refs/heads/{branch}:{path}")

    def fetch(self) -> None:
        """Bring what was pushed to where trees are read."""
        git = self.at.shop.git.folder
        command = ("git", "-C", str(self.repository.root), "fetch", "-q", str(git), "change")
        subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with stage(tmp_path, HEAD) as at:
        token = at.github.token(at.shop, MAY_COMMIT)
        workspace, own = tmp_path / "workspace", tmp_path / "own"
        workspace.mkdir()
        own.mkdir()
        check_out(workspace, at.github.url, at.event("opened"), token, Checkout())
        made = Site(at=at, repository=open_checkout(workspace, own), token=token)
        made.fetch()
        yield made
        for client in made.clients:
            client.close()


def test_commit__tests_are_on_the_branch(site: Site) -> None:
    before = site.head
    done = site.commit(suggestion(), suggestion("size", label=Label.QUESTION))
    assert (done.outcome, done.reason, done.patch) == (Committed.DONE, "", "")
    assert done.commit
    assert done.commit.sha == site.head
    assert site.at.shop.git.between(before, site.head) == (site.head,)
    assert site.text(PATH) == suggestion().code
    assert [one.member for one in done.suggestions] == ["shop/cart.py::add"]
