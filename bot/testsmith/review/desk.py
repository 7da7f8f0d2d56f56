"""What the commands of one comment share: the frozen head, its states, and what stands there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Protocol

from testsmith.events import ObeyCommands, ReviewPullRequest
from testsmith.execution.threads import in_thread
from testsmith.forge.answering import AnsweringForge
from testsmith.forge.commits import CommittingForge
from testsmith.forge.forge import Existing, PullRequest
from testsmith.forge.reviewed import Reviewed
from testsmith.forge.settling import Wanted, Wishes
from testsmith.model import Report
from testsmith.pipeline import Given
from testsmith.review.standing import Stand, stand_of
from testsmith.review.story import Begun, Tools, deliver
from testsmith.settings import Role

_NOT_ASKED = "it was not asked for"


class CommandForge(AnsweringForge, CommittingForge, Protocol):
    """A forge that takes commits and on which people can be answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandTools:
    """The clients that commands are obeyed with, built by `main`.

    Attributes:
        forge: Where the pull request lives.
        review: The clients of a review.
        reading: The role that is enough for what changes nothing.
        installs_forks: Whether the project of a fork is installed, with network.
    """

    forge: CommandForge
    review: Tools
    reading: Role = Role.WRITE
    installs_forks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What came of one command.

    Attributes:
        is_done: Whether all of it was done.
        words: What there is to say, in Markdown; empty where a reaction says it.
        reviewed: What came of the pull request; None where nothing was to be done to it.
        patch: What could not be committed, for `git apply`.
    """

    is_done: bool = True
    words: str = ""
    reviewed: Reviewed | None = None
    patch: str = ""


class Desk:
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

    def __init__(self, task: ObeyCommands, tools: CommandTools, pull: PullRequest) -> None:
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

    async def stand(self) -> Stand:
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

    async def run(self, members: Callable[[str], bool], wanted: Given | None = None) -> Report:
        """Run the main job for some members alone.

        Args:
            members: Tells by its id whether a member is looked at.
            wanted: What the run is given beside the states; nothing by default.
        """
        begun = await self.begun()
        states = begun.states.given()
        given = replace(
            wanted or Given(),
            repository=states.repository,
            trusted=states.trusted,
            is_unchanged=lambda member, _: not members(member),
            reason=_NOT_ASKED,
        )
        return await self.tools.review.suggest(begun.states, given)

    async def remember(self, wishes: Wishes) -> Reviewed:
        """Let the pull request remember what a person wants, and show it."""
        report = await self.run(lambda _: False)
        return await self.post(report, lambda wanted: _only_wishes(wanted, wishes))

    async def post(self, report: Report, aimed: Callable[[Wanted], Wanted]) -> Reviewed:
        """Let the pull request have what a report asks for, as far as it is aimed at."""
        return await in_thread(deliver, await self.begun(), report, self.tools.review, aimed)


def _only_wishes(wanted: Wanted, wishes: Wishes) -> Wanted:
    return replace(wanted, head="", outcomes=(), is_complete=False, wishes=wishes)
