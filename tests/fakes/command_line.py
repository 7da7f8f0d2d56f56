"""The program as a person runs it: a process with an environment of its own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fakes.fork_server import fork_server
from fakes.running import Running


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended, and what it printed."""

    code: int
    stdout: str
    stderr: str

    @property
    def report(self) -> dict[str, Any]:
        """The JSON report on stdout."""
        loaded: dict[str, Any] = json.loads(self.stdout)
        return loaded


@dataclass(frozen=True, slots=True)
class CommandLine:
    """Runs `testsmith` with a home of its own, so that no key and no cache of the machine reaches it.

    Attributes:
        home: The home.
        active: The environment that is active; None for none.
    """

    home: Path
    active: Path | None = None

    def run(
        self,
        *arguments: str,
        key: str | None = None,
        seconds: float = 120.0,
        variables: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run a command line to its end."""
        environment = {**self.environment(key), **(variables or {})}
        return Ran(*fork_server().run(arguments, environment, self.home, seconds))

    def suggest(self, repo: Path, *arguments: str, key: str | None = None) -> Ran:
        """Run `testsmith suggest` for a repository and ask for JSON."""
        return self.run("suggest", "--repo", str(repo), "--format", "json", *arguments, key=key)

    @contextmanager
    def started(self, *arguments: str, key: str | None = None, **variables: str) -> Iterator[Running]:
        """Start a command line, and give it while it runs."""
        command = (sys.executable, "-m", "testsmith", *arguments)
        running = Running(command, {**self.environment(key), **variables}, self.home)
        try:
            yield running
        finally:
            running.close()

    def environment(self, key: str | None = None) -> dict[str, str]:
        """The variables of a run: a path, a home, the active environment, and the key where there is one."""
        inherited = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        keys = {} if key is None else {"TESTSMITH_API_KEY": key}
        active = {} if self.active is None else {"VIRTUAL_ENV": str(self.active)}
        own = {"HOME": str(self.home), "XDG_CACHE_HOME": str(self.home / "cache")}
        return {**inherited, **own, **active, **keys}
