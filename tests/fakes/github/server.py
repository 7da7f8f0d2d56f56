"""The server: HTTP on 127.0.0.1, one request after the other has its turn at the state."""

from __future__ import annotations

import json
import threading
import time
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from fakes.github.dispatch import Dispatcher, Exchange, Request, exchange
from fakes.github.faults import Fault, FaultQueue
from fakes.github.graphql_api import GraphQL
from fakes.github.limits import RateLimits
from fakes.github.review_views import ReviewViews
from fakes.github.smart_http import GitRequest, answer_git, read_path
from fakes.github.wire import Answer, Refused
from fakes.github.world import World

GRAPHQL_PATH = "/graphql"


class Answering:
    """Answers every kind of request, injects the failures, keeps the log.

    Attributes:
        exchanges: All requests so far, in the order of their answers.
        before_each: What a test wants done before a request is answered: a push while the client works.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults = FaultQueue()
        self.exchanges: list[Exchange] = []
        self.before_each: list[Callable[[Request], None]] = []
        self.rates = RateLimits(world)
        self.rest = Dispatcher(world, self.rates, ReviewViews(world))
        self._graphql = GraphQL(world, self.rates)
        self.lock = threading.RLock()

    def answer(self, request: Request) -> Answer | None:
        """Return the answer, None where the connection is to be closed without one."""
        started = time.monotonic()
        for hook in list(self.before_each):
            hook(request)
        with self.lock:
            fault = self.faults.take(f"{request.method} {request.path}")
            if fault is not None and fault.when == "before":
                operation, answer = "fault", fault.answer()
            else:
                operation, answer = self._work(request)
                answer = fault.answer() if fault is not None else answer
            self._log(request, operation, answer.status, started, fault)
        if fault is not None and fault.status == 0:
            return None
        if answer.text is None and answer.body is not None:
            answer.text = json.dumps(answer.body).encode()
        return answer

    def _work(self, request: Request) -> tuple[str, Answer]:
        try:
            return self._answer_kind(request)
        except Exception:  # noqa: BLE001 - whatever goes wrong in the fake is told of by the test, not by a client
            told = f"{request.method} {request.path}: {traceback.format_exc()}"
            self.world.contract.violations.append(told)
            return "error", Answer(status=500, body={"message": told})

    def _answer_kind(self, request: Request) -> tuple[str, Answer]:
        git = read_path(request.path)
        if git is not None:
            asked = GitRequest(
                repository=git[0],
                inside=git[1],
                method=request.method,
                query=request.query,
                headers=request.headers,
                body=request.body,
            )
            return "git", answer_git(self.world, asked)
        if request.path == GRAPHQL_PATH:
            return "graphql", self._graphql_answer(request)
        return self.rest.answer(request)

    def _graphql_answer(self, request: Request) -> Answer:
        try:
            token = self.rest.known(request)
            self.rates.enter(token.value, makes_content=False)
            return self._graphql.answer(json.loads(request.body), token)
        except Refused as refused:
            return refused.answer()

    def _log(
        self, request: Request, operation: str, status: int, started: float, fault: Fault | None
    ) -> None:
        try:
            token = None if operation == "git" else self.rest.token(request)
        except Refused:
            token = None
        self.exchanges.append(
            exchange(
                request,
                operation=operation,
                login=token.login if token else "",
                status=status,
                at=self.world.clock.now(),
                started=started,
                fault=fault,
            )
        )


def serve(answering: Answering, port: int = 0, host: str = "127.0.0.1") -> ThreadingHTTPServer:
    """Start serving in a thread of its own; the caller shuts the server down."""

    class Handler(_Handler):
        answer = staticmethod(answering.answer)

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    answer: Callable[[Request], Answer | None]

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self._body(),
        )
        answer = self.answer(request)
        if answer is None:
            self.close_connection = True
            return
        self._send(answer)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Let every method of HTTP be handled alike."""
        if name.startswith("do_"):
            return self._handle
        raise AttributeError(name)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(iter(self._chunk, b""))
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline().split(b";")[0], 16)
        chunk = self.rfile.read(size)
        self.rfile.readline()
        return chunk

    def _send(self, answer: Answer) -> None:
        text = answer.text or b""
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Type", answer.media)
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if answer.status not in (204, 304):
            self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the standard library's
        """Say nothing: the log is in `exchanges`."""
