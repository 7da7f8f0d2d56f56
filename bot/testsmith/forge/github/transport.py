"""Send one request to GitHub through PyGithub, whose types stay inside this module."""

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
"""Timeout in seconds; a review with 25 comments takes GitHub several."""


class Wire:
    """The connection to a GitHub server.

    PyGithub provides authentication, addresses and a persistent connection. Its objects are not used because
    they send requests of their own, nor its retries, which repeat a request that creates a comment and wait
    as long as GitHub asks.
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
        """Send a request and return the response's JSON; None for an empty response.

        Raises:
            Rejected: GitHub did not carry it out.
            Lost: It may or may not have been carried out.
        """
        status, headers, text = self._sent(method, path, body, query)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            raise Lost(f"status {status}")
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            raise Rejected(status, _message(text), headers=headers)
        return None if status == HTTPStatus.NO_CONTENT else _parsed(text)

    def graphql(self, document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send a document and return the response's data. Raises like `rest`."""
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
        except Exception as error:  # PyGithub also raises errors other than its own, even assertions
            raise Lost(type(error).__name__) from error


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Lost("an answer that is no JSON") from error


def _message(text: str) -> str:
    """Return GitHub's error message with its details."""
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
    """Return the exception for GraphQL errors. Without an error type, the outcome is unknown."""
    data = [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
    kinds = tuple(kind for one in data if isinstance(kind := _kind_of(one), str))
    message = " ".join(one["message"] for one in data if isinstance(one.get("message"), str))
    return Rejected(200, message, kinds=kinds) if kinds else Lost(message or "an error without words")


def _kind_of(error: Mapping[str, Any]) -> object:
    """Return the type of a GraphQL error; for an invalid document it is in the extensions."""
    extensions = error.get("extensions")
    return error.get("type") or (extensions.get("code") if isinstance(extensions, dict) else None)
