from __future__ import annotations

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.python.source.package import Module, SourceRoots


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("src/shop/cart.py", "shop.cart"),
        ("src/shop/__init__.py", "shop"),
        ("shop/cart.py", "shop.cart"),
        ("tasks.py", "tasks"),
        ("scripts/build-docs.py", None),
        ("shop/class.py", None),
        ("shop/2fa.py", None),
        ("__init__.py", None),
        ("src/__init__.py", None),
    ],
)
def test_module__below_the_source_roots(path: str, name: str | None) -> None:
    module = SourceRoots.of("", MemoryTree({})).module(path)
    assert (module.name if module else None) == name


def test_module__of_a_project_in_a_folder() -> None:
    roots = SourceRoots.of("packages/a", MemoryTree({}))
    assert roots.module("packages/a/src/shop/cart.py") == Module(
        name="shop.cart", path="packages/a/src/shop/cart.py"
    )
    assert roots.module("packages/a/cart.py") == Module(name="cart", path="packages/a/cart.py")
    assert roots.module("packages/b/cart.py") is None


def test_module__of_a_part_of_a_workspace() -> None:
    declared = "[project]\nname = 'x'\n"
    tree = MemoryTree(
        {
            "pyproject.toml": f"{declared}[tool.uv.workspace]\nmembers = ['slim', 'packages/*']\n",
            "slim/pyproject.toml": declared,
            "slim/shop/cart.py": "",
            "packages/a/pyproject.toml": declared,
            "packages/a/src/bag.py": "",
            "packages/b/pyproject.toml": declared,
            "packages/b/tests/test_b.py": "",
            "tests/test_shop.py": "",
        }
    )
    roots = SourceRoots.of("", tree)
    assert roots.folders == ("packages/a/src", "packages/a", "slim/src", "slim", "src", "")
    assert roots.module("slim/shop/cart.py") == Module(name="shop.cart", path="slim/shop/cart.py")


def test_module__src_that_is_a_package_itself() -> None:
    roots = SourceRoots.of("", MemoryTree({"src/__init__.py": "", "src/cart.py": ""}))
    assert roots.module("src/cart.py") == Module(name="src.cart", path="src/cart.py")


def test_module__public_without_underscores() -> None:
    names = ["shop.cart", "shop._cart", "_shop.cart", "shop.__main__"]
    assert [name for name in names if Module(name=name, path="x.py").is_public] == ["shop.cart"]


def test_module__package_that_relative_imports_start_from() -> None:
    assert Module(name="shop.cart", path="shop/cart.py").package == "shop"
    assert Module(name="shop", path="shop/__init__.py").package == "shop"
    assert Module(name="tasks", path="tasks.py").package == ""


def test_package_files__by_top_level_name() -> None:
    paths = ["src/shop/__init__.py", "src/shop/sub/a.py", "tasks.py", "README.md", "src/shop/x.txt"]
    found = SourceRoots.of("", MemoryTree({})).package_files(paths)
    assert {name: [module.name for module in modules] for name, modules in found.items()} == {
        "shop": ["shop", "shop.sub.a"],
        "tasks": ["tasks"],
    }
