from __future__ import annotations

from fakes.trees import MemoryTree
from testsmith.languages.python.conventions import CUT_MARK, MOST_BYTES, Conventions

SOURCE = "src/shop/cart.py"
TESTS = "tests/shop/test_cart.py"


def test_of__none() -> None:
    assert Conventions(MemoryTree({SOURCE: ""})).of(SOURCE, TESTS) == ""


def test_of__the_root_first_then_deeper_folders_of_source_and_test() -> None:
    tree = MemoryTree(
        {
            "tests/shop/TESTSMITH.md": "deep\n",
            "tests/TESTSMITH.md": "tests\n",
            "src/TESTSMITH.md": "\nsource\n\n",
            "TESTSMITH.md": "# root\n",
            "docs/TESTSMITH.md": "elsewhere\n",
            "tests/shop/other/TESTSMITH.md": "below\n",
            "src/shop/TESTSMITH.md": "  \n",
        },
    )
    assert Conventions(tree).of(SOURCE, TESTS) == "# root\n\nsource\n\ntests\n\ndeep"


def test_of__all_of_them_together_are_cut_with_a_mark() -> None:
    tree = MemoryTree({"TESTSMITH.md": "é" * 6_000, "tests/TESTSMITH.md": "ü" * 6_000})
    text = Conventions(tree).of(SOURCE, TESTS)
    assert MOST_BYTES - 2 <= len(text.encode()) <= MOST_BYTES
    assert text.startswith("é" * 6_000 + "\n\n" + "ü" * 2_000)
    assert text.endswith("ü" + CUT_MARK)


def test_of__what_just_fits_is_whole() -> None:
    tree = MemoryTree({"TESTSMITH.md": "a" * MOST_BYTES})
    assert Conventions(tree).of(SOURCE, TESTS) == "a" * MOST_BYTES


def test_of__bytes_that_are_no_text_do_no_harm() -> None:
    tree = MemoryTree({"TESTSMITH.md": b"ab\xff\xfec"})
    assert Conventions(tree).of(SOURCE, TESTS) == "ab\ufffd\ufffdc"
