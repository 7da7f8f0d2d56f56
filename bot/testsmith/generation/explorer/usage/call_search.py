"""Looks for the calls of one function, or of one class and its methods, in what was read of a project."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, product, zip_longest

from testsmith.generation.explorer.render.expressions import Expression, Import
from testsmith.generation.explorer.usage.call_reader import FoundCall, Reading
from testsmith.generation.explorer.usage.scopes import Row
from testsmith.generation.explorer.usage.standalone import Resolver, names_in
from testsmith.generation.explorer.usage.usage_calls import UsedArgument, UsedCall

MOST_CALLS = 24
"""How many calls of one member are told."""

_MOST_SITES = 80
_MOST_ROWS_A_SITE = 16
_MOST_TABLES = 3
_MOST_OBJECTS = 4
_LONG = 60
_COMMON = frozenset(name for kind in (str, bytes, list, dict, set) for name in dir(kind))
"""Names of methods that an object of unknown class may well have of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What is looked for.

    Attributes:
        name: The dotted name of a function, or of a class.
        is_class: Whether it is a class.
        modules: The modules that may have it: its own, and the packages around that.
        imported: How tests import it.
        allowed: Top-level modules, beside the standard library's, that its inputs may come from.
        owned: Those of them that are the project's own.
    """

    name: str
    is_class: bool
    modules: frozenset[str]
    imported: Import
    allowed: frozenset[str]
    owned: frozenset[str]

    def paths(self, name: str) -> set[str]:
        """Return the dotted names by which the modules may have something."""
        return {f"{module}.{name}" for module in self.modules}

    def is_made_by(self, maker: str) -> bool:
        """Return whether a dotted name is that of the class, or of a class method of it."""
        paths = self.paths(self.name) if self.is_class else set()
        return maker in paths or maker.rpartition(".")[0] in paths


class Search:
    """Looks for one thing, and keeps what it found.

    Args:
        sought: What is looked for.
        readings: Where.
    """

    def __init__(self, sought: Sought, readings: Sequence[Reading]) -> None:
        self._sought = sought
        self._readings = readings
        self._imports = {sought.imported.bound: sought.imported}
        self._found: dict[str, list[UsedCall]] = {}
        self._objects: list[Expression] | None = None

    def calls(self, name: str) -> list[UsedCall]:
        """Return the calls of the function, the class or a method of it, the most telling first.

        Args:
            name: Its dotted name; of a method that of the class comes first.
        """
        if name not in self._found:
            self._found[name] = self._calls(name)
        return self._found[name]

    def objects(self, methods: Iterable[str]) -> list[Expression]:
        """Return what makes objects of the class, the most frequent first, then the shortest.

        Args:
            methods: Names of its methods, class methods that make objects among them.
        """
        if self._objects is None:
            self._objects = self._made_objects(methods) if self._sought.is_class else []
        return self._objects

    def _calls(self, name: str) -> list[UsedCall]:
        """Return the calls of something, those of different sites by turns."""
        sites: list[list[UsedCall]] = []
        for found in _with_last_name(_last(name), self._readings):
            is_told = found.documents == _last(name)  # by the documentation of the member itself
            if len(sites) < _MOST_SITES and not is_told and self._is_of(name, found):
                sites.append(self._site(found))
        turns = [call for call in chain.from_iterable(zip_longest(*sites)) if call is not None]
        return sorted(_unique(turns), key=_rank)[:MOST_CALLS]

    def _is_of(self, name: str, found: FoundCall) -> bool:
        """Return whether a call names this, or is made on an object of its class, or of one not known."""
        function = found.node.func
        if any(isinstance(argument, ast.Starred) for argument in found.node.args):
            return False
        paths = {*self._resolver().paths(function, found.scope, found.node.lineno)}
        if paths or not isinstance(function, ast.Attribute):
            return bool(paths & self._sought.paths(name))
        if name == self._sought.name or not self._sought.is_class:
            return False
        maker = self._maker(function.value, found)
        return self._sought.is_made_by(maker) or (not maker and self._may_be_of_class(found))

    def _may_be_of_class(self, found: FoundCall) -> bool:
        """Return whether a call on an object of unknown class stands where the package is used."""
        file = found.scope.file
        targets = [target.module for each in file.imports.names.values() for target in each]
        is_near = not self._sought.modules.isdisjoint({file.module, *targets, *file.imports.stars})
        return is_near and _last(ast.unparse(found.node.func)) not in _COMMON

    def _maker(self, node: ast.expr, found: FoundCall) -> str:
        return self._resolver().maker(node, found.scope, found.node.lineno)

    def _site(self, found: FoundCall) -> list[UsedCall]:
        """Return one call, for each row of the tables that it stands in."""
        stand_ins = self._stand_ins(found)
        calls = [self._call(found, self._resolver(row, stand_ins)) for row in _rows(found)]
        return [call for call in calls if not call.arguments or any(each.value for each in call.arguments)]

    def _stand_ins(self, found: FoundCall) -> dict[str, Expression]:
        """Return an object of the class for the name of one of which nothing is known."""
        match found.node.func:
            case ast.Attribute(value=ast.Name(id=name) as node) if self._objects and not self._maker(
                node, found
            ):
                return {name: self._objects[0]}
        return {}

    def _call(self, found: FoundCall, resolver: Resolver) -> UsedCall:
        node, scope, line = found.node, found.scope, found.node.lineno
        pairs = [("", value) for value in node.args]
        pairs += [(each.arg or "**", each.value) for each in node.keywords]
        values = [(name, self._settled(resolver.expression(value, scope, line))) for name, value in pairs]
        return UsedCall(
            arguments=tuple(
                UsedArgument(name=name, value=None if name == "**" else value) for name, value in values
            ),
            receiver=self._receiver(found, resolver),
            where=found.where,
            fails=found.fails,
        )

    def _receiver(self, found: FoundCall, resolver: Resolver) -> Expression | None:
        function = found.node.func
        if not isinstance(function, ast.Attribute):
            return None
        if not self._sought.is_made_by(self._maker(function.value, found)):
            return None
        return self._settled(resolver.expression(function.value, found.scope, found.node.lineno))

    def _made_objects(self, methods: Iterable[str]) -> list[Expression]:
        counts: Counter[Expression] = Counter()
        for name in (_last(self._sought.name), *methods, "partial"):
            for found in islice(_with_last_name(name, self._readings), _MOST_SITES):
                if not found.fails and self._sought.is_made_by(self._maker(found.node, found)):
                    counts.update(self._made(found))
        ranked = sorted(counts, key=lambda each: (-counts[each], len(each.text), each.text))
        return ranked[:_MOST_OBJECTS]

    def _made(self, found: FoundCall) -> Iterator[Expression]:
        node = found.node
        is_partial = _last(ast.unparse(node.func)) == "partial"
        whole = ast.copy_location(ast.Call(node, [], []), node) if is_partial else node
        for row in _rows(found):
            made = self._settled(self._resolver(row).expression(whole, found.scope, node.lineno))
            if made is not None:
                yield made

    def _resolver(
        self, row: Row | None = None, stand_ins: Mapping[str, Expression] | None = None
    ) -> Resolver:
        return Resolver(row or {}, self._sought.allowed, self._sought.owned, stand_ins or {})

    def _settled(self, expression: Expression | None) -> Expression | None:
        """Return an expression whose imports go together with all others of this usage; None for no such."""
        if expression is None:
            return None
        settled = {self._imports.setdefault(each.bound, each) for each in expression.imports}
        same = all(self._is_same(each, self._imports[each.bound]) for each in expression.imports)
        return replace(expression, imports=frozenset(settled)) if same else None

    def _is_same(self, one: Import, other: Import) -> bool:
        """Return whether two imports bind a name to the same: a package's modules may pass it on."""
        tops = {each.module.partition(".")[0] for each in (one, other)}
        return one == other or (one.name == other.name != "" and len(tops) == 1)


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _with_last_name(name: str, readings: Sequence[Reading]) -> Iterator[FoundCall]:
    return chain.from_iterable(reading.calls.get(name, ()) for reading in readings)


def _rows(found: FoundCall) -> Iterator[Row]:
    """Yield what names stand for in the rows of the tables around a call; one empty row without tables."""
    names = names_in([found.node])
    for _ in range(_MOST_TABLES):
        bound = [each for name in names if (each := found.scope.find(name, found.node.lineno)) is not None]
        names |= names_in([each.node for each in bound if each.node is not None])
    tables = [*islice(found.scope.tables_of(names), _MOST_TABLES)]
    for rows in islice(product(*tables), _MOST_ROWS_A_SITE):
        yield {name: bound for row in rows for name, bound in row.items()}


def _unique(calls: Iterable[UsedCall]) -> list[UsedCall]:
    """Return the calls without those whose inputs came before."""
    found: dict[object, UsedCall] = {}
    for call in calls:
        found.setdefault((call.arguments, call.receiver), call)
    return [*found.values()]


def _rank(call: UsedCall) -> tuple[bool, bool, int, bool]:
    """Return what goes first: what succeeds, what is known as a whole, where it stands, what is short."""
    length = sum(len(each.value.text) for each in call.arguments if each.value)
    return call.fails, not call.is_whole, call.where, length > _LONG
