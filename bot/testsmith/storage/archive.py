"""What one run keeps for the next, as one compressed archive, and back. Pure; what is read back is untrusted.

An archive is gzip over lines of JSON. The first line names the schema; each of the others is one entry of one
store. Nothing but JSON of exactly this shape is taken out of it, and no more than a bounded amount.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import math
import os
import re
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from testsmith.storage.keys import KEY_SCHEMA, MEASUREMENT_SCHEMA, canonical_digest, is_tried
from testsmith.storage.store import MAX_VALUE_BYTES, VALUE_SCHEMA, StoredEntry, is_result, json_object

ARCHIVE_SCHEMA = 1
"""Raised when the meaning of a line changes; other archives are then no longer found."""

RESULTS = "results"
MEASUREMENTS = "measurements"
TRIED = "tried"

MOST_ENTRIES = {RESULTS: 20_000, MEASUREMENTS: 1_000, TRIED: 20_000}
"""The stores that are kept, and how many entries of each, those that were used last."""

MOST_BYTES = 32 * 1024 * 1024
"""A larger archive is neither written nor read."""

MOST_TEXT_BYTES = 128 * 1024 * 1024
"""More than this is neither put into an archive nor taken out of one."""

_MOST_LINE_BYTES = MAX_VALUE_BYTES + 1024
_MOST_LINES = sum(MOST_ENTRIES.values()) + 1
_LEVEL = 5
"""Of compression: one that is over twice as fast as the default, and hardly larger."""

_FINGERPRINT = canonical_digest([ARCHIVE_SCHEMA, KEY_SCHEMA, VALUE_SCHEMA, MEASUREMENT_SCHEMA])[:8]
PREFIX = f"testsmith-v{ARCHIVE_SCHEMA}-{_FINGERPRINT}-"
"""How the names of all archives begin that this version can use, but for those of a sweep's shards."""

_SHARDS = f"testsmith-sweep-v{ARCHIVE_SCHEMA}-{_FINGERPRINT}-"  # no run finds it that asks for the other

_NAME = re.compile(
    rf"(?:{PREFIX}|{_SHARDS}shard-[0-9]{{1,3}}of[0-9]{{1,3}}-)[0-9]{{1,20}}-[0-9]{{1,6}}-(?P<digest>[0-9a-f]{{8}})",
    re.ASCII,
)
_KEY = re.compile(r"[0-9a-f]{64}", re.ASCII)
_HEADER = {"archive": "testsmith", "schema": ARCHIVE_SCHEMA}
_SHAPE = {"store", "key", "used", "value"}


class BadArchive(Exception):
    """An archive cannot be used; the message completes the sentence `it …`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One archive.

    Attributes:
        name: What it is found by, see `archive_name`.
        data: Its bytes.
    """

    name: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveContents:
    """What was in an archive.

    Attributes:
        entries: The entries, by the store that they belong to.
        refused: How many lines were not what this program writes.
    """

    entries: Mapping[str, Sequence[StoredEntry]] = field(default_factory=dict)
    refused: int = 0

    @property
    def count(self) -> int:
        """How many entries there are."""
        return sum(map(len, self.entries.values()))


def shard_prefix(shard: str) -> str:
    """Return how the names of the archives of a sweep's shard begin; `shard` is as `shard-2of4`."""
    return f"{_SHARDS}{shard}-"


def archive_name(run: str, data: bytes, prefix: str = PREFIX) -> str:
    """Return an archive's name: jobs of one run that keep different things have different names.

    Args:
        run: The run's number and its attempt, as `4711-1`.
        data: The archive's bytes.
        prefix: How it begins: `PREFIX`, or that of a shard.
    """
    return f"{prefix}{run}-{_digest(data)}"


def is_archive_name(name: str, prefix: str = PREFIX) -> bool:
    """Tell whether this version may have given a name, to an archive of some kind."""
    return name.startswith(prefix) and _NAME.fullmatch(name) is not None


def is_whole(archive: Archive) -> bool:
    """Tell whether an archive's bytes are those that it was named by."""
    named = _NAME.fullmatch(archive.name)
    return named is not None and named["digest"] == _digest(archive.data)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:8]


def pack(stores: Mapping[str, Iterable[StoredEntry]]) -> bytes:
    """Return an archive's bytes; what is beyond the bounds is left out, the first of each store stay.

    Raises:
        BadArchive: It would be larger than may be read again.
    """
    text = b"".join((_line(_HEADER), *_within_bounds(stores)))
    data = gzip.compress(text, _LEVEL, mtime=0)
    if len(data) > MOST_BYTES:
        raise BadArchive("would be too large")
    return data


def _within_bounds(stores: Mapping[str, Iterable[StoredEntry]]) -> Iterator[bytes]:
    left = MOST_TEXT_BYTES - _MOST_LINE_BYTES
    for store, entries in stores.items():
        for _, entry in zip(range(MOST_ENTRIES[store]), entries, strict=False):
            used = int(entry.used_at)
            line = _line({"store": store, "key": entry.key, "used": used, "value": entry.value})
            left -= len(line)
            if left < 0:
                return
            yield line


def _line(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii") + b"\n"


def unpack(data: bytes) -> ArchiveContents:
    """Return what is in an archive, of which each entry has the right shape.

    Raises:
        BadArchive: It is damaged, too large, or of another version.
    """
    if len(data) > MOST_BYTES:
        raise BadArchive("is too large")
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            lines = _lines(file)
            if json_object(next(lines, b"")) != _HEADER:
                raise BadArchive("is of another version")
            return _contents(lines)
    except (EOFError, OSError, zlib.error) as error:
        raise BadArchive("is damaged") from error


def _lines(file: gzip.GzipFile) -> Iterator[bytes]:
    """Yield line by line, so that no more is ever unpacked than is allowed."""
    left, number = MOST_TEXT_BYTES, 0
    while line := file.readline(_MOST_LINE_BYTES):
        left, number = left - len(line), number + 1
        if left < 0 or number > _MOST_LINES or not line.endswith(b"\n"):
            raise BadArchive("holds more than is allowed")
        yield line


def _contents(lines: Iterable[bytes]) -> ArchiveContents:
    found: dict[str, list[StoredEntry]] = {store: [] for store in MOST_ENTRIES}
    refused = 0
    for line in lines:
        read = _entry(json_object(line))
        if read is None:
            refused += 1
        else:
            found[read[0]].append(read[1])
    return ArchiveContents(entries=found, refused=refused)


def _anything(_value: Mapping[str, object]) -> bool:
    return True


_IS_VALUE: Mapping[str, Callable[[Mapping[str, object]], bool]] = {
    RESULTS: is_result,
    TRIED: is_tried,
}
"""Tells of a value whether its store holds such; measurements are checked where they are used."""


def _entry(line: dict[str, Any] | None) -> tuple[str, StoredEntry] | None:
    """Return a line's store and entry; None where it has not exactly the right shape."""
    if line is None or line.keys() != _SHAPE:
        return None
    store, key, used, value = (line[name] for name in ("store", "key", "used", "value"))
    if not isinstance(store, str) or store not in MOST_ENTRIES or not isinstance(value, dict):
        return None
    if not isinstance(key, str) or not _KEY.fullmatch(key) or not _is_time(used):
        return None
    if not _IS_VALUE.get(store, _anything)(value):
        return None
    return store, StoredEntry(key=key, value=value, used_at=float(used))


def _is_time(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and 0 <= value < 1e12  # noqa: PLR2004 - far beyond any date


class ArchiveFailure(Exception):
    """An archive could be neither had nor left; the message says why, in half a sentence without a secret."""


class Denied(ArchiveFailure):
    """This run may not do that, however often it asks."""


class TimeLimit:
    """How long something may take; it can be shortened while that is under way.

    Args:
        clock: Seconds that only ever grow.
        seconds: What is allowed from now on.
    """

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock = clock
        self._end = clock() + seconds

    @property
    def left(self) -> float:
        """How many seconds are left, never less than none."""
        return max(0.0, self._end - self._clock())

    def shorten(self, seconds: float) -> None:
        """Allow no more than so many seconds from now on."""
        self._end = min(self._end, self._clock() + seconds)


class ArchiveBackend(Protocol):
    """Where archives lie. What it gives back may have been put there by anybody.

    Attributes:
        unreadable: Why nothing may be read there, in half a sentence; empty where it may.
        unwritable: Why nothing may be left there.
    """

    @property
    def unreadable(self) -> str: ...  # noqa: D102 - the class tells

    @property
    def unwritable(self) -> str: ...  # noqa: D102 - the class tells

    def newest(self, limit: TimeLimit) -> Archive | None:
        """Return the archive that was left last, of those that this run may see; None where there is none.

        Raises:
            PlaceFailure: It cannot be had.
        """
        ...

    def leave(self, archive: Archive, limit: TimeLimit) -> None:
        """Leave an archive for later runs; where one of its name is there already, all is well.

        Raises:
            PlaceFailure: It cannot be left.
        """
        ...


_SUFFIX = ".jsonl.gz"
_OURS = f"testsmith-v*{_SUFFIX}"
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class FolderBackend:
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
            raise ArchiveFailure(f"{self._folder} cannot be read: {error.strerror}") from error

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
            raise ArchiveFailure(f"{self._folder} cannot be written to: {error.strerror}") from error

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
