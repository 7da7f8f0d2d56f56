from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from fakes.clock import FakeClock
from testsmith.settings import CacheSettings
from testsmith.storage.store import FILE_NAME, ResultStore, StoreStats

VALUE: dict[str, object] = {"schema": 1, "kind": "candidate", "code": "def test_ä(): ...\n"}
DAY = 86_400.0


class Shelf:
    """A cache folder, with its warnings and its clock."""

    def __init__(self, folder: Path, *, max_bytes: int = 64 * 1024**2, max_age_days: int = 60) -> None:
        self.folder = folder
        self.file = folder / FILE_NAME
        self.warnings: list[str] = []
        self.clock = FakeClock(start=1_780_000_000.0)
        self._settings = CacheSettings(folder=folder, max_bytes=max_bytes, max_age_days=max_age_days)

    def open(self) -> ResultStore:
        return ResultStore.open(self._settings, warn=self.warnings.append, clock=self.clock.now)

    def held(self, *keys: str) -> set[str]:
        with self.open() as store:
            return set(store.get_many(keys))

    def fill(self, *keys: str, value: dict[str, object] = VALUE) -> None:
        with self.open() as store:
            for key in keys:
                store.put(key, value)

    @contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """The file as a stranger would open it."""
        with closing(sqlite3.connect(self.file, isolation_level=None)) as connection:
            yield connection


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "cache" / "testsmith")


def test_put__is_there_for_the_next_run(shelf: Shelf) -> None:
    shelf.fill("a", "b")

    with shelf.open() as store:
        assert store.get_many(["a", "b", "c"]) == {"a": VALUE, "b": VALUE}
        assert store.get_many([]) == {}
    assert shelf.warnings == []


def test_put__replaces(shelf: Shelf) -> None:
    shelf.fill("a")
    shelf.fill("a", value={"schema": 2})

    with shelf.open() as store:
        assert store.get_many(["a"]) == {"a": {"schema": 2}}
        assert store.stats().entries == 1


def test_put__outlives_a_killed_process(shelf: Shelf) -> None:
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from testsmith.storage.store import ResultStore\n"
        "from testsmith.settings import CacheSettings\n"
        "store = ResultStore.open(CacheSettings(folder=Path(sys.argv[1])), warn=print)\n"
        "for number in range(20):\n"
        "    store.put(f'key-{number}', {'number': number})\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run((sys.executable, "-c", program, shelf.folder), check=False, timeout=60)

    assert len(shelf.held(*(f"key-{number}" for number in range(20)))) == 20


def test_put__a_value_that_is_too_large_is_not_kept(shelf: Shelf) -> None:
    shelf.fill("a", value={"code": "x" * 300_000})

    assert shelf.held("a") == set()
    assert shelf.warnings == []


def test_remove__takes_those_keys_alone(shelf: Shelf) -> None:
    keys = [f"key-{number}" for number in range(1_200)]
    shelf.fill(*keys, "a' OR 1", "b")
    with shelf.open() as store:
        store.remove([*keys, "a' OR 1", "never there"])
    assert shelf.held(*keys, "a' OR 1", "b") == {"b"}


def test_open__only_the_owner_may_look_into_the_folder(shelf: Shelf) -> None:
    shelf.fill("a")

    assert stat.S_IMODE(shelf.folder.stat().st_mode) == 0o700


def test_get_many__more_keys_than_one_query_takes(shelf: Shelf) -> None:
    keys = [f"key-{number}" for number in range(1_203)]
    shelf.fill(*keys)

    assert shelf.held(*keys, "other") == set(keys)


def test_get_many__keys_are_data(shelf: Shelf) -> None:
    odd = ["'; DROP TABLE results; --", '"', "ä", "a\0b", "", "%"]
    shelf.fill(*odd)

    assert shelf.held(*odd) == set(odd)


def test_store__six_thousand_each_way_in_seconds(shelf: Shelf) -> None:
    keys = [f"{number:064}" for number in range(6_000)]
    value: dict[str, object] = {"schema": 1, "kind": "candidate", "code": "assert total() == 5\n" * 60}
    begin = time.monotonic()

    with shelf.open() as store:
        assert store.get_many(keys) == {}
        for key in keys:
            store.put(key, value)
        assert len(store.get_many(keys)) == 6_000

    assert time.monotonic() - begin < 30


def test_store__several_processes_at_once(shelf: Shelf) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from testsmith.storage.store import ResultStore\n"
        "from testsmith.settings import CacheSettings\n"
        "folder, name = Path(sys.argv[1]), sys.argv[2]\n"
        "with ResultStore.open(CacheSettings(folder=folder), warn=sys.exit) as store:\n"
        "    for number in range(200):\n"
        "        store.put(f'{name}-{number}', {'number': number})\n"
        "        store.put('shared', {'writer': name})\n"
        "        assert len(store.get_many([f'{name}-{number}', 'shared'])) == 2\n"
        "    store.prune()\n"
    )
    names = ("a", "b", "c", "d")
    processes = [subprocess.Popen((sys.executable, "-c", program, shelf.folder, name)) for name in names]

    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    assert len(shelf.held(*(f"{name}-{number}" for name in names for number in range(200)))) == 800
    assert shelf.warnings == []


def not_a_database(shelf: Shelf) -> None:
    shelf.file.write_bytes(b"This is no database.\n" * 1_000)


def empty_pages(shelf: Shelf) -> None:
    shelf.file.write_bytes(shelf.file.read_bytes()[:100] + bytes(50_000))


def cut_short(shelf: Shelf) -> None:
    os.truncate(shelf.file, 5_000)


def other_tables(shelf: Shelf) -> None:
    with shelf.database() as database:
        database.execute("DROP TABLE results")
        database.execute("CREATE TABLE results (key TEXT, value TEXT)")


def a_view(shelf: Shelf) -> None:
    with shelf.database() as database:
        database.execute("DROP TABLE results")
        database.execute("CREATE VIEW results AS SELECT 'a' AS key, x'7b7d' AS value, 0 AS used_at")


def a_trigger(shelf: Shelf) -> None:
    with shelf.database() as database:
        database.execute("CREATE TRIGGER spy AFTER INSERT ON results BEGIN DELETE FROM results; END")


BREAKING = [not_a_database, empty_pages, cut_short, other_tables, a_view, a_trigger]


@pytest.mark.parametrize("break_it", BREAKING)
def test_open__a_broken_or_foreign_file_is_set_aside(shelf: Shelf, break_it: Callable[[Shelf], None]) -> None:
    shelf.fill(*(f"key-{number}" for number in range(200)))
    break_it(shelf)
    broken = shelf.file.read_bytes()

    with shelf.open() as store:
        assert store.get_many(["key-0", "a"]) == {}
        store.put("a", VALUE)
        assert store.get_many(["a"]) == {"a": VALUE}

    aside = shelf.folder / f"{FILE_NAME}.broken-1"
    assert shelf.warnings == [
        f"The result cache was damaged. It was moved to {aside}, and a new one was started."
    ]
    assert aside.read_bytes() == broken
    assert shelf.held("a") == {"a"}
    assert len(shelf.warnings) == 1


def test_open__each_broken_file_gets_its_own_name(shelf: Shelf) -> None:
    for number in (1, 2):
        shelf.fill("a")
        not_a_database(shelf)
        shelf.fill("b")
        assert (shelf.folder / f"{FILE_NAME}.broken-{number}").exists()


def test_store__a_file_that_breaks_while_it_is_open(shelf: Shelf) -> None:
    with shelf.open() as store:
        for number in range(2_000):
            store.put(f"key-{number}", VALUE)
        with shelf.database() as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = shelf.file.stat().st_size
        with shelf.file.open("r+b") as file:
            file.seek(4_096)
            file.write(b"\xff" * (size - 4_096))
        store.get_many([f"key-{number}" for number in range(2_000)])
        store.put("a", VALUE)

        assert store.get_many(["a"]) == {"a": VALUE}
    assert len(shelf.warnings) == 1


def test_store__a_file_that_another_process_replaced_is_not_set_aside(shelf: Shelf) -> None:
    with shelf.open() as store:
        for number in range(2_000):
            store.put(f"key-{number}", VALUE)
        with shelf.database() as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        old = shelf.file.rename(shelf.folder / "moved")
        for suffix in ("-wal", "-shm"):
            shelf.file.with_name(FILE_NAME + suffix).unlink(missing_ok=True)
        shelf.fill("new")
        with old.open("r+b") as file:
            file.seek(4_096)
            file.write(b"\xff" * (old.stat().st_size - 4_096))

        store.get_many([f"key-{number}" for number in range(2_000)])

        assert store.get_many(["new"]) == {"new": VALUE}
    assert not list(shelf.folder.glob("*.broken-*"))
    assert shelf.warnings == []


@pytest.mark.parametrize(
    "data",
    [
        b"not json",
        b"[]",
        b"5",
        b'"text"',
        b"\xff\xfe",
        b"",
        b"[" * 100_000,
        b'{"a": ' * 5_000,
        b'{"code": "' + b"x" * 300_000 + b'"}',
        "{}",
        5,
        1.5,
    ],
)
def test_get_many__a_hostile_value_is_a_miss(shelf: Shelf, data: object) -> None:
    shelf.fill("good")
    with shelf.database() as database:
        database.execute("INSERT INTO results (key, value, used_at) VALUES ('evil', ?, 0)", (data,))

    assert shelf.held("evil", "good") == {"good"}
    assert shelf.warnings == []


def test_open__a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    shelf = Shelf(tmp_path / "file" / "cache")

    with shelf.open() as store:
        store.put("a", VALUE)
        assert store.get_many(["a"]) == {}
        assert store.prune() == store.clear() == 0
        assert store.stats() == StoreStats()

    (warning,) = shelf.warnings
    assert "Results are no longer cached in this run" in warning
    assert "--cache-dir" in warning


def test_open__a_folder_in_the_place_of_the_file(shelf: Shelf) -> None:
    shelf.file.mkdir(parents=True)

    assert shelf.held("a") == set()
    assert len(shelf.warnings) == 1


def test_put__a_full_disk_is_told_once_and_reading_ends(shelf: Shelf) -> None:
    shelf.fill("a")
    with shelf.open() as store:
        # SQLite itself answers "full" at this limit, as it does when the disk is.
        assert store._opened is not None
        store._opened.connection.execute("PRAGMA max_page_count = 1")
        for number in range(100):
            store.put(f"key-{number}", {"code": "x" * 10_000})

    (warning,) = shelf.warnings
    assert "full" in warning
    assert shelf.held("a") == {"a"}


def test_put__a_read_only_file_is_told_once(shelf: Shelf) -> None:
    shelf.fill("a")
    with shelf.open() as store:
        assert store._opened is not None
        store._opened.connection.execute("PRAGMA query_only = ON")
        store.put("b", VALUE)
        store.put("c", VALUE)

    assert len(shelf.warnings) == 1
    assert shelf.held("a", "b", "c") == {"a"}


def test_prune__what_was_not_used_for_too_long(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, max_age_days=10)
    shelf.fill("old", "used")
    shelf.clock.advance(8 * DAY)
    shelf.held("used")
    shelf.fill("new")
    shelf.clock.advance(5 * DAY)

    with shelf.open() as store:
        assert store.prune() == 1
        assert store.prune() == 0
        assert set(store.get_many(["old", "used", "new"])) == {"used", "new"}


def test_prune__what_claims_to_come_from_the_future(shelf: Shelf) -> None:
    shelf.fill("a", "b", "c")
    with shelf.database() as database:
        database.execute("UPDATE results SET used_at = 9e18 WHERE key = 'a'")
        database.execute("UPDATE results SET used_at = 'never' WHERE key = 'b'")

    with shelf.open() as store:
        assert store.prune() == 2
        assert set(store.get_many(["a", "b", "c"])) == {"c"}


def test_prune__the_longest_unused_go_first_where_the_store_is_too_large(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, max_bytes=500_000)
    keys = [f"key-{number:03}" for number in range(200)]
    for key in keys:
        shelf.clock.advance(1.0)
        shelf.fill(key, value={"code": "x" * 5_000})

    with shelf.open() as store:
        assert store.stats().bytes > 1_000_000
        removed = store.prune()
        left = store.get_many(keys)
        held = store.stats()

    assert 100 < removed < 150
    assert sorted(left) == keys[removed:]
    assert held.entries == 200 - removed
    assert 300_000 < held.bytes <= 500_000
    assert shelf.file.stat().st_size <= 500_000


def test_prune__a_limit_below_an_empty_file_ends(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, max_bytes=1)
    shelf.fill("a", "b")

    with shelf.open() as store:
        assert store.prune() == 2
        assert store.stats().entries == 0


def test_clear__removes_entries_and_broken_files(shelf: Shelf) -> None:
    shelf.fill("a")
    not_a_database(shelf)
    shelf.fill("a", "b")

    with shelf.open() as store:
        assert store.clear() == 2
        assert store.get_many(["a", "b"]) == {}

    assert not list(shelf.folder.glob("*.broken-*"))
    assert shelf.held("a") == set()


def test_stats__entries_and_bytes(shelf: Shelf) -> None:
    with shelf.open() as store:
        empty = store.stats()
        for number in range(100):
            store.put(f"key-{number}", {"code": "x" * 5_000})
        full = store.stats()

    assert empty.entries == 0
    assert full.entries == 100
    assert 500_000 < full.bytes - empty.bytes < 1_000_000
