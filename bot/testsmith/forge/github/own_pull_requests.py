"""The bot's own pull requests: follow-ups and the sweep pull request."""

from __future__ import annotations

from collections.abc import Callable

from testsmith.forge.commits import Branch, CannotOpenPulls, FollowUp
from testsmith.forge.github.commits import read_branch
from testsmith.forge.github.errors import Rejected, shown
from testsmith.forge.github.payload import entries, maybe, taken
from testsmith.forge.github.pull_requests import read_pull_request
from testsmith.forge.github.queries import VIEWER
from testsmith.forge.github.repository_client import (
    READ_CONTENTS,
    WRITE_CONTENTS,
    RepositoryClient,
    understood,
)
from testsmith.forge.interface import ForgeFailure, HeadMoved, OutcomeUnknown
from testsmith.forge.sweep_pull_request import MergeConflict, PullText, SweepPull

_NOT_PERMITTED = "not permitted to create"


def read_follow_up(remote: RepositoryClient, branch: str, onto: str) -> FollowUp | None:
    """See `CommittingForge.follow_up`."""
    owner = remote.repository.partition("/")[0]
    query: dict[str, str | int] = {"state": "open", "head": f"{owner}:{branch}", "base": onto, "per_page": 2}
    with understood(what := "look for the follow-up pull request"):
        for data in entries(remote.get(what, "/pulls", query)):
            if taken(data, "head.ref", str) == branch:
                return FollowUp(number=taken(data, "number", int), url=taken(data, "html_url", str))
    return None


def open_follow_up(  # noqa: PLR0913 - what a pull request is made of
    remote: RepositoryClient,
    branch: str,
    onto: str,
    *,
    title: str,
    body: str,
    name: str = "follow-up pull request",
) -> FollowUp:
    """See `CommittingForge.open_follow_up`. `name` is used in error messages."""
    data = {"head": branch, "base": onto, "title": title, "body": body}

    def send() -> FollowUp:
        try:
            made = remote.rest("POST", "/pulls", data)
        except Rejected as rejected:
            if _NOT_PERMITTED in rejected.message.lower():
                raise CannotOpenPulls(
                    f"Cannot open the {name}: GitHub says {shown(rejected.message)}. Tick "
                    "*Allow GitHub Actions to create and approve pull requests* in the repository's settings "
                    "of Actions, or give the step an app's token."
                ) from rejected
            raise
        return FollowUp(number=taken(made, "number", int), url=taken(made, "html_url", str))

    what = f"open the {name}"
    return remote.write(what, send, lambda: read_follow_up(remote, branch, onto)).answer


def update_follow_up(remote: RepositoryClient, number: int, body: str) -> None:
    """See `CommittingForge.update_follow_up`."""

    def send() -> int:
        return taken(remote.rest("PATCH", f"/pulls/{number}", {"body": body}), "number", int)

    remote.write("update the follow-up pull request", send, lambda: None)


PULLS_LOOKED_AT = 100
"""Maximum sweep pull requests read, newest first; each carries on the state of earlier ones."""

_NAME = "pull request of sweeps"
_NOTHING_NEW = "no new commits on the base branch"
_CONFLICT = "conflict"
_STALE = "expected head sha"


def read_login(remote: RepositoryClient) -> str:
    """See `SweepForge.login`. GraphQL returns it in the form that REST uses."""
    with understood(what := "look up whom the token speaks for"):
        return taken(remote.ask(what, VIEWER), "viewer.login", str)


def read_default_branch(remote: RepositoryClient) -> Branch:
    """See `SweepForge.default_branch`."""
    with understood(what := "read the repository"):
        name = taken(remote.get(what, "", permission=READ_CONTENTS), "default_branch", str)
    found = read_branch(remote, name)
    if found is None:
        raise ForgeFailure(
            f"Cannot read the default branch {name}: GitHub shows none of that name. Push a first commit "
            "to it."
        )
    return found


def read_sweep_pulls(remote: RepositoryClient, branch: str, onto: str) -> tuple[SweepPull, ...]:
    """See `SweepForge.sweep_pulls`."""
    owner = remote.repository.partition("/")[0]
    query: dict[str, str | int] = {
        "state": "all",
        "head": f"{owner}:{branch}",
        "base": onto,
        "sort": "created",
        "direction": "desc",
        "per_page": PULLS_LOOKED_AT,
    }
    with understood(what := f"look for the {_NAME}"):
        data = entries(remote.get(what, "/pulls", query))
        return tuple(
            SweepPull(
                number=taken(one, "number", int),
                url=taken(one, "html_url", str),
                head=taken(one, "head.sha", str),
                body=maybe(one, "body", str) or "",
                is_open=taken(one, "state", str) == "open",
                is_merged=maybe(one, "merged_at", str) is not None,
            )
            for one in data
            if taken(one, "head.ref", str) == branch
        )


def open_sweep_pull(remote: RepositoryClient, branch: str, onto: str, text: PullText) -> FollowUp:
    """See `SweepForge.open_sweep_pull`."""
    return open_follow_up(remote, branch, onto, title=text.title, body=text.body, name=_NAME)


def update_pull(remote: RepositoryClient, number: int, text: PullText) -> None:
    """See `SweepForge.update_pull`."""
    data = {"title": text.title, "body": text.body}

    def send() -> int:
        return taken(remote.rest("PATCH", f"/pulls/{number}", data), "number", int)

    remote.write(f"update pull request {number}", send, lambda: None)


def bring_up_to_date(remote: RepositoryClient, number: int, head: str, looks: int) -> None:
    """See `SweepForge.bring_up_to_date`. GitHub merges asynchronously."""

    def is_there() -> bool | None:
        return True if read_pull_request(remote, number).head_sha != head else None

    what = f"bring pull request {number} up to date"
    sent = remote.write(what, _asking(remote, number, head), is_there, permission=WRITE_CONTENTS)
    if not sent.answer:
        return
    for _ in range(looks):
        if is_there():
            return
        remote.pause()
    raise OutcomeUnknown(
        f"Cannot {what}: GitHub has taken the request and not done it in {looks} seconds. The next sweep "
        "looks again."
    )


def _asking(remote: RepositoryClient, number: int, head: str) -> Callable[[], bool]:
    """Return a function that requests the merge and returns whether there was anything to merge."""

    def send() -> bool:
        try:
            remote.rest("PUT", f"/pulls/{number}/update-branch", {"expected_head_sha": head})
        except Rejected as rejected:
            said = rejected.message.lower()
            if _NOTHING_NEW in said:
                return False
            if _STALE in said:
                raise HeadMoved(read_pull_request(remote, number).head_sha) from rejected
            if _CONFLICT in said:
                raise MergeConflict(
                    f"Cannot bring pull request {number} up to date: GitHub says {shown(rejected.message)}. "
                    "Resolve the conflict on its branch, or close it."
                ) from rejected
            raise
        return True

    return send
