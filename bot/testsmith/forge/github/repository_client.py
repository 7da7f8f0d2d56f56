"""Repository client: reads are retried, writes are done at most once, and rate limits are respected."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from testsmith.forge.github.errors import Ask, Lost, Rejected, failure, wait_asked
from testsmith.forge.github.payload import Unreadable
from testsmith.forge.github.transport import Wire
from testsmith.forge.interface import ForgeFailure, ForgeRateLimited, OutcomeUnknown

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

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Generic[_Answer]):
    """The result of a write.

    Attributes:
        answer: GitHub's response, or the result of the lookup.
        was_there: Whether a lookup found it, after a response was lost.
    """

    answer: _Answer
    was_there: bool = False


class Calls:
    """Sends requests with retries, rate limiting and lookups.

    Args:
        clock: Returns seconds since 1970, like `time.time`.
        sleep: Waits for a number of seconds, like `time.sleep`.
    """

    def __init__(self, *, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._clock = clock
        self._sleep = sleep
        self._patience = PATIENCE
        self._next_write = float("-inf")

    def read(self, ask: Ask, send: Callable[[], _Answer]) -> _Answer:
        """Return the response to a request that changes nothing.

        Raises:
            ForgeFailure: The request failed.
        """
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

        retrying = Retrying(
            retry=retry_if_exception_type(Lost),
            stop=stop_after_attempt(READS),
            wait=wait_exponential(multiplier=1),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(lambda: self._within_limits(ask, send))
        except Lost as lost:
            raise ForgeFailure(
                f"Cannot {ask.what}: GitHub gave no usable answer to {READS} requests ({lost}). "
                "Run the job again later."
            ) from lost

    def write(
        self, ask: Ask, send: Callable[[], _Answer], look_up: Callable[[], _Answer | None]
    ) -> Done[_Answer]:
        """Do something exactly once.

        Args:
            ask: The purpose of the request.
            send: Sends the request and returns its result.
            look_up: Returns the same result if the request was carried out, else None. Called after a
                response was lost, before anything is sent again. For requests that are safe to repeat, always
                returns None.

        Raises:
            OutcomeUnknown: Responses were lost, and the lookup found nothing.
            ForgeFailure: The request was not carried out.
        """
        lost = Lost()
        for _ in range(WRITES):
            try:
                return Done(answer=self._within_limits(ask, lambda: self._paced(send)))
            except Lost as error:
                lost = error
            self._sleep(BEFORE_LOOKING)
            found = look_up()
            if found is not None:
                return Done(answer=found, was_there=True)
        raise OutcomeUnknown(
            f"Cannot {ask.what}: GitHub gave no usable answer ({lost}), and it is not to be found there. "
            "The next run looks again."
        ) from lost

    def pause(self) -> None:
        """Wait for the minimum time between writes."""
        self._sleep(BETWEEN_WRITES)

    def _paced(self, send: Callable[[], _Answer]) -> _Answer:
        left = self._next_write - self._clock()
        if left > 0:
            self._sleep(min(left, BETWEEN_WRITES))
        try:
            return send()
        finally:
            self._next_write = self._clock() + BETWEEN_WRITES

    def _within_limits(self, ask: Ask, send: Callable[[], _Answer]) -> _Answer:
        """Return the response to a request, repeating it after rate limits, which carry nothing out."""
        for attempt in count():
            try:
                return send()
            except Rejected as rejected:
                self._wait_or_raise(ask, rejected, attempt)
        raise AssertionError("unreachable")

    def _wait_or_raise(self, ask: Ask, rejected: Rejected, attempt: int) -> None:
        seconds = wait_asked(rejected, now=self._clock(), attempt=attempt)
        if seconds is None:
            raise failure(rejected, ask) from rejected
        if seconds > self._patience:
            raise ForgeRateLimited(
                f"Cannot {ask.what}: GitHub asks to wait {seconds:.0f} s before the next request, which is "
                "longer than the run can. Run the job again later."
            ) from rejected
        self._patience -= seconds
        self._sleep(seconds)


READ_PULLS = "pull-requests: read"
READ_CONTENTS = "contents: read"
WRITE_PULLS = "pull-requests: write"
WRITE_CONTENTS = "contents: write"


class RepositoryClient:
    """Reads from and writes to one repository.

    Args:
        wire: The connection.
        calls: The request sender.
        repository: The repository's full name, `owner/name`.
    """

    def __init__(self, wire: Wire, calls: Calls, repository: str) -> None:
        self._wire = wire
        self._calls = calls
        self._owner, _, self._name = repository.partition("/")

    def close(self) -> None:
        """Close the connection."""
        self._wire.close()

    def get(
        self,
        what: str,
        path: str,
        query: Mapping[str, str | int] | None = None,
        *,
        permission: str = READ_PULLS,
    ) -> Any:
        """Return the REST response for a path below the repository; `what` is as in `Ask`."""
        ask = Ask(what=what, permission=permission)
        return self._calls.read(ask, lambda: self._wire.rest("GET", self._path(path), query=query))

    def query(self, what: str, document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the response to a read-only GraphQL document."""
        ask, place = Ask(what=what, permission=READ_PULLS), {"owner": self._owner, "name": self._name}
        return self._calls.read(ask, lambda: self._wire.graphql(document, place | dict(variables)))

    def ask(self, what: str, document: str) -> Mapping[str, Any]:
        """Return the response to a read-only GraphQL document that is not about a repository."""
        ask = Ask(what=what, permission=READ_PULLS)
        return self._calls.read(ask, lambda: self._wire.graphql(document, {}))

    @property
    def repository(self) -> str:
        """The repository's full name."""
        return f"{self._owner}/{self._name}"

    def write(
        self,
        what: str,
        send: Callable[[], _Answer],
        look_up: Callable[[], _Answer | None],
        *,
        permission: str = WRITE_PULLS,
    ) -> Done[_Answer]:
        """Do something exactly once, like `Calls.write`. An unreadable response counts as lost."""

        def sent() -> _Answer:
            try:
                return send()
            except Unreadable as error:
                raise Lost(str(error)) from error

        return self._calls.write(Ask(what=what, permission=permission), sent, look_up)

    def rest(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send one modifying REST request; only use within `write`."""
        return self._wire.rest(method, self._path(path), body)

    def graphql(self, document: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send one modifying GraphQL document; only use within `write`."""
        return self._wire.graphql(document, {"input": dict(data)})

    def mutate(self, what: str, document: str, data: Mapping[str, str], *, permission: str) -> None:
        """Send a GraphQL mutation that is safe to repeat."""

        def send() -> bool:
            self._wire.graphql(document, {"input": data})
            return True

        self._calls.write(Ask(what=what, permission=permission), send, lambda: None)

    def pause(self) -> None:
        """Give GitHub a moment to catch up."""
        self._calls.pause()

    def _path(self, path: str) -> str:
        return f"/repos/{quote(self._owner, safe='')}/{quote(self._name, safe='')}{path}"


@contextmanager
def understood(what: str) -> Iterator[None]:
    """Turn an unreadable response into a failure; `what` is as in `Ask`."""
    try:
        yield
    except Unreadable as error:
        raise ForgeFailure(
            f"Cannot {what}: GitHub's answer is not as its description says ({error}). Is the address of "
            "the API right?"
        ) from error
