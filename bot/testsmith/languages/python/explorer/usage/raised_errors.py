"""Tests that expect an exception which a change raises."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator

from testsmith.languages.python.explorer.render.assertions import match_text
from testsmith.languages.python.judge.test_reading.claims import functions_of
from testsmith.languages.python.judge.test_reading.edits import Piece, Text
from testsmith.languages.python.source.definitions import last_name
from testsmith.languages.python.source.parsing import parse_untrusted

_ERROR = re.compile(r"(?:([\w.]+)\.)?([A-Z]\w*): (.+)")
_FEWEST_WORDS = 3
"""Number of words in a row of a message that are its own, not those of another one."""


def is_raised_by(added: str, message: str) -> bool:
    """Return whether a failure is an exception whose message is written on added lines.

    Args:
        added: Added lines of code.
        message: Message of the failure. Untrusted.
    """
    found = _ERROR.match(message)
    if found is None or "raise" not in added:
        return False
    words, known = re.findall(r"\w+", found[3]), " ".join(re.findall(r"\w+", added))
    rows = (words[at : at + _FEWEST_WORDS] for at in range(len(words) - _FEWEST_WORDS + 1))
    return any(f" {' '.join(row)} " in f" {known} " for row in rows)


def expecting_error(text: str, name: str, line: str, message: str) -> str:
    """Return a test file in which a test ends with the exception that one of its statements raises.

    Args:
        text: The test file.
        name: The test.
        line: The statement, on one line.
        message: The exception, as the test fails with it. Untrusted.

    Returns:
        The file; empty if the statement calls nothing, or the file has no name for the exception.

    Raises:
        CannotParse: The text is not valid Python.
    """
    tree, source, found = parse_untrusted(text), Text(text), _ERROR.match(message)
    test = dict(functions_of(tree)).get(name)
    if test is None or found is None:
        return ""
    alike = (node for node in ast.walk(test) if isinstance(node, ast.Assign | ast.Assert | ast.Expr))
    failing = [node for node in alike if " ".join(source.of(node).split()) == line]
    called = _call_in(failing[0]) if len(failing) == 1 else None
    error, manager = _name_of(tree, found[1] or "", found[2]), _manager(tree, text)
    match = match_text(found[3])
    if called is None or not error or not manager or not match:
        return ""
    start, end = source.place(failing[0])[0], source.place(test)[1]
    indent = " " * failing[0].col_offset
    call = f"with {manager.format(error, match)}:\n{indent}    {source.of(called)}"
    return source.with_pieces([(start, end, call)])


def with_error_imported(text: str, message: str) -> str:
    """Return a test file that imports an exception from its public module, if it has no name for it.

    Args:
        text: The test file.
        message: The exception, as a test fails with it. Untrusted.

    Raises:
        CannotParse: The text is not valid Python.
    """
    tree, source, found = parse_untrusted(text), Text(text), _ERROR.match(message)
    if found is None or _name_of(tree, found[1] or "", found[2]):
        return text
    piece = _import_of(source, tree, found[1] or "", found[2])
    return text if piece is None else source.with_pieces([piece])


def _call_in(node: ast.Assign | ast.Assert | ast.Expr) -> ast.expr | None:
    """Return the outermost call of a statement; None if there is none, or several side by side."""
    value: ast.AST = node.test if isinstance(node, ast.Assert) else node.value
    calls = list(_outermost(value))
    return calls[0] if len(calls) == 1 else None


def _outermost(node: ast.AST) -> Iterator[ast.expr]:
    checks = isinstance(node, ast.Call) and last_name(node.func).startswith("assert")
    if isinstance(node, ast.Await | ast.Call) and not checks:
        yield node
        return
    for child in ast.iter_child_nodes(node):
        yield from _outermost(child)


def _name_of(tree: ast.Module, module: str, name: str) -> str:
    """Return how a file calls an exception; empty if it has no name for it."""
    for node in tree.body:
        match node:
            case ast.ImportFrom(names=names) if node.module and _top(node.module) == _top(module):
                for each in names:
                    if each.name == name:
                        return each.asname or name
            case ast.Import(names=names) if any((each.name, each.asname) == (module, None) for each in names):
                return f"{module}.{name}"
    return name if not module and hasattr(builtins, name) else ""


def _import_of(source: Text, tree: ast.Module, module: str, name: str) -> Piece | None:
    """Return the piece that imports an exception, next to what a file imports from its public module."""
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    if not module or not imports or any(part.startswith("_") for part in module.split(".")):
        return None
    for node in imports:
        if isinstance(node, ast.ImportFrom) and node.module == module and node.level == 0:
            later = next((each for each in node.names if each.name > name), None)
            start, end = source.place(later or node.names[-1])
            return (start, start, f"{name}, ") if later else (end, end, f", {name}")
    end = source.place(imports[-1])[1]
    return end, end, f"\nfrom {module} import {name}"


def _top(module: str) -> str:
    return module.partition(".")[0]


def _manager(tree: ast.Module, text: str) -> str:
    """Return how tests of a file expect an exception, with places for it and its message."""
    if any(isinstance(node, ast.Import) and node.names[0].name == "pytest" for node in tree.body):
        return "pytest.raises({}, match={})"
    return "self.assertRaisesRegex({}, {})" if "self.assertRaises" in text else ""
