"""Find calls in a test module that did not run while it was proven, so that their effect is unknown.

A test that is kept will run on other machines, under conditions that did not occur here. Therefore every call
and import that may run for it must have been reached, except for harmless ones and those that report a
failure.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from testsmith.execution.jobs import Place
from testsmith.languages.judge import short
from testsmith.languages.python.judge.smells.known_parts import known_nodes, parsed
from testsmith.languages.python.judge.smells.test_function import (
    EXPECTING,
    FunctionNode,
    TestFunction,
    TestModule,
)
from testsmith.languages.python.judge.smells.unsafe_calls import is_replaced
from testsmith.languages.python.judge.test_reading.claims import functions_of
from testsmith.languages.python.judge.test_reading.situations import BoundNames, dotted_name
from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.source import CannotParse
from testsmith.model import Member

_HARMLESS = frozenset(
    {
        *("abs", "all", "any", "ascii", "bin", "bool", "bytearray", "bytes", "chr", "complex"),
        *("dict", "divmod", "enumerate", "filter", "float", "format", "frozenset", "hash", "hex"),
        *("id", "int", "isinstance", "issubclass", "iter", "len", "list", "map", "max", "min"),
        *("next", "object", "oct", "ord", "pow", "range", "repr", "reversed", "round", "set"),
        *("slice", "sorted", "str", "sum", "super", "tuple", "type", "zip"),
    }
)
"""Built-in functions that only read values, unless they are given a callable."""

_CALLING = frozenset({"filter", "iter", "map"})
"""Built-in functions whose first argument may be a callable. Others take it as a keyword."""

_OF_CONTAINERS = frozenset(
    {
        *("add", "append", "count", "discard", "encode", "endswith", "extend", "format", "get"),
        *("index", "insert", "items", "join", "keys", "lower", "pop", "setdefault", "split"),
        *("splitlines", "startswith", "strip", "title", "union", "update", "upper", "values"),
    }
)
"""Methods of containers and strings that have no other side effects."""

_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Display = ast.List | ast.Dict | ast.Set
_Called = ast.Call | ast.Import | ast.ImportFrom
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_Parents = Mapping[int, ast.AST | None]


def calls_not_run(
    code: str, member: Member, idle: Collection[Place], known: Iterable[str] = ()
) -> dict[str, str]:
    """Return, by test function, why it is cut: a call or import that may run for it was not reached.

    What helpers and module-level branches do that the project's tests have already counts as known, and so
    do the calls of a test that was extended.

    Args:
        code: The test module.
        member: The member that it tests.
        idle: Positions of calls and imports that were not reached.
        known: The project's test file that the module was made for, and the modules of its fixtures.
    """
    try:
        tree = parse_untrusted(code) if idle else None
    except CannotParse:
        tree = None
    if tree is None:
        return {}
    waiting = {id(node) for node in _nodes_at(tree, idle)} - known_nodes(tree, parsed(known))
    names = BoundNames.of(member, [node for node in ast.walk(tree) if isinstance(node, ast.stmt)])
    module = TestModule(tree, names)
    rebound = _Rebound.of(tree)
    found = {
        name: _first_dormant(_Reading(TestFunction(node, module), rebound), waiting)
        for name, node in functions_of(tree)
    }
    never = {name for name, node in functions_of(tree) if _is_never_awaited(node, waiting)}
    return {
        name: "is a coroutine that nothing awaits" if name in never else _reason(node)
        for name, node in found.items()
        if node is not None
    }


def _is_never_awaited(test: FunctionNode, waiting: Collection[int]) -> bool:
    """Return whether a test is a coroutine function of whose calls none was reached."""
    calls = [node for part in test.body for node in ast.walk(part) if isinstance(node, ast.Call)]
    return isinstance(test, ast.AsyncFunctionDef) and all(id(call) in waiting for call in calls)


def _nodes_at(tree: ast.Module, idle: Collection[Place]) -> Iterator[ast.AST]:
    """Yield the calls and imports at these positions. Calls are matched by their end.

    Decorators and metaclass arguments also count as calls.
    """
    ends = {(last, end): (line, column) for line, column, last, end in idle if column >= 0}
    lines = {line for line, column, _, _ in idle if column < 0}
    for node in _calling(tree):
        start = ends.get((node.end_lineno or 0, node.end_col_offset or 0))
        if node.lineno in lines or (start is not None and start >= (node.lineno, node.col_offset)):
            yield node


def _calling(tree: ast.Module) -> Iterator[ast.expr | ast.stmt]:
    for node in ast.walk(tree):
        if isinstance(node, _Called) or (isinstance(node, ast.ClassDef) and node.keywords):
            yield node
        if isinstance(node, _Definition):
            yield from node.decorator_list


@dataclass(frozen=True)
class _Rebound:
    """Names that a test module binds, other than by imports.

    Attributes:
        names: Variables, parameters and functions.
        methods: Names that may be looked up as a method although no function of the module has that name.
        functions: Functions and methods defined in the module.
        modules: Names bound to whole modules.
    """

    names: frozenset[str]
    methods: frozenset[str]
    functions: frozenset[str]
    modules: frozenset[str]

    @classmethod
    def of(cls, tree: ast.Module) -> _Rebound:
        """Return the names that a module binds."""
        stored, set_, defined, modules = set[str](), set[str](), set[str](), set[str]()
        for node in ast.walk(tree):
            match node:
                case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                    stored.add(name)
                    set_ |= set() if isinstance(node, ast.arg) else {name}
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    defined.add(name)
                case ast.Attribute(attr=name, ctx=ast.Store()) | ast.keyword(arg=str(name)):
                    set_.add(name)
                case ast.Constant(value=str(name)):
                    set_.add(name)
                case ast.Import(names=names):
                    modules |= {one.asname or one.name.partition(".")[0] for one in names}
        return cls(frozenset(stored | defined), frozenset(set_), frozenset(defined), frozenset(modules))


@dataclass(frozen=True)
class _Reading:
    """A test function, and the names that its module rebinds."""

    function: TestFunction
    rebound: _Rebound

    def is_builtin(self, name: str) -> bool:
        """Return whether a name still refers to the built-in."""
        return name not in self.rebound.names and name not in self.function.names.imported

    def is_of_the_library(self, call: ast.Call) -> bool:
        """Return whether a call is to a function of the standard library."""
        origin = self.function.origin(call.func)
        root = origin.partition(".")[0]
        return root != origin and root in sys.stdlib_module_names and root not in self.rebound.names

    def is_class(self, called: ast.expr) -> bool:
        """Return whether an expression names a class, judged by its spelling."""
        root = dotted_name(called).partition(".")[0]
        return root not in self.rebound.names and self.function.last(called)[:1].isupper()

    def is_of_its_own(self, method: str) -> bool:
        """Return whether a method belongs to one of the module's own test doubles or to a container."""
        is_known = method in self.rebound.functions or method in _OF_CONTAINERS
        return is_known and method not in self.rebound.methods and not self.hands_on_modules

    @cached_property
    def containers(self) -> frozenset[str]:
        """Names that are only ever bound to a container written out, such as a list that a callback fills."""
        bound, others = set[str](), set[str]()
        for node, parent in self.function.reached:
            match node, parent:
                case ast.Name(id=name, ctx=ast.Store()), ast.Assign(value=value) | ast.AnnAssign(value=value):
                    (bound if isinstance(value, _Display) else others).add(name)
                case ((ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name)), _):
                    others.add(name)
        return frozenset(bound - others)

    @cached_property
    def hands_on_modules(self) -> bool:
        """Whether a module is passed to something that may then call its functions."""
        return any(
            isinstance(node, ast.Name)
            and node.id in self.rebound.modules
            and not isinstance(parent, ast.Attribute)
            and not is_replaced(node, parent, self.function)
            for node, parent in self.function.reached
        )


def _first_dormant(reading: _Reading, waiting: Collection[int]) -> ast.AST | None:
    parents: _Parents = {id(node): parent for node, parent in reading.function.reached}
    return next(
        (
            node
            for node, _ in reading.function.reached
            if id(node) in waiting and not _may_stay(node, list(_around(node, parents)), reading)
        ),
        None,
    )


def _around(node: ast.AST, parents: _Parents) -> Iterator[ast.AST]:
    """Yield the nodes around a node, innermost first."""
    parent = parents.get(id(node))
    while parent is not None:
        yield parent
        parent = parents.get(id(parent))


def _may_stay(node: ast.AST, around: Sequence[ast.AST], reading: _Reading) -> bool:
    """Return whether a call is one that a valid test does not need to reach."""
    chain = [node, *around]
    for inner, outer in zip(chain, around, strict=False):
        if isinstance(outer, ast.If) and inner in outer.body and _is_never_true(outer.test, reading):
            return True
        if isinstance(outer, ast.With | ast.AsyncWith) and _is_behind_what_raises(inner, outer, reading):
            return not (isinstance(node, ast.Call) and reading.is_of_the_library(node))
    if not isinstance(node, ast.Call):
        return False
    statement = next((one for one in chain if isinstance(one, ast.stmt)), None)
    if isinstance(statement, ast.Raise) and statement.exc is node:
        return reading.is_class(node.func)
    if statement is not None and _fails(statement, reading):
        return not reading.is_of_the_library(node)
    return _skips(statement, node, reading) or _is_harmless(node, around, reading)


def _is_never_true(test: ast.expr, reading: _Reading) -> bool:
    if reading.function.origin(test) == "typing.TYPE_CHECKING":
        return "TYPE_CHECKING" not in reading.rebound.names | reading.rebound.methods
    return ast.unparse(test) == "__name__ == '__main__'" and reading.is_builtin("__name__")


def _fails(statement: ast.stmt, reading: _Reading) -> bool:
    """Return whether a statement makes the test fail in a well-known way."""
    if not reading.function.fails(statement):
        return False
    match statement:
        case ast.Expr(value=ast.Call(func=called)):
            is_plain = "fail" not in reading.rebound.names | reading.rebound.methods
            return is_plain and dotted_name(called) in {"pytest.fail", "self.fail", "fail"}
    return reading.is_builtin("AssertionError")


def _skips(statement: ast.stmt | None, call: ast.Call, reading: _Reading) -> bool:
    """Return whether a call of the test itself skips it; the rule for skipped tests says whether it may."""
    is_its_own = any(node is call for node in reading.function.nodes)
    is_plain = "skip" not in reading.rebound.names | reading.rebound.methods
    is_statement = isinstance(statement, ast.Expr) and statement.value is call
    return is_its_own and is_statement and is_plain and reading.function.origin(call.func) == "pytest.skip"


def _is_behind_what_raises(statement: ast.AST, block: ast.With | ast.AsyncWith, reading: _Reading) -> bool:
    """Return whether a plain statement follows the one that raises in a `pytest.raises` block."""
    expects = any(
        isinstance(item.context_expr, ast.Call) and reading.function.last(item.context_expr.func) in EXPECTING
        for item in block.items
    )
    is_plain = isinstance(statement, ast.Expr | ast.Assign | ast.AugAssign | ast.Assert)
    return expects and is_plain and statement in block.body[1:]


def _is_harmless(call: ast.Call, around: Sequence[ast.AST], reading: _Reading) -> bool:
    """Return whether a call only reads values, or calls a method of a helper's or double's parameter."""
    match call.func:
        case ast.Name(id=name) if name in _HARMLESS:
            return reading.is_builtin(name) and all(
                isinstance(one, ast.Lambda)
                or (isinstance(one, ast.Name) and one.id in _HARMLESS and reading.is_builtin(one.id))
                for one in _to_be_called(call, name)
            )
        case ast.Name(id=name):
            return name.endswith(("Error", "Exception")) and reading.is_class(call.func)
        case ast.Attribute(value=value, attr=method):
            while isinstance(value, ast.Attribute | ast.Subscript):
                value = value.value
            if isinstance(value, ast.Constant | ast.JoinedStr):
                return True
            name = value.id if isinstance(value, ast.Name) else ""
            is_container = call.func.value is value and name in reading.containers
            return (is_container and method in _OF_CONTAINERS) or (
                name in _given(around) and reading.is_of_its_own(method)
            )
    return False


def _to_be_called(call: ast.Call, name: str) -> Iterator[ast.expr]:
    """Yield the arguments that a built-in function may call."""
    if name in _CALLING - {"iter"} or (name == "iter" and len(call.args) > 1):
        yield from call.args[:1]
    yield from (keyword.value for keyword in call.keywords if keyword.arg in {None, "key"})


def _given(around: Sequence[ast.AST]) -> set[str]:
    """Return the parameters of the helpers, doubles and lambdas around a call."""
    scopes = [one for one in around if isinstance(one, _Scope)]
    return {
        argument.arg
        for scope in scopes
        if not isinstance(scope, FunctionNode) or not scope.name.startswith("test")
        for argument in ast.walk(scope.args)
        if isinstance(argument, ast.arg)
    }


def _reason(node: ast.AST) -> str:
    what = "an import" if isinstance(node, ast.Import | ast.ImportFrom) else "a call"
    return f"has {what} that was not executed: `{short(ast.unparse(node))}`"
