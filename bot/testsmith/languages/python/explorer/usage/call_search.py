"""Find the calls of a function, or of a class and its methods, in the files of a project."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, zip_longest

from testsmith.languages.python.explorer.render.expressions import Expression, Import
from testsmith.languages.python.explorer.usage.call_reader import FoundCall, Reading
from testsmith.languages.python.explorer.usage.scopes import Row, rows_around
from testsmith.languages.python.explorer.usage.standalone import Resolver
from testsmith.languages.python.explorer.usage.usage_calls import UsedArgument, UsedCall

MOST_CALLS = 24
"""Maximum number of calls returned per member."""

_MOST_SITES = 80
_MOST_ROWS_A_SITE = 16
_MOST_OBJECTS = 4
_LONG = 60
_COMMON = frozenset(name for kind in (str, bytes, list, dict, set) for name in dir(kind))
"""Method names so common that an object of unknown class may have them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What to search for.

    Attributes:
        name: Dotted name of a function or class.
        is_class: Whether it is a class.
        modules: Modules it may be imported from: its own and the enclosing packages.
        imported: How tests import it.
        allowed: Top-level modules, besides the standard library, that inputs may come from.
        owned: The project's own modules among them.
    """

    name: str
    is_class: bool
    modules: frozenset[str]
    imported: Import
    allowed: frozenset[str]
    owned: frozenset[str]

    def paths(self, name: str) -> set[str]:
        """Return the dotted names under which the modules may provide a name."""
        return {f"{module}.{name}" for module in self.modules}

    def is_made_by(self, maker: str) -> bool:
        """Return whether a dotted name is the class or one of its class methods."""
        paths = self.paths(self.name) if self.is_class else set()
        return maker in paths or maker.rpartition(".")[0] in paths


class Search:
    """Searches for one definition, and keeps the results.

    Args:
        sought: What to search for.
        readings: Files to search.
    """

    def __init__(self, sought: Sought, readings: Sequence[Reading]) -> None:
        self._sought = sought
        self._readings = readings
        self._imports = {sought.imported.bound: sought.imported}
        self._found: dict[str, list[UsedCall]] = {}
        self._objects: list[Expression] | None = None

    def calls(self, name: str) -> list[UsedCall]:
        """Return the calls of the function, class or method, most informative first.

        Args:
            name: Dotted name; for a method, it starts with the name of the class.
        """
        if name not in self._found:
            self._found[name] = self._calls(name)
        return self._found[name]

    def objects(self, methods: Iterable[str]) -> list[Expression]:
        """Return expressions that create objects of the class, most frequent first, then shortest.

        Args:
            methods: Names of its methods, including class methods that create objects.
        """
        if self._objects is None:
            self._objects = self._made_objects(methods) if self._sought.is_class else []
        return self._objects

    def _calls(self, name: str) -> list[UsedCall]:
        """Return the calls of a definition, alternating between sites."""
        sites: list[list[UsedCall]] = []
        for found in _with_last_name(_last(name), self._readings):
            is_told = found.documents == _last(name)  # in the member's own documentation
            if len(sites) < _MOST_SITES and not is_told and self._is_of(name, found):
                sites.append(self._site(found))
        turns = [call for call in chain.from_iterable(zip_longest(*sites)) if call is not None]
        return sorted(_unique(turns), key=_rank)[:MOST_CALLS]

    def _is_of(self, name: str, found: FoundCall) -> bool:
        """Return whether a call is of this definition, or on an object of its or an unknown class."""
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
        """Return whether a call on an object of unknown class is in a file that uses the package."""
        file = found.scope.file
        targets = [target.module for each in file.imports.names.values() for target in each]
        is_near = not self._sought.modules.isdisjoint({file.module, *targets, *file.imports.stars})
        return is_near and _last(ast.unparse(found.node.func)) not in _COMMON

    def _maker(self, node: ast.expr, found: FoundCall) -> str:
        return self._resolver().maker(node, found.scope, found.node.lineno)

    def _site(self, found: FoundCall) -> list[UsedCall]:
        """Return one call, or one for each row of the tables around it."""
        stand_ins = self._stand_ins(found)
        calls = [
            self._call(found, self._resolver(row, stand_ins))
            for row in rows_around(found.node, found.scope, _MOST_ROWS_A_SITE)
        ]
        return [call for call in calls if not call.arguments or any(each.value for each in call.arguments)]

    def _stand_ins(self, found: FoundCall) -> dict[str, Expression]:
        """Return an object of the class for the name of an object that nothing is known about."""
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
        for row in rows_around(found.node, found.scope, _MOST_ROWS_A_SITE):
            made = self._settled(self._resolver(row).expression(whole, found.scope, node.lineno))
            if made is not None:
                yield made

    def _resolver(
        self, row: Row | None = None, stand_ins: Mapping[str, Expression] | None = None
    ) -> Resolver:
        return Resolver(row or {}, self._sought.allowed, self._sought.owned, stand_ins or {})

    def _settled(self, expression: Expression | None) -> Expression | None:
        """Return an expression if its imports are compatible with others of this usage, or None."""
        if expression is None:
            return None
        settled = {self._imports.setdefault(each.bound, each) for each in expression.imports}
        same = all(self._is_same(each, self._imports[each.bound]) for each in expression.imports)
        return replace(expression, imports=frozenset(settled)) if same else None

    def _is_same(self, one: Import, other: Import) -> bool:
        """Return whether two imports bind a name to the same thing, allowing for re-exports in a package."""
        tops = {each.module.partition(".")[0] for each in (one, other)}
        return one == other or (one.name == other.name != "" and len(tops) == 1)


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _with_last_name(name: str, readings: Sequence[Reading]) -> Iterator[FoundCall]:
    return chain.from_iterable(reading.calls.get(name, ()) for reading in readings)


def _unique(calls: Iterable[UsedCall]) -> list[UsedCall]:
    """Return the calls without repeated inputs."""
    found: dict[object, UsedCall] = {}
    for call in calls:
        found.setdefault((call.arguments, call.receiver), call)
    return [*found.values()]


def _rank(call: UsedCall) -> tuple[bool, bool, int, bool]:
    """Return the sort key of a call: success, completeness, location, length."""
    length = sum(len(each.value.text) for each in call.arguments if each.value)
    return call.fails, not call.is_whole, call.where, length > _LONG
