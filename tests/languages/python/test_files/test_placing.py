from __future__ import annotations

from textwrap import dedent

import pytest

from testsmith.languages.python.test_files.merging import place
from testsmith.model import TestPlace

CODE = dedent("""\
    import pytest

    from shop.cart import chunked


    def test_chunked_odd():
        assert list(chunked("123", 2)) == ["12", "3"]


    @pytest.mark.parametrize("size", [0, -1])
    def test_chunked_refuses(size):
        with pytest.raises(ValueError):
            chunked("1", size)
""")


def placed(existing: str, at: TestPlace, code: str = CODE) -> str:
    """Place, and see that it holds what was there, and that doing it again changes nothing."""
    existing = dedent(existing)
    text = place(existing, code, at=at)
    lines = iter(text.splitlines())
    assert all(line in lines for line in existing.splitlines())
    assert place(text, code, at=at) == text
    return text


def test_place__functions_go_after_the_nearest_test_and_use_the_imports_of_the_file() -> None:
    existing = """\
        import pytest

        import shop as s


        def test_chunked():
            assert s.chunked("12", 1)


        def test_other():
            assert s
    """
    at = TestPlace(path="tests/test_cart.py", after="test_chunked", spelling="s.chunked")
    assert placed(existing, at) == dedent("""\
        import pytest

        import shop as s


        def test_chunked():
            assert s.chunked("12", 1)


        def test_chunked_odd():
            assert list(s.chunked("123", 2)) == ["12", "3"]


        @pytest.mark.parametrize("size", [0, -1])
        def test_chunked_refuses(size):
            with pytest.raises(ValueError):
                s.chunked("1", size)


        def test_other():
            assert s
    """)


def test_place__functions_become_methods_of_a_class_without_bases() -> None:
    existing = """\
        from shop import chunked


        class TestChunked:
            def test_even(self):
                assert chunked("12", 1)

            def test_chunked_odd(self):
                assert chunked("1", 1)

        class TestOther:
            pass
    """
    at = TestPlace(
        path="tests/test_cart.py", suite="TestChunked", after="TestChunked::test_even", spelling="chunked"
    )
    assert placed(existing, at) == dedent("""\
        from shop import chunked
        import pytest


        class TestChunked:
            def test_even(self):
                assert chunked("12", 1)

            def test_chunked_odd_2(self):
                assert list(chunked("123", 2)) == ["12", "3"]

            @pytest.mark.parametrize("size", [0, -1])
            def test_chunked_refuses(self, size):
                with pytest.raises(ValueError):
                    chunked("1", size)

            def test_chunked_odd(self):
                assert chunked("1", 1)

        class TestOther:
            pass
    """)


TEST_CASE = dedent("""\
    import unittest

    from shop.cart import chunked


    class TestChunked(unittest.TestCase):
        def test_long_text(self):
            text = '''
    a line'''
            self.assertEqual(list(chunked(text, 9)), [text])
""")
CHUNKED_TESTS = """\
    from unittest import TestCase

    import shop as s


    class ChunkedTests(TestCase):
      def test_even(self):
        self.assertTrue(s.chunked("12", 1))


    class OtherTests(TestCase):
      def test_other(self):
        pass
"""


def test_place__methods_of_a_test_case_join_one_with_its_indentation() -> None:
    at = TestPlace(
        path="tests/test_cart.py", suite="ChunkedTests", after="ChunkedTests::test_even", spelling="s.chunked"
    )
    got = placed(CHUNKED_TESTS, at, TEST_CASE)
    assert "  def test_long_text(self):\n    text = '''\na line'''\n" in got
    assert got.index("test_even") < got.index("test_long_text") < got.index("class OtherTests")
    assert "unittest.TestCase" not in got
    assert got.count("import") == CHUNKED_TESTS.count("import")


def test_place__a_member_without_tests_gets_a_class_like_its_neighbors() -> None:
    at = TestPlace(
        path="tests/test_cart.py",
        suite="ChunkedTests",
        after="ChunkedTests::test_even",
        new_suite="SplitTests",
        spelling="s.chunked",
    )
    got = placed(CHUNKED_TESTS, at, TEST_CASE)
    assert "\n\nclass SplitTests(TestCase):\n  def test_long_text(self):\n" in got
    assert got.index("class ChunkedTests") < got.index("class SplitTests") < got.index("class OtherTests")


SETUP = """\
class ChunkedTests(TestCase):
    size = 9

    def setUp(self):
        self.text = "12"
"""


@pytest.mark.parametrize(
    ("head", "is_joined"),
    [
        (SETUP, True),
        (SETUP.replace("    size = 9\n\n", ""), True),
        (SETUP.replace("12", "13"), False),
        (SETUP.replace("size = 9", "size = 8"), False),
        (SETUP.replace("size = 9", "size = 9; other = 1"), False),
    ],
)
def test_place__methods_join_a_class_that_has_all_else_of_theirs(head: str, *, is_joined: bool) -> None:
    begin = "from unittest import TestCase\n\nfrom shop.cart import chunked\n\n\n"
    existing = f"{begin}{SETUP}\n    def test_even(self):\n        self.assertTrue(chunked(self.text, 1))\n"
    code = f"{begin}{head}\n    def test_odd(self):\n        self.assertTrue(chunked(self.text, 3))\n"
    at = TestPlace(path="tests/test_cart.py", suite="ChunkedTests", after="ChunkedTests::test_even")
    got = placed(existing, at, code)
    joined = f"{existing}\n    def test_odd(self):\n        self.assertTrue(chunked(self.text, 3))\n"
    assert (got == joined) == is_joined
    assert ("class ChunkedTests2" in got) == (not is_joined)


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(TEST_CASE.replace("    def test", "    size = 9\n\n    def test"), id="fields"),
        pytest.param(CODE, id="functions"),
    ],
)
def test_place__what_cannot_be_a_method_of_the_class_follows_it(code: str) -> None:
    at = TestPlace(path="tests/test_cart.py", suite="ChunkedTests", after="ChunkedTests::test_even")
    got = placed(CHUNKED_TESTS, at, code)
    assert "from shop.cart import chunked" in got


def test_place__a_place_that_is_gone_is_the_end() -> None:
    at = TestPlace(path="tests/test_cart.py", suite="Gone", after="Gone::test", spelling="gone.chunked")
    existing = "def test_other():\n    pass\n"
    assert placed(existing, at) == place(existing, CODE)


def test_place__a_name_that_the_module_binds_itself_is_not_replaced() -> None:
    at = TestPlace(path="tests/test_cart.py", after="test_other", spelling="s.chunked")
    code = "from shop.cart import chunked\n\ns = 'text'\n\n\ndef test_it():\n    assert chunked(s, 1)\n"
    got = place("import shop as s\n\n\ndef test_other():\n    assert s\n", code, at=at)
    assert "from shop.cart import chunked\n" in got
    assert "assert chunked(s_2, 1)" in got
