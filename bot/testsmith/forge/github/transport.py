"""The HTTP session below PyGithub: what is read twice in a run is only revalidated; no answer is endless."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from github import Auth, Github
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import ContentDecodingError
from requests_cache import CachedSession

from testsmith.forge.github.errors import Lost, Rejected
from testsmith.settings import Secret

if TYPE_CHECKING:
    from github.Requester import Requester


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


TIMEOUT = 30
"""Seconds after which an answer counts as lost: a review with 25 comments takes GitHub several."""


class Wire:
    """The connection to one GitHub.

    PyGithub is used for what it does to every request: authentication, addresses, one connection that is
    kept. Its objects are not, since they send requests of their own; nor are its retries, which repeat a
    request that makes a comment and wait as long as they are told to.
    """

    def __init__(self, url: str, graphql_url: str, token: Secret) -> None:

        self._github = connected(url, token.value, timeout=TIMEOUT)
        self._graphql_url = graphql_url

    def close(self) -> None:
        """Close the connection."""
        self._github.close()

    def rest(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str | int] | None = None,
    ) -> Any:
        """Send one request and return the answer's JSON; None for an empty one.

        Raises:
            Rejected: GitHub did not do it.
            Lost: It may or may not be done.
        """
        status, headers, text = self._sent(method, path, body, query)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            raise Lost(f"status {status}")
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            raise Rejected(status, _message(text), headers=headers)
        return None if status == HTTPStatus.NO_CONTENT else _parsed(text)

    def graphql(self, document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send one document and return the answer's data; raises as `rest` does."""
        told = self.rest("POST", self._graphql_url, {"query": document, "variables": dict(variables)})
        if not isinstance(told, dict):
            raise Lost("an answer that is no object")
        if told.get("errors"):
            raise _graphql_error(told["errors"])
        if not isinstance(told.get("data"), dict):
            raise Lost("an answer without data")
        data: Mapping[str, Any] = told["data"]
        return data

    def _sent(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str | int] | None,
    ) -> tuple[int, Mapping[str, str], str]:
        requester: Requester = self._github.requester
        try:
            return requester.requestJson(method, path, parameters=dict(query or {}), input=body)
        except Exception as error:  # PyGithub fails in many ways beside its own errors, even by assertions
            raise Lost(type(error).__name__) from error


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Lost("an answer that is no JSON") from error


def _message(text: str) -> str:
    """Return what GitHub says of an error, with the details that it gives beside."""
    try:
        told = _parsed(text)
    except Lost:
        return ""
    if not isinstance(told, dict) or not isinstance(told.get("message"), str):
        return ""
    errors = told.get("errors")
    details = [_detail(one) for one in errors] if isinstance(errors, list) else []
    return ": ".join((told["message"], *(detail for detail in details if detail)))


def _detail(error: object) -> str:
    said = error.get("message") if isinstance(error, dict) else error
    return said if isinstance(said, str) else ""


def _graphql_error(errors: object) -> Exception:
    """Return what errors of GraphQL are; without a word for what they are, the outcome is not known."""
    told = [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
    kinds = tuple(kind for one in told if isinstance(kind := _kind_of(one), str))
    message = " ".join(one["message"] for one in told if isinstance(one.get("message"), str))
    return Rejected(200, message, kinds=kinds) if kinds else Lost(message or "an error without words")


def _kind_of(error: Mapping[str, Any]) -> object:
    """Return GitHub's word for an error; for a document that it cannot read that stands in its extensions."""
    extensions = error.get("extensions")
    return error.get("type") or (extensions.get("code") if isinstance(extensions, dict) else None)
