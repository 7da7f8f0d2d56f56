"""Read the files of a project on demand, keeping results while there is space."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import chain, islice
from pathlib import Path, PurePosixPath

from testsmith.languages.python.explorer.inputs.static_hints import words_of_change
from testsmith.languages.python.explorer.render.call_text import CONSTRUCTORS
from testsmith.languages.python.explorer.subjects import reference
from testsmith.languages.python.explorer.usage.call_reader import Reading, read_snippets
from testsmith.languages.python.explorer.usage.call_search import Search, Sought
from testsmith.languages.python.explorer.usage.checked_expressions import CheckedCode, checked_expressions
from testsmith.languages.python.explorer.usage.scopes import FileNames
from testsmith.languages.python.explorer.usage.usage_calls import MemberUsage, ProjectFile, Where, read_files
from testsmith.languages.python.source.package import Module, SourceRoots
from testsmith.languages.python.source.references import Imports
from testsmith.model import Member, MemberKind

_MOST_BYTES_A_SEARCH = 600_000
_MOST_BYTES_KEPT = 4_000_000
_MOST_TEXTS = 2_000


class ProjectReadings:
    """Reads the files of a project on demand.

    Args:
        root: Copy of the project.
        source_roots: Its folders that imports start from.
    """

    def __init__(self, root: Path, source_roots: Sequence[Path]) -> None:
        self._root = root
        folders = {each.relative_to(root).as_posix().removeprefix(".") for each in source_roots}
        self._source_roots = SourceRoots(tuple(sorted(folders, key=len, reverse=True)))
        self._kept: OrderedDict[str, Reading] = OrderedDict()

    @cached_property
    def _files(self) -> dict[str, ProjectFile]:
        return {file.path: file for file in read_files(self._root)}

    def module(self, path: str) -> Module | None:
        """Return the module for a file, or None if it cannot be imported by name."""
        return self._source_roots.module(path)

    def mentioning(
        self,
        words: Sequence[Collection[str]],
        stems: Collection[str],
        where: Collection[Where] = tuple(Where),
    ) -> list[Reading]:
        """Return the readings of files that mention something, up to a limit.

        Args:
            words: Groups of names; one of each group must occur in a file, in its path, or in the applicable
                `conftest.py`.
            stems: Module names; files named after one come first.
            where: Kinds of files to read.
        """
        files = [file for file in self._files.values() if file.where in where]
        found = [file for file in files if self._mentions(file, words)]
        found.sort(
            key=lambda file: (file.where, not any(stem in PurePosixPath(file.path).stem for stem in stems))
        )
        room = _MOST_BYTES_A_SEARCH
        chosen = []
        for file in found:
            if len(file.text) <= room:
                room -= len(file.text)
                chosen.append(self._reading(file))
        return chosen

    def _mentions(self, file: ProjectFile, words: Sequence[Collection[str]]) -> bool:
        conftest = self._conftest(file)
        texts = (file.path, file.text, conftest.text if conftest else "")
        return all(any(word in text for word in group for text in texts) for group in words)

    def _reading(self, file: ProjectFile) -> Reading:
        """Return the reading of a file, and mark it as recently used."""
        known = self._kept.pop(file.path, None) or self._read(file)
        self._kept[file.path] = known
        while sum(len(self._files[path].text) for path in self._kept) > _MOST_BYTES_KEPT:
            self._kept.popitem(last=False)
        return known

    def _read(self, file: ProjectFile) -> Reading:
        module = self.module(file.path)
        is_code = module is not None and file.where is Where.CODE
        names = FileNames(
            module.name if module and is_code else "", Imports(module.package if module else "")
        )
        conftest = self._conftest(file)
        return read_snippets(file.snippets(), names, self._reading(conftest).scope if conftest else None)

    def _conftest(self, file: ProjectFile) -> ProjectFile | None:
        """Return the nearest `conftest.py` that pytest reads for a test file, other than the file itself."""
        if file.where is not Where.TESTS:
            return None
        paths = (str(folder / "conftest.py") for folder in PurePosixPath(file.path).parents)
        return next((self._files[path] for path in paths if path != file.path and path in self._files), None)


_MOST_SEARCHES_KEPT = 4


class Usages:
    """Finds how a project uses its members.

    Args:
        root: Copy of the project.
        source_roots: Its folders that imports start from.
        owned: The project's own top-level modules.
    """

    def __init__(self, root: Path, source_roots: Sequence[Path], owned: frozenset[str]) -> None:
        self._project = ProjectReadings(root, source_roots)
        self._owned = owned
        self._search = lru_cache(_MOST_SEARCHES_KEPT)(self._new_search)
        self._lock = threading.Lock()

    def of(self, member: Member, *, others: Collection[str] = (), allowed: Iterable[str] = ()) -> MemberUsage:
        """Return how a member is used.

        Args:
            member: The member.
            others: Names of other methods of its class, including class methods.
            allowed: Top-level modules that its own module imports.
        """
        owner = member.name if member.kind is MemberKind.CLASS else member.name.rpartition(".")[0]
        defining = self._project.module(member.path)
        modules = {member.module, defining.name if defining else member.module}
        sought = Sought(
            name=owner or member.name,
            is_class=bool(owner),
            modules=frozenset(above for module in modules for above in _ancestors(module)),
            imported=reference(member.name, member.module)[1],
            allowed=self._owned.union(allowed),
            owned=self._owned,
        )
        name = owner if member.plain_name in CONSTRUCTORS else member.name
        with self._lock:
            search = self._search(sought)
            objects = search.objects([*others, member.plain_name])
            called = {each: search.calls(f"{owner}.{each}") for each in others if owner}
            return MemberUsage(calls=search.calls(name), objects=objects, others=called)

    def checked(self, members: Sequence[Member], allowed: Iterable[str] = ()) -> list[CheckedCode]:
        """Return what the project's tests check, that with most of the words of a change first.

        Args:
            members: The members of one module that changed.
            allowed: Top-level modules that the module imports.
        """
        words = frozenset[str]().union(*map(words_of_change, members))
        with self._lock:
            readings = self._tests_near(members)
            return checked_expressions(readings, self._owned.union(allowed), self._owned, words)

    def texts(self, members: Sequence[Member]) -> list[str]:
        """Return the string literals of the tests near the members of one module."""
        with self._lock:
            every = chain.from_iterable(reading.texts for reading in self._tests_near(members))
            return list(islice(dict.fromkeys(text for text in every if text.strip()), _MOST_TEXTS))

    def test_names(self, members: Sequence[Member]) -> frozenset[str]:
        """Return the names of the tests in the files that may be about members of one module."""
        with self._lock:
            return frozenset[str]().union(*(reading.tests for reading in self._tests_near(members)))

    def _tests_near(self, members: Sequence[Member]) -> list[Reading]:
        stems = {name for each in members for name in (PurePosixPath(each.path).stem, _last(each.module))}
        return self._project.mentioning([self._owned], stems, [Where.TESTS])

    def _new_search(self, sought: Sought) -> Search:
        stems = {_last(module) for module in sought.modules}
        name = _last(sought.name)
        words = ({name, *stems},) if sought.is_class else ({name}, stems)
        return Search(sought, self._project.mentioning(words, stems))


def _last(module: str) -> str:
    return module.rpartition(".")[2]


def _ancestors(module: str) -> Iterator[str]:
    """Yield a module and its parent packages."""
    while module:
        yield module
        module = module.rpartition(".")[0]
