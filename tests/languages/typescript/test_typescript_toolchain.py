"""What the files of a repository say about its packages."""

from __future__ import annotations

import json

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


def test_facts__of_something_else() -> None:
    assert TYPESCRIPT_TOOLCHAIN.facts(MemoryTree({"setup.py": ""})) == ProjectFacts()
