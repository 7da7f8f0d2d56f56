"""The client at its HTTP edge: each request is answered by `responses`, and its waits take no time.

Requests are judged by GitHub's own description, whatever they are answered by.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
import responses
from graphql import GraphQLSchema, build_schema, parse, validate

from fakes.github.contract import FOLDER, Contract
from testsmith.forge.github import Connection, GitHub
from testsmith.settings import Secret

API = "https://api.github.com:443"  # PyGithub always writes the port
REPO = f"{API}/repos/octo/shop"
PULL = f"{REPO}/pulls/1"
COMMENTS = f"{REPO}/issues/1/comments"
GRAPHQL = f"{API}/graphql"
TOKEN = "ghs_0123456789"  # noqa: S105 - of nobody
SHA, OTHER = "a" * 40, "b" * 40

Json = dict[str, Any]


def client(repository: str, clock: Callable[[], float], sleep: Callable[[float], None]) -> GitHub:
    return GitHub(
        Connection(
            url="https://api.github.com",
            graphql_url="https://api.github.com/graphql",
            token=Secret(TOKEN),
            repository=repository,
            clock=clock,
            sleep=sleep,
        )
    )


@dataclass
class Http:
    """What the client sends, and what it is answered.

    Attributes:
        naps: How long the client has slept, in seconds.
    """

    mock: responses.RequestsMock
    now: float = 1_000.0
    naps: list[float] = field(default_factory=list)
    contract: Contract = field(default_factory=Contract)

    def __post_init__(self) -> None:
        self.forge = client("octo/shop", self.clock, self.sleep)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds

    def on(  # noqa: PLR0913 - what an answer is made of
        self,
        method: str,
        url: str,
        body: Any = None,
        status: int = 200,
        *,
        times: int = 1,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Answer requests to an address, in the order of the calls; the last answer is repeated.

        A `body` is text, bytes, an error of the connection, or JSON.
        """
        for _ in range(times):
            told = body if isinstance(body, str | bytes | Exception) else json.dumps(body)
            self.mock.add(method, url, body=told, status=status, headers=headers)

    def lose(self, method: str, url: str, times: int = 1) -> None:
        """Let the answer to a request be lost."""
        self.on(method, url, requests.ConnectionError("lost"), times=times)

    def make(self, schema: str, **what_matters: Any) -> Json:
        """Return an object by GitHub's description."""
        return self.contract.make(schema, **what_matters)

    def pull(self, head: Json | None = None, base: Json | None = None, **what_matters: Any) -> Json:
        """Return a pull request; of its sides, only what matters is given."""
        made = self.make("pull-request", **what_matters)
        return made | {"head": made["head"] | (head or {}), "base": made["base"] | (base or {})}

    def sent(self, method: str, ending: str = "") -> list[Any]:
        """Return the bodies of the requests to some addresses."""
        return [
            _told(call.request)
            for call in self.mock.calls
            if call.request.method == method and urlsplit(str(call.request.url)).path.endswith(ending)
        ]

    def judge(self) -> None:
        """Hold all requests against GitHub's description."""
        for call in self.mock.calls:
            url, body = urlsplit(str(call.request.url)), _told(call.request)
            if url.path == "/graphql":
                assert validate(_schema(), parse(body["query"])) == []
                continue
            called = self.contract.find(str(call.request.method), url.path)
            assert called, url.path
            self.contract.check_request(called, dict(parse_qsl(url.query)), body)
        assert self.contract.violations == []


def _told(request: requests.PreparedRequest) -> Any:
    return json.loads(request.body) if isinstance(request.body, str | bytes) else None


@lru_cache(maxsize=1)
def _schema() -> GraphQLSchema:
    return build_schema((FOLDER / "github-graphql-subset.graphql").read_text())


@contextmanager
def http() -> Iterator[Http]:
    """Answer the requests of a client, and judge them in the end."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        made = Http(mock)
        yield made
        made.judge()
    made.forge.close()


LAST: Json = {"pageInfo": {"hasNextPage": False, "endCursor": None}}
EMPTY: Json = {"nodes": [], **LAST}
BOT = "github-actions[bot]"


def account(login: str) -> Json:
    kind = "Bot" if login.endswith("[bot]") else "User"
    return {"__typename": kind, "login": login.removesuffix("[bot]")}


def page(*nodes: Json | None, after: str | None = None) -> Json:
    """Return a part of a list in GraphQL, with the cursor of the next."""
    return {"nodes": list(nodes), "pageInfo": {"hasNextPage": after is not None, "endCursor": after}}


def comment(number: int, body: str, login: str = BOT, **more: Any) -> Json:
    told = {"fullDatabaseId": f"{number}", "id": f"C_{number}", "body": body, "author": account(login)}
    return told | {"isMinimized": False, "editor": None, "minimizedReason": None, "state": "SUBMITTED"} | more


def review(number: int, body: str, login: str = BOT, state: str = "COMMENTED") -> Json:
    return {"fullDatabaseId": f"{number}", "body": body, "state": state, "author": account(login)}


def thread(number: int, *comments: Json, before: str | None = None, **more: Any) -> Json:
    """Return a thread in the list of threads; `before` is the cursor of its own next page."""
    told = {"id": f"T_{number}", "path": "cart.py", "line": 3, "isResolved": False}
    told |= {"viewerCanResolve": True, "viewerCanUnresolve": False, "comments": page(*comments, after=before)}
    return {"cursor": f"cursor {number}", "node": told | more}


def conversation(**lists: Json) -> Json:
    """Return an answer with the conversation of a pull request."""
    pull = {"comments": EMPTY, "reviews": EMPTY, "reviewThreads": EMPTY} | lists
    return {"data": {"viewer": {"login": BOT}, "repository": {"pullRequest": pull}}}
