from __future__ import annotations

import gzip
import json
import tracemalloc
from dataclasses import replace

import pytest

from storage.stores import archive_of, entry, key_of, result
from testsmith.model import SkipStage
from testsmith.storage.archive import (
    MEASUREMENTS,
    MOST_ENTRIES,
    PREFIX,
    RESULTS,
    TRIED,
    Archive,
    BadArchive,
    archive_name,
    is_archive_name,
    is_whole,
    pack,
    unpack,
)
from testsmith.storage.keys import Tried, encode_tried
from testsmith.storage.store import StoredEntry

HEADER = {"archive": "testsmith", "schema": 1}
LINE = {"store": RESULTS, "key": key_of("a"), "used": 1_780_000_000, "value": result()}


def packed(*lines: object) -> bytes:
    """Return an archive as a stranger would write it."""
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    return gzip.compress("".join(f"{text}\n" for text in texts).encode())


def test_pack__comes_back() -> None:
    results = [entry("a", used_at=2e9), entry("b", result("def test_ä(): ...\n"), used_at=1e9)]
    measured = [entry("m", {"schema": 1, "lines": [1, 2]}, used_at=1e9)]

    tried = [entry("t", encode_tried(Tried(stage=SkipStage.GATE, reason="", lasting=True)), used_at=1e9)]

    contents = unpack(pack({RESULTS: results, MEASUREMENTS: measured, TRIED: tried}))

    assert contents.entries == {RESULTS: results, MEASUREMENTS: measured, TRIED: tried}
    assert (contents.count, contents.refused) == (4, 0)


def test_unpack__refuses_what_no_sweep_remembers() -> None:
    odd = [entry("t", {"schema": 1, "kind": "tried", "stage": "budget", "reason": "", "lasting": True})]

    contents = unpack(pack({TRIED: odd}))

    assert (contents.count, contents.refused) == (0, 1)


def test_pack__same_entries_give_the_same_bytes() -> None:
    entries = [entry("a", used_at=2e9)]

    assert pack({RESULTS: entries}) == pack({RESULTS: entries})


def test_pack__the_first_entries_of_each_store_stay() -> None:
    entries = [
        entry(str(number), {"schema": 1}, used_at=1.0) for number in range(MOST_ENTRIES[MEASUREMENTS] + 5)
    ]

    contents = unpack(pack({MEASUREMENTS: entries, RESULTS: [entry("a", used_at=1.0)]}))

    assert list(contents.entries[MEASUREMENTS]) == entries[:-5]
    assert len(contents.entries[RESULTS]) == 1


def test_pack__text_beyond_the_bound_is_left_out() -> None:
    large = StoredEntry(key=key_of("large"), value=result("x" * 250_000), used_at=1.0)
    entries = [replace(large, key=key_of(str(number))) for number in range(560)]

    contents = unpack(pack({RESULTS: entries}))

    assert 500 < contents.count < 560
    assert contents.entries[RESULTS] == entries[: contents.count]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[" * 100_000,
        "null",
        {**LINE, "more": 1},
        {name: LINE[name] for name in LINE if name != "used"},
        {**LINE, "store": "others"},
        {**LINE, "store": ["results"]},
        {**LINE, "key": "a"},
        {**LINE, "key": key_of("a").upper()},
        {**LINE, "key": f"{key_of('a')}\n"},
        {**LINE, "key": 1},
        {**LINE, "used": "now"},
        {**LINE, "used": True},
        {**LINE, "used": -1},
        {**LINE, "used": float("nan")},
        {**LINE, "used": float("inf")},
        {**LINE, "value": "code"},
        {**LINE, "value": {}},
        {**LINE, "value": {**result(), "schema": 2}},
        {**LINE, "value": {**result(), "member": "other"}},
        {**LINE, "value": {"schema": 1, "kind": "skipped", "stage": "gate", "reason": "so"}},
    ],
    ids=lambda line: repr(line)[:60],
)
def test_unpack__a_line_of_another_shape_is_left_out(line: object) -> None:
    contents = unpack(packed(HEADER, line, LINE))

    assert (contents.count, contents.refused) == (1, 1)


def test_unpack__a_lone_surrogate_is_replaced() -> None:
    contents = unpack(packed(HEADER, {**LINE, "value": result("\ud800")}))

    assert [one.value for one in contents.entries[RESULTS]] == [result("\ufffd")]


@pytest.mark.parametrize(
    "header", ["", "{", LINE, {**HEADER, "schema": 2}, {**HEADER, "schema": "1"}, {"schema": 1}], ids=repr
)
def test_unpack__another_version_is_refused(header: object) -> None:
    with pytest.raises(BadArchive, match="is of another version"):
        unpack(packed(header, LINE))


@pytest.mark.parametrize("kept", [0, 1, 12, 60, -9, -1])
def test_unpack__what_is_cut_off_is_refused(kept: int) -> None:
    data = pack({RESULTS: [entry(str(number)) for number in range(50)]})

    with pytest.raises(BadArchive):
        unpack(data[:kept])


def test_unpack__no_changed_bit_brings_anything_else_in() -> None:
    data = pack({RESULTS: [entry(str(number)) for number in range(3)]})
    whole = unpack(data)
    refused = 0
    for place in range(10, len(data)):  # the first ten tell of the file, and nothing checks them
        changed = bytes([*data[:place], data[place] ^ 0x10, *data[place + 1 :]])
        try:
            assert unpack(changed) == whole  # a few bits mean nothing
        except BadArchive:
            refused += 1

    assert refused >= len(data) - 12


@pytest.mark.parametrize("content", [b"x", b"\n", b" " * 99_999 + b"\n"], ids=["long", "many", "spaces"])
def test_unpack__a_bomb_is_not_unpacked(content: bytes) -> None:
    header = json.dumps(HEADER).encode() + b"\n"
    bomb = gzip.compress(header + content * (140_000_000 // len(content)), 1)

    assert len(bomb) < 2_000_000
    tracemalloc.start()
    with pytest.raises(BadArchive, match="holds more than is allowed"):
        unpack(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


def test_unpack__too_many_bytes_are_refused() -> None:
    with pytest.raises(BadArchive, match="is too large"):
        unpack(b"\0" * (32 * 1024 * 1024 + 1))


def test_archive_name__tells_what_is_kept_apart() -> None:
    one, other = archive_of("a"), archive_of("b")

    assert one.name != other.name
    assert one.name.startswith(f"{PREFIX}1-1-")
    assert is_archive_name(one.name)
    assert is_whole(one)
    assert not is_whole(Archive(name=one.name, data=other.data))
    assert archive_name("4711-2", one.data) == one.name.replace("-1-1-", "-4711-2-")


@pytest.mark.parametrize(
    "name", ["", PREFIX, f"{PREFIX}1-1-xyz", f"{PREFIX}1-1-0123456", f"{PREFIX}../../x-1-01234567"]
)
def test_archive_name__others_are_none_of_ours(name: str) -> None:
    assert not is_archive_name(name)
    assert not is_whole(Archive(name=name, data=b""))
