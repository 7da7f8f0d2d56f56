"""What several whole runs begin with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.attack_site import everybodys_folder
from fakes.github.clock import WallClock
from fakes.github.github import fake_github
from fakes.packages import PackageIndex, shop_wheels
from fakes.shop import FEWER_RUNS, Shop


@pytest.fixture
def hosted(tmp_path: Path) -> Iterator[Shop]:
    """The example project on the fake GitHub, proven in fewer runs, with the workflow for commands."""
    from make_repository import SHOP, make_repository

    shutil.copytree(SHOP, tmp_path / "states")
    for state in ("base", "head"):
        (tmp_path / "states" / state / "testsmith.toml").write_text(FEWER_RUNS)
        workflows = tmp_path / "states" / state / ".github" / "workflows"
        workflows.mkdir(parents=True)
        shutil.copy(SHOP.parent / "workflows" / "commands.yml", workflows)
    make_repository(tmp_path / "source", tmp_path / "states")
    with (
        everybodys_folder() as folder,
        PackageIndex(shop_wheels()).serving() as index,
        fake_github(tmp_path / "github", clock=WallClock()) as github,
    ):
        repository = github.repository("octo/shop", tmp_path / "source")
        pull = github.pull_request(repository, head="change")
        yield Shop(github, repository, pull, folder, f"http://{index.host}/simple/")
