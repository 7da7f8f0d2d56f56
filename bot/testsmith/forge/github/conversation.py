"""Read all comments and reviews of a pull request, page by page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from testsmith.decode import Matches, at
from testsmith.forge.github.connection import Connection
from testsmith.forge.interface import (
    Comment,
    Existing,
    ForgeFailure,
    Review,
    ReviewComment,
    Thread,
    Viewer,
)

REQUESTS = 100
"""Maximum requests per pull request; more than 10,000 comments cannot be read."""

_PAGE = "pageInfo { hasNextPage endCursor }"
_AUTHOR = "author { __typename login }"
_COMMENT = f"fullDatabaseId id body isMinimized {_AUTHOR} editor {{ __typename login }}"

_CONVERSATION = f"""\
query Conversation(
  $owner: String!, $name: String!, $number: Int!,
  $withComments: Boolean! = false, $comments: String,
  $withReviews: Boolean! = false, $reviews: String,
  $withThreads: Boolean! = false, $threads: String, $threadCount: Int! = 100, $replies: String
) {{
  viewer {{ login }}
  repository(owner: $owner, name: $name) {{
    pullRequest(number: $number) {{
      comments(first: 100, after: $comments) @include(if: $withComments) {{ nodes {{ {_COMMENT} }} {_PAGE} }}
      reviews(first: 100, after: $reviews) @include(if: $withReviews) {{
        nodes {{ fullDatabaseId body state {_AUTHOR} }} {_PAGE}
      }}
      reviewThreads(first: $threadCount, after: $threads) @include(if: $withThreads) {{
        nodes: edges {{
          cursor
          node {{
            id path line isResolved viewerCanResolve viewerCanUnresolve
            comments(first: 50, after: $replies) {{ nodes {{ {_COMMENT} minimizedReason state }} {_PAGE} }}
          }}
        }}
        {_PAGE}
      }}
    }}
  }}
}}
"""
"""Lists of the conversation of a pull request, and the viewer. Usually one request is enough.

`replies` is a cursor in a thread's comments; with it, a single thread is asked for.
"""

_T = TypeVar("_T")
_Number = Annotated[str, Matches(re.compile("[0-9]{1,19}"))]  # a number that GraphQL returns as text
_PULL = ("data", "repository", "pullRequest")


@dataclass(frozen=True, slots=True)
class _Account:
    login: str
    kind: Annotated[str, at("__typename")]


@dataclass(frozen=True, slots=True)
class _Page(Generic[_T]):
    nodes: tuple[_T | None, ...]
    has_next: Annotated[bool, at("pageInfo", "hasNextPage")]
    cursor: Annotated[str | None, at("pageInfo", "endCursor")] = None


@dataclass(frozen=True, slots=True)
class _Comment:
    number: Annotated[_Number, at("fullDatabaseId")]
    id: str
    body: str
    is_minimized: Annotated[bool, at("isMinimized")]
    author: _Account | None
    editor: _Account | None = None
    reason: Annotated[str | None, at("minimizedReason")] = None
    state: str = ""


@dataclass(frozen=True, slots=True)
class _Review:
    number: Annotated[_Number, at("fullDatabaseId")]
    body: str
    state: str
    author: _Account | None


@dataclass(frozen=True, slots=True)
class _Thread:
    id: str
    path: str
    line: int | None
    is_resolved: Annotated[bool, at("isResolved")]
    may_resolve: Annotated[bool, at("viewerCanResolve")]
    may_unresolve: Annotated[bool, at("viewerCanUnresolve")]
    comments: _Page[_Comment]


@dataclass(frozen=True, slots=True)
class _ThreadEdge:
    cursor: str
    node: _Thread


@dataclass(frozen=True, slots=True)
class _Conversation:
    viewer: Annotated[str, at("data", "viewer", "login")]
    comments: Annotated[_Page[_Comment] | None, at(*_PULL, "comments")] = None
    reviews: Annotated[_Page[_Review] | None, at(*_PULL, "reviews")] = None
    threads: Annotated[_Page[_ThreadEdge] | None, at(*_PULL, "reviewThreads")] = None


def read_conversation(connection: Connection, number: int) -> Existing:
    """Return all comments and reviews of a pull request.

    Raises:
        ForgeFailure: They could not be read, or are too many.
    """
    return _Reader(connection, number).read()


class _Reader:
    def __init__(self, connection: Connection, number: int) -> None:
        self._connection = connection
        self._number = number
        self._what = f"read the comments of pull request {number}"
        self._requests = 0

    def read(self) -> Existing:
        conversation = self._ask(withComments=True, withReviews=True, withThreads=True)
        comments = self._all(
            conversation.comments, lambda after: self._ask(withComments=True, comments=after).comments
        )
        reviews = self._all(
            conversation.reviews, lambda after: self._ask(withReviews=True, reviews=after).reviews
        )
        threads = self._all(
            conversation.threads, lambda after: self._ask(withThreads=True, threads=after).threads
        )
        places = (None, *(edge.cursor for edge in threads))
        return Existing(
            viewer=Viewer(login=conversation.viewer),
            comments=tuple(
                Comment(
                    id=int(one.number),
                    node_id=one.id,
                    body=one.body,
                    author=_login(one.author) or "ghost",
                    is_minimized=one.is_minimized,
                    editor=_login(one.editor),
                )
                for one in comments
            ),
            review_comments=tuple(
                comment
                for edge, before in zip(threads, places, strict=False)
                for comment in self._in_thread(edge.node, before)
            ),
            reviews=tuple(
                Review(
                    id=int(one.number),
                    body=one.body,
                    author=_login(one.author) or "ghost",
                    is_pending=one.state == "PENDING",
                )
                for one in reviews
            ),
        )

    def _ask(self, **variables: str | int | None) -> _Conversation:
        self._requests += 1
        if self._requests > REQUESTS:
            raise self._failed("there are more than can be read")
        return self._connection.query(
            _Conversation, self._what, _CONVERSATION, number=self._number, **variables
        )

    def _failed(self, reason: str) -> ForgeFailure:
        return ForgeFailure(f"Cannot {self._what}: {reason}.")

    def _all(self, page: _Page[_T] | None, read: Callable[[str | None], _Page[_T] | None]) -> list[_T]:
        found = list[_T]()
        while page is not None:
            found += (one for one in page.nodes if one is not None)
            if not page.has_next:
                return found
            page = read(page.cursor)
        raise self._failed("GitHub did not return a list")

    def _in_thread(self, node: _Thread, before: str | None) -> Iterator[ReviewComment]:
        """Yield a thread's comments. `before` is the cursor of the thread before it."""
        thread = Thread(
            node_id=node.id,
            is_resolved=node.is_resolved,
            viewer_may_resolve=node.may_resolve,
            viewer_may_unresolve=node.may_unresolve,
        )

        def read(after: str | None) -> _Page[_Comment] | None:
            more = self._ask(withThreads=True, threads=before, threadCount=1, replies=after).threads
            same = [edge.node for edge in (more.nodes if more else ()) if edge and edge.node.id == node.id]
            return same[0].comments if same else None

        for one in self._all(node.comments, read):
            if one.state != "PENDING":
                yield ReviewComment(
                    id=int(one.number),
                    node_id=one.id,
                    path=node.path,
                    line=node.line,
                    body=one.body,
                    author=_login(one.author) or "ghost",
                    thread=thread,
                    is_minimized=one.is_minimized,
                    editor=_login(one.editor),
                    is_settled=one.reason == "resolved",
                )


def _login(account: _Account | None) -> str | None:
    """Return a login in REST form, in which a bot's ends in `[bot]`; None for deleted accounts."""
    if account is None:
        return None
    return f"{account.login.removesuffix('[bot]')}[bot]" if account.kind == "Bot" else account.login
