"""Read all comments and reviews of a pull request, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from testsmith.forge.github.payload import Unreadable, entries, maybe, taken
from testsmith.forge.github.queries import TALK, THREAD
from testsmith.forge.github.repository_client import RepositoryClient, understood
from testsmith.forge.interface import Comment, Existing, Review, ReviewComment, Thread, Viewer

REQUESTS = 100
"""Maximum requests per pull request; more than 10,000 comments cannot be read."""

_NOBODY = "ghost"
_PENDING = "PENDING"
_SETTLED = "resolved"
_DIGITS = 19

Json = Mapping[str, Any]


def read_existing(remote: RepositoryClient, number: int) -> Existing:
    """See `Forge.existing`."""
    with understood(what := f"read the comments of pull request {number}"):
        return _Reader(lambda document, more: remote.query(what, document, {"number": number, **more})).read()


@dataclass
class _List:
    """One list of the pull request while its pages are read.

    Attributes:
        cursor: Start of the next page; None for the first one.
        is_done: Whether all pages are read.
    """

    cursor: str | None = None
    is_done: bool = False

    def read(self, page: Json) -> None:
        """Store where the next page begins."""
        cursor = maybe(page, "pageInfo.endCursor", str)
        self.is_done = not taken(page, "pageInfo.hasNextPage", bool)
        if not self.is_done and cursor in {None, self.cursor}:
            raise Unreadable("a list that does not go on")
        self.cursor = cursor


class _Reader:
    """Reads the conversation of one pull request."""

    def __init__(self, query: Callable[[str, Json], Json]) -> None:
        self._query = query
        self._requests = 0
        self._comments = list[Comment]()
        self._reviews = list[Review]()
        self._review_comments = list[ReviewComment]()

    def read(self) -> Existing:
        """Return the full conversation."""
        lists = {name: _List() for name in ("comments", "reviews", "threads")}
        login = ""
        while not all(one.is_done for one in lists.values()):
            data = self._asked(TALK, _variables(lists))
            login = taken(data, "viewer.login", str)
            self._read_page(taken(data, "repository.pullRequest", dict), lists)
        return Existing(
            viewer=Viewer(login=login),
            comments=tuple(self._comments),
            review_comments=tuple(self._review_comments),
            reviews=tuple(self._reviews),
        )

    def _asked(self, document: str, variables: Json) -> Json:
        self._requests += 1
        if self._requests > REQUESTS:
            raise Unreadable("more comments than can be read")
        return self._query(document, variables)

    def _read_page(self, pull: Json, lists: Mapping[str, _List]) -> None:
        if not lists["comments"].is_done:
            page = taken(pull, "comments", dict)
            self._comments += map(_comment, entries(page.get("nodes")))
            lists["comments"].read(page)
        if not lists["reviews"].is_done:
            page = taken(pull, "reviews", dict)
            self._reviews += map(_review, entries(page.get("nodes")))
            lists["reviews"].read(page)
        if not lists["threads"].is_done:
            page, before = taken(pull, "reviewThreads", dict), lists["threads"].cursor
            for edge in entries(page.get("edges")):
                self._review_comments += self._in_thread(taken(edge, "node", dict), before)
                before = taken(edge, "cursor", str)
            lists["threads"].read(page)

    def _in_thread(self, thread: Json, before: str | None) -> Iterator[ReviewComment]:
        """Yield a thread's comments. `before` is the cursor of the thread list just before this thread."""
        rest = _List()
        page: Json = taken(thread, "comments", dict)
        while True:
            for data in entries(page.get("nodes")):
                if taken(data, "state", str) != _PENDING:
                    yield _review_comment(data, thread)
            rest.read(page)
            if rest.is_done:
                return
            page = self._more(thread, {"thread": before, "comments": rest.cursor})

    def _more(self, thread: Json, variables: Json) -> Json:
        data = self._asked(THREAD, variables)
        threads = entries(taken(data, "repository.pullRequest.reviewThreads.nodes", list))
        if [one.get("id") for one in threads] != [thread["id"]]:
            raise Unreadable("another thread than was asked for")
        return taken(threads[0], "comments", dict)


def _variables(lists: Mapping[str, _List]) -> dict[str, Any]:
    wanted = {f"with{name.title()}": not one.is_done for name, one in lists.items()}
    return wanted | {name: one.cursor for name, one in lists.items()}


def _comment(data: Json) -> Comment:
    return Comment(
        id=_number(data),
        node_id=taken(data, "id", str),
        body=taken(data, "body", str),
        author=_login(data, "author") or _NOBODY,
        is_minimised=taken(data, "isMinimized", bool),
        editor=_login(data, "editor"),
    )


def _review(data: Json) -> Review:
    return Review(
        id=_number(data),
        body=taken(data, "body", str),
        author=_login(data, "author") or _NOBODY,
        is_pending=taken(data, "state", str) == _PENDING,
    )


def _review_comment(data: Json, thread: Json) -> ReviewComment:
    return ReviewComment(
        id=_number(data),
        node_id=taken(data, "id", str),
        path=taken(thread, "path", str),
        line=maybe(thread, "line", int),
        body=taken(data, "body", str),
        author=_login(data, "author") or _NOBODY,
        thread=_thread(thread),
        is_minimised=taken(data, "isMinimized", bool),
        editor=_login(data, "editor"),
        is_settled=maybe(data, "minimizedReason", str) == _SETTLED,
    )


def _thread(data: Json) -> Thread:
    return Thread(
        node_id=taken(data, "id", str),
        is_resolved=taken(data, "isResolved", bool),
        viewer_may_resolve=taken(data, "viewerCanResolve", bool),
        viewer_may_unresolve=taken(data, "viewerCanUnresolve", bool),
    )


def _number(data: Json) -> int:
    """Return the REST id of an object. GraphQL returns it as text because it may be large."""
    number = taken(data, "fullDatabaseId", str)
    if not (number.isascii() and number.isdigit() and len(number) <= _DIGITS):
        raise Unreadable("fullDatabaseId is no number")
    return int(number)


def _login(data: Json, place: str) -> str | None:
    """Return a login in REST form, in which a bot's ends in `[bot]`; None for deleted accounts."""
    login = maybe(data, f"{place}.login", str)
    if login is None:
        return None
    is_bot = maybe(data, f"{place}.__typename", str) == "Bot"
    return f"{login.removesuffix('[bot]')}[bot]" if is_bot else login
