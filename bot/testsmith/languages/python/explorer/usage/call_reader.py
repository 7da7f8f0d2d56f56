"""Read the calls in a source text, and what the names in them refer to."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from testsmith.languages.python.explorer.module_source import parameter_names
from testsmith.languages.python.explorer.usage.scopes import SELF, BoundValue, FileNames, NameScope, Row
from testsmith.languages.python.explorer.usage.usage_calls import Snippet, Where
from testsmith.languages.python.source.definitions import Function, last_name
from testsmith.languages.python.test_files.test_modules import is_fixture

_MOST_ROWS = 40
_EXPECTING = frozenset({"raises", "assertRaises", "assertRaisesRegex"})
_SETTING_UP = frozenset({"setUp", "setup", "setup_method", "__init__"})

_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True, slots=True)
class FoundCall:
    """A call in a source text.

    Attributes:
        node: The call.
        scope: Scope that contains it.
        where: Kind of text that contains it.
        fails: Whether it is expected to raise.
        documents: Definition whose docstring contains it; empty for none.
    """

    node: ast.Call
    scope: NameScope
    where: Where
    fails: bool
    documents: str


class CheckedExpression(NamedTuple):
    """An expression whose value or exception a test checks.

    Attributes:
        node: The expression.
        scope: Scope that contains it.
        before: Statements of the test before it.
    """

    node: ast.expr
    scope: NameScope
    before: tuple[ast.stmt, ...]


@dataclass(slots=True)
class Reading:
    """Content of one file.

    Attributes:
        calls: Calls by the last part of the called name.
        checked: Expressions that its tests check.
        texts: Its string literals.
        tests: Names of its test functions.
        scope: Top-level names.
    """

    scope: NameScope
    calls: defaultdict[str, list[FoundCall]] = field(default_factory=lambda: defaultdict(list))
    checked: list[CheckedExpression] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    tests: set[str] = field(default_factory=set)


def read_snippets(snippets: Iterable[Snippet], file: FileNames, conftest: NameScope | None) -> Reading:
    """Read the texts of one file.

    Args:
        snippets: The texts; for a module, its own text first.
        file: Names of the file, not filled yet.
        conftest: Top-level names of the applicable `conftest.py`.
    """
    reading = Reading(NameScope(file, conftest))
    for snippet in snippets:
        scope = NameScope(file, reading.scope) if snippet.is_own else reading.scope
        _Reader(reading, scope, snippet).visit(snippet.tree)
    return reading


class _Reader(ast.NodeVisitor):
    """Walks one text."""

    def __init__(self, reading: Reading, scope: NameScope, snippet: Snippet) -> None:
        self._reading = reading
        self._scope = scope
        self._snippet = snippet
        self._expecting = 0
        self._before: tuple[ast.stmt, ...] = ()

    def visit_Import(self, node: ast.Import) -> None:
        self._scope.file.imports.enter(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self._scope.file.imports.enter(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._define(node.name)
        outer = self._scope
        inner = NameScope(outer.file, outer, tables=_parametrized(node.decorator_list, outer))
        for statement in node.body:
            for name, value in _assigned(statement):
                inner.bind(SELF + name, value, statement.lineno)
        self._inside(inner, node.body)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def _function(self, node: Function) -> None:
        self._define(node.name)
        if node.name.startswith("test"):
            self._reading.tests.add(node.name)
        outer = self._scope
        tables = _parametrized(node.decorator_list, outer)
        given = {name for table in tables for name in table[0]}
        inner = NameScope(
            outer.file, outer, tables=tables, parameters=frozenset(parameter_names(node)) - given
        )
        outside, self._before = self._before, ()
        for statement in node.body:
            self._inside(inner, [statement])
            self._before = (*self._before, statement)
        self._before = outside
        if is_fixture(node):
            given_by = BoundValue(_given_by(node.body), inner, node.end_lineno or node.lineno)
            outer.fixtures.update(dict.fromkeys(_fixture_names(node), given_by))
        elif node.name in _SETTING_UP:
            outer.values.update(
                {name: found for name, found in inner.values.items() if name.startswith(SELF)}
            )

    def _define(self, name: str) -> None:
        if self._scope is self._reading.scope:
            self._scope.file.defined.add(name)

    def _inside(self, scope: NameScope, nodes: Sequence[ast.AST]) -> None:
        outer, self._scope = self._scope, scope
        for node in nodes:
            self.visit(node)
        self._scope = outer

    def visit_Lambda(self, node: ast.Lambda) -> None:
        names = [each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        self._inside(NameScope(self._scope.file, self._scope, parameters=frozenset(names)), [node.body])

    def visit_Assign(self, node: ast.Assign) -> None:
        self._assign(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._assign(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._assign(node)

    def _assign(self, node: ast.stmt) -> None:
        for name, value in _assigned(node):
            self._scope.bind(name, value, node.lineno)
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        self._loop(node.target, node.iter)
        self.generic_visit(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        self._loop(node.target, node.iter)
        self.generic_visit(node)

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self._comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._comprehension(node)

    def _comprehension(self, node: _Comprehension) -> None:
        outer, self._scope = self._scope, NameScope(self._scope.file, self._scope)
        for each in node.generators:
            self._loop(each.target, each.iter)
        self.generic_visit(node)
        self._scope = outer

    def _loop(self, target: ast.expr, over: ast.expr) -> None:
        names = _names(target)
        rows = _rows(names, over, self._scope) if names else []
        if rows:
            self._scope.tables.append(rows)
            return
        for name in _stored(target):
            self._scope.bind(name, None, target.lineno)

    def visit_With(self, node: ast.With) -> None:
        self._with(node)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> None:
        self._with(node)

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        expecting = any(last_name(item.context_expr) in _EXPECTING for item in node.items)
        for item in node.items:
            for name in _stored(item.optional_vars) if item.optional_vars else ():
                self._scope.bind(name, None, node.lineno)
        self._expecting += expecting
        self.generic_visit(node)
        self._expecting -= expecting

    def visit_Assert(self, node: ast.Assert) -> None:
        self._check([node.test])
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if self._expecting:
            self._check([node.value])
        if not isinstance(node.value, ast.Constant):  # a docstring is not an input
            self.generic_visit(node)

    def _check(self, nodes: Sequence[ast.expr]) -> None:
        """Record what an assertion checks; of two compared expressions, not the expected value."""
        for node in nodes:
            match node:
                case ast.Compare(left=left, ops=[ast.Eq() | ast.Is()], comparators=[right]):
                    node = right if isinstance(left, ast.Constant) else left  # noqa: PLW2901
            self._reading.checked.append(CheckedExpression(node, self._scope, self._before))

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._reading.texts.append(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        name = "" if isinstance(node.func, ast.Call) else last_name(node.func)
        if "assert" in name.lower() and name not in _EXPECTING:
            self._check([each for each in node.args[:2] if not isinstance(each, ast.Constant)])
        for target in self._scope.file.imports.names.get(name, ())[:1]:
            name = target.name or name
        if name:
            found = FoundCall(
                node, self._scope, self._snippet.where, self._expecting > 0, self._snippet.documents
            )
            self._reading.calls[name].append(found)
        self.generic_visit(node)


def _assigned(statement: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield the names a statement assigns, each with its expression if it has its own."""
    match statement:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _paired(target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield from _paired(target, value)
        case ast.AugAssign(target=target):
            yield from ((name, None) for name in _stored(target))


def _paired(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr | None]]:
    match target, value:
        case ast.Name(id=name), _:
            yield name, value
        case ast.Attribute(value=ast.Name(id="self"), attr=name), _:
            yield SELF + name, value
        case (
            (ast.Tuple(elts=left) | ast.List(elts=left)),
            (ast.Tuple(elts=right) | ast.List(elts=right)),
        ) if len(left) == len(right):
            for inner, part in zip(left, right, strict=True):
                yield from _paired(inner, part)
        case _:
            yield from ((name, None) for name in _stored(target))


def _stored(target: ast.expr) -> Iterator[str]:
    names = (node for node in ast.walk(target) if isinstance(node, ast.Name))
    return (node.id for node in names if isinstance(node.ctx, ast.Store))


def _fixture_names(node: Function) -> Iterator[str]:
    """Yield the names of a fixture: its function's name, or an explicit one."""
    keywords = (each for call in node.decorator_list if isinstance(call, ast.Call) for each in call.keywords)
    named = (each.value for each in keywords if each.arg == "name")
    texts = [str(value.value) for value in named if isinstance(value, ast.Constant)]
    yield from texts or [node.name]


def _given_by(body: Sequence[ast.stmt]) -> ast.expr | None:
    """Return the value of a fixture's last `return` or `yield`."""
    nodes = [node for statement in body for node in ast.walk(statement)]
    given = [node.value for node in nodes if isinstance(node, ast.Return | ast.Yield)]
    return given[-1] if given else None


def _parametrized(decorators: Sequence[ast.expr], scope: NameScope) -> list[Sequence[Row]]:
    """Return the tables of a function's or class's `pytest.mark.parametrize`."""
    tables: list[Sequence[Row]] = []
    for decorator in decorators:
        match decorator:
            case ast.Call(args=[names, over, *_]) if last_name(decorator) == "parametrize":
                rows = _rows(_argument_names(names), over, scope)
                if rows:
                    tables.append(rows)
    return tables


def _argument_names(node: ast.expr) -> list[str]:
    match node:
        case ast.Constant(value=str(text)):
            return [name.strip() for name in text.split(",") if name.strip()]
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return [str(part.value) for part in parts if isinstance(part, ast.Constant)]
    return []


def _names(target: ast.expr) -> list[str]:
    """Return the names of a loop's target; empty if nested."""
    match target:
        case ast.Name(id=name):
            return [name]
        case ast.Tuple(elts=parts) if all(isinstance(part, ast.Name) for part in parts):
            return [part.id for part in parts if isinstance(part, ast.Name)]
    return []


def _rows(names: Sequence[str], over: ast.expr, scope: NameScope) -> list[Row]:
    """Return the values of names that iterate over a literal table; empty for other iterables."""
    place = scope
    if isinstance(over, ast.Name):
        bound = scope.find(over.id, over.lineno)
        if bound is None or bound.node is None:
            return []
        over, place = bound.node, bound.scope
    rows: list[Row] = []
    for entry in _entries(over)[:_MOST_ROWS]:
        cells = _cells(entry, len(names))
        if len(cells) == len(names):
            rows.append(
                {name: BoundValue(cell, place, cell.lineno) for name, cell in zip(names, cells, strict=True)}
            )
    return rows


def _entries(over: ast.expr) -> list[ast.expr]:
    match over:
        case ast.List(elts=entries) | ast.Tuple(elts=entries) | ast.Set(elts=entries):
            return entries
        case ast.Call(func=ast.Attribute(value=ast.Dict(keys=keys, values=values), attr="items")):
            return [
                ast.copy_location(ast.Tuple([key, value], ast.Load()), value)
                for key, value in zip(keys, values, strict=True)
                if key is not None
            ]
    return []


def _cells(entry: ast.expr, count: int) -> list[ast.expr]:
    """Return the cells of one row: `(1, 2)`, `pytest.param(1, 2, id="few")`, or `1` for a single name."""
    if isinstance(entry, ast.Call) and last_name(entry) == "param":
        return entry.args
    if count == 1:
        return [entry]
    return entry.elts if isinstance(entry, ast.Tuple | ast.List) else []
