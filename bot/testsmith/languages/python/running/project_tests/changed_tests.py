"""Find the tests that a change itself adds or edits."""

from __future__ import annotations

import ast
from itertools import islice
from pathlib import Path

from testsmith.languages.python.test_files.test_paths import TestFileNames

_MOST_FILES = 20_000
_MOST_SOURCE_BYTES = 1_000_000


def changed_test_files(head: Path, base: Path, names: TestFileNames) -> dict[str, frozenset[str]]:
    """Return the test files that differ between two copies of a project, with their changed functions.

    Args:
        head: Root of the copy of head.
        base: Root of the copy of base.
        names: Names of test files.

    Returns:
        By path relative to the roots, the names of the functions in the file that base's file does not
        contain as they are, with their decorators; empty if head's file cannot be parsed.
    """
    paths = (path.relative_to(head).as_posix() for path in sorted(head.rglob("*.py")))
    found = {}
    for name in islice(filter(names.is_test_module, paths), _MOST_FILES):
        old, new = _source(base / name), _source(head / name)
        if new != old:
            found[name] = _changed_functions(old, new)
    return found


def _source(path: Path) -> str:
    """Return the text of a file; empty if it cannot be read, is large, or is a link."""
    try:
        is_readable = not path.is_symlink() and path.stat().st_size <= _MOST_SOURCE_BYTES
        return path.read_text(encoding="utf-8", errors="replace") if is_readable else ""
    except OSError:
        return ""


def _changed_functions(old: str, new: str) -> frozenset[str]:
    try:
        tree = ast.parse(new)
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()
    lines = new.splitlines()

    def text(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
        first = min(one.lineno for one in (function, *function.decorator_list))
        return "\n".join(lines[first - 1 : function.end_lineno])

    kept = "\n".join(old.splitlines())
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(function.name for function in functions if text(function) not in kept)
