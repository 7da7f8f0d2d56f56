"""The two states of a pull request, brought to where they can be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from testsmith.changes.trusted_files import settings_values
from testsmith.events import ReviewPullRequest
from testsmith.git.fetch import FetchRemote, ensure_commits, open_checkout
from testsmith.git.repository import Repository
from testsmith.git.trees import RepositoryTree
from testsmith.languages.driver import SourceTree
from testsmith.pipeline import RunOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """What a pull request is looked at by.

    Attributes:
        repository: Where both are.
        base: The merge base's full object id.
        head: The head's full object id.
        trusted: The files of base, in which nobody without the right to write has set or asked anything.
        message: The message of the head commit; empty where it is not there.
        notes: Sentences for the log and the job summary.
        is_fork: Whether head is in another repository, whose owner may be a stranger.
    """

    repository: Repository
    base: str
    head: str
    trusted: SourceTree
    message: str = ""
    notes: tuple[str, ...] = ()
    is_fork: bool = False

    def values(self) -> Mapping[str, object]:
        """Return what the settings file of base holds, by option name.

        Raises:
            UsageFailure: It holds what cannot be used.
        """
        return settings_values(self.trusted)

    @property
    def head_tree(self) -> RepositoryTree:
        """The files of head."""
        return self.repository.commit_tree(self.head)

    def given(self) -> RunOptions:
        """Return what a run on these states is given."""
        return RunOptions(repository=self.repository, trusted=self.trusted)


def open_states(workspace: Path, folder: Path, remote: FetchRemote, task: ReviewPullRequest) -> States:
    """Return the states of a pull request, fetched if the checkout lacks them.

    Args:
        workspace: The checkout; nothing in it is changed.
        folder: An empty folder of the bot's own.
        remote: Where commits are fetched from.
        task: The pull request.

    Raises:
        CannotFetch: They cannot be fetched.
        UsageFailure: There is no git.
    """
    repository = open_checkout(workspace, folder)
    fetched = ensure_commits(
        repository, remote, head_sha=task.head_sha, base_sha=task.base_sha, number=task.number
    )
    return States(
        repository=repository,
        base=fetched.merge_base,
        head=fetched.head,
        trusted=repository.commit_tree(fetched.merge_base),
        message=repository.git.line("log", "-1", "--format=%B", "--end-of-options", fetched.head, "--"),
        is_fork=task.is_fork,
    )
