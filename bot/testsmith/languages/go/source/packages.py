"""The Go packages of a tree: which module a folder belongs to, and which files a package consists of."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from testsmith.languages.go.source.build_constraints import not_built
from testsmith.languages.go.source.declarations import Declaration, declarations, package_name
from testsmith.languages.go.source.imports import imports_in
from testsmith.languages.go.source.parsing import parse_tolerant
from testsmith.languages.source import CannotParse, SourceTree, nearest_folder
from testsmith.languages.syntax_tree import ParsedText, decode

_MODULE = re.compile(rb'^module[ \t]+"?([^\s"]+)"?', re.MULTILINE)
_MOST_FILES = 500
"""Maximum number of files of a package that are read."""


def is_test(path: str) -> bool:
    """Return whether a file is compiled only for tests."""
    return path.endswith("_test.go")


def is_ignored(path: str) -> bool:
    """Return whether the go command ignores a folder of a path: `testdata`, `vendor`, `_x` and `.x`."""
    folders = path.split("/")[:-1]
    return any(one in {"testdata", "vendor"} or one.startswith(("_", ".")) for one in folders)


def module_folder(tree: SourceTree, path: str, opened: str) -> str:
    """Return the nearest folder above a file with a `go.mod`, within the opened folder, or that folder."""
    return nearest_folder(path, opened, lambda folder: declares_module(tree, folder))


def declares_module(tree: SourceTree, folder: str) -> bool:
    """Return whether a folder has a `go.mod` with a module path."""
    return _module_path(tree, folder) != ""


def _module_path(tree: SourceTree, folder: str) -> str:
    match = _MODULE.search(tree.read(posixpath.join(folder, "go.mod")) or b"")
    return "" if match is None else match[1].decode("utf-8", "replace")


@dataclass(frozen=True, eq=False)
class GoFile:
    """A file of a package.

    Attributes:
        path: Relative to the git root.
        file: Its text.
    """

    path: str
    file: ParsedText

    @cached_property
    def package(self) -> str:
        """Name in its package clause."""
        return package_name(self.file)

    @cached_property
    def declarations(self) -> list[Declaration]:
        """What it declares, in order."""
        return declarations(self.file)

    @cached_property
    def imports(self) -> Mapping[str, str]:
        """Import paths by the names that the file uses for them."""
        return {one.name: one.path for one, _ in imports_in(self.file)}


class Packages:
    """The packages of one tree; each file is read once."""

    def __init__(self, tree: SourceTree) -> None:
        self._tree = tree
        self._read: dict[str, GoFile | None] = {}
        self._modules: dict[str, tuple[str, str]] = {}

    @cached_property
    def _by_folder(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in self._tree.paths():
            if path.endswith(".go"):
                found.setdefault(posixpath.dirname(path), []).append(path)
        return found

    def file(self, path: str) -> GoFile | None:
        """Return a file; None if it is missing or cannot be read."""
        if path not in self._read:
            data = self._tree.read(path)
            try:
                self._read[path] = None if data is None else GoFile(path, parse_tolerant(decode(data)))
            except CannotParse:
                self._read[path] = None
        return self._read[path]

    def sources(self, folder: str) -> list[GoFile]:
        """Return the files of the package in a folder that are built here, without its tests."""
        return self._files(folder, tests=False)

    def tests(self, folder: str) -> list[GoFile]:
        """Return the test files in a folder that are built here, of both packages."""
        return self._files(folder, tests=True)

    def _files(self, folder: str, *, tests: bool) -> list[GoFile]:
        paths = [path for path in self._by_folder.get(folder, ()) if is_test(path) is tests]
        files = [file for path in paths[:_MOST_FILES] if (file := self.file(path)) is not None]
        return [file for file in files if not not_built(file.path, file.file.text)]

    def has_file(self, path: str) -> bool:
        """Return whether there is a Go file at a path."""
        return path in self._by_folder.get(posixpath.dirname(path), ())

    def test_folders(self, below: str) -> list[str]:
        """Return the folders with tests at or below a folder."""
        inside = f"{below}/" if below else ""
        return [
            folder
            for folder, paths in self._by_folder.items()
            if f"{folder}/".startswith(inside) and any(map(is_test, paths))
        ]

    def import_path(self, folder: str) -> str:
        """Return the path by which the package in a folder is imported; empty if no module contains it."""
        home, module = self._module(folder)
        below = posixpath.relpath(folder or ".", home or ".")
        return module if below == "." or not module else f"{module}/{below}"

    def folder_of(self, import_path: str, near: str) -> str | None:
        """Return the folder of an imported package of the module that contains a folder; None for others."""
        home, module = self._module(near)
        if not module or not (import_path == module or import_path.startswith(f"{module}/")):
            return None
        folder = posixpath.join(home, import_path[len(module) + 1 :]).rstrip("/")
        return folder if folder in self._by_folder else None

    def module_root(self, folder: str) -> str:
        """Return the folder of the module that contains a folder."""
        return self._module(folder)[0]

    def _module(self, folder: str) -> tuple[str, str]:
        """Return the folder and the path of the module that contains a folder; both empty if none does."""
        if folder not in self._modules:
            module = _module_path(self._tree, folder)
            if module or not folder:
                self._modules[folder] = (folder, module) if module else ("", "")
            else:
                self._modules[folder] = self._module(posixpath.dirname(folder))
        return self._modules[folder]
