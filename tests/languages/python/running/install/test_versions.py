from __future__ import annotations

from pathlib import Path

import pytest

from fakes.git_repository import GitRepository
from fakes.trees import MemoryTree
from testsmith.git.repository import Repository
from testsmith.languages.python.running.install.versions import version_of, write_versions

DYNAMIC = "[project]\nname = 'shop'\ndynamic = ['version']\n"
WRITTEN = "Metadata-Version: 2.1\nName: shop\nVersion: 1.2\n"


@pytest.mark.parametrize(
    ("tags", "version"),
    [
        ((), "0.0.1"),
        (("v2.0.1",), "2.0.1"),
        (("release-3.4-final",), "3.4"),
        (("nothing",), "0.0.1"),
    ],
)
def test_version_of__the_last_tag(tags: tuple[str, ...], version: str, tmp_path: Path) -> None:
    made = GitRepository.create(tmp_path)
    made.commit({"a.py": ""})
    for tag in tags:
        made.git("tag", tag)
    assert version_of(Repository.open(tmp_path)) == version


def test_version_of__counts_the_commits_since(tmp_path: Path) -> None:
    made = GitRepository.create(tmp_path)
    made.commit({"a.py": ""})
    made.git("tag", "-a", "v1.2", "-m", "a version")
    made.commit({"b.py": ""})
    assert version_of(Repository.open(tmp_path)) == "1.2.post1"


def _written(folder: Path, files: dict[str, str]) -> dict[str, str]:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    write_versions(MemoryTree(files), folder, "1.2")
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("PKG-INFO")}


def test_write_versions__for_each_project_whose_build_finds_it_out(tmp_path: Path) -> None:
    files = {"pyproject.toml": DYNAMIC, "core/pyproject.toml": DYNAMIC, "docs/pyproject.toml": DYNAMIC}
    assert _written(tmp_path, files) == {"PKG-INFO": WRITTEN, "core/PKG-INFO": WRITTEN}


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject.toml": "[project]\nname = 'shop'\nversion = '1'\n"},
        {"pyproject.toml": "[project]\nname = 'shop'\ndynamic = 'version'\n"},
        {"pyproject.toml": "[project]\nname = \"shop\\nVersion: 2\"\ndynamic = ['version']\n"},
        {"setup.py": "setup()"},
    ],
    ids=["a version", "no list", "no name", "no table"],
)
def test_write_versions__nothing(tmp_path: Path, files: dict[str, str]) -> None:
    assert _written(tmp_path, files) == {}


def test_write_versions__not_over_a_file_or_through_a_link(tmp_path: Path) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside"
    project.mkdir()
    outside.mkdir()
    (project / "core").symlink_to(outside)
    (project / "lib").mkdir()
    (project / "lib/PKG-INFO").symlink_to(outside / "new")
    (project / "PKG-INFO").write_text("own")
    tree = MemoryTree({f"{folder}pyproject.toml": DYNAMIC for folder in ("", "core/", "lib/")})
    write_versions(tree, project, "1.2")
    assert (project / "PKG-INFO").read_text() == "own"
    assert list(outside.iterdir()) == []
