from __future__ import annotations

import sys
from pathlib import PurePosixPath

import pytest

from fakes.trees import MemoryTree
from testsmith.changes.selection import Subjects, VisibleTree, compile_globs, printable
from testsmith.git.trees import SUBMODULE, SYMLINK, TreeEntry
from testsmith.languages.registry import languages
from testsmith.languages.source import ChangedFile
from testsmith.model import UsageFailure
from testsmith.settings import DEFAULT_EXCLUDE, SelectionSettings

SUBJECTS = Subjects(SelectionSettings(max_file_bytes=100), languages())


def test_counts__sources_of_the_project_that_are_no_tests() -> None:
    paths = ["src/a.py", "a.txt", "tests/test_a.py", "docs/conf.py", "vendor/x.py", "sub/vendor/x.py"]
    assert [path for path in paths if SUBJECTS.counts(path)] == ["src/a.py"]


def test_counts__a_package_that_is_called_like_a_folder_of_built_files() -> None:
    paths = ["src/build/env.py", "build/lib/a.py", "src/app/dist/a.py", "dist/a.py"]
    assert [path for path in paths if SUBJECTS.counts(path)] == ["src/build/env.py", "src/app/dist/a.py"]


def test_counts__globs_are_tried_below_the_opened_folder_too() -> None:
    inside = Subjects(SelectionSettings(include=("src/**",)), languages(), "apps/a")
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


def _matches(glob: str, path: str) -> bool:
    return compile_globs([glob]).fullmatch(path) is not None


@pytest.mark.parametrize(
    ("glob", "matching", "others"),
    [
        ("**", ["a.py", "a/b/c.py", "new\nline.py"], []),
        ("*.py", ["a.py"], ["b/a.py", "a.pyc", "a_py"]),
        ("**/*.py", ["a.py", "b/a.py", "c/b/a.py"], ["a.txt"]),
        ("docs/**", ["docs/a.py", "docs/b/a.py"], ["mydocs/a.py", "b/docs/a.py", "docs.py"]),
        ("docs/", ["docs/a.py", "docs/b/a.py"], ["docs"]),
        ("./docs/**", ["docs/a.py"], ["a.py"]),
        ("**/vendor/**", ["vendor/a.py", "b/vendor/c/a.py"], ["vendors/a.py", "b/vendor.py"]),
        ("src/*/api.py", ["src/shop/api.py"], ["src/api.py", "src/a/b/api.py"]),
        ("src/**/api.py", ["src/api.py", "src/a/b/api.py"], ["src/a/xapi.py"]),
        ("a?.py", ["ab.py"], ["a.py", "a/.py"]),
        ("[ab].py", ["a.py", "b.py"], ["c.py"]),
        ("[!ab].py", ["c.py"], ["a.py", "/.py"]),
        ("[]].py", ["].py"], ["[.py"]),
        ("a[b.py", ["a[b.py"], ["ab.py"]),
        ("a+(b).py", ["a+(b).py"], ["aab.py"]),
    ],
)
def test_compile_globs__whole_paths(glob: str, matching: list[str], others: list[str]) -> None:
    assert [path for path in matching + others if _matches(glob, path)] == matching


def test_compile_globs__any_of_several_and_none_of_none() -> None:
    assert compile_globs(["a.py", "b.py"]).fullmatch("b.py")
    assert compile_globs([]).fullmatch("") is None


def test_compile_globs__range_that_makes_no_sense() -> None:
    with pytest.raises(UsageFailure, match=r"\[z-a\]"):
        compile_globs(["[z-a].py"])


if sys.version_info >= (3, 13):  # where the standard library can be asked

    @pytest.mark.parametrize("glob", [*DEFAULT_EXCLUDE, "*.py", "**", "a/**/c.py", "**/[ab]/*"])
    def test_compile_globs__agrees_with_the_standard_library(glob: str) -> None:
        paths = ["a.py", "a/c.py", "a/b/c.py", "docs/a.py", "x/vendor/a.py", "x/_version.py", "build/a/b.py"]
        agreed = [path for path in paths if PurePosixPath(path).full_match(glob)]
        assert [path for path in paths if _matches(glob, path)] == agreed
