"""What the files of a repository say about its packages."""

from __future__ import annotations

import json

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.toolchain import ProjectFacts
from testsmith.languages.typescript.toolchain import TYPESCRIPT_TOOLCHAIN


def test_facts__of_a_project() -> None:
    manifest = {"engines": {"node": ">=20"}, "scripts": {"test": "vitest run"}}
    files = {
        "package.json": json.dumps(manifest),
        "pnpm-lock.yaml": "",
        "src/a.ts": "",
        "src/a.test.ts": "",
        "test/b.spec.js": "",
        "packages/b/package.json": "{}",
        "node_modules/c/package.json": "{}",
        "node_modules/c/c.test.js": "",
    }
    assert TYPESCRIPT_TOOLCHAIN.facts(MemoryTree(files)) == ProjectFacts(
        package_manager="pnpm (pnpm-lock.yaml)",
        version="Node >=20",
        tests="vitest, 2 test files",
        projects=("packages/b",),
        is_project=True,
    )


def test_facts__the_framework_of_the_package_that_has_the_tests() -> None:
    files = {
        "package.json": json.dumps({"workspaces": ["packages/*"]}),
        "packages/a/package.json": json.dumps({"devDependencies": {"jest": "30"}}),
        "packages/a/src/a.test.ts": "",
    }
    assert TYPESCRIPT_TOOLCHAIN.facts(MemoryTree(files)).tests == "jest, 1 test file"


def test_facts__the_framework_of_a_file_of_settings_in_a_folder() -> None:
    files = {"app/package.json": "{}", "app/vitest.config.ts": "", "app/a.test.ts": ""}
    assert TYPESCRIPT_TOOLCHAIN.facts(MemoryTree(files)).tests == "vitest, 1 test file"


def test_facts__files_that_support_tests_are_not_test_files() -> None:
    tests = "test('a', () => {});\n"
    files = {
        "package.json": "{}",
        "test/cart.js": tests,
        "test/helpers.js": "export const cart = () => [];\n",
        "test/types.test-d.ts": tests,
        "test/fixtures/project/test/a.js": tests,
        "src/__mocks__/fs.js": tests,
        "src/__tests__/cart.ts": tests,
    }
    assert TYPESCRIPT_TOOLCHAIN.facts(MemoryTree(files)).tests == "node:test, 2 test files"


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["package.json", "yarn.lock", "package-lock.json"], "Yarn (yarn.lock)"),
        (["package.json"], "npm (package.json)"),
        (["package.json", "docs/package.json", "docs/yarn.lock"], "npm (package.json)"),
        (["web/app/package.json", "web/package.json", "web/pnpm-lock.yaml"], "pnpm (web/pnpm-lock.yaml)"),
        (["web/package.json"], "npm (web/package.json)"),
    ],
)
def test_facts__the_package_manager_by_the_lock_file(paths: list[str], expected: str) -> None:
    files = dict.fromkeys(paths, "{}")
    assert TYPESCRIPT_TOOLCHAIN.facts(MemoryTree(files)).package_manager == expected


def test_facts__of_something_else() -> None:
    assert TYPESCRIPT_TOOLCHAIN.facts(MemoryTree({"setup.py": ""})) == ProjectFacts()
