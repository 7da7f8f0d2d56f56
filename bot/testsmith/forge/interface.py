"""What a forge is to the rest of the bot: its nouns, its operations, its errors, and the protocol.

A client (GitHub's) gives these nouns and takes these operations; none of its library's types leave it.
Logins are in the form that GitHub's REST API gives them: a bot's ends with `[bot]`. GraphQL leaves that
ending out where it tells an author, so a client that asks there puts it back for those that are bots.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from testsmith.model import Failure
from testsmith.settings import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Whom the token speaks for."""

    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A pull request as it is now.

    Attributes:
        repository: Full name of the repository it is for.
        number: Its number.
        head_sha: Full object id of its head.
        base_sha: Full object id of the tip of its base branch.
        base_ref: The base branch's name.
        head_repository: Full name of the repository the head is in; None where a fork was deleted.
        head_ref: The head branch's name, in that repository.
        default_branch: Name of the default branch of the repository it is for.
        is_open: Whether it is neither closed nor merged.
        files: How many files it changes; a list of them may be cut short.
        pushed_at: When the head's repository was last pushed to, whatever branch, as `2026-01-31T09:00:00Z`;
            empty if the forge does not say.
    """

    repository: str
    number: int
    head_sha: str
    base_sha: str
    base_ref: str
    head_repository: str | None
    head_ref: str = ""
    default_branch: str = ""
    is_open: bool = True
    files: int = 0
    pushed_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePatch:
    """A file that a pull request changes, as the forge shows it.

    Attributes:
        path: Where it stands on head, or stood on base if it was removed.
        patch: Its hunks, from the first `@@` on; None if the forge shows none.
        is_removed: Whether it is not on head.
    """

    path: str
    patch: str | None
    is_removed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit.

    Attributes:
        author: Login of the account that has made it; None where no account is known for it.
        message: All of its message.
        parents: Full object ids of the commits that it follows.
        is_certain: Whether the forge vouches for the author: anyone can put another's address into a commit.
    """

    author: str | None
    message: str
    parents: tuple[str, ...] = ()
    is_certain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment in the conversation of a pull request.

    Attributes:
        id: The forge's number for it; a later comment has a greater one.
        node_id: Its name in GraphQL.
        body: Its text in Markdown.
        author: Login of who wrote it.
        is_minimised: Whether somebody has hidden it.
        editor: Login of who edited it last; None where nobody has.
    """

    id: int
    node_id: str
    body: str
    author: str
    is_minimised: bool = False
    editor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """The thread that a review comment is in.

    Attributes:
        node_id: Its name in GraphQL.
        is_resolved: Whether somebody has resolved it.
        viewer_may_resolve: Whether the token may resolve it.
        viewer_may_unresolve: Whether the token may open it again.
    """

    node_id: str
    is_resolved: bool = False
    viewer_may_resolve: bool = False
    viewer_may_unresolve: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewComment:
    """A comment of a review, at a place in the diff.

    Attributes:
        id: The forge's number for it; a later comment has a greater one.
        node_id: Its name in GraphQL.
        path: The file it is at.
        line: The line on head it is at; None where its place is not in the diff any more.
        body: Its text in Markdown.
        author: Login of who wrote it.
        thread: Its thread; None where threads could not be read.
        is_minimised: Whether somebody has hidden it.
        editor: Login of who edited it last; None where nobody has.
        is_settled: Whether it is hidden as resolved, as the bot does with what is rejected.
    """

    id: int
    node_id: str
    path: str
    line: int | None
    body: str
    author: str
    thread: Thread | None = None
    is_minimised: bool = False
    editor: str | None = None
    is_settled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A review of a pull request; one that is pending is seen by its author alone."""

    id: int
    body: str
    author: str
    is_pending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """What is there on a pull request: all of it, from whomever.

    Attributes:
        viewer: Whom the token speaks for.
        comments: The comments of the conversation.
        review_comments: The comments of reviews, but not of pending ones.
        reviews: The reviews, pending ones too.
    """

    viewer: Viewer
    comments: tuple[Comment, ...] = ()
    review_comments: tuple[ReviewComment, ...] = ()
    reviews: tuple[Review, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A place that a review comment can be at: lines on head that one hunk of the diff shows.

    Attributes:
        path: The file on head.
        line: The last line.
        start_line: The first line, always before the last one; None for one line alone.
    """

    path: str
    line: int
    start_line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewComment:
    """A comment of a review that is to be made; `content` is the digest that its marker holds."""

    anchor: Anchor
    body: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletePendingReview:
    """Delete a review of ours that was never submitted: while it is there, no other can be made."""

    review: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateReview:
    """Make one review, submitted at once as COMMENT.

    Attributes:
        head: Full object id of the commit that its lines are of.
        body: Its one line, with the run's marker.
        comments: Its comments, at least one.
        run: The digest that the marker holds, by which a lost answer is found.
    """

    head: str
    body: str
    comments: tuple[NewComment, ...]
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSummary:
    """Make the summary comment. A lost answer is found by its marker."""

    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateSummary:
    """Replace the text of the summary comment; doing it twice does no harm."""

    comment: int
    body: str


class Classifier(StrEnum):
    """Why a comment is hidden, in GitHub's words."""

    OUTDATED = "OUTDATED"
    DUPLICATE = "DUPLICATE"
    RESOLVED = "RESOLVED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimise:
    """Hide a comment of ours."""

    node_id: str
    classifier: Classifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Show a comment of ours again that we have hidden."""

    node_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveThread:
    """Resolve the thread of a comment of ours. It may be forbidden: then a note, no failure."""

    thread: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnresolveThread:
    """Open a thread again that we have resolved. It may be forbidden: then a note, no failure."""

    thread: str


Operation = (
    DeletePendingReview
    | CreateReview
    | CreateSummary
    | UpdateSummary
    | Minimise
    | Restore
    | ResolveThread
    | UnresolveThread
)
"""One thing to be done to a pull request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What became of an operation.

    Attributes:
        was_there: Whether it turned out to be done already, as by a request whose answer was lost.
        refused: Contents of those comments of a review that the forge took at no place; the others are
            posted.
        note: What a reader should know, as that a thread may not be resolved; empty for nothing.
    """

    was_there: bool = False
    refused: tuple[str, ...] = ()
    note: str = ""


class ForgeFailure(Failure):
    """The forge could not be read or written; the message says what could not be done and what to do."""


class Forbidden(ForgeFailure):
    """The token may not do this.

    Attributes:
        permission: The permission that is missing, as a workflow grants it: `pull-requests: write`.
    """

    def __init__(self, message: str, *, permission: str) -> None:
        super().__init__(message)
        self.permission = permission


class NotFound(ForgeFailure):
    """There is no such thing, or the token may not see it."""


class HeadMoved(ForgeFailure):
    """The pull request has a new head, so that nothing is to be posted for the old one.

    Attributes:
        found: The new head's full object id; empty if the branch is gone.
    """

    def __init__(self, found: str) -> None:
        super().__init__(f"The pull request has a new head, {found[:7]}; the run for it will report.")
        self.found = found


class ForgeRateLimited(ForgeFailure):
    """The forge asks to wait for longer than the run can; nothing was done."""


class Refused(ForgeFailure):
    """The forge found a request wrong (422); nothing was done."""


class DiffTooLarge(ForgeFailure):
    """The forge shows no diff of this size (406, more than 300 or 3,000 files)."""


class OutcomeUnknown(ForgeFailure):
    """An answer was lost and what was asked for is not to be found: it may or may not be done."""


class Forge(Protocol):
    """Where a pull request lives. Every method may raise a `ForgeFailure`."""

    def pull_request(self, number: int) -> PullRequest:
        """Return a pull request as it is now."""
        ...

    def head(self, number: int) -> str:
        """Return the full object id of a pull request's head, read anew."""
        ...

    def file_patches(self, number: int) -> tuple[FilePatch, ...]:
        """Return the files that a pull request changes.

        Raises:
            DiffTooLarge: The forge's list is cut short.
        """
        ...

    def commit(self, sha: str) -> Commit:
        """Return a commit that the repository or one of its pull requests has."""
        ...

    def existing(self, number: int) -> Existing:
        """Return what is there on a pull request, in full."""
        ...

    def apply(self, number: int, operation: Operation) -> Applied:
        """Do one thing to a pull request, once.

        Raises:
            HeadMoved: A review was to be made for a head that is none any more.
        """
        ...


class Reaction(StrEnum):
    """What is shown below a comment in place of words."""

    SEEN = "eyes"
    DONE = "rocket"
    REFUSED = "confused"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentRef:
    """A comment that is answered.

    Attributes:
        comment: Its number.
        is_on_diff: Whether it is a comment of a review, rather than one of the conversation.
        thread: The number of the comment that its thread began with; None in the conversation.
    """

    comment: int
    is_on_diff: bool = False
    thread: int | None = None


class AnsweringForge(Forge, Protocol):
    """A forge on which people can be answered. Every method may raise a `ForgeFailure`."""

    def role(self, login: str) -> Role:
        """Return what somebody may do in the repository, whatever a payload says of it."""
        ...

    def react(self, said: CommentRef, reaction: Reaction) -> None:
        """Show a reaction below a comment; doing it twice does no harm."""
        ...

    def answer(self, number: int, said: CommentRef, body: str) -> None:
        """Answer a comment once: in its thread, or in the conversation.

        Args:
            number: The pull request's number.
            said: What is answered.
            body: The answer, which ends in the mark of an answer to that comment.
        """
        ...
