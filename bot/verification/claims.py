"""What a test module claims of calls, read from its syntax tree: this call gives that value, or raises that.

Rows of a parametrization and of a loop over literals are put in, one by one. Nothing is run.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.model import Member
from bot.verification.situations import Names, dotted_name, plain_value, replaced, resolved, situation

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_MOST_ROWS = 500
_MOST_NODES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What is claimed of a call: exactly one of the attributes is set.

    Attributes:
        value: The value, as an expression whose names have lost their imports.
        truth: Whether the value counts as true.
        exception: The last part of the exception's name.
    """

    value: ast.expr | None = None
    truth: bool | None = None
    exception: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim of a test function.

    Attributes:
        function: The function's name, `Class::name` for a method.
        row: Index of the row of its one parametrization that the claim is made with; None without.
        situation: The call and what comes before it, in a form that can be compared.
        claimed: What is claimed.
    """

    function: str
    row: int | None
    situation: str
    claimed: Claimed


@dataclass(frozen=True, slots=True)
class Rows:
    """The one parametrization of a test function: its decorator, and what each row puts in for which name."""

    elements: list[ast.expr]
    values: list[dict[str, ast.expr]]


def claims_of(tree: ast.Module, member: Member) -> Iterator[Claim]:
    """Yield what the test functions of a module claim, in order; of a monster only what comes first."""
    names = Names.of(member, [node for node in ast.walk(tree) if isinstance(node, ast.stmt)])
    reader = _Reader(names)
    for name, function in functions_of(tree):
        rows = rows_of(function)
        cases: list[tuple[int | None, dict[str, ast.expr]]] = [(None, {})]
        if rows is not None:
            cases = list(enumerate(rows.values))
        for row, put_in in itertools.takewhile(reader.goes_on, cases):
            for call, past, claimed in reader.read(reader.expanded(function.body, put_in), Past()):
                where = situation(call, past.statements, names)
                yield Claim(function=name, row=row, situation=where, claimed=claimed)


def functions_of(tree: ast.Module) -> Iterator[tuple[str, _Function]]:
    """Yield the test functions of a module and of its classes, each with its name."""
    return _functions_in(tree.body, "")


def _functions_in(body: Sequence[ast.stmt], prefix: str) -> Iterator[tuple[str, _Function]]:
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if name.startswith("test"):
                    yield prefix + name, node
            case ast.ClassDef(name=name, body=inner):
                yield from _functions_in(inner, f"{prefix}{name}::")
            case ast.If(body=inner, orelse=other) | ast.Try(body=inner, orelse=other):
                yield from _functions_in([*inner, *other], prefix)


@dataclass(frozen=True, slots=True)
class Past:
    """What was run before a claim: the statements, and how many syntax nodes they have."""

    statements: tuple[ast.stmt, ...] = ()
    nodes: int = 0

    def then(self, *statements: ast.stmt) -> Past:
        """Return the past with more statements."""
        return Past((*self.statements, *statements), self.nodes + _count(statements))


def _count(statements: Sequence[ast.stmt]) -> int:
    return sum(1 for statement in statements for _ in ast.walk(statement))


def rows_of(function: _Function) -> Rows | None:
    """Return the rows of a function that is parametrized once, by literal rows; else None."""
    marks = [
        node
        for node in function.decorator_list
        if isinstance(node, ast.Call) and dotted_name(node.func).endswith("parametrize")
    ]
    if len(marks) != 1 or len(marks[0].args) < 2:  # noqa: PLR2004 - names and rows
        return None
    names = _parameter_names(marks[0].args[0])
    listed = marks[0].args[1]
    if not names or not isinstance(listed, ast.List | ast.Tuple) or len(listed.elts) > _MOST_ROWS:
        return None
    values = [_row_values(names, element) for element in listed.elts]
    return Rows(listed.elts, [value or {} for value in values])


_Found = Iterator[tuple[ast.expr, Past, Claimed]]


class _Reader:
    """Reads the claims of bodies of statements, which are run one after the other.

    What is read costs as many syntax nodes as are looked at; when they are used up, nothing more is found.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._nodes_left = _MOST_NODES

    def expanded(self, body: Sequence[ast.stmt], put_in: Mapping[str, ast.expr]) -> list[ast.stmt]:
        """Return a body with expressions put in for names; nothing where that would cost too much."""
        return replaced(body, put_in) if self._can_spend(_count(body)) else []

    def _can_spend(self, nodes: int) -> bool:
        self._nodes_left -= nodes
        return self._nodes_left > 0

    def goes_on(self, _next: object) -> bool:
        """Tell whether anything can still be read."""
        return self._nodes_left > 0

    def read(self, body: Sequence[ast.stmt], past: Past) -> _Found:
        """Yield each call of which something is claimed, with what was run before it."""
        for statement in body:
            if not self._can_spend(past.nodes + _count([statement])):
                return
            yield from self._claims(statement, past)
            past = past.then(_without_claim(statement))

    def _claims(self, statement: ast.stmt, past: Past) -> _Found:
        match statement:
            case ast.Assert(test=test):
                yield from self._asserted(test, past)
            case ast.With(items=[ast.withitem(context_expr=context)], body=inner):
                yield from self._inside(context, inner, past)
            case ast.For(target=target, iter=ast.List(elts=elements) | ast.Tuple(elts=elements)):
                for put_in in itertools.takewhile(self.goes_on, _loop_values(target, elements)):
                    yield from self.read(self.expanded(statement.body, put_in), past)
            case ast.Expr(value=ast.Call() as call):
                yield from self._of_testcase(call, past)

    def _inside(self, context: ast.expr, body: Sequence[ast.stmt], past: Past) -> _Found:
        exception = _expected_exception(context)
        if exception is None:
            yield from self.read(body, past)
        elif body and isinstance(body[-1], ast.Expr | ast.Assign):
            yield body[-1].value, past.then(*body[:-1]), Claimed(exception=exception)

    def _asserted(self, test: ast.expr, past: Past) -> _Found:
        match test:
            case ast.BoolOp(op=ast.And(), values=parts):
                for part in parts:
                    yield from self._asserted(part, past)
            case ast.Compare(left=left, ops=[ast.Eq() | ast.Is()], comparators=[right]):
                yield from self._equal(left, right, past)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield operand, past, Claimed(truth=False)
            case ast.Call() | ast.Name() | ast.Attribute() | ast.Await():
                yield test, past, Claimed(truth=True)

    def _equal(self, left: ast.expr, right: ast.expr, past: Past) -> _Found:
        for call, value in ((left, right), (right, left)):
            bound_to, _ = resolved(value, past.statements)
            yield call, past, Claimed(value=plain_value(bound_to, self._names))

    def _of_testcase(self, call: ast.Call, past: Past) -> _Found:
        match call:
            case ast.Call(func=ast.Attribute(attr="assertEqual" | "assertIs"), args=[left, right, *_]):
                yield from self._equal(left, right, past)
            case ast.Call(func=ast.Attribute(attr="assertTrue"), args=[operand, *_]):
                yield operand, past, Claimed(truth=True)
            case ast.Call(func=ast.Attribute(attr="assertFalse"), args=[operand, *_]):
                yield operand, past, Claimed(truth=False)


def _expected_exception(context: ast.expr) -> str | None:
    """Return the last part of the exception's name of `pytest.raises(...)` and its like."""
    match context:
        case ast.Call(func=function, args=[exception, *_]) if dotted_name(function).rpartition(".")[2] in {
            "raises",
            "assertRaises",
            "assertRaisesRegex",
        }:
            return dotted_name(exception).rpartition(".")[2] or None
    return None


def _parameter_names(node: ast.expr) -> list[str]:
    match node:
        case ast.Constant(value=str(text)):
            return [name.strip() for name in text.split(",") if name.strip()]
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return [
                part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)
            ]
    return []


def _row_values(names: Sequence[str], element: ast.expr) -> dict[str, ast.expr] | None:
    """Return what a row puts in for each name; None where it cannot be told."""
    if isinstance(element, ast.Call) and dotted_name(element.func).endswith("param"):
        values = element.args
    elif len(names) == 1:
        values = [element]
    elif isinstance(element, ast.Tuple | ast.List):
        values = element.elts
    else:
        return None
    return dict(zip(names, values, strict=True)) if len(names) == len(values) else None


def _loop_values(target: ast.expr, elements: Sequence[ast.expr]) -> Iterator[dict[str, ast.expr]]:
    match target:
        case ast.Name(id=name):
            names = [name]
        case ast.Tuple(elts=parts):
            names = [part.id for part in parts if isinstance(part, ast.Name)]
        case _:
            names = []
    for element in elements[:_MOST_ROWS]:
        values = _row_values(names, element) if names else None
        if values is not None:
            yield values


def _without_claim(statement: ast.stmt) -> ast.stmt:
    """Return what a statement does, without what it claims of it."""
    match statement:
        case ast.Assert(test=ast.Compare(left=left)):
            return ast.Expr(left)
        case ast.Assert(test=test):
            return ast.Expr(test)
    return statement
