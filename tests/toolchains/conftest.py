"""What the tests of toolchains share. They compile programs, so they are a tier of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.go_workspaces import GoSite, installed_go
from fakes.typescript_workspaces import NodeSite, installed_node


@pytest.fixture(scope="session")
def go(tmp_path_factory: pytest.TempPathFactory) -> GoSite:
    """Go, and compiled standard packages that all processes of the session share."""
    root = installed_go()
    if root is None:
        pytest.skip("NOT SHOWN: tests of Go, since its wheel is not installed (make .venv/.installed)")
    site = GoSite(root=root, cache=_shared(tmp_path_factory) / "cache")
    site.warm(tmp_path_factory.mktemp("warm"))
    return site


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> NodeSite:
    """Node, and installed packages that all processes of the session share."""
    root = installed_node()
    if root is None:
        pytest.skip("NOT SHOWN: tests of Node, since its wheel is not installed (make .venv/.installed)")
    return NodeSite(root=root, cache=_shared(tmp_path_factory) / "node-cache")


def _shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all processes of the session share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if base.name.startswith("popen-") else base
