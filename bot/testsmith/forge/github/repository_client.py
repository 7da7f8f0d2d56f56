"""Reads that are tried again, writes that are never done twice, and the speed that GitHub asks for."""

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
"""How often a read is tried at most; the waits between are 1, 2 and 4 seconds."""

WRITES = 3
"""How often a write is sent at most: again only where it was looked up and not found."""

BETWEEN_WRITES = 1.0
"""Seconds from the end of one write to the next."""

BEFORE_LOOKING = 3.0
"""Seconds before a write whose answer was lost is looked up: GitHub may be at work on it yet."""

PATIENCE = 200.0
"""Seconds that a run waits for rate limits, all in all: room for a limit without a time, and for its next."""

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Generic[_Answer]):
    """The outcome of a write.

    Attributes:
        answer: What GitHub answered, or what the lookup found.
        was_there: Whether it was found by a lookup, after an answer was lost.
    """

    answer: _Answer
    was_there: bool = False


class Calls:
    """How requests are sent, whatever is asked.

    Args:
        clock: The time in seconds since 1970, as `time.time`.
        sleep: Waits for some seconds, as `time.sleep`.
    """

    def __init__(self, *, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._clock = clock
        self._sleep = sleep
        self._patience = PATIENCE
        self._next_write = float("-inf")

    def read(self, ask: Ask, send: Callable[[], _Answer]) -> _Answer:
        """Return what a request answers that changes nothing.

        Raises:
            ForgeFailure: It cannot be had.
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
        """Do something once.

        Args:
            ask: What is done.
            send: Sends it, and returns what is to be known of it.
            look_up: Returns the same where it is done already, else None. It is asked after an answer was
                lost, before anything is sent again; what does no harm when it is done twice has always None.

        Raises:
            OutcomeUnknown: Answers were lost, and nothing is found.
            ForgeFailure: It was not done.
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
        """Wait for as long as is between two writes."""
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
        """Return the answer to a request, which is sent again where GitHub asked to wait: it was not done."""
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
    """Reads from one repository and writes to it.

    Args:
        wire: The connection.
        calls: How requests are sent.
        repository: Its full name, `owner/name`.
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
        """Return what REST tells at a path below the repository; `what` is as in `Ask`."""
        ask = Ask(what=what, permission=permission)
        return self._calls.read(ask, lambda: self._wire.rest("GET", self._path(path), query=query))

    def query(self, what: str, document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what a document of GraphQL that changes nothing is answered by."""
        ask, place = Ask(what=what, permission=READ_PULLS), {"owner": self._owner, "name": self._name}
        return self._calls.read(ask, lambda: self._wire.graphql(document, place | dict(variables)))

    def ask(self, what: str, document: str) -> Mapping[str, Any]:
        """Return what a document of GraphQL that is about no repository is answered by."""
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
        """Do something once, as `Calls.write`; an answer that cannot be read is one that was lost."""

        def sent() -> _Answer:
            try:
                return send()
            except Unreadable as error:
                raise Lost(str(error)) from error

        return self._calls.write(Ask(what=what, permission=permission), sent, look_up)

    def rest(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send one request that changes something; only within `write`."""
        return self._wire.rest(method, self._path(path), body)

    def graphql(self, document: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send one document that changes something; only within `write`."""
        return self._wire.graphql(document, {"input": dict(data)})

    def mutate(self, what: str, document: str, data: Mapping[str, str], *, permission: str) -> None:
        """Change something by GraphQL that does no harm when it is done twice."""

        def send() -> bool:
            self._wire.graphql(document, {"input": data})
            return True

        self._calls.write(Ask(what=what, permission=permission), send, lambda: None)

    def pause(self) -> None:
        """Let GitHub go on for a moment."""
        self._calls.pause()

    def _path(self, path: str) -> str:
        return f"/repos/{quote(self._owner, safe='')}/{quote(self._name, safe='')}{path}"


@contextmanager
def understood(what: str) -> Iterator[None]:
    """Turn an answer that cannot be read into a failure; `what` is as in `Ask`."""
    try:
        yield
    except Unreadable as error:
        raise ForgeFailure(
            f"Cannot {what}: GitHub's answer is not as its description says ({error}). Is the address of "
            "the API right?"
        ) from error
