"""Connection to a repository: reads are retried, writes done at most once, rate limits respected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from testsmith.decode import Malformed, decode
from testsmith.forge.github.errors import Lost, Rejected, failure, graphql_error, rest_error, wait_asked
from testsmith.forge.interface import ForgeFailure, ForgeRateLimited, OutcomeUnknown
from testsmith.settings import Secret

READS = 4
"""Maximum attempts of a read, with waits of 1, 2 and 4 seconds."""

WRITES = 3
"""Maximum attempts of a write; repeated only if a lookup shows that it was not done."""

BETWEEN_WRITES = 1.0
"""Minimum seconds between writes."""

BEFORE_LOOKING = 3.0
"""Seconds before looking up a write whose response was lost, because GitHub may still be processing it."""

PATIENCE = 200.0
"""Maximum total seconds a run waits for rate limits: enough for one without a stated time and its repeat."""

READ_PULLS = "pull-requests: read"
READ_CONTENTS = "contents: read"
WRITE_PULLS = "pull-requests: write"
WRITE_CONTENTS = "contents: write"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A response of which nothing is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Generic[_T]):
    """The result of a write.

    Attributes:
        answer: GitHub's response, or the result of the lookup.
        was_there: Whether a lookup found it, after a response was lost.
    """

    answer: _T
    was_there: bool = False


class Connection:
    """Reads from and writes to one repository.

    Responses are decoded into dataclasses. One that cannot be decoded counts as lost.

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
        self.owner, _, self._name = repository.partition("/")
        self.repository = repository
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

    def get(
        self, kind: type[_T], what: str, path: str, *, permission: str = READ_PULLS, **query: str | int
    ) -> _T:
        """Return the REST response for a path below the repository; `what` is as in `failure`.

        Raises:
            ForgeFailure: It could not be read.
        """
        return self._read(what, permission, lambda: self.rest(kind, "GET", path, query=query))

    def query(self, kind: type[_T], what: str, document: str, **variables: str | int | None) -> _T:
        """Return the response to a read-only GraphQL document; `what` is as in `failure`.

        Raises:
            ForgeFailure: It could not be read.
        """
        place = {"owner": self.owner, "name": self._name} if "$owner" in document else {}
        return self._read(what, READ_PULLS, lambda: self.graphql(kind, document, place | variables))

    def write(
        self,
        what: str,
        send: Callable[[], _T],
        look_up: Callable[[], _T | None] = lambda: None,
        *,
        permission: str = WRITE_PULLS,
    ) -> Done[_T]:
        """Do something exactly once.

        Args:
            what: The action, as in `failure`.
            send: Sends the request, by `rest` or `graphql`, and returns its result.
            look_up: Returns the same result if the request was carried out, else None. Called after a
                response was lost, before anything is sent again. None suits requests that are safe to repeat.
            permission: The permission it needs, as in `failure`.

        Raises:
            OutcomeUnknown: Responses were lost, and the lookup found nothing.
            ForgeFailure: The request was not carried out.
        """
        lost: Exception = Lost()
        for _ in range(WRITES):
            try:
                return Done(answer=self._within_limits(what, permission, lambda: self._paced(send)))
            except (Lost, Malformed) as error:
                lost = error
            self._sleep(BEFORE_LOOKING)
            found = look_up()
            if found is not None:
                return Done(answer=found, was_there=True)
        raise OutcomeUnknown(
            f"Cannot {what}: GitHub gave no usable answer ({lost}), and it is not to be found there. "
            "The next run looks again."
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
        return decode(kind, self._sent(method, place, body, query))

    def graphql(self, kind: type[_T], document: str, variables: Mapping[str, Any]) -> _T:
        """Send one GraphQL document; only use within `write`. Raises like `rest`."""
        text = self._sent("POST", self._graphql_url, {"query": document, "variables": dict(variables)})
        error = graphql_error(text)
        if error:
            raise error
        return decode(kind, text)

    def _sent(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str | int] | None = None,
    ) -> str:
        try:
            status, headers, text = self._requester.requestJson(method, url, dict(query or {}), input=body)
        except Exception as error:  # PyGithub also raises errors other than its own, even assertions
            raise Lost(type(error).__name__) from error
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            raise Lost(f"status {status}")
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            raise rest_error(status, headers, text)
        return "{}" if status == HTTPStatus.NO_CONTENT else text

    def _read(self, what: str, permission: str, send: Callable[[], _T]) -> _T:
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

        retrying = Retrying(
            retry=retry_if_exception_type((Lost, Malformed)),
            stop=stop_after_attempt(READS),
            wait=wait_exponential(multiplier=1),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(lambda: self._within_limits(what, permission, send))
        except (Lost, Malformed) as lost:
            raise ForgeFailure(
                f"Cannot {what}: GitHub gave no usable answer to {READS} requests ({lost}). "
                "Run the job again later."
            ) from lost

    def _paced(self, send: Callable[[], _T]) -> _T:
        left = self._next_write - self._clock()
        if left > 0:
            self._sleep(min(left, BETWEEN_WRITES))
        try:
            return send()
        finally:
            self._next_write = self._clock() + BETWEEN_WRITES

    def _within_limits(self, what: str, permission: str, send: Callable[[], _T]) -> _T:
        """Return the response to a request, repeating it after rate limits, which carry nothing out."""
        for attempt in count():
            try:
                return send()
            except Rejected as rejected:
                seconds = wait_asked(rejected, now=self._clock(), attempt=attempt)
                if seconds is None:
                    raise failure(rejected, what, permission) from rejected
                if seconds > self._patience:
                    raise ForgeRateLimited(
                        f"Cannot {what}: GitHub asks to wait {seconds:.0f} s before the next request, "
                        "which is longer than the run can. Run the job again later."
                    ) from rejected
                self._patience -= seconds
                self._sleep(seconds)
        raise AssertionError("unreachable")
