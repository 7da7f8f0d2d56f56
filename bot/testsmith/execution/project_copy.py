"""Copies of the project, as a commit or the working tree has it: the person's own tree is never run.

A tree may be hostile: no path of it leads out of the copy, no `.git` and no submodule comes with it, and a
symbolic link stays only where it ends inside. Files that git ignores but that the packages need in order to
be imported (compiled modules, a generated `_version.py`) are brought from the working tree into every copy,
head's and base's alike: they belong to no commit, and without them nothing of such a project can be run.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from testsmith.git.command import GitFailed, records, text_of
from testsmith.git.repository import Repository
from testsmith.git.trees import MOST_FILE_BYTES, RepositoryTree, TreeEntry

MOST_COPY_BYTES = 2 * 1024**3
"""What goes beyond is left out of a copy."""

MOST_FOLDERS_DEEP = 200
"""What is nested deeper is left out of a copy: whatever walks through the copy would stop there."""

MOST_IGNORED_FILES = 500
MOST_IGNORED_BYTES = 256 * 1024**2
"""How much of what git ignores comes into a copy."""

_IMPORTED_SUFFIXES = (".py", ".so", ".pyd")


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyReport:
    """What became of a copy.

    Attributes:
        refused: The paths that were left out since they are hostile or too large, in order.
    """

    refused: tuple[str, ...] = ()


def write_copy(tree: RepositoryTree, folder: Path) -> CopyReport:
    """Write a tree's files into an empty folder.

    Links are written after all files, so that no file is ever written through one.
    """
    refused: list[str] = []
    room = MOST_COPY_BYTES
    entries = [entry for entry in tree.entries() if not entry.is_submodule]
    for entry in sorted(entries, key=lambda entry: entry.is_symlink):
        if _is_refused(entry, room) or not _write_entry(tree, entry, folder):
            refused.append(entry.path)
            continue
        room -= entry.size
    refused += _remove_leaving_links(folder, entries)
    return CopyReport(refused=tuple(refused))


def _is_refused(entry: TreeEntry, room: int) -> bool:
    return not is_safe_path(entry.path) or entry.size > min(MOST_FILE_BYTES, room)


def is_safe_path(path: str) -> bool:
    """Tell whether a path of a tree stays below the folder it is written into, and is not one of git's own.

    One that is nested too deep is not safe either.
    """
    parts = path.split("/")
    return (
        "\0" not in path
        and len(parts) <= MOST_FOLDERS_DEEP
        and not any(part in {"", ".", ".."} or part.lower().rstrip(" .") == ".git" for part in parts)
    )


def _write_entry(tree: RepositoryTree, entry: TreeEntry, folder: Path) -> bool:
    """Write one entry; tell whether it was there to be written and its place was free."""
    target = folder / entry.path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.is_symlink:
            return _write_link(target, tree.link_target(entry.path))
        return _write_file(target, tree.read(entry.path), executable=entry.is_executable)
    except (FileExistsError, NotADirectoryError):  # a tree that names one place twice
        return False


def _write_file(target: Path, content: bytes | None, *, executable: bool) -> bool:
    if content is None:
        return False
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o755 if executable else 0o644)  # whatever the person's umask is
        file.write(content)
    return True


def _write_link(target: Path, destination: str | None) -> bool:
    if not destination or "\0" in destination or PurePosixPath(destination).is_absolute():
        return False
    target.symlink_to(destination)
    return True


def _remove_leaving_links(folder: Path, entries: Iterable[TreeEntry]) -> list[str]:
    """Remove the links that end outside of the copy, now that all of them stand."""
    root = os.path.realpath(folder)
    leaving = [
        entry.path
        for entry in entries
        if entry.is_symlink
        and is_safe_path(entry.path)
        and (folder / entry.path).is_symlink()
        and not _is_inside(root, os.path.realpath(folder / entry.path))
    ]
    for path in leaving:
        (folder / path).unlink()
    return leaving


def _is_inside(root: str, place: str) -> bool:
    return place == root or place.startswith(root + os.sep)


def source_roots(folder: Path, project: str) -> tuple[Path, ...]:
    """Return the folders of a copy that go on the import path: the project's, and its `src/` if there."""
    home = folder / project
    return (home, home / "src") if (home / "src").is_dir() else (home,)


def top_level_modules(roots: Iterable[Path]) -> frozenset[str]:
    """Return the modules and packages that stand in source roots, names of the standard library aside."""
    names = {name for root in roots if root.is_dir() for name in _modules_in(root)}
    return frozenset(names - sys.stdlib_module_names)


def _modules_in(root: Path) -> Iterator[str]:
    for place in root.iterdir():
        if place.suffix == ".py" and place.stem.isidentifier():
            yield place.stem
        elif (place / "__init__.py").is_file():
            yield place.name


def ignored_files(repository: Repository, project: str) -> tuple[str, ...]:
    """Return the ignored files of the working tree that the project's packages may need to be imported.

    Returns:
        Paths relative to the git root, in order, no more of them than the limits allow.
    """
    roots = source_roots(repository.root, project)
    packages = sorted(str(place.relative_to(repository.root)) for place in _packages(roots))
    if not packages:
        return ()
    try:
        listing = repository.git.run(
            "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--", *packages
        )
    except GitFailed:
        return ()
    return tuple(_within_limits(repository.root, sorted(text_of(record) for record in records(listing))))


def _packages(roots: Iterable[Path]) -> Iterator[Path]:
    for root in roots:
        if root.is_dir():
            yield from (place for place in root.iterdir() if (place / "__init__.py").is_file())


def imported_files(folder: Path, packages: Iterable[str]) -> tuple[str, ...]:
    """Return the files beneath some packages of a folder that can be imported, no link followed.

    Returns:
        Paths relative to the folder, in order, no more of them than the limits allow.
    """
    found = [
        str(Path(place, name).relative_to(folder))
        for package in packages
        if not (folder / package).is_symlink()
        for place, _, names in os.walk(folder / package)
        for name in names
    ]
    return tuple(_within_limits(folder, sorted(found)))


def _within_limits(root: Path, paths: Iterable[str]) -> Iterator[str]:
    room = MOST_IGNORED_BYTES
    count = 0
    for path in paths:
        wanted = path.endswith(_IMPORTED_SUFFIXES) and is_safe_path(path)
        size = _size_of_file(root / path) if wanted else None
        if size is None or size > room or count == MOST_IGNORED_FILES:
            continue
        room -= size
        count += 1
        yield path


def _size_of_file(path: Path) -> int | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def bring_ignored_files(root: Path, paths: Iterable[str], folder: Path) -> None:
    """Copy files of the working tree into a copy whose folder they belong to, where their place is free."""
    for path in paths:
        target = folder / path
        inside = _is_inside(os.path.realpath(folder), os.path.realpath(target.parent))
        if not inside or not target.parent.is_dir():
            continue
        with contextlib.suppress(OSError):
            _write_file(target, _content(root / path), executable=path.endswith((".so", ".pyd")))


def _content(place: Path) -> bytes:
    """Return what is in a file that is not a link."""
    with os.fdopen(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        return file.read()


def exchange_files(copy: Path, other: Path, is_meant: Callable[[str], bool]) -> None:
    """Exchange files of one copy for those of another, which may have fewer or more of them.

    Links are neither written nor written through: what would need one stays out.

    Args:
        copy: The root of the copy that is changed.
        other: The root of the one that the files come from.
        is_meant: Tells whether the file at a path relative to the git root is exchanged.

    Raises:
        OSError: There is no room for them.
    """
    home = copy.resolve()
    for path in filter(is_meant, _files_below(home)):
        (home / path).unlink()
    for path in filter(is_meant, _files_below(other)):
        source, target = other / path, home / path
        if source.is_symlink() or target.parent.resolve() != target.parent:
            continue
        with contextlib.suppress(FileExistsError, NotADirectoryError):  # where this copy has something else
            target.parent.mkdir(parents=True, exist_ok=True)
            _write_file(target, _content(source), executable=os.access(source, os.X_OK))


def _files_below(root: Path) -> list[str]:
    """Return the files and links below a folder, relative to it; no link is followed."""
    places = [Path(folder, name) for folder, *names in os.walk(root) for name in (*names[0], *names[1])]
    return [str(one.relative_to(root)) for one in places if one.is_symlink() or one.is_file()]
