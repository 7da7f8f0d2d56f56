"""Operations on a pull request as the issue that it is too: its comments, labels and events."""

from __future__ import annotations

from datetime import datetime

from fakes.github.operations.room import Room
from fakes.github.state import IssueComment, Pull
from fakes.github.wire import Answer, Asked, Refused, not_found


class Issues(Room):
    """Issue comments, labels, events."""

    def issues__get(self, asked: Asked) -> Answer:
        repository, number = self.repository(asked), asked.number("issue_number")
        if number in repository.issues:
            return Answer(body=self.views.plain_issue(repository, number))
        return Answer(body=self.views.issue(repository, self.pull(asked)))

    def issues__list_comments(self, asked: Asked) -> Answer:
        repository, pull = self.repository(asked), self.pull(asked)
        found = list(pull.comments.values())
        if "since" in asked.query:
            since = datetime.fromisoformat(asked.query["since"]).timestamp()
            found = [comment for comment in found if comment.updated >= since]
        return Answer(body=[self.views.issue_comment(repository, pull, one) for one in found])

    def issues__create_comment(self, asked: Asked) -> Answer:
        repository, pull = self.repository(asked), self.pull(asked)
        if pull.is_locked:
            raise Refused(403, "Unable to create comment because issue is locked.")
        body = self.checked(asked.told("body"), "IssueComment")
        comment = self.world.comment(pull, self.me(asked), body)
        return Answer(status=201, body=self.views.issue_comment(repository, pull, comment))

    def issues__update_comment(self, asked: Asked) -> Answer:
        pull, comment = self._found(asked)
        self._require_right(asked, comment)
        comment.edit(self.checked(asked.told("body"), "IssueComment"), self.me(asked), self.now)
        return Answer(body=self.views.issue_comment(self.repository(asked), pull, comment))

    def _require_right(self, asked: Asked, comment: IssueComment) -> None:
        role = self.repository(asked).role_of(asked.login)
        is_app = asked.token is not None and asked.token.is_installation
        if comment.user.login != asked.login and not is_app and role not in ("admin", "maintain", "write"):
            raise Refused(403, "Must have admin rights to Repository.")

    def _found(self, asked: Asked) -> tuple[Pull, IssueComment]:
        number = asked.number("comment_id")
        for pull in self.repository(asked).pulls.values():
            if number in pull.comments:
                return pull, pull.comments[number]
        raise not_found()

    def issues__list_labels_on_issue(self, asked: Asked) -> Answer:
        repository, pull = self.repository(asked), self.pull(asked)
        return Answer(body=[self.views.label(repository, name) for name in pull.labels])
