"""What a test function asserts, and of what: the view that the smells have of it."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

from bot.verification.situations import Names, dotted_name, is_literal

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_EXPECTING = frozenset(
    {"raises", "warns", "deprecated_call", "fail", "assertRaises", "assertRaisesRegex", "assertWarns"}
)
_MOCKS = frozenset(
    {"Mock", "MagicMock", "AsyncMock", "NonCallableMock", "PropertyMock", "create_autospec", "patch"}
)
_PURE = frozenset(
    {
        "abs",
        "all",
        "any",
        "bool",
        "bytes",
        "dict",
        "float",
        "frozenset",
        "int",
        "isinstance",
        "len",
        "list",
        "max",
        "min",
        "range",
        "repr",
        "reversed",
        "round",
        "set",
        "sorted",
        "str",
        "sum",
        "tuple",
        "type",
        "zip",
    }
)
_WEAK_FUNCTIONS = frozenset({"callable", "hasattr"})


@dataclass(frozen=True)
class TestFunction:
    """A test function, as the smells look at it.

    Attributes:
        node: The function.
        module: The module it stands in.
        names: How its names are read; holds the member.
    """

    __test__ = False

    node: _Function
    module: ast.Module
    names: Names

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All nodes of the function's body, and of its decorators."""
        return list(ast.walk(self.node))

    @property
    def compares(self) -> bool:
        """Whether the member is itself what compares: then `x == x` may well be false."""
        return self.names.member.plain_name in {"__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"}

    @cached_property
    def assertions(self) -> list[ast.expr]:
        """What its `assert` statements and its calls of `self.assert...` are about."""
        found = [node.test for node in self.nodes if isinstance(node, ast.Assert)]
        calls = [node for node in self.nodes if isinstance(node, ast.Call) and _is_testcase_call(node)]
        return [*found, *calls]

    @cached_property
    def expectations(self) -> list[ast.Call]:
        """Its calls of `pytest.raises` and the like."""
        calls = [node for node in self.nodes if isinstance(node, ast.Call)]
        return [call for call in calls if self.last(call.func) in _EXPECTING]

    @cached_property
    def mock_checks(self) -> list[ast.Call]:
        """Its calls of a mock's `assert_...` methods."""
        calls = [node for node in self.nodes if isinstance(node, ast.Call)]
        return [call for call in calls if self.last(call.func).startswith("assert_")]

    @cached_property
    def local_names(self) -> frozenset[str]:
        """Its parameters and the variables that it binds."""
        parameters = {argument.arg for argument in self.node.args.args}
        names = [node for node in self.nodes if isinstance(node, ast.Name)]
        return frozenset(parameters | {node.id for node in names if isinstance(node.ctx, ast.Store)})

    @cached_property
    def helpers(self) -> dict[str, _Function]:
        """The functions of the module that are no tests, by name."""
        return {
            node.name: node
            for node in self.module.body
            if isinstance(node, _Function) and not node.name.startswith("test")
        }

    def calls(self, node: ast.AST) -> Iterator[tuple[str, ast.Call]]:
        """Yield the calls in a node, each with the dotted origin of what is called; empty where unknown."""
        for part in ast.walk(node):
            if isinstance(part, ast.Call):
                yield self.origin(part.func), part

    def origin(self, node: ast.expr) -> str:
        """Return a dotted name with its import put in; empty where it is no name."""
        written = dotted_name(node)
        root, dot, rest = written.partition(".")
        return self.names.imported.get(root, root) + dot + rest if written else ""

    def imported_calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Yield the calls of what an import binds, each with its dotted origin."""
        for origin, call in self.calls(self.node):
            if dotted_name(call.func).partition(".")[0] in self.names.imported:
                yield origin, call

    def last(self, node: ast.expr) -> str:
        """Return the last part of a name, with its import put in."""
        return node.attr if isinstance(node, ast.Attribute) else self.origin(node).rpartition(".")[2]


def _is_testcase_call(call: ast.Call) -> bool:
    match call.func:
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return name.startswith("assert") and name not in _EXPECTING
    return False


def is_tautology(test: ast.expr) -> bool:
    """Tell whether what is asserted is true whatever the code does."""
    if is_literal(test):
        return bool(ast.literal_eval(test))
    match test:
        case ast.Compare(left=left, ops=[ast.Eq() | ast.Is() | ast.LtE() | ast.GtE()], comparators=[right]):
            same = ast.dump(left) == ast.dump(right)
            return same or (is_literal(left) and is_literal(right))
        case ast.Tuple(elts=[_, *_]):  # `assert (value, "message")`
            return True
        case ast.BoolOp(op=operator, values=values):
            return (any if isinstance(operator, ast.Or) else all)(map(is_tautology, values))
        case ast.Call(args=[first, *others]) if _is_testcase_call(test):
            same = bool(others) and ast.dump(first) == ast.dump(others[0])
            return same or (not others and is_tautology(first))
    return False


def is_weak(function: TestFunction, test: ast.expr) -> bool:
    """Tell whether an assertion says no more than that something is there."""
    match test:
        case ast.Compare(ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
            return True
        case ast.Call(func=ast.Attribute(attr="assertIsNotNone")):
            return True
        case ast.Call(func=called):
            return function.last(called) in _WEAK_FUNCTIONS
    return not function.compares and is_tautology(test)


def own_names(function: TestFunction) -> frozenset[str]:
    """Return the variables that hold literals, mocks and what is made of them, and went nowhere else."""
    own: set[str] = set()
    for node in function.nodes:
        for name, value in bindings_of(node):
            if is_own(function, value, own):
                own.add(name)
    return frozenset(own - _given_away(function, own) - _rebound(function, own))


def bindings_of(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the variables that a statement or a `with` binds, each with what it is bound to."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            yield name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield name, value
        case ast.withitem(context_expr=value, optional_vars=ast.Name(id=name)):
            yield name, value


def _given_away(function: TestFunction, own: Collection[str]) -> frozenset[str]:
    """Return the names that foreign code may have changed the values of."""
    given: set[str] = set()
    for _, call in function.calls(function.node):
        if not _is_own_call(function, call.func, own):
            values = [*call.args, *(keyword.value for keyword in call.keywords)]
            given |= {node.id for value in values for node in ast.walk(value) if isinstance(node, ast.Name)}
    return frozenset(given)


def _rebound(function: TestFunction, own: Collection[str]) -> frozenset[str]:
    """Return the names that are also bound to something foreign."""
    bindings = [binding for node in function.nodes for binding in bindings_of(node)]
    return frozenset(name for name, value in bindings if not is_own(function, value, own))


def is_own(function: TestFunction, value: ast.expr, own: Collection[str]) -> bool:
    """Tell whether nothing but literals, mocks and own variables goes into a value."""
    called = {id(node) for _, call in function.calls(value) for node in ast.walk(call.func)}
    names = [node for node in ast.walk(value) if isinstance(node, ast.Name) and id(node) not in called]
    return all(_is_own_call(function, call.func, own) for _, call in function.calls(value)) and all(
        node.id in own or node.id in _PURE or node.id == "self" for node in names
    )


def _is_own_call(function: TestFunction, called: ast.expr, own: Collection[str]) -> bool:
    root = called
    while isinstance(root, ast.Attribute | ast.Call):
        root = root.value if isinstance(root, ast.Attribute) else root.func
    if isinstance(root, ast.Constant | ast.List | ast.Dict | ast.Tuple | ast.Set | ast.JoinedStr):
        return True
    name = root.id if isinstance(root, ast.Name) else ""
    is_mock = function.last(called) in _MOCKS or function.origin(root).startswith("unittest.mock")
    return is_mock or name in own or (name in _PURE and called is root) or name == "self"
