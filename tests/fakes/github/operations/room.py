"""What all operations have in common: finding what a path names, and the size of a body."""

from __future__ import annotations

from fakes.github.diffs import ChangedFile
from fakes.github.review_views import ReviewViews
from fakes.github.state import Pull, Repository, User
from fakes.github.wire import Asked, Refused, not_found
from fakes.github.world import World


class Room:
    """Some of the operations, each a method named as its `operationId` with underscores."""

    def __init__(self, world: World, views: ReviewViews) -> None:
        self.world = world
        self.views = views

    @property
    def now(self) -> float:
        return self.world.clock.now()

    def me(self, asked: Asked) -> User:
        return self.world.user(asked.login)

    def repository(self, asked: Asked) -> Repository:
        found = self.world.find_repository(f"{asked.parameters['owner']}/{asked.parameters['repo']}")
        if found is None:
            raise not_found()
        return found

    def pull(self, asked: Asked) -> Pull:
        number = asked.parameters.get("pull_number") or asked.parameters["issue_number"]
        found = self.repository(asked).pulls.get(int(number))
        if found is None:
            raise not_found()
        return found

    def pull_head(self, asked: Asked, pull: Pull) -> str:
        """Return the commit that a comment is made on.

        Raises:
            Refused: The commit is none of the pull request's.
        """
        repository = self.repository(asked)
        wanted = asked.told("commit_id") or pull.head
        if wanted == pull.head:
            return pull.head
        if wanted not in repository.git.between(self.world.merge_base(repository, pull), pull.head):
            raise Refused(422, "Validation Failed", ["Commit is not part of the pull request"])
        return str(wanted)

    def files_at(self, asked: Asked, pull: Pull, commit: str) -> tuple[ChangedFile, ...]:
        return self.world.files(self.repository(asked), pull, commit)

    def checked(self, body: str, resource: str) -> str:
        """Return a body that is neither empty nor too long.

        Raises:
            Refused: It is.
        """
        limit = self.world.limits.body
        if not body.strip():
            error = {"resource": resource, "code": "missing_field", "field": "body"}
            raise Refused(422, "Validation Failed", [error])
        if len(body) > limit:
            message = f"Body is too long (maximum is {limit} characters)"
            error = {"resource": resource, "code": "custom", "field": "body", "message": message}
            raise Refused(422, "Validation Failed", [error])
        return body
