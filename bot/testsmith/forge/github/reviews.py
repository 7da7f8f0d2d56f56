"""Create a run's review in one request, without the comments that GitHub rejects.

GitHub accepts a review as a whole or not at all, and does not say which comment it rejects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from testsmith.forge.comment_markers import is_same_login, run_of
from testsmith.forge.comment_positions import is_shown, shown_files
from testsmith.forge.github.connection import Accepted, Connection
from testsmith.forge.interface import (
    Applied,
    CreateReview,
    DiffTooLarge,
    Existing,
    Forge,
    HeadMoved,
    NewComment,
    NotFound,
    Refused,
)
from testsmith.forge.reconcile import own_reviews, own_suggestions

PROBES = 16
"""Maximum number of pending reviews, visible only to the bot, created to find the rejected comments."""


@dataclass(frozen=True, slots=True)
class _Created:
    id: int


class NewReview:
    """A review that is to be created once, on one pull request."""

    def __init__(self, forge: Forge, connection: Connection, number: int, review: CreateReview) -> None:
        self._forge = forge
        self._connection = connection
        self._number = number
        self._review = review
        self._path = f"/pulls/{number}/reviews"
        self._what = f"review pull request {number}"

    def create(self) -> Applied:
        """Create the review, leaving out comments that GitHub rejects.

        Raises:
            HeadMoved: The review's commit is no longer the head.
            Refused: The account has a pending review that the bot did not create.
        """
        for _ in range(2):
            try:
                return self._submit(self._review.comments)
            except Refused as refused:
                if not self._remove_pending(refused):
                    return self._submit_taken(refused)
        return self._submit(self._review.comments)

    def _submit(self, comments: Sequence[NewComment]) -> Applied:
        def send() -> tuple[str, ...]:
            found = self._forge.head(self._number)
            if found != self._review.head:
                raise HeadMoved(found)
            self._send(comments, event="COMMENT")
            return ()

        refused, was_there = self._connection.write(self._what, send, lambda: self._missing(comments))
        kept = {comment.content for comment in comments}
        left_out = (one.content for one in self._review.comments if one.content not in kept)
        return Applied(was_there=was_there, refused=(*left_out, *refused))

    def _send(self, comments: Sequence[NewComment], **event: str) -> int:
        """Send the review. Without an event, it is pending and only the bot sees it."""
        data = [_body_of(comment) for comment in comments]
        body = {"commit_id": self._review.head, "body": self._review.body, "comments": data, **event}
        return self._connection.rest(_Created, "POST", self._path, body).id

    def _missing(self, comments: Sequence[NewComment]) -> tuple[str, ...] | None:
        """Return the contents missing from the bot's review; None if there is no such review."""
        existing = self._forge.existing(self._number)
        runs = {run_of(review.body) for review in own_reviews(existing) if not review.is_pending}
        if self._review.run not in runs:
            return None
        posted = {one.mark.content for one in own_suggestions(existing)}
        return tuple(one.content for one in comments if one.content not in posted)

    def _remove_pending(self, refused: Refused) -> bool:
        """Delete the bot's leftover pending review, which blocks others; return whether there was one."""
        existing = self._forge.existing(self._number)
        ours = [review.id for review in own_reviews(existing) if review.is_pending]
        if not ours and _has_pending(existing):
            raise Refused(f"{refused} This account has a pending review: submit or delete it.") from refused
        for review in ours:
            delete_pending(self._connection, self._number, review)
        return bool(ours)

    def _submit_taken(self, refused: Refused) -> Applied:
        """Create the review with the comments that GitHub accepts."""
        kept: Sequence[NewComment] = self._review.comments
        for narrowed in (self._shown, self._probed):
            before, kept = len(kept), narrowed(kept)
            if 0 < len(kept) < before:
                try:
                    return self._submit(kept)
                except Refused as again:
                    refused = again
        contents = tuple(comment.content for comment in self._review.comments)
        return Applied(refused=contents, note=f"No review was posted. {refused}")

    def _shown(self, comments: Sequence[NewComment]) -> Sequence[NewComment]:
        """Return the comments whose position GitHub's own diff shows."""
        try:
            files = shown_files(self._forge.file_patches(self._number))
        except DiffTooLarge:
            return comments
        return [comment for comment in comments if is_shown(files, comment.anchor)]

    def _probed(self, comments: Sequence[NewComment]) -> Sequence[NewComment]:
        """Return the comments that GitHub accepts, found by bisection.

        When the limit on probes is reached, comments not known to be accepted count as rejected.
        """
        waiting, good, probes = _halves(comments), set[str](), 0
        while waiting and probes < PROBES:
            part, probes = waiting.pop(0), probes + 1
            if self._is_taken(part):
                good |= {comment.content for comment in part}
            else:
                waiting += _halves(part)
        return [comment for comment in comments if comment.content in good]

    def _is_taken(self, comments: Sequence[NewComment]) -> bool:
        """Return whether GitHub accepts some comments, using a pending review that is deleted at once."""
        try:
            pending, _ = self._connection.write(self._what, lambda: self._send(comments), self._pending)
        except Refused:
            return False
        delete_pending(self._connection, self._number, pending)
        return True

    def _pending(self) -> int | None:
        reviews = own_reviews(self._forge.existing(self._number))
        return next((review.id for review in reviews if review.is_pending), None)


def delete_pending(connection: Connection, number: int, review: int) -> bool:
    """Delete a pending review; return whether it was already gone."""
    what, path = f"delete a pending review of pull request {number}", f"/pulls/{number}/reviews/{review}"
    try:
        connection.write(what, lambda: connection.rest(Accepted, "DELETE", path))
    except NotFound:
        return True
    return False


def _body_of(comment: NewComment) -> dict[str, Any]:
    anchor = comment.anchor
    start = {} if anchor.start_line is None else {"start_line": anchor.start_line, "start_side": "RIGHT"}
    return {"path": anchor.path, "line": anchor.line, "side": "RIGHT", "body": comment.body, **start}


def _halves(comments: Sequence[NewComment]) -> list[Sequence[NewComment]]:
    middle = len(comments) // 2
    return [comments[:middle], comments[middle:]] if middle else []


def _has_pending(existing: Existing) -> bool:
    login = existing.viewer.login
    return any(one.is_pending and is_same_login(one.author, login) for one in existing.reviews)
