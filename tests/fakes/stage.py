"""A pull request on the fake GitHub that the bot reviews again and again, with proposals that need no proof.

All is real but the proof: the fake GitHub over HTTP, git, the workspace, the members that a change makes, and
what is remembered of them. What is proposed for a member is told by its name, so that a test can say it.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from textwrap import dedent

from fakes.github.checkouts import Checkout, check_out
from fakes.github.clock import StepClock
from fakes.github.events import Event, Events
from fakes.github.github import FakeGitHub, fake_github
from fakes.github.state import IssueComment, Pull, Repository, ReviewComment, Token
from fakes.reports import a_suggestion
from testsmith.changes.members import find_members
from testsmith.events import HandleCommentCommands, Nothing, ReviewPullRequest, task_of
from testsmith.forge.github import Connection, GitHub
from testsmith.forge.review_result import PostStatus, ReviewResult
from testsmith.git.fetch import FetchRemote
from testsmith.languages.language import Language
from testsmith.languages.registry import languages
from testsmith.model import (
    Audit,
    Funnel,
    GeneratedTest,
    Label,
    Member,
    Report,
    Skipped,
    Statistics,
    Suggestion,
)
from testsmith.model import SkipStage as At
from testsmith.pipeline import RunOptions
from testsmith.reporting.terminal import PlainProgress
from testsmith.review.checkouts import States, open_states
from testsmith.review.commands.dispatch import dispatch_commands
from testsmith.review.commands.session import CommandDependencies
from testsmith.review.review_pull_request import ReviewDependencies, review
from testsmith.settings import CommitSettings, ReviewSettings, Secret, SelectionSettings

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
        no_longer_held: The names of members whose tests do not hold when they are proven again.
        given: What the runs were given.
        earlier: Tests of earlier runs that the runs find to be looked at.
        audit: What the runs say of the pull request's own tests; None where they say nothing.
        failing: The project's own tests that the runs see not to pass; None where they run none.
        known: The languages that the bot knows.
        suggest: Makes the suggestions; None for those that need no proof.
        posts: Whether reviews are posted, rather than only planned.
    """

    github: FakeGitHub
    shop: Repository
    pull: Pull
    token: Token
    folder: Path
    clock: StepClock
    limits: ReviewSettings = field(default_factory=ReviewSettings)
    max_members: int = 40
    naps: list[float] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)
    commits: CommitSettings = field(default_factory=CommitSettings)
    no_longer_held: set[str] = field(default_factory=set)
    given: list[RunOptions] = field(default_factory=list)
    earlier: tuple[GeneratedTest, ...] = ()
    audit: Audit | None = None
    failing: frozenset[str] | None = None
    while_proving: Callable[[], object] = lambda: None
    known: tuple[Language, ...] = field(default_factory=languages)
    suggest: Callable[[States, RunOptions], Awaitable[Report]] | None = None
    posts: bool = True

    def push(self, files: Files, branch: str | None = None) -> str:
        """Push a commit to the pull request's branch, or to another."""
        return self.github.commit(self.shop, branch or self.pull.head_branch, dict(files))

    def event(self, action: str = "synchronize") -> Event:
        return Events(self.github).pull_request(self.shop, self.pull, action)

    def run(
        self, *, action: str = "opened", token: Token | None = None, checkout: Checkout | None = None
    ) -> ReviewResult:
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
    ) -> ReviewResult:
        task = task_of(event.name, json.dumps(event.payload))
        assert isinstance(task, ReviewPullRequest), task
        token = token or self.token
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        (folder / "workspace").mkdir()
        if fills_workspace:
            check_out(folder / "workspace", self.github.url, event, token, checkout or Checkout())
        after_checkout()
        (folder / "own").mkdir()
        remote = FetchRemote(
            server_url=self.github.url, repository=task.repository, token=Secret(token.value)
        )
        places = (folder / "workspace", folder / "own")
        with (folder / "log").open("w") as log, closing(self._forge(task.repository, token)) as forge:
            tools = ReviewDependencies(
                forge=forge,
                open_states=partial(open_states, *places, remote),
                suggest=self.suggest or self._suggest,
                limits=lambda _: self.limits,
                languages=self.known,
                progress=PlainProgress(log),
                commits=lambda _: self.commits,
                posts=self.posts,
            )
            return asyncio.run(review(task, tools))

    def say(self, body: str, by: str = "ada", *, in_thread: ReviewComment | None = None) -> Spoken:
        """Let somebody comment, and return the comment with its event."""
        events = Events(self.github)
        if in_thread is not None:
            reply = self.github.reply(self.pull, in_thread, by, body)
            return Spoken(reply, events.review_comment(self.shop, self.pull, reply))
        comment = self.github.say(self.pull, by, body)
        return Spoken(comment, events.issue_comment(self.shop, self.pull, comment))

    def command(
        self,
        body: str,
        by: str = "ada",
        *,
        in_thread: ReviewComment | None = None,
        token: Token | None = None,
    ) -> Commanded:
        """Let somebody comment, and the action obey it."""
        return self.obey(self.say(body, by, in_thread=in_thread), token=token)

    def obey(self, spoken: Spoken, *, token: Token | None = None) -> Commanded:
        """Let the action obey a comment."""
        event = spoken.event
        task = task_of(event.name, json.dumps(event.payload))
        if isinstance(task, Nothing):
            return Commanded(
                ReviewResult(delivery=PostStatus.NOTHING, reason=task.reason), spoken.comment, []
            )
        assert isinstance(task, HandleCommentCommands), task
        token = token or self.token
        before = {*self.pull.comments, *self.pull.review_comments}
        with self._tools(task.repository, event, token) as tools:
            forge = tools.forge
            assert isinstance(forge, GitHub)
            obeying = CommandDependencies(
                forge=forge,
                review=replace(tools, commands=True),
            )
            reviewed = asyncio.run(dispatch_commands(task, obeying))
        said = {**self.pull.comments, **self.pull.review_comments}
        answers = [
            one.body for one in said.values() if one.id not in before and "testsmith:answer" in one.body
        ]
        return Commanded(reviewed, spoken.comment, answers)

    @contextmanager
    def _tools(self, repository: str, event: Event, token: Token) -> Iterator[ReviewDependencies]:
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        (folder / "workspace").mkdir()
        check_out(folder / "workspace", self.github.url, event, token, Checkout())
        remote = FetchRemote(server_url=self.github.url, repository=repository, token=Secret(token.value))
        with (folder / "log").open("w") as log, closing(self._forge(repository, token)) as forge:

            def opened(task: ReviewPullRequest) -> States:
                own = Path(tempfile.mkdtemp(dir=folder))
                return open_states(folder / "workspace", own, remote, task)

            yield ReviewDependencies(
                forge=forge,
                open_states=opened,
                suggest=self._suggest,
                limits=lambda _: self.limits,
                languages=languages(),
                progress=PlainProgress(log),
                commits=lambda _: self.commits,
            )

    def _forge(self, repository: str, token: Token) -> GitHub:
        return GitHub(
            Connection(
                url=self.github.url,
                graphql_url=self.github.graphql_url,
                token=Secret(token.value),
                repository=repository,
                clock=self.clock.now,
                sleep=self._nap,
            )
        )

    def _nap(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.clock.advance(seconds)

    async def _suggest(self, states: States, given: RunOptions) -> Report:
        self.given.append(given)
        selection = SelectionSettings(base=states.base, head=states.head, max_members=self.max_members)
        if given.paths:
            selection = replace(
                selection, base=None, all_paths=given.paths, only=given.only, refuses_unknown=False
            )
        search = find_members(states.repository, selection, languages())
        sources = {member.id: _source(member) for member in search.members}
        assert given.is_unchanged
        unchanged = {id_ for id_, source in sources.items() if given.is_unchanged(id_, source)}
        made = [self._made(member, given) for member in search.members if member.id not in unchanged]
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
            earlier=self.earlier,
            audit=self.audit if given.audits else None,
            failing=self.failing,
        )

    def _made(self, member: Member, given: RunOptions) -> Suggestion | Skipped:
        """Return what comes of a member; what is given to be proven holds to the letter, or not at all."""
        made = _made(member, given.seed)
        if given.candidates is None or not isinstance(made, Suggestion):
            return made
        if member.plain_name in self.no_longer_held:
            return Skipped(path=member.path, stage=At.GATE, reason="its test fails", member=member.id)
        return replace(made, code=given.candidates[member.id].code)

    def summaries(self) -> list[IssueComment]:
        """Return the bot's comments in the conversation that are not hidden."""
        comments = self.pull.comments.values()
        return [one for one in comments if one.user.login == self.token.login and one.minimized is None]

    def shown(self) -> list[ReviewComment]:
        """Return the bot's review comments that are not hidden."""
        comments = self.pull.review_comments.values()
        return [one for one in comments if one.user.login == self.token.login and one.minimized is None]

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


@dataclass(frozen=True)
class Spoken:
    """A comment, and the event that tells of it."""

    comment: IssueComment | ReviewComment
    event: Event


@dataclass(frozen=True)
class Commanded:
    """What came of a comment: what is told of it, the comment itself, and the answers."""

    reviewed: ReviewResult
    comment: IssueComment | ReviewComment
    answers: list[str]

    @property
    def reactions(self) -> list[str]:
        return [one.content for one in self.comment.reactions]


@dataclass
class Counts:
    """How many requests were made to REST and GraphQL."""

    reads: int = 0
    writes: int = 0


def _source(member: Member) -> str:
    return sha256(member.source.encode()).hexdigest()[:16]


def _made(member: Member, seed: int = 0) -> Suggestion | Skipped:
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
            assert {member.plain_name}(1) == {_source(member) + f":{seed}" * bool(seed)!r}
        """
    )
    label = Label.QUESTION if kind == "asks" else Label.NEW_BEHAVIOR
    return a_suggestion(member, test_path="tests/test_shop.py", code=code, label=label)


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
