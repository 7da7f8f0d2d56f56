"""A pull request on the fake GitHub that the bot reviews again and again, with proposals that need no proof.

All is real but the proof: the fake GitHub over HTTP, git, the workspace, the members that a change makes, and
what is remembered of them. What is proposed for a member is told by its name, so that a test can say it.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from textwrap import dedent

from bot.changes.fetching import Remote
from bot.changes.members import find_members
from bot.events import Nothing, ReviewPullRequest, task_of
from bot.forge.github import GitHub, build_forge
from bot.forge.reviewed import Reviewed
from bot.forge.settling import Limits
from bot.languages.registry import drivers
from bot.model import Funnel, Label, Member, Report, Skipped, Statistics, Suggestion
from bot.model import Stage as At
from bot.pipeline import Given
from bot.report.terminal import PlainProgress
from bot.review.states import States, open_states
from bot.review.story import Tools, review
from bot.settings import Secret, SelectionSettings
from fakes.github.checkouts import Checkout, check_out
from fakes.github.clock import StepClock
from fakes.github.events import Event, Events
from fakes.github.github import FakeGitHub, fake_github
from fakes.github.state import IssueComment, Pull, Repository, ReviewComment, Token
from fakes.reports import a_suggestion

PERMISSIONS = {"contents": "read", "pull_requests": "write"}
"""What the example workflow grants."""

Files = Mapping[str, str | None]


def module(*names: str, body: str = "return a + 1") -> str:
    """Return a module with functions, far enough from each other to be in hunks of their own."""
    apart = "    # -\n" * 8
    return "\n\n".join(f"def {name}(a):\n    {body}\n{apart}" for name in names)


@dataclass
class Stage:
    """A repository `octo/shop` with one pull request; see `stage`.

    Attributes:
        naps: How long the client waited for GitHub, in seconds each time.
        looked_at: The names of the members that were looked at, of all runs.
    """

    github: FakeGitHub
    shop: Repository
    pull: Pull
    token: Token
    folder: Path
    clock: StepClock
    limits: Limits = field(default_factory=Limits)
    max_members: int = 40
    naps: list[float] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)
    while_proving: Callable[[], object] = lambda: None

    def push(self, files: Files, branch: str | None = None) -> str:
        """Push a commit to the pull request's branch, or to another."""
        return self.github.commit(self.shop, branch or self.pull.head_branch, dict(files))

    def event(self, action: str = "synchronize") -> Event:
        return Events(self.github).pull_request(self.shop, self.pull, action)

    def run(
        self, *, action: str = "opened", token: Token | None = None, checkout: Checkout | None = None
    ) -> Reviewed:
        """Let the action review the pull request, from its event on."""
        return self.review(self.event(action), token=token, checkout=checkout)

    def review(
        self,
        event: Event,
        *,
        token: Token | None = None,
        checkout: Checkout | None = None,
        fills_workspace: bool = True,
        after_checkout: Callable[[], object] = lambda: None,
    ) -> Reviewed:
        task = task_of(event.name, event.payload)
        assert isinstance(task, ReviewPullRequest), task
        token = token or self.token
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        (folder / "workspace").mkdir()
        if fills_workspace:
            check_out(folder / "workspace", self.github.url, event, token, checkout or Checkout())
        after_checkout()
        (folder / "own").mkdir()
        remote = Remote(server_url=self.github.url, repository=task.repository, token=Secret(token.value))
        places = (folder / "workspace", folder / "own")
        with (folder / "log").open("w") as log, closing(self._forge(task, token)) as forge:
            tools = Tools(
                forge=forge,
                open_states=partial(open_states, *places, remote, forge),
                suggest=self._suggest,
                limits=self.limits,
                drivers=drivers(),
                progress=PlainProgress(log),
            )
            return asyncio.run(review(task, tools))

    def _forge(self, task: ReviewPullRequest, token: Token) -> GitHub:
        return build_forge(
            url=self.github.url,
            graphql_url=self.github.graphql_url,
            token=Secret(token.value),
            repository=task.repository,
            clock=self.clock.now,
            sleep=self._nap,
        )

    def _nap(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.clock.advance(seconds)

    async def _suggest(self, states: States, given: Given) -> Report:
        selection = SelectionSettings(base=states.base, head=states.head, max_members=self.max_members)
        search = find_members(states.repository, selection, drivers(), given.compared)
        sources = {member.id: _source(member) for member in search.members}
        assert given.is_unchanged
        unchanged = {id_ for id_, source in sources.items() if given.is_unchanged(id_, source)}
        made = [_made(member) for member in search.members if member.id not in unchanged]
        self.looked_at += [one.member.partition("::")[2] for one in made if one.member]
        await asyncio.to_thread(self.while_proving)
        suggestions = [one for one in made if isinstance(one, Suggestion)]
        left = [
            Skipped(path=member.path, stage=At.CHANGES, reason=given.reason, member=member.id)
            for member in search.members
            if member.id in unchanged
        ]
        count = len(suggestions)
        return Report(
            members=search.found,
            suggestions=tuple(suggestions),
            skipped=(*search.skipped, *left, *(one for one in made if isinstance(one, Skipped))),
            statistics=Statistics(
                funnel=Funnel(asked=count, answered=count, ran=count, stable=count, gains=count, posted=count)
            ),
            base=search.base,
            head=search.head,
            sources=sources,
            unchanged=frozenset(unchanged),
        )

    def summaries(self) -> list[IssueComment]:
        """Return the bot's comments in the conversation that are not hidden."""
        comments = self.pull.comments.values()
        return [one for one in comments if one.user.login == self.token.login and one.minimised is None]

    def shown(self) -> list[ReviewComment]:
        """Return the bot's review comments that are not hidden."""
        comments = self.pull.review_comments.values()
        return [one for one in comments if one.user.login == self.token.login and one.minimised is None]

    def proposed(self) -> list[str]:
        """Return the names of the members that the shown review comments are for."""
        return sorted(one.body.partition("`")[2].partition("`")[0] for one in self.shown())

    @contextmanager
    def counting(self) -> Iterator[Counts]:
        """Count the requests that are made meanwhile."""
        before = len(self.github.exchanges)
        counts = Counts()
        yield counts
        made = [one for one in self.github.exchanges[before:] if one.operation != "git"]
        counts.writes = sum(one.is_write for one in made)
        counts.reads = len(made) - counts.writes


@dataclass
class Counts:
    """How many requests were made to REST and GraphQL."""

    reads: int = 0
    writes: int = 0


def _source(member: Member) -> str:
    return sha256(member.source.encode()).hexdigest()[:16]


def _made(member: Member) -> Suggestion | Skipped:
    """Return what comes of a member, by its name: `quiet_…` is left out, `asks_…` asks, `lost_…` is lost."""
    kind = member.plain_name.partition("_")[0]
    if kind == "quiet":
        return Skipped(path=member.path, stage=At.GATE, reason="no test gains anything", member=member.id)
    if kind == "lost":
        return Skipped(path=member.path, stage=At.BUDGET, reason="no time was left", member=member.id)
    code = dedent(
        f"""\
        from {member.module} import {member.plain_name}


        def test_{member.plain_name}():
            assert {member.plain_name}(1) == {_source(member)!r}
        """
    )
    label = Label.QUESTION if kind == "asks" else Label.NEW_BEHAVIOUR
    return a_suggestion(member, test_path="tests/test_shop.py", code=code, label=label)


def nothing_of(event: Event) -> Nothing:
    """Return why an event asks for nothing."""
    task = task_of(event.name, event.payload)
    assert isinstance(task, Nothing), task
    return task


@contextmanager
def stage(folder: Path, head: Files, base: Files | None = None) -> Iterator[Stage]:
    """Run a fake GitHub with a pull request that changes some files."""
    clock = StepClock()
    with fake_github(folder / "github", clock=clock) as github:
        shop = github.repository("octo/shop")
        github.commit(shop, "main", {"README.md": "shop\n", **(base or {})})
        github.commit(shop, "change", dict(head), start="main")
        pull = github.pull_request(shop, head="change")
        token = github.token(shop, PERMISSIONS)
        workspaces = folder / "runs"
        workspaces.mkdir()
        yield Stage(github=github, shop=shop, pull=pull, token=token, folder=workspaces, clock=clock)
