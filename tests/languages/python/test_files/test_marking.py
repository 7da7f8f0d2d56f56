from __future__ import annotations

from textwrap import dedent

import pytest

from testsmith.languages.python.test_files.marking import (
    beside_marked,
    marked,
    marked_tests,
    sealed,
    source_digest,
)
from testsmith.languages.source import CannotParse
from testsmith.languages.tests import TestMark

MARK = TestMark(version="0.3.0", source="0123abcd", member="src/my shop/cart.py::Cart.add")
LINE = "# testsmith 0.3.0 0123abcd "
CODE = dedent(
    '''\
    import pytest

    from shop.cart import Cart


    @pytest.fixture
    def cart():
        return Cart()


    @pytest.mark.parametrize("a", [1, 2])
    def test_add(cart, a):
        """Adds."""
        assert cart.add(a)  # once


    class TestCart:
        def test_size(self):
            assert Cart().size == 0
    '''
)


def in_file(code: str = CODE, mark: TestMark = MARK) -> str:
    return sealed(marked(code, mark))


def edited(old: str, new: str) -> dict[str, bool]:
    """Return by a test's name whether it counts as edited after a change of the file."""
    text = in_file()
    assert old in text
    return {one.name: one.is_edited for one in marked_tests(text.replace(old, new))}


def test_marked__one_line_above_each_test_of_the_modules_own_level() -> None:
    lines = in_file().splitlines()
    places = [number for number, line in enumerate(lines) if line.startswith(LINE)]
    assert [lines[number + 1] for number in places] == [
        '@pytest.mark.parametrize("a", [1, 2])',
        "class TestCart:",
    ]
    assert [line for line in lines if not line.startswith(LINE)] == CODE.splitlines()


def test_marked__what_the_mark_says_is_read_back() -> None:
    found = marked_tests(in_file())
    assert [(one.name, one.mark, one.is_edited) for one in found] == [
        ("test_add", MARK, False),
        ("TestCart", MARK, False),
    ]


def test_marked__a_mark_that_the_code_brings_is_cut() -> None:
    forged = CODE.replace("@pytest.mark", "# testsmith 9 00000000 00000000 other.py::f\n@pytest.mark")
    assert in_file(forged) == in_file()


def test_sealed__leaves_older_marks_as_they_are() -> None:
    text = in_file().replace("cart.add(a)", "cart.add(a, a)")
    assert sealed(text) == text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("cart.add(a)", "cart.add(a, 1)"),
        ("# once", "# twice"),
        ("[1, 2]", "[1, 2, 3]"),
        ("Adds.", "Adds it."),
        ("test_add", "test_adding"),
    ],
)
def test_marked_tests__an_edit_shows_in_that_test_alone(old: str, new: str) -> None:
    assert list(edited(old, new).values()) == [True, False]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("assert cart.add(a)  # once", "assert (\n        cart.add(a)  # once\n    )"),
        ("return Cart()", "return Cart(1)"),
        ("import pytest\n", "import pytest\nimport os\n"),
        ("\n", "\r\n"),
        ("cart.py::Cart.add\n", "cart.py::Cart.add  # noqa: E501\n"),
    ],
)
def test_marked_tests__formatting_and_what_stands_beside_is_no_edit(old: str, new: str) -> None:
    text = in_file()
    assert old in text
    found = marked_tests(text.replace(old, new))
    assert [(one.mark, one.is_edited) for one in found] == [(MARK, False), (MARK, False)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x = 1\n",
        f"{LINE}00000000 a.py::f\n",
        f"{LINE}00000000 a.py::f\n\ndef test_f():\n    pass\n",
        f"{LINE}00000000\ndef test_f():\n    pass\n",
        f"{LINE}00000000 a.py::f\ndef helper():\n    pass\n",
    ],
)
def test_marked_tests__a_mark_without_its_test_is_none(text: str) -> None:
    assert marked_tests(text) == ()


def test_marked_tests__other_comments_may_stand_between() -> None:
    text = in_file().replace("::Cart.add\n@pytest", "::Cart.add\n# see the manual\n@pytest")
    assert [one.name for one in marked_tests(text)] == ["test_add", "TestCart"]


def test_marked_tests__no_python() -> None:
    with pytest.raises(CannotParse):
        marked_tests(f"{LINE}00000000 a.py::f\ndef test_f(:\n")


OWN = "import pytest\n\n\ndef test_mine():\n    assert 1\n"


FUNCTION, CLASS = "def test_x():\n    pass\n", "class TestX:\n    def test_x(self):\n        pass\n"


@pytest.mark.parametrize(
    "text",
    [
        f"{OWN}\n\n{in_file(FUNCTION)}",
        f"import datetime\n\n\n{in_file(CLASS)}\n\n{OWN}",
        f'"""Tests."""\n\nfrom os import path\n\n{OWN}  # mine\n\n\n',
    ],
)
def test_beside_marked__the_bots_own_tests_and_imports_do_not_count(text: str) -> None:
    assert beside_marked(text) == beside_marked(OWN) != ""


def test_beside_marked__a_file_of_the_bots_own_holds_nothing() -> None:
    code = '"""Tests."""\n\nfrom __future__ import annotations\n\n\ndef test_x():\n    pass\n'
    assert beside_marked(in_file(code)) == beside_marked("") == ""


@pytest.mark.parametrize(("old", "new"), [("# once", "# twice"), ("size == 0", "size == 1")])
def test_beside_marked__an_edited_test_counts(old: str, new: str) -> None:
    assert beside_marked(in_file()) != beside_marked(in_file().replace(old, new))


def test_beside_marked__no_python() -> None:
    assert beside_marked("def test_x(:") == "def test_x(:"


def test_source_digest__what_a_member_does() -> None:
    digest = source_digest("def add(a):\n    return add(a - 1) + 1\n")
    same = 'def plus(a: int) -> int:\n    """Add."""\n    return plus(a - 1) + 1  # one\n'
    assert source_digest(same) == digest
    assert source_digest("def add(a):\n    return add(a - 1) + 2\n") != digest
    assert source_digest("no python (") == source_digest("no python (") != digest


def test_source_digest__of_what_is_nested_too_deep_is_that_of_the_text() -> None:
    deep = f"def f(a):\n    return {'-' * 5000}a\n"

    assert source_digest(deep) == source_digest(deep)
    assert source_digest(deep) != source_digest(f"{deep}\n")


IN_CLASSES = dedent("""\
    from shop import f, g


    class TestF:
        # testsmith 1.0 01234567 00000000 shop.py::f
        def test_one(self):
            text = '''
    left'''
            assert f(text)

        def test_two(self):
            assert f(2)


    class TestG:
        # testsmith 1.0 01234567 00000000 shop.py::g
        def test_one(self):
            assert g(1)
""")


def test_marked_tests__tests_in_classes_are_named_with_their_class() -> None:
    text = sealed(IN_CLASSES)
    found = marked_tests(text)
    assert [(one.name, one.mark.member, one.is_edited) for one in found] == [
        ("TestF::test_one", "shop.py::f", False),
        ("TestG::test_one", "shop.py::g", False),
    ]
    edited = marked_tests(text.replace("assert f(text)", "assert not f(text)"))
    assert [one.is_edited for one in edited] == [True, False]


def test_beside_marked__leaves_the_other_tests_of_a_class() -> None:
    left = beside_marked(sealed(IN_CLASSES))
    assert "test_two" in left
    assert "test_one" not in left
    assert "TestG" not in left
