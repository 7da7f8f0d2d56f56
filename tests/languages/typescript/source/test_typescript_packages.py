from __future__ import annotations

import pytest

from testsmith.languages.typescript.source.packages import is_module, is_test


@pytest.mark.parametrize("path", ["a.ts", "src/a.tsx", "a.mts", "a.cts", "a.js", "a.jsx", "a.mjs", "a.cjs"])
def test_is_module__endings(path: str) -> None:
    assert is_module(path)
    assert not is_test(path)


@pytest.mark.parametrize("path", ["a.d.ts", "a.d.mts", "a.d.css.ts", "a.json", "ts", "a.py", "a.js.map"])
def test_is_module__what_has_no_code(path: str) -> None:
    assert not is_module(path)


@pytest.mark.parametrize(
    "path",
    [
        "a.test.ts",
        "src/a.spec.jsx",
        "src/a.unit.test.mjs",
        "test.js",
        "a-test.cjs",
        "a_test.ts",
        "test-a.mjs",
        "__tests__/a.ts",
        "test/helpers/b.js",
        "packages/a/tests/b.ts",
    ],
)
def test_is_test__names_and_folders(path: str) -> None:
    assert is_test(path)


@pytest.mark.parametrize("path", ["spec/openapi.json", "src/latest.ts", "src/testing.ts", "src/contest.js"])
def test_is_test__names_that_only_look_alike(path: str) -> None:
    assert not is_test(path)
