"""PyGithub's requester on a session of requests-cache."""

from __future__ import annotations

from typing import Any

from github import Auth, Github
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester
from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import ContentDecodingError
from requests_cache import CachedSession

from testsmith.decode import MOST_BYTES

API_VERSION = "2022-11-28"
"""REST API version; `tests/contract` has its description."""

TIMEOUT = 30
"""Timeout in seconds; a review with 25 comments takes GitHub several."""


class _Bounded(HTTPAdapter):
    """Reads no more of a response than can be decoded."""

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        response = super().send(request, *args, **(options | {"stream": True}))
        read, parts = 0, list[bytes]()
        for part in response.iter_content(64 * 1024):
            parts.append(part)
            read += len(part)
            if read > MOST_BYTES:
                response.close()
                raise ContentDecodingError("the answer is too large")
        response._content = b"".join(parts)  # noqa: SLF001 - where `requests` keeps what it has read
        return response


class _Revalidated:
    """Makes a connection of PyGithub send a repeated GET with the ETag of the first; a 304 is free.

    `expire_after=0` is required: GitHub's responses vary by `Authorization`, and with any other setting none
    would be found in the cache.
    """

    session: Session

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.session = CachedSession.wrap(
            self.session, backend="memory", expire_after=0, allowable_methods=("GET",)
        )
        self.session.mount("http://", _Bounded())
        self.session.mount("https://", _Bounded())


class _Http(_Revalidated, HTTPRequestsConnectionClass):
    pass


class _Https(_Revalidated, HTTPSRequestsConnectionClass):
    pass


def open_requester(url: str, token: str) -> Requester:
    """Return PyGithub's requester without its waits and retries, which would repeat a write.

    Args:
        url: Base address of the REST API: `https://api.github.com`.
        token: The token itself.
    """
    Requester.injectConnectionClasses(_Http, _Https)
    try:
        return Github(
            base_url=url,
            auth=Auth.Token(token),
            user_agent="testsmith-bot",
            api_version=API_VERSION,
            timeout=TIMEOUT,
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=None,
        ).requester
    finally:
        Requester.resetConnectionClasses()
