"""Open the SQLite file of a store, check that it is valid, and set broken files aside."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BUSY_SECONDS = 5.0
"""How long a statement waits for other processes."""

MAX_BROKEN_FILES = 10
"""Maximum number of broken files to keep. Beyond it, the last one is replaced."""

_SCHEMA = (
    "CREATE TABLE results (key TEXT PRIMARY KEY, value BLOB NOT NULL, used_at REAL NOT NULL)",
    "CREATE INDEX results_by_use ON results (used_at)",
)

_PLACE_CODES = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_AUTH,
    }
)
"""SQLite error codes for problems with the disk, permissions or locks, rather than the contents."""


class ForeignSchema(sqlite3.DatabaseError):
    """The file is a database, but was not created by this program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDatabase:
    """An open database.

    Attributes:
        connection: The connection, in autocommit mode: every completed statement is durable.
        inode: The open file, because another process may replace the file at this path.
        aside: Where a broken file at this path was moved; None if there was none.
    """

    connection: sqlite3.Connection
    inode: int
    aside: Path | None = None


def is_broken(error: sqlite3.DatabaseError) -> bool:
    """Return whether an error is about the contents, rather than the disk, permissions or a lock."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    primary = code & 0xFF  # https://sqlite.org/rescode.html
    return primary not in _PLACE_CODES


def open_database(path: Path, *, broken_inode: int | None = None) -> OpenDatabase:
    """Open or create the database. A broken file is set aside first.

    Args:
        path: The database file.
        broken_inode: A file that turned out to be broken; set aside if it is still at this path.

    Raises:
        sqlite3.DatabaseError: The database cannot be used here.
        OSError: The folder cannot be used.
    """
    with _alone(path.parent):  # SQLite cannot switch a new file to WAL mode in two processes at once
        aside = _set_aside(path) if path.exists() and path.stat().st_ino == broken_inode else None
        try:
            connection = _connect(path)
        except sqlite3.DatabaseError as error:
            if not is_broken(error):
                raise
            aside = _set_aside(path)
            connection = _connect(path)
        return OpenDatabase(connection=connection, inode=path.stat().st_ino, aside=aside)


def _set_aside(path: Path) -> Path:
    """Rename a file, and delete its write-ahead log, which would corrupt the next file."""
    target = _free_name(path)
    path.rename(target)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return target


def _free_name(path: Path) -> Path:
    names = [path.with_name(f"{path.name}.broken-{number}") for number in range(1, MAX_BROKEN_FILES + 1)]
    return next((name for name in names if not name.exists()), names[-1])


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """Set the connection's options and check its schema.

    Raises:
        ForeignSchema: The schema differs. A foreign trigger or view would run with our statements.
    """
    schema = _read_schema(connection)
    if schema and schema != sorted(_SCHEMA):
        raise ForeignSchema("its tables were not made by TestSmith")
    if not schema:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only has an effect while the file is empty
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")  # survives a killed process without a flush per result
    if not schema:
        _create(connection)


def _read_schema(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    return sorted(str(sql) for (sql,) in rows)


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute("COMMIT")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lock out other processes that open or set aside a database in this folder."""
    with (folder / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
