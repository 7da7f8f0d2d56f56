"""Find helpers of the project's test files that assert something, and classes by their names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import PurePosixPath

from testsmith.languages.python.source.definitions import Function, last_name
from testsmith.languages.python.source.parsing import decode, parse_untrusted
from testsmith.languages.python.test_files.test_modules import is_test_name
from testsmith.languages.python.test_files.test_paths import TestFileNames
from testsmith.languages.source import CannotParse, SourceTree

_MOST_FILE_BYTES = 1_000_000
_DEFINITION = re.compile(rb"\b(?:def|class)[ \t]+([^\s(\[:]+)")
_MOST_STEPS = 3
"""Maximum number of helpers from a call to an assertion."""


class KnownChecks:
    """Helpers that assert something, and classes, by name.

    Args:
        tree: Files of the project.
    """

    def __init__(self, tree: SourceTree) -> None:
        self._tree = tree
        self._defined: dict[str, list[tuple[PurePosixPath, Function]]] = {}

    def is_check(self, name: str, module: str = "", steps: int = _MOST_STEPS) -> bool:
        """Return whether a helper of this name asserts something, itself or by helpers that it calls.

        Args:
            name: Name of a function or method.
            module: Last part of the name of its module; empty if that is not known.
            steps: Maximum number of helpers from a call to an assertion.
        """
        return any(
            _asserts(node)
            or (
                steps > 1
                and isinstance(node, ast.Call)
                and self.is_check(last_name(node.func), "", steps - 1)
            )
            for path, helper in self._helpers(name)
            if module in {"", path.stem, path.parent.name}
            for statement in helper.body
            for node in ast.walk(statement)
        )

    def is_check_of_project(self, name: str, module: str) -> bool:
        """Return whether a function of the project's sources raises an `AssertionError` itself, for tests.

        Args:
            name: Name of a function.
            module: Dotted name of its module.
        """
        place = module.replace(".", "/")
        ends = (f"/{place}.py", f"/{place}/__init__.py")
        return any(
            isinstance(node, ast.Raise) and _asserts(node)
            for path in self._tree.paths()
            if f"/{path}".endswith(ends)
            for helper in _functions(self._tree.read(path) or b"", name)
            for node in ast.walk(helper)
        )

    def classes(self, name: str, module: str) -> Iterator[tuple[ast.ClassDef, ast.Module]]:
        """Yield the classes of a name with their modules.

        Args:
            name: Name of a class.
            module: Last part of the name of its module, or of the package around that.
        """
        for path in map(PurePosixPath, self._places.get(name.encode(), ())):
            if module in {path.stem, path.parent.name}:
                with suppress(CannotParse):
                    tree = parse_untrusted(decode(self._tree.read(str(path)) or b""))
                    found = [one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == name]
                    yield from ((one, tree) for one in found)

    def _helpers(self, name: str) -> list[tuple[PurePosixPath, Function]]:
        if name not in self._defined:
            self._defined[name] = list(self._found(name)) if name and not is_test_name(name) else []
        return self._defined[name]

    def _found(self, name: str) -> Iterator[tuple[PurePosixPath, Function]]:
        for path in self._places.get(name.encode(), ()):
            data = self._tree.read(path) or b""
            yield from ((PurePosixPath(path), one) for one in _functions(data, name))

    @cached_property
    def _places(self) -> Mapping[bytes, Sequence[str]]:
        """The test files that may define something, by its name; each file is read once for all names."""
        found: dict[bytes, list[str]] = {}
        for path, data in read_test_files(self._tree):
            for name in set(_DEFINITION.findall(data)):
                found.setdefault(name, []).append(path)
        return found


def read_test_files(tree: SourceTree) -> Iterator[tuple[str, bytes]]:
    """Yield the paths and contents of a project's test files, except very large ones."""
    is_test = TestFileNames.of(tree).is_test
    for path in tree.paths():
        data = tree.read(path) if path.endswith(".py") and is_test(path) else None
        if data is not None and len(data) <= _MOST_FILE_BYTES:
            yield path, data


def _functions(data: bytes, name: str) -> Iterator[Function]:
    try:
        tree = parse_untrusted(decode(data))
    except CannotParse:
        return
    for node in ast.walk(tree):
        if isinstance(node, Function) and node.name == name:
            yield node


def _asserts(node: ast.AST) -> bool:
    match node:
        case ast.Assert(test=test):
            return not isinstance(test, ast.Constant)
        case ast.Call(func=ast.Attribute(attr=name)):
            return name.startswith("assert") or name in {"raises", "fail"}
        case ast.Raise(exc=ast.Call(func=ast.Name(id=name)) | ast.Name(id=name)):
            return name == "AssertionError"
    return False
