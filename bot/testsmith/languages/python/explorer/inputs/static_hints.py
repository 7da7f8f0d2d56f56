"""Read constants and other input hints from a member's source, without running it."""

from __future__ import annotations

import ast
import copy
import operator
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TypeVar

from testsmith.languages.python.explorer.module_source import (
    Definition,
    Function,
    ModuleSource,
    parameter_names,
    reachable,
    read_module,
)
from testsmith.languages.python.explorer.render.expressions import Expression, InputSource, quoted
from testsmith.model import Member

_LONGEST_TEXT = 40
_LARGEST = 10**34
_MOST_ELEMENTS = 8
_MOST_EXPONENT = 40

Value = str | bytes | int | float

_Comprehension = ast.ListComp | ast.GeneratorExp | ast.SetComp


def constants(node: ast.expr) -> Iterator[Value]:
    """Yield the value of a constant expression, or the values in a container of constants."""
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
    """Yield the elements of a comprehension over constants; nothing for nested ones."""
    match node.generators:
        case [ast.comprehension(target=ast.Name(id=name), iter=ast.Tuple() | ast.List() as given, ifs=[])]:
            if not any(isinstance(inner, _Comprehension) for inner in ast.walk(node.elt)):
                for value in given.elts[:_MOST_ELEMENTS]:
                    yield _Filled(name, value).visit(copy.deepcopy(node.elt))


class _Filled(ast.NodeTransformer):
    """Replaces a name by an expression."""

    def __init__(self, name: str, value: ast.expr) -> None:
        self._name = name
        self._value = value

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Return the expression for the name."""
        return self._value if node.id == self._name else node


def takes_a_pattern(function: ast.expr) -> bool:
    """Return whether a function takes a regular expression, which is not an example of an input."""
    name = ast.unparse(function)
    return name.startswith("re.") or "regex" in name.lower() or name == "compile"


def constant_of(node: ast.AST) -> Value | None:
    """Return the value of a constant, a negated one, or arithmetic on constants, or None."""
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


_STEPS = 2
_MOST_COMPARED = 400

_LIKE_A_PATTERN = re.compile(r"\(\?P<|\\[dwsDWS]|\[[^\]]*[a-zA-Z0-9]-[a-zA-Z0-9][^\]]*\]")
_SEARCHES = frozenset(
    {"split", "rsplit", "partition", "rpartition", "replace", "find", "index", "count", "strip"}
)

_Hint = TypeVar("_Hint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """Input hints in a member's source.

    Attributes:
        near: By parameter, values around each comparison: the boundary itself, then adjacent values.
        changed: Those of `near` around comparisons that only head or only base has.
        anywhere: Constants of the member and of what it uses in its module, in source order.
        numbers: The numbers among them.
        stated: Literals in what the authors say about the change.
        lengths: By parameter, lengths that it is compared with.
        keys: By parameter, the texts that are looked up in it.
        uses: By parameter, names of attributes, functions and operators applied to it.
        calls: Names of all called functions.
    """

    near: dict[str, list[list[Expression]]] = field(default_factory=lambda: defaultdict(list))
    changed: dict[str, list[list[Expression]]] = field(default_factory=lambda: defaultdict(list))
    anywhere: list[Expression] = field(default_factory=list)
    numbers: list[int | float] = field(default_factory=list)
    stated: list[Expression] = field(default_factory=list)
    lengths: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    keys: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    uses: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    calls: set[str] = field(default_factory=set)


def read_hints(member: Member, source: ModuleSource, base: ModuleSource | None = None) -> Hints:
    """Return the hints for a member from its source, what it uses in its module, and changes below it.

    Args:
        member: The member.
        source: Source of its module.
        base: That source on base. Hints in only one of the two come first because the behavior may differ
            there.
    """
    below = [read_module(text, member.module) for text in member.because_source]
    hints = _read(member, source, below)
    return hints if base is None else _merged(hints, _read(member, base, ()))


def _read(member: Member, source: ModuleSource, below: Sequence[ModuleSource]) -> Hints:
    hints = Hints()
    for at, definition in enumerate(reachable(member.name, source, _STEPS)):
        is_class = isinstance(definition, ast.ClassDef)
        for part in definition.body if is_class else [definition]:  # each method has its own names
            _Reader(part, source, hints, parameters_count=at == 0 or is_class).read()
    for node in (node for each in below for node in each.tree.body):
        _Reader(node, source, hints, parameters_count=False).read()
    return hints


def _merged(head: Hints, base: Hints) -> Hints:
    """Return the combined hints, those in only one of the two first."""
    return replace(
        head,
        near=_merged_by_name(head.near, base.near),
        changed=_of_one_side(head.near, base.near),
        anywhere=_differing_first(head.anywhere, base.anywhere),
        numbers=_differing_first(head.numbers, base.numbers),
        lengths=_merged_by_name(head.lengths, base.lengths),
        keys=_merged_by_name(head.keys, base.keys),
    )


def _merged_by_name(head: dict[str, list[_Hint]], base: dict[str, list[_Hint]]) -> dict[str, list[_Hint]]:
    names = head | base
    return defaultdict(
        list, {name: _differing_first(head.get(name, []), base.get(name, [])) for name in names}
    )


def _of_one_side(head: dict[str, list[_Hint]], base: dict[str, list[_Hint]]) -> dict[str, list[_Hint]]:
    found = defaultdict[str, list[_Hint]](list)
    for one, other in ((head, base), (base, head)):
        for name, hints in one.items():
            found[name] += [hint for hint in hints if hint not in other.get(name, [])]
    return defaultdict(list, {name: hints for name, hints in found.items() if hints})


def _differing_first(head: Sequence[_Hint], base: Sequence[_Hint]) -> list[_Hint]:
    ours, theirs = head[:_MOST_COMPARED], base[:_MOST_COMPARED]
    added = [hint for hint in ours if hint not in theirs]
    removed = [hint for hint in theirs if hint not in ours]
    return [*added, *removed, *(hint for hint in ours if hint in theirs), *head[_MOST_COMPARED:]]


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
        """Read the definition's bodies, without docstrings, messages and annotations."""
        for node in _telling(ast.Module(body=[self._definition], type_ignores=[])):
            self._look_up(node)
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

    def _look_up(self, node: ast.AST) -> None:
        """Record a text that is looked up in a parameter."""
        match node:
            case (
                ast.Compare(
                    left=ast.Constant(value=str(key)),
                    ops=[ast.In() | ast.NotIn()],
                    comparators=[ast.Name(id=name)],
                )
                | ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str(key)))
                | ast.Call(
                    func=ast.Attribute(value=ast.Name(id=name), attr="get" | "pop"),
                    args=[ast.Constant(value=str(key)), *_],
                )
            ) if name in self._parameters:
                self._hints.keys[name].append(key)

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
        """Return the values of a constant, of a module constant, or in either; no regular expressions."""
        if isinstance(node, ast.Name):
            named = self._source.constants.get(node.id)
            return [] if named is None else list(constants(named))
        return [value for value in constants(node) if not _is_pattern(value)]

    def _compare(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        for (left, right), operation in zip(pairwise(sides), node.ops, strict=True):
            for subject, other in ((left, right), (right, left)):
                for value in self._values(other):
                    is_part = other is left and isinstance(operation, ast.In | ast.NotIn)
                    self._boundary(subject, value, is_part=is_part)

    def _boundary(self, subject: ast.expr, value: Value, *, is_part: bool = False) -> None:
        """Record the values around a comparison of a parameter with a constant, or with a part of it."""
        names = [node.id for node in ast.walk(subject) if isinstance(node, ast.Name)]
        parameters = [name for name in dict.fromkeys(names) if name in self._parameters]
        if len(parameters) != 1:
            return
        (parameter,) = parameters
        if "len" in names:
            if isinstance(value, int):
                self._hints.lengths[parameter] += [value, value - 1, value + 1]
            return
        holding = _meeting("find", value)[:1] if is_part else []
        self._hints.near[parameter].append([*holding, *map(_written, _around(value))])

    def _call(self, node: ast.Call) -> None:
        texts = [value for argument in node.args for value in self._values(argument)]
        match node.func:
            case ast.Attribute(value=ast.Name(id=name), attr=method) if name in self._parameters:
                self._hints.near[name] += [_meeting(method, text) for text in texts]
            case ast.Attribute(attr=method):
                self._hints.anywhere.extend(each for text in texts for each in _meeting(method, text))
            case ast.Name(id=name):
                self._use(name, "()")
                self._use(name, f"({len(node.args) + len(node.keywords)})")
        function = ast.unparse(node.func)
        self._hints.calls.add(function.rpartition(".")[2])
        self._passed(function, node.args)

    def _passed(self, function: str, arguments: list[ast.expr]) -> None:
        """Record which functions parameters are passed to, and which classes they are checked against."""
        for argument in arguments:
            if isinstance(argument, ast.Name):
                self._use(argument.id, f"{function}()")
        if function == "isinstance" and len(arguments) > 1 and isinstance(arguments[0], ast.Name):
            for kind in ast.walk(arguments[1]):
                if isinstance(kind, ast.Name):
                    self._use(arguments[0].id, f"is:{kind.id}")


def _is_pattern(value: Value) -> bool:
    return isinstance(value, str) and _LIKE_A_PATTERN.search(value) is not None


def _telling(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a definition whose constants are relevant to its inputs."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Raise | ast.JoinedStr | ast.arguments | ast.AnnAssign | ast.Assert):
            if isinstance(child, ast.AnnAssign) and child.value is not None:
                yield from _telling_of(child.value)
            continue
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(child, ast.Call) and _fills_a_template(child.func):
            for argument in (*child.args, *child.keywords):
                yield from _telling_of(argument)
            continue
        if isinstance(child, ast.Call) and takes_a_pattern(child.func):
            yield child
            continue
        if isinstance(node, Definition) and not isinstance(child, ast.stmt):
            continue  # decorators, bases, return annotations
        yield from _telling_of(child)


def _telling_of(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if constant_of(node) is None:
        yield from _telling(node)


def _fills_a_template(function: ast.expr) -> bool:
    """Return whether a function formats a text of the source, which is then not an example of an input."""
    return (
        isinstance(function, ast.Attribute)
        and function.attr == "format"
        and isinstance(function.value, ast.Constant)
    )


def _written(value: Value) -> Expression:
    text = quoted(value) if isinstance(value, str | bytes) else repr(value)
    return Expression(text, layer=InputSource.BOUNDARY)


def _around(value: Value) -> list[Value]:
    """Return a value and adjacent values."""
    if isinstance(value, int):
        return [value, value - 1, value + 1]
    if isinstance(value, float):
        return [value, value / 2, value * 2]
    return [value]


def _meeting(method: str, text: Value) -> list[Expression]:
    """Return texts in which a text method, called with a constant, finds something."""
    if not isinstance(text, str):
        return []
    if method in {"startswith", "removeprefix", "lstrip"}:
        return [_made_up(f"{text}text"), _written(text)]
    if method in {"endswith", "removesuffix", "rstrip"}:
        return [_made_up(f"text{text}"), _written(text)]
    if method in _SEARCHES:
        return [_made_up(f"one{text}two"), _made_up(f"{text}one{text}")]
    return []


def _made_up(text: str) -> Expression:
    return Expression(quoted(text), layer=InputSource.TYPED)


def words_of_change(member: Member) -> frozenset[str]:
    """Return the texts and the words of names in a member's changed lines, or in what changed below it."""
    lines = member.source.splitlines()
    changed = [lines[at - member.line] for at in member.changed_lines if at - member.line < len(lines)]
    text = "\n".join(changed or member.because_source)
    literals = [each for _, each in _LITERAL.findall(text) if len(each) <= _LONGEST_TEXT]
    words = [*literals, *re.findall(r"[A-Za-z]{4,}", text)]
    return frozenset(word.lower() for word in words if word.strip())


_LITERAL = re.compile(r"""(["'])(.+?)\1""")


def texts_of_change(member: Member, source: ModuleSource) -> list[str]:
    """Return the short texts on the lines that changed in a member, or in what it uses, shortest first."""
    nodes = [node for node in ast.walk(source.tree) if isinstance(node, ast.Constant)]
    found = [node.value for node in nodes if node.lineno in member.lines_of_change]
    texts = [text for text in dict.fromkeys(found) if isinstance(text, str) and text.strip()]
    plain = [text for text in texts if len(text) <= _LONGEST_TOKEN and not _LIKE_A_PATTERN.search(text)]
    return sorted(plain, key=len)


_LONGEST_TOKEN = 12
_MOST_LITERALS = 4


def literals_of_change(member: Member, source: ModuleSource) -> list[Expression]:
    """Return the first texts of a member's change, see `texts_of_change`, as values."""
    texts = texts_of_change(member, source)[:_MOST_LITERALS]
    return [Expression(quoted(text), layer=InputSource.USED) for text in texts]


def is_data_elsewhere(member: Member) -> bool:
    """Return whether a member is affected only by data of other modules, whose use no line shows."""
    other = all(each.path != member.path for each in member.because_places)
    return bool(member.because_source) and other and not any(map(_DEFINED.match, member.because_source))


_DEFINED = re.compile(r"(async )?def |class |@")
