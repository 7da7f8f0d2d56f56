"""From a request to its answer: who asks, may they, what is done, and does all of it hold by the contract."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import Any

from fakes.github import pages
from fakes.github.contract import Called
from fakes.github.faults import Fault, FaultQueue
from fakes.github.limits import UNLIMITED, RateLimits
from fakes.github.operations.accounts import Accounts
from fakes.github.operations.git_data import GitData
from fakes.github.operations.issues import Issues
from fakes.github.operations.pulls import Pulls
from fakes.github.operations.reactions import Reactions
from fakes.github.operations.repos import Repos
from fakes.github.operations.review_comments import ReviewComments
from fakes.github.operations.reviews import Reviews
from fakes.github.operations.room import Room
from fakes.github.permissions import need, require
from fakes.github.review_views import ReviewViews
from fakes.github.state import Token
from fakes.github.wire import Answer, Asked, Refused
from fakes.github.world import World

_VARY = "Accept, Authorization, Cookie, X-GitHub-OTP,Accept-Encoding, Accept, X-Requested-With"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it came over the wire; its headers' names are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What the log holds of a request.

    Attributes:
        operation: GitHub's `operationId`, `graphql` for the GraphQL interface, `git` for git itself.
        at: When, by the fake's clock.
        monotonic: When, by the machine's monotonic clock, for tests of how fast a client writes.
        milliseconds: How long the answer took.
        body: What was sent, as JSON.
        fault: The injected failure that hit it.
    """

    method: str
    path: str
    query: dict[str, str]
    operation: str
    login: str
    status: int
    at: float
    monotonic: float
    milliseconds: float
    body: Any = None
    fault: Fault | None = None

    @property
    def is_write(self) -> bool:
        """Whether it was to change something; queries by GraphQL are none."""
        if self.operation == "graphql":
            return "mutation" in str((self.body or {}).get("query", "")).split("{")[0]
        return self.method not in ("GET", "HEAD") and self.operation != "git"


@dataclass
class Dispatcher:
    """Answers REST requests."""

    world: World
    rates: RateLimits
    views: ReviewViews
    faults: FaultQueue = field(default_factory=FaultQueue)

    def __post_init__(self) -> None:
        plain: tuple[type[Room], ...] = (
            *(Pulls, Reviews, ReviewComments, Issues),
            *(Reactions, GitData, Repos),
        )
        self.rooms: list[Room] = [room(self.world, self.views) for room in plain]
        self.rooms.append(Accounts(self.world, self.views, self.rates))

    def token(self, request: Request) -> Token | None:
        """Return whose token a request shows.

        Raises:
            Refused: Nobody's.
        """
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        if not kind:
            return None
        found = self.world.tokens.get(value.strip()) if kind.lower() in ("token", "bearer") else None
        if found is None:
            raise Refused(401, "Bad credentials")
        return found

    def known(self, request: Request) -> Token:
        """Return whose token a request shows.

        Raises:
            Refused: It shows none, or nobody's.
        """
        found = self.token(request)
        if found is None:
            raise Refused(401, "This endpoint requires you to be authenticated.")
        return found

    def answer(self, request: Request) -> tuple[str, Answer]:
        """Return the operation's name and the answer to a request."""
        called = self.world.contract.find(request.method, request.path)
        if called is None:
            self.world.contract.violations.append(f"no such operation: {request.method} {request.path}")
            return "unknown", Answer(status=501, body={"message": "the description knows no such operation"})
        name, token_value = called.operation.name, request.headers.get("authorization", "")
        try:
            token = self.token(request)
            token_value = token.value if token else ""
            if request.path not in UNLIMITED:
                self.rates.enter(token_value, makes_content=request.method == "POST")
            answer = self._judged(called, request, token)
        except Refused as refused:
            answer = refused.answer(plain_errors=called.operation.tells_plain_errors)
            self.world.contract.check_answer(called, answer.status, answer.body)
        self._finish(answer, request, token_value)
        return name, answer

    def _judged(self, called: Called, request: Request, token: Token | None) -> Answer:
        body = _parsed(request.body)
        wrong = self.world.contract.check_request(called, request.query, body)
        if wrong:
            raise Refused(422, "Invalid request.", wrong)
        asked = Asked(
            method=request.method,
            path=request.path,
            parameters=called.parameters,
            query=request.query,
            headers=request.headers,
            body=body,
            token=token,
        )
        self._require(called, asked)
        answer = self._done(called, asked)
        if answer.text is None:
            pages.cut(answer, f"{self.world.url}{request.path}", request.query)
            self.world.contract.check_answer(called, answer.status, answer.body)
        if request.method not in ("GET", "HEAD"):
            self.world.clock.tick()
        return answer

    def _require(self, called: Called, asked: Asked) -> None:
        if "repo" not in called.parameters:
            return
        repository = self.rooms[0].repository(asked)
        require(asked.token, repository, need(called.operation.name, asked.method))

    def _done(self, called: Called, asked: Asked) -> Answer:
        method = called.operation.name.replace("/", "__").replace("-", "_")
        for room in self.rooms:
            if hasattr(room, method):
                done: Answer = getattr(room, method)(asked)
                return done
        self.world.contract.violations.append(f"not made yet: {called.operation.name}")
        return Answer(status=501, body={"message": f"{called.operation.name} is not made yet"})

    def _finish(self, answer: Answer, request: Request, token: str) -> None:
        """Add the headers that every answer has, and answer 304 where the client knows the body already."""
        if answer.text is None and answer.body is not None:
            answer.text = json.dumps(answer.body).encode()
        if request.method == "GET" and answer.status == 200:
            digest = hashlib.sha256(token.encode() + b"\0" + (answer.text or b"")).hexdigest()
            tag = f'W/"{digest}"'
            answer.headers |= {
                "ETag": tag,
                "Cache-Control": "private, max-age=60, s-maxage=60",
                "Vary": _VARY,
            }
            if tag in request.headers.get("if-none-match", ""):
                answer.status, answer.text, answer.body = 304, b"", None
                self.rates.give_back(token)
        answer.headers = self.rates.headers(token) | answer.headers
        answer.headers["X-GitHub-Media-Type"] = "github.v3; format=json"


def exchange(  # noqa: PLR0913 - what the log holds
    request: Request,
    *,
    operation: str,
    login: str,
    status: int,
    at: float,
    started: float,
    fault: Fault | None,
) -> Exchange:
    """Return what the log holds of a request that was just answered."""
    try:
        body = _parsed(request.body) if operation != "git" else None
    except Refused:
        body = None
    return Exchange(
        method=request.method,
        path=request.path,
        query=request.query,
        operation=operation,
        login=login,
        status=status,
        at=at,
        monotonic=started,
        milliseconds=(time.monotonic() - started) * 1_000,
        body=body,
        fault=fault,
    )


def _parsed(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError as error:
        raise Refused(400, "Problems parsing JSON") from error
