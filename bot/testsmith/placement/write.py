"""Writing planned test files into a working tree: whole or not at all, and never through a symbolic link."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from testsmith.placement.plan import FileEdit

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class NotWritten:
    """A planned file that was not written, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written, in order, and what was not.

    Attributes:
        paths: Relative to the folder that was written to.
        refused: The others.
    """

    paths: tuple[str, ...] = ()
    refused: tuple[NotWritten, ...] = ()


def write_edits(folder: Path, edits: Iterable[FileEdit]) -> Written:
    """Write planned files below a folder, the git root or a copy of it.

    A file that is not as it was when the edit was planned is left as it is.
    """
    paths: list[str] = []
    refused: list[NotWritten] = []
    for edit in edits:
        try:
            _write(folder, edit)
        except _Refused as reason:
            refused.append(NotWritten(path=edit.path, reason=str(reason)))
        except OSError as error:
            refused.append(NotWritten(path=edit.path, reason=f"it cannot be written: {error.strerror}"))
        else:
            paths.append(edit.path)
    return Written(paths=tuple(paths), refused=tuple(refused))


class _Refused(Exception):
    """A file may not be written; the message says why."""


def _write(folder: Path, edit: FileEdit) -> None:
    *parents, name = edit.path.split("/")
    with _opened_folder(folder, parents) as place:
        mode = _mode_of_unchanged(place, name, edit.old)
        temporary = f".{name}.{secrets.token_hex(4)}.tmp"
        try:
            _fill(place, temporary, edit.new, mode)
            _mode_of_unchanged(place, name, edit.old)
            os.replace(temporary, name, src_dir_fd=place, dst_dir_fd=place)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=place)


@contextmanager
def _opened_folder(root: Path, parts: Iterable[str]) -> Iterator[int]:
    """Open a folder below a root step by step, so that no symbolic link is followed; new ones are made."""
    place = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            inner = _open_or_make(place, part)
            os.close(place)
            place = inner
        yield place
    finally:
        os.close(place)


def _open_or_make(place: int, name: str) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=place)
    except FileNotFoundError:
        os.mkdir(name, dir_fd=place)
        return os.open(name, _FOLDER, dir_fd=place)
    except NotADirectoryError as error:
        raise _Refused(f"`{name}` on its way is no folder, or a symbolic link") from error


def _mode_of_unchanged(place: int, name: str, expected: bytes | None) -> int | None:
    """Return a file's mode, None for a new one, if it is as it is expected to be."""
    try:
        file = os.open(name, _FILE, dir_fd=place)
    except FileNotFoundError:
        if expected is not None:
            raise _Refused("it is gone since the tests were made") from None
        return None
    except OSError as error:
        raise _Refused("it is a symbolic link, or no file") from error
    with os.fdopen(file, "rb") as stream:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise _Refused("it is no regular file")
        if expected is None or stream.read(len(expected) + 1) != expected:
            raise _Refused("it has changed since the tests were made")
    return stat.S_IMODE(status.st_mode)


def _fill(place: int, name: str, content: bytes, mode: int | None) -> None:
    """Write a new file; without a mode it gets the one that the person's own new files get."""
    file = os.open(name, _NEW_FILE, 0o666, dir_fd=place)
    with os.fdopen(file, "wb") as stream:
        if mode is not None:
            os.fchmod(file, mode)
        stream.write(content)
        stream.flush()
        os.fsync(file)
