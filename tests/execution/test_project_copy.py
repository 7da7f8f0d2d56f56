from __future__ import annotations

import os
from pathlib import Path

import pytest

from fakes.trees import MemoryTree
from testsmith.execution.project_copy import (
    bring_ignored_files,
    exchange_files,
    is_safe_path,
    write_copy,
)
from testsmith.git.trees import MOST_FILE_BYTES


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def test_write_copy__keeps_content_and_executable_bit(tmp_path: Path) -> None:
    tree = MemoryTree(
        files={"src/a.py": "x = 1\n", "run.sh": b"#!/bin/sh\n\xff"}, executable=frozenset({"run.sh"})
    )
    report = write_copy(tree, tmp_path)
    assert (tmp_path / "src/a.py").read_text() == "x = 1\n"
    assert (tmp_path / "run.sh").read_bytes() == b"#!/bin/sh\n\xff"
    assert (tmp_path / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "src/a.py").stat().st_mode & 0o777 == 0o644
    assert report.refused == ()


@pytest.mark.parametrize(
    "path",
    [
        "../out.py",
        "a/../../out.py",
        "/etc/out.py",
        ".git/config",
        "sub/.GIT/hooks/x",
        "a//b",
        "a/./b",
        "x\0y",
        "d/" * 300 + "a.py",
        "",
    ],
)
def test_write_copy__refuses_hostile_paths(path: str, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    report = write_copy(MemoryTree(files={path: "bad", "good.py": "good"}), folder)
    assert report.refused == (path,)
    assert files_below(tmp_path) == {"copy/good.py"}


def test_is_safe_path__allows_ordinary_names() -> None:
    assert all(map(is_safe_path, ["a.py", ".github/workflows/ci.yml", "src/..a/b", ".gitignore", "git/x"]))


def test_write_copy__keeps_links_that_stay_inside(tmp_path: Path) -> None:
    tree = MemoryTree(files={"data/a.txt": "a"}, links={"link.txt": "data/a.txt", "data/up": "../data"})
    report = write_copy(tree, tmp_path)
    assert (tmp_path / "link.txt").read_text() == "a"
    assert (tmp_path / "data/up").is_symlink()
    assert report.refused == ()


@pytest.mark.parametrize(
    "links",
    [
        {"bad": "/etc/passwd"},
        {"bad": "../../outside"},
        {"deep/bad": "../.."},
        {"deep": "inner/folder", "bad": "deep/../../.."},
    ],
)
def test_write_copy__removes_links_that_lead_out(links: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    report = write_copy(MemoryTree(files={"inner/folder/a.py": ""}, links=links), folder)
    assert [path for path in report.refused if path.endswith("bad")]
    assert not any(os.path.lexists(folder / path) for path in links if path.endswith("bad"))


def test_write_copy__writes_no_file_through_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    folder = tmp_path / "copy"
    folder.mkdir()
    tree = MemoryTree(files={"place/a.py": "inside"}, links={"place": "../outside"})
    assert write_copy(tree, folder).refused == ("place",)
    assert files_below(outside) == set()
    assert (folder / "place/a.py").read_text() == "inside"


def test_write_copy__leaves_out_submodules_and_what_is_too_large(tmp_path: Path) -> None:
    class HugeTree(MemoryTree):
        def read(self, path: str) -> bytes | None:
            assert path != "huge.bin", "it must not even be read"
            return super().read(path)

    tree = HugeTree(
        files={"huge.bin": b"\0" * (MOST_FILE_BYTES + 1), "a.py": ""}, submodules=frozenset({"vendor/lib"})
    )
    report = write_copy(tree, tmp_path)
    assert report.refused == ("huge.bin",)
    assert files_below(tmp_path) == {"a.py"}


def test_bring_ignored_files__takes_no_place_that_a_tree_has(tmp_path: Path) -> None:
    root, folder = tmp_path / "root", tmp_path / "copy"
    for place in (root / "shop", folder / "shop"):
        place.mkdir(parents=True)
    (root / "shop/_version.py").write_text("generated")
    (root / "shop/_fast.so").write_bytes(b"fast")
    (folder / "shop/_version.py").write_text("of the tree")
    bring_ignored_files(root, ["shop/_version.py", "shop/_fast.so", "gone/x.py"], folder)
    assert (folder / "shop/_version.py").read_text() == "of the tree"
    assert (folder / "shop/_fast.so").read_bytes() == b"fast"
    assert files_below(folder) == {"shop/_version.py", "shop/_fast.so"}


def test_bring_ignored_files__follows_no_link_out_of_the_copy(tmp_path: Path) -> None:
    root, folder, outside = tmp_path / "root", tmp_path / "copy", tmp_path / "outside"
    for place in (root / "shop", folder, outside):
        place.mkdir(parents=True)
    (root / "shop/x.so").write_bytes(b"x")
    (folder / "shop").symlink_to(outside)
    bring_ignored_files(root, ["shop/x.so"], folder)
    assert files_below(outside) == set()


def test_exchange_files__links_are_exchanged_unless_they_lead_out(tmp_path: Path) -> None:
    copy, other = tmp_path / "copy", tmp_path / "other"
    for root in (copy, other):
        (root / "tests/data").mkdir(parents=True)
        (root / "tests/certs").symlink_to("data")
    (copy / "tests/old").symlink_to("data")
    (other / "tests/data/ca.crt").write_text("new")
    (other / "tests/new").symlink_to("../tests/data/ca.crt")
    (other / "tests/out").symlink_to("../../outside")
    (other / "tests/absolute").symlink_to(other / "tests/data")
    for name, place in {"a": "z/../outside", "z": "..", "b": "z/../outside"}.items():
        (other / "tests" / name).symlink_to(place)
    exchange_files(copy, other, lambda path: path.startswith("tests/"))
    assert {str(path.relative_to(copy)) for path in copy.rglob("*")} == {
        *("tests", "tests/certs", "tests/data", "tests/data/ca.crt", "tests/new", "tests/z"),
    }
    assert (copy / "tests/certs/ca.crt").read_text() == (copy / "tests/new").read_text() == "new"


def test_exchange_files__writes_through_no_link(tmp_path: Path) -> None:
    copy, other, outside = tmp_path / "copy", tmp_path / "other", tmp_path / "outside"
    for place in (copy, other / "tests", outside):
        place.mkdir(parents=True)
    (copy / "tests").symlink_to(outside)
    (other / "tests/a.py").write_text("a")
    exchange_files(copy, other, lambda path: path != "tests")
    assert files_below(outside) == set()
