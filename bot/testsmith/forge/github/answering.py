"""Who may command, and how a comment is answered."""

from __future__ import annotations

from urllib.parse import quote

from testsmith.forge.answering import Reaction, Said
from testsmith.forge.forge import NotFound
from testsmith.forge.github.remote import Remote, understood
from testsmith.forge.github.talk import read_existing
from testsmith.forge.github.told import maybe, taken
from testsmith.forge.marks import answer_to
from testsmith.forge.settling import own_answers
from testsmith.settings import Role

_READ_METADATA = "metadata: read"
_MAY_WRITE = frozenset({"admin", "write"})


def read_role(remote: Remote, login: str) -> Role:
    """See `AnsweringForge.role`; an account that is gone, or of no person, has none."""
    what = f"look up what {login} may do"
    path = f"/collaborators/{quote(login, safe='')}/permission"
    try:
        with understood(what):
            told = remote.get(what, path, permission=_READ_METADATA)
            permission, name = taken(told, "permission", str), maybe(told, "role_name", str)
    except NotFound:
        return Role.NONE
    if permission in _MAY_WRITE:
        return Role.WRITE
    if permission != "read":
        return Role.NONE
    return Role.TRIAGE if name == "triage" else Role.READ


def react(remote: Remote, said: Said, reaction: Reaction) -> None:
    """See `AnsweringForge.react`."""
    room = "pulls" if said.is_on_diff else "issues"
    path = f"/{room}/comments/{said.comment}/reactions"

    def send() -> int:
        return taken(remote.rest("POST", path, {"content": reaction.value}), "id", int)

    remote.write("react to a comment", send, lambda: None)


def answer(remote: Remote, number: int, said: Said, body: str) -> None:
    """See `AnsweringForge.answer`; one that is there already, since its answer was lost, is enough."""
    path = f"/issues/{number}/comments"
    if said.is_on_diff:
        path = f"/pulls/{number}/comments/{said.thread or said.comment}/replies"

    def send() -> int:
        return taken(remote.rest("POST", path, {"body": body}), "id", int)

    def there() -> int | None:
        answers = own_answers(read_existing(remote, number))
        return answers.get(answer_to(body) or 0)

    remote.write(f"answer a comment on pull request {number}", send, there)
