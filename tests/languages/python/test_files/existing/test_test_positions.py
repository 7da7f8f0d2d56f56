from __future__ import annotations

from textwrap import dedent

import pytest

from fakes.requests import make_member
from testsmith.languages.python.test_files.existing.test_positions import beside_subject
from testsmith.model import Member

BEFORE = dedent("""\
    from shop import chunked, total


    def test_total_of_one():
        assert total([1]) == 1


    def test_total_of_two():
        assert total([1, 2]) == 3


    class TestAll:
        def test_chunked(self):
            assert chunked([1], 1)

        def test_total(self):
            assert total([])

        def test_total_again(self):
            assert total([])


    def test_chunks():
        assert chunked([1], 1)


    def test_last():
        assert total([2]) == 2


    if __name__ == "__main__":
        run()
    """)
TWO = dedent("""\
    def test_price():
        assert price(1)


    # of nothing
    def test_price_of_nothing():
        assert price(0)
    """)
METHOD = "    def test_chunked_odd(self):\n        assert chunked([2], 1)\n"


def about(name: str) -> Member:
    return make_member(f"src/shop/cart.py::{name}")


def order(text: str) -> list[str]:
    """Return the names of the tests of a file in order."""
    return [line.split("def ")[1].partition("(")[0] for line in text.splitlines() if "def test_" in line]


def edited(new: str, above: str) -> str:
    """Return the file with tests above a line of it."""
    assert above in BEFORE
    blanks = "\n\n" if not new.startswith(" ") else "\n"
    return BEFORE.replace(above, f"{new}{blanks}{above}")


def test_beside_subject__a_test_between_tests_of_another_subject_goes_to_the_end() -> None:
    after = edited(TWO, "def test_total_of_two")
    moved = beside_subject(BEFORE, after, about("price"), ())
    assert moved == BEFORE.replace("\n\nif __name__", f"\n\n{TWO}\n\nif __name__")


@pytest.mark.parametrize("own", [(), ("test_chunks",)])
def test_beside_subject__it_goes_after_the_last_test_of_its_subject(own: tuple[str, ...]) -> None:
    new = "def test_odd_chunks():\n    assert chunked([2], 1)\n"
    moved = beside_subject(BEFORE, edited(new, "def test_total_of_two"), about("chunked"), own)
    assert moved == BEFORE.replace("def test_last", f"{new}\n\ndef test_last")


def test_beside_subject__tests_that_were_added_together_stay_so() -> None:
    new = "def test_price():\n    assert price(1)\n\n\ndef test_chunks_of_price():\n    assert price(0)\n"
    moved = beside_subject(BEFORE, edited(new, "def test_total_of_two"), about("price"), ())
    assert moved == BEFORE.replace("def test_last", f"{new}\n\ndef test_last")

    apart = edited(new.replace("\n\n\n", "\n\n\nLIST = []\n\n\n"), "def test_total_of_two")
    assert order(beside_subject(BEFORE, apart, about("price"), ()))[-4:] == [
        "test_chunks",
        "test_chunks_of_price",
        "test_last",
        "test_price",
    ]


def test_beside_subject__how_something_ends_is_no_subject() -> None:
    before = BEFORE.replace("test_chunks", "test_chunked_fails")
    new = "def test_price_fails():\n    assert price(1)\n"
    after = before.replace("def test_total_of_two", f"{new}\n\ndef test_total_of_two")
    assert order(beside_subject(before, after, about("price"), ()))[-2:] == ["test_last", "test_price_fails"]


def test_beside_subject__a_method_stays_in_its_class() -> None:
    after = edited(METHOD, "    def test_total_again")
    moved = beside_subject(BEFORE, after, about("chunked"), ())
    assert moved == BEFORE.replace("    def test_total(", f"{METHOD}\n    def test_total(")


@pytest.mark.parametrize(
    ("new", "above", "member"),
    [
        ("def test_total_of_three():\n    assert total([3]) == 3\n", "def test_total_of_two", "total"),
        (METHOD, "    def test_total(", "chunked"),
        ("def test_odd():\n    assert chunked([2], 1)\n", "def test_last", "chunked"),
    ],
)
def test_beside_subject__a_test_beside_its_subject_stays(new: str, above: str, member: str) -> None:
    after = edited(new, above)
    assert beside_subject(BEFORE, after, about(member), {"test_chunks"}) == after


def test_beside_subject__words_that_many_tests_have_do_not_make_a_subject() -> None:
    many = "\n\n".join(f"def test_daterange_{name}():\n    assert 1\n" for name in "abcdefgh")
    before = many + "\n\ndef test_isoparse():\n    assert 2\n"
    new = "def test_isoparse_daterange():\n    assert 3\n"
    after = before.replace("def test_daterange_d", f"{new}\n\ndef test_daterange_d")
    moved = beside_subject(before, after, about("isoparse"), ())
    assert order(moved) == [*order(before), "test_isoparse_daterange"]


SUITE = dedent("""\
    # of prices
    class TestPrice:
        def test_price(self):
            assert price(1)


    class TestPrices:
        def test_prices(self):
            assert prices(1)
    """)


@pytest.mark.parametrize(
    ("own", "below"),
    [
        ((), "def test_total_of_two"),
        (("TestAll::test_total",), "def test_chunks"),
        (("test_last",), "if __name"),
    ],
)
def test_beside_subject__a_class_goes_behind_tests_that_are_there(own: tuple[str, ...], below: str) -> None:
    after = edited(SUITE, "def test_total_of_one")
    assert beside_subject(BEFORE, after, about("price"), own) == edited(SUITE, below)


@pytest.mark.parametrize("above", ["def test_total_of_two", "if __name__"])
def test_beside_subject__a_class_below_a_test_stays(above: str) -> None:
    after = edited(SUITE, above)
    assert beside_subject(BEFORE, after, about("price"), ()) == after
