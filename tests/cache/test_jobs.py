"""What is remembered of jobs: over runs, in an archive, and where somebody else has written it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cache.stores import key_of
from testsmith.cache.archive import JOBS, pack, unpack
from testsmith.cache.jobs import (
    JOBS_FILE_NAME,
    MOST_MEMBERS_A_CALL,
    Again,
    AskedCall,
    AskedJob,
    AskedMember,
    JobMemory,
    Terms,
    is_job_entry,
)
from testsmith.cache.store import ResultStore, StoredEntry
from testsmith.settings import CacheSettings

URL = "https://models.test/v1"
TERMS = Terms(max_tokens=2_000, tiers=3, asked_again=0)
DIGEST = key_of("digest")


def member(name: str) -> AskedMember:
    return AskedMember(key=key_of(name), path="src/shop/cart.py", name=name)


def call(*names: str, terms: Terms = TERMS) -> AskedCall:
    return AskedCall(members=tuple(map(member, names)), terms=terms)


def job(*calls: AskedCall, name: str = "batch_1", digest: str = DIGEST) -> AskedJob:
    return AskedJob(digest=digest, endpoint=URL, id=name, is_over=False, calls={one.id: one for one in calls})


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Iterator[ResultStore]:
    settings = CacheSettings(folder=tmp_path)
    with ResultStore.open(settings, warn=pytest.fail, file_name=JOBS_FILE_NAME) as store:
        yield store


def memory_of(store: ResultStore, folder: Path) -> JobMemory:
    return JobMemory(store, folder / "lock")


def test_memory__a_job_from_its_beginning_to_its_end(store: ResultStore, tmp_path: Path) -> None:
    memory, one = memory_of(store, tmp_path), job(call("a", "b"), call("c"))

    assert memory.begin(one.with_id(""))
    assert memory.jobs(URL) == (one.with_id(""),)
    memory.sent(one)
    assert {(found.id, found.is_over) for found in memory.jobs(URL)} == {("", True), ("batch_1", False)}
    memory.over(one)
    assert all(found.is_over for found in memory.jobs(URL))
    assert memory.jobs("https://elsewhere.test/v1") == ()


def test_memory__the_same_calls_asked_once_more(store: ResultStore, tmp_path: Path) -> None:
    memory, one = memory_of(store, tmp_path), job(call("a"))
    for name in ("batch_1", "batch_2"):
        assert memory.begin(one.with_id(""))
        memory.sent(one.with_id(name))
        memory.over(one.with_id(name))

    assert {found.id for found in memory.jobs(URL)} == {"", "batch_1", "batch_2"}


def test_memory__goes_with_an_archive(store: ResultStore, tmp_path: Path) -> None:
    one = job(call("a", "b"))
    memory_of(store, tmp_path).begin(one)
    again = Again(keys=(key_of("a"), key_of("b")), terms=TERMS)
    memory_of(store, tmp_path).ask_again(again)

    data = pack({JOBS: store.newest(100)})
    settings = CacheSettings(folder=tmp_path / "next")
    with ResultStore.open(settings, warn=pytest.fail, file_name=JOBS_FILE_NAME) as other:
        assert other.add(unpack(data).entries[JOBS]) == 4
        assert memory_of(other, tmp_path).jobs(URL) == (one,)
        assert memory_of(other, tmp_path).to_ask_again([key_of("b")]) == (again,)


def test_memory__what_is_asked_together_is_told_once(store: ResultStore, tmp_path: Path) -> None:
    memory = memory_of(store, tmp_path)
    pair = Again(keys=(key_of("a"), key_of("b")), terms=TERMS)
    memory.ask_again(pair)

    assert memory.to_ask_again([key_of("b"), key_of("a"), key_of("c")]) == (pair,)
    overlapping = Again(keys=(key_of("b"), key_of("c")), terms=TERMS)
    memory.ask_again(overlapping)
    assert memory.to_ask_again([key_of("a"), key_of("b"), key_of("c")]) == (pair,)


def test_memory__an_entry_that_speaks_of_other_members_is_none(store: ResultStore, tmp_path: Path) -> None:
    memory = memory_of(store, tmp_path)
    memory.ask_again(Again(keys=(key_of("a"),), terms=TERMS))
    [found] = store.newest(10)
    store.add([StoredEntry(key=key_of("other"), value=found.value, used_at=found.used_at)])

    assert memory.to_ask_again([key_of("other")]) == ()


def test_call__its_id_is_bound_to_all_of_it() -> None:
    whole = call("a", "b")
    others = (
        call("b", "a"),
        call("a"),
        call("a", "b", terms=Terms(max_tokens=1, tiers=3, asked_again=0)),
        AskedCall(members=(replace(member("a"), key=key_of("x")), member("b")), terms=TERMS),
    )

    assert whole.id not in {other.id for other in others}
    assert whole.id == call("a", "b").id
    assert len(whole.id) <= 64


GOOD = {
    "job": {"schema": 1, "kind": "job", "digest": DIGEST, "endpoint": URL, "id": "batch_1", "over": False},
    "call": {
        "schema": 1,
        "kind": "call",
        "job": DIGEST,
        "members": [[key_of("a"), "src/a.py", "f"]],
        "max_tokens": 100,
        "tiers": 3,
        "asked_again": 0,
    },
    "again": {
        "schema": 1,
        "kind": "again",
        "keys": [key_of("a")],
        "max_tokens": 100,
        "tiers": 3,
        "asked_again": 0,
    },
}
BAD: list[tuple[str, dict[str, object]]] = [
    ("job", {"schema": 2}),
    ("job", {"kind": "jobs"}),
    ("job", {"kind": ["job"]}),
    ("job", {"id": "../files/x"}),
    ("job", {"id": 7}),
    ("job", {"id": "x" * 300}),
    ("job", {"over": 1}),
    ("job", {"digest": "0" * 63}),
    ("job", {"endpoint": ""}),
    ("job", {"more": 1}),
    ("call", {"members": []}),
    ("call", {"members": {}}),
    ("call", {"members": [[key_of("a"), "src/a.py"]]}),
    ("call", {"members": [[key_of("a"), "src/a.py", ""]]}),
    ("call", {"members": [[key_of("a"), "src/a\0.py", "f"]]}),
    ("call", {"members": [["a", "src/a.py", "f"]]}),
    ("call", {"members": [[key_of("a"), "src/a.py", "f"]] * (MOST_MEMBERS_A_CALL + 1)}),
    ("call", {"max_tokens": True}),
    ("call", {"max_tokens": 1.5}),
    ("call", {"tiers": -1}),
    ("call", {"asked_again": 10**12}),
    ("again", {"keys": "a"}),
    ("again", {"keys": [1]}),
]


@pytest.mark.parametrize("kind", GOOD)
def test_entries__of_the_right_shape(kind: str) -> None:
    assert is_job_entry(GOOD[kind])


@pytest.mark.parametrize(("kind", "wrong"), BAD)
def test_entries__of_another_shape_are_none(kind: str, wrong: dict[str, object]) -> None:
    value = {**GOOD[kind], **wrong}

    assert not is_job_entry(value)
    strange = StoredEntry(key=key_of("strange"), value=value, used_at=1.0)
    contents = unpack(pack({JOBS: [strange]}))
    assert (contents.entries[JOBS], contents.refused) == ([], 1)


def test_memory__what_could_not_be_read_again_is_not_begun(store: ResultStore, tmp_path: Path) -> None:
    endless = AskedCall(members=(AskedMember(key=key_of("a"), path="x" * 5_000, name="f"),), terms=TERMS)

    assert not memory_of(store, tmp_path).begin(job(endless))


def test_alone__one_at_a_time(store: ResultStore, tmp_path: Path) -> None:
    one, other = memory_of(store, tmp_path), memory_of(store, tmp_path)
    with one.alone() as first, other.alone() as second:
        assert (first, second) == (True, False)
    with other.alone() as later:
        assert later
