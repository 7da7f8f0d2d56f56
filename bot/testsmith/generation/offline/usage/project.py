"""The files of one project, each read at most once while there is room to keep what was read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from testsmith.generation.offline.usage.calls import Where
from testsmith.generation.offline.usage.reading import Reading, read_snippets
from testsmith.generation.offline.usage.scopes import FileNames
from testsmith.generation.offline.usage.snippets import ProjectFile, read_files
from testsmith.languages.python.modules import Module, SourceRoots
from testsmith.languages.python.references import Imports

_MOST_BYTES_A_SEARCH = 600_000
_MOST_BYTES_KEPT = 4_000_000


class ProjectReadings:
    """Reads the files of a project where they are asked for.

    Args:
        root: The copy of the project.
        source_roots: The folders in it that imports start from.
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
        """Return the module that a file is; None where no import can name it."""
        return self._source_roots.module(path)

    def mentioning(self, words: Sequence[Collection[str]], stems: Collection[str]) -> list[Reading]:
        """Return the readings of the files that mention something, as many as a search is worth.

        Args:
            words: Groups of names; one of each must stand in a file, in its path, or in the
                `conftest.py` that it sees.
            stems: Names of modules: files that are named after one come first.
        """
        found = [file for file in self._files.values() if self._mentions(file, words)]
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
        """Return what was read of a file, which goes to the end of what is kept."""
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
        """Return the nearest `conftest.py` that pytest reads for a test file, another than itself."""
        if file.where is not Where.TESTS:
            return None
        paths = (str(folder / "conftest.py") for folder in PurePosixPath(file.path).parents)
        return next((self._files[path] for path in paths if path != file.path and path in self._files), None)
