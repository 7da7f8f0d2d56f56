"""The SQLite file under the result store: opening it, mistrusting it, setting it aside."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BUSY_SECONDS = 5.0
"""How long one statement waits for other processes."""

MAX_BROKEN_FILES = 10
"""With more, the latest takes the last one's place."""

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
"""What SQLite answers where the disk, the rights or another process are in the way."""


class ForeignSchema(sqlite3.DatabaseError):
    """The file is a database, but not one that this program made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDatabase:
    """An open database.

    Attributes:
        connection: In autocommit: every statement is safe once it has returned.
        inode: The file it stands on, since others may put another one at the same path.
        aside: Where a broken file was moved that lay there before; None where there was none.
    """

    connection: sqlite3.Connection
    inode: int
    aside: Path | None = None


def is_broken(error: sqlite3.DatabaseError) -> bool:
    """Tell whether an error speaks of the file's content, rather than of the disk, the rights or a lock."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    primary = code & 0xFF  # https://sqlite.org/rescode.html
    return primary not in _PLACE_CODES


def open_database(path: Path, *, broken_inode: int | None = None) -> OpenDatabase:
    """Open the database, or make it; a broken one is set aside first.

    Args:
        path: Where it lies.
        broken_inode: A file that turned out to be broken; set aside if it still lies there.

    Raises:
        sqlite3.DatabaseError: It cannot be used here.
        OSError: The folder cannot be used.
    """
    with _alone(path.parent):  # SQLite lets no two processes turn a new file to write-ahead logging at once
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
    """Give a file another name; its log goes, which would spoil the next one."""
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
    """Set how the file is used, and see that its tables are ours.

    Raises:
        ForeignSchema: They are not; a trigger or a view of somebody else's would run with our statements.
    """
    schema = _read_schema(connection)
    if schema and schema != sorted(_SCHEMA):
        raise ForeignSchema("its tables are not those of this program")
    if not schema:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only takes hold while the file is empty
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")  # safe from a killed process, without a flush a result
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
    """Keep other processes from opening or setting aside meanwhile; the lock goes with the open file."""
    with (folder / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
