"""A small pull request on a fake GitHub, and clients for it: where most tests begin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from fakes.github.clock import StepClock
from fakes.github.events import Events
from fakes.github.github import FakeGitHub, fake_github
from fakes.github.state import Pull, Repository, Token
from fakes.github.world import Limits

WORKFLOW = {"contents": "read", "pull_requests": "write"}
"""What the example workflow grants."""

CART = "".join(f"line_{number} = {number}\n" for number in range(1, 41))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A repository `octo/shop` whose pull request 1 changes lines 3 and 30 of `cart.py` and adds `tea.py`.

    Attributes:
        token: A workflow's, with `contents: read` and `pull_requests: write`.
        clock: Moves by a second at each write.
    """

    github: FakeGitHub
    shop: Repository
    pull: Pull
    token: Token
    clock: StepClock
    events: Events
    _sessions: dict[str, requests.Session] = field(default_factory=dict)

    def ask(
        self,
        method: str,
        path: str,
        told: Any = None,
        *,
        token: Token | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send one request to a path, below `/repos/octo/shop` without a slash; return the response."""
        session = self._sessions.setdefault("", requests.Session())
        url = path if path.startswith("http") else f"{self.github.url}{self._whole(path)}"
        shown = {"Authorization": f"Bearer {(token or self.token).value}"}
        return session.request(method, url, json=told, headers=shown | dict(headers or {}), timeout=30)

    def _whole(self, path: str) -> str:
        return path if path.startswith("/") else f"/repos/{self.shop.full_name}/{path}"

    def query(self, document: str, token: Token | None = None, **variables: Any) -> Any:
        """Send a GraphQL document and return the answer's body."""
        told = {"query": document, "variables": variables}
        return self.ask("POST", self.github.graphql_url, told, token=token).json()

    def grant(self, permissions: Mapping[str, str]) -> Token:
        """Return a workflow's token with other permissions."""
        return self.github.token(self.shop, permissions)


@contextmanager
def scene(folder: Path, *, limits: Limits | None = None) -> Iterator[Scene]:
    """Run a fake GitHub with the scene in it."""
    clock = StepClock()
    with fake_github(folder, clock=clock, limits=limits) as github:
        shop = github.repository("octo/shop")
        github.commit(shop, "main", {"cart.py": CART, "logo.png": b"\0\1\2", "docs/guide.md": "guide\n"})
        changed = CART.replace("line_3 = 3", "line_3 = 33").replace("line_30 = 30", "line_30 = 300")
        github.commit(
            shop, "change", {"cart.py": changed, "tea.py": "kind = 'green'\ncups = 2\n"}, start="main"
        )
        made = Scene(
            github=github,
            shop=shop,
            pull=github.pull_request(shop, head="change"),
            token=github.token(shop, WORKFLOW),
            clock=clock,
            events=Events(github),
        )
        try:
            yield made
        finally:
            for session in made._sessions.values():
                session.close()


def client(github: FakeGitHub, token: Token) -> Any:
    """Return a client of PyGithub's that neither waits nor retries."""
    from github import Auth, Github

    return Github(
        base_url=github.url,
        auth=Auth.Token(token.value),
        retry=None,
        seconds_between_requests=None,
        seconds_between_writes=None,
    )
