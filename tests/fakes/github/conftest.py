"""Fixtures for the tests of the fake itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.github.scene import Scene, scene


@pytest.fixture(name="at")
def _at(tmp_path: Path) -> Iterator[Scene]:
    """A pull request on a fake GitHub that must hold by the contract until the end."""
    with scene(tmp_path / "github") as made:
        yield made
