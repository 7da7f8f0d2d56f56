"""The two states of a pull request, brought to where they can be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.changes.checkout import open_checkout
from bot.changes.fetching import Remote, ensure_commits
from bot.changes.git import Repository
from bot.events import ReviewPullRequest
from bot.languages.driver import SourceTree


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """What a pull request is looked at by.

    Attributes:
        repository: Where both states are.
        base: The merge base's full object id.
        head: The head's full object id.
        message: The message of the head commit.
        values: What the settings file of the merge base holds, by option name.
        notes: Sentences for the log and the job summary.
    """

    repository: Repository
    base: str
    head: str
    message: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def root(self) -> Path:
        """The git root."""
        return self.repository.root

    @property
    def head_tree(self) -> SourceTree:
        """The files of head."""
        return self.repository.commit_tree(self.head)


def open_states(workspace: Path, folder: Path, remote: Remote, task: ReviewPullRequest) -> States:
    """Return the states of a pull request, fetched where the checkout lacks them.

    Args:
        workspace: The checkout; nothing in it is changed.
        folder: An empty folder of the bot's own.
        remote: Where commits are fetched from.
        task: The pull request.

    Raises:
        CannotFetch: They cannot be had through git.
        UsageFailure: There is no git, or the merge base holds settings that cannot be used.
    """
    repository = open_checkout(workspace, folder)
    fetched = ensure_commits(
        repository, remote, head_sha=task.head_sha, base_sha=task.base_sha, number=task.number
    )
    return States(
        repository=repository,
        base=fetched.merge_base,
        head=fetched.head,
        message=repository.git.line("log", "-1", "--format=%B", "--end-of-options", fetched.head, "--"),
    )
