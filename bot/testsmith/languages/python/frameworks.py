"""Which test framework a project's tests are written for, read from its files. Nothing of it is run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from testsmith.languages.driver import CannotParse, SourceTree
from testsmith.languages.python.definitions import Function, last_name
from testsmith.languages.python.parsing import parse_untrusted
from testsmith.languages.python.syntax import decode
from testsmith.languages.python.test_modules import is_test_name
from testsmith.languages.python.test_paths import TEST_FOLDERS

PYTEST = "pytest"
UNITTEST = "unittest"

_NAMES_PYTEST = re.compile(r"(?<![\w.-])(?:pytest|py\.test)\b|\[tool[:.]pytest\b")
_SETTINGS = frozenset(
    {
        *("pyproject.toml", "setup.cfg", "setup.py", "tox.ini", "tox.toml", "noxfile.py", "hatch.toml"),
        *("Pipfile", "Makefile", "justfile", ".travis.yml", ".gitlab-ci.yml", "azure-pipelines.yml"),
    }
)
_OF_PYTEST = frozenset({"conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml"})
_REQUIREMENTS = re.compile(r"(?:.*/)?(?:[\w.-]*requirements[\w.-]*|requirements/[\w./-]+)\.(?:txt|in)")
_WORKFLOWS = ".github/workflows/"
_MOST_BYTES = 1_000_000
_MOST_TEST_FILES = 200


def framework_of(tree: SourceTree, project: str) -> str:
    """Return `unittest` for a project that tests with it alone, and `pytest` for every other one.

    It is one of unittest if no file of settings, requirements or workflows names pytest, and all of its tests
    are methods of a `TestCase`.

    Args:
        tree: The files of head.
        project: The project's folder, relative to the git root; empty for the root itself.
    """
    prefix = f"{project}/" if project else ""
    paths = [path for path in tree.paths() if path.startswith(prefix)]
    tests = [path for path in paths if _may_hold_tests(path.removeprefix(prefix))][:_MOST_TEST_FILES]
    shared = [path for path in tree.paths() if path in _SETTINGS or path.startswith(_WORKFLOWS)]
    if not tests or any(_names_pytest(tree, path) for path in (*shared, *paths)):
        return PYTEST
    kinds = [kind for path in tests for kind in _kinds_of_tests(tree.read(path) or b"")]
    return UNITTEST if kinds and all(kind == UNITTEST for kind in kinds) else PYTEST


def _may_hold_tests(path: str) -> bool:
    *folders, name = PurePosixPath(path).parts
    is_test = name.startswith("test") or name.endswith("_test.py") or not TEST_FOLDERS.isdisjoint(folders)
    return name.endswith(".py") and is_test


def _names_pytest(tree: SourceTree, path: str) -> bool:
    name = PurePosixPath(path).name
    if name in _OF_PYTEST:
        return True
    is_read = name in _SETTINGS or path.startswith(_WORKFLOWS) or _REQUIREMENTS.fullmatch(path)
    if not is_read:
        return False
    text = (tree.read(path) or b"")[:_MOST_BYTES].decode("utf-8", "replace")
    return _NAMES_PYTEST.search(text) is not None


def _kinds_of_tests(data: bytes) -> Iterator[str]:
    """Yield what the tests of a file are written for; nothing for a file without tests."""
    try:
        body = parse_untrusted(decode(data[:_MOST_BYTES])).body
    except CannotParse:
        return
    for statement in body:
        match statement:
            case ast.Import(names=names) if any(each.name.partition(".")[0] == "pytest" for each in names):
                yield PYTEST
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] == "pytest":
                yield PYTEST
            case ast.ClassDef(bases=bases) if any(last_name(base).endswith("TestCase") for base in bases):
                yield UNITTEST
            case ast.ClassDef(name=name) if name.startswith("Test") and _has_tests(statement):
                yield PYTEST if not statement.bases else UNITTEST
            case ast.FunctionDef() | ast.AsyncFunctionDef() if is_test_name(statement.name):
                yield PYTEST


def _has_tests(statement: ast.ClassDef) -> bool:
    return any(isinstance(one, Function) and is_test_name(one.name) for one in statement.body)
