"""Operations on single review comments: on lines, on files, and replies."""

from __future__ import annotations

from fakes.github.anchors import Anchored, BadAnchor, Wanted, anchored
from fakes.github.operations.reviews import new_review
from fakes.github.operations.room import Room
from fakes.github.state import Pull, ReviewComment
from fakes.github.wire import Answer, Asked, Refused, invalid, not_found, unprocessable


class ReviewComments(Room):
    """Review comments."""

    def pulls__list_review_comments(self, asked: Asked) -> Answer:
        repository, pull = self.repository(asked), self.pull(asked)
        seen = [one for one in pull.review_comments.values() if pull.visible(one.review, asked.login)]
        key = "updated" if asked.query.get("sort") == "updated" else "created"
        descending = "sort" in asked.query and asked.query.get("direction") == "desc"
        seen.sort(key=lambda one: (getattr(one, key), one.id), reverse=descending)
        return Answer(body=[self.views.review_comment(repository, pull, one) for one in seen])

    def _anchored(self, asked: Asked, pull: Pull, commit: str) -> Anchored:
        try:
            return anchored(self.files_at(asked, pull, commit), Wanted.read(asked.body))
        except BadAnchor as bad:
            raise invalid("PullRequestReviewComment", bad.field, str(bad)) from bad

    def pulls__create_reply_for_review_comment(self, asked: Asked) -> Answer:
        body = self.checked(asked.told("body"), "PullRequestReviewComment")
        return self._reply(asked, self.pull(asked), asked.number("comment_id"), body)

    def _reply(self, asked: Asked, pull: Pull, number: int, body: str) -> Answer:
        head = pull.review_comments.get(number)
        if head is None:
            raise not_found()
        if head.reply_to is not None:
            raise unprocessable("Replies to replies are not supported")
        review = new_review(self, pull, self.me(asked), pull.head)
        reply = ReviewComment(
            id=self.world.next_id(),
            user=review.user,
            body=body,
            created=self.now,
            updated=self.now,
            review=review.id,
            path=head.path,
            side=head.side,
            original_line=head.original_line,
            original_start_line=head.original_start_line,
            start_side=head.start_side,
            original_position=head.original_position,
            original_commit=head.original_commit,
            base=head.base,
            diff_hunk=head.diff_hunk,
            reply_to=head.id,
        )
        pull.review_comments[reply.id] = reply
        return Answer(status=201, body=self.views.review_comment(self.repository(asked), pull, reply))

    def _require_right(self, asked: Asked, comment: ReviewComment) -> None:
        """An app's token may change everybody's comments; a person needs to be able to write."""
        role = self.repository(asked).role_of(asked.login)
        is_app = asked.token is not None and asked.token.is_installation
        if comment.user.login != asked.login and not is_app and role not in ("admin", "maintain", "write"):
            raise Refused(403, "Must have admin rights to Repository.")

    def _found(self, asked: Asked) -> tuple[Pull, ReviewComment]:
        number = asked.number("comment_id")
        for pull in self.repository(asked).pulls.values():
            comment = pull.review_comments.get(number)
            if comment is not None and pull.visible(comment.review, asked.login):
                return pull, comment
        raise not_found()
