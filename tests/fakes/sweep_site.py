"""A repository `octo/shop` on the fake GitHub whose default branch is swept; its tests need no proof."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import dedent

from fakes.github.checkouts import Checkout, check_out
from fakes.github.clock import StepClock
from fakes.github.events import Events
from fakes.github.github import FakeGitHub, fake_github
from fakes.github.state import Pull, Repository, Token
from fakes.reports import a_member, a_suggestion
from fakes.sweep_tools import idle_tools
from testsmith.forge.github import Connection, GitHub
from testsmith.forge.review_result import ReviewResult
from testsmith.forge.sweep_memory import Remembered, remembered
from testsmith.git.fetch import open_checkout
from testsmith.git.repository import Repository as CheckedOutRepository
from testsmith.git.trees import RepositoryTree
from testsmith.languages.registry import languages
from testsmith.model import Member, Report, Suggestion
from testsmith.publish import PublishResult
from testsmith.settings import (
    CacheSettings,
    CommitSettings,
    ModelSettings,
    ProviderChoice,
    Secret,
    SelectionSettings,
    Settings,
    SweepSettings,
    VerificationSettings,
)
from testsmith.sweep.parts import PartsFolder
from testsmith.sweep.pull_request_sweep import Hosted, publish_sweep, sweep_hosted
from testsmith.sweep_results import SweepPlan, SweepReport

MAY_SWEEP = {"contents": "write", "pull_requests": "write"}
"""What the example workflow grants."""

SHOP = {"shop/__init__.py": "", "shop/cart.py": "def add(a):\n    return a + 1\n"}
BRANCH = "testsmith/sweep"


def member(name: str) -> Member:
    return replace(a_member(name, "shop/cart.py"), source=f"def {name}(a):\n    return a + 1\n")


def suggestion(name: str, path: str | None = None) -> Suggestion:
    code = dedent(
        f"""\
        from shop.cart import {name}


        def test_{name}():
            assert {name}(1) == 2
        """
    )
    made = a_suggestion(member(name), test_path=path or f"tests/test_{name}.py", code=code)
    return replace(made, tests=(f"test_{name}",))


@dataclass(frozen=True)
class SweepOrder:
    """A sweep that is to be published."""

    swept: SweepReport
    tree: RepositoryTree


@dataclass
class SweepSite:
    """The repository, and sweeps of its default branch as it is."""

    github: FakeGitHub
    shop: Repository
    folder: Path
    clock: StepClock
    permissions: Mapping[str, str] = field(default_factory=lambda: MAY_SWEEP)
    settings: CommitSettings = field(default_factory=CommitSettings)

    @property
    def pulls(self) -> list[Pull]:
        return list(self.shop.pulls.values())

    @property
    def tip(self) -> str | None:
        return self.shop.branch(BRANCH)

    def token(self) -> Token:
        return self.github.token(self.shop, self.permissions)

    @contextmanager
    def forge(self) -> Iterator[GitHub]:
        made = GitHub(
            Connection(
                url=self.github.url,
                graphql_url=self.github.graphql_url,
                token=Secret(self.token().value),
                repository="octo/shop",
                clock=self.clock.now,
                sleep=self.clock.advance,
            )
        )
        with closing(made):
            yield made

    def checked_out(self) -> tuple[CheckedOutRepository, str]:
        """Check out the default branch as it is now, and return its commit as well."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        workspace, own = folder / "workspace", folder / "own"
        own.mkdir()
        event = Events(self.github).schedule(self.shop)
        check_out(workspace, self.github.url, event, self.token(), Checkout())
        return open_checkout(workspace, own), event.sha

    def order(self, *suggestions: Suggestion) -> SweepOrder:
        """Return the order of a sweep of the default branch as it is now."""
        repository, head = self.checked_out()
        names = [one.member.partition("::")[2] for one in suggestions]
        report = Report(members=tuple(map(member, names)), suggestions=suggestions, head=head)
        return SweepOrder(SweepReport(plan=SweepPlan(ranked=()), report=report), repository.commit_tree(head))

    def sweep(self) -> ReviewResult:
        """Run a whole sweep on a machine where nothing can be run."""
        repository, head = self.checked_out()
        settings = Settings(
            folder=repository.root,
            provider=ProviderChoice.OFFLINE,
            selection=SelectionSettings(all_paths=(".",), head=head),
            model=ModelSettings(),
            cache=CacheSettings(folder=self.folder / "cache"),
            verification=VerificationSettings(),
        )
        with self.forge() as forge:
            hosted = Hosted(
                forge=forge,
                repository=repository,
                head=head,
                settings=settings,
                how=SweepSettings(),
                tools=replace(idle_tools(), repository=repository),
                parts=PartsFolder(self.folder / "parts"),
                parts_place="parts",
                languages=languages(),
            )
            return asyncio.run(sweep_hosted(hosted))

    def land(self, *names: str) -> PublishResult:
        """Land the tests of some members."""
        return self.carry_out(self.order(*map(suggestion, names)))

    def carry_out(self, order: SweepOrder) -> PublishResult:
        with self.forge() as forge:
            head = order.swept.report.head or ""
            return publish_sweep(forge, order.swept, head, order.tree, languages(), self.settings)

    def remembered(self) -> Remembered:
        with self.forge() as forge:
            return remembered(forge.own_pulls(BRANCH, "main"))

    def paths(self, branch: str = BRANCH) -> set[str]:
        """Return the test files on a branch."""
        listed = self.shop.git.text("ls-tree", "-r", "--name-only", f"refs/heads/{branch}").split()
        return {path for path in listed if path.startswith("tests/test_")}

    def text(self, path: str, branch: str = BRANCH) -> str:
        return self.shop.git.text("show", f"refs/heads/{branch}:{path}")


@contextmanager
def sweep_site(folder: Path) -> Iterator[SweepSite]:
    """Run a fake GitHub with the repository in it."""
    clock = StepClock()
    with fake_github(folder / "github", clock=clock) as github:
        shop = github.repository("octo/shop")
        github.commit(shop, "main", dict(SHOP))
        runs = folder / "runs"
        runs.mkdir()
        yield SweepSite(github=github, shop=shop, folder=runs, clock=clock)
