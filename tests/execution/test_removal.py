import os
import sys
from pathlib import Path

import pytest

from testsmith.execution.tempdirs import remove_tree


def test_remove_tree__files_links_and_closed_folders(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x")
    folder = tmp_path / "folder"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "file").write_text("x")
    (folder / "removed-0").mkdir()
    (folder / "link").symlink_to(kept)
    (folder / "a" / "link").symlink_to(kept / "file")
    os.link(kept / "file", folder / "second name")
    os.mkfifo(folder / "a" / "pipe")
    (folder / "a" / "b").chmod(0)
    (folder / "a").chmod(0)
    folder.chmod(0)
    remove_tree(folder)
    assert not folder.exists()
    assert (kept / "file").read_text() == "x"


def test_remove_tree__deeper_than_any_path(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    before = os.open(".", os.O_RDONLY)
    os.chdir(folder)
    try:
        for _ in range(sys.getrecursionlimit() + 2000):
            os.mkdir("deep")  # noqa: PTH102 - relative on purpose: the whole path is too long
            os.chdir("deep")
    finally:
        os.fchdir(before)
        os.close(before)
    remove_tree(folder)
    assert not folder.exists()


def test_remove_tree__a_link_in_the_folders_place(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(OSError, match="link"):
        remove_tree(tmp_path / "link")
    assert (tmp_path / "real").exists()


def test_remove_tree__what_is_a_link_itself(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir(mode=0o755)
    (tmp_path / "link").symlink_to(kept)
    with pytest.raises(NotADirectoryError):
        remove_tree(tmp_path / "link")
    assert kept.stat().st_mode & 0o777 == 0o755
