"""Builds the client for one repository."""

from __future__ import annotations

from collections.abc import Callable

from testsmith.forge.github.calls import Calls
from testsmith.forge.github.client import GitHub
from testsmith.forge.github.remote import Remote
from testsmith.forge.github.wire import Wire
from testsmith.settings import Secret


def build_forge(  # noqa: PLR0913 - what a client is built from
    *,
    url: str,
    graphql_url: str,
    token: Secret,
    repository: str,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> GitHub:
    """Return the client for one repository; nothing is asked yet.

    Args:
        url: The base of REST, as in GITHUB_API_URL.
        graphql_url: Where GraphQL is, as in GITHUB_GRAPHQL_URL; on the same host.
        token: What the client shows: a workflow's token, an app's, or a person's.
        repository: Full name of the repository, `owner/name`.
        clock: The time in seconds since 1970, as `time.time`.
        sleep: Waits for some seconds, as `time.sleep`.
    """
    return GitHub(Remote(Wire(url, graphql_url, token), Calls(clock=clock, sleep=sleep), repository))
