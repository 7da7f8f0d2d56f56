"""Test functions as analyzed by the smells: their assertions, the code they run, and name resolution."""

from __future__ import annotations

import ast
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from testsmith.languages.python.judge.smells.known_checks import KnownChecks
from testsmith.languages.python.judge.smells.known_parts import (
    has_annotations,
    known_conditions,
    known_marks,
    known_nodes,
    parsed,
)
from testsmith.languages.python.judge.test_reading.situations import BoundNames, dotted_name
from testsmith.languages.python.source.definitions import last_name
from testsmith.languages.python.test_files.existing.conftest_fixtures import fixture_name
from testsmith.languages.python.test_files.test_modules import (
    SETUPS,
    is_autouse,
    is_fixture,
    parametrized_arguments,
)

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
EXPECTING = frozenset(
    {"raises", "warns", "deprecated_call", "assertRaises", "assertRaisesRegex", "assertWarns", "assertLogs"}
)


@dataclass(frozen=True)
class Body:
    """A function of a test module: the test itself, or a function that it runs.

    Attributes:
        node: The function.
        is_helper: Whether it is the test or a function called by it, rather than a fixture or setup function.
    """

    node: FunctionNode
    is_helper: bool = True

    @cached_property
    def nodes(self) -> Sequence[ast.AST]:
        """All nodes, including decorators, in source order."""
        return list(_in_order(self.node))

    @cached_property
    def local_names(self) -> frozenset[str]:
        """Its parameters and local variables."""
        parameters = {argument.arg for argument in ast.walk(self.node.args) if isinstance(argument, ast.arg)}
        names = [node for node in self.nodes if isinstance(node, ast.Name)]
        return frozenset(parameters | {node.id for node in names if isinstance(node.ctx, ast.Store)})

    @cached_property
    def bindings(self) -> dict[str, list[ast.expr]]:
        """Its local variables, each with the values bound to it, in order."""
        found: dict[str, list[ast.expr]] = {}
        for node in self.nodes:
            for name, value in bindings_of(node):
                found.setdefault(name, []).append(value)
        return found

    def calls(self) -> Iterator[ast.Call]:
        """Yield its calls."""
        return (node for node in self.nodes if isinstance(node, ast.Call))


_SIGNS = (ast.expr_context, ast.operator, ast.cmpop, ast.unaryop, ast.boolop)

Placed = tuple[ast.AST, ast.AST | None]
"""A node and its parent; None for the root of a piece."""


@dataclass(frozen=True)
class Pieces:
    """Parts of a test module or test class outside of the tests.

    Attributes:
        loaded: Nodes that run for every test: at import, or automatically.
        named: Other definitions, by name.
        marks: Values of `pytestmark`.
    """

    loaded: Sequence[Placed]
    named: Mapping[str, Sequence[ast.AST]]
    marks: Sequence[ast.expr]

    @classmethod
    def of(cls, place: ast.Module | ast.ClassDef) -> Pieces:
        """Return the pieces of a module or class."""
        loaded: list[Placed] = []
        named: dict[str, list[ast.AST]] = {}
        for statement in place.body:
            if not isinstance(statement, FunctionNode | ast.ClassDef) or _is_run_unnamed(statement):
                loaded += placed(statement)
            elif not _holds_tests(statement):
                name = statement.name if isinstance(statement, ast.ClassDef) else fixture_name(statement)
                named.setdefault(name, []).append(statement)
                loaded += [one for part in _run_with(statement) for one in placed(part)]
        bound = (each for statement in place.body for each in bindings_of(statement))
        return cls(loaded, named, [value for name, value in bound if name == "pytestmark"])


@dataclass(frozen=True)
class TestModule:
    """A test module, with cached data that its functions share.

    Attributes:
        tree: The module.
        names: Name resolution, including the member.
        checks: What the project's test files have; None if it is not known.
        files: The project's test files that it may have helpers and fixtures from; read once, if at all.
    """

    __test__ = False

    tree: ast.Module
    names: BoundNames
    checks: KnownChecks | None = None
    files: Iterable[str] = ()

    @cached_property
    def known(self) -> frozenset[int]:
        """Ids of the nodes of helpers and fixtures that the project's own tests have."""
        return known_nodes(self.tree, self._trees)

    @cached_property
    def known_marks(self) -> frozenset[str]:
        """Decorators and `pytestmark`s of the project's own tests, each as `ast.dump` returns it."""
        return known_marks(self._trees)

    @cached_property
    def known_conditions(self) -> frozenset[tuple[str, str]]:
        """On which parameters the project's own tests skip themselves or may fail; see `known_conditions`."""
        return known_conditions(self._trees)

    @cached_property
    def called(self) -> frozenset[str]:
        """Last names of what the project's own tests call without using the result."""
        nodes = (node for tree in self._trees for node in ast.walk(tree) if isinstance(node, ast.Expr))
        return frozenset(last_name(node.value.func) for node in nodes if isinstance(node.value, ast.Call))

    @cached_property
    def is_annotated(self) -> bool:
        """Whether functions of the project's test files have annotations; True if no file is known."""
        return not self._texts or has_annotations(self._trees)

    @cached_property
    def _texts(self) -> Sequence[str]:
        return tuple(self.files)

    @cached_property
    def _trees(self) -> Sequence[ast.Module]:
        return parsed(self._texts)

    @cached_property
    def values(self) -> dict[str, ast.expr]:
        """Its variables, each with the last value bound to it."""
        return {name: value for node in self.tree.body for name, value in bindings_of(node)}

    @cached_property
    def suites(self) -> dict[ast.AST, Sequence[ast.ClassDef]]:
        """The classes around each method."""
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
        """Return the functions of the module, or of one of its classes, that are not tests."""
        if place not in self._functions:
            self._functions[place] = {
                node.name: node
                for node in place.body
                if isinstance(node, FunctionNode) and not _holds_tests(node)
            }
        return self._functions[place]

    def pieces_of(self, place: ast.Module | ast.ClassDef) -> Pieces:
        """Return the parts of the module, or of one of its classes, outside of the tests."""
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
    """A test function as analyzed by the smells.

    Attributes:
        node: The function.
        of: Its module.
    """

    __test__ = False

    node: FunctionNode
    of: TestModule

    @property
    def module(self) -> ast.Module:
        """Syntax tree of its module."""
        return self.of.tree

    @property
    def names(self) -> BoundNames:
        """Name resolution, including the member."""
        return self.of.names

    @cached_property
    def body(self) -> Body:
        """The function itself."""
        return Body(self.node)

    @cached_property
    def bodies(self) -> Sequence[Body]:
        """The function and the module's functions that it runs: helpers, fixtures and setup functions."""
        found: dict[FunctionNode, Body] = {self.node: self.body}
        waiting = [self.body, *(Body(one, is_helper=False) for one in self._setups())]
        while waiting:
            body = waiting.pop()
            found[body.node] = body
            waiting += [one for one in self._run_by(body) if one.node not in found]
        return list(found.values())

    def is_new(self, body: Body) -> bool:
        """Return whether the project's own tests do not have one of its bodies."""
        return id(body.node) not in self.of.known

    @cached_property
    def reached(self) -> Sequence[Placed]:
        """All nodes that may run for it: its own, module-level code, and the definitions that these name."""
        pieces = [self.of.pieces_of(place) for place in self._places]
        found = [*placed(self.node), *(one for piece in pieces for one in piece.loaded)]
        found += [one for decorator in self.decorators for one in placed(decorator)]
        known: set[str] = set()
        for node, _ in found:  # grows during the loop
            for name in _names_in(node):
                if name not in known:
                    known.add(name)
                    named = (one for piece in pieces for one in piece.named.get(name, ()))
                    run = [one for one in named if not self._is_overridden(one)]
                    found += [one for definition in run for one in placed(definition)]
        return found

    @property
    def nodes(self) -> Sequence[ast.AST]:
        """All nodes of the function and its decorators."""
        return self.body.nodes

    @cached_property
    def assertions(self) -> list[ast.expr]:
        """Its claims: `assert`, `self.assert...`, and failing under a condition."""
        return [
            test
            for body in self.bodies
            if body.is_helper
            for node in body.nodes
            for test in self.claimed(node)
        ]

    @cached_property
    def claiming(self) -> frozenset[int]:
        """Ids of the nodes that assert something, directly or with a function of the module."""
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
        """Yield what a node asserts directly."""
        match node:
            case ast.Assert(test=test) if not isinstance(test, ast.Constant):
                yield test
            case ast.Call() if is_testcase_call(node):
                yield node
            case ast.If(test=test, body=[*_, last], orelse=[]) if self.fails(last):
                yield ast.UnaryOp(ast.Not(), test)

    def fails(self, statement: ast.stmt) -> bool:
        """Return whether a statement makes the test fail."""
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
        """Its calls of `pytest.raises` and similar functions."""
        return [
            call
            for body in self.bodies
            if body.is_helper
            for call in body.calls()
            if self.last(call.func) in EXPECTING
        ]

    @cached_property
    def mock_checks(self) -> list[ast.Call]:
        """Its calls of `assert_...` functions and methods, for example of mocks."""
        return [
            call
            for body in self.bodies
            if body.is_helper
            for call in body.calls()
            if self.last(call.func).startswith("assert_")
        ]

    @cached_property
    def known_checks(self) -> list[ast.Call]:
        """Its calls of helpers of the project's other test files that assert something."""
        return [
            call
            for body in self.bodies
            if body.is_helper
            for call in body.calls()
            if self._may_be_helper(call, body) and self._is_known_check(call, body)
        ]

    def _may_be_helper(self, call: ast.Call, body: Body) -> bool:
        """Return whether a call has another name than the member, or calls a method of the test's class."""
        first = body.node.args.args[:1] if self.suites else []
        own = {f"{argument.arg}.{self.names.member.plain_name}" for argument in first}
        return self.last(call.func) != self.names.member.plain_name or dotted_name(call.func) in own

    def _is_known_check(self, call: ast.Call, body: Body) -> bool:
        called = self._called(call)
        root, _, rest = dotted_name(called).partition(".")
        checks = self.of.checks
        if checks is None or not root:
            return False
        if root in {argument.arg for argument in body.node.args.args}:
            return checks.is_check(rest.rpartition(".")[2] or root)
        module, _, name = self.origin(called).rpartition(".")
        return root in self.names.imported and (
            checks.is_check(name, module.rpartition(".")[2])
            or (name in self.of.called and checks.is_check_of_project(name, module))
        )

    def _called(self, call: ast.Call) -> ast.expr:
        """Return what a call calls; if that is a variable of a `functools.partial`, the function in it."""
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        value = self.values_in_sight.get(name)
        if isinstance(value, ast.Call) and value.args and self.origin(value.func) == "functools.partial":
            return value.args[0]
        return call.func

    @cached_property
    def values_in_sight(self) -> Mapping[str, ast.expr]:
        """Variables of the function and its module, each with the last value bound to it."""
        return self.values_in(self.body)

    def values_in(self, body: Body) -> Mapping[str, ast.expr]:
        """Return the variables of a body and the module, each with the last value bound to it."""
        return ChainMap({name: values[-1] for name, values in body.bindings.items()}, self.of.values)

    @property
    def suites(self) -> Sequence[ast.ClassDef]:
        """The classes around it."""
        return self.of.suites.get(self.node, ())

    @cached_property
    def decorators(self) -> Sequence[ast.expr]:
        """Its decorators, those of its classes, and the marks of its module."""
        marks = [value for place in self._places for value in self.of.pieces_of(place).marks]
        of_suites = [one for suite in self.suites for one in suite.decorator_list]
        return [*self.node.decorator_list, *of_suites, *marks]

    def calls(self, node: ast.AST) -> Iterator[tuple[str, ast.Call]]:
        """Yield the calls in a node, each with the dotted origin of the called name; empty if unknown."""
        for part in ast.walk(node):
            if isinstance(part, ast.Call):
                yield self.origin(part.func), part

    def all_calls(self) -> Iterator[tuple[str, ast.Call, Body]]:
        """Yield the calls of the function and everything it runs, each with its origin and body."""
        for body in self.bodies:
            for call in body.calls():
                yield self.origin(call.func), call, body

    def origin(self, node: ast.expr) -> str:
        """Return a dotted name with imports resolved; empty if the expression is not a name."""
        written = dotted_name(node)
        root, dot, rest = written.partition(".")
        return self.names.imported.get(root, root) + dot + rest if written else ""

    def last(self, node: ast.expr) -> str:
        """Return the last part of a name, with imports resolved."""
        return node.attr if isinstance(node, ast.Attribute) else self.origin(node).rpartition(".")[2]

    @property
    def _places(self) -> Sequence[ast.Module | ast.ClassDef]:
        return (self.module, *self.suites)

    def _is_overridden(self, definition: ast.AST) -> bool:
        """Return whether it is a fixture that a parametrized argument of its name replaces."""
        return (
            isinstance(definition, FunctionNode)
            and is_fixture(definition)
            and fixture_name(definition) in self._parametrized
        )

    @cached_property
    def _parametrized(self) -> frozenset[str]:
        marks = [one for one in self.decorators if isinstance(one, ast.Call)]
        own = [one for one in marks if self.origin(one.func) == "pytest.mark.parametrize"]
        return frozenset(parametrized_arguments(own))

    def _setups(self) -> Iterator[FunctionNode]:
        for place in self._places:
            for node in self.of.functions_of(place).values():
                if node.name in SETUPS or is_autouse(node) or not fixture_name(node):
                    yield node

    def _run_by(self, body: Body) -> Iterator[Body]:
        parameters = {argument.arg for argument in body.node.args.args}
        called = {dotted_name(self._called(call)).removeprefix("self.") for call in body.calls()}
        for place in self._places:
            for name, node in sorted(self.of.functions_of(place).items()):
                if is_fixture(node) and fixture_name(node) in parameters:
                    if not self._is_overridden(node):
                        yield Body(node, is_helper=False)
                elif name in called:
                    yield Body(node, is_helper=body.is_helper)


def _in_order(piece: ast.AST) -> Iterator[ast.AST]:
    waiting = [piece]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(list(ast.iter_child_nodes(node)))


def placed(piece: ast.AST) -> Iterator[Placed]:
    """Yield the nodes of a piece of a test module, each with its parent; of constants, only strings."""
    yield piece, None
    for node in ast.walk(piece):
        yield from ((child, node) for child in ast.iter_child_nodes(node) if not _is_silent(child))


def _is_silent(node: ast.AST) -> bool:
    """Return whether a node has no parts and names nothing; a table of values has mostly such nodes."""
    if isinstance(node, ast.Constant):
        return not isinstance(node.value, str)
    return isinstance(node, _SIGNS)


def _run_with(definition: FunctionNode | ast.ClassDef) -> Iterator[ast.AST]:
    """Yield the parts of a definition that run when it is defined, even if it is never called."""
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
    is_setup = statement.name in SETUPS or statement.name.lower().startswith("teardown")
    return is_setup or is_autouse(statement) or not fixture_name(statement)


def _holds_tests(statement: FunctionNode | ast.ClassDef) -> bool:
    if not isinstance(statement, ast.ClassDef):
        return statement.name.startswith("test") and not is_fixture(statement)
    return any(isinstance(one, FunctionNode) and one.name.startswith("test") for one in statement.body)


def _names_in(node: ast.AST) -> Iterator[str]:
    """Yield the names in a node, including parameters and strings, which may name fixtures."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.Constant(value=str(name)):
            yield name


def is_testcase_call(call: ast.expr) -> bool:
    """Return whether a call is one of `TestCase`'s `assert...` methods."""
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)):
            return name.startswith("assert") and name not in EXPECTING
    return False


def is_never(test: ast.expr) -> bool:
    """Return whether it is a constant false value, as in `assert False`."""
    return isinstance(test, ast.Constant) and not test.value


def bindings_of(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the variables that a statement or `with` binds, each with its value."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            yield name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield name, value
        case ast.withitem(context_expr=value, optional_vars=ast.Name(id=name)):
            yield name, value
        case ast.NamedExpr(target=ast.Name(id=name), value=value):
            yield name, value
