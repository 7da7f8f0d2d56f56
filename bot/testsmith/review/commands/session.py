"""What the commands of one comment share: the frozen head, its states, and what stands there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Protocol

from testsmith.events import HandleCommentCommands, ReviewPullRequest
from testsmith.execution.threads import in_thread
from testsmith.forge.commits import CommittingForge
from testsmith.forge.interface import AnsweringForge, Existing, PullRequest
from testsmith.forge.reconcile import Decisions, DesiredState
from testsmith.forge.review_result import PostStatus, ReviewResult
from testsmith.forge.slash_commands import SlashCommand
from testsmith.model import Report
from testsmith.pipeline import RunOptions
from testsmith.reporting.pull_requests.replies import sentences
from testsmith.review.posted_suggestions import PostedSuggestion, PostedSuggestions, stand_of
from testsmith.review.review_pull_request import Begun, ReviewDependencies, deliver
from testsmith.settings import Role

_NOT_ASKED = "it was not asked for"


class CommandForge(AnsweringForge, CommittingForge, Protocol):
    """A forge that takes commits and on which people can be answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandDependencies:
    """The clients that commands are obeyed with, built by `main`.

    Attributes:
        forge: Where the pull request lives.
        review: The clients of a review.
        reading: The role that is enough for what changes nothing.
        installs_forks: Whether the project of a fork is installed, with network.
    """

    forge: CommandForge
    review: ReviewDependencies
    reading: Role = Role.WRITE
    installs_forks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """What came of one command.

    Attributes:
        is_done: Whether all of it was done.
        words: What there is to say, in Markdown; empty where a reaction says it.
        reviewed: What came of the pull request; None where nothing was to be done to it.
        patch: What could not be committed, for `git apply`.
    """

    is_done: bool = True
    words: str = ""
    reviewed: ReviewResult | None = None
    patch: str = ""


class CommandSession:
    """The pull request as the commands of one comment see it.

    Args:
        task: The commands.
        tools: The clients.
        pull: The pull request as it was when they were seen; its head is the one that counts.

    Attributes:
        task: The commands.
        tools: The clients.
        pull: The pull request, at the head that is looked at.
        may_write: Tells of a login whether it may write to the repository; each is looked up once.
    """

    def __init__(self, task: HandleCommentCommands, tools: CommandDependencies, pull: PullRequest) -> None:
        self.task = task
        self.tools = tools
        self.pull = pull
        self._begun: Begun | None = None
        self.may_write = cache(lambda login: tools.forge.role(login).covers(Role.WRITE))

    def review_task(self) -> ReviewPullRequest:
        """Return what a review of the frozen head would be asked for by."""
        pull = self.pull
        return ReviewPullRequest(
            repository=pull.repository,
            number=pull.number,
            base_sha=pull.base_sha,
            base_ref=pull.base_ref,
            head_sha=pull.head_sha,
            head_repository=pull.head_repository,
            author="",
            has_small_token=self.task.has_small_token,
        )

    async def move_to(self, head: str) -> None:
        """Look at another head from now on, since the branch has gone on."""
        self.pull = replace(await in_thread(self.tools.forge.pull_request, self.pull.number), head_sha=head)
        self._begun = None

    async def existing(self) -> Existing:
        """Return what is there, read anew."""
        return await in_thread(self.tools.forge.existing, self.pull.number)

    async def stand(self) -> PostedSuggestions:
        """Return what stands there, read anew."""
        existing = await self.existing()
        return await in_thread(stand_of, existing, self.may_write)

    async def begun(self) -> Begun:
        """Return the states of the frozen head.

        Raises:
            CannotFetch: They cannot be had.
        """
        if self._begun is None:
            task = self.review_task()
            states = await in_thread(self.tools.review.open_states, task)
            self._begun = Begun(task=task, states=states)
        return self._begun

    async def run(self, members: Callable[[str], bool], wanted: RunOptions | None = None) -> Report:
        """Run the main job for some members alone.

        Args:
            members: Tells by its id whether a member is looked at.
            wanted: What the run is given beside the states; nothing by default.
        """
        begun = await self.begun()
        states = begun.states.given()
        given = replace(
            wanted or RunOptions(),
            repository=states.repository,
            trusted=states.trusted,
            is_unchanged=lambda member, _: not members(member),
            reason=_NOT_ASKED,
        )
        return await self.tools.review.suggest(begun.states, given)

    async def remember(self, wishes: Decisions) -> ReviewResult:
        """Let the pull request remember what a person wants, and show it."""
        report = await self.run(lambda _: False)
        return await self.post(report, lambda wanted: _only_wishes(wanted, wishes))

    async def post(self, report: Report, aimed: Callable[[DesiredState], DesiredState]) -> ReviewResult:
        """Let the pull request have what a report asks for, as far as it is aimed at."""
        return await in_thread(deliver, await self.begun(), report, self.tools.review, aimed)


def _only_wishes(wanted: DesiredState, wishes: Decisions) -> DesiredState:
    return replace(wanted, head="", outcomes=(), is_complete=False, wishes=wishes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The suggestions that a command names.

    Attributes:
        standings: Those that can be had.
        troubles: What is wrong with the others, each a sentence of foreign text.
    """

    standings: tuple[PostedSuggestion, ...] = ()
    troubles: tuple[str, ...] = ()

    def without(
        self, standings: Iterable[PostedSuggestion], trouble: Callable[[PostedSuggestion], str]
    ) -> Chosen:
        """Return what is chosen without some, each with what is wrong with it."""
        left = tuple(standings)
        return Chosen(
            standings=tuple(one for one in self.standings if one not in left),
            troubles=(*self.troubles, *(f"{one.number}: {trouble(one)}." for one in left)),
        )


def chosen_by(session: CommandSession, command: SlashCommand, stand: PostedSuggestions) -> Chosen:
    """Return what a command names: by numbers, or by standing in the thread of a suggestion."""
    numbers = command.numbers or (() if command.is_all else stand.of_comment(session.task.thread))
    known = tuple(stand.standings[number] for number in numbers if number in stand.standings)
    unknown = (number for number in numbers if number not in stand.standings)
    return Chosen(
        standings=known, troubles=tuple(f"{number}: there is no such suggestion." for number in unknown)
    )


def say_which(command: SlashCommand) -> CommandResult:
    """Return what is told of a command that lacks its numbers."""
    return CommandResult(is_done=False, words=sentences([f"Say which, as `/testsmith {command.verb} 2`."]))


def command_result(chosen: Chosen, reviewed: ReviewResult | None = None, words: str = "") -> CommandResult:
    """Return what came of a command; what is wrong is said."""
    troubles = list(chosen.troubles)
    if reviewed is not None and reviewed.delivery is not PostStatus.POSTED:
        troubles.append(reviewed.reason)
    parts = (words, sentences(troubles) if troubles else "")
    return CommandResult(
        is_done=not troubles, words="\n\n".join(part for part in parts if part), reviewed=reviewed
    )
