"""What the declarations of modules use of each other, by their names.

Types are not resolved: a method is found by `this`, or by its name where its class is named, too. Other
modules are followed by relative imports only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from testsmith.languages.effects import ChangeInUse, effects
from testsmith.languages.syntax_tree import field, text_of
from testsmith.languages.typescript.source.declarations import (
    CLASSES,
    DEFAULT,
    TypeScriptDeclaration,
    names_bound,
)
from testsmith.languages.typescript.source.packages import DeclarationKey, Modules

if TYPE_CHECKING:
    from tree_sitter import Node

_MOST_BASES = 5
"""Maximum number of base classes in which a method is looked up."""

_BINDING = {
    "required_parameter": "pattern",
    "optional_parameter": "pattern",
    "variable_declarator": "name",
    "for_in_statement": "left",
    "catch_clause": "parameter",
    "arrow_function": "parameter",
}


@dataclass(frozen=True, slots=True)
class CodeNames:
    """Names in a piece of code.

    Attributes:
        plain: Identifiers that it does not bind itself, in order.
        fields: Properties that it selects.
        own: Properties that it selects of `this` and `super`.
        selected: Properties that it selects of a name.
    """

    plain: tuple[str, ...]
    fields: frozenset[str]
    own: frozenset[str]
    selected: frozenset[tuple[str, str]]


def names_in(declaration: TypeScriptDeclaration) -> CodeNames:
    """Return the names that a declaration uses, without those in declarations of their own."""
    plain: dict[str, None] = {}
    fields: set[str] = set()
    own: set[str] = set()
    selected: set[tuple[str, str]] = set()
    bound: set[str] = set()
    for one in _nodes(declaration):
        if one.type in {"identifier", "shorthand_property_identifier"}:
            plain[text_of(one)] = None
        elif one.type == "member_expression":
            name, of = text_of(field(one, "property")), field(one, "object")
            fields.add(name)
            if of is not None and of.type in {"this", "super"}:
                own.add(name)
            elif of is not None and of.type == "identifier":
                selected.add((text_of(of), name))
        elif one.type in _BINDING and one != declaration.whole:
            bound.update(names_bound(field(one, _BINDING[one.type])))
        if one.type == "variable_declarator":
            own_name = declaration.plain_name if one == declaration.node else ""
            selected.update(_taken_apart(one, own_name))
    bound.discard("")
    return CodeNames(
        tuple(name for name in plain if name not in bound),
        frozenset(fields),
        frozenset(own),
        frozenset(pair for pair in selected if pair[0] not in bound),
    )


def _taken_apart(declarator: Node, wanted: str) -> Iterator[tuple[str, str]]:
    """Yield what `const { a, b: c } = name` selects of a name, only for one new name if it is given."""
    pattern, value = field(declarator, "name"), field(declarator, "value")
    if pattern is None or value is None or pattern.type != "object_pattern" or value.type != "identifier":
        return
    for one in pattern.named_children:
        if not wanted or wanted in {text_of(one), *names_bound(one)}:
            key = field(one, "key") or field(one, "left") or one
            yield text_of(value), text_of(key)


def _nodes(declaration: TypeScriptDeclaration) -> Iterator[Node]:
    for root in declaration.nodes:
        waiting = [root]
        while waiting:
            one = waiting.pop()
            if one.id not in declaration.apart and one.type != "comment":
                yield one
                waiting += reversed(one.children)


class References:
    """The uses of declarations in the modules of a tree; each module is read once."""

    def __init__(self, modules: Modules) -> None:
        self.modules = modules
        self._used: dict[str, Mapping[str, list[DeclarationKey]]] = {}
        self._users: dict[str, Mapping[DeclarationKey, list[str]]] = {}

    def declaration(self, key: DeclarationKey) -> TypeScriptDeclaration | None:
        """Return a declaration; None if it is missing."""
        file = self.modules.file(key.path)
        return None if file is None else file.declared.get(key.name)

    def used_by(self, key: DeclarationKey) -> list[DeclarationKey]:
        """Return what a declaration uses, in order of first use."""
        return self._uses(key.path).get(key.name, [])

    def users(self, key: DeclarationKey) -> Iterator[DeclarationKey]:
        """Yield what uses a declaration: in its own module, then in modules that import it."""
        file = self.modules.file(key.path)
        if file is None:
            return
        is_exported = key.name.partition(".")[0] in file.outline.exports.values() or "." in key.name
        for path in (key.path, *(self.modules.importers(key.path) if is_exported else ())):
            for name in self._users_in(path).get(key, ()):
                yield DeclarationKey(path, name)

    def effects(
        self, changed: Collection[DeclarationKey], limit: int
    ) -> dict[DeclarationKey, ChangeInUse[DeclarationKey]]:
        """Return the declarations that use a changed one over few references; see `languages.effects`."""

        def is_member(key: DeclarationKey) -> bool:
            declaration = self.declaration(key)
            return declaration is not None and declaration.is_member and not declaration.is_constructor

        return effects(sorted(changed), lambda key, _: self.users(key), limit, is_member)

    def _users_in(self, path: str) -> Mapping[DeclarationKey, list[str]]:
        if path not in self._users:
            found = defaultdict(list)
            for name, used in self._uses(path).items():
                for key in used:
                    found[key].append(name)
            self._users[path] = found
        return self._users[path]

    def _uses(self, path: str) -> Mapping[str, list[DeclarationKey]]:
        if path not in self._used:
            file = self.modules.file(path)
            declared = {} if file is None else file.declared
            self._used[path] = {
                name: [
                    key
                    for key in dict.fromkeys(self._used_in(path, one))
                    if key != DeclarationKey(path, name)
                ]
                for name, one in declared.items()
            }
        return self._used[path]

    def _used_in(self, path: str, declaration: TypeScriptDeclaration) -> Iterator[DeclarationKey]:
        """Yield what a declaration uses of its own module and of others."""
        names = names_in(declaration)
        if declaration.around:
            yield from self._with_constructor(self._meant(path, declaration.around))
            for name in sorted(names.own):
                yield from self._method(self._meant(path, declaration.around), name)
        meant = {name: key for name in names.plain if (key := self._meant(path, name)) is not None}
        for key in meant.values():
            yield from self._with_constructor(key)
        for name, selected in sorted(names.selected):
            if name not in meant:
                yield from self._of_namespace(path, name, selected)
        for key in meant.values():
            for name in sorted(names.fields):
                yield from self._method(key, name)

    def _meant(self, path: str, name: str) -> DeclarationKey | None:
        """Return the declaration that a name means in a module."""
        file = self.modules.file(path)
        if file is None or name in file.declared:
            return None if file is None else DeclarationKey(path, name)
        binding = file.imports.get(name)
        if binding is None or (binding.imported == "*" and not binding.is_required):
            return None
        imported = DEFAULT if binding.imported == "*" else binding.imported
        return self.modules.exported(self.modules.resolved(binding.source, path), imported)

    def _of_namespace(self, path: str, name: str, selected: str) -> Iterator[DeclarationKey]:
        """Yield what is selected of an imported module."""
        file = self.modules.file(path)
        binding = None if file is None else file.imports.get(name)
        if binding is not None and binding.imported in {"*", DEFAULT}:
            key = self.modules.exported(self.modules.resolved(binding.source, path), selected)
            yield from self._with_constructor(key)

    def _with_constructor(self, key: DeclarationKey | None) -> Iterator[DeclarationKey]:
        if key is not None:
            yield key
            constructor = replace(key, name=f"{key.name}.constructor")
            if self.declaration(constructor) is not None:
                yield constructor

    def _method(self, key: DeclarationKey | None, name: str) -> Iterator[DeclarationKey]:
        """Yield a method of a class or object, or of one of its base classes."""
        for _ in range(_MOST_BASES):
            if key is None:
                return
            method = replace(key, name=f"{key.name}.{name}")
            if self.declaration(method) is not None:
                yield method
                return
            base = _base_of(self.declaration(key))
            key = self._meant(key.path, base) if base else None


def _base_of(declaration: TypeScriptDeclaration | None) -> str:
    """Return the name of the class that a class extends; empty if it extends none."""
    if declaration is None or declaration.node.type not in CLASSES:
        return ""
    heritage = next((one for one in declaration.node.children if one.type == "class_heritage"), None)
    clauses = [] if heritage is None else heritage.named_children
    return next((text_of(field(one, "value")) for one in clauses if one.type == "extends_clause"), "")
