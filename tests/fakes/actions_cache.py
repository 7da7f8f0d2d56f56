"""GitHub's cache service of Actions, version 2, with memory: a real HTTP server on 127.0.0.1.

    with ActionsCacheService() as service:
        token = service.token("refs/pull/7/merge", "refs/heads/main")
        ...  # call service.url with that token

An entry belongs to the scope of who made it, and can be neither changed nor removed. It is looked for by the
whole name or its beginning, newest first, in the scopes that a token reads, one after the other. Addresses
to send and fetch by are on the same server, signed, for a time, and refuse a token.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, quote, urlsplit

_SERVICE = "/twirp/github.actions.results.api.v1.CacheService/"
_MOST_NAME = 512
WRITE_DENIED = "cache write denied: the token has no write access to this scope"
READ_DENIED = "cache read denied: the token has no read access"


@dataclass(kw_only=True)
class CacheEntry:
    """One entry; it is found once it is finished."""

    number: int
    key: str
    version: str
    scope: str
    data: bytes = b""
    is_finished: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What a token may do: scopes to read, own one first, and whether it may write to that."""

    scopes: tuple[str, ...]
    may_write: bool = True
    may_read: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFault:
    """What one request gets in place of its answer.

    Attributes:
        at: The call's name, or `PUT` or `GET`.
        status: The HTTP status; None to cut the connection.
        keep: The share of the true answer's body that is sent before the connection is cut; None for all.
    """

    at: str
    status: int | None = 200
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    keep: float | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class ActionsCacheService:
    """The service; it runs in its own threads for as long as the context lasts.

    Attributes:
        entries: What it holds, oldest first.
        heard: Each request: the call's name, or `PUT` or `GET`.
        violations: What a client did that the real service does not take.
        faults: What comes next to whom; each is used once.
        expired: While it is so, every signed address is refused, like one that is too old.
        hold: Waited for before a request is answered.
    """

    def __init__(self, faults: Iterable[CacheFault] = ()) -> None:
        self.entries: list[CacheEntry] = []
        self.heard: list[str] = []
        self.violations: list[str] = []
        self.faults = list(faults)
        self.expired = False
        self.hold = threading.Event()
        self.hold.set()
        self._rights: dict[str, Rights] = {}
        self._signatures: dict[str, tuple[str, CacheEntry]] = {}
        self._lock = threading.RLock()

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        run = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        run.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()

    def token(self, *scopes: str, may_write: bool = True, may_read: bool = True) -> str:
        """Return a new token of a run in the first scope."""
        value = f"eyJ.{secrets.token_urlsafe(24)}.{secrets.token_urlsafe(8)}"
        self._rights[value] = Rights(scopes=scopes, may_write=may_write, may_read=may_read)
        return value

    def keys(self, scope: str | None = None) -> list[str]:
        """Return the names of what is held and finished."""
        return [one.key for one in self.entries if one.is_finished and scope in {None, one.scope}]

    def secrets(self) -> Iterator[str]:
        """Yield all that no message may hold."""
        yield from self._rights
        for signature in self._signatures:
            yield from (signature, quote(signature, safe=""), quote(signature, safe="").lower())

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[_Answer, Any]:
        """Return the answer to a request, and the fault that it meets."""
        parts = urlsplit(path)
        name = parts.path.removeprefix(_SERVICE) if parts.path.startswith(_SERVICE) else method
        self.hold.wait(30)
        with self._lock:
            self.heard.append(name)
            fault = next((one for one in self.faults if one.at == name), None)
            if fault is not None:
                self.faults.remove(fault)
                if fault.status is None or fault.status >= 300 or fault.body is not None:
                    return _Answer(fault.status or 0, fault.body or b"", fault.headers), fault
            if parts.path.startswith(_SERVICE):
                return self._call(name, headers, body), fault
            return self._blob(method, parts.query, headers, body), fault

    def _call(self, name: str, headers: Mapping[str, str], body: bytes) -> _Answer:
        rights = self._rights.get(headers.get("authorization", "").removeprefix("Bearer "))
        if rights is None:
            return _refused(401, "unauthenticated", "invalid token")
        asked = json.loads(body)
        calls = {
            "CreateCacheEntry": self._create,
            "FinalizeCacheEntryUpload": self._finalize,
            "GetCacheEntryDownloadURL": self._find,
        }
        if len(asked.get("key", "")) > _MOST_NAME or "," in asked.get("key", ","):
            self.violations.append(f"{name}: a name that is none")
        if name not in calls or not headers.get("content-type", "").startswith("application/json"):
            return _refused(404, "bad_route", f"no handler for path {name}")
        return calls[name](asked, rights)

    def _create(self, asked: dict[str, Any], rights: Rights) -> _Answer:
        if not rights.may_write:
            return _json({"ok": False, "message": WRITE_DENIED})
        scope = rights.scopes[0]
        if any(
            (one.key, one.version, one.scope) == (asked["key"], asked["version"], scope)
            for one in self.entries
        ):
            told = "cache entry with the same key, version, and scope already exists"
            return _refused(409, "already_exists", told)
        made = CacheEntry(
            number=len(self.entries) + 1, key=asked["key"], version=asked["version"], scope=scope
        )
        self.entries.append(made)
        return _json({"ok": True, "signed_upload_url": self._signed("PUT", made)})

    def _finalize(self, asked: dict[str, Any], rights: Rights) -> _Answer:
        for one in self.entries:
            if (one.key, one.version, one.scope) == (asked["key"], asked["version"], rights.scopes[0]):
                if asked["size_bytes"] != str(len(one.data)):
                    self.violations.append(f"a size of {asked['size_bytes']!r}")
                one.is_finished = True
                return _json({"ok": True, "entry_id": str(one.number)})
        return _refused(404, "not_found", "no such entry")

    def _find(self, asked: dict[str, Any], rights: Rights) -> _Answer:
        if not rights.may_read:
            return _refused(403, "permission_denied", READ_DENIED)
        for scope in rights.scopes:
            for key in (asked["key"], *asked.get("restore_keys", ())):
                for one in self._matching(scope, key, asked["version"]):
                    address = self._signed("GET", one)
                    return _json({"ok": True, "signed_download_url": address, "matched_key": one.key})
        return _json({"ok": False})

    def _matching(self, scope: str, key: str, version: str) -> list[CacheEntry]:
        there = [
            one
            for one in self.entries
            if one.is_finished and one.scope == scope and one.version == version and one.key.startswith(key)
        ]
        return sorted(there, key=lambda one: (one.key != key, -one.number))

    def _signed(self, method: str, entry: CacheEntry) -> str:
        signature = f"{secrets.token_hex(12)}+/{secrets.token_hex(6)}="
        self._signatures[signature] = (method, entry)
        return f"{self.url}blob/{entry.number}?sv=2025-11-05&sp=rw&sig={quote(signature, safe='')}"

    def _blob(self, method: str, query: str, headers: Mapping[str, str], body: bytes) -> _Answer:
        if "authorization" in headers:
            self.violations.append(f"{method}: a token at a signed address")
        signed = self._signatures.get(parse_qs(query).get("sig", [""])[0])
        if self.expired or signed is None or signed[0] != method:
            told = b"<Error><Code>AuthenticationFailed</Code><Message>Signature not valid</Message></Error>"
            return _Answer(403, told, {"Content-Type": "application/xml"})
        if method == "GET":
            return _Answer(200, signed[1].data, {"Content-Type": "application/octet-stream"})
        if headers.get("x-ms-blob-type") != "BlockBlob":
            self.violations.append("PUT: without x-ms-blob-type")
        signed[1].data = body
        return _Answer(201)


def _json(value: Mapping[str, object], status: int = 200) -> _Answer:
    return _Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


def _refused(status: int, code: str, message: str) -> _Answer:
    return _json({"code": code, "msg": message}, status)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client may hang up
            super().handle_error(request, client_address)


def _handler(service: ActionsCacheService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            answer, fault = service.answer(
                self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body
            )
            if fault is not None and fault.status is None:
                self.close_connection = True
                return
            with suppress(OSError):  # a client may have read enough, or be gone
                self._send(answer, fault)

        def _send(self, answer: _Answer, fault: CacheFault | None) -> None:
            sent = answer.body
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            if fault is not None and fault.keep is not None:
                self.close_connection = True
                sent = sent[: int(fault.keep * len(sent))]
            self.wfile.write(sent)

        do_GET = do_PUT = do_POST = _answer  # noqa: N815 - as the base class names them

        def log_message(self, *arguments: object) -> None:
            """Say nothing: what matters is in `heard`."""

    return Handler
