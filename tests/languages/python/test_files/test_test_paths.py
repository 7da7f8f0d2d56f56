from __future__ import annotations

import time

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.python.test_files.test_paths import TestFileNames as Names
from testsmith.languages.python.test_files.test_paths import TestPaths as Paths
from testsmith.languages.python.test_files.test_paths import is_test

SHOP = (
    "src/shop/__init__.py",
    "src/shop/cart.py",
    "src/shop/inner/__init__.py",
    "src/shop/inner/stock.py",
)


def where(source: str, *paths: str, texts: dict[str, str] | None = None, project: str = "") -> str:
    """Return the test path of a source file in the shop with these further files."""
    files = dict.fromkeys((*SHOP, source, *paths), "") | (texts or {})
    return Paths(MemoryTree(files), project).of(source)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests/test_cart.py", True),
        ("src/shop/test_cart.py", True),
        ("src/shop/cart_test.py", True),
        ("src/shop/conftest.py", True),
        ("conftest.py", True),
        ("tests/fakes/clock.py", True),
        ("src/shop/tests/data.txt", True),
        ("test/run.py", True),
        ("test.py", True),
        ("tests.py", True),
        ("src/shop/tests.py", False),
        ("src/shop/testing.py", False),
        ("src/shop/contest.py", False),
        ("src/shop/latest.py", False),
        ("test_data.txt", False),
    ],
)
def test_is_test(path: str, expected: bool) -> None:
    assert is_test(path) is expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("src/shop/cart.py", "tests/shop/test_cart.py"),
        ("src/shop/inner/stock.py", "tests/shop/inner/test_stock.py"),
        ("src/shop/_private.py", "tests/shop/test_private.py"),
        ("src/shop/__main__.py", "tests/shop/test_main.py"),
        ("src/shop/__init__.py", "tests/test_shop.py"),
        ("src/shop/inner/__init__.py", "tests/shop/test_inner.py"),
        ("src/single.py", "tests/test_single.py"),
        ("single.py", "tests/test_single.py"),
    ],
)
def test_of__no_tests_are_there_yet(source: str, expected: str) -> None:
    assert where(source) == expected


@pytest.mark.parametrize(
    "test_path",
    [
        "tests/test_cart.py",
        "tests/shop/test_cart.py",
        "tests/unit/test_cart.py",
        "tests/unit/shop/test_cart.py",
        "test/test_cart.py",
        "tests/cart_test.py",
        "src/shop/tests/test_cart.py",
        "src/shop/test_cart.py",
        "src/shop/cart_test.py",
        "tests/test_shop_cart.py",
    ],
)
def test_of__the_file_that_is_there(test_path: str) -> None:
    assert where("src/shop/cart.py", test_path) == test_path


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ("tests/test_cart.py", "tests/test_stock.py"),
        ("tests/shop/test_cart.py", "tests/shop/inner/test_stock.py"),
        ("tests/unit/shop/test_cart.py", "tests/unit/shop/inner/test_stock.py"),
        ("test/test_cart.py", "test/test_stock.py"),
        ("tests/cart_test.py", "tests/stock_test.py"),
        ("src/shop/test_cart.py", "src/shop/inner/test_stock.py"),
        ("src/shop/cart_test.py", "src/shop/inner/stock_test.py"),
        ("src/shop/tests/test_cart.py", "src/shop/tests/test_stock.py"),
        ("tests/test_unlike.py", "tests/test_stock.py"),
        ("tests/deep/test_unlike.py", "tests/shop/inner/test_stock.py"),
        ("test/deep/unlike_test.py", "test/shop/inner/stock_test.py"),
    ],
)
def test_of__a_new_file_follows_the_one_that_is_there(there: str, expected: str) -> None:
    assert where("src/shop/inner/stock.py", there) == expected


def test_of__the_layout_of_most_files_is_followed() -> None:
    others = ("src/shop/inner/a.py", "src/shop/inner/b.py", "src/shop/c.py")
    mirrored = ("tests/inner/test_a.py", "tests/inner/test_b.py", "tests/test_c.py")
    assert where("src/shop/inner/stock.py", *others, *mirrored) == "tests/inner/test_stock.py"
    joined = ("tests/test_inner_a.py", "tests/test_inner_b.py", "tests/test_c.py")
    assert where("src/shop/inner/stock.py", *others, *joined) == "tests/test_inner_stock.py"
    assert where("src/shop/cart.py", *others, *joined) == "tests/test_cart.py"


def test_of__sources_of_one_name_are_told_apart_by_what_the_tests_import() -> None:
    texts = {
        "src/shop/inner/cart.py": "",
        "tests/test_cart.py": "from shop.cart import Cart\n",
        "tests/test_more.py": "",
    }
    assert where("src/shop/cart.py", texts=texts) == "tests/test_cart.py"
    assert where("src/shop/inner/cart.py", texts=texts) == "tests/test_inner_cart.py"


@pytest.mark.parametrize(
    "line",
    [
        "from shop.inner import cart",
        "from shop.inner import (\n    other,\n    cart,\n)",
        "import shop.inner.cart as c",
        "    from shop.inner.cart import Cart",
        "import os, shop.inner.cart",
    ],
)
def test_of__every_form_of_import_counts(line: str) -> None:
    texts = {
        "src/shop/inner/cart.py": "",
        "tests/a/test_cart.py": "from shop.cart import Cart\n",
        "tests/b/test_cart.py": f"import re\n{line}\n",
    }
    assert where("src/shop/inner/cart.py", texts=texts) == "tests/b/test_cart.py"
    assert where("src/shop/cart.py", texts=texts) == "tests/a/test_cart.py"


def test_of__relative_imports_count() -> None:
    texts = {
        "src/shop/inner/cart.py": "",
        "src/shop/tests/__init__.py": "",
        "src/shop/tests/test_cart.py": "from ..inner.cart import Cart\n",
    }
    assert where("src/shop/inner/cart.py", texts=texts) == "src/shop/tests/test_cart.py"
    assert where("src/shop/cart.py", texts=texts) != "src/shop/tests/test_cart.py"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("from shop.inner.en import Cart", "tests/test_inner.py"),
        ("from shop.inner.en.names import Cart", "tests/test_inner.py"),
        ("from shop.inner import Cart", "tests/test_fr.py"),
        ("from shop.cart import Cart", "tests/test_fr.py"),
    ],
)
def test_of__a_file_about_several_modules_of_a_package_takes_tests_of_others(
    line: str, expected: str
) -> None:
    packages = ("shop", "shop/inner", "shop/inner/en", "shop/inner/fr")
    texts = {f"src/{folder}/__init__.py": "" for folder in packages}
    texts |= {"src/shop/inner/en/names.py": "", "tests/test_inner.py": f"{line}\n", "tests/test_cart.py": ""}
    assert where("src/shop/inner/fr/__init__.py", texts=texts) == expected
    texts["tests/test_shop.py"] = "from shop.cart import Cart\n"
    assert where("src/shop/other.py", texts=texts) == "tests/test_other.py"


def test_of__a_file_about_this_module_alone_may_be_named_a_little_differently() -> None:
    texts = {"tests/test_cart_totals.py": "from shop.cart import Cart\n", "tests/test_x.py": "import re\n"}
    assert where("src/shop/cart.py", texts=texts) == "tests/test_cart_totals.py"
    texts["tests/test_cart_totals.py"] += "from shop.inner.stock import Stock\n"
    assert where("src/shop/cart.py", texts=texts) == "tests/test_cart.py"


def test_of__no_two_test_files_outside_of_packages_have_one_name() -> None:
    more = ("src/shop/inner/cart.py",)
    assert where("src/shop/cart.py", *more) == "tests/shop/test_cart.py"
    assert where("src/shop/inner/cart.py", *more) == "tests/shop/inner/test_inner_cart.py"


def test_of__inside_packages_they_may() -> None:
    texts = {
        "src/shop/inner/cart.py": "",
        "tests/__init__.py": "",
        "tests/shop/__init__.py": "",
        "tests/shop/test_cart.py": "from shop.cart import Cart\n",
    }
    assert where("src/shop/inner/cart.py", texts=texts) == "tests/shop/inner/test_cart.py"


def test_of__several_projects_in_one_repository() -> None:
    texts = {
        "packages/a/src/a/__init__.py": "",
        "packages/a/src/a/one.py": "",
        "packages/a/tests/test_one.py": "from a.one import x\n",
        "packages/b/src/b/__init__.py": "",
        "packages/b/src/b/two.py": "",
    }
    assert where("packages/b/src/b/two.py", texts=texts) == "packages/b/tests/test_two.py"
    assert where("packages/a/src/a/one.py", texts=texts) == "packages/a/tests/test_one.py"


def test_of__a_project_below_the_root() -> None:
    texts = {"app/shop/__init__.py": "", "app/shop/till.py": "", "tests/test_unlike.py": ""}
    assert where("app/shop/till.py", texts=texts, project="app") == "app/tests/shop/test_till.py"


def test_neighbor__the_file_itself_else_the_nearest() -> None:
    tests = dict.fromkeys(("tests/a/test_one.py", "tests/b/test_two.py", "tests/b/c/test_three.py"), "")
    paths = Paths(MemoryTree(tests), "")
    assert paths.neighbor("tests/b/test_two.py") == "tests/b/test_two.py"
    assert paths.neighbor("tests/b/test_new.py") == "tests/b/c/test_three.py"
    assert paths.neighbor("tests/b/d/test_new.py") == "tests/b/c/test_three.py"
    assert paths.neighbor("other/test_new.py") == "tests/a/test_one.py"
    assert Paths(MemoryTree(), "").neighbor("tests/test_new.py") is None


def test_of__thousands_of_files_take_a_moment() -> None:
    sources = [f"src/shop/p{number % 50}/m{number}.py" for number in range(3_000)]
    tests = {
        f"tests/p{n % 50}/test_m{n}.py": f"from shop.p{n % 50}.m{n} import f\n" for n in range(0, 3_000, 2)
    }
    began = time.perf_counter()
    paths = Paths(MemoryTree(dict.fromkeys(sources, "") | tests), "")
    found = [paths.of(source) for source in sources]
    assert time.perf_counter() - began < 5
    assert found[2] == "tests/p2/test_m2.py"
    assert found[3] == "tests/p3/test_m3.py"


PATTERNS = ("*test.py", "check_tests_*.py", "inner/case_tests.py")


@pytest.mark.parametrize(
    ("file", "settings"),
    [
        ("pytest.ini", "[pytest]\npython_files = *test.py  check_tests_*.py\n    inner/case_tests.py\n"),
        ("tox.ini", "[pytest]\npython_files =\n    *test.py\n    'check_tests_*.py' inner/case_tests.py\n"),
        ("setup.cfg", "[tool:pytest]\npython_files = *test.py check_tests_*.py inner/case_tests.py *.py\n"),
        (
            "pyproject.toml",
            f"[tool.pytest.ini_options]\npython_files = {[*PATTERNS, '__init__.py', '[!test]*.py']}\n",
        ),
    ],
)
def test_names__of_python_files(file: str, settings: str) -> None:
    tree = MemoryTree({file: settings, "src/shop/cart.py": ""})
    paths = ["checks/carttest.py", "check_tests_cart.py", "a/inner/case_tests.py"]
    paths += ["test_cart.py", "cart_test.py"]
    others = ("shop/cart.py", "shop/__init__.py", "case_tests.py", "checks/carttest.txt")
    names = Names.of(tree)
    assert [path for path in (*paths, *others) if names.is_test_module(path)] == paths
    assert [path for path in (*paths, *others) if Names.of(MemoryTree({})).is_test(path)] == paths[3:]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("testpaths = checks more/", ["sub/checks/atest.py", "sub/more/atest.py"]),
        ("testpaths = ch*", ["sub/checks/atest.py", "sub/more/atest.py", "sub/src/atest.py"]),
        ("testpaths = .", ["sub/checks/atest.py", "sub/more/atest.py", "sub/src/atest.py"]),
        ("", ["sub/checks/atest.py", "sub/more/atest.py", "sub/src/atest.py"]),
    ],
)
def test_names__are_those_of_the_folders_with_tests(settings: str, expected: list[str]) -> None:
    files = {"pytest.ini": "[pytest", "sub/pytest.ini": f"[pytest]\npython_files = *test.py\n{settings}\n"}
    paths = ["src/atest.py", "sub/checks/atest.py", "sub/more/atest.py", "sub/src/atest.py"]
    assert list(filter(Names.of(MemoryTree(files)).is_test_module, paths)) == expected


def test_of__a_file_that_only_the_project_names_like_a_test() -> None:
    settings = {"pytest.ini": "[pytest]\npython_files = *test.py\ntestpaths = checks\n"}
    assert where("src/shop/cart.py", "checks/carttest.py", texts=settings) == "checks/carttest.py"
    assert where("src/shop/cart.py", "checks/carttest.py") != "checks/carttest.py"
