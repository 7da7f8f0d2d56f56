"""HTTP session for PyGithub: repeated reads are revalidated, and response sizes are limited."""

from __future__ import annotations

from typing import Any

from github import Auth, Github
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import ContentDecodingError
from requests_cache import CachedSession

ANSWER_LIMIT = 64 * 1024 * 1024
"""Maximum bytes of a response."""

API_VERSION = "2022-11-28"
"""REST API version; `tests/contract` has its description."""


class _Bounded(HTTPAdapter):
    """Reads at most the limit of a response."""

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
    """Return a PyGithub client without its own waits and retries: the callers handle those.

    Args:
        url: Base address of the REST API: `https://api.github.com`.
        token: The token itself.
        timeout: Timeout in seconds.
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
    """Return a session that revalidates every cached response and downloads it again only if it has changed.

    A 304 response does not count toward the rate limit. `expire_after=0` is required: GitHub's responses vary
    by `Authorization`, and with any other setting none would be found in the cache.
    """
    session = CachedSession(backend="memory", expire_after=0, allowable_methods=("GET",))
    session.auth = Requester.noopAuth  # otherwise a `.netrc` file would add credentials
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Bounded())
    return session
