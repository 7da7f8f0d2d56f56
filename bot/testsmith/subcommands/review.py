"""`testsmith review 123`: review a pull request from a local checkout, and print the review or post it.

It takes the same steps as the action. The checkout is not changed: the commits are fetched into a repository
of the bot's own. Settings come from the base branch, the command line and the environment, never from the
pull request.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any
from urllib.parse import urlsplit

from testsmith import PROGRAM
from testsmith.app import App
from testsmith.events import FULL_NAME, ReviewPullRequest
from testsmith.forge.addresses import ForgeAddresses, addresses_in, repository_at
from testsmith.forge.github import Connection, GitHub
from testsmith.forge.interface import Operation
from testsmith.forge.review_result import PostStatus, ReviewResult
from testsmith.git.fetch import FetchRemote
from testsmith.git.repository import Repository
from testsmith.languages.registry import languages
from testsmith.model import Progress, Report, UsageFailure
from testsmith.pipeline import RunOptions, suggest
from testsmith.reporting.phrases import count, headline
from testsmith.reporting.pull_requests.member_status import account
from testsmith.reporting.pull_requests.planned_review import new_comments, planned_review
from testsmith.reporting.rendering import PREPARING, repeated
from testsmith.reporting.terminal import Terminal, markdown_text, open_progress, terminal_of
from testsmith.review.checkouts import States, open_states
from testsmith.review.review_pull_request import ReviewDependencies, review
from testsmith.settings import (
    CommitSettings,
    SandboxChoice,
    Secret,
    Settings,
    SettingsSources,
    parse,
)
from testsmith.tasks import in_thread

TOKEN_VARIABLES = ("GH_TOKEN", "GITHUB_TOKEN")
"""Variables with a personal token; the first one that is set is used, as by GitHub's own command line."""

_SECONDS_FOR_TOKEN = 10.0
_FORK_NOTE = (
    "the pull request is from a fork: its code only runs in the strict sandbox, and neither it nor its"
    " dependencies are installed."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedReview:
    """A finished review.

    Attributes:
        text: What to print.
        notes: Sentences for standard error.
        failure: Why it is not complete; empty if it is.
    """

    text: str = ""
    notes: tuple[str, ...] = ()
    failure: str = ""


def review_here(arguments: Mapping[str, Any], app: App) -> PrintedReview:
    """Review a pull request from the checkout in the current folder.

    Args:
        arguments: The command line, by the keys of the argument parser.
        app: The application.

    Raises:
        Failure: The pull request could not be read or reviewed.
    """
    checkout = Repository.open(Path(arguments["repo"]))
    addresses = addresses_in(app.environment)
    local = _LocalReview(
        arguments=arguments,
        app=app,
        root=checkout.root,
        addresses=addresses,
        repository=arguments["repository"] or repository_of(checkout, addresses.server),
        token=token_for(addresses.server, app.environment),
    )
    if not FULL_NAME.fullmatch(local.repository):
        raise UsageFailure(f"--repository must be OWNER/NAME, not {local.repository!r}.")
    with open_progress(terminal_of(app.stderr, app.environment)) as progress:
        reviewed = app.run(lambda: local.done(progress))
    return local.printed(reviewed)


def repository_of(checkout: Repository, server: str) -> str:
    """Return the full name of the repository that a checkout's `origin` names, for example `octo/shop`.

    Raises:
        UsageFailure: There is no `origin`, or it is on another server.
    """
    remote = checkout.remote_address()
    if not remote:
        raise UsageFailure(
            "this checkout has no remote `origin`: name the repository with --repository OWNER/NAME."
        )
    repository = repository_at(remote, server)
    if not repository:
        raise UsageFailure(
            f"`origin` is not on {server}: name the repository with --repository OWNER/NAME. For GitHub"
            " Enterprise, set GITHUB_SERVER_URL, GITHUB_API_URL and GITHUB_GRAPHQL_URL."
        )
    return repository


def token_for(server: str, environment: Mapping[str, str]) -> Secret:
    """Return the user's token: from the environment, or from GitHub's command line `gh`.

    Raises:
        UsageFailure: There is none.
    """
    token = next((environment[name] for name in TOKEN_VARIABLES if environment.get(name)), "")
    gh = shutil.which("gh", path=environment.get("PATH"))
    if not token and gh is not None:
        command = (gh, "auth", "token", "--hostname", urlsplit(server).hostname or "")
        with suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                env=dict(environment),
                timeout=_SECONDS_FOR_TOKEN,
                check=True,
            )
            token = done.stdout.strip()
    if not token:
        raise UsageFailure(
            "no GitHub token: set GH_TOKEN to a personal token, or run `gh auth login`. It must be able"
            " to read contents and pull requests and, for --post, to write pull requests."
        )
    return Secret(token)


@dataclass(kw_only=True)
class _LocalReview:
    """A review in a local checkout. The settings of each state of the repository are read once."""

    arguments: Mapping[str, Any]
    app: App
    root: Path
    addresses: ForgeAddresses
    repository: str
    token: Secret
    known: dict[tuple[str, str], Settings] = field(default_factory=dict)
    is_fork: bool = False

    async def done(self, progress: Progress) -> ReviewResult:
        """Review the pull request."""
        forge = self.app.stack.enter_context(closing(self._forge()))
        folder = Path(self.app.stack.enter_context(TemporaryDirectory(prefix="testsmith-")))
        pull = await in_thread(forge.pull_request, self.arguments["number"])
        task = ReviewPullRequest(
            repository=self.repository,
            number=pull.number,
            base_sha=pull.base_sha,
            base_ref=pull.base_ref,
            head_sha=pull.head_sha,
            head_repository=pull.head_repository,
            author="",
        )
        self.is_fork = task.is_fork
        tools = ReviewDependencies(
            forge=forge,
            open_states=lambda task: self._opened(folder, task),
            suggest=lambda states, given: self._suggest(states, given, progress),
            limits=lambda states: self._settings(states).review,
            languages=languages(),
            progress=progress,
            commits=lambda _: CommitSettings(),  # posted as a review, whatever the mode of the repository is
            repeated=repeated(self.arguments, PREPARING),
            posts=self.arguments["post"],
        )
        return await review(task, tools)

    def printed(self, reviewed: ReviewResult) -> PrintedReview:
        """Return what to print of a finished review."""
        report = reviewed.report
        notes = (*reviewed.notes, *((_FORK_NOTE,) if self.is_fork and report is not None else ()))
        if reviewed.delivery is PostStatus.NOTHING:
            return PrintedReview(notes=(reviewed.reason,))
        failure = reviewed.reason or (report.failure if report is not None else "") or ""
        if report is None:
            return PrintedReview(notes=notes, failure=failure)
        shown = f"{headline(report, account(report, reviewed.settled).figures)}\n"
        if not self.arguments["post"]:
            shown = self._planned(reviewed.operations) or f"{shown}Nothing would be posted.\n"
        elif not failure:
            shown += f"{_posted_words(reviewed.operations)}: {self._address}\n"
        return PrintedReview(text=shown, notes=notes, failure=failure)

    @property
    def _address(self) -> str:
        return f"{self.addresses.server}/{self.repository}/pull/{self.arguments['number']}"

    def _planned(self, operations: tuple[Operation, ...]) -> str:
        """Return the review that would be posted: as Markdown or, on a terminal, rendered."""
        shown, terminal = planned_review(operations), terminal_of(self.app.stdout, self.app.environment)
        return _on_terminal(shown, self.arguments, terminal) if shown and terminal.interactive else shown

    def _forge(self) -> GitHub:
        return GitHub(
            Connection(
                url=self.addresses.api,
                graphql_url=self.addresses.graphql,
                token=self.token,
                repository=self.repository,
                clock=time.time,
                sleep=time.sleep,
            )
        )

    def _opened(self, folder: Path, task: ReviewPullRequest) -> States:
        remote = FetchRemote(
            server_url=self.addresses.server,
            repository=self.repository,
            token=self.token,
            environment=self.app.environment,
        )
        return open_states(self.root, Path(mkdtemp(dir=folder)), remote, task)

    async def _suggest(self, states: States, given: RunOptions, progress: Progress) -> Report:
        settings = self._settings(states)
        return await suggest(settings, self.app.clients(settings, progress, reviews=True).run, given)

    def _settings(self, states: States) -> Settings:
        key = states.base, states.head
        if key not in self.known:
            sources = SettingsSources(
                arguments={**self.arguments, "base": states.base, "head": states.head},
                file=states.values(),
                environment=self.app.environment,
                cache_folder=self.app.cache_folder,
            )
            settings = parse(self.root, sources)
            self.known[key] = safe_for_fork(settings) if states.is_fork else settings
        return self.known[key]


def safe_for_fork(settings: Settings) -> Settings:
    """Return settings under which a stranger's code runs only in the strict sandbox, without a network."""
    proof = replace(
        settings.verification,
        sandbox=SandboxChoice.STRICT,
        install=False,
        offer_install=False,
        setup_command=None,
    )
    return replace(settings, verification=proof)


def _on_terminal(markdown: str, arguments: Mapping[str, Any], terminal: Terminal) -> str:
    import shlex

    post = shlex.join((*PROGRAM, *arguments["argv"], "--post"))
    return f"{markdown_text(markdown, terminal)}\nPost it with: {post}\n"


def _posted_words(operations: tuple[Operation, ...]) -> str:
    comments = sum(1 for _ in new_comments(operations))
    if not operations:
        return "The pull request was up to date"
    return f"Posted {count(comments, 'comment')} and the summary" if comments else "Updated the summary"
