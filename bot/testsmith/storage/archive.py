"""Pack stores into a compressed archive for the next run, and the folder that holds archives.

An archive is gzip-compressed JSON lines. The first line has the schema; each other line is one entry of one
store. Archives are untrusted: only JSON of exactly this shape is accepted, up to a maximum size.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Protocol

from annotated_types import Interval

from testsmith.decode import NOTHING_ELSE, Malformed, Matches, decode, decode_value
from testsmith.storage.keys import KEY_SCHEMA, MEASUREMENT_SCHEMA, StoredTried, canonical_digest
from testsmith.storage.store import (
    MAX_VALUE_BYTES,
    VALUE_SCHEMA,
    StoredEntry,
    StoredResult,
    json_object,
)

ARCHIVE_SCHEMA = 1
"""Increased when the meaning of a line changes. Archives of other versions are not found."""

RESULTS = "results"
MEASUREMENTS = "measurements"
TRIED = "tried"

MOST_ENTRIES = {RESULTS: 20_000, MEASUREMENTS: 1_000, TRIED: 20_000}
"""Maximum entries per store. The most recently used ones are kept."""

MOST_BYTES = 32 * 1024 * 1024
"""Maximum size of an archive that is written or read."""

MOST_TEXT_BYTES = 128 * 1024 * 1024
"""Maximum uncompressed size of an archive."""

_MOST_LINE_BYTES = MAX_VALUE_BYTES + 1024
_MOST_LINES = sum(MOST_ENTRIES.values()) + 1
_LEVEL = 5
"""Compression level: more than twice as fast as the default and hardly larger."""

_FINGERPRINT = canonical_digest([ARCHIVE_SCHEMA, KEY_SCHEMA, VALUE_SCHEMA, MEASUREMENT_SCHEMA])[:8]
PREFIX = f"testsmith-v{ARCHIVE_SCHEMA}-{_FINGERPRINT}-"
"""Prefix of all archive names that this version can use, except those of a sweep's shards."""

_SHARDS = f"testsmith-sweep-v{ARCHIVE_SCHEMA}-{_FINGERPRINT}-"  # so that no run finds the other kind

_NAME = re.compile(
    rf"(?:{PREFIX}|{_SHARDS}shard-[0-9]{{1,3}}of[0-9]{{1,3}}-)[0-9]{{1,20}}-[0-9]{{1,6}}-(?P<digest>[0-9a-f]{{8}})",
    re.ASCII,
)
_HEADER = {"archive": "testsmith", "schema": ARCHIVE_SCHEMA}

_VALUES: Mapping[str, Any] = {RESULTS: StoredResult, TRIED: StoredTried, MEASUREMENTS: dict[str, Any]}
"""Types of the values by store. Measurements are checked where they are used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    __pydantic_config__: ClassVar = NOTHING_ELSE

    store: Literal["results", "measurements", "tried"]
    key: Annotated[str, Matches(re.compile(r"[0-9a-f]{64}"))]
    used: Annotated[float, Interval(ge=0, lt=1e12)]
    value: dict[str, Any]


class BadArchive(Exception):
    """The archive cannot be used; the message completes the sentence `it …`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One archive.

    Attributes:
        name: Its name; see `archive_name`.
        data: Its contents.
    """

    name: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveContents:
    """Contents of an archive.

    Attributes:
        entries: The entries by store name.
        refused: Number of invalid lines.
    """

    entries: Mapping[str, Sequence[StoredEntry]] = field(default_factory=dict)
    refused: int = 0

    @property
    def count(self) -> int:
        """Number of entries."""
        return sum(map(len, self.entries.values()))


def shard_prefix(shard: str) -> str:
    """Return the prefix for archives of a sweep's shard, for example `shard-2of4`."""
    return f"{_SHARDS}{shard}-"


def archive_name(run: str, data: bytes, prefix: str = PREFIX) -> str:
    """Return an archive's name, which includes a digest so that jobs of one run do not collide.

    Args:
        run: The run's id and attempt, for example `4711-1`.
        data: The archive's contents.
        prefix: `PREFIX`, or that of a shard.
    """
    return f"{prefix}{run}-{_digest(data)}"


def is_archive_name(name: str, prefix: str = PREFIX) -> bool:
    """Return whether a name could have been created by this version."""
    return name.startswith(prefix) and _NAME.fullmatch(name) is not None


def is_whole(archive: Archive) -> bool:
    """Return whether an archive's contents match its name."""
    named = _NAME.fullmatch(archive.name)
    return named is not None and named["digest"] == _digest(archive.data)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:8]


def pack(stores: Mapping[str, Iterable[StoredEntry]]) -> bytes:
    """Return an archive's contents. Entries beyond the limits are dropped from the end of each store.

    Raises:
        BadArchive: The archive would exceed the maximum size.
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
    """Return the contents of an archive, with only valid entries.

    Raises:
        BadArchive: The archive is damaged, too large, or of another version.
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
    """Yield the lines one by one, so that no more than the maximum size is unpacked."""
    left, number = MOST_TEXT_BYTES, 0
    while line := file.readline(_MOST_LINE_BYTES):
        left, number = left - len(line), number + 1
        if left < 0 or number > _MOST_LINES or not line.endswith(b"\n"):
            raise BadArchive("holds more than is allowed")
        yield line


def _contents(lines: Iterable[bytes]) -> ArchiveContents:
    found: dict[str, list[StoredEntry]] = {store: [] for store in MOST_ENTRIES}
    refused = 0
    for text in lines:
        try:
            line = decode(_Line, text)
            decode_value(_VALUES[line.store], line.value)
        except Malformed:
            refused += 1
        else:
            found[line.store].append(StoredEntry(key=line.key, value=line.value, used_at=line.used))
    return ArchiveContents(entries=found, refused=refused)


class ArchiveFailure(Exception):
    """The archive could not be read or written; the message says why, in a clause without secrets."""


class Denied(ArchiveFailure):
    """This run has no permission for the operation, so retries are useless."""


class TimeLimit:
    """Time limit that can be shortened while it runs.

    Args:
        clock: Monotonic clock, in seconds.
        seconds: Seconds from now.
    """

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock = clock
        self._end = clock() + seconds

    @property
    def left(self) -> float:
        """Seconds left, at least 0."""
        return max(0.0, self._end - self._clock())

    def shorten(self, seconds: float) -> None:
        """Limit the remaining time to some seconds from now."""
        self._end = min(self._end, self._clock() + seconds)


class ArchiveBackend(Protocol):
    """Storage for archives. Its contents are untrusted.

    Attributes:
        unreadable: Why nothing can be read, as a clause; empty if it can.
        unwritable: Why nothing can be written, as a clause; empty if it can.
    """

    @property
    def unreadable(self) -> str: ...  # noqa: D102 - described by the class

    @property
    def unwritable(self) -> str: ...  # noqa: D102 - described by the class

    def newest(self, limit: TimeLimit) -> Archive | None:
        """Return the newest archive that this run has access to; None if there is none.

        Raises:
            ArchiveFailure: The archive cannot be read.
        """
        ...

    def leave(self, archive: Archive, limit: TimeLimit) -> None:
        """Store an archive for later runs. An existing archive of the same name is not an error.

        Raises:
            ArchiveFailure: The archive cannot be stored.
        """
        ...


_SUFFIX = ".jsonl.gz"
_OURS = f"testsmith-v*{_SUFFIX}"
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def read_file(file: Path, most_bytes: int) -> bytes:
    """Return a file's content, up to one byte more than the maximum. Symbolic links are not followed."""
    with os.fdopen(os.open(file, _OPEN), "rb") as opened:
        return opened.read(most_bytes + 1)


def write_file(file: Path, data: bytes) -> None:
    """Write a file atomically. Symbolic links are not followed."""
    passing = file.with_name(f".{file.name}.new")
    passing.unlink(missing_ok=True)
    with os.fdopen(os.open(passing, _NEW, 0o644), "wb") as opened:
        opened.write(data)
    passing.replace(file)


class FolderBackend:
    """Folder as an `ArchiveBackend` with one archive per prefix. Symbolic links are not followed.

    Args:
        folder: The folder; created if it does not exist.
        prefix: Prefix of its archives' names.
    """

    unreadable = ""
    unwritable = ""

    def __init__(self, folder: Path, prefix: str = PREFIX) -> None:
        self._folder = folder
        self._prefix = prefix

    def newest(self, _limit: TimeLimit) -> Archive | None:
        """See `ArchiveBackend.newest`."""
        try:
            usable = [one for one in self._archives() if is_archive_name(_name(one), self._prefix)]
            newest = max(usable, key=lambda file: file.lstat().st_mtime, default=None)
            return None if newest is None else Archive(name=_name(newest), data=read_file(newest, MOST_BYTES))
        except OSError as error:
            raise ArchiveFailure(f"{self._folder} cannot be read: {error.strerror}") from error

    def leave(self, archive: Archive, _limit: TimeLimit) -> None:
        """Store an archive and delete older ones, whose entries it includes."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            before = list(self._archives())
            place = self._folder / f"{archive.name}{_SUFFIX}"
            write_file(place, archive.data)
            for old in before:
                if old != place:
                    old.unlink(missing_ok=True)
        except OSError as error:
            raise ArchiveFailure(f"{self._folder} cannot be written to: {error.strerror}") from error

    def _archives(self) -> Iterator[Path]:
        """Yield the archives with this prefix, of any version."""
        ours = _OURS if self._prefix == PREFIX else f"{self._prefix}*{_SUFFIX}"
        for file in self._folder.glob(ours):
            if stat.S_ISREG(file.lstat().st_mode):
                yield file


def _name(file: Path) -> str:
    return file.name.removesuffix(_SUFFIX)
