"""What several whole runs begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.arena import everybodys_folder
from fakes.github.clock import WallClock
from fakes.github.github import fake_github
from fakes.packages import PackageIndex, shop_wheels
from fakes.shop import Shop


@pytest.fixture
def hosted(tmp_path: Path) -> Iterator[Shop]:
    from make_repository import make_repository

    make_repository(tmp_path / "source")
    with (
        everybodys_folder() as folder,
        PackageIndex(shop_wheels()).serving() as index,
        fake_github(tmp_path / "github", clock=WallClock()) as github,
    ):
        repository = github.repository("octo/shop", tmp_path / "source")
        pull = github.pull_request(repository, head="change")
        yield Shop(github, repository, pull, folder, f"http://{index.host}/simple/")
