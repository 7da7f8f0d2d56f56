"""One request to GitHub and its answer. PyGithub sends it; none of its types go further."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from testsmith.forge.github.errors import Lost, Rejected
from testsmith.settings import Secret

if TYPE_CHECKING:
    from github.Requester import Requester

TIMEOUT = 30
"""Seconds after which an answer counts as lost: a review with 25 comments takes GitHub several."""


class Wire:
    """The connection to one GitHub.

    PyGithub is used for what it does to every request: authentication, addresses, one connection that is
    kept. Its objects are not, since they send requests of their own; nor are its retries, which repeat a
    request that makes a comment and wait as long as they are told to.
    """

    def __init__(self, url: str, graphql_url: str, token: Secret) -> None:
        from testsmith.forge.github.session import connected

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
        data = _parsed(text)
    except Lost:
        return ""
    if not isinstance(data, dict) or not isinstance(data.get("message"), str):
        return ""
    errors = data.get("errors")
    details = [_detail(one) for one in errors] if isinstance(errors, list) else []
    return ": ".join((data["message"], *(detail for detail in details if detail)))


def _detail(error: object) -> str:
    said = error.get("message") if isinstance(error, dict) else error
    return said if isinstance(said, str) else ""


def _graphql_error(errors: object) -> Exception:
    """Return what errors of GraphQL are; without a word for what they are, the outcome is not known."""
    data = [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
    kinds = tuple(kind for one in data if isinstance(kind := _kind_of(one), str))
    message = " ".join(one["message"] for one in data if isinstance(one.get("message"), str))
    return Rejected(200, message, kinds=kinds) if kinds else Lost(message or "an error without words")


def _kind_of(error: Mapping[str, Any]) -> object:
    """Return GitHub's word for an error; for a document that it cannot read that stands in its extensions."""
    extensions = error.get("extensions")
    return error.get("type") or (extensions.get("code") if isinstance(extensions, dict) else None)
