from __future__ import annotations

from fakes.trees import MemoryTree
from testsmith.languages.python.running.install.lock_files import Locked, read_lock_file

PDM = """
[metadata]
lock_version = "4.5.1"

[[metadata.targets]]
requires_python = ">=3.10"

[[package]]
name = "HishEl"
version = "1.2.1"
dependencies = [
    "anyio>=4; python_version < \\"3.11\\"",
]
files = [
    {file = "hishel-1.2.1.tar.gz", hash = "sha256:1"},
]

[[package]]
name = "hishel"
version = "1.2.1"
extras = ["httpx"]

[[package]]
name = "mine"
version = "0.1"
git = "https://example.org/mine.git"
"""
POETRY = """
[[package]]
name = "anyio"
version = "4.13.0"

[package.dependencies]
name = "9"
idna = {version = ">=2", markers = "python_version < '3.11'"}

[[package]]
name = "mine"
version = "2.0"

[package.dependencies]
anyio = "*"

[package.source]
type = "git"
url = "https://example.org/mine.git"

[[package]]
name = "numpy"
version = "1.26"

[[package]]
name = "numpy"
version = "2.0"

[metadata]
lock-version = "2.1"
name = "no package"
"""


def read(files: dict[str, str], folders: tuple[str, ...] = ("",)) -> Locked | None:
    return read_lock_file(MemoryTree(files), folders)


def test_read_lock_file__packages_from_the_index_once() -> None:
    assert read({"pdm.lock": PDM}) == Locked(file="pdm.lock", pins=("hishel==1.2.1",))


def test_read_lock_file__neither_other_sources_nor_several_versions() -> None:
    assert read({"poetry.lock": POETRY}) == Locked(file="poetry.lock", pins=("anyio==4.13.0",))
    assert read({"poetry.lock": POETRY.replace("\n", "\r\n")}) == read({"poetry.lock": POETRY})


def test_read_lock_file__of_the_first_folder_that_has_one() -> None:
    files = {"pdm.lock": PDM, "packages/api/poetry.lock": POETRY}
    found = read(files, ("packages/api/", "packages/", ""))
    assert found is not None
    assert found.file == "packages/api/poetry.lock"
    assert read({"sub/pdm.lock": PDM}) is None


def test_read_lock_file__nothing_that_is_not_a_version() -> None:
    hostile = (
        '[[package]]\nname = "a"\nversion = "1 --index-url=https://example.org"\n'
        '[[package]]\nname = "-r/etc/passwd"\nversion = "1"\n'
        '[[package]]\nname = "b @ https://example.org"\nversion = "1"\n'
        "[[package]]\nname = 3\n[[package]]\n"
    )
    assert read({"pdm.lock": hostile}) == Locked(file="pdm.lock", pins=())
    assert read({"pdm.lock": '[[package]]\nname = "a"\nversion = "1"\n' + "#" * 5_000_000}) is None
