from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from fakes.actions_cache import ActionsCacheService
from storage.stores import archive_of, begun, entry, job, key_of, result
from testsmith.settings import CacheAccess, Secret
from testsmith.storage.archive import (
    MEASUREMENTS,
    PREFIX,
    RESULTS,
    Archive,
    ArchiveFailure,
    Denied,
    FolderBackend,
    TimeLimit,
    archive_name,
    pack,
    shard_prefix,
    unpack,
)
from testsmith.storage.github_cache import ActionsCache
from testsmith.storage.store import ResultStore
from testsmith.storage.sync import STOPPED_SECONDS, CacheSync, NullArchive, Sharing

PULL, MAIN = "refs/pull/7/merge", "refs/heads/main"


@dataclass
class Shelf:
    """A place in memory; what it is told to do first, it does in the thread that waits for it."""

    archives: list[Archive] = field(default_factory=list)
    unreadable: str = ""
    unwritable: str = ""
    first: Callable[[TimeLimit], object] = repr
    calls: int = 0

    def newest(self, limit: TimeLimit) -> Archive | None:
        self.first(limit)
        return self.archives[-1] if self.archives else None

    def leave(self, archive: Archive, limit: TimeLimit) -> None:
        self.calls += 1
        self.first(limit)
        self.archives.append(archive)


def raising(error: Exception) -> Callable[[TimeLimit], object]:
    def fail(_: TimeLimit) -> object:
        raise error

    return fail


async def one_run(place: Shelf, folder: Path, *names: str) -> str:
    """Do one run that is paid for some results; return its note."""
    with job(place, folder) as one:
        await begun(one)
        with one.keeping:
            one.put(*names)
            await one.keeping.save()
        return one.keeping.note()


def run(place: Shelf, folder: Path, *names: str) -> str:
    return asyncio.run(one_run(place, folder, *names))


def held(archive: Archive) -> set[str]:
    return {entry.key for entry in unpack(archive.data).entries[RESULTS]}


def test_keeping__the_next_run_has_what_was_paid_for(tmp_path: Path) -> None:
    shelf = Shelf()

    async def next_run() -> tuple[set[str], str]:
        with job(shelf, tmp_path / "2") as one:
            await begun(one)
            return one.has("a", "b", "c"), one.keeping.note()

    assert run(shelf, tmp_path / "1", "a", "b") == "cache: nothing to restore; saved 2 new"
    assert asyncio.run(next_run()) == ({"a", "b"}, "cache: restored 2 entries; nothing new to save")


def test_save__only_what_is_new_makes_an_archive_and_it_holds_all(tmp_path: Path) -> None:
    shelf = Shelf()
    run(shelf, tmp_path / "1", "a")

    assert run(shelf, tmp_path / "2") == "cache: restored 1 entry; nothing new to save"
    assert shelf.calls == 1
    assert run(shelf, tmp_path / "3", "b") == "cache: restored 1 entry; saved 1 new"
    assert held(shelf.archives[-1]) == {key_of("a"), key_of("b")}


def test_forget__leaves_an_archive_without_what_is_forgotten(tmp_path: Path) -> None:
    shelf = Shelf()
    run(shelf, tmp_path / "1", "a", "b")

    async def forget() -> None:
        with job(shelf, tmp_path / "2") as one:
            await begun(one)
            one.keeping.forget(RESULTS, [key_of("a")])
            await one.keeping.save()

    asyncio.run(forget())
    assert held(shelf.archives[-1]) == {key_of("b")}


def test_save__both_stores(tmp_path: Path) -> None:
    shelf = Shelf()

    async def both() -> list[int]:
        with job(shelf, tmp_path / "1") as one:
            await begun(one)
            one.put("a")
            one.measurements.put(key_of("m"), {"schema": 1, "lines": [1]})
            await one.keeping.save()
        with job(shelf, tmp_path / "2") as two:
            await begun(two)
            return [two.results.stats().entries, two.measurements.stats().entries]

    assert asyncio.run(both()) == [1, 1]


def test_save__a_run_without_a_model_keeps_the_results_of_others(tmp_path: Path) -> None:
    shelf = Shelf()
    run(shelf, tmp_path / "1", "a")

    async def offline() -> None:
        with job(shelf, tmp_path / "2") as one:
            await one.keeping.fetch()
            one.keeping.watch(MEASUREMENTS, one.measurements)
            one.measurements.put(key_of("m"), {"schema": 1, "lines": [1]})
            await one.keeping.save()

    asyncio.run(offline())

    assert held(shelf.archives[-1]) == {key_of("a")}
    assert len(unpack(shelf.archives[-1].data).entries[MEASUREMENTS]) == 1


def test_save_soon__goes_on_beside_the_run_and_what_comes_later_is_saved_at_its_end(tmp_path: Path) -> None:
    gate = threading.Event()
    shelf = Shelf(first=lambda _: gate.wait(20))

    async def busy() -> str:
        with job(shelf, tmp_path) as one:
            one.keeping.watch(RESULTS, one.results)
            one.put("a")
            one.keeping.save_soon()
            one.keeping.save_soon()
            one.put("b")
            one.keeping.save_soon()
            assert one.keeping.note() == "cache: nothing to restore; still saving"
            gate.set()
            await one.keeping.save()
            return one.keeping.note()

    assert asyncio.run(busy()) == "cache: nothing to restore; saved 2 new"
    assert [held(one) for one in shelf.archives] == [{key_of("a")}, {key_of("a"), key_of("b")}]


def stopped(keeping: CacheSync, store: ResultStore) -> None:
    """Leave a run as a signal does it, while something is being saved and something else is new."""
    with keeping:
        keeping.watch(RESULTS, store)
        store.put(key_of("a"), result())
        keeping.save_soon()
        store.put(key_of("b"), result())
        raise KeyboardInterrupt


def test_exit__a_run_that_is_stopped_saves_what_was_paid_for(tmp_path: Path) -> None:
    shelf = Shelf()
    with job(shelf, tmp_path) as one, pytest.raises(KeyboardInterrupt):
        stopped(one.keeping, one.results)

    assert held(shelf.archives[-1]) == {key_of("a"), key_of("b")}


def test_exit__a_run_that_is_stopped_waits_no_longer_than_it_may(tmp_path: Path) -> None:
    gate, limits = threading.Event(), list[TimeLimit]()

    def slow(limit: TimeLimit) -> None:
        limits.append(limit)
        gate.wait(20)

    shelf = Shelf(first=slow)
    clock = count(0.0, STOPPED_SECONDS)  # whenever it is looked at, as much is over
    keeping = CacheSync(shelf, run="1-1", clock=partial(next, clock))
    started = time.monotonic()
    with job(shelf, tmp_path) as one, pytest.raises(KeyboardInterrupt):
        stopped(keeping, one.results)
    waited = time.monotonic() - started
    gate.set()

    assert waited < STOPPED_SECONDS
    assert [limit.left for limit in limits] == [0.0]
    assert keeping.note() == "cache: nothing to restore; still saving"


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (ArchiveFailure("it rained"), "it rained"),
        (Denied("of the rules"), "of the rules"),
        (RuntimeError("ghs_secret"), "of an internal error (RuntimeError)"),
    ],
)
def test_trouble__is_told_and_costs_nothing_else(tmp_path: Path, failure: Exception, told: str) -> None:
    shelf = Shelf([archive_of("a")], first=raising(failure))

    note = run(shelf, tmp_path, "b")

    assert note in {
        f"cache: restored nothing: {told}; saved nothing: {told}",
        f"cache: nothing is kept between runs: {told}",
    }


def test_save__what_is_denied_is_not_tried_again(tmp_path: Path) -> None:
    refusing = {Denied("so"): 1, ArchiveFailure("so"): 2}
    for failure, calls in refusing.items():
        shelf = Shelf(first=raising(failure))
        run(shelf, tmp_path / str(calls), "a")

        assert shelf.calls == calls


@pytest.mark.parametrize(
    ("archive", "told"),
    [
        (Archive(name=archive_of("a").name, data=archive_of("b").data), "damaged"),
        (Archive(name=archive_of("a").name, data=archive_of("a").data[:-5]), "damaged"),
        (Archive(name=archive_name("1-1", b"x"), data=b"x"), "could not be used: it is damaged"),
    ],
)
def test_fetch__what_cannot_be_used_is_told_and_replaced(tmp_path: Path, archive: Archive, told: str) -> None:
    shelf = Shelf([archive])

    note = run(shelf, tmp_path, "c")

    assert told in note
    assert note.endswith("; saved 1 new")
    assert held(shelf.archives[-1]) == {key_of("c")}


def test_fetch__lines_of_another_shape_are_counted(tmp_path: Path) -> None:
    good, bad = entry("a"), entry("b", {"schema": 1, "kind": "candidate", "code": "\0"})
    data = pack({RESULTS: [good, bad]})
    shelf = Shelf([Archive(name=archive_name("1-1", data), data=data)])

    assert "restored 1 entry (1 entry in another format skipped)" in run(shelf, tmp_path)


def test_fetch__the_own_value_stays_and_the_date_of_a_stranger_is_no_later_than_now(tmp_path: Path) -> None:
    data = pack(
        {
            RESULTS: [
                entry("a", result("# other\n"), used_at=9e9),
                entry("b", used_at=9e9),
                entry("c", used_at=1),
            ]
        }
    )
    shelf = Shelf([Archive(name=archive_name("1-1", data), data=data)])

    async def look() -> None:
        with job(shelf, tmp_path) as one:
            one.put("a")
            await begun(one)
            found = {entry.key: entry for entry in one.results.newest(9)}
            assert found[key_of("a")].value == result("def test_a(): ...\n")
            assert found[key_of("b")].used_at <= time.time()
            assert one.results.prune() == 1
            assert one.has("b", "c") == {"b"}

    asyncio.run(look())


@pytest.mark.parametrize(
    ("shelf", "note"),
    [
        (Shelf(unreadable="no"), "cache: restored nothing: no; saved 1 new"),
        (Shelf([archive_of("b")], unwritable="no"), "cache: restored 1 entry; saved nothing: no"),
        (Shelf(unreadable="no", unwritable="no"), "cache: nothing is kept between runs: no"),
    ],
)
def test_place__what_it_does_not_allow_is_not_asked_for(tmp_path: Path, shelf: Shelf, note: str) -> None:
    assert run(shelf, tmp_path, "a") == note
    assert shelf.calls == (0 if shelf.unwritable else 1)


def test_nowhere__tells_why(tmp_path: Path) -> None:
    async def nothing() -> str:
        with job(NullArchive("there is no place"), tmp_path) as one:
            await begun(one)
            with one.keeping:
                one.put("a")
            return one.keeping.note()

    assert asyncio.run(nothing()) == "cache: nothing is kept between runs: there is no place"


def test_keeping__a_store_that_cannot_be_opened_saves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    shelf = Shelf([archive_of("a")])

    assert run(shelf, tmp_path / "file", "b") == "cache: nothing to restore; nothing new to save"
    assert shelf.calls == 0


def test_matrix__jobs_of_one_run_do_not_collide(tmp_path: Path) -> None:
    with ActionsCacheService() as service:
        access = CacheAccess(url=service.url, token=Secret(service.token(PULL)))

        async def one_job(number: int, *names: str) -> str:
            place = ActionsCache(access, sleep=time.sleep)
            with job(place, tmp_path / str(number)) as one:
                one.keeping.watch(RESULTS, one.results)
                one.put(*names)
                await one.keeping.save()
                return one.keeping.note()

        async def jobs() -> list[str]:
            return list(await asyncio.gather(one_job(1, "a"), one_job(2, "b"), one_job(3, "c")))

        notes = asyncio.run(jobs())

    assert notes == ["cache: nothing to restore; saved 1 new"] * 3
    assert len(set(service.keys(PULL))) == 3
    assert service.violations == []


def test_service__down_for_the_whole_run(tmp_path: Path) -> None:
    access = CacheAccess(url="http://127.0.0.1:1/", token=Secret("token"))

    async def down() -> str:
        with job(ActionsCache(access, sleep=lambda _: None), tmp_path) as one:
            await begun(one)
            one.put("a")
            await one.keeping.save()
            return one.keeping.note()

    assert asyncio.run(down()) == "cache: nothing is kept between runs: the cache service cannot be reached"


def test_service__a_damaged_archive_of_the_default_branch(tmp_path: Path) -> None:
    """What another branch has left is read with the same mistrust, and the pull request's own comes first."""
    with ActionsCacheService() as service:
        main, pull = service.token(MAIN), service.token(PULL, MAIN)

        async def one_job(token: str, folder: str, *names: str) -> str:
            access = CacheAccess(url=service.url, token=Secret(token))
            with job(ActionsCache(access, sleep=time.sleep), tmp_path / folder) as one:
                await begun(one)
                one.put(*names)
                await one.keeping.save()
                return one.keeping.note()

        asyncio.run(one_job(main, "1", "a"))
        service.entries[0].data = archive_of("evil").data
        first = asyncio.run(one_job(pull, "2", "b"))
        second = asyncio.run(one_job(pull, "3"))

    assert first.startswith("cache: restored nothing: the saved cache is damaged")
    assert second == "cache: restored 1 entry; nothing new to save"


def lately(*names: str) -> Archive:
    """Return an archive with results that no store would throw away as too old."""
    data = pack({RESULTS: [entry(name) for name in names]})
    return Archive(name=archive_name("1-1", data), data=data)


def gathering(shelves: list[Shelf], folder: Path, prefix: str = PREFIX, *, gathers: bool = True) -> str:
    """Do one run that reads several places and leaves what it has at the first."""

    async def one_run() -> str:
        sharing = Sharing(prefix=prefix, also=tuple(shelves[1:]), gathers=gathers)
        keeping = CacheSync(shelves[0], run="4711-2", clock=time.monotonic, sharing=sharing)
        with job(shelves[0], folder) as opened:
            one = await begun(replace(opened, keeping=keeping))
            with one.keeping:
                await one.keeping.save()
            return one.keeping.note()

    return asyncio.run(one_run())


def test_shards__what_each_has_paid_for_is_gathered_in_one_archive(tmp_path: Path) -> None:
    main, first, second = Shelf([lately("a")]), Shelf([lately("a", "b")]), Shelf([lately("c")])
    note = gathering([main, first, second], tmp_path)
    assert note == "cache: restored 3 entries; saved 2 new"
    assert held(main.archives[-1]) == {key_of(name) for name in "abc"}
    assert (first.calls, second.calls) == (0, 0)
    assert gathering([main, first, second], tmp_path / "2").endswith("nothing new to save")


def test_shards__one_that_left_rubbish_costs_nothing_of_the_others(tmp_path: Path) -> None:
    bad = Shelf([Archive(name=archive_name("1-1", b"x"), data=b"x")])
    down = Shelf(first=raising(ArchiveFailure("it is down")))
    main = Shelf()
    assert gathering([main, bad, down, Shelf([lately("b")])], tmp_path).endswith("saved 1 new")
    assert held(main.archives[-1]) == {key_of("b")}


def test_shards__one_begins_with_what_all_have_and_leaves_nothing_that_is_not_new(tmp_path: Path) -> None:
    own, main = Shelf(), Shelf([lately("a")])
    note = gathering([own, main], tmp_path, shard_prefix("shard-2of4"), gathers=False)
    assert note == "cache: restored 1 entry; nothing new to save"
    assert (own.calls, main.calls) == (0, 0)


def test_shards__no_other_run_finds_their_archives(tmp_path: Path) -> None:
    """The service finds by beginnings, so no name of one kind may begin as the other's do."""
    prefix = shard_prefix("shard-2of4")
    with ActionsCacheService() as service:
        access = CacheAccess(url=service.url, token=Secret(service.token(MAIN)))

        def place(prefix: str) -> ActionsCache:
            return ActionsCache(access, sleep=time.sleep, prefix=prefix)

        limit, data = TimeLimit(time.monotonic, 9), lately("a").data
        for one in (prefix, shard_prefix("shard-2of40")):
            place(one).leave(Archive(name=archive_name("1-1", data, one), data=data), limit)
        assert place(PREFIX).newest(limit) is None
        found = place(prefix).newest(limit)
        assert found
        assert found.name.startswith(f"{prefix}1-1-")
    folders = [FolderBackend(tmp_path, one) for one in (PREFIX, prefix)]
    for folder, one in zip(folders, (PREFIX, prefix), strict=True):
        folder.leave(Archive(name=archive_name("1-1", data, one), data=data), limit)
    assert [folder.newest(limit) is not None for folder in folders] == [True, True]
    assert len(list(tmp_path.iterdir())) == 2
