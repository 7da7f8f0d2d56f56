from __future__ import annotations

import os
from pathlib import Path

import pytest

from testsmith.test_files.plan import FileEdit
from testsmith.test_files.write import WrittenFiles, write_edits


def edit(path: str = "tests/test_a.py", old: bytes | None = None, new: bytes = b"new\r\n") -> FileEdit:
    return FileEdit(path=path, old=old, new=new)


def reasons(written: WrittenFiles) -> dict[str, str]:
    return {refused.path: refused.reason for refused in written.refused}


def all_files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_write_edits__new_files_in_new_folders(tmp_path: Path) -> None:
    written = write_edits(tmp_path, [edit("tests/a/b/test_a.py"), edit("test_b.py")])
    assert written == WrittenFiles(paths=("tests/a/b/test_a.py", "test_b.py"))
    assert (tmp_path / "tests/a/b/test_a.py").read_bytes() == b"new\r\n"
    assert all_files(tmp_path) == ["test_b.py", "tests/a/b/test_a.py"]


def test_write_edits__a_file_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "test_a.py"
    file.write_bytes(b"old")
    file.chmod(0o751)
    assert write_edits(tmp_path, [edit("test_a.py", b"old")]).paths == ("test_a.py",)
    assert file.read_bytes() == b"new\r\n"
    assert file.stat().st_mode & 0o777 == 0o751


def test_write_edits__a_new_file_has_the_mode_of_all_new_files(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_edits(tmp_path, [edit("test_a.py")])
    assert (tmp_path / "test_a.py").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize(
    ("content", "old", "reason"),
    [
        (b"other", b"old", "was changed"),
        (b"older", b"old", "was changed"),
        (b"other", None, "was changed"),
        (None, b"old", "was deleted"),
    ],
)
def test_write_edits__what_changed_meanwhile_is_left_alone(
    tmp_path: Path,
    content: bytes | None,
    old: bytes | None,
    reason: str,
) -> None:
    if content is not None:
        (tmp_path / "test_a.py").write_bytes(content)
    written = write_edits(tmp_path, [edit("test_a.py", old), edit("test_b.py")])
    assert reason in reasons(written)["test_a.py"]
    assert written.paths == ("test_b.py",)
    if content is not None:
        assert (tmp_path / "test_a.py").read_bytes() == content


def test_write_edits__never_through_a_symbolic_link(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "test_c.py").write_bytes(b"old")
    (inside / "tests").symlink_to(outside)
    (inside / "test_b.py").symlink_to(outside / "new.py")
    (inside / "test_c.py").symlink_to(outside / "test_c.py")
    edits = [
        edit("tests/test_a.py"),
        edit("tests/deep/test_a.py"),
        edit("test_b.py"),
        edit("test_c.py", b"old"),
    ]
    written = write_edits(inside, edits)
    assert written.paths == ()
    assert all("symbolic link" in reason for reason in reasons(written).values())
    assert all_files(outside) == ["test_c.py"]
    assert (outside / "test_c.py").read_bytes() == b"old"


def test_write_edits__the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert write_edits(tmp_path / "link", [edit()]).paths == ("tests/test_a.py",)


def test_write_edits__folders_and_pipes_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").mkdir()
    os.mkfifo(tmp_path / "test_b.py")
    (tmp_path / "file").write_bytes(b"")
    edits = [edit("test_a.py"), edit("test_b.py", b"x"), edit("file/test_c.py")]
    written = write_edits(tmp_path, edits)
    assert set(reasons(written)) == {"test_a.py", "test_b.py", "file/test_c.py"}
    assert written.paths == ()


def test_write_edits__a_name_that_is_too_long_is_a_reason(tmp_path: Path) -> None:
    written = write_edits(tmp_path, [edit(f"test_{'a' * 300}.py")])
    assert "could not write it" in written.refused[0].reason or "not a file" in written.refused[0].reason
    assert all_files(tmp_path) == []
