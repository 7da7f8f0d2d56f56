"""Copy the project at a commit or from the working tree, so that the user's own tree is never run.

A tree may be hostile: paths that lead out of the copy, `.git` and submodules are left out, and a symbolic
link is kept only if it points inside. Ignored files that a project cannot run without (compiled modules, a
generated `_version.py`) are copied from the working tree into both head and base; the language names them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from testsmith.git.command import GitFailed, records, text_of
from testsmith.git.repository import Repository
from testsmith.git.trees import MOST_FILE_BYTES, RepositoryTree, TreeEntry

_MOST_BYTES = 2 * 1024**3
"""Files beyond this total are left out of a copy."""

MOST_FOLDERS_DEEP = 200
"""Deeper paths are left out of a copy, because tools that walk through it would fail on them."""

MOST_IGNORED_FILES = 500
MOST_IGNORED_BYTES = 256 * 1024**2
"""Maximum total size of ignored files in a copy."""

_MOST_NAMED_PATHS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyReport:
    """Result of writing a copy.

    Attributes:
        refused: Sorted paths that were left out because they are hostile or too large.
    """

    refused: tuple[str, ...] = ()


def write_copy(tree: RepositoryTree, folder: Path) -> CopyReport:
    """Write a tree's files into an empty folder.

    Links are written after all files so that no file is written through a link.
    """
    refused: list[str] = []
    room = _MOST_BYTES
    entries = [entry for entry in tree.entries() if not entry.is_submodule]
    for entry in sorted(entries, key=lambda entry: entry.is_symlink):
        if _is_refused(entry, room) or not _write_entry(tree, entry, folder):
            refused.append(entry.path)
            continue
        room -= entry.size
    links = (entry.path for entry in entries if entry.is_symlink)
    refused += _remove_leaving_links(folder, filter(is_safe_path, links))
    return CopyReport(refused=tuple(refused))


def left_out_note(paths: Collection[str]) -> str:
    """Return a note for the report about paths that were left out of a copy; empty without any."""
    if not paths:
        return ""
    named = ", ".join(repr(path) for path in sorted(paths)[:_MOST_NAMED_PATHS])
    more = f" and {len(paths) - _MOST_NAMED_PATHS} more" if len(paths) > _MOST_NAMED_PATHS else ""
    return f"not copied, because too large, too deep or linked outside the project: {named}{more}"


def _is_refused(entry: TreeEntry, room: int) -> bool:
    return not is_safe_path(entry.path) or entry.size > min(MOST_FILE_BYTES, room)


def is_safe_path(path: str) -> bool:
    """Return whether a path stays below its target folder, is not nested too deeply and is not in `.git`."""
    parts = path.split("/")
    return (
        "\0" not in path
        and len(parts) <= MOST_FOLDERS_DEEP
        and not any(part in {"", ".", ".."} or part.lower().rstrip(" .") == ".git" for part in parts)
    )


def _write_entry(tree: RepositoryTree, entry: TreeEntry, folder: Path) -> bool:
    """Write one entry; return whether it existed and its target path was free."""
    target = folder / entry.path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.is_symlink:
            return _write_link(target, tree.link_target(entry.path))
        return _write_file(target, tree.read(entry.path), executable=entry.is_executable)
    except (FileExistsError, NotADirectoryError):  # a tree may list a path twice
        return False


def _write_file(target: Path, content: bytes | None, *, executable: bool) -> bool:
    if content is None:
        return False
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o755 if executable else 0o644)  # regardless of the umask
        file.write(content)
    return True


def _write_link(target: Path, destination: str | None) -> bool:
    if not destination or "\0" in destination or PurePosixPath(destination).is_absolute():
        return False
    target.symlink_to(destination)
    return True


def _remove_leaving_links(folder: Path, paths: Iterable[str]) -> list[str]:
    """Remove those of some links that end outside the copy, once all links are written."""
    root = os.path.realpath(folder)
    leaving = [
        path
        for path in paths
        if (folder / path).is_symlink() and not _is_inside(root, os.path.realpath(folder / path))
    ]
    for path in leaving:
        (folder / path).unlink()
    return leaving


def _is_inside(root: str, place: str) -> bool:
    return place == root or place.startswith(root + os.sep)


def ignored_files(
    repository: Repository, folders: Sequence[str], suffixes: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the ignored files below some folders of the working tree, without following links.

    Args:
        repository: The repository.
        folders: The folders, relative to the git root.
        suffixes: Ends of the names of the files that are needed.

    Returns:
        Sorted paths relative to the git root, within the limits.
    """
    if not folders:
        return ()
    try:
        listing = repository.git.run(
            "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--", *folders
        )
    except GitFailed:
        return ()
    return within_limits(repository.root, map(text_of, records(listing)), suffixes)


def within_limits(root: Path, paths: Iterable[str], suffixes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the sorted paths of safe files with one of the suffixes, within the limits for ignored files."""
    room = MOST_IGNORED_BYTES
    found: list[str] = []
    for path in sorted(paths):
        wanted = path.endswith(suffixes) and is_safe_path(path)
        size = _size_of_file(root / path) if wanted else None
        if size is None or size > room or len(found) == MOST_IGNORED_FILES:
            continue
        room -= size
        found.append(path)
    return tuple(found)


def _size_of_file(path: Path) -> int | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def bring_ignored_files(root: Path, paths: Iterable[str], folder: Path) -> None:
    """Copy files of the working tree into a copy, unless the path is already taken."""
    for path in paths:
        target = folder / path
        inside = _is_inside(os.path.realpath(folder), os.path.realpath(target.parent))
        if not inside or not target.parent.is_dir():
            continue
        with contextlib.suppress(OSError):
            _write_file(target, _content(root / path), executable=os.access(root / path, os.X_OK))


def _content(place: Path) -> bytes:
    with os.fdopen(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        return file.read()


def exchange_files(copy: Path, other: Path, is_meant: Callable[[str], bool]) -> None:
    """Replace selected files of one copy with those of another, which may have fewer or more.

    Links are not written through, and those that would leave the copy are skipped, as are files that would
    need one.

    Args:
        copy: Root of the copy to change.
        other: Root of the copy that the files come from.
        is_meant: Returns whether to replace the file at a path relative to the git root.

    Raises:
        OSError: There is not enough space.
    """
    home = copy.resolve()
    links = list[str]()
    for path in filter(is_meant, _files_below(home)):
        (home / path).unlink()
    for path in filter(is_meant, _files_below(other)):
        source, target = other / path, home / path
        if target.parent.resolve() != target.parent:
            continue
        with contextlib.suppress(FileExistsError, NotADirectoryError):  # the path is taken
            target.parent.mkdir(parents=True, exist_ok=True)
            if not source.is_symlink():
                _write_file(target, _content(source), executable=os.access(source, os.X_OK))
            elif _write_link(target, str(source.readlink())):
                links.append(path)
    _remove_leaving_links(home, links)


def _files_below(root: Path) -> list[str]:
    """Return the files and links below a folder, relative to it, without following links."""
    places = [Path(folder, name) for folder, *names in os.walk(root) for name in (*names[0], *names[1])]
    return [str(one.relative_to(root)) for one in places if one.is_symlink() or one.is_file()]


def files_digest(root: Path, without: Collection[str] = ()) -> str:
    """Return a digest of the paths, modes and contents of all files below a folder.

    Args:
        root: The folder.
        without: Names of folders that are left out.
    """
    whole = hashlib.sha256()
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(one for one in folders if one not in without)
        for name in sorted([*files, *(one for one in folders if (Path(folder) / one).is_symlink())]):
            place = Path(folder) / name
            path = os.fsencode(place.relative_to(root))
            whole.update(b"%d:%s %s\n" % (len(path), path, _described(place)))
    return whole.hexdigest()


def _described(place: Path) -> bytes:
    if place.is_symlink():
        return b"link " + os.fsencode(place.readlink())
    with place.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest().encode()
    return b"%o %s" % (place.stat().st_mode & 0o111, digest)
