from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from testsmith.execution.sandbox.users import take_back

STRANGER = 60571


def test_take_back__makes_all_of_it_the_bots_own(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "tool").write_text("#!/bin/sh\n")
    (folder / "inner" / "tool").chmod(0o4777)
    (folder / "link").symlink_to("inner/tool")
    os.mkfifo(folder / "pipe")
    if os.geteuid() == 0:
        for path in (folder, folder / "inner", folder / "inner" / "tool", folder / "link"):
            os.chown(path, STRANGER, STRANGER, follow_symlinks=False)
    (folder / "inner").chmod(0o777)
    take_back(folder)
    assert not (folder / "pipe").exists()
    for path in (folder, folder / "inner", folder / "inner" / "tool", folder / "link"):
        assert path.lstat().st_uid == os.geteuid()
    assert stat.S_IMODE((folder / "inner" / "tool").stat().st_mode) == 0o755
    assert stat.S_IMODE((folder / "inner").stat().st_mode) == 0o755


def test_take_back__nothing_outside_changes(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("x")
    (outside / "file").chmod(0o666)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(outside)
    (folder / "other link").symlink_to(outside / "file")
    os.link(outside / "file", folder / "second name")
    take_back(folder)
    assert stat.S_IMODE((outside / "file").stat().st_mode) == 0o666


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT SHOWN: what only root can set up")
def test_take_back__leaves_a_second_name_to_its_owner(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    os.chown(tmp_path / "file", STRANGER, STRANGER)
    folder = tmp_path / "folder"
    folder.mkdir()
    os.link(tmp_path / "file", folder / "second name")
    take_back(folder)
    assert (tmp_path / "file").stat().st_uid == STRANGER
