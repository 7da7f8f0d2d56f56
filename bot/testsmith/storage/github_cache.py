"""Store archives in GitHub Actions' cache service, version 2. Needs no workflow step or input.

The service finds entries by name prefix, newest first: those of the run's own branch or pull request, then of
its base branch, then of the default branch. Entries cannot be changed, and runs that anyone can start may not
create them. `docs/cache.md` has the table.

Calls carry the job's runtime token. Archives are transferred through short-lived signed URLs, without the
token. Neither secret may appear in messages: they are removed from server messages, and messages of HTTP
library exceptions, which contain URLs, are never shown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, TypeVar
from urllib.parse import quote, unquote, urljoin, urlsplit

from testsmith.decode import Malformed, OrElse, decode
from testsmith.settings import CacheAccess
from testsmith.storage.archive import (
    MOST_BYTES,
    PREFIX,
    Archive,
    ArchiveFailure,
    Denied,
    TimeLimit,
    is_archive_name,
)

if TYPE_CHECKING:
    from requests import Response, Session


ATTEMPTS = 3
"""Maximum attempts per request, if a retry can help."""

WAITS = (0.5, 1.5)
"""Seconds between attempts, unless the service asks for a different delay."""

_PATH = "/twirp/github.actions.results.api.v1.CacheService/"
_MOST_ANSWER_BYTES = 64 * 1024
_MOST_WORDS = 200
_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 15.0
_PART_BYTES = 256 * 1024

_OK = (200, 201)
_CONFLICT = 409
_TOO_MANY = 429
_REFUSED = (401, 403)
_ABSENT = (404, 405, 501)
_PASSING = (408, 500, 502, 503, 504)

_Got = TypeVar("_Got")


class _AlreadyThere(ArchiveFailure):
    """An entry of that name exists already, with the same content."""


class _Expired(ArchiveFailure):
    """The signed URL is no longer valid."""


class _Passing(ArchiveFailure):
    """The request failed in a way that a retry can fix.

    Attributes:
        seconds: Delay that the service asked for; None if it named none.
    """

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


_Word = Annotated[str, OrElse("")]


_VERSION = hashlib.sha256(b"testsmith-cache|1").hexdigest()
"""Version that separates our entries from those of other programs."""

_READABLE = frozenset({"read", "write"})
_WRITABLE = frozenset({"write", "write-only"})
_MODES = _READABLE | _WRITABLE | {"none"}
_SAID_BY_WORKFLOW = "the workflow sets `cache-mode: {mode}`"
_NAME_A_FOLDER = "`TESTSMITH_CACHE_DIR` with actions/cache works everywhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What the service answers to a call; nothing of it is required."""

    ok: Annotated[bool, OrElse(value=False)] = False
    matched_key: _Word = ""
    signed_download_url: _Word = ""
    signed_upload_url: _Word = ""
    message: _Word = ""
    msg: _Word = ""
    code: _Word = ""


class ActionsCache:
    """GitHub's cache service as an `ArchiveBackend`, with retries within a time limit.

    Args:
        access: The service's URL, whose path is ignored, and the job's runtime token, from the runner.
        sleep: Same contract as `time.sleep`.
        prefix: Prefix of its archives' names.
    """

    def __init__(self, access: CacheAccess, *, sleep: Callable[[float], None], prefix: str = PREFIX) -> None:
        self._prefix = prefix
        self._mode = access.mode if access.mode in _MODES else ""
        self._url = access.url
        self._token = access.token
        self._sleep = sleep
        self._session: Session | None = None
        self._secrets = {access.token.value}

    @property
    def unreadable(self) -> str:
        """See `ArchiveBackend`."""
        return _SAID_BY_WORKFLOW.format(mode=self._mode) if self._mode and self._mode not in _READABLE else ""

    @property
    def unwritable(self) -> str:
        """See `ArchiveBackend`."""
        return _SAID_BY_WORKFLOW.format(mode=self._mode) if self._mode and self._mode not in _WRITABLE else ""

    def newest(self, limit: TimeLimit) -> Archive | None:
        """See `ArchiveBackend.newest`. If the signed URL is rejected, it is requested once more."""
        try:
            return self._found(limit)
        except _Expired:
            return self._found(limit)

    def _found(self, limit: TimeLimit) -> Archive | None:
        said = self._call("GetCacheEntryDownloadURL", {"key": self._prefix, "restore_keys": []}, limit)
        if not said.ok:
            return None
        if not is_archive_name(said.matched_key, self._prefix):
            raise ArchiveFailure("the cache service returned an unknown entry")
        data = self._transferred("GET", said.signed_download_url, limit)
        return Archive(name=said.matched_key, data=data)

    def leave(self, archive: Archive, limit: TimeLimit) -> None:
        """See `ArchiveBackend.leave`."""
        key: dict[str, object] = {"key": archive.name}
        try:
            made = self._done("CreateCacheEntry", key, limit)
            self._transferred("PUT", made.signed_upload_url, limit, archive.data)
            size = str(len(archive.data))  # protobuf's JSON encodes 64-bit integers as strings
            self._done("FinalizeCacheEntryUpload", {**key, "size_bytes": size}, limit)
        except _AlreadyThere:
            return

    def _done(self, method: str, body: dict[str, object], limit: TimeLimit) -> _Said:
        """Return the answer to a call that must succeed."""
        said = self._call(method, body, limit)
        if not said.ok:
            words = self._safe_words(said.message)
            raise ArchiveFailure(f"the cache service refused the upload{f': {words}' if words else ''}")
        return said

    def _call(self, method: str, body: dict[str, object], limit: TimeLimit) -> _Said:
        address = urljoin(self._url, f"{_PATH}{method}")
        headers = {"Authorization": f"Bearer {self._token.value}", "Content-Type": "application/json"}
        data = json.dumps({**body, "version": _VERSION}).encode()
        return self._tried(lambda: self._read(self._sent("POST", address, limit, headers, data)), limit)

    def _transferred(self, method: str, address: str, limit: TimeLimit, data: bytes | None = None) -> bytes:
        """Send an archive to a signed URL, or return the one there."""
        if not address:
            raise ArchiveFailure("the cache service returned no address")
        self._check_address(address)
        blob = {"Content-Type": "application/octet-stream", "x-ms-blob-type": "BlockBlob"}
        headers, most = (blob, _MOST_ANSWER_BYTES) if data is not None else ({}, MOST_BYTES)

        def once() -> bytes:
            answer = self._sent(method, address, limit, headers, data, most)
            if answer.status in _REFUSED:
                raise _Expired(f"the signed address was refused ({answer.status})")
            if answer.status not in _OK:
                raise _failure(answer, "the download" if data is None else "the upload")
            return answer.body

        return self._tried(once, limit)

    def _safe_words(self, text: str) -> str:
        """Return a server message on one line, truncated, without secrets."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return "".join(one if one.isprintable() else " " for one in text)[:_MOST_WORDS].strip()

    def _tried(self, once: Callable[[], _Got], limit: TimeLimit) -> _Got:
        from tenacity import RetryCallState, Retrying, retry_if_exception_type

        def wait(state: RetryCallState) -> float:
            failure = state.outcome.exception() if state.outcome is not None else None
            asked = failure.seconds if isinstance(failure, _Passing) else None
            return WAITS[min(state.attempt_number, len(WAITS)) - 1] if asked is None else asked

        def stop(state: RetryCallState) -> bool:
            return state.attempt_number >= ATTEMPTS or state.upcoming_sleep >= limit.left

        retrying = Retrying(
            retry=retry_if_exception_type(_Passing), wait=wait, stop=stop, sleep=self._sleep, reraise=True
        )
        return retrying(once)

    def _sent(  # noqa: PLR0913, PLR0917 - the parts of a request
        self,
        method: str,
        address: str,
        limit: TimeLimit,
        headers: Mapping[str, str],
        data: bytes | None,
        most: int = _MOST_ANSWER_BYTES,
    ) -> _Answer:
        """Send one request and read the response in the time left."""
        from requests.exceptions import ConnectionError as NotConnected
        from requests.exceptions import RequestException, Timeout
        from urllib3.exceptions import HTTPError

        if not limit.left:
            raise ArchiveFailure("no time was left")
        times = (min(_CONNECT_SECONDS, limit.left), min(_ANSWER_SECONDS, limit.left))
        try:
            with self._opened().request(
                method,
                address,
                data=data,
                headers={"Accept-Encoding": "identity", **headers},
                timeout=times,
                allow_redirects=False,
                stream=True,
            ) as response:
                body = _read(response, most, limit)
                return _Answer(response.status_code, response.headers, body)
        except Timeout:
            raise _Passing("the cache service did not answer in time") from None
        except NotConnected:
            raise _Passing("the cache service cannot be reached") from None
        except HTTPError:
            raise _Passing("its answer was incomplete") from None
        except (RequestException, OSError, ValueError):
            raise ArchiveFailure("the request to the cache service failed") from None

    def _opened(self) -> Session:
        if self._session is None:
            from requests import Session

            from testsmith import __version__

            self._session = Session()
            self._session.auth = _as_it_is  # otherwise the machine's `.netrc` would add credentials
            self._session.headers["User-Agent"] = f"testsmith-bot/{__version__}"
        return self._session

    def _check_address(self, address: str) -> None:
        """Register the secrets of a signed URL, and reject a URL without encryption.

        Raises:
            ArchiveFailure: The URL is invalid, or less secure than the service's own.
        """
        try:
            parts = urlsplit(address)
        except ValueError:
            raise ArchiveFailure("the cache service returned an invalid address") from None
        self._secrets |= {address, *_signatures(parts.query)}
        if parts.scheme != "https" and parts.scheme != urlsplit(self._url).scheme:
            raise ArchiveFailure("the cache service returned an address without encryption")

    def _read(self, answer: _Answer) -> _Said:
        try:
            said, is_json = decode(_Said, answer.body), True
        except Malformed:
            said, is_json = _Said(), False
        words = self._safe_words(said.msg or said.message)
        if answer.status == _CONFLICT or (answer.status not in _OK and said.code == "already_exists"):
            raise _AlreadyThere("an entry with that name exists")
        if words.startswith(("cache write denied", "cache read denied")):
            raise Denied(f"GitHub says: {words}")
        if answer.status in _ABSENT and said.code != "not_found":
            raise Denied(f"there is no cache service of version 2 here ({answer.status}); {_NAME_A_FOLDER}")
        if answer.status not in _OK:
            raise _failure(answer, words)
        if not is_json:
            raise _Passing("the cache service did not return JSON")
        return said


def _signatures(query: str) -> Iterator[str]:
    """Yield the signature of a URL in all of its encodings."""
    for part in query.split("&"):
        name, _, raw = part.partition("=")
        if name == "sig" and raw:
            plain = unquote(raw)
            yield from (raw, raw.lower(), plain, quote(plain, safe=""), quote(plain, safe="").lower())


def _failure(answer: _Answer, words: str) -> ArchiveFailure:
    """Return the failure for an unsuccessful response."""
    status, data = answer.status, f": {words}" if words else ""
    if status == _TOO_MANY:
        return _Passing("GitHub's cache has a rate limit, which was reached (429)", _retry_after(answer))
    if status in _PASSING and "insufficient usage" not in words:
        return _Passing(f"the cache service failed ({status}){data}")
    if status in _REFUSED:
        return ArchiveFailure(f"the cache service refused the job's token ({status}){data}")
    return ArchiveFailure(f"the cache service answered {status}{data}")


def _retry_after(answer: _Answer) -> float | None:
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdecimal() else None


def _read(response: Response, most: int, limit: TimeLimit) -> bytes:
    """Read a response as it was sent, without decompressing it."""
    parts: list[bytes] = []
    left = most
    while part := response.raw.read(_PART_BYTES, decode_content=False):
        parts.append(part)
        left -= len(part)
        if left < 0:
            raise ArchiveFailure("the cache service returned too much data")
        if not limit.left:
            raise ArchiveFailure("the cache service was too slow")
    return b"".join(parts)


def _as_it_is(request: _Got) -> _Got:
    return request
