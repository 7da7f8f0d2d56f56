from __future__ import annotations

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.python.language import PYTHON

ROOT = """\
import os
import json

import pytest
from shop import Shop


def pytest_configure(config):
    os.environ["SHOP"] = "1"


@pytest.fixture
def shop():
    return Shop(json.loads(NAMES))


NAMES = '["Ann"]'


@pytest.fixture
def unused():
    return os.getcwd()
"""
NEAR = """\
import pytest


@pytest.fixture(name="cart")
def _cart(shop):
    return shop.cart()
"""
CODE = """\
from shop import total


def test_total(cart, tmp_path):
    assert total(cart) == 1
"""


def tree(**changes: str) -> MemoryTree:
    files = {"conftest.py": ROOT, "tests/conftest.py": NEAR, "tests/other/conftest.py": "broken("} | changes
    return MemoryTree(files)


def self_contained(code: str = CODE, files: MemoryTree | None = None) -> str:
    return PYTHON.tests.self_contained(code, "tests/test_cart.py", files or tree())


def test_self_contained__fixtures_come_with_what_they_use_and_nothing_else() -> None:
    code = self_contained()
    assert PYTHON.tests.test_functions(code) == ("test_total",)
    for text in ("def _cart(shop):", "def shop():", "NAMES = ", "import json", "from shop import", "total"):
        assert text in code
    for text in ("unused", "import os", "pytest_configure", "of_conftest"):
        assert text not in code
    compile(code, "test_cart.py", "exec")


@pytest.mark.parametrize(
    ("code", "files"),
    [
        (CODE.replace("cart, ", "").replace("(cart)", "()"), tree()),
        (f"import pytest\n\n\n@pytest.fixture\ndef cart():\n    return 1\n\n\n{CODE}", tree()),
        (CODE, MemoryTree({})),
        (CODE, tree(**{"tests/conftest.py": f"from .helpers import x\n{NEAR.replace('shop.cart()', 'x')}"})),
        (CODE, tree(**{"tests/conftest.py": NEAR.replace("shop.cart()", "open(__file__)")})),
        (CODE, tree(**{"tests/conftest.py": "broken("})),
    ],
    ids=["takes none", "has its own", "no files", "relative import", "files next to it", "not Python"],
)
def test_self_contained__leaves_others_as_they_are(code: str, files: MemoryTree) -> None:
    assert self_contained(code, files) == code


def test_self_contained__a_parametrized_argument_overrides_a_fixture() -> None:
    code = CODE.replace("def test", "@pytest.mark.parametrize('cart', [1])\ndef test")
    assert self_contained(code) == code
    assert "def _cart(shop):" in self_contained(code.replace("[1]", "[1], indirect=True"))


def test_self_contained__fixtures_that_are_named_by_a_mark() -> None:
    code = CODE.replace("def test", "@pytest.mark.usefixtures('shop')\ndef test").replace("cart, ", "")
    assert "def shop():" in self_contained(f"import pytest\n{code.replace('(cart)', '()')}")


RELATIVE = """\
from . import data
from .utils import (
    simple_attr,
)
from ..tools import make
from ...above import all_of_it
from os import path


def test_a():
    from .utils import late

    assert make(simple_attr, data, late, path, all_of_it)
"""


def test_self_contained__relative_imports_of_a_package_are_absolute() -> None:
    package = {"tests/__init__.py": "", "tests/unit/__init__.py": "", "__init__.py": ""}
    code = PYTHON.tests.self_contained(RELATIVE, "tests/unit/test_a.py", MemoryTree(package))
    expected = (
        RELATIVE.replace("from . import", "from tests.unit import")
        .replace("from .utils", "from tests.unit.utils")
        .replace("from ..tools", "from tests.tools")
    )
    assert code == expected


def test_self_contained__relative_imports_outside_of_a_package_are_left() -> None:
    assert PYTHON.tests.self_contained(RELATIVE, "tests/unit/test_a.py", MemoryTree({})) == RELATIVE


def test_self_contained__a_fixture_with_relative_imports_of_a_package() -> None:
    near = NEAR.replace("import pytest\n", "import pytest\nfrom .carts import filled\n").replace(
        "shop.cart()", "filled(shop)"
    )
    code = self_contained(files=tree(**{"tests/conftest.py": near, "tests/__init__.py": ""}))
    assert "from tests.carts import filled\n" in code
    assert "def _cart(shop)" in code


def test_self_contained__fixtures_of_modules_that_conftest_names_as_plugins() -> None:
    """The name `pytest_plugins` itself stays there: in a test, it would look like tampering with pytest."""
    plugins = 'import pytest\n\npytest_plugins = [\n    "tests.carts",\n    "not_ours",\n]\n\n'
    code = self_contained(
        files=tree(**{"tests/conftest.py": plugins, "tests/carts.py": NEAR.replace("shop.cart()", "7")})
    )
    assert "pytest_plugins" not in code
    assert "return 7" in code
    near = plugins + NEAR.removeprefix("import pytest\n").replace("shop.cart()", "8")
    code = self_contained(files=tree(**{"tests/conftest.py": near}))
    assert "pytest_plugins" not in code
    assert "return 8" in code
