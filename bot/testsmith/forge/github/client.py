"""The GitHub implementation of the forge protocols."""

from __future__ import annotations

from testsmith.forge.comment_markers import answer_to
from testsmith.forge.github.branches import BranchWriter
from testsmith.forge.github.connection import (
    WRITE_CONTENTS,
    WRITE_PULLS,
    Accepted,
)
from testsmith.forge.github.queries import MINIMISE, RESOLVE, RESTORE, UNRESOLVE
from testsmith.forge.github.reviews import NewReview, delete_pending
from testsmith.forge.interface import (
    Applied,
    CommentRef,
    CreateReview,
    CreateSummary,
    DeletePendingReview,
    Forbidden,
    Minimise,
    NotFound,
    Operation,
    Reaction,
    ResolveThread,
    Restore,
    UnresolveThread,
    UpdateSummary,
)
from testsmith.forge.plan import is_same_summary
from testsmith.forge.reconcile import own_answers, own_summaries


class GitHub(BranchWriter):
    """A repository on GitHub: an `AnsweringForge` and a `CommittingForge`."""

    def close(self) -> None:
        """Close the connection. The client cannot be used afterwards."""
        self._hub.close()

    def react(self, said: CommentRef, reaction: Reaction) -> None:
        """React to a comment. Safe to repeat."""
        kind = "pulls" if said.is_on_diff else "issues"
        path = f"/{kind}/comments/{said.comment}/reactions"
        data = {"content": reaction.value}
        self._hub.write("react to a comment", lambda: self._hub.rest(Accepted, "POST", path, data))

    def answer(self, number: int, said: CommentRef, body: str) -> None:
        """Answer a comment exactly once, in its thread or in the conversation."""
        path = f"/issues/{number}/comments"
        if said.is_on_diff:
            path = f"/pulls/{number}/comments/{said.thread or said.comment}/replies"

        def look_up() -> Accepted | None:
            return Accepted() if (answer_to(body) or 0) in own_answers(self.existing(number)) else None

        self._hub.write(
            f"answer a comment on pull request {number}",
            lambda: self._hub.rest(Accepted, "POST", path, {"body": body}),
            look_up,
        )

    def apply(self, number: int, operation: Operation) -> Applied:
        """Apply one operation to a pull request exactly once.

        Raises:
            HeadMoved: A review was to be created for a commit that is no longer the head.
        """
        match operation:
            case CreateReview():
                return NewReview(self, self._hub, number, operation).create()
            case DeletePendingReview(review=review):
                return Applied(was_there=delete_pending(self._hub, number, review))
            case CreateSummary():
                return self._create_summary(number, operation.body)
            case UpdateSummary():
                self._update_summary(operation.comment, operation.body)
                return Applied()
            case Minimise() | Restore():
                return self._hide_or_show(operation)
            case ResolveThread() | UnresolveThread():
                return self._resolve(operation)

    def _create_summary(self, number: int, body: str) -> Applied:
        path = f"/issues/{number}/comments"

        def look_up() -> Accepted | None:
            summaries = own_summaries(self.existing(number))
            if not summaries:
                return None
            if not is_same_summary(summaries[0].body, body):
                self._update_summary(summaries[0].id, body)
            return Accepted()

        done = self._hub.write(
            f"comment on pull request {number}",
            lambda: self._hub.rest(Accepted, "POST", path, {"body": body}),
            look_up,
        )
        return Applied(was_there=done.was_there)

    def _update_summary(self, comment: int, body: str) -> None:
        path = f"/issues/comments/{comment}"
        what = "update the summary comment"
        self._hub.write(what, lambda: self._hub.rest(Accepted, "PATCH", path, {"body": body}))

    def _mutate(self, what: str, document: str, data: dict[str, str], permission: str) -> None:
        """Send a GraphQL mutation that is safe to repeat."""
        self._hub.write(
            what,
            lambda: self._hub.graphql(Accepted, document, {"input": data}),
            permission=permission,
        )

    def _hide_or_show(self, operation: Minimise | Restore) -> Applied:
        data = {"subjectId": operation.node_id}
        try:
            if isinstance(operation, Minimise):
                data["classifier"] = operation.classifier.value
                self._mutate("hide a comment", MINIMISE, data, WRITE_PULLS)
            else:
                self._mutate("show a comment again", RESTORE, data, WRITE_PULLS)
        except NotFound:
            return Applied(note="A comment of ours is gone: somebody has deleted it.")
        return Applied()

    def _resolve(self, operation: ResolveThread | UnresolveThread) -> Applied:
        data = {"threadId": operation.thread}
        try:
            if isinstance(operation, ResolveThread):
                self._mutate("resolve a thread", RESOLVE, data, WRITE_CONTENTS)
            else:
                self._mutate("open a thread again", UNRESOLVE, data, WRITE_CONTENTS)
        except (Forbidden, NotFound) as refused:
            return Applied(note=str(refused))
        return Applied()
