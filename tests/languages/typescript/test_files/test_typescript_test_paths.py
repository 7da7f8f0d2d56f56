from __future__ import annotations

import pytest

from testsmith.languages.typescript.test_files import test_paths


@pytest.mark.parametrize(
    ("path", "stem"),
    [("src/a.ts", "a"), ("a.test.tsx", "a"), ("a/b-spec.mjs", "b"), ("c.d.js", "c.d"), ("d_test.cjs", "d")],
)
def test_stem_of__without_ending_and_affix(path: str, stem: str) -> None:
    assert test_paths.stem_of(path) == stem


@pytest.mark.parametrize(
    ("path", "tests", "expected"),
    [
        ("src/cart.ts", [], "src/cart.test.ts"),
        ("src/cart.ts", ["src/shop.spec.ts"], "src/cart.spec.ts"),
        ("src/cart.ts", ["src/shop.test.ts", "src/cart.test.ts"], "src/cart.test.ts"),
        ("src/cart.ts", ["test/shop.test.ts", "test/cart.spec.ts"], "test/cart.spec.ts"),
        ("src/cart.ts", ["test/shop.test.ts"], "test/cart.test.ts"),
        ("src/deep/cart.ts", ["test/shop.test.ts"], "test/cart.test.ts"),
        ("src/deep/cart.ts", ["test/other/shop.test.ts"], "test/deep/cart.test.ts"),
        ("src/deep/cart.ts", ["src/__tests__/shop.test.ts"], "src/deep/__tests__/cart.test.ts"),
        ("lib/cart.js", ["test/shop.js"], "test/cart.js"),
        ("packages/a/src/cart.ts", ["packages/a/test/shop.test.ts"], "packages/a/test/cart.test.ts"),
        ("packages/a/cart.ts", ["packages/a/tests/x/y.test.ts"], "packages/a/tests/cart.test.ts"),
        ("src/cart.ts", ["src/shop.test.js"], "src/cart.test.js"),
        ("src/cart.ts", ["src/shop.test.ts", "src/view.test.tsx"], "src/cart.test.ts"),
        ("src/a/index.ts", ["src/b/index.test.ts"], "src/a/index.test.ts"),
        ("src/a/index.ts", ["src/a/index.test.ts", "src/b/index.test.ts"], "src/a/index.test.ts"),
        ("src/plugin/a/index.js", ["test/plugin/a.test.js", "test/a.test.js"], "test/plugin/a.test.js"),
        ("src/plugin/a/index.js", ["test/plugin/a/index.test.js"], "test/plugin/a/index.test.js"),
        ("src/index.js", ["test/src.test.js"], "test/index.test.js"),
    ],
)
def test_test_path_of__by_the_habit_of_the_project(path: str, tests: list[str], expected: str) -> None:
    assert test_paths.test_path_of(path, tests) == expected


@pytest.mark.parametrize(
    ("source", "path", "expected"),
    [
        ("../src/cart", "src/cart.ts", True),
        ("../src/cart.js", "src/cart.ts", True),
        ("@/shop/cart", "src/cart.ts", True),
        ("../src/prices", "src/cart.ts", False),
        ("../src", "src/cart.ts", False),
        ("../cart", "src/cart/index.ts", True),
        ("./index.js", "src/cart/index.ts", True),
        ("..", "src/cart/index.ts", True),
        ("../prices/index", "src/cart/index.ts", False),
        ("../prices", "src/cart/index.ts", False),
    ],
)
def test_may_name__by_name_or_folder(source: str, path: str, *, expected: bool) -> None:
    assert test_paths.may_name(source, path) is expected
