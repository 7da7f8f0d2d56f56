"""The rule that no linter measures here: how long functions are. Complexity is measured by ruff (C901)."""

import ast
from pathlib import Path

import testsmith

HOUSE = Path(testsmith.__file__).parent


def lengths() -> dict[str, int]:
    """Return every function's length in lines, its docstring not counted."""
    found = {}
    for path in sorted(HOUSE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{path.relative_to(HOUSE)}:{node.lineno} {node.name}"
                found[name] = (node.end_lineno or node.lineno) - node.lineno + 1 - docstring_lines(node)
    return found


def docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    if ast.get_docstring(node) is None:
        return 0
    return (first.end_lineno or first.lineno) - first.lineno + 1


def test_functions__none_is_over_60_lines() -> None:
    assert {name: length for name, length in lengths().items() if length > 60} == {}
