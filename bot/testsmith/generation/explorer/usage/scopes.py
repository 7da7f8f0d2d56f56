"""What the names of a file stand for at a place: what is assigned, what fixtures give, rows of tables."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from testsmith.languages.python.references import Imports

SELF = "self."
"""What stands before the names of an object's attributes."""


@dataclass(frozen=True, slots=True)
class BoundValue:
    """What a name stands for.

    Attributes:
        node: The expression; None if it is not known.
        scope: Where that stands.
        line: The line on which it stands.
    """

    node: ast.expr | None
    scope: NameScope
    line: int


Row = Mapping[str, BoundValue]
"""What names stand for in one round of a loop, or in one row of a parametrized test."""


@dataclass(slots=True)
class FileNames:
    """What the names at the top of a file stand for.

    Attributes:
        module: The module that the file is; empty if no import can name it, or none should.
        imports: What its imports bind, wherever in the file they stand.
        defined: Functions and classes that it defines.
    """

    module: str
    imports: Imports
    defined: set[str] = field(default_factory=set)


@dataclass(eq=False, slots=True)
class NameScope:
    """The names of a module, class, function or comprehension.

    Attributes:
        file: The file that it stands in.
        parent: The one around it; around a test module that is the `conftest.py` beside it.
        values: What names stand for, in the order of the text.
        tables: Rows of names.
        parameters: Names that whoever calls it gives; pytest gives fixtures.
        fixtures: What the fixtures that it defines give.
    """

    file: FileNames
    parent: NameScope | None = None
    values: dict[str, list[BoundValue]] = field(default_factory=dict)
    tables: list[Sequence[Row]] = field(default_factory=list)
    parameters: frozenset[str] = frozenset()
    fixtures: dict[str, BoundValue] = field(default_factory=dict)

    def bind(self, name: str, node: ast.expr | None, line: int) -> None:
        """Note what a name stands for from a line on."""
        self.values.setdefault(name, []).append(BoundValue(node, self, line))

    def find(self, name: str, line: int) -> BoundValue | None:
        """Return what a name stands for on a line; None if nothing here binds it."""
        for scope in self.outwards():
            found = scope.values.get(name)
            if found:
                before = [each for each in found if scope is not self or each.line < line]
                return (before or found)[-1]
            if name in scope.parameters:
                return scope.fixture(name) or BoundValue(None, scope, line)
        return None

    def fixture(self, name: str) -> BoundValue | None:
        """Return what a fixture gives; None if there is no such fixture, or it cannot be told."""
        found = (scope.fixtures.get(name) for scope in self.outwards())
        return next((each for each in found if each is not None), None)

    def tables_of(self, names: set[str]) -> Iterator[Sequence[Row]]:
        """Yield the tables here and around that give one of these names."""
        for scope in self.outwards():
            yield from (table for table in scope.tables if table and not names.isdisjoint(table[0]))

    def outwards(self) -> Iterator[NameScope]:
        """Yield this scope and those around it."""
        scope: NameScope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent
