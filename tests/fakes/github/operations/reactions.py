"""Operations on reactions."""

from __future__ import annotations

from fakes.github.operations.room import Room
from fakes.github.state import Reaction, Talk
from fakes.github.wire import Answer, Asked, Refused, not_found


class Reactions(Room):
    """Reactions to comments and to pull requests."""

    def reactions__list_for_issue_comment(self, asked: Asked) -> Answer:
        content = asked.query.get("content")
        found = [one for one in self._comment(asked).reactions if content in (None, one.content)]
        return Answer(body=[self.views.reaction(one) for one in found])

    def reactions__create_for_issue_comment(self, asked: Asked) -> Answer:
        return self._react(asked, self._comment(asked).reactions)

    def reactions__create_for_pull_request_review_comment(self, asked: Asked) -> Answer:
        return self._react(asked, self._review_comment(asked).reactions)

    def reactions__create_for_issue(self, asked: Asked) -> Answer:
        return self._react(asked, self.pull(asked).reactions)

    def reactions__delete_for_issue_comment(self, asked: Asked) -> Answer:
        comment, number = self._comment(asked), asked.number("reaction_id")
        found = [one for one in comment.reactions if one.id == number]
        if not found:
            raise not_found()
        if found[0].user.login != asked.login:
            raise Refused(403, "Forbidden")
        comment.reactions.remove(found[0])
        return Answer(status=204)

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

    def _comment(self, asked: Asked) -> Talk:
        for pull in self.repository(asked).pulls.values():
            if asked.number("comment_id") in pull.comments:
                return pull.comments[asked.number("comment_id")]
        raise not_found()

    def _review_comment(self, asked: Asked) -> Talk:
        for pull in self.repository(asked).pulls.values():
            if asked.number("comment_id") in pull.review_comments:
                return pull.review_comments[asked.number("comment_id")]
        raise not_found()
