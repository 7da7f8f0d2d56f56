"""Operations on reviews: all or nothing, and one pending review per person."""

from __future__ import annotations

from typing import Any

from fakes.github.anchors import Anchored, BadAnchor, Wanted, anchored
from fakes.github.operations.room import Room
from fakes.github.state import ACTIONS_BOT, Pull, Repository, Review, ReviewComment, User
from fakes.github.wire import Answer, Asked, Refused, not_found, unprocessable

_STATES = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
_ONE_PENDING = "User can only have one pending review per pull request"


class Reviews(Room):
    """Reviews."""

    def pulls__list_reviews(self, asked: Asked) -> Answer:
        repository, pull = self.repository(asked), self.pull(asked)
        seen = [review for review in pull.reviews.values() if pull.visible(review.id, asked.login)]
        return Answer(body=[self.views.review(repository, pull, review) for review in seen])

    def pulls__create_review(self, asked: Asked) -> Answer:
        repository, pull = self.repository(asked), self.pull(asked)
        self._check_event(asked, pull)
        commit = self.pull_head(asked, pull)
        told = asked.told("comments") or []
        places = [self._anchored(asked, pull, commit, one) for one in told]
        kept = self.world.limits.review_comments
        review = self._store(asked, pull, commit)
        for one, place in list(zip(told, places, strict=True))[:kept]:
            store_comment(
                self, pull, review, place=place, body=one["body"], base=self._base(repository, pull)
            )
        if len(told) > kept:
            raise Refused(502, "Server Error")
        return Answer(body=self.views.review(repository, pull, review))

    def _base(self, repository: Repository, pull: Pull) -> str:
        return self.world.merge_base(repository, pull)

    def _check_event(self, asked: Asked, pull: Pull) -> None:
        event, body, comments = asked.told("event"), asked.told("body") or "", asked.told("comments") or []
        if body:
            self.checked(body, "PullRequestReview")
        for comment in comments:
            self.checked(comment["body"], "PullRequestReviewComment")
        if pending_of(pull, asked.login):
            raise unprocessable(_ONE_PENDING)
        if event in ("COMMENT", "REQUEST_CHANGES") and not body and not comments:
            raise unprocessable("Review body is too short (minimum is 1 character)")
        _check_own(event, pull, asked.login)

    def _anchored(self, asked: Asked, pull: Pull, commit: str, told: dict[str, Any]) -> Anchored:
        try:
            return anchored(self.files_at(asked, pull, commit), Wanted.read(told))
        except BadAnchor as bad:
            raise unprocessable(bad.short) from bad

    def _store(self, asked: Asked, pull: Pull, commit: str) -> Review:
        event = asked.told("event")
        review = Review(
            id=self.world.next_id(),
            user=self.me(asked),
            body=asked.told("body") or "",
            created=self.now,
            updated=self.now,
            state=_STATES.get(event, "PENDING"),
            commit=commit,
            submitted=self.now if event else None,
        )
        pull.reviews[review.id] = review
        pull.updated = self.now
        return review

    def _review(self, asked: Asked) -> Review:
        pull, number = self.pull(asked), asked.number("review_id")
        if number not in pull.reviews or not pull.visible(number, asked.login):
            raise not_found()
        return pull.reviews[number]

    def pulls__delete_pending_review(self, asked: Asked) -> Answer:
        repository, pull, review = self.repository(asked), self.pull(asked), self._own(asked)
        if review.state != "PENDING":
            raise unprocessable("Can not delete a non-pending pull request review")
        shown = self.views.review(repository, pull, review)
        del pull.reviews[review.id]
        for comment in [one for one in pull.review_comments.values() if one.review == review.id]:
            del pull.review_comments[comment.id]
        return Answer(body=shown)

    def _own(self, asked: Asked) -> Review:
        review = self._review(asked)
        if review.user.login != asked.login:
            raise Refused(403, "Forbidden")
        return review


def pending_of(pull: Pull, login: str) -> Review | None:
    """Return somebody's pending review of a pull request."""
    for review in pull.reviews.values():
        if review.state == "PENDING" and review.user.login == login:
            return review
    return None


def store_comment(  # noqa: PLR0913 - what a comment is made of
    room: Room,
    pull: Pull,
    review: Review,
    *,
    place: Anchored,
    body: str,
    base: str,
) -> ReviewComment:
    """Store a comment at its place."""
    comment = ReviewComment(
        id=room.world.next_id(),
        user=review.user,
        body=body,
        created=room.now,
        updated=room.now,
        review=review.id,
        path=place.wanted.path,
        side=place.side,
        original_line=place.line,
        original_start_line=place.wanted.start_line,
        start_side=place.wanted.start_side,
        original_position=place.position,
        original_commit=review.commit,
        base=base,
        diff_hunk=place.diff_hunk,
    )
    pull.review_comments[comment.id] = comment
    pull.updated = room.now
    return comment


def new_review(room: Room, pull: Pull, user: User, commit: str) -> Review:
    """Store the review that GitHub makes around a single comment."""
    review = Review(
        id=room.world.next_id(),
        user=user,
        body="",
        created=room.now,
        updated=room.now,
        state="COMMENTED",
        commit=commit,
        submitted=room.now,
    )
    pull.reviews[review.id] = review
    return review


def _check_own(event: str | None, pull: Pull, login: str) -> None:
    if event == "APPROVE" and login == ACTIONS_BOT:
        raise unprocessable("GitHub Actions is not permitted to approve pull requests.")
    if event in ("APPROVE", "REQUEST_CHANGES") and login == pull.user.login:
        word = "approve" if event == "APPROVE" else "request changes on"
        raise unprocessable(f"Can not {word} your own pull request")
