"""An agent's program: the client of the protocol's own SDK, with the server as a subprocess."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult, Tool


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer to a call.

    Attributes:
        text: Its text.
        document: Its structured content; empty for an error.
        is_error: Whether it is an error.
        progress: The notifications before it: the part that is done, of how much, and the words.
    """

    text: str
    document: Mapping[str, Any]
    is_error: bool
    progress: tuple[tuple[float, float | None, str | None], ...]


@dataclass(kw_only=True)
class Agent:
    """A client in a thread of its own.

    Attributes:
        portal: Runs its coroutines.
        client: The SDK's client.
        strange: What came on the server's standard output and is not the protocol.
    """

    portal: BlockingPortal
    client: Client
    strange: list[Exception] = field(default_factory=list)

    def tools(self) -> dict[str, Tool]:
        return {one.name: one for one in self.portal.call(self.client.list_tools).tools}

    def call(self, name: str, **arguments: Any) -> Answer:
        return self.started(name, **arguments)()

    def started(self, name: str, **arguments: Any) -> Started:
        """Begin a call, and return it while it runs."""
        return Started(self, name, arguments)


class Started:
    """A call that runs; call it to wait for the answer."""

    def __init__(self, agent: Agent, name: str, arguments: Mapping[str, Any]) -> None:
        self.progress: list[tuple[float, float | None, str | None]] = []

        async def notified(progress: float, total: float | None, message: str | None) -> None:
            self.progress.append((progress, total, message))

        async def call() -> CallToolResult:
            return await agent.client.call_tool(name, dict(arguments), progress_callback=notified)

        self._future = agent.portal.start_task_soon(call)

    def __call__(self) -> Answer:
        result = self._future.result(300)
        text = "".join(part.text for part in result.content if part.type == "text")
        document = result.structured_content or {}
        is_error = bool(result.is_error)
        return Answer(text=text, document=document, is_error=is_error, progress=tuple(self.progress))

    def cancel(self) -> None:
        """Cancel the call, as when a person stops their agent."""
        self._future.cancel()


@contextmanager
def agent(folder: Path, home: Path, *arguments: str, **variables: str) -> Iterator[Agent]:
    """Start the server for a folder, with an environment of its own, and connect to it."""
    command = ("-m", "testsmith", "mcp", "--repo", str(folder), *arguments)
    inherited = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    server = StdioServerParameters(
        command=sys.executable, args=list(command), env={**inherited, **variables}, cwd=home
    )
    strange: list[Exception] = []

    async def heard(message: object) -> None:
        if isinstance(message, Exception):
            strange.append(message)

    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(Client(server, message_handler=heard)) as client,
    ):
        yield Agent(portal=portal, client=client, strange=strange)
