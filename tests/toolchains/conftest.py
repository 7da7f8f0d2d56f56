"""What the tests of toolchains share. They compile programs, so they are a tier of their own."""

from __future__ import annotations

import pytest

from fakes.go_workspaces import GoSite, installed_go


@pytest.fixture(scope="session")
def go(tmp_path_factory: pytest.TempPathFactory) -> GoSite:
    """Go, and compiled standard packages that all processes of the session share."""
    root = installed_go()
    if root is None:
        pytest.skip("NOT SHOWN: tests of Go, since its wheel is not installed (make .venv/.installed)")
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    return GoSite(root=root, cache=shared / "cache")
