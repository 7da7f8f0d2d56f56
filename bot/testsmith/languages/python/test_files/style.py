"""What a project asks of its tests: the oldest Python they run on, and whether they are annotated. Pure."""

from __future__ import annotations

import ast
import configparser
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from testsmith.languages.driver import CannotParse, SourceTree
from testsmith.languages.python.definitions import Function, last_name
from testsmith.languages.python.parsing import decode, lines_of, parse_untrusted, span_of
from testsmith.languages.python.test_files.test_modules import is_test_name
from testsmith.languages.python.test_files.test_paths import TEST_FOLDERS

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


_MOST_SAMPLED_LINES = 80
_LOWER_BOUND = re.compile(r"(?:>=|~=|==|>|\^)\s*3\.(\d+)")


def lowest_python(pyproject: str | None, setup_cfg: str | None) -> tuple[int, int] | None:
    """Return the oldest Python 3 that a project supports, such as `(3, 9)`; None if it does not say.

    Read are `requires-python` of `[project]`, `python` of Poetry's dependencies, and `python_requires` of a
    `setup.cfg`. A file that cannot be read says nothing.

    Args:
        pyproject: Text of the `pyproject.toml`, None if there is none.
        setup_cfg: Text of the `setup.cfg`, None if there is none.
    """
    for requirement in (*_from_pyproject(pyproject or ""), *_from_setup_cfg(setup_cfg or "")):
        minors = [int(minor) for minor in _LOWER_BOUND.findall(requirement)]
        if minors:
            return 3, max(minors)
    return None


def refuse_newer_syntax(code: str, version: tuple[int, int]) -> None:
    """Look whether a Python of this version can read the code.

    Raises:
        CannotParse: It cannot; says why.
    """
    parse_untrusted(code)
    try:
        ast.parse(code, feature_version=version)
    except SyntaxError as error:
        supported = ".".join(map(str, version))
        raise CannotParse(
            f"line {error.lineno or 1}: {error.msg}, but the project supports Python {supported}",
        ) from error


def are_annotated(test_files: Iterable[str]) -> bool:
    """Return whether most test functions of these test files' texts say what they return."""
    said = [function.returns is not None for text in test_files for function in _test_functions(text)]
    return sum(said) * 2 > len(said)


def sample(data: bytes) -> str:
    """Return a part of a test file that shows its style: its imports and first statements, whole ones.

    Args:
        data: The file's bytes; one that is not valid Python gives no sample.
    """
    try:
        text = decode(data)
        body = parse_untrusted(text).body
    except CannotParse:
        return ""
    lines = lines_of(text)
    chosen: list[str] = []
    end = 0
    for statement in body:
        span = span_of(statement)
        block = lines[end : span.last]
        end = span.last
        if len(chosen) + len(block) <= _MOST_SAMPLED_LINES:
            chosen.extend(block)
    return "".join(chosen).strip("\n")


def _test_functions(text: str) -> Iterator[Function]:
    try:
        tree = parse_untrusted(text)
    except CannotParse:
        return
    for node in ast.walk(tree):
        if isinstance(node, Function) and is_test_name(node.name):
            yield node


def _from_pyproject(text: str) -> Iterator[str]:
    try:
        settings = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    for path in (("project", "requires-python"), ("tool", "poetry", "dependencies", "python")):
        value: object = settings
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str):
            yield value


def _from_setup_cfg(text: str) -> Iterator[str]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
        value = parser.get("options", "python_requires", fallback=None)
    except configparser.Error:
        return
    if value is not None:
        yield value
