"""Resolve names at a place in a file: assignments, fixtures, and rows of tables."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product

from testsmith.languages.python.source.references import Imports

_MOST_TABLES = 3

SELF = "self."
"""Prefix for the names of an object's attributes."""


@dataclass(frozen=True, slots=True)
class BoundValue:
    """Value of a name.

    Attributes:
        node: Its expression, or None if unknown.
        scope: Scope of the expression.
        line: Line of the expression.
    """

    node: ast.expr | None
    scope: NameScope
    line: int


Row = Mapping[str, BoundValue]
"""Values of names in one iteration of a loop, or in one row of a parametrized test."""


@dataclass(slots=True)
class FileNames:
    """Top-level names of a file.

    Attributes:
        module: Module for the file; empty if it cannot or should not be imported.
        imports: Names bound by its imports, anywhere in the file.
        defined: Functions and classes it defines.
    """

    module: str
    imports: Imports
    defined: set[str] = field(default_factory=set)


@dataclass(eq=False, slots=True)
class NameScope:
    """Names of a module, class, function or comprehension.

    Attributes:
        file: The file that contains it.
        parent: Enclosing scope; for a test module, that of the applicable `conftest.py`.
        values: Values of names, in source order.
        tables: Tables of values for names.
        parameters: Names bound by the caller; for tests, fixtures.
        fixtures: Values of the fixtures it defines.
    """

    file: FileNames
    parent: NameScope | None = None
    values: dict[str, list[BoundValue]] = field(default_factory=dict)
    tables: list[Sequence[Row]] = field(default_factory=list)
    parameters: frozenset[str] = frozenset()
    fixtures: dict[str, BoundValue] = field(default_factory=dict)

    def bind(self, name: str, node: ast.expr | None, line: int) -> None:
        """Record the value of a name from a line on."""
        self.values.setdefault(name, []).append(BoundValue(node, self, line))

    def find(self, name: str, line: int) -> BoundValue | None:
        """Return the value of a name on a line, or None if nothing here binds it."""
        for scope in self.outwards():
            found = scope.values.get(name)
            if found:
                before = [each for each in found if scope is not self or each.line < line]
                return (before or found)[-1]
            if name in scope.parameters:
                return scope.fixture(name) or BoundValue(None, scope, line)
        return None

    def fixture(self, name: str) -> BoundValue | None:
        """Return the value of a fixture, or None if the fixture or its value is unknown."""
        found = (scope.fixtures.get(name) for scope in self.outwards())
        return next((each for each in found if each is not None), None)

    def tables_of(self, names: set[str]) -> Iterator[Sequence[Row]]:
        """Yield the tables in this and enclosing scopes that provide one of these names."""
        for scope in self.outwards():
            yield from (table for table in scope.tables if table and not names.isdisjoint(table[0]))

    def outwards(self) -> Iterator[NameScope]:
        """Yield this scope and the enclosing ones."""
        scope: NameScope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent


def rows_around(
    node: ast.expr, scope: NameScope, most: int, before: Sequence[ast.stmt] = ()
) -> Iterator[Row]:
    """Yield the values of names in each row of the tables around an expression, or one empty row.

    Args:
        node: The expression.
        scope: Its scope.
        most: Maximum number of rows.
        before: Statements before it that use the tables too.
    """
    names = names_in([*before, node])
    for _ in range(_MOST_TABLES):
        bound = [each for name in names if (each := scope.find(name, node.lineno)) is not None]
        names |= names_in([each.node for each in bound if each.node is not None])
    for rows in islice(product(*islice(scope.tables_of(names), _MOST_TABLES)), most):
        yield {name: bound for row in rows for name, bound in row.items()}


def names_in(nodes: Sequence[ast.AST]) -> set[str]:
    """Return the names that expressions read."""
    return {inner.id for node in nodes for inner in ast.walk(node) if isinstance(inner, ast.Name)}
