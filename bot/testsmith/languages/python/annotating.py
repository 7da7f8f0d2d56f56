"""Types for the arguments of parametrized tests, told by the values in their rows. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from testsmith.languages.python.parsing import parse_untrusted

_BUILTINS = (bool, int, float, str, bytes)

_MOST_JOINED = 3
"""Of more types than these, a union says less than it costs to read."""

_CLASSES = frozenset(
    {
        "datetime.date",
        "datetime.datetime",
        "datetime.time",
        "datetime.timedelta",
        "decimal.Decimal",
        "fractions.Fraction",
        "pathlib.Path",
        "pathlib.PurePosixPath",
        "uuid.UUID",
    }
)
"""Classes of the standard library a call of which gives a value of that very type."""


def with_argument_types(code: str) -> str:
    """Return a test module with types at the parametrized arguments of its test functions that have none.

    A type is given where every value tells its own: a constant of a built-in type, or a call of a class of
    the standard library. Several types are joined with `|` where the module postpones its annotations, so
    that older Pythons read it, too. Else it is `object`: every value is one.

    Raises:
        CannotParse: The code is no Python.
    """
    lines = code.splitlines(keepends=True)
    module = parse_untrusted(code)
    scope = _scope_of(module)
    places = [place for node in ast.walk(module) for place in _missing(node, scope)]
    for row, column, name in sorted(places, reverse=True):
        line = lines[row - 1].encode()
        lines[row - 1] = (line[:column] + f": {name}".encode() + line[column:]).decode()
    return "".join(lines)


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a module says of the names in its rows.

    Attributes:
        imported: What its imported names stand for.
        joins: Whether types may be joined with `|`.
    """

    imported: Mapping[str, str]
    joins: bool


def _scope_of(module: ast.Module) -> _Scope:
    imported: dict[str, str] = {}
    joins = False
    for node in module.body:
        match node:
            case ast.ImportFrom(module="__future__", names=names):
                joins = joins or any(alias.name == "annotations" for alias in names)
            case ast.ImportFrom(module=str(origin), names=names, level=0):
                imported |= {alias.asname or alias.name: f"{origin}.{alias.name}" for alias in names}
            case ast.Import(names=names):
                imported |= {alias.asname or alias.name: alias.name for alias in names}
            case _:
                continue
    return _Scope(imported, joins)


def _missing(node: ast.AST, scope: _Scope) -> Iterator[tuple[int, int, str]]:
    """Yield where a type is missing, as row and column in bytes, and its name."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    types = {name: kind for mark in node.decorator_list for name, kind in _row_types(mark, scope).items()}
    for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
        place = (argument.end_lineno, argument.end_col_offset)
        if argument.annotation is None and argument.arg in types and None not in place:
            yield place[0] or 0, place[1] or 0, types[argument.arg]


def _row_types(mark: ast.expr, scope: _Scope) -> Mapping[str, str]:
    """Return the type of each argument of a `pytest.mark.parametrize`; none for any other decorator."""
    match mark:
        case ast.Call(func=ast.Attribute(attr="parametrize"), args=[names, ast.List(elts=rows), *_]):
            arguments = _names(names)
            values = [_values(row, len(arguments)) for row in rows]
            return {
                name: _common(column, scope)
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


def _common(values: Sequence[ast.expr], scope: _Scope) -> str:
    kinds = list(dict.fromkeys(_kind(value, scope) for value in values))
    if "object" in kinds or len(kinds) > (_MOST_JOINED if scope.joins else 1):
        return "object"
    return " | ".join(sorted(kinds, key=lambda kind: kind == "None"))


def _kind(value: ast.expr, scope: _Scope) -> str:
    match value:
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant(value=int() | float() as number)):
            return type(number).__name__
        case ast.UnaryOp(op=ast.USub(), operand=ast.Call() as call):
            return _kind(call, scope)
        case ast.Constant(value=constant) if constant is None or type(constant) in _BUILTINS:
            return "None" if constant is None else type(constant).__name__
        case ast.JoinedStr():
            return "str"
        case ast.Call(func=ast.Name() | ast.Attribute() as called) if _stands_for(called, scope) in _CLASSES:
            return ast.unparse(called)
        case _:
            return "object"


def _stands_for(called: ast.expr, scope: _Scope) -> str:
    match called:
        case ast.Name(id=name):
            return scope.imported.get(name, "")
        case ast.Attribute(value=ast.Name(id=name), attr=attribute):
            return f"{scope.imported.get(name, '')}.{attribute}"
        case _:
            return ""
