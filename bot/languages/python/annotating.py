"""Types for the arguments of parametrized tests, told by the values in their rows. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

from bot.languages.python.parsing import parse_untrusted

_BUILTINS = (bool, int, float, str, bytes)


def with_argument_types(code: str) -> str:
    """Return a test module with types at the parametrized arguments of its test functions that have none.

    A type is given where all the values are constants of one built-in type, else `object`: every value is
    one, on any Python, without an import.

    Raises:
        CannotParse: The code is no Python.
    """
    lines = code.splitlines(keepends=True)
    places = [place for node in ast.walk(parse_untrusted(code)) for place in _missing(node)]
    for row, column, name in sorted(places, reverse=True):
        line = lines[row - 1].encode()
        lines[row - 1] = (line[:column] + f": {name}".encode() + line[column:]).decode()
    return "".join(lines)


def _missing(node: ast.AST) -> Iterator[tuple[int, int, str]]:
    """Yield where a type is missing, as row and column in bytes, and its name."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    types = {name: kind for mark in node.decorator_list for name, kind in _row_types(mark).items()}
    for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
        place = (argument.end_lineno, argument.end_col_offset)
        if argument.annotation is None and argument.arg in types and None not in place:
            yield place[0] or 0, place[1] or 0, types[argument.arg]


def _row_types(mark: ast.expr) -> Mapping[str, str]:
    """Return the type of each argument of a `pytest.mark.parametrize`; none for any other decorator."""
    match mark:
        case ast.Call(func=ast.Attribute(attr="parametrize"), args=[names, ast.List(elts=rows), *_]):
            arguments = _names(names)
            values = [_values(row, len(arguments)) for row in rows]
            return {
                name: _common(column)
                for name, column in zip(arguments, zip(*values, strict=False), strict=False)
            }
        case _:
            return {}


def _names(node: ast.expr) -> list[str]:
    match node:
        case ast.Constant(value=str(names)):
            return [name.strip() for name in names.split(",")]
        case ast.Tuple(elts=names) | ast.List(elts=names):
            return [
                name.value for name in names if isinstance(name, ast.Constant) and isinstance(name.value, str)
            ]
        case _:
            return []


def _values(row: ast.expr, count: int) -> Sequence[ast.expr]:
    """Return the values of one row; a row of another shape gives none, and so leaves all without a type."""
    match row:
        case ast.Call(func=ast.Attribute(attr="param"), args=values):
            return values
        case ast.Tuple(elts=values) if count > 1:
            return values
        case _:
            return [row] if count == 1 else []


def _common(values: Sequence[ast.expr]) -> str:
    kinds = {_kind(value) for value in values}
    return kinds.pop() if len(kinds) == 1 else "object"


def _kind(value: ast.expr) -> str:
    match value:
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant(value=int() | float() as number)):
            return type(number).__name__
        case ast.Constant(value=constant) if type(constant) in _BUILTINS:
            return type(constant).__name__
        case ast.JoinedStr():
            return "str"
        case _:
            return "object"
