from __future__ import annotations

from textwrap import dedent

import pytest

from testsmith.languages.python.test_files.merging import place
from testsmith.model import TestPlace

FILE = dedent("""\
    import pytest

    import shop as s


    @pytest.mark.parametrize(
        ("text", "size", "expected"),
        [
            ("12", 1, ["1", "2"]),  # even
            ("", 1, []),
        ],
    )
    def test_chunked(text, size, expected):
        assert list(s.chunked(text, size)) == expected


    @pytest.mark.parametrize("size", [0, -1])
    def test_refuses(size):
        with pytest.raises(ValueError):
            s.chunked("1", size)


    def test_long():
        assert list(s.chunked("123", 9)) == ["123"]
""")
AT = TestPlace(path="tests/test_cart.py", after="test_chunked", spelling="s.chunked")
HEAD = "import pytest\n\nfrom shop.cart import chunked\n\n\n"


def added(code: str) -> list[str]:
    """Return the lines that placing adds; all else stays, and doing it again adds nothing."""
    text = place(FILE, HEAD + dedent(code), at=AT)
    assert place(text, HEAD + dedent(code), at=AT) == text
    lines = iter(text.splitlines())
    assert all(line in lines for line in FILE.splitlines())
    before = FILE.splitlines()
    return [line for line in text.splitlines() if line not in before and line.strip()]


def test_place__a_test_of_the_same_form_becomes_a_row() -> None:
    code = """
        def test_odd():
            assert list(chunked("123", 2)) == ["12", "3"]
    """
    assert added(code) == ['        ("123", 2, ["12", "3"]),']


def test_place__rows_of_a_table_of_the_same_form_join_it_but_for_those_it_has() -> None:
    code = """
        @pytest.mark.parametrize(
            ("size", "chunks"), [(1, ["1", "2"]), pytest.param(2, ["12"], id="whole")]
        )
        def test_sizes(size, chunks):
            assert list(chunked("12", size)) == chunks
    """
    assert added(code) == ['        ("12", 2, ["12"]),']


def test_place__a_case_that_a_test_has_is_not_added() -> None:
    code = """
        def test_nine():
            assert list(chunked("123", 9)) == ["123"]
    """
    assert added(code) == []


def test_place__a_table_on_one_line_is_extended_there() -> None:
    code = """
        def test_less():
            with pytest.raises(ValueError):
                chunked("1", -9)
    """
    text = place(FILE, HEAD + dedent(code), at=AT)
    assert text == FILE.replace("[0, -1]", "[0, -1, -9]")


@pytest.mark.parametrize(
    "code",
    [
        'def test_a():\n    assert list(chunked("123", 2)) != ["12", "3"]\n',
        'def test_a():\n    assert list(chunked("123", 2)) == ["12", "3"]\n    assert chunked("", 1)\n',
        'def test_a(tmp_path):\n    assert list(chunked("123", 2)) == ["12", "3"]\n',
    ],
)
def test_place__another_form_stays_a_test(code: str) -> None:
    assert added(code)[0].startswith("def test_a(")


def test_place__a_row_goes_below_the_one_that_is_most_like_it() -> None:
    table = """\
        import pytest

        import shop as s


        @pytest.mark.parametrize(
            "text, size, expected",
            [
                ["12", 1, ["1", "2"]],
                # nothing
                ["", 1, []],
                ["", 2, []], ["", 3, []],
            ],
        )
        def test_chunked(text, size, expected):
            assert list(s.chunked(text, size)) == expected
    """
    code = """
        def test_two():
            assert list(chunked("34", 1)) == ["3", "4"]


        def test_nothing():
            assert list(chunked("", 4)) == []


        def test_other():
            assert list(chunked({"a": b"long text"}, 777)) == [{"b": 0xffff}, Ellipsis]
    """
    text = place(dedent(table), HEAD + dedent(code), at=AT)
    rows = text.partition("[\n")[2].partition("    ],")[0]
    assert [row.strip() for row in rows.strip().splitlines()] == [
        '["12", 1, ["1", "2"]],',
        '["34", 1, ["3", "4"]],',
        "# nothing",
        '["", 1, []],',
        '["", 2, []], ["", 3, []],',
        '["", 4, []],',
        '[{"a": b"long text"}, 777, [{"b": 0xffff}, Ellipsis]],',
    ]


LOOPS = dedent("""\
    from unittest import TestCase

    import shop as s


    class ChunkedTests(TestCase):
        def test_sizes(self):
            \"\"\"Sizes.\"\"\"
            for text, size in [
                ("12", 1),
                ("1234", 3),
            ]:
                with self.subTest(size=size):
                    self.assertTrue(s.chunked(text, size))

        def test_empty(self):
            for size in (1, 2):
                self.assertEqual(list(s.chunked("", size)), [])
            self.assertTrue(s)
""")


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (
            'self.assertTrue(chunked("1235", 3))',
            LOOPS.replace('("1234", 3),\n', '("1234", 3),\n            ("1235", 3),\n'),
        ),
        ('self.assertTrue(chunked("1234", 3))', LOOPS),
        (
            'self.assertEqual(list(chunked("", 3)), [])',
            f'{LOOPS}\n    def test_new(self):\n        self.assertEqual(list(s.chunked("", 3)), [])\n',
        ),
    ],
)
def test_place__a_case_joins_the_table_of_a_loop_that_is_all_of_a_test(check: str, expected: str) -> None:
    code = (
        "from unittest import TestCase\n\nfrom shop import chunked\n\n\n"
        f"class TestNew(TestCase):\n    def test_new(self):\n        {check}\n"
    )
    at = TestPlace(path="tests/test_cart.py", suite="ChunkedTests", spelling="s.chunked", is_of_unittest=True)
    assert place(LOOPS, code, at=at) == expected


@pytest.mark.parametrize(
    ("cells", "row"),
    [
        ('["12"], "12"', '(["12 3", 1], "12 3"),'),
        ('("12",), "12"', '(("12 3", 1), "12 3"),'),
        ('ARGUMENTS, "12"', ""),
        ('["12"], "12"), ((), "12"', ""),
    ],
    ids=["lists", "tuples", "a name", "both"],
)
def test_place__a_case_joins_a_table_whose_call_unpacks_a_column(cells: str, row: str) -> None:
    table = f'@pytest.mark.parametrize(("args", "expected"), [\n    ({cells}),\n])\n'
    file = f"import pytest\n\nimport shop as s\n\n{table}def test_join(args, expected):\n"
    file += "    assert s.join(*args) == expected\n"
    code = 'from shop.cart import join\n\n\ndef test_more():\n    assert join("12 3", 1) == "12 3"\n'

    text = place(file, code, at=TestPlace(path="t.py", after="test_join", spelling="s.join"))

    assert row in text
    assert ("def test_more" in text) == (not row)


@pytest.mark.parametrize(
    ("keyword", "is_row"), [("ids=str", True), ("ids=NAMES", False), ("indirect=True", False)]
)
def test_place__a_case_joins_a_table_whose_rows_a_function_names(keyword: str, is_row: bool) -> None:
    table = f'@pytest.mark.parametrize("size, expected", [(0, []), (1, [""])], {keyword})\n'
    file = f"import pytest\n\nimport shop as s\n\n{table}def test_blank(size, expected):\n"
    file += "    assert s.blank(size) == expected\n"
    code = "from shop.cart import blank\n\n\ndef test_two():\n    assert blank(2) == ['', '']\n"

    text = place(file, code, at=TestPlace(path="t.py", after="test_blank", spelling="s.blank"))

    assert ("def test_two" not in text) == is_row
