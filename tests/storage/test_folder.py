from __future__ import annotations

import os
from pathlib import Path

import pytest

from storage.stores import archive_of
from testsmith.storage.archive import PREFIX, ArchiveFailure, FolderBackend, TimeLimit

LIMIT = TimeLimit(lambda: 0.0, 1.0)


def test_leave__is_found_by_the_next_run(tmp_path: Path) -> None:
    place = FolderBackend(tmp_path / "some" / "folder")

    assert place.newest(LIMIT) is None
    place.leave(archive_of("a"), LIMIT)
    place.leave(archive_of("a"), LIMIT)

    assert FolderBackend(tmp_path / "some" / "folder").newest(LIMIT) == archive_of("a")


def test_leave__what_was_there_before_goes_and_nothing_else(tmp_path: Path) -> None:
    for name in ("readme.txt", "testsmith-v0-01234567-1-1-01234567.jsonl.gz", "testsmith-report.json"):
        (tmp_path / name).touch()
    place = FolderBackend(tmp_path)
    place.leave(archive_of("a"), LIMIT)
    place.leave(archive_of("b"), LIMIT)

    assert place.newest(LIMIT) == archive_of("b")
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "readme.txt",
        "testsmith-report.json",
        f"{archive_of('b').name}.jsonl.gz",
    ]


def test_newest__the_last_of_several(tmp_path: Path) -> None:
    for seconds, name in enumerate("cab"):
        archive = archive_of(name)
        file = tmp_path / f"{archive.name}.jsonl.gz"
        file.write_bytes(archive.data)
        os.utime(file, (seconds, seconds))

    assert FolderBackend(tmp_path).newest(LIMIT) == archive_of("b")


def test_newest__neither_links_nor_folders_nor_pipes_are_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    folder = tmp_path / "cache"
    folder.mkdir()
    name = f"{PREFIX}1-1-0123456"
    (folder / f"{name}7.jsonl.gz").symlink_to(secret)
    (folder / f"{name}8.jsonl.gz").mkdir()
    os.mkfifo(folder / f"{name}9.jsonl.gz")
    place = FolderBackend(folder)

    assert place.newest(LIMIT) is None
    place.leave(archive_of("a"), LIMIT)
    assert secret.read_text() == "secret"
    assert place.newest(LIMIT) == archive_of("a")


def test_leave__through_no_link(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("as it was")
    folder = tmp_path / "cache"
    folder.mkdir()
    archive = archive_of("a")
    for name in (f"{archive.name}.jsonl.gz", f".{archive.name}.jsonl.gz.new"):
        (folder / name).symlink_to(target)

    FolderBackend(folder).leave(archive, LIMIT)

    assert target.read_text() == "as it was"
    assert FolderBackend(folder).newest(LIMIT) == archive


def test_place__where_a_file_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    place = FolderBackend(tmp_path / "file")

    with pytest.raises(ArchiveFailure, match="cannot be written to: File exists"):
        place.leave(archive_of("a"), LIMIT)
