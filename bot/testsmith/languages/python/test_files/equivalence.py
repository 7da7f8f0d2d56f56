"""Compare definitions up to renaming (alpha-equivalence).

Two definitions with the same identity do the same: their text is equal except for their own names and those
of the module's other definitions and imports. This recognizes a test that was added to a file under another
name. Annotations are ignored.
"""

from __future__ import annotations

import ast
import copy
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from testsmith.languages.python.source.definitions import Function, last_name
from testsmith.languages.python.test_files.test_modules import (
    inner_statements,
    is_fixture,
    is_test_name,
    parametrized_arguments,
)

NAMING_FIXTURES = frozenset({"usefixtures", "getfixturevalue"})
"""pytest functions whose string arguments name fixtures."""


_OWN_SCOPE = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)


class Condition(Enum):
    """Outermost construct that contains a top-level statement."""

    NONE = auto()
    TRY = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundName:
    """A place where a module binds a top-level name.

    Attributes:
        statement: Import, definition or assignment that binds it.
        imported: Import target, such as `shop.cart:Cart` or `shop.cart:` for a module, or None.
        condition: Construct that contains it.
    """

    statement: ast.stmt
    imported: str | None
    condition: Condition

    @property
    def runs(self) -> frozenset[str]:
        """Full import targets of its statement: `shop.cart:` for `import shop.cart`, which binds `shop`."""
        if isinstance(self.statement, ast.Import):
            return frozenset(f"{alias.name}:" for alias in self.statement.names)
        return frozenset() if self.imported is None else frozenset({self.imported})

    @property
    def is_fixture(self) -> bool:
        """Whether it is a pytest fixture."""
        return isinstance(self.statement, Function) and is_fixture(self.statement)


Bindings = Mapping[str, Sequence[BoundName]]
"""All places where each top-level name of a module is bound."""


def module_bindings(tree: ast.Module) -> Bindings:
    """Return the top-level bindings of a module, except loop variables and similar."""
    found: dict[str, list[BoundName]] = {}
    for statement, condition in _statements(tree.body, Condition.NONE):
        for name, imported in _bound_by(statement):
            bound = BoundName(statement=statement, imported=imported, condition=condition)
            found.setdefault(name, []).append(bound)
    return found


def fixture_names(bindings: Bindings) -> frozenset[str]:
    """Return the top-level names that are pytest fixtures."""
    return frozenset(name for name, places in bindings.items() if any(each.is_fixture for each in places))


def fixture_parameters(function: Function) -> set[str]:
    """Return the parameters of a test or fixture that pytest fills; empty for other functions."""
    if not (is_test_name(function.name) or is_fixture(function)):
        return set()
    given = parametrized_arguments(function.decorator_list)
    return {argument.arg for argument in _parameters(function)}.difference(given)


def without_fallbacks(places: Sequence[BoundName]) -> Sequence[BoundName]:
    """Return only the first import if all bindings of a name are branches of `try: import ...`."""
    is_tried = places[0].imported is not None and all(each.condition is Condition.TRY for each in places)
    return places[:1] if is_tried else places


class Identities:
    """Identities of one module's names."""

    def __init__(self, bindings: Bindings) -> None:
        self._bindings = bindings
        self._fixtures = fixture_names(bindings)
        self._known: dict[str, str] = {}

    def of(self, name: str) -> str:
        """Return a name's identity: a digest, or the name itself if the module does not bind it."""
        if name not in self._bindings:
            return name
        if name not in self._known:
            self._known[name] = "itself"
            places = without_fallbacks(self._bindings[name])
            shapes = dict.fromkeys(each.imported or self._shape(each.statement, name) for each in places)
            self._known[name] = "=" + hashlib.sha256("\n".join(shapes).encode()).hexdigest()
        return self._known[name]

    def _shape(self, statement: ast.stmt, own_name: str) -> str:
        """Return a statement's syntax tree as text, with names replaced by their identities."""
        meanings = _Meanings(lambda name: "itself" if name == own_name else self.of(name), self._fixtures)
        return ast.dump(meanings.visit(copy.deepcopy(statement)))


@dataclass(frozen=True, slots=True)
class _Scope:
    """Names bound in one function, comprehension or class, and whether it is a class."""

    names: set[str]
    is_class: bool = False


class _Meanings(ast.NodeTransformer):
    """Replaces a module's names by their identities; local names stay."""

    def __init__(self, meaning: Callable[[str], str], fixtures: frozenset[str]) -> None:
        self._meaning = meaning
        self._fixtures = fixtures
        self._scopes: list[_Scope] = []

    def visit(self, node: ast.AST) -> ast.AST:
        """Transform a node and its children."""
        match node:
            case ast.Name():
                node.id = self._resolved(node.id)
            case ast.Global():
                node.names = [self._meaning(name) for name in node.names]
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._visit_function(node)
            case ast.Lambda():
                self._visit_scope(_Scope({each.arg for each in _parameters(node)}), node)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self.visit(node.generators[0].iter)  # evaluated outside the comprehension's scope
                targets = (name for each in node.generators for name in _stored(each.target))
                self._visit_scope(_Scope(set(targets)), node)
            case ast.AnnAssign():
                node.annotation = ast.Constant(None)
                self.generic_visit(node)
            case ast.ClassDef():
                self._visit_class(node)
            case _:
                self._visit_texts(node)
                self.generic_visit(node)
        return node

    def _visit_function(self, node: Function) -> None:
        self._visit_each(*node.decorator_list, *node.args.defaults, *node.args.kw_defaults)
        node.returns = None
        asked = fixture_parameters(node) & self._fixtures
        self._name_definition(node)
        for argument in _parameters(node):
            argument.annotation = None
            argument.arg = self._meaning(argument.arg) if argument.arg in asked else argument.arg
        self._scopes.append(
            _Scope((_local_names(node.body) | {each.arg for each in _parameters(node)}) - asked)
        )
        self._visit_each(*node.body)
        self._scopes.pop()

    def _visit_class(self, node: ast.ClassDef) -> None:
        self._visit_each(*node.decorator_list, *node.bases, *node.keywords)
        self._name_definition(node)
        self._scopes.append(_Scope(_local_names(node.body), is_class=True))
        self._visit_each(*node.body)
        self._scopes.pop()

    def _visit_scope(self, scope: _Scope, node: ast.AST) -> None:
        self._scopes.append(scope)
        self.generic_visit(node)
        self._scopes.pop()

    def _visit_each(self, *nodes: ast.AST | None) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    def _name_definition(self, node: Function | ast.ClassDef) -> None:
        """Clear the name of a top-level definition, which is not part of its behavior."""
        if not self._scopes:
            node.name = "itself"

    def _visit_texts(self, node: ast.AST) -> None:
        if isinstance(node, ast.Call) and last_name(node) in NAMING_FIXTURES:
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    argument.value = self._meaning(argument.value)

    def _resolved(self, name: str) -> str:
        visible = [scope for scope in self._scopes if not scope.is_class or scope is self._scopes[-1]]
        return name if any(name in scope.names for scope in visible) else self._meaning(name)


def _statements(body: Sequence[ast.stmt], condition: Condition) -> Iterator[tuple[ast.stmt, Condition]]:
    for statement in body:
        yield statement, condition
        if not isinstance(statement, Function | ast.ClassDef):
            inner = Condition.TRY if isinstance(statement, ast.Try | ast.TryStar) else Condition.OTHER
            yield from _statements(
                inner_statements(statement),
                inner if condition is Condition.NONE else condition,
            )


def _bound_by(statement: ast.stmt) -> Iterator[tuple[str, str | None]]:
    match statement:
        case ast.Import(names=names):
            yield from (_imported_module(alias) for alias in names)
        case ast.ImportFrom(names=names, module=module, level=level):
            origin = "." * level + (module or "")
            yield from ((alias.asname or alias.name, f"{origin}:{alias.name}") for alias in names)
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name, None
        case ast.Assign(targets=targets):
            yield from ((name, None) for target in targets for name in _stored(target))
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            yield from ((name, None) for name in _stored(target))


def _imported_module(alias: ast.alias) -> tuple[str, str]:
    if alias.asname is not None:
        return alias.asname, f"{alias.name}:"
    top = alias.name.partition(".")[0]
    return top, f"{top}:"


def _stored(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load):
            yield inner.id


def _local_names(body: Sequence[ast.stmt]) -> set[str]:
    """Return the names that the statements of a function or class bind in its own scope."""
    local: set[str] = set()
    shared: set[str] = set()
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        local.update(_bound_locally(node))
        if isinstance(node, ast.Global):
            shared.update(node.names)
        if not isinstance(node, _OWN_SCOPE):
            waiting.extend(ast.iter_child_nodes(node))
    return local - shared


def _bound_locally(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.alias(name=name, asname=alias):
            yield alias or name.partition(".")[0]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            yield name


def _parameters(function: Function | ast.Lambda) -> Sequence[ast.arg]:
    given = function.args
    rest = [each for each in (given.vararg, given.kwarg) if each is not None]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *rest]
