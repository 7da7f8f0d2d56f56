"""Store results on disk, shared between concurrent processes. Errors in the store never fail a run.

The store maps keys to JSON objects. The file is untrusted, because anyone may have put it there: its tables
must match ours exactly, values are limited in size and must be JSON objects, and `decode_result` checks their
shape.

Two kinds of errors are reported once each. A broken file is renamed to `<name>.broken-<n>` and replaced with
an empty one. If the folder or disk cannot be used, the run continues without the cache.
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from annotated_types import MaxLen

from testsmith.decode import NOTHING_ELSE, Malformed, Matches, OneOf, decode, decode_value
from testsmith.model import Candidate, Member, Origin, Result, Skipped, SkipStage
from testsmith.settings import CacheSettings
from testsmith.storage.database import OpenDatabase, is_broken, open_database

VALUE_SCHEMA = 1
"""Version of a value's shape. Any other version is a cache miss."""

MAX_REASON_CHARACTERS = 2_000
"""Maximum length of a reason that this program writes."""

_Text = Annotated[str, Matches(re.compile(r"[^\0]*[^\0\s][^\0]*"))]


@dataclass(frozen=True, slots=True, kw_only=True)
class _StoredCandidate:
    __pydantic_config__: ClassVar = NOTHING_ELSE

    schema: Literal[1]
    kind: Literal["candidate"]
    code: _Text
    edited: Annotated[str, Matches(re.compile(r"[^\0]*"))] = ""
    test_path: Annotated[str, Matches(re.compile(r"[^\0]*"))] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _StoredSkip:
    __pydantic_config__: ClassVar = NOTHING_ELSE

    schema: Literal[1]
    kind: Literal["skipped"]
    stage: Literal["generation"]
    reason: Annotated[_Text, MaxLen(MAX_REASON_CHARACTERS)]


StoredResult = Annotated[_StoredCandidate | _StoredSkip, OneOf("kind")]
"""The shape of what `encode_result` returns."""


def json_object(data: bytes) -> dict[str, Any] | None:
    """Parse a JSON object; None if the bytes are anything else."""
    try:
        return decode(dict[str, Any], data)
    except Malformed:
        return None


def encode_result(result: Result) -> dict[str, object]:
    """Return the value to store, without member and path, which are known to whoever has the key.

    A `Skipped` is only worth storing if it is permanent, and is read back as such.
    """
    if isinstance(result, Candidate):
        parts = {"code": result.code, "edited": result.edited, "test_path": result.test_path}
        given = {name: text for name, text in parts.items() if text or name == "code"}
        return {"schema": VALUE_SCHEMA, "kind": "candidate", **given}
    reason = result.reason[:MAX_REASON_CHARACTERS]
    return {"schema": VALUE_SCHEMA, "kind": "skipped", "stage": result.stage.value, "reason": reason}


def decode_result(value: Mapping[str, object], member: Member) -> Result | None:
    """Return the member's result; None (a cache miss) unless the value has exactly the right shape."""
    try:
        stored: _StoredCandidate | _StoredSkip = decode_value(StoredResult, value)
    except Malformed:
        return None
    if isinstance(stored, _StoredCandidate):
        return Candidate(
            member=member.id,
            code=stored.code,
            origin=Origin.MODEL,
            edited=stored.edited,
            test_path=stored.test_path,
        )
    return Skipped(
        path=member.path,
        member=member.id,
        stage=SkipStage.GENERATION,
        reason=stored.reason,
        permanent=True,
    )


FILE_NAME = "results-v1.sqlite3"
"""File name. A new layout gets a new name, so that older and newer versions can share a folder."""

MAX_VALUE_BYTES = 256 * 1024
"""Maximum size of a value that is written or read. An answer of 8,192 tokens has about 32 KiB."""

KEYS_PER_QUERY = 500
DAY = 86_400.0

_READ = """
    SELECT key, value FROM results
    WHERE key IN (SELECT value FROM json_each(?)) AND typeof(value) = 'blob' AND length(value) <= ?
"""
_TOUCH = "UPDATE results SET used_at = ? WHERE key IN (SELECT value FROM json_each(?)) AND used_at < ?"
"""Records the use of entries, at most once a day each, so that most reads write nothing."""
_WRITE = "INSERT OR REPLACE INTO results (key, value, used_at) VALUES (?, ?, ?)"
_REMOVE = "DELETE FROM results WHERE key IN (SELECT value FROM json_each(?))"
_ADD = "INSERT OR IGNORE INTO results (key, value, used_at) VALUES (?, ?, ?)"
_NEWEST = """
    SELECT key, value, used_at FROM results
    WHERE typeof(value) = 'blob' AND length(value) <= ? ORDER BY used_at DESC, key LIMIT ?
"""
_DELETE_OLDEST = "DELETE FROM results WHERE key IN (SELECT key FROM results ORDER BY used_at LIMIT ?)"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class StoreStats:
    """Number of entries, and their size on disk; the same for installed environments."""

    entries: int = 0
    bytes: int = 0
    environments: int = 0
    environment_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """An entry to copy between stores.

    Attributes:
        key: Its key.
        value: Its JSON object.
        used_at: When it was last used, in seconds since the epoch.
    """

    key: str
    value: Mapping[str, object]
    used_at: float


class ResultStore:
    """An open store. Its methods do not raise for problems with the file, folder or disk.

    Attributes:
        written: Number of values stored with `put` since it was opened.
    """

    def __init__(
        self,
        settings: CacheSettings,
        *,
        clock: Callable[[], float],
        warn: Callable[[str], None],
        file_name: str = FILE_NAME,
    ) -> None:
        self._settings = settings
        self._path = settings.folder / file_name
        self._clock = clock
        self._warn = warn
        self._opened: OpenDatabase | None = None
        self._mended = False
        self.written = 0

    @classmethod
    def open(
        cls,
        settings: CacheSettings,
        *,
        warn: Callable[[str], None],
        clock: Callable[[], float] = time.time,
        file_name: str = FILE_NAME,
    ) -> Self:
        """Open or create the store, in a folder that only its owner can access.

        Args:
            settings: Folder, maximum size and maximum age.
            warn: Called once with a message if something is wrong with the store.
            clock: Seconds since the epoch.
            file_name: The store's file in the folder.
        """
        store = cls(settings, clock=clock, warn=warn, file_name=file_name)
        store._open()
        return store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Stored values are durable even without it."""
        if self._opened is not None:
            self._opened.connection.close()
            self._opened = None

    def get_many(self, keys: Sequence[str]) -> dict[str, dict[str, object]]:
        """Return the values of the keys that exist, and record their use."""
        found: dict[str, dict[str, object]] = {}
        nothing: dict[str, dict[str, object]] = {}
        for start in range(0, len(keys), KEYS_PER_QUERY):
            some = list(keys[start : start + KEYS_PER_QUERY])
            found |= self._attempt(partial(_read, some), nothing)
            self._attempt(partial(_touch, some, self._clock()), None)
        return found

    def put(self, key: str, value: Mapping[str, object]) -> None:
        """Store a value. When this returns, the value survives the process."""
        data = _encoded(value)
        if len(data) <= MAX_VALUE_BYTES:
            self.written += self._attempt(partial(_write, (key, data, self._clock())), 0)

    def newest(self, most: int) -> list[StoredEntry]:
        """Return entries, most recently used first."""
        nothing: list[StoredEntry] = []
        return self._attempt(partial(_read_newest, most), nothing)

    def add(self, entries: Iterable[StoredEntry]) -> int:
        """Add missing entries, keeping their age, and return how many were added."""
        now = self._clock()
        encoded = ((entry, _encoded(entry.value)) for entry in entries)
        rows = [
            (entry.key, data, min(entry.used_at, now))
            for entry, data in encoded
            if len(data) <= MAX_VALUE_BYTES
        ]
        return self._attempt(partial(_add, rows), 0) if rows else 0

    def prune(self) -> int:
        """Remove expired entries, then the least recently used ones until the store is small enough.

        Returns:
            The number of removed entries.
        """
        return self._attempt(partial(_prune, self._settings, self._clock()), 0)

    def remove(self, keys: Sequence[str]) -> None:
        """Remove the entries with these keys."""
        for start in range(0, len(keys), KEYS_PER_QUERY):
            some = json.dumps(list(keys[start : start + KEYS_PER_QUERY]))
            self._attempt(partial(_delete, _REMOVE, (some,)), 0)

    def clear(self) -> int:
        """Remove all entries and broken files, and return how many entries there were."""
        removed = self._attempt(partial(_delete, "DELETE FROM results", ()), 0)
        for broken in self._settings.folder.glob(f"{self._path.name}.broken-*"):
            with suppress(OSError):  # harmless if it stays
                broken.unlink()
        return removed

    def stats(self) -> StoreStats:
        """Return the current number and size of entries."""
        return self._attempt(_stats, StoreStats())

    def _attempt(self, work: Callable[[sqlite3.Connection], _T], otherwise: _T) -> _T:
        """Run an operation. If the file turns out to be broken, retry it once with a new file."""
        while (opened := self._opened) is not None:
            try:
                return work(opened.connection)
            except sqlite3.ProgrammingError:
                raise  # a bug in this program, not a problem with the file
            except sqlite3.DatabaseError as error:
                self._recover(opened, error)
        return otherwise

    def _open(self, broken_inode: int | None = None) -> None:
        try:
            self._settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._opened = open_database(self._path, broken_inode=broken_inode)
        except (sqlite3.DatabaseError, OSError) as error:
            self._give_up(error)
            return
        if self._opened.aside is not None:
            self._warn(
                f"The result cache was damaged. It was moved to {self._opened.aside}, and a new one was "
                f"started."
            )

    def _recover(self, opened: OpenDatabase, error: sqlite3.DatabaseError) -> None:
        """Replace a broken file; for other errors, or the second time, continue without the store."""
        self.close()
        if self._mended or not is_broken(error):
            self._give_up(error)
            return
        self._mended = True
        self._open(opened.inode)

    def _give_up(self, error: Exception) -> None:
        self._warn(
            f"Results are no longer cached in this run, because {self._path} could not be used ({error}). "
            f"Free disk space, fix the permissions, or choose another folder with --cache-dir."
        )


def _encoded(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _read(keys: Sequence[str], connection: sqlite3.Connection) -> dict[str, dict[str, object]]:
    rows = connection.execute(_READ, (json.dumps(keys), MAX_VALUE_BYTES))
    parsed = ((key, json_object(value)) for key, value in rows)
    return {key: value for key, value in parsed if value is not None}


def _touch(keys: Sequence[str], now: float, connection: sqlite3.Connection) -> None:
    connection.execute(_TOUCH, (now, json.dumps(keys), now - DAY))


def _read_newest(most: int, connection: sqlite3.Connection) -> list[StoredEntry]:
    rows = connection.execute(_NEWEST, (MAX_VALUE_BYTES, most))
    parsed = ((key, json_object(value), used_at) for key, value, used_at in rows)
    return [
        StoredEntry(key=key, value=value, used_at=used_at)
        for key, value, used_at in parsed
        if value is not None
    ]


def _add(rows: Sequence[tuple[str, bytes, float]], connection: sqlite3.Connection) -> int:
    """Add all rows in one transaction, to avoid one disk write per row."""
    with _transaction(connection):
        return connection.executemany(_ADD, rows).rowcount


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _write(entry: tuple[str, bytes, float], connection: sqlite3.Connection) -> int:
    return connection.execute(_WRITE, entry).rowcount


def _prune(settings: CacheSettings, now: float, connection: sqlite3.Connection) -> int:
    window = (now - settings.max_age_days * DAY, now + DAY)
    removed = _delete("DELETE FROM results WHERE used_at NOT BETWEEN ? AND ?", window, connection)
    while (held := _stats(connection)).bytes > settings.max_bytes and held.entries > 0:
        removed += _delete(_DELETE_OLDEST, (held.entries // 10 + 1,), connection)
    return removed


def _delete(statement: str, values: tuple[float | str, ...], connection: sqlite3.Connection) -> int:
    removed = connection.execute(statement, values).rowcount
    connection.executescript("PRAGMA incremental_vacuum")  # `execute` would free only one page
    return removed


def _stats(connection: sqlite3.Connection) -> StoreStats:
    (entries,) = connection.execute("SELECT count(*) FROM results").fetchone()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return StoreStats(entries=entries, bytes=(pages - free) * size)
