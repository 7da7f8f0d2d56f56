from __future__ import annotations

from pathlib import Path

import pytest

from fakes.git_repository import GitRepository
from fakes.trees import MemoryTree
from testsmith.changes.members import find_members
from testsmith.git.repository import Repository
from testsmith.languages.python.language import PYTHON
from testsmith.languages.source import ChangedFile
from testsmith.languages.tests import MarkedTest, TestMark
from testsmith.model import GeneratedTest, StaleTestAction
from testsmith.settings import SelectionSettings
from testsmith.test_files.lifecycle import Now, fails, followed, is_outdated, look_after, removals

SOURCE = "def add(a):\n    return a + 1\n"
DIGEST = PYTHON.source.digest(SOURCE)
PATHS = ("shop/cart.py", "tests/test_cart.py")
TEST = "from shop.cart import add\n\n\ndef test_add():\n    assert add(1) == 2\n"


def mark(member: str = "shop/cart.py::add", source: str = DIGEST) -> TestMark:
    return TestMark(version="1", source=source, member=member)


@pytest.mark.parametrize(
    ("members", "paths", "expected"),
    [
        ({"shop/cart.py::add": "x"}, PATHS, "shop/cart.py::add"),
        ({"shop/cart.py::plus": DIGEST}, PATHS, "shop/cart.py::plus"),
        ({"shop/till.py::add": DIGEST}, PATHS, "shop/till.py::add"),
        ({"shop/till.py::add": "x"}, ("shop/till.py",), "shop/till.py::add"),
        ({"shop/till.py::add": "x"}, PATHS, None),
        ({"a.py::b": DIGEST, "c.py::d": DIGEST}, PATHS, None),
        ({}, PATHS, None),
    ],
    ids=["there", "renamed", "moved", "file moved", "another of its name", "two alike", "gone"],
)
def test_followed(members: dict[str, str], paths: tuple[str, ...], expected: str | None) -> None:
    assert followed(mark(), members, paths) == expected


@pytest.mark.parametrize(
    ("source", "edited", "failing", "expected"),
    [
        ("x", False, None, True),
        ("x", False, {"tests/t.py::test_add"}, True),
        ("x", False, {"tests/t.py"}, True),
        ("x", False, set(), False),
        ("x", False, {"tests/t.py::test_add_2", "tests/u.py::test_add"}, False),
        ("x", True, None, False),
        (DIGEST, False, None, False),
        (None, False, None, False),
    ],
)
def test_is_outdated(source: str | None, failing: set[str] | None, *, edited: bool, expected: bool) -> None:
    test = MarkedTest(name="test_add", mark=mark(), is_edited=edited)
    known = None if failing is None else frozenset(failing)
    assert is_outdated(test, "tests/t.py", source, known) is expected


def test_fails__a_class_with_one_test_that_does() -> None:
    assert fails("TestCart", "t.py", {"t.py::TestCart::test_add"})
    assert not fails("TestCart", "t.py", {"t.py::TestCartoon::test_add"})


def looked_after(
    head: str | None, *, edit: bool = False, failing: set[str] | None = None, path: str = "shop/cart.py"
) -> tuple[GeneratedTest, ...]:
    language = PYTHON
    test = language.tests.seal(language.tests.mark(TEST, mark()))
    text = test.replace("== 2", "== 3") if edit else test
    files = {"shop/__init__.py": "", "tests/test_cart.py": text, "tests/data.txt": "# testsmith "}
    if head is not None:
        files[path] = head
    file = ChangedFile(base_path="shop/cart.py", head_path=None if head is None else path)
    now = Now(
        tree=MemoryTree(files),
        files=(file,),
        members=(),
        failing=None if failing is None else frozenset(failing),
    )
    return look_after(now, [language]).earlier


@pytest.mark.parametrize("path", ["shop/cart.py", "shop/till.py"])
def test_look_after__a_member_that_is_there_or_has_moved(path: str) -> None:
    assert looked_after(SOURCE, path=path, failing={"tests/test_cart.py"}) == ()
    assert looked_after(SOURCE.replace("add", "plus"), path=path) == ()


@pytest.mark.parametrize("head", [None, "def other():\n    return 3\n"])
def test_look_after__a_member_that_is_gone(head: str | None) -> None:
    (found,) = looked_after(head, failing={"tests/test_cart.py"})
    assert found == GeneratedTest(
        path="tests/test_cart.py",
        name="test_add",
        member="shop/cart.py::add",
        fate=StaleTestAction.REMOVE,
        is_edited=False,
        fails=True,
    )


def test_look_after__a_changed_member() -> None:
    changed, failing = SOURCE.replace("+ 1", "+ 2"), {"tests/test_cart.py::test_add"}
    assert looked_after(changed, failing=failing) == ()
    assert looked_after(changed, edit=True, failing=set()) == ()
    assert looked_after(changed, edit=True) == ()
    (found,) = looked_after(changed, edit=True, failing=failing)
    assert (found.fate, found.is_edited, found.fails) == (StaleTestAction.MEND, True, True)


@pytest.mark.parametrize(
    ("files", "gone"),
    [
        ({"shop/cart.py": None}, 1),
        ({"shop/cart.py": None, "shop/till.py": SOURCE}, 0),
        ({"shop/cart.py": None, "shop/kept.py": f"x = 1\n\n\n{SOURCE}"}, 0),
        ({"shop/cart.py": SOURCE.replace("add", "plus")}, 0),
        ({"shop/cart.py": "def other():\n    return 3\n"}, 1),
        ({"shop/kept.py": "x = 2\n"}, 0),
    ],
    ids=["deleted", "file renamed", "moved", "renamed", "replaced", "another file"],
)
def test_look_after__what_git_tells(tmp_path: Path, files: dict[str, str | bytes | None], gone: int) -> None:
    project, language = GitRepository.create(tmp_path), PYTHON
    test = language.tests.seal(language.tests.mark(TEST, mark()))
    there = {
        "shop/__init__.py": "",
        "shop/cart.py": SOURCE,
        "shop/kept.py": "x = 1\n",
        "tests/test_cart.py": test,
    }
    base, head = project.commit(dict(there)), project.commit(files)
    search = find_members(Repository.open(tmp_path), SelectionSettings(base=base, head=head), [language])
    now = Now(tree=search.head_tree, files=search.files, members=search.found)
    assert len(look_after(now, [language]).earlier) == gone


def test_removals__only_what_was_seen_to_fail_and_nobody_edited() -> None:
    (one,) = removals(looked_after(None, failing={"tests/test_cart.py"}))
    assert one.name == "test_add"
    assert not tuple(removals(looked_after(None)))
    assert not tuple(removals(looked_after(None, failing=set())))
    assert not tuple(removals(looked_after(None, edit=True, failing={"tests/test_cart.py"})))


def test_look_after__digests_of_members_only_where_marks_may_follow_them() -> None:
    language, file = PYTHON, ChangedFile(base_path="shop/cart.py", head_path="shop/cart.py")
    tree = MemoryTree({"shop/__init__.py": "", "shop/cart.py": SOURCE, "tests/test_cart.py": TEST})
    assert look_after(Now(tree=tree, files=(file,), members=()), [language]).digests == {}
    (member,) = language.source.all_members(tree, ["shop/cart.py"], "").members
    found = look_after(Now(tree=tree, files=(file,), members=(member,)), [language])
    assert found.digests == {"shop/cart.py::add": DIGEST}
