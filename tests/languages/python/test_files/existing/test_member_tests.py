from __future__ import annotations

from dataclasses import replace
from textwrap import dedent

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.python.source.members import all_members
from testsmith.languages.python.source.project_names import ProjectNames
from testsmith.languages.python.test_files.existing.member_tests import MemberTests
from testsmith.model import ExistingTest, Member

CART = """
import typing as t

class Stock:
    def total(self) -> int: ...
    def counted(self) -> int: ...
    def __enter__(self): ...
    async def __aexit__(self, *raised): ...
    def __await__(self): ...

class Cart(Stock):
    def __init__(self, items=()): ...
    @classmethod
    def of(cls, *items): ...
    @property
    def size(self) -> int: ...
    def add(self, item): ...
    def merged(self, other) -> "Cart": ...
    def counted(self) -> int: ...
    def renewed(self) -> t.Self | None: ...

def chunked(items, size): ...

def parse_price(text): ...

def empty_cart() -> Cart: ...

shared = Cart()
"""
SHOP = {
    "src/shop/__init__.py": "from shop.cart import *\n",
    "src/shop/cart.py": CART,
}


def read(name: str, files: dict[str, str]) -> tuple[MemberTests, Member]:
    """Return the tests of the shop and a member of it, given the texts of `tests/<name>.py`."""
    tests = {f"tests/{stem}.py": dedent(text) for stem, text in files.items()}
    tree = MemoryTree(SHOP | tests)
    by_name = {each.name: each for each in all_members(tree, ["src/shop/cart.py"], "").members}
    member = by_name.get(name) or replace(by_name["Cart.add"], name=name)
    return MemberTests(tree, [member], ProjectNames(tree, "")), member


def found_tests(name: str, **files: str) -> tuple[ExistingTest, ...]:
    """Return the tests of a member."""
    tests, member = read(name, files)
    return tests.of(member)


def calls(name: str, test: str) -> list[str]:
    """Return the calls of a member that a test file makes, test by test."""
    return [call for each in found_tests(name, test_cart=test) for call in each.calls]


@pytest.mark.parametrize(
    ("imports", "call"),
    [
        ("from shop.cart import chunked", "chunked([1], 2)"),
        ("from shop.cart import chunked as split", "split([1], 2)"),
        ("from shop import chunked", "chunked([1], 2)"),
        ("import shop as s", "s.chunked([1], 2)"),
        ("import shop.cart", "shop.cart.chunked([1], 2)"),
        ("from shop import cart", "cart.chunked([1], 2)"),
        ("from shop.cart import *", "chunked([1], 2)"),
    ],
)
def test_existing_tests__a_call_is_found_through_any_import(imports: str, call: str) -> None:
    assert calls("chunked", f"{imports}\n\ndef test_it():\n    assert list({call}) == [[1]]\n") == [call]


@pytest.mark.parametrize(
    "body",
    [
        "x = Cart()\n    x.add(1)",
        "x = Cart.of(1)\n    x.add(1)",
        "x = empty_cart()\n    x.add(1)",
        "x = Cart().merged(Cart())\n    x.add(1)",
        "x = Cart().renewed()\n    x.add(1)",
        "with Cart() as x:\n        x.add(1)",
        "x: Cart = make()\n    x.add(1)",
        "x = shared.merged(Cart())\n    x.add(1)",
    ],
)
def test_existing_tests__a_method_is_found_by_what_made_its_object(body: str) -> None:
    text = f"from shop.cart import Cart, empty_cart, shared\n\ndef test_it():\n    {body}\n"
    assert calls("Cart.add", text) == ["x.add(1)"]


def test_existing_tests__a_method_is_found_on_a_constant_of_the_project() -> None:
    text = "from shop import shared\n\ndef test_it():\n    shared.add(1)\n"
    assert calls("Cart.add", text) == ["shared.add(1)"]


def test_existing_tests__a_common_method_of_an_unknown_object_is_not_taken_for_the_member() -> None:
    assert calls("Cart.add", "from shop.cart import Cart\n\ndef test_it(found):\n    found.add(1)\n") == []


def test_existing_tests__an_uncommon_method_name_is_enough() -> None:
    text = "from shop.cart import Cart\n\ndef test_it(found):\n    found.merged(1)\n"
    assert calls("Cart.merged", text) == ["found.merged(1)"]


def test_existing_tests__a_function_of_the_standard_library_is_no_method_of_that_name() -> None:
    text = "import heapq\n\ndef test_it():\n    heapq.merged([1], [2])\n"
    assert calls("Cart.merged", text) == []
    assert calls("Cart.merged", text.replace("heapq", "toolkit")) == ["toolkit.merged([1], [2])"]


@pytest.mark.parametrize(
    ("imported", "derived", "of_stock", "of_cart"),
    [
        ("from shop import Stock", "Shelf(Stock)", ["super().counted()"], []),
        ("import shop", "Shelf(dict, shop.Cart)", [], ["super().counted()"]),
        ("import shelves", "Shelf(shelves.Base)", ["super().counted()"], ["super().counted()"]),
    ],
)
def test_existing_tests__super_is_the_base_of_a_class_of_the_tests(
    imported: str, derived: str, of_stock: list[str], of_cart: list[str]
) -> None:
    shelf = f"class {derived}:\n    def counted(self):\n        return super().counted()\n"
    inside = "    " + shelf.replace("\n", "\n    ") + "return Shelf()\n"
    for text in (
        f"{imported}\n\ndef test_it():\n{inside}",
        f"{imported}\n\n{shelf.replace('Shelf', 'TestShelf').replace('def counted', 'def test_counted')}",
    ):
        assert calls("Stock.counted", text) == of_stock
        assert calls("Cart.counted", text) == of_cart


def test_existing_tests__a_method_of_an_unknown_object_elsewhere_does_not_count_if_a_sure_call_is_known() -> (
    None
):
    files = {
        "test_stock": "from shop import Cart\n\ndef test_merging():\n    Cart().merged(1)\n",
        "test_queue": "def test_queue(queue):\n    queue.merged(2)\n",
        "test_cart": "def test_merged(cart):\n    cart.merged(3)\n",
        "test_both": "from shop import Cart\n\ndef test_all():\n    one = [Cart()][0]\n    one.merged(4)\n",
    }
    found = [call for each in found_tests("Cart.merged", **files) for call in each.calls]
    assert sorted(found) == ["Cart().merged(1)", "cart.merged(3)", "one.merged(4)"]


def test_existing_tests__a_method_of_a_base_is_found_on_the_derived_class() -> None:
    text = "from shop.cart import Cart\n\ndef test_it():\n    assert Cart().total() == 0\n"
    assert calls("Stock.total", text) == ["Cart().total()"]


def test_existing_tests__properties_and_constructors_count_as_calls() -> None:
    text = "from shop.cart import Cart\n\ndef test_it():\n    assert Cart([1]).size == 1\n"
    assert calls("Cart.size", text) == ["Cart([1]).size"]
    assert calls("Cart.__init__", text) == ["Cart([1])"]


@pytest.mark.parametrize(
    ("method", "body", "call"),
    [
        ("__enter__", "with Cart() as cart:\n        cart.add(1)", "Cart()"),
        ("__aexit__", "async with Cart.of(1), Other():\n        ...", "Cart.of(1)"),
        ("__aexit__", "cart = Cart()\n    async with cart:\n        ...", "cart"),
        ("__await__", "cart = await Cart()", "await Cart()"),
        ("__enter__", "async with Cart():\n        ...", None),
        ("__enter__", "with opened():\n        Cart()", None),
        ("__await__", "await parse_price('1')", None),
    ],
)
def test_existing_tests__with_and_await_call_special_methods(
    method: str, body: str, call: str | None
) -> None:
    text = f"from shop import *\n\nasync def test_it():\n    {body}\n"
    assert calls(f"Stock.{method}", text) == ([call] if call else [])


def test_existing_tests__fixtures_setup_and_helpers_of_the_file_count() -> None:
    text = """
        import unittest, pytest
        from shop.cart import Cart, chunked

        @pytest.fixture
        def cart():
            return Cart()

        def split(items):
            return list(chunked(items, 2))

        def test_fixture(cart):
            cart.add(1)

        def test_helper():
            assert split([1]) == [[1]]

        class CartTest(unittest.TestCase):
            def test_field(self):
                self.cart.add(2)

            def setUp(self):
                self.cart = Cart()
    """
    assert [(each.id, each.calls) for each in found_tests("Cart.add", test_cart=text) if each.calls] == [
        ("test_fixture", ("cart.add(1)",)),
        ("CartTest::test_field", ("self.cart.add(2)",)),
    ]
    assert [each.id for each in found_tests("chunked", test_cart=text) if each.calls] == ["test_helper"]


def test_existing_tests__fixtures_of_conftest_give_objects() -> None:
    conftest = """
        import pytest
        from shop import Cart

        @pytest.fixture
        def cart():
            return Cart()
    """
    found = found_tests("Cart.add", conftest=conftest, test_cart="def test_it(cart):\n    cart.add(1)\n")
    assert [(each.id, each.calls) for each in found] == [("test_it", ("cart.add(1)",))]


def test_existing_tests__the_file_and_class_that_test_it_most_come_first() -> None:
    other = """
        from shop.cart import chunked, parse_price

        def test_prices():
            assert [parse_price(x) for y in chunked("1", 1) for x in y] == [1]

        def test_more_prices():
            assert [parse_price(x) for y in chunked("12", 1) for x in y] == [1, 2]
    """
    own = """
        import shop

        class TestPrices:
            def test_one(self):
                for batch in shop.chunked("1", 1):
                    shop.parse_price(batch)

        class TestChunked:
            def test_even(self):
                assert shop.chunked("12", 1)

            def test_odd(self):
                assert shop.chunked("123", 2)
    """
    found = found_tests("chunked", test_bulk=other, test_cart=own)
    assert [f"{each.path}::{each.id}" for each in found] == [
        "tests/test_cart.py::TestChunked::test_even",
        "tests/test_cart.py::TestChunked::test_odd",
        "tests/test_cart.py::TestPrices::test_one",
        "tests/test_bulk.py::test_prices",
        "tests/test_bulk.py::test_more_prices",
    ]


def test_existing_tests__tests_near_a_member_follow_without_calls() -> None:
    text = """
        from shop.cart import Cart, chunked

        def test_chunked():
            assert chunked([1], 1)

        def test_price_of_nothing():
            assert run("parse")
    """
    found = found_tests("parse_price", test_cart=text)
    assert [(each.id, each.calls) for each in found] == [("test_price_of_nothing", ()), ("test_chunked", ())]


def test_existing_tests__a_test_is_described_with_its_place_and_source() -> None:
    text = """
        import pytest
        from shop import parse_price

        class TestPrices:
            @pytest.mark.parametrize("text", ["1", "2"])
            def test_it(self, text):
                assert parse_price(text)
    """
    (found,) = found_tests("parse_price", test_cart=text)
    source = dedent(
        """\
        @pytest.mark.parametrize("text", ["1", "2"])
        def test_it(self, text):
            assert parse_price(text)"""
    )
    assert found == ExistingTest(
        path="tests/test_cart.py",
        suite="TestPrices",
        name="test_it",
        line=6,
        end_line=8,
        source=source,
        calls=("parse_price(text)",),
        has_cases=True,
    )


def test_existing_tests__unreadable_files_are_ignored() -> None:
    good = "from shop.cart import chunked\n\ndef test_it():\n    assert chunked([], 1)\n"
    found = found_tests("chunked", test_cart=good, test_broken="from shop.cart import chunked\ndef (:\n")
    assert [each.path for each in found] == ["tests/test_cart.py"]
