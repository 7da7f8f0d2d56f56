"""The client at work on a fake GitHub; its waits take no time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from fakes.github.faults import Fault
from fakes.github.scene import Scene
from fakes.github.state import Review, Token
from testsmith.forge.comment_markers import SuggestionMarker, content_digest, run_digest, run_mark
from testsmith.forge.github import Connection, GitHub
from testsmith.forge.interface import Anchor, Applied, CreateReview, NewComment
from testsmith.settings import Secret

REVIEWS = r"POST .*/pulls/1/reviews$"
COMMENTS = r"POST .*/issues/1/comments$"
GRAPHQL = r"POST /graphql$"
PULL = r"GET .*/pulls/1$"
SHOWN = 3
"""A line of `cart.py` that the diff shows."""
NOT_SHOWN = 15
"""One that it does not show."""


@dataclass
class Clients:
    """A scene and clients for it.

    Attributes:
        naps: How long the clients have slept, in seconds.
    """

    at: Scene
    naps: list[float] = field(default_factory=list)
    _clients: list[GitHub] = field(default_factory=list)

    def forge(self, token: Token | None = None) -> GitHub:
        """Return a client with the scene's token, or with another."""
        made = GitHub(
            Connection(
                url=self.at.github.url,
                graphql_url=self.at.github.graphql_url,
                token=Secret((token or self.at.token).value),
                repository=self.at.shop.full_name,
                clock=self.at.clock.now,
                sleep=self._sleep,
            )
        )
        self._clients.append(made)
        return made

    def _sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.at.clock.advance(seconds)

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def fail(self, request: str, status: int, **more: object) -> None:
        self.at.github.fail(Fault(request=request, status=status, **more))  # type: ignore[arg-type]

    def review(self, *lines: int) -> CreateReview:
        """Return a review of the head with a comment for each line of `cart.py`."""
        comments = tuple(comment(number, line) for number, line in enumerate(lines, 1))
        run = run_digest(self.at.pull.head, (one.content for one in comments))
        body = f"TestSmith proposes tests.\n\n{run_mark(run)}"
        return CreateReview(head=self.at.pull.head, body=body, comments=comments, run=run)

    def apply_review(self, *lines: int) -> Applied:
        return self.forge().apply(1, self.review(*lines))

    @property
    def reviews(self) -> list[Review]:
        return list(self.at.pull.reviews.values())

    @property
    def posted(self) -> list[int | None]:
        """The lines of the comments that are there."""
        return [one.original_line for one in self.at.pull.review_comments.values()]

    def statuses(self, method: str, ending: str) -> list[int]:
        """Return what requests were answered by."""
        return [
            one.status
            for one in self.at.github.exchanges
            if one.method == method and one.path.endswith(ending)
        ]


def comment(number: int, line: int, start_line: int | None = None) -> NewComment:
    content = content_digest("cart.py::f", str(number))
    body = f"Suggestion {number}\n\n{SuggestionMarker(number=number, content=content)}"
    return NewComment(
        anchor=Anchor(path="cart.py", line=line, start_line=start_line), body=body, content=content
    )


def contents(review: CreateReview, numbers: Iterable[int]) -> tuple[str, ...]:
    """Return the contents of some comments of a review, by their place in it."""
    return tuple(review.comments[number].content for number in numbers)
