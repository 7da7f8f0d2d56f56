from __future__ import annotations

from collections.abc import Mapping

import pytest

from testsmith.execution.jobs import CRASHED, FAILED, PASSED, SKIPPED
from testsmith.languages.python.running.project_tests.answers import OwnTest, SuiteAnswer
from testsmith.languages.python.running.project_tests.failing_members import FailingMembers
from testsmith.model import Change, Member, MemberKind

FUNCTION, METHOD, CLASS = MemberKind.FUNCTION, MemberKind.METHOD, MemberKind.CLASS


def member(name: str, kind: MemberKind = FUNCTION, path: str = "shop/cart.py") -> Member:
    return Member(
        path=path,
        name=name,
        language="python",
        change=Change.ADDED,
        line=1,
        end_line=9,
        kind=kind,
        source="",
        module=path.removesuffix(".py").replace("/", "."),
    )


MEMBERS = (
    member("total"),
    member("discount"),
    member("Cart.add", METHOD),
    member("Cart.__eq__", METHOD),
    member("Size", CLASS),
)


def failing(name: str, file: str = "tests/test_cart.py", status: str = FAILED) -> OwnTest:
    return OwnTest(id=f"{file}::{name}", file=file, name=name, status=status)


def named(
    files: Mapping[str, str],
    *tests: OwnTest,
    broken: tuple[str, ...] = (),
    members: tuple[Member, ...] = MEMBERS,
) -> set[str]:
    naming = FailingMembers(members, {"shop"}, files.get)
    found = naming.by_failures(SuiteAnswer(tests=tests, broken=dict.fromkeys(broken, "no reason")))
    return {one.partition("::")[2] for one in found}


def in_cart(text: str, name: str = "test_x") -> set[str]:
    return named({"tests/test_cart.py": text}, failing(name))


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("import shop\ndef test_x():\n    assert 0\n", set()),
        ("import shop\ndef test_x():\n    shop.total(1)\ndef test_y():\n    shop.discount()\n", {"total"}),
        ("from shop import total as t, discount\ndef test_x():\n    assert t(1)\n", {"total"}),
        ("from shop.cart import *\ndef test_x():\n    total(1)\n", {"total"}),
        ("import shop.cart as c\ndef test_x():\n    assert c.discount()\n", {"discount"}),
        ("import other\ndef test_x():\n    other.total(1)\n", set()),
        ("import shop\ndef test_x(d):\n    d.total(1)\n", set()),
        ("import shop\ndef test_x(monkeypatch):\n    monkeypatch.setattr('shop.cart.total', 1)\n", {"total"}),
        ("import shop\ndef test_x(run):\n    run(['total', '--all'])\n", {"total"}),
        ("def test_x(run):\n    run(['total', '--all'])\n", set()),
        ("import shop\ndef test_x():\n    c = shop.make()\n    c.add(1)\n", {"Cart.add"}),
        ("from shop import Cart\ndef test_x():\n    assert Cart() == Cart()\n", {"Cart.__eq__"}),
        ("from shop import Cart\ndef test_x():\n    Cart().add(1)\n", {"Cart.add", "Cart.__eq__"}),
        ("from shop import Size\ndef test_x():\n    assert Size(1)\n", {"Size"}),
    ],
)
def test_by_failures__what_the_function_uses(text: str, members: set[str]) -> None:
    assert in_cart(text) == members


def test_by_failures__helpers_and_constants_of_its_module() -> None:
    text = (
        "import shop\n\nALL = [shop.discount]\n\ndef helper():\n    return ALL, inner()\n\n"
        "def inner():\n    return shop.total(1)\n\ndef unused():\n    return shop.Size\n\n"
        "def test_x():\n    helper()\n"
    )
    assert in_cart(text) == {"total", "discount"}


def test_by_failures__what_runs_for_every_test() -> None:
    text = (
        "import pytest, shop\n\n@pytest.fixture(autouse=True)\ndef always():\n    shop.total(1)\n\n"
        "@pytest.fixture\ndef sometimes():\n    shop.discount()\n\ndef test_x():\n    pass\n"
    )
    assert in_cart(text) == {"total"}


def test_by_failures__fixtures_of_conftest_files_above() -> None:
    files = {
        "conftest.py": "import shop\n\ndef cart():\n    return shop.Size\n",
        "tests/conftest.py": "import shop\n\ndef price(cart):\n    return shop.total(1)\n",
        "other/conftest.py": "import shop\n\ndef price():\n    return shop.discount(1)\n",
        "tests/test_cart.py": "def test_x(price):\n    pass\n",
    }
    assert named(files, failing("test_x")) == {"total", "Size"}


@pytest.mark.parametrize(
    "line",
    ["from tests.lib import run", "from .lib import run", "from lib import run"],
)
def test_by_failures__helpers_of_other_modules_of_tests(line: str) -> None:
    files = {
        "tests/lib.py": "import shop\n\ndef run():\n    shop.total(1)\n\ndef other():\n    shop.discount()\n",
        "tests/test_cart.py": f"{line}\n\ndef test_x():\n    run()\n",
        "shop/cart.py": "from shop import rates\n\ndef run():\n    rates.discount()\n",
    }
    assert named(files, failing("test_x")) == {"total"}


def test_by_failures__a_method_and_its_class() -> None:
    text = (
        "import shop\n\nclass TestCart:\n    size = shop.Size\n\n"
        "    def setup_method(self):\n        shop.total(1)\n\n"
        "    def test_x(self):\n        pass\n\n    def test_y(self):\n        shop.discount()\n"
    )
    assert in_cart(text, "TestCart::test_x") == {"Size", "total"}
    assert in_cart(text, "TestCart::test_y") == {"Size", "total", "discount"}


def test_by_failures__a_method_that_another_class_has() -> None:
    text = (
        "import shop\n\nclass Base:\n    def test_x(self):\n        shop.total(1)\n\n"
        "class TestCart(Base):\n    pass\n"
    )
    assert in_cart(text, "TestCart::test_x") == {"total"}


def test_by_failures__a_test_that_is_not_found_counts_by_the_words_of_its_file() -> None:
    text = "def make():\n    '''total and Cart, but nothing is added'''\n"
    assert in_cart(text, "test_x") == {"total"}
    assert in_cart("def (:\n    discount\n") == {"discount"}


def test_by_failures__an_example_in_a_docstring() -> None:
    text = (
        "def total():\n    '''\n    >>> from shop import discount\n    >>> discount()\n    '''\n\n"
        "class Cart:\n    def add(self):\n        '''\n        >>> 1\n        2\n        '''\n"
    )
    files = {"shop/cart.py": text}
    assert named(files, failing("shop.cart.total", "shop/cart.py")) == {"total", "discount"}
    assert named(files, failing("shop.cart.Cart.add", "shop/cart.py")) == {"Cart.add"}
    assert named(files, failing("shop.cart", "shop/cart.py")) == {"total", "discount", "Cart.add"}


def test_by_failures__only_tests_that_did_not_pass() -> None:
    text = "import shop\ndef test_x():\n    shop.total(1)\ndef test_y():\n    shop.discount()\n"
    tests = [failing("test_x", status=PASSED), failing("test_x", status=SKIPPED)]
    assert named({"tests/test_cart.py": text}, *tests) == set()
    assert named({"tests/test_cart.py": text}, *tests, failing("test_y", status=CRASHED)) == {"discount"}


def test_by_failures__a_file_that_cannot_be_collected_counts_whole() -> None:
    text = "import absent, shop\n\ndef test_x():\n    shop.total(1)\n\ndef test_y():\n    shop.discount()\n"
    files = {"tests/test_cart.py": text, "tests/test_bad.py": "def (: Size\n"}
    assert named(files, broken=("tests/test_cart.py",)) == {"total", "discount"}
    assert named(files, broken=("tests/test_bad.py",)) == {"Size"}


def test_by_failures__of_what_is_no_file_nothing_is_known() -> None:
    assert len(named({}, broken=("tests",))) == len(MEMBERS)


def test_by_failures__which_tests_and_files_they_are() -> None:
    text = "import shop\ndef test_x():\n    shop.total(1)\n"
    naming = FailingMembers(
        MEMBERS, {"shop"}, {"tests/test_cart.py": text, "tests/test_bad.py": "def (: total\n"}.get
    )
    tests = tuple(
        OwnTest(
            id=f"tests/test_cart.py::test_x[{case}]", file="tests/test_cart.py", name="test_x", status=FAILED
        )
        for case in (1, 2)
    )
    found = naming.by_failures(SuiteAnswer(tests=tests, broken={"tests/test_bad.py": "no reason"}))
    assert found == {"shop/cart.py::total": {*(test.id for test in tests), "tests/test_bad.py::"}}


def test_in_text__a_members_name_with_that_of_its_class() -> None:
    naming = FailingMembers(MEMBERS, {"shop"}, {"a.py": "add total", "b.py": "Cart().add()"}.get)
    assert naming.in_text("a.py") == {"shop/cart.py::total"}
    assert naming.in_text("b.py") == {"shop/cart.py::Cart.add"}
    assert naming.in_text("c.py") == frozenset()
