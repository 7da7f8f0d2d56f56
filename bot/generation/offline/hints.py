"""What a member's own text says about its inputs: constants that it compares with, and how it uses them."""

from __future__ import annotations

import ast
import operator
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from bot.generation.offline.expressions import Expression, Layer, quoted
from bot.generation.offline.sources import (
    Definition,
    Function,
    ModuleSource,
    parameter_names,
    reachable,
    read_module,
)
from bot.model import Member

_STEPS = 2
_LONGEST_TEXT = 40
_LARGEST = 10**15
_MOST_ELEMENTS = 8
_MOST_EXPONENT = 40

_SEARCHES = frozenset(
    {"split", "rsplit", "partition", "rpartition", "replace", "find", "index", "count", "strip"}
)

Value = str | bytes | int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What a text says about the parameters of one member.

    Attributes:
        near: By parameter, values around each comparison with it: the boundary itself, then its neighbours.
        anywhere: Constants of the member and of what it uses in its module, in the order of their places.
        numbers: The numbers among them.
        lengths: By parameter, lengths that are compared with.
        uses: By parameter, names of attributes, functions and operators that it meets.
    """

    near: dict[str, list[list[Expression]]] = field(default_factory=lambda: defaultdict(list))
    anywhere: list[Expression] = field(default_factory=list)
    numbers: list[int | float] = field(default_factory=list)
    lengths: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    uses: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def read_hints(member: Member, source: ModuleSource) -> Hints:
    """Read the hints for a member: its own text, what it uses in its module, what has changed below."""
    hints = Hints()
    for at, definition in enumerate(reachable(member.name, source, _STEPS)):
        is_own = at == 0 or isinstance(definition, ast.ClassDef)
        _Reader(definition, source, hints, parameters_count=is_own).read()
    for text in member.because_source:
        for node in read_module(text, member.module).tree.body:
            _Reader(node, source, hints, parameters_count=False).read()
    return hints


class _Reader:
    """Reads one definition into the hints."""

    def __init__(
        self, definition: ast.stmt, source: ModuleSource, hints: Hints, *, parameters_count: bool
    ) -> None:
        self._definition = definition
        self._source = source
        self._hints = hints
        functions = [node for node in ast.walk(definition) if isinstance(node, Function)]
        names = [name for node in functions for name in parameter_names(node)]
        self._parameters = frozenset(names if parameters_count else ())

    def read(self) -> None:
        """Read the bodies of the definition, without docstrings, messages and annotations."""
        for node in _telling(self._definition):
            match node:
                case ast.Compare():
                    self._compare(node)
                case ast.Call():
                    self._call(node)
                case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=key)):
                    self._use(name, "[str]" if isinstance(key, str) else "[int]")
                case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                    self._use(name, attribute)
                case ast.BinOp(left=left, right=right):
                    self._operands(left, right, type(node.op).__name__)
                case ast.For(iter=ast.Name(id=name)) | ast.comprehension(iter=ast.Name(id=name)):
                    self._use(name, "for")
                case ast.MatchValue(value=value):
                    self._anywhere(value)
                case ast.Name() | ast.Constant():
                    self._anywhere(node)

    def _use(self, name: str, how: str) -> None:
        if name in self._parameters:
            self._hints.uses[name].add(how)

    def _operands(self, left: ast.expr, right: ast.expr, operator: str) -> None:
        for operand in (left, right):
            if isinstance(operand, ast.Name):
                self._use(operand.id, operator)

    def _anywhere(self, node: ast.expr) -> None:
        for value in self._values(node):
            if isinstance(value, int | float) and value not in self._hints.numbers:
                self._hints.numbers.append(value)
            self._hints.anywhere.append(_written(value))

    def _values(self, node: ast.expr) -> list[Value]:
        """Return the values of a constant, of a module's constant, or of what either holds."""
        if isinstance(node, ast.Name):
            named = self._source.constants.get(node.id)
            return [] if named is None else list(_constants(named))
        return list(_constants(node))

    def _compare(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        for left, right in pairwise(sides):
            for subject, other in ((left, right), (right, left)):
                for value in self._values(other):
                    self._boundary(subject, value)

    def _boundary(self, subject: ast.expr, value: Value) -> None:
        """Note the values around a comparison of one parameter with a constant."""
        names = [node.id for node in ast.walk(subject) if isinstance(node, ast.Name)]
        parameters = [name for name in dict.fromkeys(names) if name in self._parameters]
        if len(parameters) != 1:
            return
        (parameter,) = parameters
        if "len" in names:
            if isinstance(value, int):
                self._hints.lengths[parameter] += [value, value - 1, value + 1]
            return
        self._hints.near[parameter].append([_written(near) for near in _around(value)])

    def _call(self, node: ast.Call) -> None:
        texts = [value for argument in node.args for value in self._values(argument)]
        match node.func:
            case ast.Attribute(value=ast.Name(id=name), attr=method) if name in self._parameters:
                self._hints.near[name] += [[*map(_written, _meeting(method, text))] for text in texts]
            case ast.Attribute(attr=method):
                met = [each for text in texts for each in _meeting(method, text)]
                self._hints.anywhere.extend(map(_written, met))
            case ast.Name(id=name):
                self._use(name, "()")
                self._use(name, f"({len(node.args) + len(node.keywords)})")
        self._passed(ast.unparse(node.func), node.args)

    def _passed(self, function: str, arguments: list[ast.expr]) -> None:
        """Note to which functions parameters are passed, and which classes they are asked for."""
        for argument in arguments:
            if isinstance(argument, ast.Name):
                self._use(argument.id, f"{function}()")
        if function == "isinstance" and len(arguments) > 1 and isinstance(arguments[0], ast.Name):
            for kind in ast.walk(arguments[1]):
                if isinstance(kind, ast.Name):
                    self._use(arguments[0].id, f"is:{kind.id}")


def _telling(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a definition whose constants say something about its inputs."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Raise | ast.JoinedStr | ast.arguments | ast.AnnAssign | ast.Assert):
            if isinstance(child, ast.AnnAssign) and child.value is not None:
                yield from _telling_of(child.value)
            continue
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(child, ast.Call) and _takes_a_pattern(child.func):
            yield child
            continue
        if isinstance(node, Definition) and not isinstance(child, ast.stmt):
            continue  # decorators, bases, what is returned
        yield from _telling_of(child)


def _telling_of(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if _constant_of(node) is None:
        yield from _telling(node)


def _constants(node: ast.expr) -> Iterator[Value]:
    """Yield the value of a constant expression, or those that a container of such holds."""
    value = _constant_of(node)
    if value is not None:
        if _is_usable(value):
            yield value
        return
    match node:
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            held: Sequence[ast.expr | None] = parts
        case ast.Dict(keys=keys):
            held = keys
        case ast.Call(func=function, args=[ast.expr() as inner]) if not _takes_a_pattern(function):
            held = [inner]
        case _:
            return
    for part in held[:_MOST_ELEMENTS]:
        if part is not None:
            yield from _constants(part)


def _takes_a_pattern(function: ast.expr) -> bool:
    """Tell whether a function takes a regular expression: no text that anything is called with."""
    name = ast.unparse(function)
    return name.startswith("re.") or "regex" in name.lower() or name == "compile"


def _constant_of(node: ast.AST) -> Value | None:
    """Return the value of a constant, a negative one, or a product, power, sum or difference of such."""
    match node:
        case ast.Constant(value=str() | bytes() | int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _constant_of(operand)
            return -inner if isinstance(inner, int | float) else None
        case ast.BinOp(left=left, op=operation, right=right):
            return _calculated(_constant_of(left), operation, _constant_of(right))
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


def _written(value: Value) -> Expression:
    text = quoted(value) if isinstance(value, str | bytes) else repr(value)
    return Expression(text, layer=Layer.BOUNDARY)


def _around(value: Value) -> list[Value]:
    """Return a value and its neighbours."""
    if isinstance(value, int):
        return [value, value - 1, value + 1]
    if isinstance(value, float):
        return [value, value / 2, value * 2]
    return [value]


def _meeting(method: str, text: Value) -> list[Value]:
    """Return texts that a method of a text, called with a constant, finds something in."""
    if not isinstance(text, str):
        return []
    if method in {"startswith", "removeprefix", "lstrip"}:
        return [f"{text}text", text]
    if method in {"endswith", "removesuffix", "rstrip"}:
        return [f"text{text}", text]
    if method in _SEARCHES:
        return [f"one{text}two", f"{text}one{text}"]
    return []
