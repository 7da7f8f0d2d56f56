"""The bot's own pull requests, and what it needs to know before it opens one."""

from __future__ import annotations

from testsmith.forge.commits import Branch, CannotOpenPulls, OwnPull, PullText
from testsmith.forge.github.commits import read_branch
from testsmith.forge.github.errors import Rejected, shown
from testsmith.forge.github.payload import entries, maybe, taken
from testsmith.forge.github.queries import VIEWER
from testsmith.forge.github.repository_client import READ_CONTENTS, RepositoryClient, understood
from testsmith.forge.interface import ForgeFailure

PULLS_LOOKED_AT = 100
"""Maximum pull requests of one branch that are read, newest first."""

_NOT_PERMITTED = "not permitted to create"


def read_login(remote: RepositoryClient) -> str:
    """See `CommittingForge.login`. GraphQL returns it in the form that REST uses."""
    with understood(what := "look up whom the token speaks for"):
        return taken(remote.ask(what, VIEWER), "viewer.login", str)


def read_default_branch(remote: RepositoryClient) -> Branch:
    """See `CommittingForge.default_branch`."""
    with understood(what := "read the repository"):
        name = taken(remote.get(what, "", permission=READ_CONTENTS), "default_branch", str)
    found = read_branch(remote, name)
    if found is None:
        raise ForgeFailure(
            f"Cannot read the default branch {name}: GitHub shows none of that name. Push a first commit "
            "to it."
        )
    return found


def read_own_pulls(remote: RepositoryClient, branch: str, onto: str) -> tuple[OwnPull, ...]:
    """See `CommittingForge.own_pulls`."""
    owner = remote.repository.partition("/")[0]
    query: dict[str, str | int] = {
        "state": "all",
        "head": f"{owner}:{branch}",
        "base": onto,
        "sort": "created",
        "direction": "desc",
        "per_page": PULLS_LOOKED_AT,
    }
    with understood(what := f"look for pull requests from {branch}"):
        data = entries(remote.get(what, "/pulls", query))
        return tuple(
            OwnPull(
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


def open_pull(remote: RepositoryClient, branch: str, onto: str, text: PullText) -> OwnPull:
    """See `CommittingForge.open_pull`."""
    data = {"head": branch, "base": onto, "title": text.title, "body": text.body}
    what = f"open a pull request from {branch}"

    def send() -> OwnPull:
        try:
            made = remote.rest("POST", "/pulls", data)
        except Rejected as rejected:
            if _NOT_PERMITTED in rejected.message.lower():
                raise CannotOpenPulls(
                    f"Cannot {what}: GitHub says {shown(rejected.message)}. Tick "
                    "*Allow GitHub Actions to create and approve pull requests* in the repository's settings "
                    "of Actions, or give the step an app's token."
                ) from rejected
            raise
        return OwnPull(number=taken(made, "number", int), url=taken(made, "html_url", str))

    def find() -> OwnPull | None:
        return next((one for one in read_own_pulls(remote, branch, onto) if one.is_open), None)

    return remote.write(what, send, find).answer


def update_pull(remote: RepositoryClient, number: int, text: PullText) -> None:
    """See `CommittingForge.update_pull`."""
    data = {"body": text.body} | ({"title": text.title} if text.title else {})

    def send() -> int:
        return taken(remote.rest("PATCH", f"/pulls/{number}", data), "number", int)

    remote.write(f"update pull request {number}", send, lambda: None)
