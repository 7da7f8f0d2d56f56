"""Shared state of the commands of one comment: the pinned head, its checkouts, and the posted suggestions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Protocol

from testsmith.events import HandleCommentCommands, ReviewPullRequest
from testsmith.forge.commits import CommittingForge
from testsmith.forge.interface import AnsweringForge, Existing, PullRequest
from testsmith.forge.reconcile import Decisions, DesiredState
from testsmith.forge.review_result import PostStatus, ReviewResult
from testsmith.forge.slash_commands import SlashCommand
from testsmith.model import Report
from testsmith.pipeline import RunOptions
from testsmith.reporting.pull_requests.replies import sentences
from testsmith.review.posted_suggestions import PostedSuggestion, PostedSuggestions, read_posted
from testsmith.review.review_pull_request import CheckedOut, ReviewDependencies, publish, texts_of
from testsmith.settings import Role
from testsmith.tasks import in_thread

_NOT_ASKED = "it was not requested"


class CommandForge(AnsweringForge, CommittingForge, Protocol):
    """A forge that accepts commits and can answer comments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandDependencies:
    """The clients for running commands, built by `main`.

    Attributes:
        forge: The forge of the pull request.
        review: The clients of a review.
        installs_forks: Whether the project is installed, with network access, for pull requests from forks.
    """

    forge: CommandForge
    review: ReviewDependencies
    installs_forks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """The result of one command.

    Attributes:
        is_done: Whether everything was done.
        words: Markdown text for the reply; empty if a reaction is enough.
        reviewed: The result of posting; None if nothing was posted.
        patch: Changes that could not be committed, for `git apply`.
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
        pull: The pull request when the commands were read; its head is pinned.
        existing: Its comments and reviews at that time.

    Attributes:
        task: The commands.
        tools: The clients.
        pull: The pull request, at the pinned head.
        just_read: Its comments and reviews, if nothing was done since they were read.
        may_write: Returns whether a login has write access; each is looked up once.
    """

    def __init__(
        self, task: HandleCommentCommands, tools: CommandDependencies, pull: PullRequest, existing: Existing
    ) -> None:
        self.task = task
        self.tools = tools
        self.pull = pull
        self.just_read: Existing | None = existing
        self._checked_out: CheckedOut | None = None
        self.may_write = cache(lambda login: tools.forge.role(login) is Role.WRITE)

    def review_task(self) -> ReviewPullRequest:
        """Return the review task for the pinned head."""
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
        """Pin another head, after the branch has moved."""
        self.pull = replace(await in_thread(self.tools.forge.pull_request, self.pull.number), head_sha=head)
        self._checked_out = None

    async def posted(self) -> PostedSuggestions:
        """Return the currently posted suggestions."""
        existing, self.just_read = self.just_read, None
        if existing is None:
            existing = await in_thread(self.tools.forge.existing, self.pull.number)
        return await in_thread(read_posted, existing, self.may_write)

    async def checked_out(self) -> CheckedOut:
        """Return the checkouts of the pinned head.

        Raises:
            CannotFetch: The commits could not be fetched.
        """
        if self._checked_out is None:
            task = self.review_task()
            states = await in_thread(self.tools.review.open_states, task)
            texts = await in_thread(texts_of, self.pull, self.tools.forge)
            self._checked_out = CheckedOut(task=task, states=states, texts=texts)
        return self._checked_out

    async def run(self, members: Callable[[str], bool], wanted: RunOptions | None = None) -> Report:
        """Generate and verify tests for some members only.

        Args:
            members: Returns whether a member id is processed.
            wanted: Additional options for the run.
        """
        pull = await self.checked_out()
        given = replace(
            wanted or RunOptions(),
            repository=pull.states.repository,
            trusted=pull.states.trusted,
            texts=pull.texts,
            is_unchanged=lambda member, _: not members(member),
            reason=_NOT_ASKED,
            is_chosen=True,
            audits=False,
        )
        return await self.tools.review.suggest(pull.states, given)

    async def remember(self, wishes: Decisions) -> ReviewResult:
        """Store decisions in the pull request's state, and update its comments."""
        report = await self.run(lambda _: False)
        return await self.post(report, lambda wanted: _only_wishes(wanted, wishes))

    async def post(self, report: Report, adjusted: Callable[[DesiredState], DesiredState]) -> ReviewResult:
        """Post a report; see `publish`."""
        return await in_thread(publish, await self.checked_out(), report, self.tools.review, adjusted)


def _only_wishes(wanted: DesiredState, wishes: Decisions) -> DesiredState:
    return replace(wanted, head="", outcomes=(), is_complete=False, wishes=wishes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The suggestions that a command names.

    Attributes:
        suggestions: The available ones.
        troubles: What is wrong with the others, as sentences of untrusted text.
    """

    suggestions: tuple[PostedSuggestion, ...] = ()
    troubles: tuple[str, ...] = ()

    def without(
        self, suggestions: Iterable[PostedSuggestion], trouble: Callable[[PostedSuggestion], str]
    ) -> Chosen:
        """Return the choice without some suggestions, each with a reason."""
        left = tuple(suggestions)
        return Chosen(
            suggestions=tuple(one for one in self.suggestions if one not in left),
            troubles=(*self.troubles, *(f"{one.number}: {trouble(one)}." for one in left)),
        )


def chosen_by(session: CommandSession, command: SlashCommand, posted: PostedSuggestions) -> Chosen:
    """Return the suggestions that a command names, by numbers or by the thread it is in."""
    numbers = command.numbers or (() if command.is_all else posted.of_comment(session.task.thread))
    known = tuple(posted.by_number[number] for number in numbers if number in posted.by_number)
    unknown = (number for number in numbers if number not in posted.by_number)
    return Chosen(suggestions=known, troubles=tuple(f"{number}: no such suggestion." for number in unknown))


def say_which(command: SlashCommand) -> CommandResult:
    """Return the result of a command whose numbers are missing."""
    return CommandResult(
        is_done=False, words=sentences([f"Which suggestion? For example: `/testsmith {command.verb} 2`."])
    )


def command_result(chosen: Chosen, reviewed: ReviewResult | None = None, words: str = "") -> CommandResult:
    """Return the result of a command, including what is wrong with its suggestions."""
    troubles = list(chosen.troubles)
    if reviewed is not None and reviewed.delivery is not PostStatus.POSTED:
        troubles.append(reviewed.reason)
    parts = (words, sentences(troubles) if troubles else "")
    return CommandResult(
        is_done=not troubles, words="\n\n".join(part for part in parts if part), reviewed=reviewed
    )
