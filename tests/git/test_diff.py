from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from fakes.git_repository import GitRepository
from testsmith.git.diff import changed_files
from testsmith.git.repository import Repository
from testsmith.languages.source import ChangedFile

Files = dict[str, str | bytes | None]

TWENTY_LINES = "".join(f"line {n}\n" for n in range(20))


@pytest.fixture
def made(tmp_path: Path) -> GitRepository:
    return GitRepository.create(tmp_path / "project")


def _changed(made: GitRepository, base: Files, head: Files) -> tuple[ChangedFile, ...]:
    first, second = made.commit(base), made.commit(head)
    return changed_files(Repository.open(made.folder).diff(first, second))


def _file(base: str | None, head: str | None, *lines: int) -> ChangedFile:
    return ChangedFile(base_path=base, head_path=head, added_lines=frozenset(lines))


def test_changed_files__nothing() -> None:
    assert changed_files("") == ()


def test_changed_files__altered_added_and_deleted(made: GitRepository) -> None:
    base: Files = {"a.py": "1\n2\n3\n4\n", "gone.py": "other\n", "same.py": ""}
    head: Files = {"a.py": "1\ntwo\n3\n4\n5\n", "gone.py": None, "new.py": "x\ny\n"}
    assert _changed(made, base, head) == (
        _file("a.py", "a.py", 2, 5),
        _file("gone.py", None),
        _file(None, "new.py", 1, 2),
    )


def test_changed_files__removed_lines_add_none(made: GitRepository) -> None:
    assert _changed(made, {"a.py": "1\n2\n3\n"}, {"a.py": "1\n3\n"}) == (_file("a.py", "a.py"),)


def test_changed_files__renames_are_paired(made: GitRepository) -> None:
    base: Files = {"old.py": TWENTY_LINES, "pure.py": TWENTY_LINES.upper()}
    head: Files = {
        "old.py": None,
        "pure.py": None,
        "x/new.py": "first\n" + TWENTY_LINES,
        "x/pure.py": TWENTY_LINES.upper(),
    }
    assert _changed(made, base, head) == (_file("old.py", "x/new.py", 1), _file("pure.py", "x/pure.py"))


ODD_NAMES = [
    "with space.py",
    "tail .py",
    'quo"te.py',
    "back\\slash.py",
    "new\nline.py",
    "tab\there.py",
    "bell\a.py",
    "ünï/cödé.py",
    "日本.py",
    "a b/a b.py",
    "a.py b/a.py",
    "odd\udcff.py",
    "-dash.py",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_changed_files__odd_names(made: GitRepository, name: str) -> None:
    stays, goes, mode, empty, moved = (f"{part}/{name}" for part in ("s", "g", "m", "e", "r"))
    base: Files = {stays: "1\n", goes: "1\n2\n", mode: "3\n", moved: TWENTY_LINES}
    made.commit(base)
    (made.folder / mode).chmod(0o755)
    head: Files = {stays: "2\n", goes: None, empty: "", moved: None, f"q/{name}": TWENTY_LINES}
    changed = changed_files(
        Repository.open(made.folder).diff(made.git("rev-parse", "HEAD"), made.commit(head))
    )
    assert set(changed) == {
        _file(stays, stays, 1),
        _file(goes, None),
        _file(mode, mode),
        _file(None, empty),
        _file(moved, f"q/{name}"),
    }


def test_changed_files__odd_names_in_the_working_tree(made: GitRepository) -> None:
    base = made.commit({**{f"r/{name}": TWENTY_LINES + name for name in ODD_NAMES if name.isascii()}})
    moved = [name for name in ODD_NAMES if name.isascii()]
    made.write({f"q/{name}": TWENTY_LINES + name for name in moved} | {f"r/{name}": None for name in moved})
    made.write({f"new/{name}": "1\n" for name in ODD_NAMES})
    changed = changed_files(Repository.open(made.folder).diff(base, None))
    assert set(changed) == {
        *(_file(f"r/{name}", f"q/{name}") for name in moved),
        *(_file(None, f"new/{name}", 1) for name in ODD_NAMES),
    }


def test_changed_files__binary(made: GitRepository) -> None:
    base: Files = {"a b.bin": b"\0one", "gone.bin": b"\0two"}
    head: Files = {"a b.bin": b"\0three", "gone.bin": None, "new.bin": b"\0four"}
    assert _changed(made, base, head) == (
        _file("a b.bin", "a b.bin"),
        _file("gone.bin", None),
        _file(None, "new.bin"),
    )


def test_changed_files__file_that_becomes_a_link(made: GitRepository) -> None:
    base = made.commit({"a.py": "x = 1\n"})
    (made.folder / "a.py").unlink()
    (made.folder / "a.py").symlink_to("b.py")
    head = made.commit()
    changed = changed_files(Repository.open(made.folder).diff(base, head))
    assert set(changed) == {_file("a.py", None), _file(None, "a.py", 1)}


def test_changed_files__submodule(made: GitRepository, tmp_path: Path) -> None:
    other = GitRepository.create(tmp_path / "other")
    other.commit({"b.py": "y = 1\n"})
    base = made.commit({"a.py": ""})
    made.git("submodule", "add", "-q", str(other.folder), "lib")
    changed = changed_files(Repository.open(made.folder).diff(base, made.commit()))
    assert [file.head_path for file in changed] == [".gitmodules", "lib"]


@pytest.mark.parametrize(
    ("base", "head"),
    [
        ("a\r\nb\r\n", "a\r\nB\r\n"),
        ("a\nb", "a\nB"),
        ("a\nb\n", "a\nB"),
        ("a\n-- b\n", "a\n++ diff --git a/x b/x\n"),
        ("a\n- \n", "a\n+ @@ -1 +1 @@\n"),
        ("a\nb\n", "a\n\x0c\x1c\u2028\x85\n"),
        ("a\nb\n", "a\n\r\r\n"),
        ("a\nb\n", "a\n\\ No newline at end of file\n"),
    ],
)
def test_changed_files__lines_that_look_like_something_else(
    made: GitRepository, base: str, head: str
) -> None:
    assert _changed(made, {"a.py": base}, {"a.py": head}) == (_file("a.py", "a.py", 2),)


def test_changed_files__latin_1_content(made: GitRepository) -> None:
    base: Files = {"a.py": "# Grüße\nx = 1\n".encode("latin-1")}
    head: Files = {"a.py": "# Grüße\nx = 'ä'\n".encode("latin-1")}
    assert _changed(made, base, head) == (_file("a.py", "a.py", 2),)


def test_changed_files__agrees_with_the_lines_that_were_edited(made: GitRepository) -> None:
    lines = [f"line {n}\n" for n in range(12)]
    base = made.commit({"a.py": "".join(lines)})
    repository = Repository.open(made.folder)
    for first, second in itertools.combinations(range(12), 2):
        edited = [f"new {n}\n" if n in {first, second} else line for n, line in enumerate(lines)]
        made.write({"a.py": "".join(edited)})
        assert changed_files(repository.diff(base, None)) == (_file("a.py", "a.py", first + 1, second + 1),)


def test_changed_files__diff_with_context_lines() -> None:
    diff = (
        "diff --git a/a.py b/a.py\nindex 1..2 100644\n--- a/a.py\n+++ b/a.py\n"
        "@@ -1,3 +1,4 @@ def f():\n one\n-two\n+TWO\n+more\n three\n"
    )
    assert changed_files(diff) == (_file("a.py", "a.py", 2, 3),)


def test_changed_files__hunk_that_is_cut_short() -> None:
    diff = "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,9 @@\n one\n+two\n"
    assert changed_files(diff) == (_file("a.py", "a.py"),)


def test_changed_files__copy_is_a_new_file() -> None:
    diff = "diff --git a/a.py b/b.py\nsimilarity index 100%\ncopy from a.py\ncopy to b.py\n"
    assert changed_files(diff) == (_file(None, "b.py"),)
