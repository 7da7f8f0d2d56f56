"""Interface of a forge: data types, operations, errors and the protocol.

A client (for example GitHub's) returns these types and accepts these operations; types of its library stay
inside it. Logins have the form of GitHub's REST API: a bot's login ends with `[bot]`. GraphQL leaves that
suffix out, so a client that uses GraphQL adds it back.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from testsmith.model import Failure
from testsmith.settings import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """The account that the token belongs to."""

    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A pull request as it is now.

    Attributes:
        repository: Full name of the repository it targets.
        number: Its number.
        head_sha: Full object id of its head.
        base_sha: Full object id of the tip of its base branch.
        base_ref: Name of the base branch.
        head_repository: Full name of the repository that has the head; None if a fork was deleted.
        head_ref: Name of the head branch, in that repository.
        default_branch: Name of the default branch of the target repository.
        is_open: Whether it is neither closed nor merged.
        files: The number of files it changes; a list of them may be cut short.
        pushed_at: Time of the last push to any branch of the head's repository, as `2026-01-31T09:00:00Z`;
            empty if the forge does not say.
        title: Its title. Untrusted text.
        body: Its description in Markdown. Untrusted text.
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
    title: str = ""
    body: str = ""

    @property
    def is_from_fork(self) -> bool:
        """Whether its head is in another repository, or in one that was deleted."""
        return (self.head_repository or "").casefold() != self.repository.casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """An issue of the repository.

    Attributes:
        number: Its number.
        title: Its title. Untrusted text.
        body: Its description in Markdown. Untrusted text.
    """

    number: int
    title: str
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePatch:
    """A file that a pull request changes, as the forge shows it.

    Attributes:
        path: Its path on head, or on base if it was removed.
        patch: Its hunks, starting with the first `@@`; None if the forge shows none.
        is_removed: Whether it does not exist on head.
    """

    path: str
    patch: str | None
    is_removed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit.

    Attributes:
        author: Login of its author; None if the author has no known account.
        message: The full message.
        parents: Full object ids of its parents.
        is_certain: Whether the forge vouches for the author. Anyone can put someone else's address into a
            commit.
    """

    author: str | None
    message: str
    parents: tuple[str, ...] = ()
    is_certain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment in the conversation of a pull request.

    Attributes:
        id: The forge's number for it; later comments have larger ones.
        node_id: Its GraphQL id.
        body: Its Markdown text.
        author: Login of the author.
        is_minimized: Whether someone has hidden it.
        editor: Login of its last editor; None if it was never edited.
    """

    id: int
    node_id: str
    body: str
    author: str
    is_minimized: bool = False
    editor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """The thread of a review comment.

    Attributes:
        node_id: Its GraphQL id.
        is_resolved: Whether someone has resolved it.
        viewer_may_resolve: Whether the token may resolve it.
        viewer_may_unresolve: Whether the token may reopen it.
    """

    node_id: str
    is_resolved: bool = False
    viewer_may_resolve: bool = False
    viewer_may_unresolve: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewComment:
    """A review comment at a position in the diff.

    Attributes:
        id: The forge's number for it; later comments have larger ones.
        node_id: Its GraphQL id.
        path: The file it is on.
        line: The line on head it is at; None if its position is no longer in the diff.
        body: Its Markdown text.
        author: Login of the author.
        thread: Its thread; None if threads could not be read.
        is_minimized: Whether someone has hidden it.
        editor: Login of its last editor; None if it was never edited.
        is_settled: Whether it is hidden as resolved; the bot hides the comments of rejected suggestions that
            way.
    """

    id: int
    node_id: str
    path: str
    line: int | None
    body: str
    author: str
    thread: Thread | None = None
    is_minimized: bool = False
    editor: str | None = None
    is_settled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A review of a pull request. Only its author can see a pending one."""

    id: int
    body: str
    author: str
    is_pending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """All comments and reviews on a pull request, whoever wrote them.

    Attributes:
        viewer: The account that the token belongs to.
        comments: The comments of the conversation.
        review_comments: The comments of submitted reviews.
        reviews: The reviews, including pending ones.
    """

    viewer: Viewer
    comments: tuple[Comment, ...] = ()
    review_comments: tuple[ReviewComment, ...] = ()
    reviews: tuple[Review, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A position for a review comment: lines on head that one hunk of the diff shows.

    Attributes:
        path: The file on head.
        line: The last line.
        start_line: The first line, always before `line`; None for a single line.
    """

    path: str
    line: int
    start_line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewComment:
    """A review comment to post. `content` is the digest in its marker."""

    anchor: Anchor
    body: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletePendingReview:
    """Delete a pending review of the bot, which would block any new review."""

    review: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateReview:
    """Create one review and submit it as COMMENT.

    Attributes:
        head: Full object id of the commit that its lines refer to.
        body: Its single line, with the run's marker.
        comments: Its comments, at least one.
        run: The digest in the marker, used to find the review if the response is lost.
    """

    head: str
    body: str
    comments: tuple[NewComment, ...]
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSummary:
    """Create the summary comment. Its marker is used to find it if the response is lost."""

    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateSummary:
    """Replace the text of the summary comment. Safe to repeat."""

    comment: int
    body: str


class Classifier(StrEnum):
    """Reasons for hiding a comment, as GitHub names them."""

    OUTDATED = "OUTDATED"
    DUPLICATE = "DUPLICATE"
    RESOLVED = "RESOLVED"


@dataclass(frozen=True, slots=True, kw_only=True)
class HideComment:
    """Hide a comment of the bot for a reason or, without one, show it again. Safe to repeat."""

    node_id: str
    reason: Classifier | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveThread:
    """Resolve or reopen the thread of a comment of the bot. A missing permission only yields a note."""

    thread: str
    is_resolved: bool = True


Operation = DeletePendingReview | CreateReview | CreateSummary | UpdateSummary | HideComment | ResolveThread
"""A single change to a pull request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The result of an operation.

    Attributes:
        was_there: Whether it was already done, for example by a request whose response was lost.
        refused: Contents of the review comments that the forge rejected at any position; the others were
            posted.
        note: A message for the reader, for example that a thread may not be resolved; empty for none.
    """

    was_there: bool = False
    refused: tuple[str, ...] = ()
    note: str = ""


class ForgeFailure(Failure):
    """The forge could not be read or written. The message says what failed and what to do."""


class Forbidden(ForgeFailure):
    """The token lacks a permission.

    Attributes:
        permission: The missing permission, as a workflow grants it: `pull-requests: write`.
    """

    def __init__(self, message: str, *, permission: str) -> None:
        super().__init__(message)
        self.permission = permission


class NotFound(ForgeFailure):
    """The resource does not exist, or the token may not see it."""


class HeadMoved(ForgeFailure):
    """The pull request has a new head, so nothing is posted for the old one.

    Attributes:
        found: The new head's full object id; empty if the branch was deleted.
    """

    def __init__(self, found: str) -> None:
        super().__init__(f"The pull request has a new head, {found[:7]}; the run for it will report.")
        self.found = found


class ForgeRateLimited(ForgeFailure):
    """The forge's rate limit lasts longer than the run can wait. Nothing was changed."""


class Refused(ForgeFailure):
    """The forge rejected a request as invalid (422). Nothing was changed."""


class DiffTooLarge(ForgeFailure):
    """The diff is too large for the forge to show (406, more than 300 or 3,000 files)."""


class OutcomeUnknown(ForgeFailure):
    """A response was lost and the result was not found; the operation may or may not have been done."""


class Forge(Protocol):
    """A client for a forge's pull requests. Every method may raise a `ForgeFailure`."""

    def pull_request(self, number: int) -> PullRequest:
        """Return the current state of a pull request."""
        ...

    def head(self, number: int) -> str:
        """Return the full object id of a pull request's head, without caching."""
        ...

    def issue(self, number: int) -> Issue:
        """Return an issue of the repository."""
        ...

    def file_patches(self, number: int) -> tuple[FilePatch, ...]:
        """Return the files that a pull request changes.

        Raises:
            DiffTooLarge: The forge's list is cut short.
        """
        ...

    def commit(self, sha: str) -> Commit:
        """Return a commit of the repository or of one of its pull requests."""
        ...

    def existing(self, number: int) -> Existing:
        """Return all comments and reviews of a pull request."""
        ...

    def apply(self, number: int, operation: Operation) -> Applied:
        """Apply one operation to a pull request exactly once.

        Raises:
            HeadMoved: The commit to review is no longer the head.
        """
        ...


class Reaction(StrEnum):
    """A reaction to a comment."""

    SEEN = "eyes"
    DONE = "rocket"
    REFUSED = "confused"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentRef:
    """A comment to react to or answer.

    Attributes:
        comment: Its number.
        is_on_diff: Whether it is a review comment rather than a comment of the conversation.
        thread: The number of the first comment of its thread; None in the conversation.
    """

    comment: int
    is_on_diff: bool = False
    thread: int | None = None


class AnsweringForge(Forge, Protocol):
    """A forge that can answer comments. Every method may raise a `ForgeFailure`."""

    def role(self, login: str) -> Role:
        """Return a user's role in the repository. Event payloads are not trusted for this."""
        ...

    def react(self, said: CommentRef, reaction: Reaction) -> None:
        """React to a comment. Safe to repeat."""
        ...

    def answer(self, number: int, said: CommentRef, body: str) -> None:
        """Answer a comment exactly once, in its thread or in the conversation.

        Args:
            number: The pull request's number.
            said: The comment to answer.
            body: The answer, ending in the marker of an answer to that comment.
        """
        ...
