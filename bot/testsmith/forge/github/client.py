"""The GitHub implementation of the forge protocols."""

from __future__ import annotations

from testsmith.forge.comment_markers import answer_to
from testsmith.forge.github.branches import BranchWriter
from testsmith.forge.github.connection import Accepted
from testsmith.forge.github.reviews import NewReview, delete_pending
from testsmith.forge.interface import (
    Applied,
    CommentRef,
    CreateReview,
    CreateSummary,
    DeletePendingReview,
    Forbidden,
    HideComment,
    NotFound,
    Operation,
    Reaction,
    UpdateSummary,
)
from testsmith.forge.plan import is_same_summary
from testsmith.forge.reconcile import own_answers, own_summaries


class GitHub(BranchWriter):
    """A repository on GitHub: an `AnsweringForge` and a `CommittingForge`."""

    def close(self) -> None:
        """Close the connection. The client cannot be used afterwards."""
        self._connection.close()

    def react(self, said: CommentRef, reaction: Reaction) -> None:
        """React to a comment. Safe to repeat."""
        kind = "pulls" if said.is_on_diff else "issues"
        path = f"/{kind}/comments/{said.comment}/reactions"
        data = {"content": reaction.value}
        self._connection.write(
            "react to a comment", lambda: self._connection.rest(Accepted, "POST", path, data)
        )

    def answer(self, number: int, said: CommentRef, body: str) -> None:
        """Answer a comment exactly once, in its thread or in the conversation."""
        path = f"/issues/{number}/comments"
        if said.is_on_diff:
            path = f"/pulls/{number}/comments/{said.thread or said.comment}/replies"

        def look_up() -> Accepted | None:
            return Accepted() if (answer_to(body) or 0) in own_answers(self.existing(number)) else None

        self._connection.write(
            f"answer a comment on pull request {number}",
            lambda: self._connection.rest(Accepted, "POST", path, {"body": body}),
            look_up,
        )

    def apply(self, number: int, operation: Operation) -> Applied:
        """Apply one operation to a pull request exactly once.

        Raises:
            HeadMoved: The commit to review is no longer the head.
        """
        match operation:
            case CreateReview():
                applied = NewReview(self, self._connection, number, operation).create()
            case DeletePendingReview(review=review):
                applied = Applied(was_there=delete_pending(self._connection, number, review))
            case CreateSummary(body=body):
                applied = self._create_summary(number, body)
            case UpdateSummary(comment=comment, body=body):
                applied = self._update_summary(comment, body)
            case HideComment(reason=None):
                node = operation.node_id
                applied = self._mutate("show a comment again", "unminimizeComment", subjectId=node)
            case HideComment():
                data = {"subjectId": operation.node_id, "classifier": str(operation.reason)}
                applied = self._mutate("hide a comment", "minimizeComment", **data)
            case _:
                what = "resolve a thread" if operation.is_resolved else "reopen a thread"
                name = "resolveReviewThread" if operation.is_resolved else "unresolveReviewThread"
                applied = self._mutate(what, name, threadId=operation.thread)
        return applied

    def _create_summary(self, number: int, body: str) -> Applied:
        path = f"/issues/{number}/comments"

        def look_up() -> Accepted | None:
            summaries = own_summaries(self.existing(number))
            if not summaries:
                return None
            if not is_same_summary(summaries[0].body, body):
                self._update_summary(summaries[0].id, body)
            return Accepted()

        _, was_there = self._connection.write(
            f"comment on pull request {number}",
            lambda: self._connection.rest(Accepted, "POST", path, {"body": body}),
            look_up,
        )
        return Applied(was_there=was_there)

    def _update_summary(self, comment: int, body: str) -> Applied:
        path = f"/issues/comments/{comment}"
        what = "update the summary comment"
        self._connection.write(what, lambda: self._connection.rest(Accepted, "PATCH", path, {"body": body}))
        return Applied()

    def _mutate(self, what: str, name: str, **data: str) -> Applied:
        """Send a GraphQL mutation that is safe to repeat. What is gone, or may not be resolved, is a note."""
        permission = "contents: write" if "threadId" in data else "pull-requests: write"

        def send() -> Accepted:
            return self._connection.mutate(
                Accepted, name, data, fields="clientMutationId", permission=permission
            )

        try:
            self._connection.write(what, send)
        except (Forbidden, NotFound) as refused:
            if isinstance(refused, Forbidden) and "threadId" not in data:
                raise
            return Applied(note=str(refused))
        return Applied()
