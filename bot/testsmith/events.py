"""Map a GitHub event and its payload to a task. Everything here is pure.

The payload is untrusted JSON. One that lacks a required value gives a `Nothing` task with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import Interval

from testsmith.decode import Malformed, Matches, NotJson, OrElse, decode
from testsmith.forge.comment_markers import is_marked, is_same_login
from testsmith.forge.slash_commands import ParsedComment, orders_in

SKIP_LABEL = "testsmith-skip"
"""Label of pull requests that are left alone."""

COMMIT_TRAILER = "TestSmith-Commit:"
"""Prefix of the trailer line that marks the bot's own commits."""

_ACTIONS = frozenset({"opened", "synchronize", "reopened", "ready_for_review"})
_DEPENDABOT = "dependabot[bot]"
_OBJECT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
FULL_NAME = re.compile(r"[\w.-]{1,100}/[\w.-]{1,100}", re.ASCII)
"""Pattern of a repository's full name, for example `octo/shop`."""

_REFERENCE = re.compile(r"[^\x00-\x20\x7f~^:?*\[\\-][^\x00-\x20\x7f~^:?*\[\\]{0,254}")
_SHOWN_LIMIT = 60

_USE_INSTEAD = (
    "pull_request_target has access to this repository's secrets and a token with write access, so "
    "TestSmith does not run a pull request's code in it. Use `on: pull_request` instead; the review of a "
    "pull request from a fork is then in the job summary."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewPullRequest:
    """Review a pull request.

    Attributes:
        repository: Full name of the pull request's repository, for example `octo/shop`.
        number: The pull request's number.
        base_sha: Full object id of the base branch's tip when the event was sent; not the merge base.
        base_ref: The base branch's name.
        head_sha: Full object id of the pull request's head when the event was sent.
        head_repository: Full name of the head's repository; None for a deleted fork.
        author: Login of the pull request's author.
        labels: Names of its labels.
        has_small_token: Whether the run is expected to have a read-only token and no secrets, as for forks
            and Dependabot. The real permissions are known only when the token is used.
    """

    repository: str
    number: int
    base_sha: str
    base_ref: str
    head_sha: str
    head_repository: str | None
    author: str
    labels: tuple[str, ...] = ()
    has_small_token: bool = False

    @property
    def what(self) -> str:
        """Short description of the task."""
        return f"pull request {self.number}"

    @property
    def is_fork(self) -> bool:
        """Whether the head is in another repository or in a deleted one."""
        return _is_fork(self.repository, self.head_repository)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandleCommentCommands:
    """Run the commands in a comment on a pull request, if its author has permission.

    Attributes:
        repository: Full name of the pull request's repository, for example `octo/shop`.
        number: The pull request's number.
        comment: The comment's id.
        commander: Login of the comment's author.
        orders: The parsed comment.
        is_on_diff: Whether it is a review comment, rather than a conversation comment.
        thread: Id of the first comment of its thread if it is a reply, else None.
        head_sha: Full object id of the pull request's head when the event was sent; None if the event does
            not contain it.
        has_small_token: Whether the run has a read-only token, as for review comments on a fork's pull
            request.
        said_at: When the comment was written, for example `2026-01-31T09:00:00Z`; empty if unknown.
    """

    repository: str
    number: int
    comment: int
    commander: str
    orders: ParsedComment
    is_on_diff: bool = False
    thread: int | None = None
    head_sha: str | None = None
    has_small_token: bool = False
    said_at: str = ""

    @property
    def what(self) -> str:
        """Short description of the task."""
        return f"the commands on pull request {self.number}"

    @property
    def base_ref(self) -> str | None:
        """Base branch: None, because comment events do not contain it."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRepository:
    """Sweep the default branch, on a schedule or when the workflow was started by hand."""

    has_small_token = False

    @property
    def what(self) -> str:
        """Short description of the task."""
        return "what the default branch leaves untested"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """Do nothing.

    Attributes:
        reason: Explanation in one sentence, for the log and the job summary.
        is_warning: Whether someone should fix the workflow.
    """

    reason: str
    is_warning: bool = False


Work = ReviewPullRequest | HandleCommentCommands | SweepRepository
"""A task with work to do."""

Task = Work | Nothing
"""What to do for an event."""

_NOT_NEW = Nothing(reason="Skipped: only new comments are processed, not edited or deleted ones.")


def task_of(event_name: str, payload: bytes | str) -> Task:
    """Return the task for an event.

    Args:
        event_name: Value of `GITHUB_EVENT_NAME`.
        payload: Content of the file at `GITHUB_EVENT_PATH`.

    Raises:
        NotJson: The payload is not JSON.
    """
    if event_name == "pull_request_target":
        return Nothing(reason=_USE_INSTEAD, is_warning=True)
    if event_name == "merge_group":
        return Nothing(reason="Skipped: a merge queue has no pull request to comment on.")
    tasks: Mapping[str, Callable[[bytes | str], Task]] = {
        "pull_request": _pull_request_task,
        "schedule": lambda _: SweepRepository(),
        "workflow_dispatch": _dispatch_task,
        "issue_comment": _issue_comment_task,
        "pull_request_review_comment": _diff_comment_task,
    }
    if event_name not in tasks:
        return Nothing(reason=f"Skipped: nothing to do for the event {_shown(event_name)}.")
    try:
        return tasks[event_name](payload)
    except NotJson:
        raise
    except Malformed as problem:
        return Nothing(reason=f"Could not read the event: {problem}.", is_warning=True)


def is_own_commit(author: str | None, message: str, own_login: str) -> bool:
    """Return whether a commit's author and trailer say that it is the bot's own.

    Anyone with push access can set both. If more depends on it, verify the author as well.
    """
    data = any(line.startswith(COMMIT_TRAILER) for line in message.splitlines())
    return data and author is not None and is_same_login(author, own_login)


_Name = Annotated[str, Matches(FULL_NAME)]
_ObjectId = Annotated[str, Matches(_OBJECT_ID)]
_Reference = Annotated[str, Matches(_REFERENCE)]
_Number = Annotated[int, Interval(ge=1, lt=2**31)]
_Id = Annotated[int, Interval(ge=1, lt=2**63)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    """An account; a deleted one is null in the payload."""

    login: str
    type: Annotated[str, OrElse("")] = ""

    @property
    def is_bot(self) -> bool:
        return self.login.endswith("[bot]") or self.type == "Bot"


_NOBODY = _Account(login="ghost")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Repository:
    full_name: _Name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Base:
    sha: _ObjectId
    ref: _Reference
    repo: _Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """The head; its repository is null for a deleted fork."""

    sha: _ObjectId
    repo: _Repository | None = None

    @property
    def name(self) -> str | None:
        return None if self.repo is None else self.repo.full_name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Label:
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _PullRequest:
    number: _Number
    state: str
    draft: bool
    labels: tuple[_Label, ...]
    base: _Base
    head: _Head
    user: _Account | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _PullRequestPayload:
    action: str
    pull_request: _PullRequest
    sender: _Account | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comment:
    id: _Id
    body: str | None = None
    user: _Account | None = None
    created_at: str | None = None
    in_reply_to_id: _Id | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Issue:
    number: _Number
    state: str
    pull_request: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _IssueCommentPayload:
    action: str
    repository: _Repository
    comment: _Comment
    issue: _Issue


@dataclass(frozen=True, slots=True, kw_only=True)
class _DiffPullRequest:
    number: _Number
    state: str
    head: _Head


@dataclass(frozen=True, slots=True, kw_only=True)
class _DiffCommentPayload:
    action: str
    repository: _Repository
    comment: _Comment
    pull_request: _DiffPullRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class _SweptRepository:
    default_branch: _Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class _DispatchPayload:
    ref: str
    repository: _SweptRepository


def _dispatch_task(payload: bytes | str) -> Task:
    event = decode(_DispatchPayload, payload)
    branch = event.repository.default_branch
    if event.ref != f"refs/heads/{branch}":
        return Nothing(
            reason=f"A sweep runs on the default branch only. Run the workflow from {_shown(branch)}.",
            is_warning=True,
        )
    return SweepRepository()


def _pull_request_task(payload: bytes | str) -> Task:
    event = decode(_PullRequestPayload, payload)
    if event.action not in _ACTIONS:
        return Nothing(reason=f"Skipped: nothing to do when a pull request is {_shown(event.action)}.")
    pull_request, author = event.pull_request, event.pull_request.user or _NOBODY
    reason = _left_alone(pull_request, author)
    if reason is not None:
        return Nothing(reason=reason)
    base, head = pull_request.base, pull_request.head
    is_dependabot = (event.sender or _NOBODY).login == _DEPENDABOT
    return ReviewPullRequest(
        repository=base.repo.full_name,
        number=pull_request.number,
        base_sha=base.sha,
        base_ref=base.ref,
        head_sha=head.sha,
        head_repository=head.name,
        author=author.login,
        labels=tuple(label.name for label in pull_request.labels),
        has_small_token=is_dependabot or _is_fork(base.repo.full_name, head.name),
    )


def _left_alone(pull_request: _PullRequest, author: _Account) -> str | None:
    if pull_request.state != "open":
        return "The pull request is closed."
    if pull_request.draft:
        return "Skipped: the pull request is a draft. It is reviewed when it is marked as ready."
    if author.is_bot:
        return f"Skipped: the pull request was opened by a bot, {_shown(author.login)}."
    if SKIP_LABEL in {one.name.strip().casefold() for one in pull_request.labels}:
        return f"Skipped: the pull request has the label {_shown(SKIP_LABEL)}."
    return None


def _issue_comment_task(payload: bytes | str) -> Task:
    event = decode(_IssueCommentPayload, payload)
    if event.action != "created":
        return _NOT_NEW
    if event.issue.pull_request is None:
        return Nothing(reason="Skipped: the comment is on an issue, not on a pull request.")
    return _comment_task(event.repository.full_name, event.comment, event.issue, head=None)


def _diff_comment_task(payload: bytes | str) -> Task:
    event = decode(_DiffCommentPayload, payload)
    if event.action != "created":
        return _NOT_NEW
    about = event.pull_request
    return _comment_task(event.repository.full_name, event.comment, about, about.head)


def _comment_task(
    repository: str, comment: _Comment, about: _Issue | _DiffPullRequest, head: _Head | None
) -> Task:
    commander, body = comment.user or _NOBODY, comment.body or ""
    if about.state != "open":
        return Nothing(reason="The pull request is closed.")
    if commander.is_bot or commander.login == _NOBODY.login:
        return Nothing(
            reason=f"Skipped: the comment was written by a bot or a deleted account "
            f"({_shown(commander.login)})."
        )
    if is_marked(body):
        return Nothing(reason="Skipped: the comment has the marker of TestSmith's own comments.")
    thread = comment.in_reply_to_id if head is not None else None
    orders = orders_in(body, is_reply=thread is not None)
    if not orders.lines:
        return Nothing(reason="Skipped: the comment has no command.")
    return HandleCommentCommands(
        repository=repository,
        number=about.number,
        comment=comment.id,
        commander=commander.login,
        orders=orders,
        is_on_diff=head is not None,
        thread=thread,
        head_sha=head.sha if head is not None else None,
        has_small_token=head is not None and _is_fork(repository, head.name),
        said_at=comment.created_at or "",
    )


def _is_fork(repository: str, head_repository: str | None) -> bool:
    return head_repository is None or head_repository.casefold() != repository.casefold()


def _shown(text: str) -> str:
    """Return an untrusted name in a form that is safe for logs."""
    return ascii(text[:_SHOWN_LIMIT]).replace("::", ": :").replace("##", "# #")
