"""A test function as the smells see it: what it asserts, what it runs, what its names mean."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from testsmith.languages.python.test_files.test_modules import is_fixture
from testsmith.verification.test_reading.situations import BoundNames, dotted_name

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
EXPECTING = frozenset(
    {"raises", "warns", "deprecated_call", "assertRaises", "assertRaisesRegex", "assertWarns", "assertLogs"}
)
_SETUPS = frozenset(
    {
        "asyncSetUp",
        "setUp",
        "setUpClass",
        "setup",
        "setup_class",
        "setup_function",
        "setup_method",
        "setup_module",
    }
)


@dataclass(frozen=True)
class Body:
    """One function of a test module: the test itself, or something that it runs.

    Attributes:
        node: The function.
        is_helper: Whether it is the test, or called by it, rather than a fixture or what sets the test up.
    """

    node: FunctionNode
    is_helper: bool = True

    @cached_property
    def nodes(self) -> Sequence[ast.AST]:
        """All nodes, decorators included, in the order of the text."""
        return list(_in_order(self.node))

    @cached_property
    def local_names(self) -> frozenset[str]:
        """Its parameters and the variables that it binds."""
        parameters = {argument.arg for argument in ast.walk(self.node.args) if isinstance(argument, ast.arg)}
        names = [node for node in self.nodes if isinstance(node, ast.Name)]
        return frozenset(parameters | {node.id for node in names if isinstance(node.ctx, ast.Store)})

    @cached_property
    def bindings(self) -> dict[str, list[ast.expr]]:
        """The variables that it binds, each with what it is bound to, in order."""
        found: dict[str, list[ast.expr]] = {}
        for node in self.nodes:
            for name, value in bindings_of(node):
                found.setdefault(name, []).append(value)
        return found

    def calls(self) -> Iterator[ast.Call]:
        """Yield its calls."""
        return (node for node in self.nodes if isinstance(node, ast.Call))


Placed = tuple[ast.AST, ast.AST | None]
"""A node, and the one around it; None for a whole piece of a test module."""


@dataclass(frozen=True)
class Pieces:
    """What stands in a test module, or in a class of tests, beside the tests.

    Attributes:
        loaded: The nodes that are run for each test: when the module is loaded, or without being named.
        named: The other definitions, by name.
    """

    loaded: Sequence[Placed]
    named: Mapping[str, Sequence[ast.AST]]

    @classmethod
    def of(cls, place: ast.Module | ast.ClassDef) -> Pieces:
        """Return the pieces of a module or a class."""
        loaded: list[Placed] = []
        named: dict[str, list[ast.AST]] = {}
        for statement in place.body:
            if not isinstance(statement, FunctionNode | ast.ClassDef) or _is_run_unnamed(statement):
                loaded += placed(statement)
            elif not _holds_tests(statement):
                named.setdefault(statement.name, []).append(statement)
                loaded += [one for part in _run_with(statement) for one in placed(part)]
        return cls(loaded, named)


@dataclass(frozen=True)
class TestModule:
    """A test module, as the smells look at it: what its functions have in common is found once.

    Attributes:
        tree: The module.
        names: How its names are read; holds the member.
    """

    __test__ = False

    tree: ast.Module
    names: BoundNames

    @cached_property
    def values(self) -> dict[str, ast.expr]:
        """Its variables, each with what it was bound to last."""
        return {name: value for node in self.tree.body for name, value in bindings_of(node)}

    @cached_property
    def suites(self) -> dict[ast.AST, Sequence[ast.ClassDef]]:
        """The classes that each function of a class stands in."""
        found: dict[ast.AST, Sequence[ast.ClassDef]] = {}
        waiting: list[tuple[ast.ClassDef, Sequence[ast.ClassDef]]] = [
            (node, ()) for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)
        ]
        while waiting:
            suite, around = waiting.pop()
            for node in suite.body:
                places = (*around, suite)
                if isinstance(node, ast.ClassDef):
                    waiting.append((node, places))
                elif len(places) > len(found.get(node, ())):
                    found[node] = places
        return found

    def functions_of(self, place: ast.Module | ast.ClassDef) -> dict[str, FunctionNode]:
        """Return the functions of the module, or of one of its classes, that are no tests."""
        if place not in self._functions:
            self._functions[place] = {
                node.name: node
                for node in place.body
                if isinstance(node, FunctionNode) and not node.name.startswith("test")
            }
        return self._functions[place]

    def pieces_of(self, place: ast.Module | ast.ClassDef) -> Pieces:
        """Return what stands in the module, or in one of its classes, beside the tests."""
        if place not in self._pieces:
            self._pieces[place] = Pieces.of(place)
        return self._pieces[place]

    @cached_property
    def _pieces(self) -> dict[ast.AST, Pieces]:
        return {}

    @cached_property
    def _functions(self) -> dict[ast.AST, dict[str, FunctionNode]]:
        return {}


@dataclass(frozen=True)
class TestFunction:
    """A test function, as the smells look at it.

    Attributes:
        node: The function.
        of: The module that it stands in.
    """

    __test__ = False

    node: FunctionNode
    of: TestModule

    @property
    def module(self) -> ast.Module:
        """The tree of its module."""
        return self.of.tree

    @property
    def names(self) -> BoundNames:
        """How its names are read; holds the member."""
        return self.of.names

    @cached_property
    def body(self) -> Body:
        """The function itself."""
        return Body(self.node)

    @cached_property
    def bodies(self) -> Sequence[Body]:
        """The function, and the functions of its module that it runs: helpers, fixtures, what sets it up."""
        found: dict[FunctionNode, Body] = {self.node: self.body}
        waiting = [self.body, *(Body(one, is_helper=False) for one in self._setups())]
        while waiting:
            body = waiting.pop()
            found[body.node] = body
            waiting += [one for one in self._run_by(body) if one.node not in found]
        return list(found.values())

    @cached_property
    def reached(self) -> Sequence[Placed]:
        """All nodes that may run for it: its own, what is loaded with it, and definitions that these name."""
        pieces = [self.of.pieces_of(place) for place in self._places]
        found = [*placed(self.node), *(one for piece in pieces for one in piece.loaded)]
        found += [one for decorator in self.decorators for one in placed(decorator)]
        known: set[str] = set()
        for node, _ in found:  # which grows
            for name in _names_in(node):
                if name not in known:
                    known.add(name)
                    named = (one for piece in pieces for one in piece.named.get(name, ()))
                    found += [one for definition in named for one in placed(definition)]
        return found

    @property
    def nodes(self) -> Sequence[ast.AST]:
        """All nodes of the function, and of its decorators."""
        return self.body.nodes

    @cached_property
    def assertions(self) -> list[ast.expr]:
        """What is claimed: by `assert`, by `self.assert...`, and by failing under a condition."""
        return [
            test
            for body in self.bodies
            if body.is_helper
            for node in body.nodes
            for test in self.claimed(node)
        ]

    @cached_property
    def claiming(self) -> frozenset[int]:
        """The identities of the nodes that claim something, by themselves or by a function of the module."""
        claims: Sequence[ast.AST] = (*self.expectations, *self.mock_checks)
        found = {id(node) for node in claims}
        asserting: set[str] = set()
        for body in self.bodies:
            own = {id(node) for node in body.nodes if any(True for _ in self.claimed(node))}
            found |= own
            asserting |= {body.node.name} if own and body.node is not self.node else set()
        calls = [call for body in self.bodies for call in body.calls()]
        return frozenset(found | {id(call) for call in calls if self.last(call.func) in asserting})

    def claimed(self, node: ast.AST) -> Iterator[ast.expr]:
        """Yield what a node claims by itself."""
        match node:
            case ast.Assert(test=test) if not isinstance(test, ast.Constant):
                yield test
            case ast.Call() if is_testcase_call(node):
                yield node
            case ast.If(test=test, body=[*_, last], orelse=[]) if self.fails(last):
                yield ast.UnaryOp(ast.Not(), test)

    def fails(self, statement: ast.stmt) -> bool:
        """Tell whether a statement makes the test fail."""
        match statement:
            case ast.Expr(value=ast.Call(func=called)):
                return self.last(called) == "fail"
            case ast.Raise(exc=ast.Call(func=ast.Name(id=name)) | ast.Name(id=name)):
                return name == "AssertionError"
            case ast.Assert(test=test):
                return is_never(test)
        return False

    @cached_property
    def expectations(self) -> list[ast.Call]:
        """Its calls of `pytest.raises` and the like."""
        return [
            call
            for body in self.bodies
            if body.is_helper
            for call in body.calls()
            if self.last(call.func) in EXPECTING
        ]

    @cached_property
    def mock_checks(self) -> list[ast.Call]:
        """Its calls of `assert_...` functions and methods, as mocks have them."""
        return [
            call
            for body in self.bodies
            if body.is_helper
            for call in body.calls()
            if self.last(call.func).startswith("assert_")
        ]

    @cached_property
    def values_in_sight(self) -> dict[str, ast.expr]:
        """The variables of the function and its module, each with what it was bound to last."""
        return self.of.values | {name: values[-1] for name, values in self.body.bindings.items()}

    @property
    def suites(self) -> Sequence[ast.ClassDef]:
        """The classes that it stands in."""
        return self.of.suites.get(self.node, ())

    @property
    def decorators(self) -> Sequence[ast.expr]:
        """Its decorators, those of its classes, and the marks of its module."""
        marks = [
            value
            for place in self._places
            for statement in place.body
            for name, value in bindings_of(statement)
            if name == "pytestmark"
        ]
        of_suites = [one for suite in self.suites for one in suite.decorator_list]
        return [*self.node.decorator_list, *of_suites, *marks]

    def calls(self, node: ast.AST) -> Iterator[tuple[str, ast.Call]]:
        """Yield the calls in a node, each with the dotted origin of what is called; empty where unknown."""
        for part in ast.walk(node):
            if isinstance(part, ast.Call):
                yield self.origin(part.func), part

    def all_calls(self) -> Iterator[tuple[str, ast.Call, Body]]:
        """Yield the calls of the function and of all that it runs, each with its origin and its place."""
        for body in self.bodies:
            for call in body.calls():
                yield self.origin(call.func), call, body

    def origin(self, node: ast.expr) -> str:
        """Return a dotted name with its import put in; empty where it is no name."""
        written = dotted_name(node)
        root, dot, rest = written.partition(".")
        return self.names.imported.get(root, root) + dot + rest if written else ""

    def last(self, node: ast.expr) -> str:
        """Return the last part of a name, with its import put in."""
        return node.attr if isinstance(node, ast.Attribute) else self.origin(node).rpartition(".")[2]

    @property
    def _places(self) -> Sequence[ast.Module | ast.ClassDef]:
        return (self.module, *self.suites)

    def _setups(self) -> Iterator[FunctionNode]:
        for place in self._places:
            for node in self.of.functions_of(place).values():
                if node.name in _SETUPS or _is_automatic(node):
                    yield node

    def _run_by(self, body: Body) -> Iterator[Body]:
        parameters = {argument.arg for argument in body.node.args.args}
        called = {dotted_name(call.func).removeprefix("self.") for call in body.calls()}
        for place in self._places:
            functions = self.of.functions_of(place)
            for node in (functions[name] for name in sorted((parameters | called) & functions.keys())):
                if is_fixture(node) and node.name in parameters:
                    yield Body(node, is_helper=False)
                elif node.name in called:
                    yield Body(node, is_helper=body.is_helper)


def _in_order(piece: ast.AST) -> Iterator[ast.AST]:
    waiting = [piece]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(list(ast.iter_child_nodes(node)))


def placed(piece: ast.AST) -> Iterator[Placed]:
    """Yield the nodes of a piece of a test module, each with the one around it."""
    yield piece, None
    for node in ast.walk(piece):
        yield from ((child, node) for child in ast.iter_child_nodes(node))


def _run_with(definition: FunctionNode | ast.ClassDef) -> Iterator[ast.AST]:
    """Yield what is run where something is defined, whether or not it is called later."""
    yield from definition.decorator_list
    if not isinstance(definition, ast.ClassDef):
        yield from definition.args.defaults
        yield from filter(None, definition.args.kw_defaults)
        return
    yield from (*definition.bases, *definition.keywords)
    for statement in definition.body:
        if isinstance(statement, FunctionNode | ast.ClassDef):
            yield from _run_with(statement)
        else:
            yield statement


def _is_run_unnamed(statement: FunctionNode | ast.ClassDef) -> bool:
    if isinstance(statement, ast.ClassDef):
        return False
    is_setup = statement.name in _SETUPS or statement.name.lower().startswith("teardown")
    return is_setup or _is_automatic(statement)


def _holds_tests(statement: FunctionNode | ast.ClassDef) -> bool:
    if not isinstance(statement, ast.ClassDef):
        return statement.name.startswith("test")
    return any(isinstance(one, FunctionNode) and one.name.startswith("test") for one in statement.body)


def _names_in(node: ast.AST) -> Iterator[str]:
    """Yield what a node names: also a parameter, which may be a fixture, and a text, which may name one."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.Constant(value=str(name)):
            yield name


def _is_automatic(node: FunctionNode) -> bool:
    calls = [one for one in node.decorator_list if isinstance(one, ast.Call)]
    return is_fixture(node) and any(keyword.arg == "autouse" for call in calls for keyword in call.keywords)


def is_testcase_call(call: ast.expr) -> bool:
    """Tell whether it is a claim by one of the `assert...` methods of a `TestCase`."""
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)):
            return name.startswith("assert") and name not in EXPECTING
    return False


def is_never(test: ast.expr) -> bool:
    """Tell whether it is a plain false value: `assert False` is how a test fails."""
    return isinstance(test, ast.Constant) and not test.value


def bindings_of(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the variables that a statement or a `with` binds, each with what it is bound to."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            yield name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield name, value
        case ast.withitem(context_expr=value, optional_vars=ast.Name(id=name)):
            yield name, value
        case ast.NamedExpr(target=ast.Name(id=name), value=value):
            yield name, value
