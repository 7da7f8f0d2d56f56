"""The pull request of sweeps on GitHub."""

from __future__ import annotations

from collections.abc import Callable

from testsmith.forge.commits import Branch, FollowUp
from testsmith.forge.forge import ForgeFailure, HeadMoved, OutcomeUnknown
from testsmith.forge.github.commits import read_branch
from testsmith.forge.github.documents import VIEWER
from testsmith.forge.github.errors import Rejected, shown
from testsmith.forge.github.follow_ups import open_follow_up
from testsmith.forge.github.pulls import read_pull_request
from testsmith.forge.github.remote import READ_CONTENTS, WRITE_CONTENTS, Remote, understood
from testsmith.forge.github.told import entries, maybe, taken
from testsmith.forge.sweeps import MergeConflict, PullText, SweepPull

PULLS_LOOKED_AT = 100
"""How many pull requests of sweeps are read, the last first; each carries on what those before remembered."""

_NAME = "pull request of sweeps"
_NOTHING_NEW = "no new commits on the base branch"
_CONFLICT = "conflict"
_STALE = "expected head sha"


def read_login(remote: Remote) -> str:
    """See `SweepForge.login`; GraphQL tells it in the form that REST has it in."""
    with understood(what := "look up whom the token speaks for"):
        return taken(remote.ask(what, VIEWER), "viewer.login", str)


def read_default_branch(remote: Remote) -> Branch:
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


def read_sweep_pulls(remote: Remote, branch: str, onto: str) -> tuple[SweepPull, ...]:
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
        told = entries(remote.get(what, "/pulls", query))
        return tuple(
            SweepPull(
                number=taken(one, "number", int),
                url=taken(one, "html_url", str),
                head=taken(one, "head.sha", str),
                body=maybe(one, "body", str) or "",
                is_open=taken(one, "state", str) == "open",
                is_merged=maybe(one, "merged_at", str) is not None,
            )
            for one in told
            if taken(one, "head.ref", str) == branch
        )


def open_sweep_pull(remote: Remote, branch: str, onto: str, text: PullText) -> FollowUp:
    """See `SweepForge.open_sweep_pull`."""
    return open_follow_up(remote, branch, onto, title=text.title, body=text.body, name=_NAME)


def update_pull(remote: Remote, number: int, text: PullText) -> None:
    """See `SweepForge.update_pull`."""
    told = {"title": text.title, "body": text.body}

    def send() -> int:
        return taken(remote.rest("PATCH", f"/pulls/{number}", told), "number", int)

    remote.write(f"update pull request {number}", send, lambda: None)


def bring_up_to_date(remote: Remote, number: int, head: str, looks: int) -> None:
    """See `SweepForge.bring_up_to_date`; GitHub does it after it has answered."""

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


def _asking(remote: Remote, number: int, head: str) -> Callable[[], bool]:
    """Return what asks for the merge, and returns whether there was anything to merge."""

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
