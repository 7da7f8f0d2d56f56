from __future__ import annotations

from textwrap import dedent

import pytest

from testsmith.languages.python.test_files import test_modules
from testsmith.languages.source import CannotParse

MODULE = dedent('''\
    """Tests of the cart."""

    from __future__ import annotations

    import asyncio
    import os.path  # for the prices
    import re, json
    from dataclasses import (
        dataclass,
        replace,  # only sometimes
    )

    import pytest
    from shop.cart import Cart, Item as Thing
    from shop.stock import *

    PRICES = {"tea": 2}
    TAXED = {name: price * LIMIT for name, price in PRICES.items()}
    LIMIT: int = 3
    pytestmark = pytest.mark.filterwarnings("error")


    # A clock that stands still.
    class Clock:
        now = 0


    def priced(name):
        return PRICES[name]


    @pytest.fixture
    def cart(clock):
        return Cart(clock)


    @pytest.fixture(name="clock")
    def _frozen_clock():
        return Clock()


    @pytest.fixture(autouse=True)
    def _quiet(capsys):
        return json


    def test_total(cart):   # odd   spacing  stays
        assert cart.total == priced( "tea" )


    @pytest.mark.parametrize("count", [1, 2])
    async def test_await(count):
        await asyncio.sleep(0)
        assert TAXED


    class TestCart:
        """What a cart does."""

        size = os.path.sep

        def helper(self):
            return replace(self.size)

        def test_add(self):
            assert self.helper()

        class TestInner:
            def test_deep(self):
                assert re.match("a", "a")


    class CartCase(unittest.TestCase):
        def test_case(self):
            self.assertTrue(Thing)


    if LIMIT:
        def test_conditional():
            assert True


    @pytest.fixture
    def test_client():
        return dataclass
''')


def test_test_functions__all_that_pytest_collects_in_order() -> None:
    assert test_modules.test_functions(MODULE) == (
        "test_total",
        "test_await",
        "TestCart::test_add",
        "TestCart::TestInner::test_deep",
        "CartCase::test_case",
        "test_conditional",
    )


@pytest.mark.parametrize(
    ("code", "where"),
    [
        ("def test_a(:\n    pass\n", "line 1"),
        ("x = 1\ny = (\n", "line 2"),
        ("x = '\0'\n", None),
        ("x = " + "not " * 20_000 + "1\n", None),
        ("x = " + "1 + " * 300 + "1\n", "nested more than"),
        ("x = " + "[" * 150 + "]" * 150 + "\n", "nested more than"),
        ("\ud800 = 1\n", None),
    ],
)
def test_test_functions__no_python_is_refused_without_its_text(code: str, where: str | None) -> None:
    with pytest.raises(CannotParse, match=where) as caught:
        test_modules.test_functions(code)
    assert len(str(caught.value)) < 120
    with pytest.raises(CannotParse):
        test_modules.keep_tests(code, [])


def test_test_functions__an_invalid_escape_warns_nobody() -> None:
    assert test_modules.test_functions('def test_a():\n    assert "\\d"\n') == ("test_a",)


def test_keep_tests__all_names_keep_every_line_that_something_uses() -> None:
    kept = test_modules.keep_tests(MODULE, test_modules.test_functions(MODULE))
    unused = "    dataclass,\n", "\n\n@pytest.fixture\ndef test_client():\n    return dataclass\n"
    assert kept == MODULE.replace(unused[0], "").replace(unused[1], "")


def test_keep_tests__helpers_fixtures_constants_and_imports_follow_the_kept_test() -> None:
    assert test_modules.keep_tests(MODULE, ["test_total"]) == dedent('''\
        """Tests of the cart."""

        from __future__ import annotations

        import json

        import pytest
        from shop.cart import Cart
        from shop.stock import *

        PRICES = {"tea": 2}
        pytestmark = pytest.mark.filterwarnings("error")


        # A clock that stands still.
        class Clock:
            now = 0


        def priced(name):
            return PRICES[name]


        @pytest.fixture
        def cart(clock):
            return Cart(clock)


        @pytest.fixture(name="clock")
        def _frozen_clock():
            return Clock()


        @pytest.fixture(autouse=True)
        def _quiet(capsys):
            return json


        def test_total(cart):   # odd   spacing  stays
            assert cart.total == priced( "tea" )
    ''')


def test_keep_tests__a_method_keeps_its_class_and_what_the_class_needs() -> None:
    kept = test_modules.keep_tests(MODULE, ["TestCart::test_add"])
    assert '    """What a cart does."""' in kept
    assert "import os.path  # for the prices\n" in kept
    assert "from dataclasses import (\n    replace,  # only sometimes\n)\n" in kept
    assert "TestInner" not in kept
    assert "import re" not in kept
    assert test_modules.test_functions(kept) == ("TestCart::test_add",)


SUITE = """\
class TestCart({base}):
    prices = {{"tea": 2}}
    names = ["tea"]
    limit: int
    maxDiff = None

    def setUp(self):
        self.limit = len(self.names)

    def tear_down_class(self):
        pass

    def helper(self):
        return self.prices

    def of_helper(self):
        return self.helper()

    def test_limit(self):
        assert self.limit
"""
UNUSED = ("prices = ", "def helper", "def of_helper")


@pytest.mark.parametrize("base", ["", "TestCase", "unittest.TestCase", "Base"])
def test_keep_tests__what_nothing_names_in_a_test_class_goes(base: str) -> None:
    kept = test_modules.keep_tests(SUITE.format(base=base), ["TestCart::test_limit"])
    assert [each in kept for each in UNUSED] == [base == "Base"] * 3
    for each in ("names = ", "limit: int", "maxDiff", "def setUp", "def tear_down_class", "def test_limit"):
        assert each in kept
    user = "\n\ndef test_other():\n    assert TestCart().of_helper()\n"
    names = ["TestCart::test_limit", "test_other"]
    kept = test_modules.keep_tests(SUITE.format(base=base) + user, names)
    assert all(each in kept for each in UNUSED)


@pytest.mark.parametrize(
    ("base", "is_suite"),
    [("TestBase", True), ("testing.TestBase", True), ("UnitTest", True), ("OpTests", True), ("Base", False)],
)
def test_test_functions__methods_of_a_class_by_the_name_of_its_base(base: str, is_suite: bool) -> None:
    code = f"class OpTest({base}):\n    def test_add(self):\n        assert True\n"
    assert test_modules.test_functions(code) == (("OpTest::test_add",) if is_suite else ())


def test_keep_tests__a_long_method_that_nothing_names_goes_even_if_bases_are_unknown() -> None:
    checks = "    def _check_all(self):\n" + "        assert self.prices\n" * 30
    suite = SUITE.format(base="Base")
    kept = test_modules.keep_tests(f"{suite}\n{checks}", ["TestCart::test_limit"])
    assert kept == suite
    calling = f"{suite}        self._check_all()\n\n{checks}"
    assert test_modules.keep_tests(calling, ["TestCart::test_limit"]) == calling


def test_keep_tests__an_inner_class_alone() -> None:
    kept = test_modules.keep_tests(MODULE, ["TestCart::TestInner::test_deep"])
    assert test_modules.test_functions(kept) == ("TestCart::TestInner::test_deep",)
    assert "import re, json" in kept


def test_keep_tests__a_conditional_test_goes_with_its_condition() -> None:
    assert "if LIMIT" in test_modules.keep_tests(MODULE, ["test_conditional"])
    assert "if LIMIT" not in test_modules.keep_tests(MODULE, ["test_total"])


def test_keep_tests__a_branch_that_loses_its_only_test_still_parses() -> None:
    code = "import sys\nif sys:\n    def test_a():\n        pass\nelse:\n    def test_b():\n        pass\n"
    kept = test_modules.keep_tests(code, ["test_b"])
    assert test_modules.test_functions(kept) == ("test_b",)


def test_keep_tests__none() -> None:
    kept = test_modules.keep_tests("import pytest\n\n\ndef test_a():\n    pytest.fail()\n", [])
    assert kept.strip() == ""


def test_keep_tests__helpers_that_only_call_each_other_go() -> None:
    code = dedent("""\
        import itertools


        def one():
            return two()


        def two():
            return one() or itertools.count()


        # The only one.
        def test_a():
            assert 1
    """)
    assert test_modules.keep_tests(code, ["test_a"]) == "# The only one.\ndef test_a():\n    assert 1\n"


def test_keep_tests__names_in_text_annotations_and_usefixtures_count() -> None:
    code = dedent("""\
        import pytest
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from shop.cart import Cart
        try:
            import numpy
        except ImportError:
            numpy = None


        @pytest.fixture
        def seeded():
            return 1


        def show(cart: "Cart | None") -> str:
            return str(cart)


        @pytest.mark.usefixtures("seeded")
        def test_a():
            assert show(None)
    """)
    expected = code.replace("try:\n    import numpy\nexcept ImportError:\n    numpy = None\n", "")
    assert test_modules.keep_tests(code, ["test_a"]) == expected


def test_keep_tests__crlf_and_tabs_stay() -> None:
    kept = "import json\r\n\r\ndef test_a():\r\n\tassert json\r\n"
    code = f"import re\r\n{kept}\r\ndef test_b():\r\n\tassert re\r\n"
    assert test_modules.keep_tests(code, ["test_a"]) == kept


def test_keep_tests__statements_that_do_something_stay() -> None:
    code = "import sys\nsys.path.insert(0, 'x')\nCASES = []\nCASES.append(1)\n\ndef test_a():\n    pass\n"
    assert test_modules.keep_tests(code, ["test_a"]) == code


def test_keep_tests__what_is_set_up_for_pytest_stays() -> None:
    code = (
        "import re\n\ndef setup_module():\n    re.purge()\n\ndef pytest_generate_tests(metafunc):\n    pass\n"
    )
    assert test_modules.keep_tests(code, []) == code


def test_keep_tests__what_registers_itself_with_an_object_that_a_test_uses() -> None:
    code = """\
import pytest
from framework import App, group, hook

app = App()
other = App()


@app.get("/home")
def home():
    return page()


def page():
    return "home"


@other.get("/away")
def away():
    return "away"


@group
def cli():
    pass


@cli.command()
def greet():
    pass


@hook.on_start
def start():
    pass


@pytest.fixture
def unused():
    pass


def test_app():
    assert app.call("/home") == "home"


def test_cli():
    assert cli("greet")
"""
    helpers = ("home", "page", "away", "greet", "start", "unused")
    for test, expected in (("test_app", ["home", "page"]), ("test_cli", ["greet"])):
        kept = test_modules.keep_tests(code, [test])
        assert [name for name in helpers if f"def {name}(" in kept] == expected
