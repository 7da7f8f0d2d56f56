"""Find what a definition refers to: names, dotted names, members of its own class, and imports.

Annotations are ignored because they do not change behavior, as are names that a function binds itself
anywhere in its body.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import NamedTuple

from testsmith.languages.python.source.definitions import (
    Definition,
    Function,
    Placed,
    is_type_checking,
    statements,
)
from testsmith.model import MemberKind


class Via(Enum):
    """Where to start resolving a reference."""

    NAME = auto()
    """A name in the module."""
    MODULE = auto()
    """A module that the function imports itself."""
    OWN = auto()
    """The enclosing class: `self._total`."""
    BASE = auto()
    """The bases of the enclosing class: `super().total()`."""
    ANY = auto()
    """An object of unknown class: a private attribute, defined by any class."""
    CALL = auto()
    """An object of unknown class: a public method that is called."""
    FOLDER = auto()
    """A text that begins the names of modules to import: `"shop.formats."`."""


class Reference(NamedTuple):
    """A reference: where to start, and the names to follow.

    With `Via.MODULE`, the first name is the module's name.
    """

    via: Via
    names: tuple[str, ...]


class ImportTarget(NamedTuple):
    """Target of an import: a module, or a name in a module."""

    module: str
    name: str | None


@dataclass(slots=True)
class Imports:
    """Names bound by import statements.

    Attributes:
        package: Package that relative imports start from.
        names: Targets of each bound name; several if branches differ.
        stars: Modules imported with `*`.
    """

    package: str
    names: dict[str, tuple[ImportTarget, ...]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)

    def enter(self, statement: ast.stmt) -> None:
        """Add the names a statement binds, if it is an import."""
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                module = alias.name if alias.asname else alias.name.partition(".")[0]
                self._bind(alias.asname or module, ImportTarget(module, None))
        elif isinstance(statement, ast.ImportFrom):
            self._enter_from(statement)

    def _enter_from(self, statement: ast.ImportFrom) -> None:
        module = self._absolute(statement)
        if module is None:
            return
        for alias in statement.names:
            if alias.name == "*":
                self.stars.append(module)
            else:
                self._bind(alias.asname or alias.name, ImportTarget(module, alias.name))

    def _absolute(self, statement: ast.ImportFrom) -> str | None:
        """Return the module a `from` import names, or None if it goes beyond the top-level package."""
        if not statement.level:
            return statement.module
        parts = self.package.split(".")
        kept = parts[: len(parts) - statement.level + 1]
        if not kept or not kept[0]:
            return None
        return ".".join((*kept, statement.module) if statement.module else kept)

    def _bind(self, name: str, target: ImportTarget) -> None:
        known = self.names.get(name, ())
        if target not in known:
            self.names[name] = (*known, target)


def references(definition: Definition, package: str) -> frozenset[Reference]:
    """Return what a definition refers to; for a class, in its class-level statements."""
    is_method = definition.kind in {MemberKind.METHOD, MemberKind.CLASS_METHOD, MemberKind.PROPERTY}
    scope = _Scope(package=package, is_method=is_method)
    return frozenset(each for part in definition.parts for each in _of_part(part, scope))


def bases(definition: Definition) -> tuple[Reference, ...]:
    """Return the references to a class's bases, in order."""
    nodes = (part.statement for part in definition.parts)
    found = (base for node in nodes if isinstance(node, ast.ClassDef) for base in node.bases)
    return tuple(each for base in found for each in _uses(base, _Scope(package="")))


def makers(definition: Definition) -> tuple[Reference, ...]:
    """Return what is called to make a module constant: `_Cart` for `cart = _Cart()`."""
    found: list[Reference] = []
    for part in definition.parts if definition.kind is None else ():
        match part.statement:
            case (
                ast.Assign(targets=[ast.Name()], value=ast.Call(func=func))
                | ast.AnnAssign(target=ast.Name(), value=ast.Call(func=func))
            ):
                found += _uses(func, _Scope(package=""))
    return tuple(found)


def class_decorators(definition: Definition, package: str) -> frozenset[Reference]:
    """Return what the decorators of a class refer to; nothing for other definitions."""
    nodes = (part.statement for part in definition.parts)
    every = [each for node in nodes if isinstance(node, ast.ClassDef) for each in node.decorator_list]
    return frozenset(_all_uses(every, _Scope(package=package)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    """Name resolution context.

    Attributes:
        package: Package that relative imports start from.
        shadowed: Names bound by enclosing functions.
        imported: Names bound by import statements of enclosing functions.
        own: Name of a method's first parameter, usually `self`; `""` outside methods.
        is_method: Whether the next function encountered is a method.
    """

    package: str
    shadowed: frozenset[str] = frozenset()
    imported: Mapping[str, tuple[ImportTarget, ...]] = field(default_factory=dict)
    own: str = ""
    is_method: bool = False

    def inside(self, node: Function | ast.Lambda) -> _Scope:
        """Return the scope inside a function."""
        parameters = [each.arg for each in _parameters(node.args)]
        imports = Imports(self.package)
        bound = {*parameters, *_bound_in(node.body if isinstance(node.body, list) else [], imports)}
        own = "" if self.own in bound else self.own
        if self.is_method and parameters:
            own = parameters[0]
        return replace(
            self,
            shadowed=(self.shadowed | bound) - imports.names.keys(),
            imported={name: self.imported[name] for name in self.imported.keys() - bound} | imports.names,
            own=own,
            is_method=False,
        )

    def inside_comprehension(self, generators: Sequence[ast.comprehension]) -> _Scope:
        """Return the scope inside a comprehension."""
        bound = {name for each in generators for name in _stored(each.target)}
        return replace(self, shadowed=self.shadowed | bound)


def _parameters(arguments: ast.arguments) -> list[ast.arg]:
    variadic = [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *variadic]


def _stored(node: ast.AST) -> Iterator[str]:
    names = (each for each in ast.walk(node) if isinstance(each, ast.Name))
    return (each.id for each in names if not isinstance(each.ctx, ast.Load))


_OTHER_SCOPES = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)


def _bound_in(body: Sequence[ast.stmt], imports: Imports) -> set[str]:
    """Return the names that a function body binds, and add those it imports to `imports`."""
    found: set[str] = set()
    elsewhere: set[str] = set()
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Global):
            elsewhere.update(node.names)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            imports.enter(node)
        found.update(_names_bound_by(node))
        if not isinstance(node, _OTHER_SCOPES):
            waiting.extend(ast.iter_child_nodes(node))
    return (found | imports.names.keys()) - elsewhere


def _names_bound_by(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name


def _of_part(part: Placed, scope: _Scope) -> Iterator[Reference]:
    for _, conditions in part.guards:
        for condition in conditions:
            yield from _uses(condition, scope)
    node = part.statement
    if not isinstance(node, ast.ClassDef):
        yield from _uses(node, scope)
        return
    yield from _all_uses(node.keywords, scope)
    for inner in statements(node.body):
        if not isinstance(inner.statement, Function | ast.ClassDef):
            yield from _of_part(inner, scope)


def _all_uses(nodes: Iterable[ast.AST | None], scope: _Scope) -> Iterator[Reference]:
    for node in nodes:
        if node is not None:
            yield from _uses(node, scope)


def _uses(node: ast.AST, scope: _Scope) -> Iterator[Reference]:
    """Yield what a node refers to in a scope."""
    match node:
        case ast.Name(id=name):
            if isinstance(node.ctx, ast.Load):
                yield from _of_name(name, (), scope)
        case ast.Attribute():
            yield from _of_attribute(node, scope)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            yield from _of_function(node, scope)
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            inside = scope.inside_comprehension(node.generators)
            yield from _all_uses(ast.iter_child_nodes(node), inside)
        case ast.AnnAssign(target=target, value=value):
            yield from _all_uses((target, value), scope)
        case ast.If(test=test) if is_type_checking(test):
            yield from _all_uses(node.orelse, scope)
        case ast.Call():
            yield from _of_call(node, scope)
        case ast.Constant(value=str(text)) if _is_folder(text, scope.package):
            yield Reference(Via.FOLDER, (text.removesuffix("."),))
        case _:
            yield from _all_uses(ast.iter_child_nodes(node), scope)


def _of_call(node: ast.Call, scope: _Scope) -> Iterator[Reference]:
    """Yield what a call refers to, with the name of a public method of an object of unknown class."""
    match node.func:
        case ast.Name(id=name) if scope.own and name == scope.own:
            yield Reference(Via.OWN, ("__init__",))
            yield from _all_uses((*node.args, *node.keywords), scope)
            return
        case ast.Attribute(value=ast.Name(id=root)) if root not in scope.shadowed - {scope.own}:
            pass
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super"))):
            pass
        case ast.Attribute(attr=name) if not name.startswith("_"):
            yield Reference(Via.CALL, (name,))
    yield from _all_uses(ast.iter_child_nodes(node), scope)


def _is_folder(text: str, package: str) -> bool:
    """Return whether a text is the dotted name of a package within this one, with a dot at the end."""
    folder, _, rest = text.rpartition(".")
    return bool(package) and not rest and folder.startswith(f"{package.partition('.')[0]}.")


def _of_function(node: Function | ast.Lambda, scope: _Scope) -> Iterator[Reference]:
    """Yield what a function refers to; decorators and defaults are resolved in the enclosing scope."""
    outside = replace(scope, is_method=False)
    decorators = node.decorator_list if isinstance(node, Function) else []
    yield from _all_uses((*decorators, *node.args.defaults, *node.args.kw_defaults), outside)
    body = node.body if isinstance(node.body, list) else [node.body]
    yield from _all_uses(body, scope.inside(node))


def _of_attribute(node: ast.Attribute, scope: _Scope) -> Iterator[Reference]:
    names: list[str] = []
    root: ast.expr = node
    while isinstance(root, ast.Attribute):
        names.insert(0, root.attr)
        root = root.value
    match root:
        case ast.Name(id=name):
            yield from _of_name(name, tuple(names), scope)
        case ast.Call(func=ast.Name(id="super")):
            yield Reference(Via.BASE, (names[0],))
        case _:
            yield from _of_unknown(names)
            yield from _uses(root, scope)


def _of_name(name: str, attributes: tuple[str, ...], scope: _Scope) -> Iterator[Reference]:
    if scope.own and name == scope.own:
        if attributes:
            yield Reference(Via.OWN, attributes[:1])
        yield from _of_unknown(attributes[1:])
    elif name in scope.imported:
        for target in scope.imported[name]:
            parts = (target.module,) if target.name is None else (target.module, target.name)
            yield Reference(Via.MODULE, (*parts, *attributes))
    elif name in scope.shadowed:
        yield from _of_unknown(attributes)
    else:
        yield Reference(Via.NAME, (name, *attributes))


def _of_unknown(attributes: Iterable[str]) -> Iterator[Reference]:
    return (Reference(Via.ANY, (name,)) for name in attributes if is_private(name))


def is_private(name: str) -> bool:
    """Return whether a simple name is private: it has a leading underscore but is not a dunder name."""
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))
