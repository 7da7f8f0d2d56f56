"""Fixtures for the tests of the client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from forge.github.clients import Clients
from forge.github.http import Http, http

from fakes.github.scene import scene


@pytest.fixture(name="clients")
def _clients(tmp_path: Path) -> Iterator[Clients]:
    """A pull request on a fake GitHub, which must hold by GitHub's contract until the end."""
    with scene(tmp_path / "github") as at:
        clients = Clients(at)
        yield clients
        clients.close()


@pytest.fixture(name="http")
def _http() -> Iterator[Http]:
    """A client whose requests are answered one by one."""
    with http() as made:
        yield made
