"""Analyze a top-level package: what its modules define, import and export, and what names resolve to.

A name is public if neither it nor an enclosing class starts with an underscore and it is defined in a public
module, or re-exported under its own name by a public module of the same package. A name that is public only
under an alias stays private, because its id would not say what to import. The public methods of a private
class are public if a public constant is an instance of it.
"""

from __future__ import annotations

import ast
import builtins
import io
import keyword
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from testsmith.languages.python.source.definitions import Definition, definitions, statements
from testsmith.languages.python.source.parsing import LineSpan, SourceFile, read_source
from testsmith.languages.python.source.projects import parts_of
from testsmith.languages.python.source.references import (
    Imports,
    ImportTarget,
    Reference,
    Via,
    bases,
    class_decorators,
    is_private,
    makers,
    references,
)
from testsmith.languages.source import CannotParse, SourceTree
from testsmith.model import MemberKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A file as an importable module.

    Attributes:
        name: Dotted name, such as `shop.cart`.
        path: File path relative to the Git root.
    """

    name: str
    path: str

    @property
    def is_package(self) -> bool:
        """Whether the file is a package's `__init__.py`."""
        return self.path.endswith("__init__.py")

    @property
    def package(self) -> str:
        """Package that relative imports start from, or `""` for a top-level module."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @property
    def is_public(self) -> bool:
        """Whether no part of the name starts with an underscore."""
        return not any(part.startswith("_") for part in self.name.split("."))


@dataclass(frozen=True, slots=True)
class SourceRoots:
    """Folders that imports start from, innermost first, relative to the Git root (`""` for the root)."""

    folders: tuple[str, ...]

    @classmethod
    def of(cls, project: str, tree: SourceTree) -> SourceRoots:
        """Return the roots of a project and its parts: the folder and its `src/` unless that is a package."""
        found: list[str] = []
        for folder in (*parts_of(tree, project), project):
            source = f"{folder}/src" if folder else "src"
            is_package = tree.read(f"{source}/__init__.py") is not None
            found += (folder,) if is_package else (source, folder)
        return cls(tuple(found))

    def module(self, path: str) -> Module | None:
        """Return the module for a path, or None if it cannot be imported by name."""
        for folder in self.folders:
            prefix = f"{folder}/" if folder else ""
            if path.startswith(prefix):
                name = _dotted(path.removeprefix(prefix))
                return Module(name=name, path=path) if name else None
        return None

    def package_files(self, paths: Iterable[str]) -> dict[str, list[Module]]:
        """Return the modules of each top-level package or module, by its name."""
        found: dict[str, list[Module]] = {}
        for path in paths:
            module = self.module(path) if path.endswith(".py") else None
            if module is not None:
                found.setdefault(top_level(module.name), []).append(module)
        return found


def top_level(name: str) -> str:
    """Return the first part of a dotted name."""
    return name.partition(".")[0]


def _dotted(path: str) -> str:
    parts = path.removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts) if all(map(_is_importable, parts)) else ""


def _is_importable(part: str) -> bool:
    is_name = part.isidentifier() and not keyword.iskeyword(part)
    # Python NFKC-normalizes names in import statements, and would look for a different file.
    return is_name and unicodedata.normalize("NFKC", part) == part


CONSTRUCTORS = ("__init__", "__new__", "__post_init__")
"""Methods that run when an object is created."""

_METHODS = (MemberKind.METHOD, MemberKind.CLASS_METHOD, MemberKind.STATIC_METHOD)

MOST_HOMONYMS = 8
"""An attribute of an object of unknown class is followed if at most this many definitions have it: classes a
private one, callers a method."""

_METHODS_OF_BUILTINS = frozenset(
    name for kind in (bytearray, dict, io.BytesIO, list, re.Pattern, set, str) for name in dir(kind)
)


class Node(NamedTuple):
    """A definition in a module, or the module itself if `name` is empty."""

    module: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Defined:
    """A definition without its syntax tree.

    Attributes:
        kind: Kind of member, or None for a module constant.
        references: What it refers to; for a class, without its decorators.
        bases: For a class, the references to its bases, in order.
        decorators: For a class, the references in its decorators.
        makers: For a module constant, the references to what is called to make it.
        spans: Lines of its parts.
    """

    kind: MemberKind | None
    references: frozenset[Reference]
    bases: tuple[Reference, ...]
    makers: tuple[Reference, ...]
    decorators: frozenset[Reference]
    spans: tuple[LineSpan, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleContents:
    """Definitions, imports and exports of a module.

    Attributes:
        module: The module.
        defined: Definitions by dotted name.
        imports: Names bound by import statements.
        exported: Names in `__all__`, or None if it is missing or not a plain list.
        used: Names that the code uses, including in annotations.
    """

    module: Module
    defined: Mapping[str, Defined]
    imports: Imports
    exported: frozenset[str] | None
    used: frozenset[str]


def contents(module: Module, source: SourceFile) -> ModuleContents:
    """Return the definitions, imports and exports of a module."""
    found = definitions(source.tree)
    imports = Imports(module.package)
    for placed in statements(source.tree.body):
        imports.enter(placed.statement)
    return ModuleContents(
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
        makers=makers(definition),
        decorators=class_decorators(definition, module.package),
        spans=definition.spans,
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
    """Modules of one top-level package, with name resolution."""

    def __init__(self, modules: Iterable[ModuleContents]) -> None:
        self.modules: Mapping[str, ModuleContents] = {each.module.name: each for each in modules}
        self._known: dict[tuple[str, str], Sequence[Node]] = {}

    @classmethod
    def read(cls, tree: SourceTree, modules: Iterable[Module]) -> Package:
        """Read a package's modules; unreadable modules are ignored."""
        return cls(each for module in modules if (each := _read(tree, module)) is not None)

    def defined(self, node: Node) -> Defined | None:
        """Return a node's definition, or None for a module or an unknown name."""
        found = self.modules.get(node.module)
        return found.defined.get(node.name) if found is not None else None

    def nodes(self) -> Iterator[Node]:
        """Yield all definitions, module by module."""
        for name, module in self.modules.items():
            for defined in module.defined:
                yield Node(name, defined)

    def find(self, module: str, name: str) -> Sequence[Node]:
        """Return the definitions or modules of this package that a name in a module resolves to."""
        key = (module, name)
        if key not in self._known:
            self._known[key] = list(self._find(key))
        return self._known[key]

    def _find(self, start: tuple[str, str]) -> Iterator[Node]:
        """Follow imports from module to module, visiting each name once."""
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
        """Return whether `from module import *` would bind a name of the module."""
        found = self.modules.get(module)
        if found is None:
            return False
        return name in found.exported if found.exported is not None else not name.startswith("_")

    def members(self, node: Node, name: str) -> Sequence[Node]:
        """Return what a class attribute resolves to: its own definition, or that of its nearest bases."""
        found: list[Node] = []
        waiting = [node]
        for each in waiting:
            own = Node(each.module, f"{each.name}.{name}")
            if self.defined(own) is not None:
                found.append(own)
            else:
                waiting.extend(base for base in self.bases(each) if base not in waiting)
        return found

    def inherited(self, node: Node, name: str) -> Sequence[Node]:
        """Return what an attribute of the bases of a class resolves to."""
        return [each for base in self.bases(node) for each in self.members(base, name)]

    def is_inherited_from_python(self, node: Node, name: str) -> bool:
        """Return whether a class has an attribute of `object` or of another builtin base."""
        if hasattr(object, name):
            return True
        named = [
            base.names
            for each in (node, *self.bases(node))
            if (defined := self.defined(each)) is not None
            for base in defined.bases
        ]
        kinds = (getattr(builtins, names[0], None) for names in named if len(names) == 1)
        return any(isinstance(kind, type) and hasattr(kind, name) for kind in kinds)

    def bases(self, node: Node) -> tuple[Node, ...]:
        """Return the bases of a class that are in this package."""
        if node not in self._bases:
            self._bases[node] = ()  # while they are looked for, which may lead through the class itself
            defined = self.defined(node)
            named = (each for base in (defined.bases if defined else ()) for each in self.follow(node, base))
            self._bases[node] = tuple(each for each in dict.fromkeys(named) if self.is_class(each))
        return self._bases[node]

    @cached_property
    def _bases(self) -> dict[Node, tuple[Node, ...]]:
        """Bases of the classes that were asked for."""
        return {}

    @cached_property
    def _subclasses(self) -> dict[Node, list[Node]]:
        found: dict[Node, list[Node]] = {}
        for node in self.nodes():
            for base in self.bases(node):
                found.setdefault(base, []).append(node)
        return found

    def overrides(self, node: Node, name: str) -> Iterator[Node]:
        """Yield what an attribute is in direct and indirect subclasses, also from their other bases."""
        waiting, seen = list(self._subclasses.get(node, ())), {node}
        found = set(self.members(node, name))
        while waiting:
            subclass = waiting.pop()
            if subclass in seen:
                continue
            seen.add(subclass)
            waiting.extend(self._subclasses.get(subclass, ()))
            new = [each for each in self.members(subclass, name) if each not in found]
            found.update(new)
            yield from new

    def is_class(self, node: Node) -> bool:
        """Return whether a node is a class."""
        defined = self.defined(node)
        return defined is not None and defined.kind is MemberKind.CLASS

    def parts(self, node: Node) -> Sequence[Node]:
        """Return all definitions inside a class."""
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
        """Return whether a node is a module-level function."""
        defined = self.defined(node)
        return defined is not None and defined.kind is MemberKind.FUNCTION

    def is_method(self, node: Node) -> bool:
        """Return whether a node is a method of a class that a test may call, other than a special one."""
        defined, name = self.defined(node), node.name.rpartition(".")[2]
        return defined is not None and defined.kind in _METHODS and not is_dunder(name)

    def follow(self, node: Node, reference: Reference) -> Sequence[Node]:
        """Return what a reference in a node's code resolves to in this package."""
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
                return self.inherited(enclosing, names[0])
            case Via.FOLDER:
                return self._inside(names[0])
            case Via.ANY | Via.CALL:
                return self._anywhere(names[0])

    def _inside(self, folder: str) -> Sequence[Node]:
        """Return the definitions of the modules in a package."""
        modules = [name for name in self.modules if name.rpartition(".")[0] == folder]
        return [Node(one, name) for one in modules for name in self.modules[one].defined if "." not in name]

    def callers(self, name: str) -> Sequence[Node]:
        """Return what calls a method of this name; nothing if too much does or a builtin type has it."""
        found = self._callers.get(name, ())
        return found if len(found) <= MOST_HOMONYMS and name not in _METHODS_OF_BUILTINS else ()

    @cached_property
    def _callers(self) -> dict[str, list[Node]]:
        found: dict[str, list[Node]] = {}
        for node in self.nodes():
            defined = self.defined(node)
            for via, names in defined.references if defined is not None else ():
                if via is Via.CALL:
                    found.setdefault(names[0], []).append(node)
        return found

    def _walk(self, starts: Iterable[Node], names: Sequence[str]) -> Sequence[Node]:
        """Resolve the parts of a dotted name; attributes of unknown objects only by private name."""
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
        """Return what an attribute of a module or class resolves to, or None for other nodes."""
        if not node.name:
            return self.find(node.module, name)
        return (self.members(node, name) or None) if self.is_class(node) else None

    def _anywhere(self, name: str) -> Sequence[Node]:
        """Return the class members with a private name; nothing for a public one, or if too many share it."""
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


def _read(tree: SourceTree, module: Module) -> ModuleContents | None:
    data = tree.read(module.path)
    if data is None:
        return None
    try:
        return contents(module, read_source(module.path, data))
    except (CannotParse, RecursionError):
        return None


# Public names.


def is_dunder(name: str) -> bool:
    """Return whether the last part of a dotted name is a dunder name, such as `Reader.__init__`."""
    plain = name.rpartition(".")[2]
    return len(plain) > 4 and plain.startswith("__") and plain.endswith("__")  # noqa: PLR2004 - four underscores


def has_public_name(name: str) -> bool:
    """Return whether a dotted name is public judging by underscores.

    Dunder methods of a public class are, and `__getattr__` of a module, which gives it further names.
    """
    around, _, plain = name.rpartition(".")
    if is_dunder(name):
        return has_public_name(around) if around else plain == "__getattr__"
    return not plain.startswith("_") and (not around or has_public_name(around))


class PublicModules:
    """Maps each name of a package to the public module it should be imported from.

    Args:
        package: The package.
        tested: Top-level names of private modules that count as public, because the project's tests use them.
    """

    def __init__(self, package: Package, tested: Collection[Node] = ()) -> None:
        self._package = package
        self._tested = tested

    def module_for(self, module: Module, name: str) -> str | None:
        """Return the module that a public definition is imported from, or None if it is private.

        For a method that tests call on an `instance`, it is the module that defines its class.
        """
        offered = self._module_of(module, name)
        return module.name if offered is None and self.instance(Node(module.name, name)) else offered

    def instance(self, node: Node) -> str:
        """Return the public constant that a private class's method is called on, or `""`."""
        return self._instances.get(node, "")

    def _module_of(self, module: Module, name: str) -> str | None:
        if not has_public_name(name):
            return None
        if module.is_public or (not self._has_public and not module.name.startswith("_")):
            return module.name
        node = Node(module.name, name.partition(".")[0])
        own = module.name if node in self._tested else None
        return min(self._offers.get(node, ()), key=_nearest, default=own)

    def is_public(self, node: Node) -> bool:
        """Return whether a node of the package is public."""
        contents = self._package.modules.get(node.module)
        return contents is not None and self.module_for(contents.module, node.name) is not None

    @cached_property
    def _has_public(self) -> bool:
        """Whether a public module defines a public name, or imports anything of the package.

        A program may have none: its command imports a private module, and its tests do, too.
        """
        public = [each for each in self._package.modules.values() if each.module.is_public]
        defined = (item for each in public for item in each.defined.items())
        sources = (source for each in public for source in _imported_modules(each))
        public_names = (name for name, found in defined if found.kind is not None and has_public_name(name))
        is_any = not all(map(is_dunder, public_names))
        return is_any or any(source in self._package.modules for source in sources)

    @cached_property
    def _instances(self) -> dict[Node, str]:
        """Public constants by the methods of the private classes that they are instances of."""
        found: dict[Node, list[str]] = {}
        for module, contents in self._package.modules.items():
            for name in contents.defined:
                for made in self._classes_of(Node(module, name)):
                    offered = self._module_of(contents.module, name)
                    for method in self._methods(made) if offered is not None else ():
                        found.setdefault(method, []).append(f"{offered}.{name}")
        return {method: min(names, key=_nearest) for method, names in found.items()}

    def _classes_of(self, constant: Node) -> Iterator[Node]:
        """Yield the classes that are called to make a constant."""
        defined = self._package.defined(constant)
        for reference in defined.makers if defined is not None else ():
            is_dotted = len(reference.names) > 1
            for made in self._package.follow(constant, reference):
                # Of `_Cart.empty()`, the class is found, too, if it inherits `empty` from elsewhere.
                if self._package.is_class(made) and (not is_dotted or made.name == reference.names[-1]):
                    yield made

    def _methods(self, made: Node) -> Iterator[Node]:
        """Yield the methods of a class and its bases that are only public on an instance."""
        package = self._package
        for part in (part for each in (made, *package.bases(made)) for part in package.parts(each)):
            name = part.name.rpartition(".")[2]
            is_called = not is_private(name) and name not in CONSTRUCTORS and not package.is_class(part)
            module = package.modules[part.module].module
            if is_called and part in package.members(made, name) and not self._module_of(module, part.name):
                yield part

    @cached_property
    def _offers(self) -> dict[Node, list[str]]:
        """Public modules that re-export each name of a private module."""
        found: dict[Node, list[str]] = {}
        for contents in self._package.modules.values():
            if contents.module.is_public:
                for node in _offered(self._package, contents):
                    found.setdefault(node, []).append(contents.module.name)
        return found


def _nearest(name: str) -> tuple[int, str]:
    """Return the sort key of a dotted name, shortest first."""
    return name.count("."), name


def private_modules(package: Package) -> Iterator[tuple[ModuleContents, bool]]:
    """Yield the private modules of a package, and whether a public one imports each or anything from it."""
    public = [each for each in package.modules.values() if each.module.is_public]
    imported = {source for each in public for source in _imported_modules(each)}
    for name, each in package.modules.items():
        if not each.module.is_public:
            yield each, name in imported


def _imported_modules(contents: ModuleContents) -> Iterator[str]:
    """Yield the modules that a module imports, and what may be one: names that it imports from others."""
    for targets in contents.imports.names.values():
        for target in targets:
            yield target.module
            if target.name is not None:
                yield f"{target.module}.{target.name}"
    yield from contents.imports.stars


def _offered(package: Package, contents: ModuleContents) -> Iterator[Node]:
    """Yield what a public module re-exports under the same name."""
    module = contents.module.name
    imported = [
        name for name, targets in contents.imports.names.items() if _is_offered(contents, name, targets)
    ]
    starred = (name for star in contents.imports.stars for name in _names_of_star(package, star))
    for name in dict.fromkeys((*imported, *(each for each in starred if _is_listed(contents, each)))):
        yield from (node for node in package.find(module, name) if node.name == name)
    for name, defined in contents.defined.items():
        reference = _aliased(name, defined)
        if reference is not None and _is_listed(contents, name):
            yield from (node for node in package.follow(Node(module, name), reference) if node.name == name)


def _is_listed(contents: ModuleContents, name: str) -> bool:
    return contents.exported is None or name in contents.exported


def _is_offered(contents: ModuleContents, name: str, targets: tuple[ImportTarget, ...]) -> bool:
    """Return whether an imported name is a re-export.

    `__all__` decides if it exists. Otherwise every import in an `__init__.py` is a re-export; in another
    module, only imports that its own code does not use are.
    """
    if contents.exported is not None:
        return name in contents.exported
    is_for_others = contents.module.is_package or name not in contents.used
    return is_for_others and any(target.name is not None for target in targets)


def _aliased(name: str, defined: Defined) -> Reference | None:
    """Return what a module constant refers to if it is just `name = _module.name`."""
    if defined.kind is not None or len(defined.references) != 1:
        return None
    (reference,) = defined.references
    is_alias = reference.via is Via.NAME and len(reference.names) > 1 and reference.names[-1] == name
    return reference if is_alias else None


def _names_of_star(package: Package, module: str) -> Iterator[str]:
    """Yield the names that `from module import *` binds."""
    waiting = [module]
    for name in waiting:
        contents = package.modules.get(name)
        if contents is None:
            continue
        if contents.exported is not None:
            yield from contents.exported
        else:
            names = (*contents.defined, *contents.imports.names)
            yield from (each for each in names if not each.startswith("_"))
            waiting.extend(star for star in contents.imports.stars if star not in waiting)
