"""Operations on accounts and limits."""

from __future__ import annotations

from fakes.github.clock import stamp
from fakes.github.limits import RateLimits
from fakes.github.operations.room import Room
from fakes.github.review_views import ReviewViews
from fakes.github.state import User
from fakes.github.wire import Answer, Asked, Refused
from fakes.github.world import World

_CORE = {"limit": 60, "remaining": 60, "reset": 0, "used": 0}


class Accounts(Room):
    """Who is who, and how much is left."""

    def __init__(self, world: World, views: ReviewViews, rates: RateLimits) -> None:
        super().__init__(world, views)
        self.rates = rates

    def users__get_authenticated(self, asked: Asked) -> Answer:
        """An installation's token, as a workflow's, is no user's."""
        if asked.token is None:
            raise Refused(401, "Requires authentication")
        if asked.token.is_installation:
            raise Refused(403, "Resource not accessible by integration")
        return Answer(body=self._public(self.me(asked)))

    def _public(self, user: User) -> dict[str, object]:
        at = stamp(self.now)
        more = {"user_view_type": "public", "created_at": at, "updated_at": at}
        return self.views.make("public-user", **self.views.account(user), **more)

    def rate_limit__get(self, asked: Asked) -> Answer:
        core = self.rates.rate(asked.token.value if asked.token else "")
        return Answer(
            body={"rate": core, "resources": {"core": core, "search": dict(_CORE), "graphql": core}}
        )
