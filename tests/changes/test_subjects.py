from __future__ import annotations

import pytest

from fakes.trees import MemoryTree
from testsmith.changes.subjects import Subjects, VisibleTree, printable
from testsmith.changes.trees import SUBMODULE, SYMLINK, TreeEntry
from testsmith.languages.driver import ChangedFile
from testsmith.languages.registry import drivers
from testsmith.settings import SelectionSettings

SUBJECTS = Subjects(SelectionSettings(max_file_bytes=100), drivers())


def test_counts__sources_of_the_project_that_are_no_tests() -> None:
    paths = ["src/a.py", "a.txt", "tests/test_a.py", "docs/conf.py", "vendor/x.py", "sub/vendor/x.py"]
    assert [path for path in paths if SUBJECTS.counts(path)] == ["src/a.py"]


def test_counts__globs_are_tried_below_the_opened_folder_too() -> None:
    inside = Subjects(SelectionSettings(include=("src/**",)), drivers(), "apps/a")
    paths = ["apps/a/src/x.py", "apps/a/docs/x.py", "apps/b/src/x.py", "src/x.py"]
    assert [path for path in paths if inside.counts(path)] == ["apps/a/src/x.py"]
    assert [path for path in paths if inside.is_included(path)] == ["apps/a/src/x.py", "src/x.py"]


def test_counting__one_side_only() -> None:
    files = [
        ChangedFile(base_path="tests/test_a.py", head_path="src/a.py"),
        ChangedFile(base_path="src/b.py", head_path="docs/b.py"),
        ChangedFile(base_path="README", head_path=None),
    ]
    assert list(SUBJECTS.counting(files)) == [
        ChangedFile(base_path=None, head_path="src/a.py"),
        ChangedFile(base_path="src/b.py", head_path=None),
    ]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (TreeEntry(path="a.py", mode="100644", size=100), None),
        (TreeEntry(path="a.py", mode="100755", size=101), "101 bytes"),
        (TreeEntry(path="a.py", mode=SYMLINK), "symbolic link"),
        (TreeEntry(path="a.py", mode=SUBMODULE), "submodule"),
        (TreeEntry(path="\udcff.py", mode="100644"), "UTF-8"),
    ],
)
def test_obstacle__says_what_is_wrong(entry: TreeEntry, reason: str | None) -> None:
    found = SUBJECTS.obstacle(entry)
    assert found is None if reason is None else reason in (found or "")


def test_visible_tree__hides_what_is_no_subject_or_none_to_read() -> None:
    tree = MemoryTree(
        {"a.py": "x", "b.txt": "y", "tests/test_a.py": "z", "docs/c.py": "w", "large.py": "v" * 101},
        links={"link.py": "a.py"},
    )
    visible = VisibleTree(tree, SUBJECTS, also=["docs/c.py"])
    assert visible.paths() == ("a.py", "b.txt", "docs/c.py")
    assert [visible.read(path) for path in ("a.py", "docs/c.py", "large.py", "tests/test_a.py")] == [
        b"x",
        b"w",
        None,
        None,
    ]


def test_printable__shows_odd_bytes_as_escapes() -> None:
    assert printable("ä\udcff.py") == "ä\\udcff.py"
