"""Find the test file of a source file, or choose the path for a new one.

New paths follow the layout of the project's existing test files. If there are none, tests for
`src/shop/cart.py` go to `tests/shop/test_cart.py`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import PurePosixPath
from typing import TypeVar

from testsmith.languages.python.running.pytest_settings import patterns_of_test_files
from testsmith.languages.source import SourceTree

SOURCE_FOLDERS = frozenset({"src", "lib"})
"""Folders that contain packages but are not packages themselves."""


class FolderOrigin(IntEnum):
    """Folder that a test folder is located relative to, most likely first."""

    HOME = 0
    """Folder of the source's project, which contains `src/` or the package."""
    PROJECT = 1
    """Folder of the whole project, if different."""
    PACKAGE = 2
    """The source's top-level package."""
    BESIDE = 3
    """The source's own folder."""


class Mirror(IntEnum):
    """How a test file's path reflects the source's package, most likely first."""

    FLAT = 0
    """Not at all: `tests/test_cart.py`."""
    INNER = 1
    """Folders for all but the top-level package: `tests/inner/test_cart.py`."""
    FULL = 2
    """Folders for the whole package: `tests/shop/inner/test_cart.py`."""
    JOINED = 3
    """In the file name: `tests/test_inner_cart.py`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source file, as used to compute test paths.

    Attributes:
        path: Path relative to the Git root, as for all paths here.
        home: Folder of its project.
        root: Folder that its imports start from.
        project: Folder of the whole project.
        package: Parts of its package's name.
        name: Last part of its module's name; for an `__init__.py`, of its package's name.
    """

    path: str
    home: str
    root: str
    project: str
    package: tuple[str, ...]
    name: str

    @property
    def module(self) -> str:
        """Dotted name."""
        return ".".join((*self.package, self.name))

    @property
    def plain_name(self) -> str:
        """Name without leading underscores, as used in test file names."""
        return self.name.strip("_") or self.name

    @property
    def joined_names(self) -> tuple[str, ...]:
        """Name prefixed with its packages' names, without and with the top-level one."""
        parts = [*(part.strip("_") for part in self.package), self.plain_name]
        return "_".join(parts[1:] or parts), "_".join(parts)

    @property
    def test_names(self) -> tuple[str, ...]:
        """Names that a dedicated test file may use, without duplicates."""
        return tuple(dict.fromkeys((self.plain_name, *self.joined_names)))

    def base(self, anchor: FolderOrigin) -> str:
        """Return the folder that an anchor refers to."""
        match anchor:
            case FolderOrigin.HOME:
                return self.home
            case FolderOrigin.PROJECT:
                return self.project
            case FolderOrigin.PACKAGE:
                return joined(self.root, *self.package[:1])
            case FolderOrigin.BESIDE:
                return folder_of(self.path)

    def mirrored(self, mirror: Mirror) -> tuple[str, ...]:
        """Return the package folders that a mirror includes."""
        match mirror:
            case Mirror.FULL:
                return self.package
            case Mirror.INNER:
                return self.package[1:]
            case _:
                return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A way to arrange test files.

    Attributes:
        anchor: Folder that the test folder is located relative to.
        folder: Test folder relative to the anchor, such as `tests`.
        mirror: How the path reflects the package.
        is_suffix: Whether files are named `cart_test.py` rather than `test_cart.py`.
    """

    anchor: FolderOrigin = FolderOrigin.HOME
    folder: str = "tests"
    mirror: Mirror = Mirror.FULL
    is_suffix: bool = False

    def path(self, source: Source) -> str:
        """Return the path of a source's tests."""
        name = source.joined_names[0] if self.mirror is Mirror.JOINED else source.plain_name
        return joined(self.folder_for(source), self.file_name(name))

    def folder_for(self, source: Source) -> str:
        """Return the folder of a source's tests."""
        return joined(source.base(self.anchor), self.folder, *source.mirrored(self.mirror))

    def file_name(self, name: str) -> str:
        """Return a test file's name."""
        return f"{name}_test.py" if self.is_suffix else f"test_{name}.py"


def layouts_of(source: Source, test_path: str) -> Iterator[Layout]:
    """Yield every layout in which a source's tests have this path."""
    folder, _, file_name = test_path.rpartition("/")
    for anchor in FolderOrigin:
        inner = below(source.base(anchor), folder)
        if inner is None or (anchor is FolderOrigin.PROJECT and source.project == source.home):
            continue
        for mirror in Mirror if anchor is not FolderOrigin.BESIDE else (Mirror.FLAT,):
            tail = source.mirrored(mirror)
            parts = tuple(inner.split("/")) if inner else ()
            if parts[len(parts) - len(tail) :] == tail:
                found = Layout(
                    anchor=anchor,
                    folder="/".join(parts[: len(parts) - len(tail)]),
                    mirror=mirror,
                    is_suffix=not file_name.startswith("test_"),
                )
                if found.path(source) == test_path and (found.folder or anchor is FolderOrigin.BESIDE):
                    yield found


def folder_of(path: str) -> str:
    """Return a path's folder, or `""` for the Git root."""
    return path.rpartition("/")[0]


def joined(*parts: str) -> str:
    """Join path parts, ignoring empty ones."""
    return "/".join(part for part in parts if part)


def below(folder: str, path: str) -> str | None:
    """Return a path relative to a folder that contains it (`""` for the folder itself), or None."""
    if path == folder:
        return ""
    prefix = f"{folder}/" if folder else ""
    return path.removeprefix(prefix) if path.startswith(prefix) else None


TEST_FOLDERS = frozenset({"tests", "test"})
"""Names of folders for tests and test support."""

_TESTS_OF_ALL = frozenset({"test.py", "tests.py"})
"""Files that contain all tests of a small project."""

_MOST_BYTES = 1_000_000
_IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+(?P<origin>[.\w]+)[ \t]+import[ \t]*(?P<names>\([^()]*\)|[^\n#;]*)"
    rb"|import[ \t]+(?P<modules>[^\n#;]*))",
    re.MULTILINE,
)
_NAME = re.compile(rb"[\w.]+")
_ENDING = re.compile(r"(?<=.)_?tests?$")


_BENCHMARKS = frozenset({"benchmark", "benchmarks"})
_EXAMPLES = frozenset({"docs", "docs_src", "examples"})
"""Folders at the top of a project with tests that show how it is used."""


def is_about_behavior(path: str) -> bool:
    """Return whether a test file is neither a benchmark nor an example for users."""
    folders = PurePosixPath(path).parts[:-1]
    return _BENCHMARKS.isdisjoint(folders) and _EXAMPLES.isdisjoint(folders[:1])


def is_test(path: str) -> bool:
    """Return whether a path is a test file or supports tests."""
    parts = PurePosixPath(path).parts
    return (
        path in _TESTS_OF_ALL
        or bool(TEST_FOLDERS.intersection(parts[:-1]))
        or is_test_module(parts[-1])
        or parts[-1] == "conftest.py"
    )


def is_test_module(name: str) -> bool:
    """Return whether pytest collects a file of this name."""
    return name.endswith(".py") and (name.startswith("test_") or name.endswith("_test.py"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFileNames:
    """The names of a project's test files: the usual ones, and those in its `python_files`.

    Attributes:
        patterns: Patterns of names, each with the folder that it is for.
    """

    __test__ = False

    patterns: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, tree: SourceTree) -> TestFileNames:
        """Return the names in a tree."""
        return cls(patterns=tuple(patterns_of_test_files(tree)))

    def is_test(self, path: str) -> bool:
        """Return whether a path is a test file or supports tests."""
        return is_test(path) or self.is_test_module(path)

    def is_test_module(self, path: str) -> bool:
        """Return whether pytest collects a file."""
        own = (pattern for folder, pattern in self.patterns if below(folder, path) is not None)
        return is_test_module(PurePosixPath(path).name) or (
            path.endswith(".py") and any(_fits(path, pattern) for pattern in own)
        )


def _fits(path: str, pattern: str) -> bool:
    """Return whether a pattern matches a path: the name, unless the pattern has folders, as in pytest."""
    if "/" in pattern:
        return fnmatchcase(f"/{path}", f"*/{pattern}")
    return fnmatchcase(PurePosixPath(path).name, pattern)


def package_files(test_path: str, paths: Collection[str]) -> tuple[str, ...]:
    """Return the `__init__.py` files that a new test file's new folders require, outermost first.

    They are required if sibling test folders have one or, without siblings, if the parent folder has one.
    """
    inits = {folder_of(path) for path in paths if path.endswith("/__init__.py")}
    there = {folder_of(path) for path in paths if path.endswith(".py") and is_test(path)}
    there |= {str(parent) for folder in there for parent in PurePosixPath(folder).parents}
    new: list[str] = []
    folder = folder_of(test_path)
    while folder and folder not in there:
        new.insert(0, folder)
        folder = folder_of(folder)
    beside = {each for each in there if folder_of(each) == folder and is_test(joined(each, "any.py"))}
    is_package = beside <= inits if beside else folder in inits and is_test(joined(folder, "any.py"))
    return tuple(joined(each, "__init__.py") for each in new) if is_package else ()


Item = TypeVar("Item")


class TestPaths:
    """Test paths of one tree, whose paths are indexed on creation."""

    def __init__(self, tree: SourceTree, project: str) -> None:
        self._tree = tree
        self._project = project
        paths = [path for path in tree.paths() if path.endswith(".py")]
        names = TestFileNames.of(tree)
        self._packages = {folder_of(path) for path in paths if path.endswith("__init__.py")}
        self._tests = [path for path in paths if names.is_test_module(path)]
        self._sources = {path: self._source(path) for path in paths if not names.is_test(path)}
        self._by_name = _grouped(
            (name, source) for source in self._sources.values() for name in source.test_names
        )
        self._tests_by_name = _grouped((_tested_name(path), path) for path in self._tests)
        self._imports: dict[str, _Imports] = {}
        self._found: dict[str, str] = {}

    def of(self, path: str) -> str:
        """Return the path of a source file's tests: the existing file or the path of a new one."""
        if path not in self._found:
            self._found[path] = self._of(path)
        return self._found[path]

    def _of(self, path: str) -> str:
        source = self._sources.get(path) or self._source(path)
        return self._existing(source) or self._of_package(source) or self._new(source)

    def neighbor(self, test_path: str) -> str | None:
        """Return the test file at a path, the nearest other one, or None if there are no test files."""
        if test_path in self._nearest:
            return self._nearest[test_path]
        parents = (str(parent) for parent in PurePosixPath(test_path).parents)
        return next((self._nearest[parent] for parent in parents if parent in self._nearest), None)

    @cached_property
    def _nearest(self) -> Mapping[str, str]:
        """First test file below each folder; test files map to themselves."""
        nearest: dict[str, str] = {path: path for path in self._tests}
        for path in self._tests:
            for parent in PurePosixPath(path).parents:
                if str(parent) in nearest:
                    break
                nearest[str(parent)] = path
        return nearest

    def _source(self, path: str) -> Source:
        folder, _, file_name = path.rpartition("/")
        root = self._root(folder)
        package = tuple(part for part in (below(root, folder) or "").split("/") if part)
        name = file_name.removesuffix(".py")
        if name == "__init__" and package:
            *package_parts, name = package
            package = tuple(package_parts)
        home = folder_of(root) if PurePosixPath(root).name in SOURCE_FOLDERS else root
        return Source(path=path, home=home, root=root, project=self._project, package=package, name=name)

    def _root(self, folder: str) -> str:
        """Return the folder that imports start from: above the packages, or the project's own."""
        source_folder = joined(self._project, "src")
        if below(source_folder, folder) is not None and source_folder not in self._packages:
            return source_folder
        if folder not in self._packages:
            return self._project if below(self._project, folder) is not None else ""
        while folder in self._packages:
            folder = folder_of(folder)
        return folder

    def _existing(self, source: Source) -> str | None:
        found = [path for name in source.test_names for path in self._tests_by_name.get(name, ())]
        rivals = self._by_name.get(source.plain_name, ())
        if len(found) > 1 or len(rivals) > 1:
            found = [path for path in found if not self._tests_another(path, source, rivals)]
        return max(found, key=lambda path: self._fitness(path, source), default=None) or self._named_alike(
            source
        )

    def _of_package(self, source: Source) -> str | None:
        """Return the test file of the nearest inner package around a source, if it imports modules of it."""
        folder = folder_of(source.path.removesuffix("/__init__.py"))
        while folder in self._packages:
            package = self._source(joined(folder, "__init__.py"))
            path = self._existing(package) if package.package else None
            if path is not None and self._imports_of(path).include_some(package, self._modules):
                return path
            folder = folder_of(folder)
        return None

    @cached_property
    def _modules(self) -> frozenset[str]:
        """Names of the modules."""
        return frozenset(source.module for source in self._sources.values())

    def _tests_another(self, test_path: str, source: Source, rivals: Sequence[Source]) -> bool:
        """Return whether a test file with a matching name tests another source of the same name."""
        imports = self._imports_of(test_path)
        if imports.include(source):
            return False
        others = [each for each in rivals if each is not source]
        if any(imports.include(other) for other in others):
            return True
        layout = self._layouts[0] if self._layouts else Layout()
        return bool(others) and layout.path(source) != test_path

    def _fitness(self, test_path: str, source: Source) -> tuple[bool, bool, int, int, str]:
        """Return a sort key for how well a test file fits a source."""
        folders = PurePosixPath(test_path).parts[:-1]
        shared = sum(part in source.package for part in folders)
        fits = any(layout.path(source) == test_path for layout in self._layouts)
        return self._imports_of(test_path).include(source), fits, shared, -len(folders), test_path

    def _named_alike(self, source: Source) -> str | None:
        """Return the only test file that imports just this source and has a matching name prefix."""
        found = self._dedicated.get(source.path, ())
        name = source.plain_name
        alike = [path for path in found if _begin_alike(_tested_name(path), name)]
        return alike[0] if len(alike) == 1 else None

    @cached_property
    def _dedicated(self) -> Mapping[str, Sequence[str]]:
        """Test files that import only one source, by the source's path."""
        modules = {source.module: source for source in self._sources.values()}
        found: dict[str, list[str]] = {}
        for path in self._tests:
            sources = [modules[name] for name in self._imports_of(path).modules if name in modules]
            if len(sources) == 1:
                found.setdefault(sources[0].path, []).append(path)
        return found

    @cached_property
    def _layouts(self) -> Sequence[Layout]:
        """Layouts that most test files agree with, best explanation first."""
        votes = Counter(layout for path in self._tests for layout in self._layouts_of_test(path))
        most = max(votes.values(), default=0)
        return sorted(
            (layout for layout, count in votes.items() if count == most),
            key=lambda layout: (layout.folder.count("/"), layout.anchor, layout.mirror, layout.folder),
        )

    def _layouts_of_test(self, path: str) -> Iterator[Layout]:
        sources = self._by_name.get(_tested_name(path), ())
        if len(sources) > 1:
            sources = [source for source in sources if self._imports_of(path).include(source)]
        for source in sources:
            yield from layouts_of(source, path)

    def _new(self, source: Source) -> str:
        """Return the path of a new test file with a name no other test file has, as pytest requires."""
        layout = self._layouts[0] if self._layouts else self._default_layout(source)
        folder = layout.folder_for(source)
        names = dict.fromkeys(
            (PurePosixPath(layout.path(source)).name, *map(layout.file_name, source.joined_names))
        )
        return next(
            (joined(folder, name) for name in names if self._is_free(folder, name, source)),
            joined(folder, next(iter(names))),
        )

    @cached_property
    def _test_folders(self) -> frozenset[str]:
        return frozenset(map(folder_of, self._tests))

    def _default_layout(self, source: Source) -> Layout:
        """Return the layout to use without existing test files: the project's test folder or `tests`."""
        inside = [inner for path in self._tests if (inner := below(source.home, path)) is not None]
        tops = Counter(inner.partition("/")[0] for inner in inside if is_in_test_folder(inner))
        if not tops:
            return Layout()
        folder = tops.most_common(1)[0][0]
        names = [inner for inner in inside if inner.startswith(f"{folder}/")]
        is_flat = all(name.count("/") == 1 for name in names)
        is_suffix = all(name.endswith("_test.py") for name in names)
        return Layout(folder=folder, mirror=Mirror.FLAT if is_flat else Mirror.FULL, is_suffix=is_suffix)

    def _is_free(self, folder: str, name: str, source: Source) -> bool:
        """Return whether a new test file's name is unused and does not clash outside of packages.

        If several sources have the same name, the one nearest to its root gets the plain name.
        """
        if joined(folder, name) in self._nearest:
            return False
        if self._is_in_package(folder):
            return True
        tested = _tested_name(name)
        if any(folder_of(path) not in self._packages for path in self._tests_by_name.get(tested, ())):
            return False
        rivals = self._by_name.get(tested, ())
        first = min(rivals, key=lambda each: (len(each.package), each.path), default=source)
        return first.path == source.path

    def _is_in_package(self, folder: str) -> bool:
        """Return whether a folder is, or would be if created, a package like the test folder above it."""
        while folder and folder not in self._test_folders and folder not in self._packages:
            folder = folder_of(folder)
        return folder in self._packages

    def _imports_of(self, test_path: str) -> _Imports:
        if test_path not in self._imports:
            data = self._tree.read(test_path) or b""
            self._imports[test_path] = _Imports.read(test_path, data[:_MOST_BYTES])
        return self._imports[test_path]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Imports:
    """Imports of a test file: dotted names, and paths without suffix for relative imports."""

    modules: frozenset[str]
    paths: frozenset[str]

    @classmethod
    def read(cls, test_path: str, data: bytes) -> _Imports:
        """Read a file's import lines without parsing the rest."""
        modules: set[str] = set()
        paths: set[str] = set()
        for found in _IMPORT.finditer(data):
            if found["modules"] is not None:
                modules.update(name.decode() for name in _NAME.findall(found["modules"]))
                continue
            origin = found["origin"].decode(errors="replace")
            names = [name.decode(errors="replace") for name in _NAME.findall(found["names"])]
            if origin.startswith("."):
                paths.update(_relative(test_path, origin, names))
            else:
                modules.update((origin, *(f"{origin}.{name}" for name in names)))
        return cls(modules=frozenset(modules), paths=frozenset(paths))

    def include(self, source: Source) -> bool:
        """Return whether the source is imported."""
        return source.module in self.modules or source.path.removesuffix(".py") in self.paths

    def include_some(self, package: Source, modules: Collection[str]) -> bool:
        """Return whether some of the modules, in a package, are imported."""
        module, folder = f"{package.module}.", f"{folder_of(package.path)}/"
        inside = (name for name in self.modules if name.startswith(module) and name in modules)
        return any(inside) or any(path.startswith(folder) for path in self.paths)


def _relative(test_path: str, origin: str, names: Sequence[str]) -> Iterator[str]:
    tail = origin.lstrip(".")
    folder = folder_of(test_path)
    for _ in range(len(origin) - len(tail) - 1):
        folder = folder_of(folder)
    base = joined(folder, *tail.split("."))
    yield from (base, *(joined(base, name) for name in names))


def is_in_test_folder(path: str) -> bool:
    """Return whether a path is in a test folder, relative to where it starts."""
    return path.partition("/")[0] in TEST_FOLDERS


def _tested_name(path: str) -> str:
    name = PurePosixPath(path).name.removesuffix(".py")
    return name.removeprefix("test_") if name.startswith("test_") else _ENDING.sub("", name)


def _begin_alike(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _grouped(pairs: Iterator[tuple[str, Item]]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for name, item in pairs:
        found.setdefault(name, []).append(item)
    return found
