"""The modules of a tree: which package a file belongs to, and which other modules it imports."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from testsmith.languages.source import CannotParse, SourceTree, nearest_folder
from testsmith.languages.syntax_tree import ParsedText, decode
from testsmith.languages.typescript.running.manifest import MANIFEST, manifest_in
from testsmith.languages.typescript.source.aliases import Aliases
from testsmith.languages.typescript.source.declarations import (
    DEFAULT,
    ModuleOutline,
    TypeScriptDeclaration,
    outline,
)
from testsmith.languages.typescript.source.parsing import parse_tolerant
from testsmith.languages.typescript.test_files.imports import ImportBinding, bindings_of

TYPED_ENDINGS = (".ts", ".tsx", ".mts", ".cts")
"""Endings of modules in TypeScript."""

ENDINGS = (*TYPED_ENDINGS, ".js", ".jsx", ".mjs", ".cjs")
"""Endings of modules."""

_DECLARATIONS = re.compile(r"\.d\.([^./]+\.)?[cm]?ts$")
_TEST = re.compile(r"(?:.*[._-])?(?:test|spec)\.[cm]?[jt]sx?|test-.+\.[cm]?[jt]sx?")
_TEST_FOLDERS = frozenset({"__tests__", "__mocks__", "test", "tests"})
_FOREIGN_FOLDERS = frozenset({"node_modules", "bower_components"})
_TYPED_ENDING = {".js": (".ts", ".tsx"), ".jsx": (".tsx",), ".mjs": (".mts",), ".cjs": (".cts",)}
_SPECIFIER = re.compile(
    rb"""(?:\bfrom|\brequire\s*\(|\bimport\s*\(|\bimport)\s*["'](?P<source>[^"'\n]+)["']"""
)
_RE_EXPORT = re.compile(rb"""\bexport\s[^;"'()]*?\bfrom\s*["'][^"'\n]+["']""")
_MOST_FILES = 5_000
"""Maximum number of modules that are searched for imports of a module."""

_MOST_IMPORTERS = 300
"""Maximum number of modules that import a module and are read."""

_MOST_HOPS = 80
"""Maximum number of modules in which an export is looked up."""


def is_module(path: str) -> bool:
    """Return whether a file is a module with code that runs, not only with declarations of types."""
    return path.endswith(ENDINGS) and _DECLARATIONS.search(path) is None


def is_test(path: str) -> bool:
    """Return whether a module is a test or supports tests: by its name, or by a folder of tests above it."""
    return is_module(path) and (is_named_as_test(path) or not _TEST_FOLDERS.isdisjoint(path.split("/")[:-1]))


def is_named_as_test(path: str) -> bool:
    """Return whether a module is a test by its name."""
    return _TEST.fullmatch(posixpath.basename(path)) is not None


def is_run(path: str) -> bool:
    """Return whether a module is a test that is run, not one of types (`x.test-d.ts`)."""
    return is_test(path) and not posixpath.basename(path).rpartition(".")[0].endswith("-d")


def project_folder(tree: SourceTree, path: str, opened: str) -> str:
    """Return the nearest folder above a file with a `package.json`, or else the opened folder."""
    return nearest_folder(path, opened, lambda folder: declares_package(tree, folder))


def declares_package(tree: SourceTree, folder: str) -> bool:
    """Return whether a folder has the manifest of a package, not one that only says how files load."""
    manifest = manifest_in(tree.read(posixpath.join(folder, MANIFEST)))
    return manifest is not None and bool(manifest.name or manifest.scripts or manifest.needs_packages)


@dataclass(frozen=True, eq=False)
class TypeScriptFile:
    """A module of a package.

    Attributes:
        path: Relative to the git root.
        file: Its text.
    """

    path: str
    file: ParsedText

    @cached_property
    def outline(self) -> ModuleOutline:
        """What it declares and exports."""
        return outline(self.file)

    @cached_property
    def declared(self) -> Mapping[str, TypeScriptDeclaration]:
        """Its declarations by name, in order."""
        return {one.name: one for one in self.outline.declarations}

    @cached_property
    def imports(self) -> Mapping[str, ImportBinding]:
        """What it imports, by the names that it uses for it; without types."""
        return {one.local: one for one in bindings_of(self.file) if not one.is_type}

    @cached_property
    def is_common_js(self) -> bool:
        """Whether it exports by `module.exports` or imports by `require`."""
        kinds = {node.type for node in self.file.root.named_children}
        return kinds.isdisjoint({"import_statement", "export_statement"}) and (
            "module.exports" in self.file.text or "exports." in self.file.text or "require(" in self.file.text
        )


@dataclass(frozen=True, slots=True, order=True)
class DeclarationKey:
    """A declaration of a tree.

    Attributes:
        path: Its file.
        name: Its name there.
    """

    path: str
    name: str


class Modules:
    """The modules of one tree; each is read once."""

    def __init__(self, tree: SourceTree) -> None:
        self.tree = tree
        self._read: dict[str, TypeScriptFile | None] = {}

    @cached_property
    def paths(self) -> frozenset[str]:
        """Paths of all modules, tests too, without those of other packages that are kept in the tree."""
        return frozenset(
            path
            for path in self.tree.paths()
            if is_module(path) and _FOREIGN_FOLDERS.isdisjoint(path.split("/"))
        )

    @cached_property
    def _names(self) -> Mapping[str, list[str]]:
        found = defaultdict(list)
        for path in self.tree.paths():
            found[posixpath.dirname(path)].append(posixpath.basename(path))
        return found

    def names_in(self, folder: str) -> Sequence[str]:
        """Return the names of the files in a folder."""
        return self._names.get(folder, [])

    def file(self, path: str) -> TypeScriptFile | None:
        """Return a module; None if it is missing or cannot be read."""
        if path not in self._read:
            data = self.tree.read(path)
            try:
                self._read[path] = (
                    None if data is None else TypeScriptFile(path, parse_tolerant(decode(data), path))
                )
            except CannotParse:
                self._read[path] = None
        return self._read[path]

    @cached_property
    def _aliases(self) -> Aliases:
        return Aliases(self.tree.read, self.tree.paths())

    def resolved(self, source: str, path: str, *, packages: bool = True) -> str | None:
        """Return the path of a module of the tree that a file imports; None for any other.

        Args:
            source: What it imports, as it is written: a relative path, an alias, or a package.
            path: The file.
            packages: Whether it may be the name of a package.
        """
        if source in {".", ".."} or source.startswith(("./", "../")):
            return self._at(posixpath.normpath(posixpath.join(posixpath.dirname(path), source)))
        found = map(self._at, self._aliases.targets(source, path, packages=packages))
        return next(filter(None, found), None)

    def _at(self, joined: str) -> str | None:
        """Return the path of the module that is meant by a path, which may lack its ending."""
        target = "" if joined == "." else joined
        stem, ending = posixpath.splitext(target)
        candidates = [
            target,
            *(f"{stem}{one}" for one in _TYPED_ENDING.get(ending, ())),
            *(f"{target}{one}" for one in ENDINGS),
            *(posixpath.join(target, f"index{one}") for one in ENDINGS),
        ]
        return next((one for one in candidates if one in self.paths), None)

    def exported(self, path: str | None, name: str) -> DeclarationKey | None:
        """Return what a module exports by a name, wherever it is declared; None if it cannot be found."""
        seen: set[tuple[str, str]] = set()
        waiting = [(path, name)]
        while waiting and len(seen) < _MOST_HOPS:
            where, wanted = waiting.pop(0)
            file = None if where is None or (where, wanted) in seen else self.file(where)
            if where is None or file is None:
                continue
            seen.add((where, wanted))
            local = file.outline.exports.get(wanted, "")
            if local in file.declared:
                return DeclarationKey(where, local)
            if local in file.imports:
                binding = file.imports[local]
                waiting.append((self.resolved(binding.source, where), binding.imported))
            for one in file.outline.re_exports:
                if one.name == wanted or (one.name == "*" and wanted != DEFAULT):
                    imported = wanted if one.name == "*" else one.imported
                    waiting.append((self.resolved(one.source, where), imported))
            if wanted != DEFAULT and file.is_common_js:
                waiting.append((where, DEFAULT))
        return None

    def importers(self, path: str) -> Sequence[str]:
        """Return the modules, without tests, that import a module or what exports it again."""
        found: dict[str, None] = {}
        waiting = [path]
        importers, re_exporters = self._links
        while waiting and len(found) < _MOST_IMPORTERS:
            for one in importers.get(waiting.pop(0), ()):
                if one not in found:
                    found[one] = None
                    if one in re_exporters:
                        waiting.append(one)
        return list(found)[:_MOST_IMPORTERS]

    @cached_property
    def _links(self) -> tuple[Mapping[str, list[str]], frozenset[str]]:
        """The modules that import each module, and those that export again what others export."""
        importers: dict[str, list[str]] = defaultdict(list)
        re_exporters = set()
        for path in sorted(path for path in self.paths if not is_test(path))[:_MOST_FILES]:
            data = self.tree.read(path) or b""
            sources = {match["source"].decode("utf-8", "replace") for match in _SPECIFIER.finditer(data)}
            found = {self.resolved(source, path, packages=False) for source in sources}
            for target in found - {None, path}:
                importers[str(target)].append(path)
            if _RE_EXPORT.search(data):
                re_exporters.add(path)
        return importers, frozenset(re_exporters)
