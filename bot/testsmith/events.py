"""From what started the workflow to what there is to do. All pure.

A payload is JSON from outside: each thing is taken from it only in the shape that it must have, and a payload
that lacks what is needed is nothing to do, with the reason.
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
"""The label of a pull request that is left alone, where no other is set."""

COMMIT_TRAILER = "TestSmith-Commit:"
"""How the line begins by which the message of a commit of the bot's own says so."""

_ACTIONS = frozenset({"opened", "synchronize", "reopened", "ready_for_review"})
_DEPENDABOT = "dependabot[bot]"
_GHOST = "ghost"
_OBJECT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
FULL_NAME = re.compile(r"[\w.-]{1,100}/[\w.-]{1,100}", re.ASCII)
"""What the full name of a repository looks like, as `octo/shop`."""

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
    """Review this pull request.

    Attributes:
        repository: Full name of the repository that the pull request is for, as `octo/shop`.
        number: The pull request's number.
        base_sha: Full object id of the tip of the base branch when the event was sent; not the merge base.
        base_ref: The base branch's name.
        head_sha: Full object id of the pull request's head when the event was sent.
        head_repository: Full name of the repository the head is in; None where a fork was deleted.
        author: Login of who opened it.
        labels: Names of its labels.
        is_draft: Whether it is a draft.
        author_is_bot: Whether a bot opened it.
        has_small_token: Whether the run has a token that may only read and none of the repository's secrets,
            as for forks and for Dependabot; what the token may really do is known only when it is used.
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
        """What is looked at, in a few words."""
        return f"pull request {self.number}"

    @property
    def is_fork(self) -> bool:
        """Whether the head is in another repository, or in one that is gone."""
        return _is_fork(self.repository, self.head_repository)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandleCommentCommands:
    """Obey the commands of a comment on a pull request, if who wrote it may command.

    Attributes:
        repository: Full name of the repository that the pull request is for, as `octo/shop`.
        number: The pull request's number.
        comment: The comment's number.
        commander: Login of who wrote it.
        orders: What it says.
        is_on_diff: Whether it is a comment of a review, rather than one of the conversation.
        thread: The number of the comment that began the thread it answers in; None where it answers in none.
        head_sha: Full object id of the pull request's head when the event was sent; None where it tells none.
        has_small_token: Whether the run has a token that may only read, as in reviews of a fork's changes.
        said_at: When it was written, as `2026-01-31T09:00:00Z`; empty if the event does not say.
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
        """What is looked at, in a few words."""
        return f"the commands on pull request {self.number}"

    @property
    def base_ref(self) -> str | None:
        """What is compared with; an event of a comment tells none."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRepository:
    """Sweep the default branch: by the clock, or since somebody has started the workflow by hand."""

    has_small_token = False

    @property
    def what(self) -> str:
        """What is looked at, in a few words."""
        return "what the default branch leaves untested"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """There is nothing to do.

    Attributes:
        reason: Why, in one sentence for the log and the job summary.
        is_warning: Whether somebody should change something: a workflow that is set up in a wrong way.
    """

    reason: str
    is_warning: bool = False


Work = ReviewPullRequest | HandleCommentCommands | SweepRepository
"""What there is something to do for."""

Task = Work | Nothing
"""What there is to do."""


def task_of(event_name: str, payload: object, skip_label: str = DEFAULT_SKIP_LABEL) -> Task:
    """Return what an event asks for.

    Args:
        event_name: What `GITHUB_EVENT_NAME` says.
        payload: The parsed JSON of the file at `GITHUB_EVENT_PATH`.
        skip_label: Pull requests with this label are left alone, as are drafts and those of bots. Its case
            does not count; an empty one is none.
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
    """Tell whether a commit says that it is the bot's own, by its author and its trailer.

    Anyone who may push can write both: where more depends on it, the author has to be certain, too.
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
    """Return what a comment asks for; `about` is where the payload tells of the pull request."""
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
    """Return why a comment is no command, whatever it says; None where it may be one."""
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
    """Return an account's login and whether it is a bot's; a deleted account is null."""
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
    """Return what stands at a place such as `pull_request.head.sha`; None where nothing does."""
    value = payload
    for key in place.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _shown(text: str) -> str:
    """Return a name from outside as a log can show it."""
    return ascii(text[:_SHOWN_LIMIT]).replace("::", ": :").replace("##", "# #")


class _Misshapen(Exception):
    """The payload lacks what it must have; the message says what, in words of ours alone."""
