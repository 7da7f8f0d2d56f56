"""How a project runs its tests, as its files say."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from testsmith.languages.typescript.running.test_commands import (
    JEST,
    MOCHA,
    NODE_TEST,
    VITEST,
    TestCommand,
    test_command,
)

test_command.__test__ = False  # type: ignore[attr-defined]


def command(files: Mapping[str, object], path: str = "test/a.test.ts") -> TestCommand:
    texts = {name: text if isinstance(text, str) else json.dumps(text) for name, text in files.items()}

    def read(name: str) -> bytes | None:
        return texts[name].encode() if name in texts else None

    def names(folder: str) -> list[str]:
        start = f"{folder}/" if folder else ""
        return [name.removeprefix(start) for name in texts if name.startswith(start)]

    return test_command(read, names, path)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("vitest", TestCommand(framework=VITEST)),
        ("npm run lint && vitest run --coverage", TestCommand(framework=VITEST)),
        (
            "vitest --config test/vitest.ts",
            TestCommand(framework=VITEST, flags=("--config", "test/vitest.ts")),
        ),
        (
            "cross-env NODE_ENV=test NODE_OPTIONS='--experimental-vm-modules' npx jest --config=jest.js",
            TestCommand(
                framework=JEST,
                flags=("--config=jest.js",),
                variables={"NODE_ENV": "test", "NODE_OPTIONS": "--experimental-vm-modules"},
            ),
        ),
        (
            "nyc mocha -r ts-node/register 'test/**'",
            TestCommand(framework=MOCHA, flags=("-r", "ts-node/register")),
        ),
        ("node --test", TestCommand(framework=NODE_TEST)),
        (
            "node --conditions development test/index.js",
            TestCommand(framework=NODE_TEST, node_flags=("--conditions", "development")),
        ),
        ("xo && c8 ava --serial", TestCommand(framework="ava")),
        (
            "node --import tsx --test --experimental-test-coverage test/*.ts",
            TestCommand(framework=NODE_TEST, node_flags=("--import", "tsx")),
        ),
        ("tsx --test", TestCommand(framework=NODE_TEST, node_flags=("--import", "tsx"))),
        (
            "node --experimental-vm-modules node_modules/jest/bin/jest.js",
            TestCommand(framework=JEST, node_flags=("--experimental-vm-modules",)),
        ),
        ("PATH=/x LD_PRELOAD=/y mocha", TestCommand(framework=MOCHA)),
        ("node build.js 'unclosed", TestCommand(framework=NODE_TEST)),
        ("tap", TestCommand(framework="tap")),
    ],
)
def test_test_command__by_the_script(script: str, expected: TestCommand) -> None:
    assert command({"package.json": {"scripts": {"test": script}}}) == expected


def test_test_command__the_script_named_test_comes_first() -> None:
    scripts = {"bench": "vitest bench", "e2e": "jest", "test": "mocha", "test:unit": "vitest"}
    assert command({"package.json": {"scripts": scripts}}).framework == MOCHA
    del scripts["test"]
    assert command({"package.json": {"scripts": scripts}}).framework == VITEST


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"package.json": {"devDependencies": {"jest": "1", "vitest": "1"}}}, VITEST),
        ({"package.json": {"devDependencies": {"jest": "1", "vitest": "1"}}, "jest.config.js": ""}, JEST),
        ({"package.json": {"dependencies": {"mocha": "1"}}}, MOCHA),
        ({"package.json": {"jest": {}}}, JEST),
        ({"package.json": {}, ".mocharc.yml": ""}, MOCHA),
        ({"package.json": "broken"}, NODE_TEST),
        ({}, NODE_TEST),
        ({"package.json": {"devDependencies": {"tap": "21"}}}, "tap"),
    ],
)
def test_test_command__by_files_and_packages(files: Mapping[str, object], expected: str) -> None:
    assert command(files).framework == expected


def test_test_command__of_the_nearest_package_that_has_one() -> None:
    files = {
        "package.json": {"scripts": {"test": "jest"}},
        "packages/a/package.json": {"scripts": {"test": "vitest"}},
        "packages/b/package.json": {"name": "b"},
    }
    assert command(files, "packages/a/src/a.test.ts") == TestCommand(framework=VITEST, folder="packages/a")
    assert command(files, "packages/b/src/a.test.ts") == TestCommand(framework=JEST, folder="")


def test_test_command__a_script_of_node_says_nothing_if_another_framework_is_needed() -> None:
    manifest = {"scripts": {"test": "node --conditions=x test.js"}, "devDependencies": {"tape": "5"}}
    assert command({"package.json": manifest}).framework == "tape"
    assert command({"package.json": {"scripts": {"test": "node build.js"}}}).node_flags == ()
