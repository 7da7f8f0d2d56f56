"""The GitHub implementation of the forge protocols."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import quote

from testsmith.forge.comment_markers import answer_to
from testsmith.forge.commits import Ahead, Branch, MadeCommit, NewCommit, OwnPull, PullText
from testsmith.forge.github.commits import Branches, read_ahead, read_branch, read_contents
from testsmith.forge.github.conversation import read_existing
from testsmith.forge.github.own_pull_requests import (
    open_pull,
    read_default_branch,
    read_login,
    read_own_pulls,
    update_pull,
)
from testsmith.forge.github.payload import maybe, taken
from testsmith.forge.github.pull_requests import read_commit, read_file_patches, read_pull_request
from testsmith.forge.github.queries import MINIMISE, RESOLVE, RESTORE, UNRESOLVE
from testsmith.forge.github.repository_client import (
    WRITE_CONTENTS,
    WRITE_PULLS,
    Calls,
    RepositoryClient,
    understood,
)
from testsmith.forge.github.reviews import Reviewing, delete_pending
from testsmith.forge.github.transport import Wire
from testsmith.forge.interface import (
    Applied,
    CommentRef,
    Commit,
    CreateReview,
    CreateSummary,
    DeletePendingReview,
    Existing,
    FilePatch,
    Forbidden,
    Minimise,
    NotFound,
    Operation,
    PullRequest,
    Reaction,
    ResolveThread,
    Restore,
    UnresolveThread,
    UpdateSummary,
)
from testsmith.forge.plan import is_same_summary
from testsmith.forge.reconcile import own_answers, own_summaries
from testsmith.settings import Role, Secret

_READ_METADATA = "metadata: read"
_MAY_WRITE = frozenset({"admin", "write"})

HEAD_LOOKS = 10
"""Maximum number of checks, one second apart, whether a pull request's head has followed its branch."""


class GitHub:
    """A repository on GitHub; see `Forge`, `CommittingForge`, `AnsweringForge`. Created by `build_forge`."""

    def __init__(self, remote: RepositoryClient) -> None:
        self._remote = remote

    def close(self) -> None:
        """Close the connection. The client cannot be used afterwards."""
        self._remote.close()

    def pull_request(self, number: int) -> PullRequest:
        """See `Forge.pull_request`."""
        return read_pull_request(self._remote, number)

    def head(self, number: int) -> str:
        """See `Forge.head`."""
        return read_pull_request(self._remote, number).head_sha

    def file_patches(self, number: int) -> tuple[FilePatch, ...]:
        """See `Forge.file_patches`."""
        return read_file_patches(self._remote, number)

    def commit(self, sha: str) -> Commit:
        """See `Forge.commit`."""
        return read_commit(self._remote, sha)

    def existing(self, number: int) -> Existing:
        """See `Forge.existing`."""
        return read_existing(self._remote, number)

    def branch(self, name: str) -> Branch | None:
        """See `CommittingForge.branch`."""
        return read_branch(self._remote, name)

    def commit_files(self, order: NewCommit) -> MadeCommit:
        """See `CommittingForge.commit_files`."""
        return Branches(self._remote).commit(order)

    def await_head(self, number: int, sha: str) -> None:
        """See `CommittingForge.await_head`."""
        for _ in range(HEAD_LOOKS):
            if self.head(number) == sha:
                return
            self._remote.pause()

    def create_branch(self, name: str, sha: str) -> None:
        """See `CommittingForge.create_branch`."""
        Branches(self._remote).create(name, sha)

    def remove_branch(self, name: str, sha: str) -> None:
        """See `CommittingForge.remove_branch`."""
        Branches(self._remote).remove(name, sha)

    def ahead(self, base: str, head: str) -> Ahead:
        """See `CommittingForge.ahead`."""
        return read_ahead(self._remote, base, head)

    def contents(self, files: Mapping[str, str | None]) -> dict[str, bytes | None]:
        """See `CommittingForge.contents`."""
        return read_contents(self._remote, files)

    def login(self) -> str:
        """See `CommittingForge.login`."""
        return read_login(self._remote)

    def default_branch(self) -> Branch:
        """See `CommittingForge.default_branch`."""
        return read_default_branch(self._remote)

    def own_pulls(self, branch: str, onto: str) -> tuple[OwnPull, ...]:
        """See `CommittingForge.own_pulls`."""
        return read_own_pulls(self._remote, branch, onto)

    def open_pull(self, branch: str, onto: str, text: PullText) -> OwnPull:
        """See `CommittingForge.open_pull`."""
        return open_pull(self._remote, branch, onto, text)

    def update_pull(self, number: int, text: PullText) -> None:
        """See `CommittingForge.update_pull`."""
        update_pull(self._remote, number, text)

    def role(self, login: str) -> Role:
        """See `AnsweringForge.role`. Deleted accounts and non-users have no role."""
        what = f"look up what {login} may do"
        path = f"/collaborators/{quote(login, safe='')}/permission"
        try:
            with understood(what):
                data = self._remote.get(what, path, permission=_READ_METADATA)
                permission, name = taken(data, "permission", str), maybe(data, "role_name", str)
        except NotFound:
            return Role.NONE
        if permission in _MAY_WRITE:
            return Role.WRITE
        if permission != "read":
            return Role.NONE
        return Role.TRIAGE if name == "triage" else Role.READ

    def react(self, said: CommentRef, reaction: Reaction) -> None:
        """See `AnsweringForge.react`."""
        kind = "pulls" if said.is_on_diff else "issues"
        path = f"/{kind}/comments/{said.comment}/reactions"

        def send() -> int:
            return taken(self._remote.rest("POST", path, {"content": reaction.value}), "id", int)

        self._remote.write("react to a comment", send, lambda: None)

    def answer(self, number: int, said: CommentRef, body: str) -> None:
        """See `AnsweringForge.answer`. An existing answer is not repeated."""
        path = f"/issues/{number}/comments"
        if said.is_on_diff:
            path = f"/pulls/{number}/comments/{said.thread or said.comment}/replies"

        def send() -> int:
            return taken(self._remote.rest("POST", path, {"body": body}), "id", int)

        def there() -> int | None:
            return own_answers(self.existing(number)).get(answer_to(body) or 0)

        self._remote.write(f"answer a comment on pull request {number}", send, there)

    def apply(self, number: int, operation: Operation) -> Applied:
        """See `Forge.apply`."""
        match operation:
            case CreateReview():
                return Reviewing(self._remote, number, operation).create()
            case DeletePendingReview(review=review):
                was_gone = delete_pending(self._remote, number, review)
                return Applied(was_there=was_gone)
            case CreateSummary():
                return self._create_summary(number, operation)
            case UpdateSummary():
                self._update_summary(operation.comment, operation.body)
                return Applied()
            case Minimise() | Restore():
                return self._hide_or_show(operation)
            case ResolveThread() | UnresolveThread():
                return self._resolve(operation)

    def _create_summary(self, number: int, operation: CreateSummary) -> Applied:
        what, path = f"comment on pull request {number}", f"/issues/{number}/comments"

        def send() -> int:
            return taken(self._remote.rest("POST", path, {"body": operation.body}), "id", int)

        done = self._remote.write(what, send, lambda: self._summary_there(number, operation.body))
        return Applied(was_there=done.was_there)

    def _summary_there(self, number: int, body: str) -> int | None:
        """Return the id of the bot's summary with this body, or None."""
        summaries = own_summaries(read_existing(self._remote, number))
        if not summaries:
            return None
        oldest = summaries[0]
        if not is_same_summary(oldest.body, body):
            self._update_summary(oldest.id, body)
        return oldest.id

    def _update_summary(self, comment: int, body: str) -> None:
        path = f"/issues/comments/{comment}"

        def send() -> int:
            return taken(self._remote.rest("PATCH", path, {"body": body}), "id", int)

        self._remote.write("update the summary comment", send, lambda: None)

    def _hide_or_show(self, operation: Minimise | Restore) -> Applied:
        data = {"subjectId": operation.node_id}
        try:
            if isinstance(operation, Minimise):
                data["classifier"] = operation.classifier.value
                self._remote.mutate("hide a comment", MINIMISE, data, permission=WRITE_PULLS)
            else:
                self._remote.mutate("show a comment again", RESTORE, data, permission=WRITE_PULLS)
        except NotFound:
            return Applied(note="A comment of ours is gone: somebody has deleted it.")
        return Applied()

    def _resolve(self, operation: ResolveThread | UnresolveThread) -> Applied:
        data = {"threadId": operation.thread}
        try:
            if isinstance(operation, ResolveThread):
                self._remote.mutate("resolve a thread", RESOLVE, data, permission=WRITE_CONTENTS)
            else:
                self._remote.mutate("open a thread again", UNRESOLVE, data, permission=WRITE_CONTENTS)
        except (Forbidden, NotFound) as refused:
            return Applied(note=str(refused))
        return Applied()


def build_forge(  # noqa: PLR0913 - what a client is built from
    *,
    url: str,
    graphql_url: str,
    token: Secret,
    repository: str,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> GitHub:
    """Return the client for one repository, without sending a request.

    Args:
        url: Base address of the REST API, as in GITHUB_API_URL.
        graphql_url: Address of the GraphQL API, as in GITHUB_GRAPHQL_URL; on the same host.
        token: A workflow's, an app's or a personal token.
        repository: Full name of the repository, `owner/name`.
        clock: Returns seconds since 1970, like `time.time`.
        sleep: Waits for a number of seconds, like `time.sleep`.
    """
    return GitHub(
        RepositoryClient(Wire(url, graphql_url, token), Calls(clock=clock, sleep=sleep), repository)
    )
