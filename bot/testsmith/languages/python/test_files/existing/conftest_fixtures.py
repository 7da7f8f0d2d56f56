"""Complete a test module that was cut out of a test file, with absolute imports and its fixtures."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from testsmith.languages.python.source.definitions import Function, last_name
from testsmith.languages.python.source.parsing import decode, parse_untrusted, span_of
from testsmith.languages.python.test_files.test_modules import (
    is_fixture,
    is_test_name,
    keep_tests,
    parametrized_arguments,
)
from testsmith.languages.source import CannotParse, SourceTree
from testsmith.languages.tests import CannotPlace

_RELATIVE = re.compile(r"^from\s*\.[.\s]*(?:\w[\w.]*\s+)?import\b")
_FUTURE = "from __future__ import annotations\n"
_USER = "test_of_conftest_fixtures"
"""Name of a test that uses the fixtures, for the time in which they are cut out."""


def self_contained(code: str, test_path: str, tree: SourceTree) -> str:
    """Return a test module with absolute imports and the fixtures of `conftest.py` files that it uses.

    Fixtures of nearer files come first, then those of modules that such a file names in `pytest_plugins`.
    What cannot stand alone is left as it is, and so are fixtures that look for files next to their own file:
    such a test runs with the project's other tests.

    Args:
        code: The test module.
        test_path: Path of the test file that it belongs to, relative to the git root.
        tree: Files of head.
    """
    try:
        code = with_absolute_imports(code, test_path, tree)
        for text in fixture_modules(test_path, tree):
            code = _with_fixtures(code, text)
    except (CannotParse, CannotPlace):
        return code
    return code


def in_place(code: str, edited: str) -> str:
    """Return a self-contained module with blank lines for the fixtures that the project gives its tests.

    A fixture that is not in the test file was copied from a `conftest.py`, and so were the definitions that
    are neither: a file next to that one may not be where it is looked for from the test file.

    Args:
        code: The module, which `self_contained` returned, reduced and changed since.
        edited: Text of the test file that it is from.

    Raises:
        CannotParse: One of the texts is not valid Python.
    """
    tree, own = parse_untrusted(code), set(_defined(parse_untrusted(edited)))
    copied = [
        statement
        for statement in tree.body
        if (names := set(_defined(ast.Module([statement], []))))
        and not own & names
        and not any(is_test_name(name.lower()) for name in names)
    ]
    if not any(isinstance(each, Function) and is_fixture(each) for each in copied):
        return code
    lines = code.splitlines(keepends=True)
    for statement in copied:
        span = span_of(statement)
        lines[span.first - 1 : span.last] = ["\n"] * (span.last - span.first + 1)
    return "".join(lines)


def fixture_modules(test_path: str, tree: SourceTree) -> Iterator[str]:
    """Yield the modules that give fixtures to a test file, nearest first, with absolute imports.

    Args:
        test_path: Path of the test file, relative to the git root.
        tree: Files of head.

    Raises:
        CannotParse: A module is not valid Python.
    """
    for folder in PurePosixPath(test_path).parents:
        waiting = [str(folder / "conftest.py")]
        while waiting:
            path = waiting.pop(0)
            data = tree.read(path)
            if data is not None:
                text, plugins = _without_plugins(decode(data))
                yield with_absolute_imports(text, path, tree)
                waiting += plugins if path.endswith("conftest.py") else ()


def with_absolute_imports(code: str, path: str, tree: SourceTree) -> str:
    """Return a module with absolute imports instead of relative ones; unchanged if it is in no package.

    The package begins in the first folder without `__init__.py`, as for pytest.

    Args:
        code: The module.
        path: Its path, relative to the git root.
        tree: Files of head.

    Raises:
        CannotParse: The module is not valid Python.
    """
    package: list[str] = []
    for folder in PurePosixPath(path).parents:
        if not folder.name or tree.read(str(folder / "__init__.py")) is None:
            break
        package.insert(0, folder.name)
    lines = code.splitlines(keepends=True)
    for node in ast.walk(parse_untrusted(code)):
        if isinstance(node, ast.ImportFrom) and 0 < node.level <= len(package):
            parts = [*package[: len(package) - node.level + 1], *([node.module] if node.module else [])]
            line = lines[node.lineno - 1].encode()
            before, statement = line[: node.col_offset].decode(), line[node.col_offset :].decode()
            lines[node.lineno - 1] = before + _RELATIVE.sub(f"from {'.'.join(parts)} import", statement)
    return "".join(lines)


def _without_plugins(conftest: str) -> tuple[str, list[str]]:
    """Return a module without its `pytest_plugins`, and the paths that these would have in the project."""
    named = (each for each in parse_untrusted(conftest).body if isinstance(each, ast.Assign))
    plugins = next((each for each in named if "pytest_plugins" in map(ast.unparse, each.targets)), None)
    if plugins is None:
        return conftest, []
    lines = conftest.splitlines(keepends=True)
    constants = (each for each in ast.walk(plugins.value) if isinstance(each, ast.Constant))
    paths = [f"{str(each.value).replace('.', '/')}.py" for each in constants]
    return "".join([*lines[: plugins.lineno - 1], *lines[plugins.end_lineno :]]), paths


def _with_fixtures(code: str, conftest: str) -> str:
    """Return a test module with the fixtures of one file that it uses."""
    own, given = parse_untrusted(code), _fixtures(parse_untrusted(conftest))
    wanted = sorted(given & set(requested_fixtures(own)) - _fixtures(own))
    if not wanted:
        return code
    user = f"\n\n\ndef {_USER}({', '.join(wanted)}):\n    pass\n"
    from testsmith.languages.python.test_files.cutting import without_tests

    needed = without_tests(keep_tests(conftest.rstrip("\n") + user, [_USER]), [_USER]).text
    theirs = parse_untrusted(needed)
    if any(isinstance(each, ast.ImportFrom) and each.level for each in ast.walk(theirs)):
        raise CannotPlace("fixtures import modules relative to their own")
    if any(isinstance(each, ast.Name) and each.id == "__file__" for each in ast.walk(theirs)):
        raise CannotPlace("fixtures look for files next to their own")
    if set(_defined(theirs)) & set(_defined(own)):
        raise CannotPlace("fixtures and tests define the same names")
    texts = [needed.replace(_FUTURE, ""), code.replace(_FUTURE, "")]
    joined = "\n\n\n".join(text.strip("\n") for text in texts) + "\n"
    return f"{_FUTURE}\n{joined}" if _FUTURE in needed + code else joined


def _defined(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a module defines at its top level."""
    for statement in tree.body:
        if isinstance(statement, Function | ast.ClassDef):
            yield statement.name
        elif isinstance(statement, ast.Assign):
            yield from (each.id for each in statement.targets if isinstance(each, ast.Name))


def _fixtures(tree: ast.Module) -> set[str]:
    """Return the names of the fixtures of a module's top level."""
    return {fixture_name(each) for each in tree.body if isinstance(each, Function) and is_fixture(each)}


def fixture_name(function: Function) -> str:
    """Return the name by which tests ask for a fixture; empty if it is not a literal."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and last_name(decorator) == "fixture":
            for keyword in decorator.keywords:
                if keyword.arg in {"name", None}:
                    name = keyword.value
                    return str(name.value or function.name) if isinstance(name, ast.Constant) else ""
    return function.name


def requested_fixtures(tree: ast.AST) -> Iterator[str]:
    """Yield the names of what tests and fixtures take, and of fixtures that are named by `usefixtures`."""
    for node in ast.walk(tree):
        if isinstance(node, Function) and (is_test_name(node.name) or is_fixture(node)):
            given = set(parametrized_arguments(node.decorator_list))
            arguments = (each.arg for each in (*node.args.args, *node.args.kwonlyargs))
            yield from (name for name in arguments if name not in given)
        elif isinstance(node, ast.Call) and last_name(node) == "usefixtures":
            yield from (str(each.value) for each in node.args if isinstance(each, ast.Constant))
