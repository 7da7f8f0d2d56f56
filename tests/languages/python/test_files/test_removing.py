from __future__ import annotations

from textwrap import dedent

import pytest

from testsmith.languages.python.language import PYTHON

FILE = dedent(
    """\
    # The shop's tests.
    import os
    from shop.cart import add, size, unused


    # testsmith 1 00000000 00000000 a.py::add
    def test_add():
        assert add(1) == 2


    # About sizes.

    # testsmith 1 00000000 00000000 a.py::size
    def test_size():
        assert size(1) == 2


    def test_mine():
        assert   True
    """
)
NEW = "from shop.cart import add\n\n\ndef test_add():\n    assert add(1) == 3\n"


def removed(*names: str, text: str = FILE) -> str:
    return PYTHON.tests.remove(text, names)


def test_remove__the_test_its_mark_and_the_imports_only_it_used() -> None:
    expected = FILE.replace("add, size", "size").replace(
        "# testsmith 1 00000000 00000000 a.py::add\ndef test_add():\n    assert add(1) == 2\n\n\n", ""
    )
    assert removed("test_add") == expected


def test_remove__what_others_have_written_stays_to_the_letter() -> None:
    left = removed("test_size", "test_add")
    assert "# About sizes.\n" in left
    assert "def test_mine():\n    assert   True\n" in left
    assert "from shop.cart import unused\n" in left
    assert "import os\n" in left
    assert "testsmith" not in left


def test_remove__nothing_of_that_name() -> None:
    assert removed("test_other") == FILE


def test_remove__line_ends_stay() -> None:
    text = FILE.replace("\n", "\r\n")
    assert "\n" not in removed("test_size", text=text).replace("\r\n", "")


def test_remove__all_there_is() -> None:
    assert removed("test_add", text=NEW).strip() == ""


@pytest.mark.parametrize("name", ["test_add", "test_size"])
def test_place__new_tests_stand_where_the_old_ones_stood(name: str) -> None:
    code = NEW.replace("add", name.removeprefix("test_")).replace("== 3", "== 4")
    after = PYTHON.tests.place(FILE, code, [name])
    old, new = FILE.splitlines(), after.splitlines()
    mark = f"# testsmith 1 00000000 00000000 a.py::{name.removeprefix('test_')}"
    assert [line for line in old if line not in new] == [
        mark,
        f"    assert {name.removeprefix('test_')}(1) == 2",
    ]
    assert new.index(f"def {name}():") < new.index("def test_mine():")
    assert after.count(f"def {name}():") == 1


def test_place__in_the_place_of_all_there_is() -> None:
    assert PYTHON.tests.place(NEW.replace("3", "2"), NEW, ["test_add"]) == NEW


def test_without_tests__methods_go_and_a_class_of_these_alone() -> None:
    text = dedent("""\
        from shop import f, g


        class TestF:
            # testsmith 1.0 01234567 00000000 shop.py::f
            def test_one(self):
                assert f(1)

            def test_two(self):
                assert f(2)


        class TestG:
            # testsmith 1.0 01234567 00000000 shop.py::g
            def test_one(self):
                assert g(1)
    """)
    assert PYTHON.tests.remove(text, ["TestF::test_one", "TestG::test_one"]) == dedent("""\
        from shop import f


        class TestF:
            def test_two(self):
                assert f(2)
    """)
