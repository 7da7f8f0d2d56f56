"""Pull requests of the bot's own: onto the branches of others, and that of sweeps."""

from __future__ import annotations

from testsmith.forge.commits import CannotOpenPulls, FollowUp
from testsmith.forge.github.errors import Rejected, shown
from testsmith.forge.github.remote import Remote, understood
from testsmith.forge.github.told import entries, taken

_NOT_PERMITTED = "not permitted to create"


def read_follow_up(remote: Remote, branch: str, onto: str) -> FollowUp | None:
    """See `CommittingForge.follow_up`."""
    owner = remote.repository.partition("/")[0]
    query: dict[str, str | int] = {"state": "open", "head": f"{owner}:{branch}", "base": onto, "per_page": 2}
    with understood(what := "look for the follow-up pull request"):
        for told in entries(remote.get(what, "/pulls", query)):
            if taken(told, "head.ref", str) == branch:
                return FollowUp(number=taken(told, "number", int), url=taken(told, "html_url", str))
    return None


def open_follow_up(  # noqa: PLR0913 - what a pull request is made of
    remote: Remote, branch: str, onto: str, *, title: str, body: str, name: str = "follow-up pull request"
) -> FollowUp:
    """See `CommittingForge.open_follow_up`; `name` is what it is called where it cannot be opened."""
    told = {"head": branch, "base": onto, "title": title, "body": body}

    def send() -> FollowUp:
        try:
            made = remote.rest("POST", "/pulls", told)
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


def update_follow_up(remote: Remote, number: int, body: str) -> None:
    """See `CommittingForge.update_follow_up`."""

    def send() -> int:
        return taken(remote.rest("PATCH", f"/pulls/{number}", {"body": body}), "number", int)

    remote.write("update the follow-up pull request", send, lambda: None)
