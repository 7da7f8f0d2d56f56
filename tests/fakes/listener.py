"""A server that is not supposed to hear anything: it notes what it is sent, and may send it on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(kw_only=True)
class Listener:
    """What was heard so far.

    Attributes:
        url: Where it listens.
        heard: Each request's line and headers, as one text.
        sends_to: Where every request is redirected to; empty to answer 404.
    """

    url: str
    heard: list[str] = field(default_factory=list)
    sends_to: str = ""


@contextmanager
def listener() -> Iterator[Listener]:
    """Listen on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.heard.append(f"{self.requestline}\n{self.headers}")
            self.send_response(301 if made.sends_to else 404)
            if made.sends_to:
                self.send_header("Location", f"{made.sends_to}{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def __getattr__(self, name: str) -> Callable[[], None]:
            if name.startswith("do_"):
                return self.do_GET
            raise AttributeError(name)

        def log_message(self, *arguments: object) -> None:
            """Say nothing: what matters is in `heard`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Listener(url=f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
