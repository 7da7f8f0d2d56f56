from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

import pytest

from testsmith.languages.python.test_files import test_modules
from testsmith.languages.python.test_files.merging import place
from testsmith.languages.source import CannotParse
from testsmith.languages.tests import CannotPlace

ADDED = dedent('''\
    """Tests of adding."""

    from __future__ import annotations

    import pytest

    from shop.cart import Cart


    def make_cart():
        return Cart("new")


    def test_add():
        assert make_cart().add("tea") == 1


    def test_add_refuses():
        with pytest.raises(ValueError, match="positive"):
            make_cart().add("tea", 0)
''')

BODY = ADDED.partition("import Cart\n")[2]


def placed(existing: str, code: str = ADDED) -> str:
    """Place, and see that it holds what was there, line by line, and that doing it again changes nothing."""
    text = place(existing, code)
    lines = iter(text.splitlines())
    assert all(line in lines for line in existing.splitlines())
    assert place(text, code) == text
    before, after = (test_modules.test_functions(each.removeprefix("\ufeff")) for each in (existing, text))
    assert [name for name in after if name in before] == list(before)
    return text


def test_place__a_new_file_is_the_module_itself() -> None:
    assert place(None, ADDED) == ADDED
    assert place("\n", ADDED) == ADDED
    assert place(None, ADDED.rstrip()) == ADDED


def test_place__imports_follow_imports_and_tests_follow_tests() -> None:
    existing = dedent('''\
        """Hand-written."""

        import pytest

        import os  # odd order stays


        def test_here( ):  # odd spacing stays
            assert os
    ''')
    expected = existing.replace("order stays\n", "order stays\nfrom shop.cart import Cart\n") + BODY
    assert placed(existing) == expected


def test_place__what_is_imported_already_is_not_imported_again() -> None:
    existing = "from shop.cart import Cart, Item\nimport pytest\n\n\ndef test_here():\n    assert Cart\n"
    assert placed(existing) == existing + BODY


def test_place__names_that_clash_are_changed_in_what_is_added() -> None:
    existing = dedent("""\
        from shop.old import Cart


        def make_cart():
            return Cart()


        def test_add():
            assert make_cart()
    """)
    assert placed(existing) == existing.replace(
        "import Cart\n",
        "import Cart\nimport pytest\nfrom shop.cart import Cart as Cart2\n",
    ) + dedent("""\


        def make_cart_2():
            return Cart2("new")


        def test_add_2():
            assert make_cart_2().add("tea") == 1


        def test_add_refuses():
            with pytest.raises(ValueError, match="positive"):
                make_cart_2().add("tea", 0)
    """)


def test_place__a_number_that_is_taken_is_passed_over() -> None:
    existing = "def test_add():\n    assert 1\n\n\ndef test_add_2():\n    assert 2\n"
    added = placed(existing, "def test_add():\n    assert 3\n")
    assert added == existing + "\n\ndef test_add_3():\n    assert 3\n"


def test_place__an_alias_that_the_file_has_is_used() -> None:
    existing = "from shop import old as Cart\nfrom shop.cart import Cart as Basket\n"
    text = placed(existing)
    assert 'return Basket("new")' in text
    assert text.count("import Cart") == 1


def test_place__a_helper_that_the_file_holds_under_another_name_is_shared() -> None:
    existing = dedent("""\
        from shop.cart import Cart


        def a_new_cart():
            return Cart("new")


        def test_here():
            assert a_new_cart()
    """)
    text = placed(existing)
    assert "def make_cart" not in text
    assert 'assert a_new_cart().add("tea") == 1' in text


def test_place__a_test_that_the_file_holds_is_not_added_again() -> None:
    first = place("def test_add():\n    assert 0\n", ADDED)
    more = f"{ADDED}\n\ndef test_more():\n    assert make_cart().more\n"
    text = placed(first, more)
    assert text == f"{first}\n\ndef test_more():\n    assert make_cart().more\n"


def test_place__the_same_text_about_another_import_is_another_test() -> None:
    existing = place(None, ADDED).replace("shop.cart", "shop.old")
    text = placed(existing)
    assert "test_add_2" in text
    assert "from shop.cart import Cart as Cart2" in text


def test_place__variables_are_not_shared_since_tests_may_alter_them() -> None:
    code = "LOG = []\n\n\ndef test_b():\n    LOG.append(1)\n    assert LOG == [1]\n"
    existing = "LOG = []\n\n\ndef test_a():\n    LOG.append(1)\n    assert len(LOG) == 1\n"
    assert "LOG_2 = []" in placed(existing, code)


def test_place__helpers_that_use_a_variable_are_not_shared_either() -> None:
    helper = "LOG = []\n\n\ndef log(x):\n    LOG.append(x)\n    return LOG\n"
    existing = f"{helper}\n\ndef test_a():\n    assert len(log(1)) == 1\n"
    text = placed(existing, f"{helper}\n\ndef test_b():\n    assert log(1) == [1]\n")
    assert "def log_2(x):\n    LOG_2.append(x)\n    return LOG_2\n" in text
    assert "def test_b():\n    assert log_2(1) == [1]\n" in text


def test_place__local_names_attributes_and_keywords_keep_theirs() -> None:
    code = dedent("""\
        from shop import price, tax

        LIMIT = 3


        def test_b(price=price):
            tax = price
            seen = [LIMIT for LIMIT in range(LIMIT)]
            assert tax.tax(tax=price) == seen


        def test_c():
            global LIMIT
            LIMIT = tax(LIMIT).LIMIT
            assert f"{tax} {LIMIT!r:>{LIMIT}}"
    """)
    existing = "price = tax = LIMIT = 0\n"
    assert placed(existing, code) == dedent("""\
        from shop import price as price_2, tax as tax_2
        price = tax = LIMIT = 0


        LIMIT_2 = 3


        def test_b(price=price_2):
            tax = price
            seen = [LIMIT for LIMIT in range(LIMIT_2)]
            assert tax.tax(tax=price) == seen


        def test_c():
            global LIMIT_2
            LIMIT_2 = tax_2(LIMIT_2).LIMIT
            assert f"{tax_2} {LIMIT_2!r:>{LIMIT_2}}"
    """).replace("tax as tax_2\nprice", "tax as tax_2\n\nprice")


def test_place__fixtures_are_changed_where_they_are_asked_for() -> None:
    code = dedent("""\
        import pytest


        @pytest.fixture
        def cart():
            return 1


        @pytest.fixture
        def full(cart):
            return cart + 1


        @pytest.mark.usefixtures("full")
        def test_b(cart, request):
            assert cart + request.getfixturevalue("cart") == 2


        @pytest.mark.parametrize("cart, other", [(5, 6)])
        def test_c(cart, other):
            assert (cart, other) == (5, 6)


        def helper(cart):
            return cart


        class TestD:
            def test_d(self, cart, full):
                assert helper(cart) + full == 3
    """)
    existing = "def test_here(cart):  # from the conftest\n    assert cart\n"
    text = placed(existing, code)
    assert "def cart_2():" in text
    assert "def full(cart_2):\n    return cart_2 + 1\n" in text
    assert 'assert cart_2 + request.getfixturevalue("cart_2") == 2' in text
    assert "def test_c(cart, other):\n    assert (cart, other)" in text
    assert "def helper(cart):" in text
    assert "def test_d(self, cart_2, full):\n        assert helper(cart_2) + full == 3" in text


def test_place__names_that_a_star_import_may_bring_are_not_taken_from_it() -> None:
    existing = "from shop.testing import *\n\n\ndef test_here():\n    assert Cart() and make_cart\n"
    text = placed(existing)
    assert "from shop.cart import Cart as Cart2" in text
    assert "def make_cart_2" in text


def test_place__built_in_names_that_the_file_reads_are_not_hidden() -> None:
    code = "from shop import round\n\n\ndef test_b():\n    assert round(1)\n"
    assert "import round as round_2" in placed("def test_here():\n    assert round(1.2) == 1\n", code)
    assert "import round\n" in placed("def test_here():\n    assert True\n", code)


def test_place__class_based_suites() -> None:
    code = dedent("""\
        from shop.cart import Cart


        class TestCart:
            def test_add(self):
                assert Cart().add() == 1
    """)
    existing = (
        "from shop.cart import Cart\n\n\nclass TestCart:\n    def test_old(self):\n        assert Cart\n"
    )
    text = placed(existing, code)
    assert text == existing + "\n\n" + code.partition("\n\n\n")[2].replace("TestCart", "TestCart2")


@pytest.mark.parametrize("imported", ["from unittest import TestCase", "from unittest import TestCase, mock"])
def test_place__the_files_own_test_case_is_used(imported: str) -> None:
    existing = dedent("""\
        from tests.base import TestCase


        class CartTests(TestCase):
            def test_old(self):
                self.assertEqual(1, 1)
    """)
    code = dedent(f"""\
        {imported}


        class StockTests(TestCase):
            def test_new(self):
                self.assertEqual(2, 2){"; mock.Mock()" if "mock" in imported else ""}
    """)
    text = placed(existing, code)
    assert "class StockTests(TestCase):\n    def test_new(self):" in text
    assert text.count("TestCase") == 3
    assert ("from unittest import mock\n" in text) == ("mock" in imported)


@pytest.mark.parametrize(
    ("here", "there", "is_shared"),
    [
        ("NAME = 'tea'", "NAME = 'tea'", True),
        ("NAME = 'tea'", "NAME = 'pot'", False),
        ("NAME = ['tea']", "NAME = ['tea']", False),
        ("NAME = 'tea'\nNAME = 'tea'", "NAME = 'tea'", False),
        ("NAME = 'tea'\n\n\ndef rename():\n    global NAME\n    NAME = 'pot'", "NAME = 'tea'", False),
    ],
)
def test_place__equal_constants_are_shared(here: str, there: str, *, is_shared: bool) -> None:
    text = placed(
        f"{here}\n\n\ndef test_old():\n    assert NAME\n",
        f"{there}\n\n\ndef test_new():\n    assert NAME != 1\n",
    )
    assert ("NAME_2" not in text) == is_shared


def test_place__what_the_file_imports_from_its_own_package() -> None:
    test = "class {}(Framework.TestCase):\n    def test_{}(self):\n        assert shop.{}\n"
    existing = f"import shop\n\nfrom . import Framework\n\n\n{test.format('OldTests', 'old', 'old')}"
    code = f"import shop\nfrom tests import Framework\n\n\n{test.format('NewTests', 'new', 'new')}"
    assert placed(existing, code) == f"{existing}\n\n{test.format('NewTests', 'new', 'new')}"
    other = code.replace("from tests import", "from shop.testing import")
    assert "Framework2.TestCase" in placed(existing.replace("from . import", "from .tools import"), other)


def test_place__async_tests_and_decorators() -> None:
    code = dedent("""\
        import asyncio

        import pytest

        CASES = [1, 2]


        @pytest.mark.parametrize("case", CASES, ids=str)
        async def test_a(case):
            await asyncio.sleep(0)
            assert case in CASES
    """)
    text = placed("CASES = ()\n\n\nasync def test_a():\n    pass\n", code)
    assert '@pytest.mark.parametrize("case", CASES_2, ids=str)\nasync def test_a_2(case):' in text
    assert text.startswith("import asyncio\n\nimport pytest\n\nCASES = ()\n")


@pytest.mark.parametrize(
    ("existing", "expected"),
    [
        ('"""Doc."""\n', '"""Doc."""\n\nimport re\n'),
        ('"""Doc."""\nX = 1\n', '"""Doc."""\n\nimport re\n\nX = 1\n'),
        ("#!/usr/bin/env python\n# Licence.\n", "#!/usr/bin/env python\n# Licence.\nimport re\n"),
        ("# Licence.\n\n# Of X.\nX = 1\n", "# Licence.\n\nimport re\n\n# Of X.\nX = 1\n"),
        ("# coding: utf-8\nX = 1\n", "# coding: utf-8\n\nimport re\n\nX = 1\n"),
        ("from __future__ import annotations\n", "from __future__ import annotations\nimport re\n"),
        (
            "import sys; X = [\n]\nif X:\n    import os\n\ndef f():\n    pass\n\nimport json\n",
            "import sys; X = [\n]\nimport re\nif X:\n    import os\n\ndef f():\n    pass\n\nimport json\n",
        ),
        (
            "try:\n    import os\nexcept ImportError:\n    os = None\nX = 1\n",
            "try:\n    import os\nexcept ImportError:\n    os = None\nimport re\nX = 1\n",
        ),
        (
            "from a import (\n    b,  # c\n)  # d\n# e\n",
            "from a import (\n    b,  # c\n)  # d\nimport re\n# e\n",
        ),
        ("import a, \\\n    b\n", "import a, \\\n    b\nimport re\n"),
    ],
)
def test_place__where_the_imports_go(existing: str, expected: str) -> None:
    text = placed(existing, "import re\n\n\ndef test_a():\n    assert re\n")
    assert text == expected + "\n\ndef test_a():\n    assert re\n"


@pytest.mark.parametrize(
    ("added", "existing", "expected"),
    [
        (
            "from shop.b import b",
            "import shop.a\nfrom shop.A import a\nfrom shop.c import c\nfrom shop_z import z\n",
            (
                "import shop.a\nfrom shop.A import a\nfrom shop.b import b\n"
                "from shop.c import c\nfrom shop_z import z\n"
            ),
        ),
        (
            "from shop.a import a",
            "import os\nfrom shop.b import b\nfrom shop.c import c\n",
            "import os\nfrom shop.a import a\nfrom shop.b import b\nfrom shop.c import c\n",
        ),
        (
            "from shop.b import b",
            "from shop.c import c\nfrom shop.a import a\nimport z\n",
            "from shop.c import c\nfrom shop.a import a\nfrom shop.b import b\nimport z\n",
        ),
    ],
)
def test_place__imports_keep_the_order_of_those_that_are_sorted(
    added: str, existing: str, expected: str
) -> None:
    code = f"{added}\n\n\ndef test_a():\n    assert {added[-1]}\n"
    assert placed(existing, code) == f"{expected}\n\ndef test_a():\n    assert {added[-1]}\n"


def test_place__line_ends_a_byte_order_mark_and_tabs_are_the_files_own() -> None:
    existing = "\ufeffimport re\r\n\r\n\r\ndef test_here():\r\n\tassert re"
    text = placed(existing, 'import os\n\n\ndef test_a():\n    if os:\n        assert """a\nb"""\n')
    assert text == (
        "\ufeffimport re\r\nimport os\r\n\r\n\r\ndef test_here():\r\n\tassert re\r\n\r\n\r\n"
        'def test_a():\r\n\tif os:\r\n\t\tassert """a\r\nb"""\r\n'
    )


def test_place__one_blank_line_above_a_test_where_the_file_has_one() -> None:
    existing = "def test_a():\n    assert 1\n\ndef test_b():\n    assert 2\n\ndef test_c():\n    assert 3\n"
    code = "def test_new():\n    assert 4\n"
    assert place(existing, code) == f"{existing}\n{code}"
    assert place(existing.replace("\n\n", "\n\n\n"), code).endswith(f"3\n\n\n{code}")


def test_place__before_a_closing_main_guard() -> None:
    guard = "if __name__ == '__main__':\n    unittest.main()\n"
    existing = f"import unittest\n\n\nclass CartTest(unittest.TestCase):\n    pass\n\n\n# Run me.\n{guard}"
    text = placed(
        existing, "def test_a():\n    assert 1\n\n\nif __name__ == '__main__':\n    pytest.main()\n"
    )
    assert text == existing.replace("# Run me.\n", "def test_a():\n    assert 1\n\n\n# Run me.\n")


@pytest.mark.parametrize(
    "head",
    [
        "import typing\n\nif typing.TYPE_CHECKING:\n    from shop.stock import Shelf, Stock\n",
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from shop.stock import Stock\n",
    ],
)
def test_place__types_that_the_file_imports_under_a_condition_are_not_imported_again(head: str) -> None:
    future = "from __future__ import annotations\n\n"
    own = "import typing\n\nif typing.TYPE_CHECKING:\n    from shop.stock import Shelf, Stock\n"
    test = "def test_a(stock: Stock) -> None:\n    assert stock\n"
    added = test.replace("test_a", "test_b").replace("assert stock", "assert stock.size")
    assert placed(f"{future}{own}\n\n{test}", f"{future}{head}\n\n{added}") == (
        f"{future}{own}\n\n{test}\n\n{added}"
    )


def test_place__a_type_goes_into_the_block_that_the_file_has_for_type_checkers() -> None:
    future = "from __future__ import annotations\n\n"
    block = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from shop.cart import Cart\n"
    added = "def test_b(stock: Stock) -> None:\n    assert stock\n"
    head = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from shop.stock import Stock\n"
    assert placed(f"{future}{block}", f"{future}{head}\n\n{added}") == (
        f"{future}{block}    from shop.stock import Stock\n\n\n{added}"
    )


@pytest.mark.parametrize(
    "head",
    [
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING: from shop.stock import Stock\n",
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    class Stock: ...\n",
    ],
)
def test_place__types_that_the_file_does_not_have_stay(head: str) -> None:
    existing = "from __future__ import annotations\n\n\ndef test_a() -> None:\n    assert 1\n"
    test = "def test_b(stock: Stock) -> None:\n    assert stock\n"
    code = f"from __future__ import annotations\n\n{head}\n\n{test}"
    assert head.partition("TYPE_CHECKING:")[2].strip() in placed(existing, code)


def test_place__conditional_imports_of_the_file_and_of_the_module() -> None:
    existing = dedent("""\
        from typing import TYPE_CHECKING
        try:
            import numpy as np
        except ImportError:
            np = None

        if TYPE_CHECKING:
            from shop.cart import Cart


        def test_here(x: "Cart"):
            assert np
    """)
    code = dedent("""\
        from __future__ import annotations

        from typing import TYPE_CHECKING

        import numpy as np
        from shop.cart import Cart

        if TYPE_CHECKING:
            from shop.stock import Stock


        def show(stock: Stock, cart: Cart, limit: int | None = None) -> str:
            return np.array([stock, cart])


        def test_b():
            assert show(1, Cart())
    """)
    text = placed(existing, code)
    assert text.startswith("from typing import TYPE_CHECKING\nfrom shop.cart import Cart\ntry:\n")
    assert "if TYPE_CHECKING:\n    from shop.cart import Cart\n    from shop.stock import Stock\n\n" in text
    assert "def show(stock: 'Stock', cart: Cart, limit: 'int | None' = None) -> str:" in text
    assert text.count("import numpy") == 1
    assert "__future__" not in text


@pytest.mark.parametrize(
    "shared",
    [
        "@pytest.fixture(autouse=True)\ndef quiet(monkeypatch):\n    monkeypatch.chdir('a')\n",
        "pytestmark = [pytest.mark.slow]\n",
    ],
)
def test_place__what_acts_on_the_whole_file_and_is_in_both(shared: str) -> None:
    head = f"import pytest\n\n\n{shared}"
    tests = "\n\ndef test_a():\n    assert 1\n", "\n\ndef test_b():\n    assert 2\n"
    assert place(head + tests[0], head + tests[1]) == head + "".join(tests)


@pytest.mark.parametrize(
    ("existing", "code", "reason"),
    [
        ("X = 1\n", "from shop import *\n\ndef test_a():\n    pass\n", "star import"),
        ("X = 1\n", "pytestmark = []\n\ndef test_a():\n    pass\n", "`pytestmark`"),
        ("X = 1\n", "def setup_module():\n    pass\n\ndef test_a():\n    pass\n", "`setup_module`"),
        (
            "X = 1\n",
            "import pytest\n\n@pytest.fixture(autouse=True)\ndef quiet():\n    pass\n\ndef test_a(): ...\n",
            "autouse fixture `quiet`",
        ),
        ("# coding: latin-1\n", "def test_a():\n    assert 'é'\n", "an encoding other than UTF-8"),
        (
            "#!x\n# -*- coding: cp1252 -*-\n",
            "def test_a():\n    assert 'é'\n",
            "an encoding other than UTF-8",
        ),
        (
            "each = 1\n",
            "CASES = []\nfor each in 'ab':\n    CASES.append(each)\n\ndef test_a():\n    assert CASES\n",
            "`each` means something else",
        ),
        ("os = 1\n", "import os.path\n\ndef test_a():\n    assert os.path\n", "`os` means something else"),
        ("def open():\n    pass\n", "def test_a():\n    assert open('x')\n", "`open` means something else"),
        (
            "import pytest\n\n@pytest.fixture\ndef tmp_path():\n    pass\n",
            "def test_a(tmp_path):\n    assert tmp_path\n",
            "`tmp_path` means something else",
        ),
        (
            "def test_here(clock):\n    pass\n",
            "import pytest\n\n@pytest.fixture(name='clock')\ndef _f(): ...\n\ndef test_a(clock): ...\n",
            "`clock` means something else",
        ),
    ],
)
def test_place__what_would_act_on_others_is_refused(existing: str, code: str, reason: str) -> None:
    with pytest.raises(CannotPlace, match=reason):
        place(existing, code)


@pytest.mark.parametrize(("existing", "code"), [("def (:\n", ADDED), ("X = 1\n", "def (:\n")])
def test_place__no_python_is_refused(existing: str, code: str) -> None:
    with pytest.raises(CannotParse, match="line 1"):
        place(existing, code)


def test_place__a_chain_of_helpers_that_is_too_long_is_refused() -> None:
    helpers = "".join(f"def h{n}():\n    return h{n - 1}()\n" for n in range(500, 0, -1))
    with pytest.raises(CannotParse, match="its chain of calls is too long"):
        place(f"{helpers}def test_here():\n    assert h500()\n", ADDED)


def test_place__a_form_feed_is_no_line_end() -> None:
    existing = "import re\n\x0c\n\n\ndef test_here():\n    assert '\u2028' and re\n"
    text = placed(existing, "import os\n\n\ndef test_a():\n    assert os\n")
    assert text.startswith("import re\nimport os\n\x0c\n")


def test_place__a_long_file_takes_about_a_second() -> None:
    tests = "".join(
        f"def test_{n}(tmp_path):\n    x = {n}\n    assert x + tmp_path\n\n\n" for n in range(1_000)
    )
    began = time.perf_counter()
    text = placed(f"from shop.cart import Cart\n\n\n{tests}")
    assert time.perf_counter() - began < 10
    assert text.count("\ndef test_") == 1_002


def test_place__all_of_it_runs(tmp_path: Path) -> None:
    existing = dedent("""\
        import pytest
        from shop import Cart as make_cart

        LIMIT = 1


        @pytest.fixture
        def cart():
            return make_cart("old")


        def test_add(cart):
            assert cart.name == "old" and LIMIT == 1
    """)
    code = dedent("""\
        import pytest

        from shop import Cart

        LIMIT = 2


        @pytest.fixture
        def cart():
            return make_cart()


        def make_cart():
            return Cart("new")


        def test_add(cart):
            assert cart.name == "new" and LIMIT == 2


        class TestAll:
            @pytest.mark.parametrize("limit", [LIMIT])
            def test_all(self, cart, limit):
                assert (cart.name, limit) == ("new", 2)
    """)
    (tmp_path / "shop.py").write_text(
        "class Cart:\n    def __init__(self, name):\n        self.name = name\n"
    )
    file = tmp_path / "test_cart.py"
    file.write_text(placed(existing, code))
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:xdist", file.name)
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert "3 passed" in run.stdout, run.stdout
