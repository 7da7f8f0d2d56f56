"""One top-level package as a whole: what its modules define, import and export, and which name means what."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from testsmith.languages.driver import CannotParse, SourceTree
from testsmith.languages.python.definitions import Definition, definitions, statements
from testsmith.languages.python.modules import Module
from testsmith.languages.python.references import Imports, Reference, Via, bases, is_private, references
from testsmith.languages.python.syntax import SourceFile, read_source
from testsmith.model import MemberKind

MOST_HOMONYMS = 8
"""A private attribute of an object of unknown class is followed if at most so many classes have it."""


class Node(NamedTuple):
    """Something a module defines; the module itself where `name` is empty."""

    module: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Defined:
    """What is kept of a definition once its syntax tree is gone.

    Attributes:
        kind: What it is; None for a module constant.
        references: What it refers to.
        bases: Of a class: the references to its bases, in order.
    """

    kind: MemberKind | None
    references: frozenset[Reference]
    bases: tuple[Reference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a module defines, imports and exports.

    Attributes:
        module: The module.
        defined: What it defines, by dotted name.
        imports: What its import statements bind.
        exported: The names in `__all__`; None where it has none, or one that is not a plain list.
        used: The names that its code uses, annotations included.
    """

    module: Module
    defined: Mapping[str, Defined]
    imports: Imports
    exported: frozenset[str] | None
    used: frozenset[str]


def contents(module: Module, source: SourceFile) -> Contents:
    """Return what a module holds."""
    found = definitions(source.tree)
    imports = Imports(module.package)
    for placed in statements(source.tree.body):
        imports.enter(placed.statement)
    return Contents(
        module=module,
        defined={name: _defined(each, module) for name, each in found.items()},
        imports=imports,
        exported=_exported(found.get("__all__")),
        used=frozenset(_names_read(source.tree)),
    )


def _names_read(tree: ast.Module) -> Iterator[str]:
    names = (node for node in ast.walk(tree) if isinstance(node, ast.Name))
    return (node.id for node in names if isinstance(node.ctx, ast.Load))


def _defined(definition: Definition, module: Module) -> Defined:
    return Defined(
        kind=definition.kind,
        references=references(definition, module.package),
        bases=bases(definition) if definition.kind is MemberKind.CLASS else (),
    )


def _exported(definition: Definition | None) -> frozenset[str] | None:
    if definition is None:
        return None
    names: set[str] = set()
    for part in definition.parts:
        for node in ast.walk(part.statement):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
            elif isinstance(node, ast.Name) and node.id != "__all__":
                return None
    return frozenset(names)


class Package:
    """The modules of one top-level package, and what names in them mean."""

    def __init__(self, modules: Iterable[Contents]) -> None:
        self.modules: Mapping[str, Contents] = {each.module.name: each for each in modules}
        self._known: dict[tuple[str, str], Sequence[Node]] = {}

    @classmethod
    def read(cls, tree: SourceTree, modules: Iterable[Module]) -> Package:
        """Read a package's modules; one that cannot be read is left out, as if it were not there."""
        return cls(each for module in modules if (each := _read(tree, module)) is not None)

    def defined(self, node: Node) -> Defined | None:
        """Return what a node defines; None for a module, or where there is no such thing."""
        found = self.modules.get(node.module)
        return found.defined.get(node.name) if found is not None else None

    def nodes(self) -> Iterator[Node]:
        """Yield all that is defined, module by module."""
        for name, module in self.modules.items():
            for defined in module.defined:
                yield Node(name, defined)

    def find(self, module: str, name: str) -> Sequence[Node]:
        """Return what a name of a module means inside this package: definitions or modules."""
        key = (module, name)
        if key not in self._known:
            self._known[key] = list(self._find(key))
        return self._known[key]

    def _find(self, start: tuple[str, str]) -> Iterator[Node]:
        """Follow imports from one module to the next, each name once."""
        waiting, seen = [start], {start}
        for module, name in waiting:
            contents = self.modules.get(module)
            if contents is None:
                continue
            if name in contents.defined:
                yield Node(module, name)
            targets = contents.imports.names.get(name, ())
            yield from (Node(target.module, "") for target in targets if target.name is None)
            if f"{module}.{name}" in self.modules:
                yield Node(f"{module}.{name}", "")
            named = [(target.module, target.name) for target in targets if target.name is not None]
            stars = [(star, name) for star in contents.imports.stars if self.exports(star, name)]
            further = [key for key in (*named, *stars) if key not in seen]
            waiting.extend(further)
            seen.update(further)

    def exports(self, module: str, name: str) -> bool:
        """Tell whether `from module import *` would bind a name that the module has."""
        found = self.modules.get(module)
        if found is None:
            return False
        return name in found.exported if found.exported is not None else not name.startswith("_")

    def members(self, node: Node, name: str) -> Sequence[Node]:
        """Return what a class's attribute means: its own definition, or that of the nearest bases."""
        found: list[Node] = []
        waiting = [node]
        for each in waiting:
            own = Node(each.module, f"{each.name}.{name}")
            if self.defined(own) is not None:
                found.append(own)
            else:
                waiting.extend(base for base in self.bases(each) if base not in waiting)
        return found

    def bases(self, node: Node) -> tuple[Node, ...]:
        """Return a class's bases inside this package."""
        return self._bases.get(node, ())

    @cached_property
    def _bases(self) -> dict[Node, tuple[Node, ...]]:
        found: dict[Node, tuple[Node, ...]] = {}
        for node in self.nodes():
            defined = self.defined(node)
            if defined is not None and defined.bases:
                named = (each for base in defined.bases for each in self.follow(node, base))
                found[node] = tuple(each for each in dict.fromkeys(named) if self.is_class(each))
        return found

    @cached_property
    def _subclasses(self) -> dict[Node, list[Node]]:
        found: dict[Node, list[Node]] = {}
        for node, its_bases in self._bases.items():
            for base in its_bases:
                found.setdefault(base, []).append(node)
        return found

    def overrides(self, node: Node, name: str) -> Iterator[Node]:
        """Yield the definitions of an attribute in a class's subclasses, however far down."""
        waiting, seen = list(self._subclasses.get(node, ())), {node}
        while waiting:
            subclass = waiting.pop()
            if subclass in seen:
                continue
            seen.add(subclass)
            waiting.extend(self._subclasses.get(subclass, ()))
            if self.defined(own := Node(subclass.module, f"{subclass.name}.{name}")) is not None:
                yield own

    def is_class(self, node: Node) -> bool:
        """Tell whether a node is a class."""
        defined = self.defined(node)
        return defined is not None and defined.kind is MemberKind.CLASS

    def parts(self, node: Node) -> Sequence[Node]:
        """Return all that is defined inside a class."""
        return self._parts.get(node, ())

    @cached_property
    def _parts(self) -> dict[Node, list[Node]]:
        found: dict[Node, list[Node]] = {}
        for node in self.nodes():
            around = node.name.rpartition(".")[0]
            while around:
                found.setdefault(Node(node.module, around), []).append(node)
                around = around.rpartition(".")[0]
        return found

    def is_function(self, node: Node) -> bool:
        """Tell whether a node is a function of a module."""
        defined = self.defined(node)
        return defined is not None and defined.kind is MemberKind.FUNCTION

    def follow(self, node: Node, reference: Reference) -> Sequence[Node]:
        """Return what a reference in a node's code means inside this package."""
        via, names = reference
        enclosing = Node(node.module, node.name.rpartition(".")[0])
        match via:
            case Via.NAME:
                return self._walk(self.find(node.module, names[0]), names[1:])
            case Via.MODULE:
                return self._walk([Node(names[0], "")], names[1:])
            case Via.OWN:
                return (*self.members(enclosing, names[0]), *self.overrides(enclosing, names[0]))
            case Via.BASE:
                return tuple(each for base in self.bases(enclosing) for each in self.members(base, names[0]))
            case Via.ANY:
                return self._anywhere(names[0])

    def _walk(self, starts: Iterable[Node], names: Sequence[str]) -> Sequence[Node]:
        """Follow the parts of a dotted name; what lies behind an object is found by private names only."""
        reached, at = dict[Node, None](), dict.fromkeys(starts)
        for number, name in enumerate(names):
            further = dict[Node, None]()
            for node in at:
                found = self._step(node, name)
                if found is None:
                    private = (each for each in names[number:] if is_private(each))
                    reached |= dict.fromkeys(
                        (node, *(each for one in private for each in self._anywhere(one)))
                    )
                else:
                    further |= dict.fromkeys(found)
            at = further
        return [node for node in (reached | at) if node.name]

    def _step(self, node: Node, name: str) -> Sequence[Node] | None:
        """Return what a module's or class's attribute means; None where the node is no such thing."""
        if not node.name:
            return self.find(node.module, name)
        return (self.members(node, name) or None) if self.is_class(node) else None

    def _anywhere(self, name: str) -> Sequence[Node]:
        """Return the class members with a private name; none where too many share it to mean anything."""
        found = self._private_members.get(name, ())
        return found if len(found) <= MOST_HOMONYMS else ()

    @cached_property
    def _private_members(self) -> dict[str, list[Node]]:
        found: dict[str, list[Node]] = {}
        for node in self.nodes():
            around, _, plain = node.name.rpartition(".")
            if around and is_private(plain):
                found.setdefault(plain, []).append(node)
        return found


def _read(tree: SourceTree, module: Module) -> Contents | None:
    data = tree.read(module.path)
    if data is None:
        return None
    try:
        return contents(module, read_source(module.path, data))
    except (CannotParse, RecursionError):
        return None
