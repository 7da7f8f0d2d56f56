"""Which files of a tree are a subject for tests, and what a driver is shown of a tree."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from testsmith.changes.trees import RepositoryTree, TreeEntry
from testsmith.languages.driver import ChangedFile, LanguageDriver
from testsmith.languages.registry import driver_for
from testsmith.model import UsageFailure
from testsmith.settings import SelectionSettings

_PIECE = re.compile(r"\*\*/|/\*\*$|\*\*|\*|\?|\[[!^]?\]?[^\]/]*\]|.", re.DOTALL)

_MEANINGS = {"**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class Subjects:
    """The rules that say which files count.

    A file counts where a driver handles it, it is no test, it lies in the opened folder, and no exclude glob
    matches it. Globs are tried on the path below the git root and on that below the opened folder.

    Attributes:
        project: The opened folder, relative to the git root.
    """

    def __init__(
        self, selection: SelectionSettings, drivers: Sequence[LanguageDriver], project: str = ""
    ) -> None:
        self.project = project
        self._drivers = drivers
        self._inside = f"{project}/" if project else ""
        self._included = compile_globs(selection.include)
        self._excluded = compile_globs(selection.exclude)
        self._max_bytes = selection.max_file_bytes

    def driver(self, path: str) -> LanguageDriver | None:
        """Return the driver that handles a path."""
        return driver_for(path, self._drivers)

    def is_test(self, path: str) -> bool:
        """Tell whether a path belongs to the tests of its language."""
        driver = self.driver(path)
        return driver is not None and driver.is_test(path)

    def counts(self, path: str) -> bool:
        """Tell whether a file counts, whatever the include globs say."""
        return self.driver(path) is not None and path.startswith(self._inside) and not self.is_hidden(path)

    def is_within(self, path: str) -> bool:
        """Tell whether a path, of whatever language, is one that the settings let count."""
        return path.startswith(self._inside) and self.is_included(path) and not self.is_hidden(path)

    def is_included(self, path: str) -> bool:
        """Tell whether an include glob matches a path."""
        return any(self._included.fullmatch(form) for form in self._forms(path))

    def is_hidden(self, path: str) -> bool:
        """Tell whether a path is excluded or a test."""
        return any(self._excluded.fullmatch(form) for form in self._forms(path)) or self.is_test(path)

    def counting(self, files: Iterable[ChangedFile]) -> Iterator[ChangedFile]:
        """Yield the changed files that count; one that only did on one side is there on that side only."""
        for file in files:
            base_path = file.base_path if file.base_path and self.counts(file.base_path) else None
            head_path = file.head_path if file.head_path and self.counts(file.head_path) else None
            if base_path or head_path:
                yield replace(file, base_path=base_path, head_path=head_path)

    def obstacle(self, entry: TreeEntry) -> str | None:
        """Return why a source file is none to read; None where it is one."""
        if entry.is_symlink:
            return "it is a symbolic link"
        if entry.is_submodule:
            return "it is a submodule"
        if entry.size > self._max_bytes:
            return f"it has {entry.size:,} bytes, more than the limit of {self._max_bytes:,}"
        return None if printable(entry.path) == entry.path else "its name is no UTF-8"

    def _forms(self, path: str) -> tuple[str, ...]:
        below = path.removeprefix(self._inside)
        return (path,) if below == path else (path, below)


class VisibleTree:
    """A tree as drivers see it: without tests, excluded files and what is none to read."""

    def __init__(self, tree: RepositoryTree, subjects: Subjects, also: Collection[str] = ()) -> None:
        self._tree = tree
        self._subjects = subjects
        self._also = frozenset(also)

    def paths(self) -> Sequence[str]:
        """See `SourceTree.paths`."""
        return self._paths

    def read(self, path: str) -> bytes | None:
        """See `SourceTree.read`."""
        return self._tree.read(path) if path in self._visible else None

    @cached_property
    def _paths(self) -> tuple[str, ...]:
        return tuple(entry.path for entry in self._tree.entries() if self._is_visible(entry))

    @cached_property
    def _visible(self) -> frozenset[str]:
        return frozenset(self._paths)

    def _is_visible(self, entry: TreeEntry) -> bool:
        is_wanted = entry.path in self._also or not self._subjects.is_hidden(entry.path)
        return is_wanted and self._subjects.obstacle(entry) is None


def printable(path: str) -> str:
    """Return a path as text that can be printed: bytes that are no UTF-8 are shown as escapes."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def compile_globs(globs: Sequence[str]) -> re.Pattern[str]:
    """Return the pattern whose `fullmatch` tells whether a path matches one of the globs.

    `*` and `?` stay within one folder or file name, `**` stands for any number of folders, `[...]` for one of
    some characters. A slash at the end means all that is below. `PurePath.full_match` does the same, but only
    from Python 3.13 on.

    Raises:
        UsageFailure: A glob's `[...]` makes no sense.
    """
    try:
        return re.compile("|".join(f"(?:{_translated(glob)})" for glob in globs) or r"(?!)", re.DOTALL)
    except re.error as error:
        raise UsageFailure(f"the globs {', '.join(globs)} cannot be read: {error.msg}") from error


def _translated(glob: str) -> str:
    whole = f"{glob}**" if glob.endswith("/") else glob
    return "".join(map(_meaning, _PIECE.findall(whole.removeprefix("./"))))


def _meaning(piece: str) -> str:
    if piece.startswith("[") and len(piece) > 1:
        inner = piece[1:-1].replace("\\", "\\\\").replace("[", "\\[")
        return f"(?!/)[^{inner[1:]}]" if inner[0] in "!^" else f"(?!/)[{inner}]"
    return _MEANINGS.get(piece) or re.escape(piece)
