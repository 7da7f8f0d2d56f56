"""What a forge is asked where the bot commits: its nouns, its operations, its errors, and the protocol."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from testsmith.forge.interface import Forge, ForgeFailure
from testsmith.git.trees import RepositoryTree
from testsmith.test_files.plan import FileEdit

BYTES_LIMIT = 40_000_000
"""The most bytes of a commit's files, encoded as they are sent: beyond, GitHub refuses the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """What a commit does to one file.

    Attributes:
        path: Relative to the git root, with forward slashes.
        content: All that shall stand there; None removes the file.
        is_executable: Whether it has, and keeps, the executable bit.
    """

    path: str
    content: bytes | None
    is_executable: bool = False


def changes_of(edits: Iterable[FileEdit], tree: RepositoryTree) -> Iterator[FileChange]:
    """Yield what a commit does to the files of planned edits; `tree` tells which are executable."""
    for edit in edits:
        entry = tree.entry(edit.path)
        is_executable = entry is not None and entry.is_executable
        content = None if edit.removes_file else edit.new
        yield FileChange(path=edit.path, content=content, is_executable=is_executable)


def is_too_large(edits: Iterable[FileEdit]) -> bool:
    """Tell whether planned edits are more than one commit can hold."""
    return sum(len(base64.b64encode(edit.new)) for edit in edits) > BYTES_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCommit:
    """A commit that is to be put on a branch.

    Attributes:
        branch: The branch's name, without `refs/heads/`.
        parent: Full object id that the branch must be at; no commit is put on anything else.
        headline: The message's first line.
        body: The rest of it.
        changes: What it does, at least one thing.
    """

    branch: str
    parent: str
    headline: str
    body: str
    changes: tuple[FileChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeCommit:
    """A commit that was made.

    Attributes:
        sha: Its full object id.
    """

    sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A branch as it is now; a protected one has rules on who may change it."""

    name: str
    sha: str
    is_protected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """What a commit has that another has not.

    Attributes:
        authors: Logins of those who have made the commits; None for one that is no account's.
        messages: The commits' messages, in the same order.
        parents: How many parents each of them has, in the same order.
        contents: The files that differ from where the two parted; None for one that is removed there.
        is_whole: Whether that is all: of very many commits or files a forge tells the first ones alone.
        behind: How many commits the other one has that it has not.
    """

    authors: tuple[str | None, ...] = ()
    messages: tuple[str, ...] = ()
    parents: tuple[int, ...] = ()
    contents: Mapping[str, bytes | None] = field(default_factory=dict)
    is_whole: bool = True
    behind: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """A pull request of the bot's own, onto the branch of another one."""

    number: int
    url: str


class BranchProtected(ForgeFailure):
    """The branch's rules let nobody, or not this token, put a commit on it; nothing was done."""


class CannotOpenPulls(ForgeFailure):
    """The token may write pull requests, but the repository lets no workflow open one."""


class CommittingForge(Forge, Protocol):
    """A forge that commits, too. Every method may raise a `ForgeFailure`."""

    def branch(self, name: str) -> Branch | None:
        """Return a branch, read anew; None where there is none."""
        ...

    def commit_files(self, order: NewCommit) -> MadeCommit:
        """Put one commit on a branch, once, and never by force.

        Raises:
            HeadMoved: The branch is at another commit than the wanted parent; nothing was done.
            BranchProtected: Its rules forbid it.
            Forbidden: The token may not write contents.
        """
        ...

    def await_head(self, number: int, sha: str) -> None:
        """Wait until a pull request shows a commit of its branch as its head, for some seconds at most."""
        ...

    def create_branch(self, name: str, sha: str) -> None:
        """Make a branch at a commit; one that is there stays where it is, and is no failure."""
        ...

    def advance_branch(self, name: str, sha: str) -> None:
        """Let a branch go on to a commit that follows from where it is.

        Raises:
            Refused: The commit does not follow from it.
        """
        ...

    def ahead(self, base: str, head: str) -> Ahead:
        """Return what one commit has that another has not."""
        ...

    def follow_up(self, branch: str, onto: str) -> FollowUp | None:
        """Return the open pull request from a branch onto another one of the repository, if there is one."""
        ...

    def open_follow_up(self, branch: str, onto: str, title: str, body: str) -> FollowUp:
        """Open a pull request from a branch onto another one of the repository, once.

        Raises:
            CannotOpenPulls: The repository lets no workflow do so.
        """
        ...

    def update_follow_up(self, number: int, body: str) -> None:
        """Replace the text of a pull request; doing it twice does no harm."""
        ...
