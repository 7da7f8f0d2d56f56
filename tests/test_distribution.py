"""The distribution as others install it: built here, and served by an index on this machine."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import testsmith
from fakes.git_repository import GitRepository
from fakes.packages import PackageIndex, locked_wheels

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
NAME = "testsmith-bot"


@pytest.fixture(scope="module", name="wheel")
def _wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = (sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder))
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [wheel] = folder.iterdir()
    return wheel


def test_wheel__installs_one_package_and_two_commands(wheel: Path) -> None:
    assert wheel.name == f"testsmith_bot-{testsmith.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        folders = {name.partition("/")[0] for name in archive.namelist()}
        info = f"testsmith_bot-{testsmith.__version__}.dist-info"
        commands = archive.read(f"{info}/entry_points.txt").decode().split()
        about = archive.read(f"{info}/METADATA").decode()
    assert folders == {"testsmith", info}
    assert [word for word in commands if word.startswith("testsmith") and ":" not in word] == [
        "testsmith",
        NAME,
    ]
    assert f"Project-URL: Homepage, {testsmith.ADDRESS}" in about
    (of_mcp,) = re.findall(r"^Requires-Dist: mcp\b.*", about, re.MULTILINE)
    assert of_mcp.endswith("; extra == 'mcp'")  # only who asks for it gets it
    links = re.findall(r"\]\((.*?)\)", about)
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    assert f"{testsmith.ADDRESS}/blob/main/docs/tutorial.md" in links


@pytest.mark.slow
def test_uvx__runs_it_from_an_index_without_more_words(wheel: Path, tmp_path: Path) -> None:
    with PackageIndex({**locked_wheels(), wheel.name: wheel.read_bytes()}).serving() as index:
        done = subprocess.run(
            (str(BIN / "uvx"), "--default-index", f"http://{index.host}/simple/", NAME, "init"),
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "UV_PYTHON": sys.executable},
            cwd=GitRepository.create(tmp_path / "project").folder,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "\n    uvx testsmith-bot doctor\n" in done.stdout
    assert any(path.endswith(f"/{wheel.name}") for path, _ in index.asked)
