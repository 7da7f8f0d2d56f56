"""Check out the base and head of a pull request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from testsmith.changes.trusted_files import settings_values
from testsmith.events import ReviewPullRequest
from testsmith.git.fetch import FetchRemote, ensure_commits, open_checkout
from testsmith.git.repository import Repository
from testsmith.git.trees import RepositoryTree
from testsmith.languages.source import SourceTree
from testsmith.pipeline import RunOptions

_WORKFLOW = re.compile(r"\.github/workflows/[^/]+\.ya?ml")
_USES_BOT = re.compile(rb"\buses:\s*[\"']?[\w./-]*testsmith")


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """The base and head of a pull request.

    Attributes:
        repository: The repository that has both.
        base: The merge base's full object id.
        head: The head's full object id.
        trusted: The files of base, which only people with write access could change.
        message: The message of the head commit; empty if it is not available.
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
        """Return the values of base's settings file, by option name.

        Raises:
            UsageFailure: The file has invalid settings.
        """
        return settings_values(self.trusted)

    @property
    def has_commands(self) -> bool:
        """Whether a workflow of base runs this bot on comments."""
        workflows = (path for path in self.trusted.paths() if _WORKFLOW.fullmatch(path))
        texts = (self.trusted.read(path) or b"" for path in workflows)
        return any(b"issue_comment" in text and _USES_BOT.search(text) for text in texts)

    @property
    def head_tree(self) -> RepositoryTree:
        """The files of head."""
        return self.repository.commit_tree(self.head)

    def given(self) -> RunOptions:
        """Return the options for a run on these states."""
        return RunOptions(repository=self.repository, trusted=self.trusted)


def open_states(workspace: Path, folder: Path, remote: FetchRemote, task: ReviewPullRequest) -> States:
    """Return the base and head of a pull request, fetching them if the checkout lacks them.

    Args:
        workspace: The checkout; it is not changed.
        folder: An empty folder owned by the bot.
        remote: The remote to fetch commits from.
        task: The pull request.

    Raises:
        CannotFetch: The commits could not be fetched.
        UsageFailure: git is not installed.
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
