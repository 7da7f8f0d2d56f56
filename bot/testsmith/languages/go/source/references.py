"""What the declarations of a Go package use of each other, by their names.

Types are not resolved, so a name is resolved by its spelling: a method is found by its name if that is not
exported and no other type has it, and otherwise only if its type is named, too. Uses across packages are not
followed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from testsmith.languages.effects import ChangeInUse, effects
from testsmith.languages.go.source.declarations import (
    FUNCTIONS,
    Declaration,
    DeclarationKind,
    is_exported,
)
from testsmith.languages.go.source.packages import GoFile
from testsmith.languages.go.source.parsing import tokens
from testsmith.languages.syntax_tree import field, text_of, walk

if TYPE_CHECKING:
    from tree_sitter import Node

_BINDING = {
    "parameter_declaration": "name",
    "variadic_parameter_declaration": "name",
    "short_var_declaration": "left",
    "range_clause": "left",
    "type_switch_statement": "alias",
    "var_spec": "name",
    "const_spec": "name",
}


@dataclass(frozen=True, slots=True)
class Names:
    """Names in a piece of code.

    Attributes:
        plain: Identifiers and names of types that it does not bind itself, in order.
        fields: What it selects from values and packages, and keys of composite literals.
    """

    plain: tuple[str, ...]
    fields: frozenset[str]


def names_in(node: Node) -> Names:
    """Return the names in a piece of code."""
    plain: dict[str, None] = {}
    fields: set[str] = set()
    own = frozenset(bound_in(node))
    for one in walk(node, {"comment"}):
        match one.type:
            case "identifier":
                if text_of(one) not in own:
                    plain[text_of(one)] = None
                if one.parent is not None and one.parent.type == "literal_element":
                    fields.add(text_of(one))
            case "type_identifier":
                plain[text_of(one)] = None
            case "field_identifier":
                fields.add(text_of(one))
    return Names(tuple(plain), frozenset(fields))


def bound_in(node: Node) -> Iterator[str]:
    """Yield the local names that a piece of code binds, in any of its blocks."""
    for one in walk(node, {"comment"}):
        name = _BINDING.get(one.type)
        if name is None or one.id == node.id:
            continue
        for bound in one.children_by_field_name(name):
            yield from (text_of(each) for each in walk(bound) if each.type == "identifier")


@dataclass(frozen=True, eq=False)
class PackageNames:
    """The declarations of a package and their uses of each other.

    Attributes:
        files: Its files.
    """

    files: Sequence[GoFile]

    @cached_property
    def declared(self) -> Mapping[str, tuple[GoFile, Declaration]]:
        """Files and declarations by name, without `init` and `_`, which nothing can name."""
        return {
            one.name: (file, one)
            for file in self.files
            for one in file.declarations
            if one.plain_name not in {"init", "_"}
        }

    @cached_property
    def _names(self) -> Mapping[str, Names]:
        return {name: names_in(one.node) for name, (_, one) in self.declared.items()}

    @cached_property
    def _methods(self) -> Mapping[str, list[str]]:
        found = defaultdict(list)
        for name, (_, one) in self.declared.items():
            if one.kind is DeclarationKind.METHOD:
                found[one.plain_name].append(name)
        return found

    @cached_property
    def _methods_of(self) -> Mapping[str, list[str]]:
        found = defaultdict(list)
        for name, (_, one) in self.declared.items():
            found[one.receiver].append(name)
        return found

    def used_by(self, name: str) -> list[str]:
        """Return the names of what a declaration of the package uses, in order of first use.

        What uses a type that is not exported may run all of its methods, because an interface calls them.
        """
        names, (_, declaration) = self._names[name], self.declared[name]
        named = set(names.plain) | {declaration.receiver}
        used = [each for each in names.plain if each in self.declared]
        for each in used[:]:
            if not is_exported(each) and each != declaration.receiver:
                used += self._methods_of[each]
        for each in sorted(names.fields & self._methods.keys()):
            methods = self._methods[each]
            is_clear = len(methods) == 1 and not is_exported(each)
            used += [method for method in methods if is_clear or method.rpartition(".")[0] in named]
        return [one for one in dict.fromkeys(used) if one != name]

    @cached_property
    def users(self) -> Mapping[str, list[str]]:
        """Names of what uses a declaration, by its name."""
        found = defaultdict(list)
        for name in self.declared:
            for used in self.used_by(name):
                found[used].append(name)
        return found

    @cached_property
    def makers(self) -> Mapping[str, list[Declaration]]:
        """Exported functions whose results have a type, by its name."""
        found = defaultdict(list)
        for _, one in self.declared.values():
            result = field(one.node, "result")
            if one.kind is DeclarationKind.FUNCTION and one.is_exported and result is not None:
                for name in names_in(result).plain:
                    found[name].append(one)
        return found

    def fields_of(self, name: str) -> frozenset[str]:
        """Return the fields that a declaration selects or sets."""
        return self._names[name].fields

    def effects(
        self, changed: Mapping[str, Collection[str] | None], limit: int
    ) -> dict[str, ChangeInUse[str]]:
        """Return the declarations that use a changed one over few references; see `languages.effects`.

        Args:
            changed: Names of what changed. Of a struct, those of its fields that changed: only what uses one
                of them is affected directly. None for everything else.
            limit: Maximum number of references.
        """

        def users(name: str, step: int) -> Iterator[str]:
            fields = changed.get(name) if step == 1 else None
            for user in self.users.get(name, ()):
                if fields is None or not self.fields_of(user).isdisjoint(fields):
                    yield user

        return effects(sorted(changed), users, limit, lambda name: self.declared[name][1].is_member)


def changed_fields(before: Declaration, after: Declaration) -> Collection[str] | None:
    """Return the fields that differ between two structs; none for an interface, None for anything else."""
    if after.kind is not DeclarationKind.TYPE:
        return None
    kind = field(after.node, "type")
    if kind is not None and kind.type == "interface_type":
        return ()
    if kind is None or kind.type != "struct_type":
        return None
    old, new = _fields(before), _fields(after)
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


def _fields(struct: Declaration) -> dict[str, tuple[str, ...]]:
    found = {}
    for node in walk(struct.node):
        if node.type == "field_declaration":
            names = [text_of(name) for name in node.children_by_field_name("name")]
            for name in names or [text_of(field(node, "type")).lstrip("*").rpartition(".")[2]]:
                found[name] = tuple(tokens(node))
    return found


def has_body(declaration: Declaration) -> bool:
    """Return whether a declaration is a function written in Go."""
    return declaration.kind in FUNCTIONS and field(declaration.node, "body") is not None
