"""Resolve names to the project's own definitions, reading only the files on the way."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from testsmith.languages.python.source.definitions import Definition, definitions, statements
from testsmith.languages.python.source.package import Module, SourceRoots
from testsmith.languages.python.source.parsing import read_source
from testsmith.languages.python.source.references import Imports, ImportTarget
from testsmith.languages.source import CannotParse, SourceTree

_FILES_KEPT = 256
"""Maximum number of parsed files kept at once. Members arrive file by file and share few other files."""

_MOST_HOPS = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SourceNames:
    """A parsed source file with its definitions and imports."""

    module: Module
    definitions: dict[str, Definition]
    imports: Imports


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A definition of the project that a name means.

    Attributes:
        file: The file that defines it.
        name: Its top-level name there.
        rest: The names that follow, for example those of a method.
    """

    file: SourceNames
    name: str
    rest: tuple[str, ...] = ()


class ProjectNames:
    """Resolves names in the files of one tree."""

    def __init__(self, tree: SourceTree, project: str) -> None:
        self._tree = tree
        self._paths = frozenset(tree.paths())
        self.roots = SourceRoots.of(project, tree)
        self.file = lru_cache(maxsize=_FILES_KEPT)(self._read)

    def named(self, file: SourceNames, names: Sequence[str]) -> Resolved | None:
        """Resolve names from a module's top level, following re-exports."""
        return self._named(file, names, _MOST_HOPS)

    def in_module(self, module: str, names: Sequence[str]) -> Resolved | None:
        """Resolve names from a module; leading names may be submodules."""
        return self._in_module(module, names, _MOST_HOPS)

    def imported(self, imports: Imports, names: Sequence[str]) -> Resolved | None:
        """Resolve names of which the first is bound by an import."""
        return self._imported(imports, names, _MOST_HOPS)

    def _named(self, file: SourceNames, names: Sequence[str], hops: int) -> Resolved | None:
        if not names or not hops:
            return None
        if names[0] in file.definitions:
            return Resolved(file=file, name=names[0], rest=tuple(names[1:]))
        return self._imported(file.imports, names, hops)

    def _imported(self, imports: Imports, names: Sequence[str], hops: int) -> Resolved | None:
        name, *rest = names
        targets = imports.names.get(name, ())
        for target in (*targets, *(ImportTarget(star, name) for star in imports.stars)):
            inner = rest if target.name is None else [target.name, *rest]
            found = self._in_module(target.module, inner, hops - 1)
            if found is not None:
                return found
        return None

    def _in_module(self, module: str, names: Sequence[str], hops: int) -> Resolved | None:
        if not names:
            return None
        file = self._file_of(module)
        found = self._named(file, names, hops) if file is not None else None
        return found or self._in_module(f"{module}.{names[0]}", names[1:], hops)

    def _file_of(self, module: str) -> SourceNames | None:
        inner = module.replace(".", "/")
        for folder in self.roots.folders:
            prefix = f"{folder}/" if folder else ""
            for path in (f"{prefix}{inner}/__init__.py", f"{prefix}{inner}.py"):
                if path in self._paths:
                    return self.file(path)
        return None

    def _read(self, path: str) -> SourceNames | None:
        module = self.roots.module(path)
        data = self._tree.read(path)
        if module is None or data is None:
            return None
        try:
            tree = read_source(path, data).tree
        except CannotParse:
            return None
        imports = Imports(module.package)
        for placed in statements(tree.body):
            imports.enter(placed.statement)
        for statement in _type_checking_imports(tree):
            imports.enter(statement)
        return SourceNames(module=module, definitions=definitions(tree), imports=imports)


def _type_checking_imports(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield top-level conditional imports, including those under `TYPE_CHECKING`."""
    for statement in tree.body:
        if isinstance(statement, ast.If):
            yield from (each for each in statement.body if isinstance(each, ast.Import | ast.ImportFrom))
