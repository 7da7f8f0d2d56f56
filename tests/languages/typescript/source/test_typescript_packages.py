from __future__ import annotations

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.typescript.source.packages import (
    DeclarationKey,
    Modules,
    declares_package,
    is_module,
    is_test,
    project_folder,
)


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


def _modules(**files: str) -> Modules:
    names = {name.replace("__", "/").replace("_", "."): text.encode() for name, text in files.items()}
    return Modules(MemoryTree(names))


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("./b", "src/b.ts"),
        ("./b.js", "src/b.ts"),
        ("./b.ts", "src/b.ts"),
        ("./c", "src/c/index.js"),
        ("./c/", "src/c/index.js"),
        (".", "src/index.mts"),
        ("../d.mjs", "d.mts"),
        ("../", "index.cjs"),
        ("..", "index.cjs"),
        ("../../d", None),
        ("b", None),
        (".hidden", None),
    ],
)
def test_resolved__as_node_and_bundlers_do(source: str, path: str | None) -> None:
    names = ("src__a_ts", "src__b_ts", "src__c__index_js", "src__index_mts", "d_mts", "index_cjs")
    modules = _modules(**dict.fromkeys(names, ""))
    assert modules.resolved(source, "src/a.ts") == path


def test_exported__through_other_modules() -> None:
    modules = _modules(
        a_ts="export * from './b';\nexport { one as first } from './b';\nexport * as c from './c';",
        b_ts="import d from './d';\nexport { d };\nexport const one = () => 1;",
        c_ts="export * from './a';",
        d_ts="export default function total() {}",
        e_js="module.exports = require('./d');",
    )
    assert modules.exported("a.ts", "one") == DeclarationKey("b.ts", "one")
    assert modules.exported("a.ts", "first") == DeclarationKey("b.ts", "one")
    assert modules.exported("a.ts", "d") == DeclarationKey("d.ts", "total")
    assert modules.exported("a.ts", "missing") is None
    assert modules.exported("c.ts", "one") == DeclarationKey("b.ts", "one")


def test_importers__with_those_of_re_exports_and_without_tests() -> None:
    modules = _modules(
        a_ts="import { b } from './index';",
        b_ts="export const b = 1;",
        index_ts="export * from './b';",
        c_cjs="const b = require('./b.ts');",
        d_ts="const load = () => import('./b');",
        b_test_ts="import { b } from './b';",
    )
    assert sorted(modules.importers("b.ts")) == ["a.ts", "c.cjs", "d.ts", "index.ts"]


def test_project_folder__the_nearest_manifest() -> None:
    own = b'{"name": "a"}'
    marker = b'{"type": "module", "version": "1.0.0"}'  # as Node needs it in a folder of ES modules
    files = {"package.json": own, "packages/a/package.json": own, "packages/a/src/package.json": marker}
    tree = MemoryTree(files)
    assert project_folder(tree, "packages/a/src/b.ts", "") == "packages/a"
    assert project_folder(tree, "packages/b/src/b.ts", "packages") == "packages"
    assert declares_package(tree, "packages/a")
    assert not declares_package(tree, "packages")
