"""Archives in a plain folder, for workflows that keep it themselves, as by `actions/cache`."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from testsmith.cache.archive import MOST_BYTES, PREFIX, Archive, is_archive_name
from testsmith.cache.place import PlaceFailure, TimeLimit

_SUFFIX = ".jsonl.gz"
_OURS = f"testsmith-v*{_SUFFIX}"
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class FolderPlace:
    """A folder as an `ArchivePlace`; it holds one archive of a kind, the last. No link in it is followed.

    Args:
        folder: Where it is; made where there is none.
        prefix: How the names of its archives begin.
    """

    unreadable = ""
    unwritable = ""

    def __init__(self, folder: Path, prefix: str = PREFIX) -> None:
        self._folder = folder
        self._prefix = prefix

    def newest(self, _limit: TimeLimit) -> Archive | None:
        """See `ArchivePlace.newest`."""
        try:
            usable = [one for one in self._archives() if is_archive_name(_name(one), self._prefix)]
            newest = max(usable, key=lambda file: file.lstat().st_mtime, default=None)
            return None if newest is None else Archive(name=_name(newest), data=_read(newest))
        except OSError as error:
            raise PlaceFailure(f"{self._folder} cannot be read: {error.strerror}") from error

    def leave(self, archive: Archive, _limit: TimeLimit) -> None:
        """See `ArchivePlace.leave`; what was there before is in the new one, and goes."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            before = list(self._archives())
            place = self._folder / f"{archive.name}{_SUFFIX}"
            _write(place, archive.data)
            for old in before:
                if old != place:
                    old.unlink(missing_ok=True)
        except OSError as error:
            raise PlaceFailure(f"{self._folder} cannot be written to: {error.strerror}") from error

    def _archives(self) -> Iterator[Path]:
        """Yield the files of this kind that this program has left here, whichever its version."""
        ours = _OURS if self._prefix == PREFIX else f"{self._prefix}*{_SUFFIX}"
        for file in self._folder.glob(ours):
            if stat.S_ISREG(file.lstat().st_mode):
                yield file


def _name(file: Path) -> str:
    return file.name.removesuffix(_SUFFIX)


def _read(file: Path) -> bytes:
    with os.fdopen(os.open(file, _OPEN), "rb") as opened:
        return opened.read(MOST_BYTES + 1)


def _write(place: Path, data: bytes) -> None:
    """Write a file that is there as a whole or not at all."""
    passing = place.with_name(f".{place.name}.new")
    with suppress(FileNotFoundError):
        passing.unlink()
    with os.fdopen(os.open(passing, _NEW, 0o644), "wb") as file:
        file.write(data)
    passing.replace(place)
