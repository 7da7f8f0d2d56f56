"""What imports mean that are no relative paths."""

from __future__ import annotations

import json

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.typescript.source.packages import Modules
from testsmith.languages.typescript.source.references import References

PATHS = """{
  // where modules are
  "compilerOptions": {
    "baseUrl": "./", /* the root */
    "paths": { "@/*": ["missing/*", "src/*"], "~": ["src/index.ts"], "@/deep/*": ["src/far//*/main"], },
  },
}
"""
SOURCES = ("src/index.ts", "src/cart.ts", "src/far/a/main.ts", "lib/money/index.js", "test/cart.test.ts")


def resolved(source: str, *, path: str = "test/cart.test.ts", **files: str) -> str | None:
    """Return what an import means in a tree with some sources; `__` in names stands for a slash."""
    own = {name.replace("__", "/").replace("_json", ".json"): text.encode() for name, text in files.items()}
    return Modules(MemoryTree({**dict.fromkeys(SOURCES, b""), **own})).resolved(source, path)


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("@/cart", "src/cart.ts"),
        ("@/cart.js", "src/cart.ts"),
        ("@/deep/a", "src/far/a/main.ts"),
        ("~", "src/index.ts"),
        ("lib/money", "lib/money/index.js"),
        ("@/nothing", None),
        ("vitest", None),
    ],
)
def test_resolved__by_the_paths_of_the_settings(source: str, path: str | None) -> None:
    assert resolved(source, tsconfig_json=PATHS) == path
    assert resolved(source, jsconfig_json=PATHS) == path


@pytest.mark.parametrize(
    "nearest",
    [
        {"extends": "../tsconfig"},
        {"extends": ["@tsconfig/node20", "../tsconfig.json"]},
        {"references": [{"path": "../tsconfig.json"}]},
        {"extends": "./tsconfig.json", "references": [{"path": ".."}]},
    ],
)
def test_resolved__by_settings_that_others_name(nearest: dict[str, object]) -> None:
    assert resolved("@/cart", tsconfig_json=PATHS, test__tsconfig_json=json.dumps(nearest)) == "src/cart.ts"


@pytest.mark.parametrize("nearest", ["{}", "[", '{"compilerOptions": 5}'])
def test_resolved__settings_that_say_nothing(nearest: str) -> None:
    assert resolved("@/cart", tsconfig_json=PATHS, test__tsconfig_json=nearest) is None


@pytest.mark.parametrize(
    ("manifest", "source"),
    [
        ({"name": "shop"}, "shop"),
        ({"name": "shop", "exports": "./dist/index.js"}, "shop"),
        ({"name": "shop", "exports": {".": {"import": {"default": "./dist/esm/index.mjs"}}}}, "shop"),
        ({"name": "@my/shop", "main": "build/index.cjs"}, "@my/shop"),
        ({"name": "shop", "exports": {"./*": "./dist/*.js"}}, "shop/index"),
        ({"name": "shop"}, "shop/src/index"),
        ({"name": "other", "imports": {"#all": {"node": "./src/index.js"}}}, "#all"),
        ({"name": "other", "imports": {"#*": "./src/*.ts"}}, "#index"),
    ],
)
def test_resolved__by_the_name_of_a_package_of_the_tree(manifest: object, source: str) -> None:
    assert resolved(source, package_json=json.dumps(manifest)) == "src/index.ts"


def test_resolved__another_package_of_the_workspaces() -> None:
    files = {
        "package_json": '{"workspaces": ["packages/*"]}',
        "packages__money__package_json": '{"name": "@shop/money", "main": "dist/index.js"}',
        "packages__money__src__index.ts": "",
    }
    path = "packages/cart/src/cart.ts"
    assert resolved("@shop/money", path=path, **files) == "packages/money/src/index.ts"
    assert resolved("@shop/other", path=path, **files) is None


def test_users__by_an_alias_but_not_in_another_package() -> None:
    files = {
        "tsconfig.json": '{"compilerOptions": {"paths": {"@/*": ["./src/*"]}}}',
        "package.json": '{"name": "shop"}',
        "src/money.ts": "export const DIGITS = 2;\n",
        "src/index.ts": 'export * from "@/money";\n',
        "src/cart.ts": 'import { DIGITS } from "@/money";\nexport const total = () => DIGITS;\n',
        "other/a.ts": 'import { DIGITS } from "shop";\nexport const all = () => DIGITS;\n',
    }
    modules = Modules(MemoryTree({name: text.encode() for name, text in files.items()}))
    key = modules.exported("src/index.ts", "DIGITS")
    assert key is not None
    assert [one.path for one in References(modules).users(key)] == ["src/cart.ts"]
