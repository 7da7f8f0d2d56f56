"""What a token may do: GitHub's names of permissions, by operation."""

from __future__ import annotations

from dataclasses import dataclass

from fakes.github.state import Repository, Token
from fakes.github.wire import Refused, not_found

_TALK = ("issues", "pull_requests")
_BY_OPERATION: dict[str, tuple[str, ...]] = {
    "actions/list-workflow-runs-for-repo": ("actions",),
    "repos/create-commit-status": ("statuses",),
    "repos/get": (),
    "repos/get-branch-protection": ("administration",),
    "repos/get-collaborator-permission-level": (),
    "repos/list-pull-requests-associated-with-commit": ("contents", "pull_requests"),
    "reactions/create-for-pull-request-review-comment": ("pull_requests",),
}
_BY_ROOM: dict[str, tuple[str, ...]] = {
    "checks": ("checks",),
    "git": ("contents",),
    "issues": _TALK,
    "pulls": ("pull_requests",),
    "reactions": _TALK,
    "repos": ("contents",),
}
_ROLES = {
    "contents": ("admin", "maintain", "write"),
    "checks": ("admin", "maintain", "write"),
    "statuses": ("admin", "maintain", "write"),
    "administration": ("admin",),
}
_ALWAYS_ASKED = ("administration",)
"""What is no public reading even in a public repository."""


@dataclass(frozen=True, slots=True)
class Need:
    """What an operation asks of a token: one of these permissions, at this level (`read` or `write`)."""

    names: tuple[str, ...]
    level: str

    @property
    def header(self) -> str:
        return "; ".join(f"{name}={self.level}" for name in self.names)


def need(operation: str, method: str) -> Need:
    """Return what an operation on a repository needs."""
    names = _BY_OPERATION.get(operation, _BY_ROOM.get(operation.partition("/")[0], ()))
    return Need(names, "read" if method == "GET" else "write")


def require(token: Token | None, repository: Repository, needed: Need) -> None:
    """Let pass who may do something.

    Raises:
        Refused: The token may not; GitHub hides a private repository from those who may not see it.
    """
    if not _sees(token, repository):
        raise not_found()
    if not needed.names or (needed.level == "read" and _reads_freely(repository, needed)):
        return
    if token is None:
        raise Refused(401, "Requires authentication")
    if not may(token, repository, needed):
        if not token.is_installation:
            raise not_found()
        headers = {"X-Accepted-GitHub-Permissions": needed.header}
        raise Refused(403, "Resource not accessible by integration", headers=headers)


def may(token: Token, repository: Repository, needed: Need) -> bool:
    """Tell whether a token has a permission in a repository."""
    if token.permissions is None:
        role = repository.role_of(token.login)
        return all(role in _ROLES.get(name, (role,)) for name in needed.names)
    if token.repository != repository.full_name:
        return False
    levels = {"read": ("read", "write"), "write": ("write",)}[needed.level]
    return any(token.permissions.get(name) in levels for name in needed.names)


def _sees(token: Token | None, repository: Repository) -> bool:
    if not repository.is_private:
        return True
    if token is None:
        return False
    if token.is_installation:
        return token.repository == repository.full_name
    return repository.role_of(token.login) != "none"


def _reads_freely(repository: Repository, needed: Need) -> bool:
    return not repository.is_private and not set(needed.names) & set(_ALWAYS_ASKED)
