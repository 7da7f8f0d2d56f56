from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from textwrap import dedent

import pytest
from languages.python.test_files.existing.test_member_tests import SHOP

from fakes.effort import calls_in
from fakes.trees import MemoryTree
from testsmith.languages.python.source.context import requests
from testsmith.languages.python.source.members import all_members
from testsmith.languages.python.source.project_names import ProjectNames
from testsmith.languages.python.test_files.existing.member_tests import MemberTests
from testsmith.languages.python.test_files.existing.places import Places
from testsmith.model import Change, ExistingTest, Place, TestPlace


def place_of(  # noqa: PLR0913 - each of them is a reason for a place
    name: str,
    change: Change = Change.CHANGED,
    because: tuple[str, ...] = (),
    through: tuple[ExistingTest, ...] = (),
    named: str = "tests/test_cart.py",
    *,
    intent: str = "",
    is_private: bool = False,
    **files: str,
) -> TestPlace | None:
    """Return the place of a member's tests, given the texts of `tests/<name>.py`."""
    tests = {f"tests/{stem}.py": dedent(text) for stem, text in files.items()}
    tree = MemoryTree(SHOP | tests)
    by_name = {each.name: each for each in all_members(tree, ["src/shop/cart.py"], "").members}
    places = tuple(Place(path="src/shop/cart.py", line=1, end_line=1, name=each) for each in because)
    member = by_name.get(name) or replace(by_name["Cart.add"], name=name)
    member = replace(member, change=change, because_places=places, is_private=is_private)
    names = ProjectNames(tree, "")
    return Places(MemberTests(tree, [member], names), names, intent).of(member, named, through).place


def test_place_of__after_the_last_test_that_is_named_after_the_member() -> None:
    text = """
        import shop.cart as c

        def test_chunked():
            assert c.chunked([1], 1)

        def test_chunked_long():
            assert c.chunked([1, 2], 1)

        def test_prices():
            assert [c.parse_price(x) for x in c.chunked("1", 1)]
    """
    assert place_of("chunked", test_cart=text) == TestPlace(
        path="tests/test_cart.py", after="test_chunked_long", spelling="c.chunked"
    )


def test_place_of__the_file_that_tests_it_rather_than_the_one_that_is_named_after_its_module() -> None:
    text = "from shop import chunked\n\ndef test_chunked():\n    assert chunked([1], 1)\n"
    other = "from shop.cart import Cart\n\ndef test_cart():\n    assert Cart().total() == 0\n"
    found = place_of("chunked", test_iteration=text, test_cart=other)
    assert found is not None
    assert found.path == "tests/test_iteration.py"


@pytest.mark.parametrize(
    ("is_private", "path"), [(True, "tests/test_text.py"), (False, "tests/test_cart.py")]
)
def test_place_of__a_private_function_beside_the_tests_that_call_it(path: str, *, is_private: bool) -> None:
    text = "from shop.cart import parse_price\n\ndef test_pounds():\n    assert parse_price('1')\n"
    other = "from shop.cart import Cart\n\ndef test_total():\n    assert Cart().total() == 0\n"
    found = place_of("parse_price", is_private=is_private, test_text=text, test_cart=other)
    assert found is not None
    assert found.path == path


@pytest.mark.parametrize(
    ("suite", "new_suite"),
    [
        ("ChunkedTests", "ParsePriceTests"),
        ("TestChunked", "TestParsePrice"),
        ("test_Chunked", "test_ParsePrice"),
        ("TestEverything", ""),
    ],
)
def test_place_of__a_member_without_tests_gets_a_class_if_others_have_one(suite: str, new_suite: str) -> None:
    text = f"""
        from unittest import TestCase
        import shop as s

        class {suite}(TestCase):
            def test_even(self):
                self.assertTrue(s.chunked([1], 1))
    """
    assert place_of("parse_price", test_cart=text) == TestPlace(
        path="tests/test_cart.py",
        suite=suite,
        after=f"{suite}::test_even" if new_suite else "",
        new_suite=new_suite,
        spelling="s.parse_price",
        is_of_unittest=True,
    )


def test_place_of__the_only_file_with_tests_of_the_package() -> None:
    text = "from shop.stock import reserve\n\ndef test_reserve():\n    assert reserve(1)\n"
    tree = MemoryTree(SHOP | {"src/shop/stock.py": "def reserve(n): ...\n", "tests/test_all.py": text})
    member = all_members(tree, ["src/shop/cart.py"], "").members[-1]
    names = ProjectNames(tree, "")
    found = Places(MemberTests(tree, [member], names), names).of(member, "tests/test_cart.py").place
    assert found == TestPlace(path="tests/test_all.py")


def test_place_of__nowhere_if_the_only_file_is_named_after_another_module() -> None:
    text = "from shop.stock import reserve\n\ndef test_reserve():\n    assert reserve(1)\n"
    tree = MemoryTree(SHOP | {"src/shop/stock.py": "def reserve(n): ...\n", "tests/test_stock.py": text})
    member = all_members(tree, ["src/shop/cart.py"], "").members[-1]
    names = ProjectNames(tree, "")
    assert Places(MemberTests(tree, [member], names), names).of(member, "tests/test_cart.py").place is None


@pytest.mark.parametrize("folder", ["tests/benchmarks", "docs_src/testing"])
def test_place_of__no_file_that_measures_speed_or_is_an_example(folder: str) -> None:
    text = "from shop.cart import parse_price\n\ndef test_price():\n    assert parse_price('1')\n"
    tree = MemoryTree(SHOP | {f"{folder}/test_prices.py": text})
    members = all_members(tree, ["src/shop/cart.py"], "").members
    member = next(each for each in members if each.name == "parse_price")
    names = ProjectNames(tree, "")
    tests = MemberTests(tree, [member], names)
    assert not tests.of(member)
    assert Places(tests, names).of(member, "tests/test_cart.py").place is None


def test_place_of__the_file_with_the_words_of_the_change_if_nothing_uses_its_module() -> None:
    by_command = "def test_pounds(run):\n    assert run('shop', 'price', '1')\n"
    other = "def test_other(run):\n    assert run('shop', 'add')\n"
    title = "Commit: Read prices in pounds"
    found = place_of("parse_price", intent=title, test_prices=by_command, test_other=other)
    assert found == TestPlace(path="tests/test_prices.py")
    assert place_of("parse_price", intent="Commit: Fix", test_prices=by_command, test_other=other) is None


@pytest.mark.parametrize(
    ("tests", "is_sure"),
    [(("prices", "other", "stock"), True), (("prices", "pounds", "other", "sum"), False)],
)
def test_place_of__a_model_may_choose_another_file_than_the_words_of_the_change(
    tests: Sequence[str], is_sure: bool
) -> None:
    texts = {
        f"tests/test_{each}.py": f"def test_{each}(run):\n    assert run('shop', 'price')\n" for each in tests
    }
    tree = MemoryTree(SHOP | texts)
    member = next(
        each for each in all_members(tree, ["src/shop/cart.py"], "").members if each.name == "parse_price"
    )
    names = ProjectNames(tree, "")
    places = Places(MemberTests(tree, [member], names), names, "Commit: Read prices in pounds")
    found = places.of(member, "tests/test_cart.py")
    assert found.place is not None
    assert found.others == (() if is_sure else (found.place.path, *found.others[1:]))
    assert (len(found.others) > 1) is not is_sure


@pytest.mark.parametrize(
    ("change", "path"), [(Change.ADDED, None), (Change.CHANGED, "tests/test_cart.py")], ids=["new", "changed"]
)
def test_place_of__nothing_new_in_a_file_that_is_named_after_another_module(
    change: Change, path: str | None
) -> None:
    files = {
        "src/shop/__init__.py": "",
        "src/shop/cart.py": "def total(): ...\n",
        "src/shop/stock.py": "def reserve(n): ...\n",
    }
    tests = (f"def test_{name}():\n    assert total()\n" for name in ("reserve_stock", "empty", "two", "sum"))
    tree = MemoryTree({**files, "tests/test_cart.py": "\n".join(["from shop.cart import total\n", *tests])})
    [found] = all_members(tree, ["src/shop/stock.py"], "").members
    member = replace(found, change=change)
    names = ProjectNames(tree, "")
    places = Places(MemberTests(tree, [member], names), names, "Commit: Reserve stock of a cart")
    place = places.of(member, "tests/test_stock.py").place
    assert (None if place is None else place.path) == path


def test_place_of__nowhere_without_tests_of_the_package() -> None:
    assert place_of("parse_price", test_all="def test_other():\n    assert 1\n") is None


@pytest.mark.parametrize("suite", ["TestCart", "TestPrices"])
def test_place_of__the_class_named_after_the_module_in_the_file_of_its_package(suite: str) -> None:
    text = f"""
        import shop

        class TestOthers:
            def test_nothing(self):
                assert shop

        class {suite}:
            def setup_method(self):
                self.cart = shop.make("cart")

            def test_size(self):
                assert self.cart.size == 0
    """
    place = place_of("parse_price", named="tests/test_shop.py", test_shop=text)
    assert (place is not None and (place.path, place.suite)) == (
        suite == "TestCart" and ("tests/test_shop.py", suite)
    )


def test_place_of__the_end_of_a_file_that_tests_other_subjects() -> None:
    text = """
        from shop.cart import Cart, chunked

        def test_chunked():
            assert chunked([1], 1)

        def test_total():
            assert Cart().total() == 0
    """
    found = place_of("parse_price", test_cart=text)
    assert found == TestPlace(path="tests/test_cart.py", spelling="")


def test_place_of__at_the_end_of_the_section_of_its_subject() -> None:
    text = """
        from shop.cart import Cart, chunked

        # ---- parse_price ----

        def test_pounds():
            assert Cart().total() == 0

        # ---- chunks ----

        def test_even():
            assert chunked([1], 1)
    """
    found = place_of("parse_price", test_cart=text)
    assert found is not None
    assert found.after == "test_pounds"


def test_place_of__the_file_that_is_named_after_the_member_rather_than_one_that_uses_it() -> None:
    own = "from shop.cart import Cart\n\ndef test_pounds():\n    assert Cart().total() == 0\n"
    other = "from shop.cart import parse_price\n\ndef test_checkout():\n    assert parse_price('1')\n"
    found = place_of("parse_price", test_prices=own, test_price=own, test_checkout=other)
    assert found is not None
    assert found.path == "tests/test_price.py"


def test_place_of__an_affected_member_beside_the_tests_of_what_changed() -> None:
    own = """
        from shop.cart import empty_cart

        class TestEmptyCart:
            def test_empty_cart(self):
                assert empty_cart().size == 0
    """
    merging = """
        from shop.cart import empty_cart

        class TestMerged:
            def test_sizes(self):
                assert empty_cart().merged(empty_cart()).size == 0
    """
    found = place_of("empty_cart", Change.AFFECTED, ("Cart.merged",), test_cart=own, test_sums=merging)
    assert found is not None
    assert (found.path, found.suite) == ("tests/test_sums.py", "TestMerged")
    found = place_of("empty_cart", Change.CHANGED, ("Cart.merged",), test_cart=own, test_sums=merging)
    assert found is not None
    assert found.path == "tests/test_cart.py"


def test_place_of__not_beside_tests_of_what_changed_that_do_not_use_a_member_with_own_tests() -> None:
    own = "from shop.cart import parse_price\n\ndef test_parse_price():\n    assert parse_price('1')\n"
    other = "from shop.cart import Cart\n\ndef test_merged():\n    assert Cart().merged(Cart())\n"
    found = place_of("parse_price", Change.AFFECTED, ("Cart.merged",), test_cart=own, test_sums=other)
    assert found is not None
    assert found.path == "tests/test_cart.py"


def test_place_of__tests_that_use_it_rather_than_a_file_that_is_named_like_what_changed() -> None:
    using = "from shop.cart import parse_price\n\ndef test_text():\n    assert parse_price('1')\n"
    alike = "import other\n\ndef test_rows():\n    assert other.merged('1')\n"
    found = place_of("parse_price", Change.AFFECTED, ("Cart.merged",), test_sums=using, test_merged=alike)
    assert found is not None
    assert found.path == "tests/test_sums.py"


def test_place_of__its_own_tests_rather_than_a_class_that_is_named_like_what_changed() -> None:
    text = """
        from shop.cart import empty_cart, parse_price

        class TestMerged:
            def test_price(self):
                assert parse_price("1")

        class TestEmptyCart:
            def test_empty_cart(self):
                assert empty_cart().size == 0
    """
    found = place_of("empty_cart", Change.AFFECTED, ("Cart.merged",), test_cart=text)
    assert found is not None
    assert found.suite == "TestEmptyCart"


def test_place_of__beside_the_tests_through_which_it_is_reached_and_that_share_words_with_it() -> None:
    text = """
        from shop.cart import chunked

        def test_other():
            assert chunked([2], 1)

        def test_cart_total():
            assert chunked([1], 1)

        def test_last():
            assert chunked([3], 1)
    """
    lines = dedent(text).split("\n")
    through = tuple(
        ExistingTest(path="tests/test_all.py", suite="", name=name, line=line, end_line=line + 1, source="")
        for line, text in enumerate(lines, 1)
        for name in [text[4:].partition("(")[0]]
        if text.startswith("def ")
    )
    found = place_of("Cart.total", through=through, test_all=text)
    assert found is not None
    assert (found.path, found.after) == ("tests/test_all.py", "test_cart_total")


def test_place_of__the_file_with_the_words_of_the_change_rather_than_tests_that_only_reach_it() -> None:
    reaching = "from shop.stock import reserve\n\ndef test_reserve():\n    assert reserve(1)\n"
    by_command = "def test_pounds(run):\n    assert run('shop', 'money')\n"
    test = ExistingTest(
        path="tests/test_all.py", suite="", name="test_reserve", line=3, end_line=4, source=""
    )
    texts = {"test_all": reaching, "test_money": by_command}
    places = [
        place_of("parse_price", through=(test,), intent=title, **texts)  # type: ignore[arg-type]
        for title in ("Commit: Read money in pounds", "Commit: Fix")
    ]
    assert [place and place.path for place in places] == ["tests/test_money.py", "tests/test_all.py"]


def test_place_of__a_class_of_its_own_in_the_only_file_if_all_tests_are_in_classes() -> None:
    text = """
        from unittest import TestCase
        from shop.stock import reserve

        class ReserveTests(TestCase):
            def test_one(self):
                self.assertTrue(reserve(1))
    """
    stock = {"src/shop/stock.py": "def reserve(n): ...\n", "tests/test_all.py": dedent(text)}
    tree = MemoryTree(SHOP | stock)
    [member] = [
        each for each in all_members(tree, ["src/shop/cart.py"], "").members if each.name == "chunked"
    ]
    names = ProjectNames(tree, "")
    found = Places(MemberTests(tree, [member], names), names).of(member, "tests/test_cart.py").place
    assert found == TestPlace(
        path="tests/test_all.py",
        suite="ReserveTests",
        new_suite="ChunkedTests",
        after="ReserveTests::test_one",
        is_of_unittest=True,
    )


def test_requests__effort_grows_with_the_members_and_not_with_members_times_tests() -> None:
    few, many = _calls_for(modules=15), _calls_for(modules=60)
    assert many < 6 * few  # four times as much work; quadratic would be 16 times


def _calls_for(modules: int) -> int:
    """Return how many functions are called to build the requests for a project of small tested modules."""
    names = [f"part{number}" for number in range(modules)]
    sources = {f"src/shop/{name}.py": f"def {name}_price(value):\n    return value\n" for name in names}
    tests = {
        f"tests/test_{name}.py": (
            f"from shop.{name} import {name}_price\n\ndef test_{name}():\n    assert {name}_price(1) == 1\n"
        )
        for name in names
    }
    tree = MemoryTree({"src/shop/__init__.py": "", **sources, **tests})
    members = all_members(tree, list(sources), "").members
    found: list[object] = []
    calls = calls_in(lambda: found.extend(requests(tree, members, "", "Round the prices of part1")))
    assert len(found) == modules
    return calls
