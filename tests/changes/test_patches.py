"""Base from head and patches as GitHub gives them, against what git itself has of base."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fakes.git_repository import GitRepository
from fakes.github.diffs import ChangedFile
from fakes.github.git_store import GitStore
from testsmith.changes.diff import changed_files
from testsmith.changes.git import Repository
from testsmith.changes.members import MemberSearch, find_members
from testsmith.changes.patches import ComparedStates, FilePatch, rebuild_base
from testsmith.changes.trees import RepositoryTree
from testsmith.changes.trusted import settings_values
from testsmith.languages.registry import drivers
from testsmith.model import Stage
from testsmith.settings import SelectionSettings

Files = dict[str, str | bytes | None]

LONG = "".join(f"def f{number}():\n    return {number}\n\n\n" for number in range(30))

ODD_PATHS = (
    "a b.py",
    " a.py",
    "tab\t.py",
    'q"uote.py',
    "back\\slash.py",
    "new\nline.py",
    "e\u0301.py",
    "\u00e9.py",
)
"""With the same letter as one and as two code points."""


class Change:
    """A change from one commit to the next, and the patches that GitHub would show of it."""

    def __init__(self, folder: Path, base: Files, head: Files) -> None:
        made = GitRepository.create(folder / "project")
        made.commit({"README.md": "A project.\n"})
        self.base, self.head = made.commit(base), made.commit(head)
        self.repository = Repository.open(made.folder)
        self.patches = [_patch(file) for file in GitStore(made.folder).changes(self.base, self.head)]

    def rebuilt(self) -> ComparedStates:
        return rebuild_base(self.tree(self.head), self.patches)

    def tree(self, commit: str) -> RepositoryTree:
        return self.repository.commit_tree(commit)

    def found(self) -> MemberSearch:
        """Return what is found by the patches."""
        return find_members(
            self.repository, SelectionSettings(head=self.head), drivers(), compared=self.rebuilt()
        )


def _patch(file: ChangedFile) -> FilePatch:
    return FilePatch(
        path=file.path,
        patch=file.hunks or None,
        previous_path=file.previous_path,
        is_removed=file.status == "removed",
        is_only_moved=file.status == "renamed" and not (file.hunks or file.is_binary),
    )


def _contents(tree: RepositoryTree) -> dict[str, bytes | None]:
    return {path: tree.read(path) for path in tree.paths()}


@pytest.mark.parametrize(
    ("base", "head"),
    [
        pytest.param({"a.py": "x = 1\n"}, {"a.py": "x = 2\n"}, id="changed"),
        pytest.param({"a.py": LONG}, {"a.py": f"# first\n{LONG}# last\n"}, id="at both ends"),
        pytest.param({"a.py": LONG}, {"a.py": LONG.replace("return 7", "return 70\n    pass")}, id="amid"),
        pytest.param({"a.py": LONG}, {"a.py": LONG[200:-200]}, id="cut off at both ends"),
        pytest.param({}, {"a.py": LONG}, id="added"),
        pytest.param({"a.py": LONG}, {"a.py": None}, id="removed"),
        pytest.param({"a.py": "x = 1\n"}, {"a.py": ""}, id="is empty"),
        pytest.param({"a.py": LONG}, {"a.py": None, "b/ä.py": LONG}, id="moved"),
        pytest.param({"a.py": LONG}, {"a.py": None, "b.py": LONG.replace("7", "8")}, id="moved and changed"),
        pytest.param({"a.py": "x = 1\ny = 2"}, {"a.py": "x = 1\ny = 2\n"}, id="gets an end"),
        pytest.param({"a.py": "x = 1\ny = 2\n"}, {"a.py": "x = 1\ny = 2"}, id="loses its end"),
        pytest.param({"a.py": "x = 1\ny = 2"}, {"a.py": "x = 2\ny = 2"}, id="has no end"),
        pytest.param({"a.py": "x = 1"}, {"a.py": "x = 2"}, id="one line without an end"),
        pytest.param({"a.py": "x = 1\r\ny = 1\r\n"}, {"a.py": "x = 2\r\ny = 1\r\n"}, id="CRLF"),
        pytest.param({"a.py": "x = 1\r\ny = 1\n"}, {"a.py": "x = 1\ny = 1\r\n"}, id="other ends"),
        pytest.param({"a.py": "x = 1\r"}, {"a.py": "x = 1\r\n"}, id="a return at the end"),
        pytest.param(
            {"a.py": "x = '\x0c\x1c\x85\u2028'\ny = 1\n"},
            {"a.py": "x = '\x0c\x1c\x85\u2028'\ny = 2\n"},
            id="what only looks like the end of a line",
        ),
        pytest.param(
            {"a.py": b"x = '\xff'\n" + b"\n" * 9}, {"a.py": b"x = '\xff'\n" + b"\n" * 10}, id="Latin"
        ),
        pytest.param({"a.py": "\n\n\nx = 1\n\n\n"}, {"a.py": "\n\n\nx = 2\n\n\n"}, id="empty lines around"),
        pytest.param({"a.py": "-- a\n++ b\n"}, {"a.py": "++ a\n-- b\n"}, id="looks like a header"),
        pytest.param({"a.py": "\\ No newline\n"}, {"a.py": "\\ No newline at all\n"}, id="looks like a mark"),
        pytest.param(
            dict.fromkeys(ODD_PATHS, "x = 1\n"), dict.fromkeys(ODD_PATHS, "x = 2\n"), id="odd paths"
        ),
    ],
)
def test_rebuild_base__is_base(tmp_path: Path, base: Files, head: Files) -> None:
    change = Change(tmp_path, base, head)
    rebuilt = change.rebuilt()
    assert rebuilt.unread == {}
    assert _contents(rebuilt.base) == _contents(change.tree(change.base))
    assert rebuilt.head.read("README.md") == rebuilt.base.read("README.md")


def test_rebuild_base__names_and_lines_as_gits_own_diff(tmp_path: Path) -> None:
    change = Change(
        tmp_path,
        {"a.py": LONG, "b.py": LONG.replace("f", "g"), "gone.py": "x = 1\n"},
        {
            "a.py": LONG.replace("return 7", "return 70\n    pass"),
            "b.py": None,
            "c.py": LONG.replace("f", "g").replace("return 3", "return 33"),
            "gone.py": None,
            "new.py": "x = 1\ny = 2\n",
        },
    )
    own = changed_files(change.repository.diff(change.base, change.head))
    assert {file.head_path or file.base_path: file for file in change.rebuilt().files} == {
        file.head_path or file.base_path: file for file in own
    }


def test_find_members__by_patches_as_by_git(tmp_path: Path) -> None:
    change = Change(
        tmp_path,
        {"shop/a.py": LONG, "shop/b.py": "from shop.a import f1\n_X = 1\ndef use(): return _X\n"},
        {
            "shop/a.py": LONG.replace("return 7", "return 70"),
            "shop/b.py": "from shop.a import f1\n_X = 2\ndef use(): return _X\n",
            "shop/c.py": "def new(): return 1\n",
            "shop/__init__.py": "",
            "tests/test_a.py": "def test_a(): ...\n",
        },
    )
    by_git = find_members(change.repository, SelectionSettings(base=change.base, head=change.head), drivers())
    found = change.found()
    assert [(member.id, str(member.change)) for member in found.members] == [
        ("shop/a.py::f7", "changed"),
        ("shop/b.py::use", "affected"),
        ("shop/c.py::new", "added"),
    ]
    assert found.members == by_git.members
    assert found.skipped == ()
    assert (found.base, found.base_tree, found.head) == (None, None, change.head)


def test_find_members__by_patches_of_a_file_that_was_empty(tmp_path: Path) -> None:
    change = Change(tmp_path, {"a.py": "", "README.md": "x"}, {"a.py": "def f(): return 1\n"})
    assert [(member.id, str(member.change)) for member in change.found().members] == [("a.py::f", "added")]


def test_find_members__files_whose_change_is_not_known(tmp_path: Path) -> None:
    change = Change(
        tmp_path,
        {"a.py": LONG, "b.py": LONG, "c.py": LONG, "logo.png": "1", "tests/test_a.py": "x = 1\n"},
        {
            "a.py": LONG.replace("7", "8"),
            "b.py": LONG.replace("7", "8"),
            "c.py": LONG.replace("7", "8"),
            "logo.png": "2",
            "tests/test_a.py": "x = 2\n",
            "empty.py": "",
            "good.py": "def f(): return 1\n",
        },
    )
    bent = {
        "a.py": None,
        "b.py": "@@ -1,3 +1,3 @@\n x\n-y\n+z\n w\n",
        "c.py": "@@ -1,9 +1,9 @@\n-cut\n",
        "logo.png": None,
        "tests/test_a.py": None,
        "empty.py": None,
    }
    change.patches = [
        replace(patch, patch=bent.get(patch.path, patch.patch), is_only_moved=False)
        for patch in change.patches
    ]
    change.patches.append(FilePatch(path="absent.py", patch="@@ -0,0 +1 @@\n+x = 1"))
    found = change.found()
    assert [member.id for member in found.members] == ["good.py::f"]
    reasons = {each.path: each.reason for each in found.skipped}
    assert reasons.keys() == {"a.py", "b.py", "c.py", "absent.py"}
    assert "not shown" in reasons["a.py"]
    assert all("does not fit" in reasons[path] for path in ("b.py", "c.py", "absent.py"))
    assert {(each.stage, each.member) for each in found.skipped} == {(Stage.CHANGES, None)}


def test_find_members__by_patches_links_and_submodules(tmp_path: Path) -> None:
    made = GitRepository.create(tmp_path / "project")
    base = made.commit({"a.py": "x = 1\n", "README.md": "A project.\n"})
    (made.folder / "a.py").unlink()
    (made.folder / "a.py").symlink_to("README.md")
    made.git("update-index", "--add", "--cacheinfo", f"160000,{base},lib/other")
    made.git("add", "a.py")
    made.git("commit", "-q", "-m", "odd")
    repository = Repository.open(made.folder)
    tree = repository.commit_tree(repository.resolve("HEAD"))
    patches = [
        FilePatch(path="a.py", patch="@@ -1 +1 @@\n-x = 1\n+README.md\n\\ No newline at end of file"),
        FilePatch(path="lib/other", patch=f"@@ -0,0 +1 @@\n+Subproject commit {base}"),
    ]
    found = find_members(
        repository, SelectionSettings(head="HEAD"), drivers(), compared=rebuild_base(tree, patches)
    )
    assert {each.path: each.reason for each in found.skipped} == {
        "a.py": "it is a symbolic link",
        "lib/other": "it is a submodule",
    }


def test_rebuild_base__settings_that_head_has_changed(tmp_path: Path) -> None:
    change = Change(
        tmp_path,
        {"testsmith.toml": "max-members = 3\n"},
        {"testsmith.toml": "max-members = 4\n", "a/testsmith.toml": "max-members = 5\n"},
    )
    assert settings_values(change.rebuilt().base) == {"max-members": 3}
    change.patches = [replace(patch, patch=None) for patch in change.patches]
    assert settings_values(change.rebuilt().base) == {}
    assert settings_values(change.rebuilt().base, "a") == {}
