"""The HTTP session below PyGithub: what is read twice in a run is only revalidated; no answer is endless."""

from __future__ import annotations

from typing import Any

from github import Auth, Github
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import ContentDecodingError
from requests_cache import CachedSession

ANSWER_LIMIT = 64 * 1024 * 1024
"""The most bytes of an answer that are read."""

API_VERSION = "2022-11-28"
"""The version of REST that is spoken; `tests/contract` has its description."""


class _Bounded(HTTPAdapter):
    """Reads no more of an answer than the limit."""

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        response = super().send(request, *args, **(options | {"stream": True}))
        read, parts = 0, list[bytes]()
        for part in response.iter_content(64 * 1024):
            parts.append(part)
            read += len(part)
            if read > ANSWER_LIMIT:
                response.close()
                raise ContentDecodingError("the answer is too large")
        response._content = b"".join(parts)  # noqa: SLF001 - where `requests` keeps what it has read
        return response


def connected(url: str, token: str, *, timeout: int) -> Github:
    """Return a client of PyGithub's that neither waits nor retries: the callers do.

    Args:
        url: The base of REST: `https://api.github.com`.
        token: The token itself.
        timeout: Seconds.
    """
    session = _session()

    class Plain(HTTPRequestsConnectionClass):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.session = session

    class Secured(HTTPSRequestsConnectionClass):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.session = session

    Requester.injectConnectionClasses(Plain, Secured)
    try:
        return Github(
            base_url=url,
            auth=Auth.Token(token),
            user_agent="testsmith-bot",
            api_version=API_VERSION,
            timeout=timeout,
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=None,
        )
    finally:
        Requester.resetConnectionClasses()


def _session() -> CachedSession:
    """Return a session that asks again for all that it knows, and reads it anew only where it has changed.

    An answer of 304 does not count for the limit on requests. `expire_after=0` is needed: GitHub's answers
    vary by `Authorization`, and with every other setting none would be found again.
    """
    session = CachedSession(backend="memory", expire_after=0, allowable_methods=("GET",))
    session.auth = Requester.noopAuth  # else a `.netrc` of the machine would add its own
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Bounded())
    return session
