"""Interface of a forge that accepts commits: data types, operations, errors and the protocol."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from testsmith.forge.interface import Forge, ForgeFailure
from testsmith.git.trees import RepositoryTree
from testsmith.test_files.plan import FileEdit

BYTES_LIMIT = 40_000_000
"""Maximum bytes of a commit's encoded files; GitHub refuses larger requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A commit's change to one file.

    Attributes:
        path: Relative to the git root, with forward slashes.
        content: The new content of the whole file; None removes it.
        is_executable: Whether the file has, and keeps, the executable bit.
    """

    path: str
    content: bytes | None
    is_executable: bool = False


def changes_of(edits: Iterable[FileEdit], tree: RepositoryTree) -> Iterator[FileChange]:
    """Yield the file changes of planned edits. `tree` says which files are executable."""
    for edit in edits:
        entry = tree.entry(edit.path)
        is_executable = entry is not None and entry.is_executable
        content = None if edit.removes_file else edit.new
        yield FileChange(path=edit.path, content=content, is_executable=is_executable)


def is_too_large(edits: Iterable[FileEdit]) -> bool:
    """Return whether planned edits are too large for one commit."""
    return sum(len(base64.b64encode(edit.new)) for edit in edits) > BYTES_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCommit:
    """A commit to be made on a branch.

    Attributes:
        branch: The branch's name, without `refs/heads/`.
        parent: Full object id of the commit that the branch must be at.
        headline: The first line of the message.
        body: The rest of the message.
        changes: The file changes, at least one.
        merged: Full object id of a second parent; empty for none. The changes then apply to its files.
    """

    branch: str
    parent: str
    headline: str
    body: str
    changes: tuple[FileChange, ...]
    merged: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeCommit:
    """A commit that was made.

    Attributes:
        sha: Its full object id.
    """

    sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A branch and its current tip. A protected branch has rules on who may change it."""

    name: str
    sha: str
    is_protected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """What one commit has that another does not.

    Attributes:
        authors: Logins of the commits' authors; None for an author without an account.
        messages: The commits' messages, in the same order.
        files: The files that differ from the merge base, with the ids of their blobs; None for a removed one.
        has_all_commits: Whether all commits are listed; a forge cuts very long lists short.
        has_all_files: Whether all files are listed.
        behind: The number of commits that only the other one has.
    """

    authors: tuple[str | None, ...] = ()
    messages: tuple[str, ...] = ()
    files: Mapping[str, str | None] = field(default_factory=dict)
    has_all_commits: bool = True
    has_all_files: bool = True
    behind: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPull:
    """A pull request from a branch of the bot's own.

    Attributes:
        number: Its number.
        url: Its web address.
        head: Full object id of its head; its last head if it is closed.
        body: Its text.
        is_open: Whether it is neither closed nor merged.
        is_merged: Whether it was merged.
    """

    number: int
    url: str
    head: str = ""
    body: str = ""
    is_open: bool = True
    is_merged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PullText:
    """The title and the text of a pull request of the bot's own."""

    title: str
    body: str


class BranchProtected(ForgeFailure):
    """The branch's rules forbid commits, at least with this token. Nothing was changed."""


class CannotOpenPulls(ForgeFailure):
    """The token may write pull requests, but the repository does not allow workflows to open them."""


class CommittingForge(Forge, Protocol):
    """A forge that accepts commits. Every method may raise a `ForgeFailure`."""

    def login(self) -> str:
        """Return the login of the account that the token belongs to."""
        ...

    def default_branch(self) -> Branch:
        """Return the current state of the repository's default branch."""
        ...

    def branch(self, name: str) -> Branch | None:
        """Return the current state of a branch, or None if it does not exist."""
        ...

    def commit_files(self, order: NewCommit) -> MadeCommit:
        """Put one commit on a branch exactly once, without force.

        Raises:
            HeadMoved: The branch is not at the expected parent; nothing was changed.
            BranchProtected: The branch's rules forbid the commit.
            Forbidden: The token may not write contents.
        """
        ...

    def await_head(self, number: int, sha: str) -> None:
        """Wait, for a few seconds at most, until a pull request shows a commit of its branch as its head."""
        ...

    def create_branch(self, name: str, sha: str) -> None:
        """Create a branch at a commit. If the branch exists, leave it where it is."""
        ...

    def remove_branch(self, name: str, sha: str) -> None:
        """Remove a branch that is at a commit. A missing branch is not a failure.

        Raises:
            HeadMoved: The branch is at another commit; nothing was changed.
        """
        ...

    def ahead(self, base: str, head: str) -> Ahead:
        """Return what `head` has that `base` does not."""
        ...

    def contents(self, files: Mapping[str, str | None]) -> dict[str, bytes | None]:
        """Return the contents of files by path, given the ids of their blobs; None stays None."""
        ...

    def own_pulls(self, branch: str, onto: str) -> tuple[OwnPull, ...]:
        """Return the pull requests from one branch of the repository onto another, newest first."""
        ...

    def open_pull(self, branch: str, onto: str, text: PullText) -> OwnPull:
        """Open a pull request from one branch of the repository onto another, exactly once.

        Raises:
            CannotOpenPulls: The repository does not allow workflows to open pull requests.
        """
        ...

    def update_pull(self, number: int, text: PullText) -> None:
        """Replace the title (unless the new one is empty) and the text of a pull request. Safe to repeat."""
        ...
