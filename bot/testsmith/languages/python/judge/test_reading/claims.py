"""Read a test module's claims about calls from its syntax tree: the expected value or exception.

Rows of parametrizations and of loops over literals are expanded. No code is run.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from testsmith.languages.python.judge.test_reading.situations import (
    MOST_ROWS,
    BoundNames,
    Shared,
    bound_names,
    dotted_name,
    plain_value,
    replaced,
    resolved,
    row_values,
    situation,
)
from testsmith.languages.python.test_files.test_modules import is_fixture
from testsmith.model import Member, MemberKind

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_MOST_NODES = 100_000
_MOST_DEPTH = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """The claimed result of a call. Exactly one attribute is set.

    Attributes:
        value: The value, as an expression with imports resolved.
        truth: The truth value.
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
        row: Index of the parametrization row that the claim is made with; None without.
        claimed: The claimed result.
        call: The call, with the row's values inserted. Positions refer to the module's source.
        before: Statements that ran before it in its function.
        statement: The statement that makes the claim.
        names: Name resolution at this point.
    """

    function: str
    row: int | None
    claimed: Claimed
    call: ast.expr
    before: tuple[ast.stmt, ...]
    statement: ast.stmt
    names: BoundNames

    @property
    def situation(self) -> str:
        """The call and what comes before it, in a comparable form. Computed on each access."""
        return situation(self.call, self.before, self.names)


def claims_of(tree: ast.Module, member: Member) -> Iterator[Claim]:
    """Yield the claims of a module's test functions in order. Very large modules are read only in part."""
    names = BoundNames.of(member, [node for node in ast.walk(tree) if isinstance(node, ast.stmt)])
    shared = Shared.of(tree)
    reader = _Reader(names, shared)
    for name, function in functions_of(tree):
        constants = shared.constants_for(function)
        for row, put_in in itertools.takewhile(reader.goes_on, shared.cases(name, function)):
            body = reader.expanded(function.body, constants | put_in)
            for found in reader.read(body, CallHistory()):
                yield Claim(
                    function=name,
                    row=row,
                    claimed=found.claimed,
                    call=found.call,
                    before=found.past.statements,
                    statement=found.statement,
                    names=names,
                )


def functions_of(tree: ast.Module) -> Iterator[tuple[str, _Function]]:
    """Yield the test functions of a module and of its classes, each with its name."""
    return _functions_in(tree.body, "")


def _functions_in(body: Sequence[ast.stmt], prefix: str) -> Iterator[tuple[str, _Function]]:
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if name.startswith("test") and not is_fixture(node):
                    yield prefix + name, node
            case ast.ClassDef(name=name, body=inner):
                yield from _functions_in(inner, f"{prefix}{name}::")
            case ast.If(body=inner, orelse=other) | ast.Try(body=inner, orelse=other):
                yield from _functions_in([*inner, *other], prefix)


@dataclass(frozen=True, slots=True)
class CallHistory:
    """What ran before a claim: statements, number of syntax nodes, and call depth."""

    statements: tuple[ast.stmt, ...] = ()
    nodes: int = 0
    depth: int = 0

    def then(self, *statements: ast.stmt) -> CallHistory:
        """Return the history with more statements."""
        return CallHistory((*self.statements, *statements), self.nodes + _count(statements), self.depth)

    def deeper(self) -> CallHistory:
        """Return the same history inside a called function."""
        return CallHistory(self.statements, self.nodes, self.depth + 1)


def _count(statements: Sequence[ast.stmt]) -> int:
    return sum(1 for statement in statements for _ in ast.walk(statement))


@dataclass(frozen=True, slots=True)
class _Reading:
    """A claim while it is read: its call, history, claimed result and statement."""

    call: ast.expr
    past: CallHistory
    claimed: Claimed
    statement: ast.stmt


_Found = Iterator[_Reading]
_Claims = Iterator[tuple[ast.expr, Claimed]]


class _Reader:
    """Reads the claims of statement bodies that run one after the other.

    Reading is limited to a number of syntax nodes; beyond it, nothing more is found.
    """

    def __init__(self, names: BoundNames, shared: Shared) -> None:
        self._names = names
        self._shared = shared
        self._nodes_left = _MOST_NODES

    def expanded(self, body: Sequence[ast.stmt], put_in: Mapping[str, ast.expr]) -> list[ast.stmt]:
        """Return a body with names replaced by expressions; empty if that would exceed the limit."""
        return replaced(body, put_in) if self._can_spend(_count(body)) else []

    def _can_spend(self, nodes: int) -> bool:
        self._nodes_left -= nodes
        return self._nodes_left > 0

    def goes_on(self, _next: object) -> bool:
        """Return whether the limit is not reached yet."""
        return self._nodes_left > 0

    def read(self, body: Sequence[ast.stmt], past: CallHistory) -> _Found:
        """Yield each claim about a call, with its history."""
        for statement in body:
            if not self._can_spend(past.nodes + _count([statement])):
                return
            yield from self._claims(statement, past)
            past = past.then(_without_claim(statement))

    def _claims(self, statement: ast.stmt, past: CallHistory) -> _Found:
        match statement:
            case ast.Assert(test=test):
                for call, claimed in self._asserted(test, past):
                    yield _Reading(call, past, claimed, statement)
            case ast.With(items=items, body=inner) | ast.AsyncWith(items=items, body=inner):
                yield from self._inside(items, inner, past, statement)
            case ast.FunctionDef(body=inner) | ast.AsyncFunctionDef(body=inner):
                yield from self.read(inner, past)
            case ast.For(target=target, iter=ast.List(elts=elements) | ast.Tuple(elts=elements)):
                for put_in in itertools.takewhile(self.goes_on, _loop_values(target, elements)):
                    yield from self.read(self.expanded(statement.body, put_in), past)
            case ast.Expr(value=ast.Call(func=ast.Name(id=name)) as call) if name in self._shared.helpers:
                yield from self._in_helper(self._shared.helpers[name], call, past)
            case ast.Expr(value=ast.Call() as call):
                for subject, claimed in self._of_call(call, past):
                    yield _Reading(subject, past, claimed, statement)

    def _inside(
        self, items: Sequence[ast.withitem], body: Sequence[ast.stmt], past: CallHistory, statement: ast.stmt
    ) -> _Found:
        expected = [expected_exception(item.context_expr) for item in items]
        exception = next((name for name in expected if name is not None), None)
        if exception is None:
            yield from self.read(body, past)
        elif body and isinstance(body[-1], ast.Expr | ast.Assign):
            before = past.then(*body[:-1])
            yield _Reading(body[-1].value, before, Claimed(exception=exception), statement)

    def _in_helper(self, helper: _Function, call: ast.Call, past: CallHistory) -> _Found:
        """Read a module function that the test calls, with its arguments inserted."""
        put_in = _arguments(helper, call)
        if put_in is not None and past.depth < _MOST_DEPTH:
            yield from self.read(self.expanded(helper.body, put_in), past.deeper())

    def _asserted(self, test: ast.expr, past: CallHistory) -> _Claims:
        match test:
            case ast.BoolOp(op=ast.And(), values=parts):
                for part in parts:
                    yield from self._asserted(part, past)
            case ast.Compare(left=left, ops=[ast.Eq() | ast.Is()], comparators=[right]):
                yield from self._equal(left, right, past)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield operand, Claimed(truth=False)
            case ast.Call() | ast.Name() | ast.Attribute() | ast.Await():
                yield test, Claimed(truth=True)

    def _equal(self, left: ast.expr, right: ast.expr, past: CallHistory) -> _Claims:
        for call, value in ((left, right), (right, left)):
            bound_to, _ = resolved(value, past.statements)
            yield call, Claimed(value=plain_value(bound_to, self._names))

    def _of_call(self, call: ast.Call, past: CallHistory) -> _Claims:
        match call:
            case ast.Call(func=ast.Attribute(attr="assertEqual" | "assertIs"), args=[left, right, *_]):
                yield from self._equal(left, right, past)
            case ast.Call(func=ast.Attribute(attr="assertIsNone"), args=[operand, *_]):
                yield operand, Claimed(value=ast.Constant(None))
            case ast.Call(func=ast.Attribute(attr="assertIsInstance"), args=[operand, kind, *_]):
                yield ast.Call(ast.Name("isinstance", ast.Load()), [operand, kind], []), Claimed(truth=True)
            case ast.Call(func=ast.Attribute(attr="assertTrue"), args=[operand, *_]):
                yield operand, Claimed(truth=True)
            case ast.Call(func=ast.Attribute(attr="assertFalse"), args=[operand, *_]):
                yield operand, Claimed(truth=False)
            case ast.Call(args=[_, function, *arguments], keywords=keywords):
                exception = expected_exception(call)
                if exception is not None:
                    yield ast.Call(function, arguments, keywords), Claimed(exception=exception)


def _arguments(helper: _Function, call: ast.Call) -> dict[str, ast.expr] | None:
    """Return a call's arguments by parameter of a simple function; None if they are unknown."""
    parameters = helper.args
    names = [one.arg for one in (*parameters.posonlyargs, *parameters.args)]
    if parameters.vararg or parameters.kwarg or parameters.kwonlyargs or len(call.args) > len(names):
        return None
    if any(isinstance(value, ast.Starred) for value in call.args):
        return None
    defaults = zip(reversed(names), reversed(parameters.defaults), strict=False)
    given = zip(names, call.args, strict=False)
    named = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg is not None}
    found = {**dict(defaults), **dict(given), **named}
    return found if found.keys() == set(names) else None


def expected_exception(context: ast.expr) -> str | None:
    """Return the last part of the exception name in `pytest.raises(...)` and similar calls."""
    match context:
        case ast.Call(func=function, args=[exception, *_]) if dotted_name(function).rpartition(".")[2] in {
            "raises",
            "assertRaises",
            "assertRaisesRegex",
        }:
            return dotted_name(exception).rpartition(".")[2] or None
    return None


def _loop_values(target: ast.expr, elements: Sequence[ast.expr]) -> Iterator[dict[str, ast.expr]]:
    match target:
        case ast.Name(id=name):
            names = [name]
        case ast.Tuple(elts=parts):
            names = [part.id for part in parts if isinstance(part, ast.Name)]
        case _:
            names = []
    for element in elements[:MOST_ROWS]:
        values = row_values(names, element) if names else None
        if values is not None:
            yield values


def _without_claim(statement: ast.stmt) -> ast.stmt:
    """Return the action of a statement without its claim."""
    match statement:
        case ast.Assert(test=ast.Compare(left=left)):
            return ast.Expr(left)
        case ast.Assert(test=test):
            return ast.Expr(test)
    return statement


_COLLECTING = frozenset({"list", "tuple", "set", "frozenset", "sorted"})
_Statements = Sequence[ast.stmt]


@dataclass(frozen=True, slots=True)
class MemberCall:
    """A call of the member, or access to a property.

    Attributes:
        node: The call, with variables replaced by their literal values.
        collected: Whether the result is collected, as in `list(f())`.
    """

    node: ast.Call | ast.Attribute
    collected: bool = False


@dataclass(frozen=True, slots=True)
class MemberCalls:
    """Finds calls of the member.

    Attributes:
        names: Name resolution, including the member.
        fixtures: Return values of the module's fixtures, with the statements before them.
    """

    names: BoundNames
    fixtures: Mapping[str, tuple[ast.expr, _Statements]]

    def find(self, expression: ast.expr, before: _Statements) -> MemberCall | None:
        """Return the call of the member in an expression; None for any other expression.

        A method's object must be created in the same test, because the class of other objects is unknown.
        """
        known, before = resolved(expression, before)
        match known:
            case ast.Call(func=ast.Name(id=name), args=[inner], keywords=[]) if name in _COLLECTING:
                found = self.find(inner, before)
                return None if found is None else MemberCall(found.node, collected=True)
        waited = _awaited(known)
        if (waited is not None) != self.names.member.is_async:
            return None
        node = known if waited is None else resolved(waited, before)[0]
        match node:
            case ast.Call(func=function) if self._is_member(function, before):
                return MemberCall(node)
            case ast.Attribute() if self._is_property(node, before):
                return MemberCall(node)
        return None

    def _is_member(self, function: ast.expr, before: _Statements) -> bool:
        member = self.names.member
        if member.kind is MemberKind.PROPERTY:
            return False
        dotted = member.name.removesuffix(".__init__")
        if member.kind is not MemberKind.METHOD or dotted != member.name:
            return self._stands_for(function, dotted, before) or self._is_on_object(function, before)
        return self._is_on_object(function, before)

    def _is_property(self, node: ast.Attribute, before: _Statements) -> bool:
        return self.names.member.kind is MemberKind.PROPERTY and self._is_on_object(node, before)

    def _is_on_object(self, node: ast.expr, before: _Statements) -> bool:
        """Return whether it is the member, accessed on an object of its class that the test creates."""
        owner, _, last = self.names.member.name.rpartition(".")
        if not owner or not isinstance(node, ast.Attribute) or node.attr != last:
            return False
        made, earlier = resolved(node.value, before)
        if isinstance(made, ast.Name) and made.id in self.fixtures and made.id not in bound_names(before):
            made, earlier = self.fixtures[made.id]
            made, earlier = resolved(made, earlier)
        return isinstance(made, ast.Call) and self._stands_for(made.func, owner, earlier)

    def _stands_for(self, node: ast.expr, name: str, before: _Statements) -> bool:
        """Return whether an imported name refers to something in the member's package."""
        root, _, rest = dotted_name(node).partition(".")
        origin = self.names.imported.get(root)
        if origin is None or root in bound_names(before):
            return False
        whole = f"{origin}.{rest}" if rest else origin
        package = self.names.member.module.partition(".")[0]
        return whole.startswith(f"{package}.") and whole.endswith(f".{name}")


def _awaited(node: ast.expr) -> ast.expr | None:
    """Return the argument of `await` or `asyncio.run`; None for any other expression."""
    match node:
        case ast.Await(value=value):
            return value
        case ast.Call(func=function, args=[value]) if dotted_name(function) == "asyncio.run":
            return value
    return None


def fixtures_of(tree: ast.Module) -> dict[str, tuple[ast.expr, _Statements]]:
    """Return the return values of a module's fixtures, with the statements before them."""
    found: dict[str, tuple[ast.expr, _Statements]] = {}
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or not is_fixture(node):
            continue
        for at, statement in enumerate(node.body):
            match statement:
                case (
                    ast.Return(value=ast.expr() as value)
                    | ast.Expr(value=ast.Yield(value=ast.expr() as value))
                ):
                    found[node.name] = value, node.body[:at]
    return found
