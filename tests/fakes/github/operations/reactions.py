"""Operations on reactions."""

from __future__ import annotations

from fakes.github.operations.room import Room
from fakes.github.state import Comment, Reaction
from fakes.github.wire import Answer, Asked, not_found


class Reactions(Room):
    """Reactions to comments and to pull requests."""

    def reactions__create_for_issue_comment(self, asked: Asked) -> Answer:
        return self._react(asked, self._comment(asked).reactions)

    def reactions__create_for_pull_request_review_comment(self, asked: Asked) -> Answer:
        return self._react(asked, self._review_comment(asked).reactions)

    def _react(self, asked: Asked, reactions: list[Reaction]) -> Answer:
        """The same reaction of the same person a second time is the first one, answered by 200."""
        for one in reactions:
            if one.user.login == asked.login and one.content == asked.told("content"):
                return Answer(body=self.views.reaction(one))
        reaction = Reaction(
            id=self.world.next_id(), user=self.me(asked), content=asked.told("content"), at=self.now
        )
        reactions.append(reaction)
        return Answer(status=201, body=self.views.reaction(reaction))

    def _comment(self, asked: Asked) -> Comment:
        for pull in self.repository(asked).pulls.values():
            if asked.number("comment_id") in pull.comments:
                return pull.comments[asked.number("comment_id")]
        raise not_found()

    def _review_comment(self, asked: Asked) -> Comment:
        for pull in self.repository(asked).pulls.values():
            if asked.number("comment_id") in pull.review_comments:
                return pull.review_comments[asked.number("comment_id")]
        raise not_found()
