"""The values of constant expressions in a text, read by syntax tree; nothing is run."""

from __future__ import annotations

import ast
import copy
import operator
from collections.abc import Callable, Iterator, Sequence

from testsmith.generation.offline.sources import ModuleSource

_LONGEST_TEXT = 40
_LARGEST = 10**34
_MOST_ELEMENTS = 8
_MOST_EXPONENT = 40
_MOST_NAMES = 2

Value = str | bytes | int | float

_Comprehension = ast.ListComp | ast.GeneratorExp | ast.SetComp


def constants(node: ast.expr) -> Iterator[Value]:
    """Yield the value of a constant expression, or those that a container of such holds."""
    value = constant_of(node)
    if value is not None:
        if _is_usable(value):
            yield value
        return
    match node:
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            held: Sequence[ast.expr | None] = parts
        case ast.Dict(keys=keys):
            held = keys
        case ast.Call(func=function, args=[ast.expr() as inner]) if not takes_a_pattern(function):
            held = [inner]
        case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
            held = [*_unrolled(node)]
        case _:
            return
    for part in held[:_MOST_ELEMENTS]:
        if part is not None:
            yield from constants(part)


def _unrolled(node: _Comprehension) -> Iterator[ast.expr]:
    """Yield what a comprehension over constants holds, the constants put in; nothing of nested ones."""
    match node.generators:
        case [ast.comprehension(target=ast.Name(id=name), iter=ast.Tuple() | ast.List() as given, ifs=[])]:
            if not any(isinstance(inner, _Comprehension) for inner in ast.walk(node.elt)):
                for value in given.elts[:_MOST_ELEMENTS]:
                    yield _Filled(name, value).visit(copy.deepcopy(node.elt))


class _Filled(ast.NodeTransformer):
    """Puts an expression in the place of a name."""

    def __init__(self, name: str, value: ast.expr) -> None:
        self._name = name
        self._value = value

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Return the expression for the name."""
        return self._value if node.id == self._name else node


def takes_a_pattern(function: ast.expr) -> bool:
    """Tell whether a function takes a regular expression: no text that anything is called with."""
    name = ast.unparse(function)
    return name.startswith("re.") or "regex" in name.lower() or name == "compile"


def text_of(node: ast.expr, source: ModuleSource, steps: int = _MOST_NAMES) -> str | None:
    """Return the text of a constant, a named one, or of such put together; None for anything else."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.Name(id=name) if name in source.constants and steps:
            return text_of(source.constants[name], source, steps - 1)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            before, after = text_of(left, source, steps), text_of(right, source, steps)
            return None if before is None or after is None else before + after
    return None


def constant_of(node: ast.AST) -> Value | None:
    """Return the value of a constant, a negative one, or a product, power, sum or difference of such."""
    match node:
        case ast.Constant(value=str() | bytes() | int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = constant_of(operand)
            return -inner if isinstance(inner, int | float) else None
        case ast.BinOp(left=left, op=operation, right=right):
            return _calculated(constant_of(left), operation, constant_of(right))
    return None


def _calculated(left: Value | None, operation: ast.operator, right: Value | None) -> Value | None:
    calculate = _OPERATORS.get(type(operation))
    if calculate is None or not isinstance(left, int | float) or not isinstance(right, int | float):
        return None
    if abs(left) > _LARGEST or abs(right) > _LARGEST:
        return None
    return calculate(left, right)


def _power(base: float, exponent: float) -> float | None:
    small = isinstance(base, int) and isinstance(exponent, int) and 0 <= exponent < _MOST_EXPONENT
    return base**exponent if small else None


_OPERATORS: dict[type[ast.operator], Callable[[float, float], float | None]] = {
    ast.Mult: operator.mul,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Pow: _power,
}


def _is_usable(value: Value) -> bool:
    if isinstance(value, str | bytes):
        return len(value) <= _LONGEST_TEXT
    return abs(value) <= _LARGEST
