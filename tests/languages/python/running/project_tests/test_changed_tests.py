from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from testsmith.languages.python.running.project_tests.changed_tests import changed_test_files
from testsmith.languages.python.test_files.test_paths import TestFileNames

NAMES = TestFileNames(patterns=(("checks", "*test.py"),))

OLD = """\
import pytest


@pytest.mark.parametrize("one", [1])
def test_rows(one):
    assert one


class TestAll:
    def test_kept(self):
        assert True

    def test_edited(self):
        assert 1
"""


def written(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_changed_test_files__with_the_functions_that_differ(tmp_path: Path) -> None:
    new = (
        OLD.replace("[1]", "[1, 2]").replace("assert 1\n", "assert 2\n")
        + "\n\nasync def test_new():\n    pass\n"
    )
    head = {"tests/test_a.py": new, "tests/test_same.py": OLD, "b_test.py": "def test_b(): pass\n"}
    head |= {"checks/atest.py": "def test_c(): pass\n", "btest.py": "def test_d(): pass\n"}
    base = {"tests/test_a.py": OLD, "tests/test_same.py": OLD, "test_gone.py": OLD}
    assert changed_test_files(written(tmp_path / "head", head), written(tmp_path / "base", base), NAMES) == {
        "b_test.py": {"test_b"},
        "checks/atest.py": {"test_c"},
        "tests/test_a.py": {"test_rows", "test_edited", "test_new"},
    }


def test_changed_test_files__neither_sources_nor_links_nor_what_cannot_be_parsed(tmp_path: Path) -> None:
    head = written(
        tmp_path / "head", {"a.py": "A = 1\n", "tests/data.py": "B = 1\n", "test_odd.py": "def test(:\n"}
    )
    (head / "test_link.py").symlink_to(written(tmp_path / "out", {"test_out.py": OLD}) / "test_out.py")
    found = changed_test_files(head, written(tmp_path / "base", {"a.py": ""}), NAMES)
    assert found == {"test_odd.py": frozenset()}
