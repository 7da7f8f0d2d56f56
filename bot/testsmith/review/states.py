"""The two states of a pull request, brought to where they can be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from testsmith.changes.checkout import open_checkout
from testsmith.changes.command import GitFailed
from testsmith.changes.fetching import CannotFetch, Remote, ensure_commits
from testsmith.changes.git import Repository
from testsmith.changes.patches import ComparedStates, rebuild_base
from testsmith.changes.trees import RepositoryTree
from testsmith.changes.trusted import settings_values
from testsmith.events import ReviewPullRequest
from testsmith.forge.forge import Forge, ForgeFailure
from testsmith.languages.driver import SourceTree
from testsmith.pipeline import Given
from testsmith.review.posting import expect_head

_REBUILT = (
    "The history could not be fetched ({reason}); base was rebuilt from the changes that GitHub shows, and "
    "the tests were not run on base."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """What a pull request is looked at by.

    Attributes:
        repository: Where head is, and base if it could be fetched.
        base: The merge base's full object id; where that could not be fetched, the tip of the base branch.
        head: Full object id of what is looked at: the head, or without history what is checked out of it.
        trusted: The files of base, in which nobody without the right to write has set or asked anything.
        message: The message of the head commit; empty where it is not there.
        compared: Both states, where base had to be rebuilt.
        notes: Sentences for the log and the job summary.
        is_fork: Whether head is in another repository, whose owner may be a stranger.
    """

    repository: Repository
    base: str
    head: str
    trusted: SourceTree
    message: str = ""
    compared: ComparedStates | None = None
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

    def given(self) -> Given:
        """Return what a run on these states is given."""
        return Given(repository=self.repository, compared=self.compared, trusted=self.trusted)


def open_states(
    workspace: Path, folder: Path, remote: Remote, forge: Forge, task: ReviewPullRequest
) -> States:
    """Return the states of a pull request, fetched where the checkout lacks them.

    Where they cannot be fetched, base is rebuilt from what the forge shows of the change, if the checkout is
    of the pull request.

    Args:
        workspace: The checkout; nothing in it is changed.
        folder: An empty folder of the bot's own.
        remote: Where commits are fetched from.
        forge: Shows the change.
        task: The pull request.

    Raises:
        CannotFetch: They cannot be had.
        HeadMoved: Base had to be rebuilt, and the pull request has a new head.
        UsageFailure: There is no git.
    """
    repository = open_checkout(workspace, folder)
    try:
        fetched = ensure_commits(
            repository, remote, head_sha=task.head_sha, base_sha=task.base_sha, number=task.number
        )
    except CannotFetch as failure:
        return _rebuilt(repository, forge, task, failure)
    base = repository.commit_tree(fetched.merge_base)
    return States(
        repository=repository,
        base=fetched.merge_base,
        head=fetched.head,
        trusted=base,
        message=repository.git.line("log", "-1", "--format=%B", "--end-of-options", fetched.head, "--"),
        is_fork=task.is_fork,
    )


def _rebuilt(repository: Repository, forge: Forge, task: ReviewPullRequest, failure: CannotFetch) -> States:
    checked_out = _checked_out(repository, task.head_sha)
    if checked_out is None:
        raise failure
    try:
        patches = forge.file_patches(task.number)
    except ForgeFailure as refused:
        raise CannotFetch(f"{failure}; and GitHub does not show the change: {refused}") from failure
    # What a later push has changed would else pass for what base holds, settings among it.
    expect_head(forge, task.number, task.head_sha)
    compared = rebuild_base(repository.commit_tree(checked_out), patches)
    return States(
        repository=repository,
        base=task.base_sha,
        head=checked_out,
        trusted=compared.base,
        compared=compared,
        notes=(_REBUILT.format(reason=failure),),
        is_fork=task.is_fork,
    )


def _checked_out(repository: Repository, head: str) -> str | None:
    """Return what is checked out, if it is the head or its merge into base."""
    try:
        commit = repository.git.line("rev-parse", "--quiet", "--verify", "HEAD^{commit}")
    except GitFailed:
        return None
    lines = repository.git.line("cat-file", "commit", commit).partition("\n\n")[0].splitlines()
    parents = [line.removeprefix("parent ") for line in lines if line.startswith("parent ")]
    return commit if head in {commit, *parents[1:]} else None
