"""Map a GitHub event and its payload to a task. Everything here is pure.

The payload is untrusted JSON: each value is checked for its expected type and format. A payload that lacks a
required value gives a `Nothing` task with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from testsmith.forge.comment_markers import is_marked, is_same_login
from testsmith.forge.slash_commands import ParsedComment, orders_in
from testsmith.settings import ReviewSettings

DEFAULT_SKIP_LABEL = ReviewSettings().skip_label
"""Default label of pull requests to skip."""

COMMIT_TRAILER = "TestSmith-Commit:"
"""Prefix of the trailer line that marks the bot's own commits."""

_ACTIONS = frozenset({"opened", "synchronize", "reopened", "ready_for_review"})
_DEPENDABOT = "dependabot[bot]"
_GHOST = "ghost"
_OBJECT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
FULL_NAME = re.compile(r"[\w.-]{1,100}/[\w.-]{1,100}", re.ASCII)
"""Pattern of a repository's full name, for example `octo/shop`."""

_REFERENCE = re.compile(r"[^\x00-\x20\x7f~^:?*\[\\-][^\x00-\x20\x7f~^:?*\[\\]{0,254}")
_NUMBER_LIMIT = 2**31
_ID_LIMIT = 2**63
_SHOWN_LIMIT = 60

_USE_INSTEAD = (
    "pull_request_target runs with the secrets and the write token of this repository, so the code of a pull "
    "request is not run in it. Use `on: pull_request` instead: for pull requests from forks, the review then "
    "stands in the job summary."
)

_Kind = TypeVar("_Kind")


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
        is_draft: Whether it is a draft.
        author_is_bot: Whether the author is a bot.
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
    is_draft: bool = False
    author_is_bot: bool = False
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


def task_of(event_name: str, payload: object, skip_label: str = DEFAULT_SKIP_LABEL) -> Task:
    """Return the task for an event.

    Args:
        event_name: Value of `GITHUB_EVENT_NAME`.
        payload: Parsed JSON of the file at `GITHUB_EVENT_PATH`.
        skip_label: Label of pull requests to skip, case-insensitive; empty for none. Drafts and bots' pull
            requests are always skipped.
    """
    if event_name == "pull_request_target":
        return Nothing(reason=_USE_INSTEAD, is_warning=True)
    if event_name == "merge_group":
        return Nothing(reason="A merge queue has no pull request to comment on; its tests run elsewhere.")
    tasks: Mapping[str, Callable[[object], Task]] = {
        "pull_request": lambda data: _pull_request_task(data, skip_label),
        "schedule": lambda _: SweepRepository(),
        "workflow_dispatch": _dispatch_task,
        "issue_comment": lambda data: _comment_task(data, "issue"),
        "pull_request_review_comment": lambda data: _comment_task(data, "pull_request"),
    }
    if event_name not in tasks:
        return Nothing(reason=f"There is nothing to do for the event {_shown(event_name)}.")
    try:
        return tasks[event_name](payload)
    except _Misshapen as problem:
        return Nothing(reason=f"The event's payload cannot be used: {problem}.", is_warning=True)


def is_own_commit(author: str | None, message: str, own_login: str) -> bool:
    """Return whether a commit's author and trailer say that it is the bot's own.

    Anyone with push access can set both. If more depends on it, verify the author as well.
    """
    data = any(line.startswith(COMMIT_TRAILER) for line in message.splitlines())
    return data and author is not None and is_same_login(author, own_login)


def _dispatch_task(payload: object) -> Task:
    branch = _matching(payload, "repository.default_branch", _REFERENCE)
    if _taken(payload, "ref", str) != f"refs/heads/{branch}":
        return Nothing(
            reason=f"A sweep is of the default branch: run the workflow from {_shown(branch)}.",
            is_warning=True,
        )
    return SweepRepository()


def _pull_request_task(payload: object, skip_label: str) -> Task:
    action = _taken(payload, "action", str)
    if action not in _ACTIONS:
        return Nothing(reason=f"There is nothing to do when a pull request is {_shown(action)}.")
    if _taken(payload, "pull_request.state", str) != "open":
        return Nothing(reason="The pull request is closed.")
    task = _review(payload)
    reason = _left_alone(task, skip_label)
    return task if reason is None else Nothing(reason=reason)


def _comment_task(payload: object, about: str) -> Task:
    """Return the task for a comment; `about` is the payload key that describes the pull request."""
    reason = _no_command(payload, about)
    if reason is not None:
        return Nothing(reason=reason)
    is_on_diff = about == "pull_request"
    thread = _reply_to(payload) if is_on_diff else None
    orders = orders_in(_body(payload), is_reply=thread is not None)
    if not orders.lines:
        return Nothing(reason="The comment holds no command.")
    commander, _ = _account(payload, "comment.user")
    return HandleCommentCommands(
        repository=_matching(payload, "repository.full_name", FULL_NAME),
        number=_number(payload, f"{about}.number"),
        comment=_number(payload, "comment.id", _ID_LIMIT),
        commander=commander,
        orders=orders,
        is_on_diff=is_on_diff,
        thread=thread,
        head_sha=_matching(payload, "pull_request.head.sha", _OBJECT_ID) if is_on_diff else None,
        has_small_token=is_on_diff and _comes_from_fork(payload),
        said_at=_said_at(payload),
    )


def _no_command(payload: object, about: str) -> str | None:
    """Return why a comment cannot contain commands, or None if it can."""
    if _taken(payload, "action", str) != "created":
        return "Only a new comment is heeded, none that is edited or deleted."
    if about == "issue" and _found(payload, "issue.pull_request") is None:
        return "The comment is on an issue, not on a pull request."
    if _taken(payload, f"{about}.state", str) != "open":
        return "The pull request is closed."
    commander, is_bot = _account(payload, "comment.user")
    if is_bot or commander == _GHOST:
        return f"The comment is a bot's, {_shown(commander)}, or nobody's."
    if is_marked(_body(payload)):
        return "The comment ends with a mark of TestSmith's own comments, which hold no commands."
    return None


def _body(payload: object) -> str:
    return "" if _found(payload, "comment.body") is None else _taken(payload, "comment.body", str)


def _said_at(payload: object) -> str:
    place = "comment.created_at"
    return "" if _found(payload, place) is None else _taken(payload, place, str)


def _reply_to(payload: object) -> int | None:
    place = "comment.in_reply_to_id"
    return None if _found(payload, place) is None else _number(payload, place, _ID_LIMIT)


def _comes_from_fork(payload: object) -> bool:
    repository = _matching(payload, "repository.full_name", FULL_NAME)
    return _is_fork(repository, _head_repository(payload))


def _left_alone(task: ReviewPullRequest, skip_label: str) -> str | None:
    if task.is_draft:
        return "The pull request is a draft; it is reviewed when it is ready for review."
    if task.author_is_bot:
        return f"The pull request is a bot's, {_shown(task.author)}."
    label = skip_label.strip().casefold()
    if label and label in {name.strip().casefold() for name in task.labels}:
        return f"The pull request has the label {_shown(skip_label)}."
    return None


def _review(payload: object) -> ReviewPullRequest:
    repository = _matching(payload, "pull_request.base.repo.full_name", FULL_NAME)
    author, author_is_bot = _account(payload, "pull_request.user")
    sender, _ = _account(payload, "sender")
    head_repository = _head_repository(payload)
    return ReviewPullRequest(
        repository=repository,
        number=_number(payload, "pull_request.number"),
        base_sha=_matching(payload, "pull_request.base.sha", _OBJECT_ID),
        base_ref=_matching(payload, "pull_request.base.ref", _REFERENCE),
        head_sha=_matching(payload, "pull_request.head.sha", _OBJECT_ID),
        head_repository=head_repository,
        author=author,
        labels=_labels(payload),
        is_draft=_taken(payload, "pull_request.draft", bool),
        author_is_bot=author_is_bot,
        has_small_token=sender == _DEPENDABOT or _is_fork(repository, head_repository),
    )


def _is_fork(repository: str, head_repository: str | None) -> bool:
    return head_repository is None or head_repository.casefold() != repository.casefold()


def _head_repository(payload: object) -> str | None:
    if _found(payload, "pull_request.head.repo") is None:
        return None
    return _matching(payload, "pull_request.head.repo.full_name", FULL_NAME)


def _account(payload: object, place: str) -> tuple[str, bool]:
    """Return an account's login and whether it is a bot. A deleted account is null in the payload."""
    if _found(payload, place) is None:
        return _GHOST, False
    login = _taken(payload, f"{place}.login", str)
    return login, login.endswith("[bot]") or _found(payload, f"{place}.type") == "Bot"


def _labels(payload: object) -> tuple[str, ...]:
    labels = _taken(payload, "pull_request.labels", list)
    names = [name for label in labels if isinstance(name := _found(label, "name"), str)]
    if len(names) < len(labels):
        raise _Misshapen("`pull_request.labels` is not what it should be")
    return tuple(names)


def _number(payload: object, place: str, limit: int = _NUMBER_LIMIT) -> int:
    number = _taken(payload, place, int)
    if isinstance(number, bool) or not 0 < number < limit:
        raise _Misshapen(f"`{place}` is no number of anything")
    return number


def _matching(payload: object, place: str, pattern: re.Pattern[str]) -> str:
    text = _taken(payload, place, str)
    if not pattern.fullmatch(text):
        raise _Misshapen(f"`{place}` is not what it should be")
    return text


def _taken(payload: object, place: str, kind: type[_Kind]) -> _Kind:
    value = _found(payload, place)
    if not isinstance(value, kind):
        raise _Misshapen(f"`{place}` is missing" if value is None else f"`{place}` is not what it should be")
    return value


def _found(payload: object, place: str) -> object:
    """Return the value at a path such as `pull_request.head.sha`, or None."""
    value = payload
    for key in place.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _shown(text: str) -> str:
    """Return an untrusted name in a form that is safe for logs."""
    return ascii(text[:_SHOWN_LIMIT]).replace("::", ": :").replace("##", "# #")


class _Misshapen(Exception):
    """The payload lacks a required value; the message contains no text from the payload."""
