"""Connection to a repository: reads are retried, writes done at most once, rate limits respected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from typing import Any, TypeVar
from urllib.parse import quote

from testsmith.decode import Malformed, decode
from testsmith.forge.github.errors import (
    Lost,
    Rejected,
    failure,
    graphql_error,
    permission_for,
    rest_error,
    wait_asked,
)
from testsmith.forge.interface import ForgeFailure, ForgeRateLimited, OutcomeUnknown
from testsmith.settings import Secret

READ_WAITS = (1.0, 2.0, 4.0)
"""Seconds between attempts of a read."""

WRITES = 3
"""Maximum attempts of a write; repeated only if a lookup shows that it was not done."""

BETWEEN_WRITES = 1.0
"""Minimum seconds between writes."""

BEFORE_LOOKING = 3.0
"""Seconds before looking up a write whose response was lost, because GitHub may still be processing it."""

PATIENCE = 200.0
"""Maximum total seconds a run waits for rate limits: enough for one without a stated time and its repeat."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A response of which nothing is read."""


class Connection:
    """Reads from and writes to one repository.

    Responses are decoded into dataclasses. One that cannot be decoded counts as lost. `what` is always the
    action in words that follow "cannot": `read pull request 7`.

    Args:
        url: Base address of the REST API, as in GITHUB_API_URL.
        graphql_url: Address of the GraphQL API, as in GITHUB_GRAPHQL_URL; on the same host.
        token: A workflow's, an app's or a personal token.
        repository: Full name of the repository, `owner/name`.
        clock: Returns seconds since 1970, like `time.time`.
        sleep: Waits for a number of seconds, like `time.sleep`.
    """

    def __init__(  # noqa: PLR0913 - what a connection is built from
        self,
        *,
        url: str,
        graphql_url: str,
        token: Secret,
        repository: str,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        from testsmith.forge.github.session import open_requester

        self._requester = open_requester(url, token.value)
        self._graphql_url = graphql_url
        self.repository = repository
        self.owner, _, self._name = repository.partition("/")
        self._clock = clock
        self._sleep = sleep
        self._patience = PATIENCE
        self._next_write = float("-inf")

    def close(self) -> None:
        """Close the connection. It cannot be used afterwards."""
        self._requester.close()

    def pause(self) -> None:
        """Give GitHub a moment to catch up."""
        self._sleep(BETWEEN_WRITES)

    def get(self, kind: type[_T], what: str, path: str, **query: str | int) -> _T:
        """Return the REST response for a path below the repository.

        Raises:
            ForgeFailure: It could not be read.
        """
        return self._read(what, lambda: self.rest(kind, "GET", path, query=query))

    def query(self, kind: type[_T], what: str, document: str, **variables: str | int | None) -> _T:
        """Return the response to a read-only GraphQL document.

        Raises:
            ForgeFailure: It could not be read.
        """
        place = {"owner": self.owner, "name": self._name} if "$owner" in document else {}
        given, permission = place | variables, "pull-requests: read"
        return self._read(what, lambda: self._graphql(kind, document, given, permission))

    def write(
        self, what: str, send: Callable[[], _T], look_up: Callable[[], _T | None] = lambda: None
    ) -> tuple[_T, bool]:
        """Do something exactly once; return its result, and whether a lookup found it.

        Args:
            what: The action.
            send: Sends the request, by `rest` or `mutate`, and returns its result.
            look_up: Returns the same result if the request was carried out, else None. Called after a
                response was lost, before anything is sent again. None suits requests that are safe to repeat.

        Raises:
            OutcomeUnknown: Responses were lost, and the lookup found nothing.
            ForgeFailure: The request was not carried out.
        """
        lost: Exception = Lost()
        for _ in range(WRITES):
            try:
                return self._within_limits(what, lambda: self._paced(send)), False
            except (Lost, Malformed) as error:
                lost = error
            self._sleep(BEFORE_LOOKING)
            found = look_up()
            if found is not None:
                return found, True
        raise OutcomeUnknown(
            f"Cannot {what}: GitHub gave no usable answer ({lost}), and the change is not there. The next "
            f"run tries again."
        ) from lost

    def rest(
        self,
        kind: type[_T],
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str | int] | None = None,
    ) -> _T:
        """Send one REST request for a path below the repository; only use within `write`.

        Raises:
            Rejected: GitHub did not carry it out.
            Lost: It may or may not have been carried out.
            Malformed: As `Lost`; the response cannot be decoded.
        """
        place = f"/repos/{quote(self.owner, safe='')}/{quote(self._name, safe='')}{path}"
        return decode(kind, self._sent(method, place, body, permission_for(method, path), query=query))

    def mutate(
        self, kind: type[_T], name: str, data: Mapping[str, Any], *, fields: str, permission: str
    ) -> _T:
        """Send one GraphQL mutation; only use within `write`. Raises like `rest`.

        `fields` selects from its result; `permission` is what it needs, as a workflow grants it.
        """
        input_type = f"{name[0].upper()}{name[1:]}Input!"
        document = f"mutation($input: {input_type}) {{ {name}(input: $input) {{ {fields} }} }}"
        return self._graphql(kind, document, {"input": data}, permission)

    def _graphql(self, kind: type[_T], document: str, variables: Mapping[str, Any], permission: str) -> _T:
        body = {"query": document, "variables": variables}
        text = self._sent("POST", self._graphql_url, body, permission)
        error = graphql_error(text, permission)
        if error:
            raise error
        return decode(kind, text)

    def _sent(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | None,
        permission: str,
        *,
        query: Mapping[str, str | int] | None = None,
    ) -> str:
        try:
            status, headers, text = self._requester.requestJson(method, url, dict(query or {}), input=body)
        except Exception as error:  # PyGithub also raises errors other than its own, even assertions
            raise Lost(type(error).__name__) from error
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            raise Lost(f"status {status}")
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            raise rest_error(status, headers, text, permission)
        return "{}" if status == HTTPStatus.NO_CONTENT else text

    def _read(self, what: str, send: Callable[[], _T]) -> _T:
        for attempt in count():
            try:
                return self._within_limits(what, send)
            except (Lost, Malformed) as lost:
                if attempt == len(READ_WAITS):
                    raise ForgeFailure(
                        f"Cannot {what}: GitHub gave no usable answer to {attempt + 1} requests ({lost}). "
                        "Run the job again later."
                    ) from lost
            self._sleep(READ_WAITS[attempt])
        raise AssertionError("unreachable")

    def _paced(self, send: Callable[[], _T]) -> _T:
        left = self._next_write - self._clock()
        if left > 0:
            self._sleep(min(left, BETWEEN_WRITES))
        try:
            return send()
        finally:
            self._next_write = self._clock() + BETWEEN_WRITES

    def _within_limits(self, what: str, send: Callable[[], _T]) -> _T:
        """Return the response to a request, repeating it after rate limits, which carry nothing out."""
        for attempt in count():
            try:
                return send()
            except Rejected as rejected:
                seconds = wait_asked(rejected, now=self._clock(), attempt=attempt)
                if seconds is None:
                    raise failure(rejected, what) from rejected
                if seconds > self._patience:
                    raise ForgeRateLimited(
                        f"Cannot {what}: GitHub asks to wait {seconds:.0f} s before the next request, "
                        f"longer than this run can wait. Run the job again later."
                    ) from rejected
            self._patience -= seconds
            self._sleep(seconds)
        raise AssertionError("unreachable")
