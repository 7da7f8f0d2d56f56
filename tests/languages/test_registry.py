from __future__ import annotations

import subprocess
import sys

import pytest

from testsmith.languages.language import language_of
from testsmith.languages.registry import languages, toolchains


def test_languages__each_language_once() -> None:
    assert [language.name for language in languages()] == ["python", "go", "typescript"]


def test_toolchains__those_without_an_engine_need_a_model() -> None:
    """What is said then is in `tests/pipeline/test_toolchains.py`."""
    found = {name: toolchain.engine is not None for name, toolchain in toolchains().items()}
    assert found == {"python": True, "go": False, "typescript": False}


def test_language_of__by_path() -> None:
    found = language_of("src/shop/cart.py", languages())
    assert found is not None
    assert found.name == "python"
    assert language_of("src/shop/cart.rs", languages()) is None


@pytest.mark.parametrize(
    ("language", "framework", "path", "command"),
    [
        ("python", "pytest", "tests/test_a.py", "pytest tests/test_a.py"),
        ("python", "unittest", "tests/test_a.py", "python -m unittest tests/test_a.py"),
        ("go", "go test", "a_test.go", "go test -run ^(TestA|TestB)$"),
        ("go", "go test", "inner/a_test.go", "go test -C inner -run ^(TestA|TestB)$"),
        ("typescript", "node:test", "a.test.ts", "node --test a.test.ts"),
        ("typescript", "vitest", "a.test.ts", "npx vitest run a.test.ts"),
        ("typescript", "jest", "a.test.ts", "npx jest a.test.ts"),
        ("typescript", "mocha", "a.test.ts", "npx mocha a.test.ts"),
    ],
)
def test_command__of_each_framework(language: str, framework: str, path: str, command: str) -> None:
    tests = next(one.tests for one in languages() if one.name == language)
    assert " ".join(tests.command(framework, path, ["TestA", "TestB"])) == command


def test_languages__no_large_parser_is_loaded_before_it_is_used() -> None:
    program = (
        "import sys\n"
        "from testsmith.languages.language import language_of\n"
        "from testsmith.languages.registry import languages, toolchains\n"
        "toolchains()\n"
        "assert language_of('a.py', languages()).name == 'python'\n"
        "assert language_of('a.go', languages()).tests.is_test('a_test.go')\n"
        "assert language_of('a.ts', languages()).tests.is_test('a.test.ts')\n"
        "sys.exit(bool({'libcst', 'tree_sitter'} & set(sys.modules)))\n"
    )
    assert subprocess.run((sys.executable, "-c", program), check=False).returncode == 0
