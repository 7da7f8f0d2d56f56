"""One repository on GitHub: requests to it, said in words, sent with the care that `calls` takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import quote

from testsmith.forge.forge import ForgeFailure
from testsmith.forge.github.calls import Calls, Done
from testsmith.forge.github.errors import Ask, Lost
from testsmith.forge.github.told import Unreadable
from testsmith.forge.github.wire import Wire

READ_PULLS = "pull-requests: read"
READ_CONTENTS = "contents: read"
WRITE_PULLS = "pull-requests: write"
WRITE_CONTENTS = "contents: write"

_Answer = TypeVar("_Answer")


class Remote:
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

    def graphql(self, document: str, told: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send one document that changes something; only within `write`."""
        return self._wire.graphql(document, {"input": dict(told)})

    def mutate(self, what: str, document: str, told: Mapping[str, str], *, permission: str) -> None:
        """Change something by GraphQL that does no harm when it is done twice."""

        def send() -> bool:
            self._wire.graphql(document, {"input": told})
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
