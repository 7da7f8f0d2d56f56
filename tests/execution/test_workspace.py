from __future__ import annotations

from pathlib import Path

import pytest

from testsmith.execution.workspace import ProjectCopy


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ("*.pyc\nshop.db\n", True),
        ("*.db\r\n", True),
        ("/shop.db/", True),
        ("*.db\n!shop.db\n", False),
        ("!shop.db\n*.db\n", True),
        ("data/shop.db\n", False),
        ("# shop.db\n\n", False),
        ("\xff[\n", False),
    ],
    ids=["name", "pattern", "slashes", "taken back", "last one", "in a folder", "comment", "unreadable"],
)
def test_ignores__a_file_by_its_name(tmp_path: Path, patterns: str, expected: bool) -> None:
    (tmp_path / ".gitignore").write_bytes(patterns.encode("latin-1"))
    assert ProjectCopy(root=tmp_path, source_roots=(tmp_path,)).ignores("shop.db") is expected


def test_ignores__nothing_without_a_list(tmp_path: Path) -> None:
    assert not ProjectCopy(root=tmp_path, source_roots=(tmp_path,)).ignores("shop.db")
