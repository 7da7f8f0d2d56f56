"""Files of one state of a repository: a commit or the working tree.

Symbolic links and submodules are entries too, but are never read as files.
"""

from __future__ import annotations

import os
import selectors
import stat
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from testsmith.git.command import Git, GitFailed, records, text_of
from testsmith.languages.source import SourceTree

REGULAR, EXECUTABLE, SYMLINK, SUBMODULE = "100644", "100755", "120000", "160000"
"""Git's modes of tree entries."""

MOST_FILE_BYTES = 100 * 1024**2
"""Maximum size of files that are read. GitHub accepts none larger, and they would exhaust memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEntry:
    """A tree entry: a file, a symbolic link or a submodule.

    Attributes:
        path: Path relative to the Git root; bytes that are not UTF-8 are kept as lone surrogates.
        mode: Git's mode: `REGULAR`, `EXECUTABLE`, `SYMLINK` or `SUBMODULE`.
        size: Size in bytes; 0 for a submodule.
        oid: Object id of the blob; empty in the working tree.
    """

    path: str
    mode: str
    size: int = 0
    oid: str = ""

    @property
    def is_regular(self) -> bool:
        """Whether it is a file that can be read."""
        return self.mode in {REGULAR, EXECUTABLE}

    @property
    def is_executable(self) -> bool:
        """Whether it is an executable file."""
        return self.mode == EXECUTABLE

    @property
    def is_symlink(self) -> bool:
        """Whether it is a symbolic link."""
        return self.mode == SYMLINK

    @property
    def is_submodule(self) -> bool:
        """Whether it is a submodule."""
        return self.mode == SUBMODULE


class RepositoryTree(SourceTree, Protocol):
    """Files of a commit or the working tree, including entries that are not regular files."""

    def entries(self) -> Sequence[TreeEntry]:
        """Return every entry, sorted by path."""
        ...

    def entry(self, path: str) -> TreeEntry | None:
        """Return an entry, or None if there is none."""
        ...

    def link_target(self, path: str) -> str | None:
        """Return the target of a symbolic link, or None if the path is not a symbolic link."""
        ...


class _Entries:
    """Entry lookup shared by all trees."""

    def __init__(self, entries: Sequence[TreeEntry]) -> None:
        self._entries = tuple(sorted(entries, key=lambda entry: entry.path))

    @cached_property
    def _by_path(self) -> dict[str, TreeEntry]:
        return {entry.path: entry for entry in self._entries}

    @cached_property
    def _regular(self) -> tuple[str, ...]:
        return tuple(entry.path for entry in self._entries if entry.is_regular)

    def entries(self) -> Sequence[TreeEntry]:
        """See `RepositoryTree.entries`."""
        return self._entries

    def entry(self, path: str) -> TreeEntry | None:
        """See `RepositoryTree.entry`."""
        return self._by_path.get(path)

    def paths(self) -> Sequence[str]:
        """See `SourceTree.paths`."""
        return self._regular


def _is_read(entry: TreeEntry) -> bool:
    return entry.is_regular and entry.size <= MOST_FILE_BYTES


class CommitTree(_Entries):
    """Files of one commit, read on demand."""

    def __init__(self, entries: Sequence[TreeEntry], blobs: BlobReader) -> None:
        super().__init__(entries)
        self._blobs = blobs

    def read(self, path: str) -> bytes | None:
        """See `SourceTree.read`.

        Raises:
            GitFailed: The repository lacks the blob, or git exited.
        """
        entry = self.entry(path)
        return self._blobs.read(entry.oid) if entry is not None and _is_read(entry) else None

    def link_target(self, path: str) -> str | None:
        """See `RepositoryTree.link_target`."""
        entry = self.entry(path)
        return text_of(self._blobs.read(entry.oid)) if entry is not None and entry.is_symlink else None


class WorkingTree(_Entries):
    """Tracked and untracked files on disk, except ignored ones."""

    def __init__(self, entries: Sequence[TreeEntry], root: Path) -> None:
        super().__init__(entries)
        self._root = root

    def read(self, path: str) -> bytes | None:
        """See `SourceTree.read`; a file that was removed or is not readable counts as missing."""
        entry = self.entry(path)
        if entry is None or not _is_read(entry):
            return None
        try:
            descriptor = os.open(self._root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                content = file.read(MOST_FILE_BYTES + 1)
                return content if len(content) <= MOST_FILE_BYTES else None
        except OSError:
            return None

    def link_target(self, path: str) -> str | None:
        """See `RepositoryTree.link_target`."""
        entry = self.entry(path)
        if entry is None or not entry.is_symlink:
            return None
        try:
            return str((self._root / path).readlink())
        except OSError:
            return None


class OverlaidTree(_Entries):
    """A tree with different contents at some paths; None means no file."""

    def __init__(self, tree: RepositoryTree, contents: Mapping[str, bytes | None]) -> None:
        kept = (entry for entry in tree.entries() if entry.path not in contents)
        laid = (
            TreeEntry(path=path, mode=REGULAR, size=len(content))
            for path, content in contents.items()
            if content is not None
        )
        super().__init__((*kept, *laid))
        self._tree = tree
        self._contents = contents

    def read(self, path: str) -> bytes | None:
        """See `SourceTree.read`."""
        return self._contents[path] if path in self._contents else self._tree.read(path)

    def link_target(self, path: str) -> str | None:
        """See `RepositoryTree.link_target`."""
        return None if path in self._contents else self._tree.link_target(path)


class BlobReader:
    """Reads blobs through one `git cat-file --batch` process that runs as long as the reader.

    Thread-safe; reads are serialized.
    """

    def __init__(self, git: Git) -> None:
        self._git = git
        self._lock = threading.Lock()
        self._process: _BatchProcess | None = None

    def read(self, oid: str) -> bytes:
        """Return the content of a blob.

        Raises:
            GitFailed: The repository lacks the blob, or git exited or timed out.
        """
        with self._lock:
            if self._process is None:
                self._process = _BatchProcess(self._git)
                weakref.finalize(self, _BatchProcess.stop, self._process)
            return self._process.read(oid)


class _BatchProcess:
    """A running `git cat-file --batch` process."""

    def __init__(self, git: Git) -> None:
        self._process = git.start("cat-file", "--batch")
        self._seconds = git.seconds
        self._received = bytearray()

    def read(self, oid: str) -> bytes:
        """Read a blob: the answer is a line `<oid> blob <size>`, the content, and a line end."""
        deadline = time.monotonic() + self._seconds
        self._ask(oid)
        header = self._take_line(deadline).split()
        if len(header) != 3 or header[1] != b"blob":  # noqa: PLR2004 - id, type, size
            raise GitFailed(f"the repository lacks the file with object id {oid}: fetch it in full")
        content = self._take(int(header[2]), deadline)
        self._take(1, deadline)
        return content

    def stop(self) -> None:
        """Stop the process."""
        self._process.kill()
        with self._process:
            pass

    def _ask(self, oid: str) -> None:
        assert self._process.stdin is not None  # noqa: S101 - started with a pipe
        try:
            self._process.stdin.write(f"{oid}\n".encode())
        except OSError:
            raise GitFailed("git cat-file ended early") from None

    def _take_line(self, deadline: float) -> bytes:
        while (end := self._received.find(b"\n")) < 0:
            self._receive(deadline)
        return self._take(end + 1, deadline)

    def _take(self, size: int, deadline: float) -> bytes:
        while len(self._received) < size:
            self._receive(deadline)
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken

    def _receive(self, deadline: float) -> None:
        output = self._process.stdout
        assert output is not None  # noqa: S101 - started with a pipe
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise GitFailed(f"git cat-file took longer than {self._seconds:g} s")
        part = os.read(output.fileno(), 1 << 20)
        if not part:
            raise GitFailed("git cat-file ended early")
        self._received += part


def entries_of_listing(listing: bytes) -> list[TreeEntry]:
    """Return the entries in the output of `git ls-tree -r -z --long`."""
    return [_tree_entry(record) for record in records(listing)]


def _tree_entry(record: bytes) -> TreeEntry:
    """Parse a record of `git ls-tree --long`: mode, type, object id, size, a tab, the path."""
    facts, _, path = record.partition(b"\t")
    mode, _, oid, size = facts.split()
    return TreeEntry(
        path=text_of(path), mode=mode.decode(), size=0 if size == b"-" else int(size), oid=oid.decode()
    )


def entries_on_disk(root: Path, paths: set[str]) -> Iterator[TreeEntry]:
    """Yield the entries on disk at the paths; git lists an untracked nested repository with a slash."""
    linked: dict[str, bool] = {}
    for path in paths:
        if path.endswith("/") or _is_linked(root, path.rpartition("/")[0], linked):
            continue
        try:
            found = os.lstat(root / path)
        except OSError:
            continue
        mode = _mode(found.st_mode)
        if mode is not None:
            yield TreeEntry(path=path, mode=mode, size=0 if mode == SUBMODULE else found.st_size)


def _is_linked(root: Path, folder: str, known: dict[str, bool]) -> bool:
    """Return whether a folder is reached through a symbolic link, which may point outside the repository."""
    if not folder:
        return False
    if folder not in known:
        known[folder] = _is_linked(root, folder.rpartition("/")[0], known) or (root / folder).is_symlink()
    return known[folder]


def _mode(bits: int) -> str | None:
    if stat.S_ISREG(bits):
        return EXECUTABLE if bits & stat.S_IXUSR else REGULAR
    if stat.S_ISLNK(bits):
        return SYMLINK
    return SUBMODULE if stat.S_ISDIR(bits) else None
