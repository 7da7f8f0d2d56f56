"""A tree of files held in memory, which may be one that git itself would never write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from testsmith.git.trees import EXECUTABLE, REGULAR, SUBMODULE, SYMLINK, TreeEntry


@dataclass(frozen=True)
class MemoryTree:
    files: Mapping[str, bytes | str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    executable: frozenset[str] = frozenset()
    submodules: frozenset[str] = frozenset()

    def entries(self) -> Sequence[TreeEntry]:
        found = [self._file_entry(path) for path in self.files]
        found += [TreeEntry(path=path, mode=SYMLINK, size=len(to)) for path, to in self.links.items()]
        found += [TreeEntry(path=path, mode=SUBMODULE) for path in self.submodules]
        return sorted(found, key=lambda entry: entry.path)

    def entry(self, path: str) -> TreeEntry | None:
        return next((entry for entry in self.entries() if entry.path == path), None)

    def link_target(self, path: str) -> str | None:
        return self.links.get(path)

    def paths(self) -> Sequence[str]:
        return sorted(self.files)

    def read(self, path: str) -> bytes | None:
        content = self.files.get(path)
        return content.encode() if isinstance(content, str) else content

    def _file_entry(self, path: str) -> TreeEntry:
        mode = EXECUTABLE if path in self.executable else REGULAR
        return TreeEntry(path=path, mode=mode, size=len(self.files[path]))
