from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from typing import Any

import pytest

from testsmith.forge.comment_markers import HIDDEN_LIMIT, SUMMARY_MARK
from testsmith.forge.pr_state import (
    CommittedPlace,
    MemberState,
    PastSuggestion,
    State,
    StateEntry,
    decode,
    encode,
    fits,
    is_unchanged,
    merged,
    without_block,
)
from testsmith.model import SkipStage

CONTENT = "0123456789abcdef"


def digest(number: int) -> str:
    return f"{number:016x}"


def suggested(number: int, member: str = "", **changes: Any) -> StateEntry:
    entry = StateEntry(
        member=member or f"shop/cart.py::f{number}",
        source="s1",
        outcome=MemberState.SUGGESTED,
        number=number,
        content=digest(number),
        shown="2 tests",
    )
    return replace(entry, **changes)


def skipped(name: str, **changes: Any) -> StateEntry:
    entry = StateEntry(
        member=name, source="s1", outcome=MemberState.SKIPPED, stage=SkipStage.GATE, shown="kills nothing"
    )
    return replace(entry, **changes)


def block(told: object) -> str:
    return f"text\n\n<!-- testsmith:state {json.dumps(told)} -->\n{SUMMARY_MARK}"


def told_entry(**changes: Any) -> dict[str, Any]:
    entry = {"member": "m", "source": "s", "outcome": "suggested", "number": 1, "content": CONTENT}
    return {key: value for key, value in (entry | changes).items() if value is not None}


FULL = State(
    entries=(
        suggested(1),
        suggested(2, "shop/cart.py::f1", outcome=MemberState.QUESTION),
        skipped("shop/fetch.py::fetch", extra=(("later", '{"a":[1,2]}'),)),
    ),
    past=(
        PastSuggestion(number=3, content=digest(3), was_hidden=True),
        PastSuggestion(number=4, content=digest(4)),
    ),
    rejected=(digest(3),),
    next_number=9,
    extra=(("commands", '{"last":5}'),),
)


def test_state__reads_as_written() -> None:
    assert decode(f"text\n\n{encode(FULL)}\n{SUMMARY_MARK}") == FULL


def test_state__empty() -> None:
    assert decode(encode(State())) == State()


@pytest.mark.parametrize("ends", ["\r\n", "  \n"])
def test_state__line_ends_do_not_matter(ends: str) -> None:
    assert decode(f"text\n\n{encode(FULL)}\n{SUMMARY_MARK}".replace("\n", ends)) == FULL


@pytest.mark.parametrize(
    "text",
    ["-->", "<!-- x", "--!>", "@octo #12", "\n<!-- testsmith:state {} -->\n", "\u2028\U0001f600", '"\\'],
)
def test_encode__nothing_within_ends_the_block(text: str) -> None:
    state = State(entries=(skipped(f"a{text}b", shown=text),))
    line = encode(state)
    assert decode(f"x\n{line}\n{SUMMARY_MARK}") == state
    inner = line.removeprefix("<!-- testsmith:state ").removesuffix(" -->")
    assert not set("<>@#\n") & set(inner)
    assert line.isascii()


def test_decode__the_last_block_counts() -> None:
    assert decode(f"```\n{encode(State(next_number=7))}\n```\n{encode(FULL)}\n{SUMMARY_MARK}") == FULL


@pytest.mark.parametrize(
    "body",
    [
        "",
        "text",
        "<!-- testsmith:state -->",
        "<!-- testsmith:state {} ",
        "<!-- testsmith:state [] -->",
        "<!-- testsmith:state null -->",
        "<!-- testsmith:state {not json} -->",
        '<!-- testsmith:state {"version":1,"next":' + "9" * 5_000 + "} -->",
        "<!-- testsmith:state " + "[" * 30_000 + "]" * 5_000 + " -->",
        '<!-- testsmith:state {"version":1,"x":"' + "a" * 100_000 + '"} -->',
        encode(FULL)[:-40],
        f"> {encode(FULL)}",
        f"text {encode(FULL)}",
    ],
)
def test_decode__what_cannot_be_read_is_none(body: str) -> None:
    assert decode(body) is None


@pytest.mark.parametrize(
    "change",
    [
        {"member": 5},
        {"member": ""},
        {"member": "x" * 1_001},
        {"source": 5},
        {"source": "a b"},
        {"source": "x" * 129},
        {"outcome": "great"},
        {"outcome": ["suggested"]},
        {"number": 0},
        {"number": -1},
        {"number": True},
        {"number": 1.0},
        {"number": "1"},
        {"number": 1_000_000},
        {"number": None},
        {"content": None},
        {"content": CONTENT + "0"},
        {"content": [CONTENT]},
        {"shown": "x" * 201},
        {"shown": {}},
        {"outcome": "skipped"},
        {"outcome": "skipped", "stage": "nowhere"},
    ],
)
def test_decode__an_entry_in_a_wrong_shape_is_left_out_alone(change: dict[str, Any]) -> None:
    good = told_entry(member="good", number=2, content=digest(2))
    read = decode(block({"version": 1, "next": 5, "entries": [told_entry(**change), 3, good]}))
    assert read is not None
    assert [entry.member for entry in read.entries] == ["good"]
    assert read.next_number == 5


def test_decode__a_lone_surrogate_is_replaced() -> None:
    read = decode(block({"version": 1, "entries": [told_entry(member="\ud800")], "later": math.inf}))
    assert read == State(
        entries=(suggested(1, "\ufffd", source="s", content=CONTENT, shown=""),), next_number=2
    )


def test_decode__a_number_or_content_counts_once() -> None:
    entries = [
        told_entry(),
        told_entry(member="n"),
        told_entry(number=2),
        told_entry(content=digest(5)),
        told_entry(number=2, content=digest(2)),
    ]
    past = [[1, digest(8), 0], [6, CONTENT, 0], [3, digest(3), 0], [3, digest(4), 1], [7], "x", [8, "x", 0]]
    read = decode(block({"version": 1, "next": 1, "entries": entries, "past": past}))
    assert read is not None
    assert [entry.number for entry in read.entries] == [1, 2]
    assert read.past == (PastSuggestion(number=3, content=digest(3)),)
    assert read.next_number == 4


@pytest.mark.parametrize("told", [None, "5", -5, 2, 900_000, 10**30, True, math.nan])
def test_decode__the_next_number_is_above_all_and_not_far(told: object) -> None:
    read = decode(block({"version": 1, "next": told, "entries": [told_entry(number=7)]}))
    assert read is not None
    assert read.next_number == 8


def test_decode__another_version_keeps_what_must_never_be_lost() -> None:
    read = decode(block({"version": 2, "next": 12, "rejected": [CONTENT], "entries": {"new": "shape"}}))
    assert read == State(next_number=12, rejected=(CONTENT,))


@pytest.mark.parametrize("told", [{"a": 1}, 3, ["x", 5, None, CONTENT.upper()]])
def test_decode__rejections_in_a_wrong_shape(told: object) -> None:
    read = decode(block({"version": 1, "rejected": told}))
    assert read == State()


def test_decode__unknown_keys_come_back_unless_they_are_too_many() -> None:
    told = {"version": 1, "next": 1, "entries": [], "past": [], "rejected": [], "later": {"deep": ["-->"]}}
    read = decode(block(told))
    assert read is not None
    assert json.loads(encode(read)[len("<!-- testsmith:state ") : -4]) == told
    assert decode(block(told | {"big": "x" * 3_000, "Bad Key": 1})) == State()


@pytest.mark.parametrize("depth", [190, 300, 900, 6_000])
def test_decode__deep_unknown_keys_do_no_harm(depth: int) -> None:
    nested = '{"a":' * depth + "1" + "}" * depth
    read = decode(f'<!-- testsmith:state {{"version":1,"next":3,"later":{nested}}} -->')
    assert read is None or (read.next_number == 3 and decode(encode(read)) == read)
    assert (read is not None and bool(read.extra)) == (depth < 200)


def test_encode__skipped_members_go_first_and_the_oldest_of_them() -> None:
    entries = [suggested(n) for n in range(1, 36)] + [skipped(f"m{n}", shown="why " * 40) for n in range(100)]
    read = decode(encode(State(entries=tuple(entries), next_number=36)))
    assert read is not None
    assert read.is_cut
    assert read.entries[:35] == tuple(entries[:35])
    kept = read.entries[35:]
    assert 0 < len(kept) < 100
    assert kept == tuple(entries[-len(kept) :])


def test_encode__as_much_is_kept_as_fits() -> None:
    state = State(entries=tuple(skipped(f"member number {n}") for n in range(400)))
    assert HIDDEN_LIMIT - 150 < len(encode(state)) <= HIDDEN_LIMIT


def test_encode__then_words_then_members_but_never_numbers() -> None:
    entries = [suggested(n, f"{'deep/' * 30}::f{n}", shown="w" * 190) for n in range(1, 301)]
    state = State(
        entries=tuple(entries), past=(PastSuggestion(number=301, content=digest(301)),), next_number=302
    )
    line = encode(state)
    read = decode(line)
    assert read is not None
    assert len(line) <= HIDDEN_LIMIT
    assert read.numbers() == state.numbers()
    assert {entry.shown for entry in read.entries} == {""}
    assert read.entries == tuple(replace(entry, shown="") for entry in entries[-len(read.entries) :])


def test_encode__what_was_cut_is_cut_the_same_way_again() -> None:
    entries = [suggested(n, f"{'deep/' * 30}::f{n}") for n in range(1, 301)]
    first = encode(State(entries=tuple(entries), next_number=301))
    read = decode(first)
    assert read is not None
    again = entries[-len(read.entries) :] + entries[: -len(read.entries)]
    assert encode(State(entries=tuple(again), next_number=301)) == first


def test_encode__the_next_number_survives_everything() -> None:
    state = State(
        past=tuple(PastSuggestion(number=n, content=digest(n)) for n in range(1, 3_000)),
        rejected=tuple(digest(n) for n in range(2_000)),
        next_number=3_000,
    )
    read = decode(encode(state))
    assert read is not None
    assert read.next_number == 3_000
    assert read.rejected == state.rejected[-len(read.rejected) :]
    assert not fits(state)


def test_without_block__only_the_block_goes() -> None:
    assert without_block(f"a\r\n\r\n{encode(FULL)}\r\n{SUMMARY_MARK}") == f"a\n\n{SUMMARY_MARK}"


@pytest.mark.parametrize(
    ("member", "source", "expected"),
    [
        ("shop/cart.py::f1", "s1", True),
        ("shop/cart.py::f1", "s2", False),
        ("shop/fetch.py::fetch", "s1", True),
        ("shop/cart.py::new", "s1", False),
        ("shop/cart.py::f1", "", False),
    ],
)
def test_is_unchanged__by_source(member: str, source: str, expected: bool) -> None:
    assert is_unchanged(FULL, member, source) is expected


def test_is_unchanged__an_entry_without_a_source_is_looked_at_again() -> None:
    assert not is_unchanged(State(entries=(skipped("m", source=""),)), "m", "")


@pytest.mark.parametrize(
    ("applied", "source", "expected"),
    [("a", "s1:t2", True), ("a", "s2:t1", False), ("", "s1:t2", False), ("", "s1:t1", True)],
)
def test_is_unchanged__after_a_commit_whatever_becomes_of_the_tests(
    applied: str, source: str, expected: bool
) -> None:
    entry = replace(suggested(1, "a"), source="s1:t1")
    state = State(entries=(entry,), applied=(entry.content,) if applied else ())
    assert is_unchanged(state, entry.member, source) is expected


def test_merged__the_first_counts_and_no_number_is_lost() -> None:
    first = State(entries=(suggested(1, "a"),), next_number=2, rejected=(digest(1),))
    other = State(
        entries=(suggested(1, "b", content=digest(7)), suggested(2, "a"), suggested(3, "c")),
        past=(PastSuggestion(number=4, content=digest(4)),),
        rejected=(digest(1), digest(4)),
        next_number=5,
    )
    both = merged([first, other])
    assert [(entry.member, entry.number) for entry in both.entries] == [("a", 1), ("c", 3)]
    assert both.past == other.past
    assert both.rejected == (digest(1), digest(4))
    assert both.next_number == 5
    assert merged([]) == State()


def test_decode__random_damage_never_raises() -> None:
    seeded = random.Random(4)  # noqa: S311 (a test's numbers, no secret)
    whole = f"text\n\n{encode(FULL)}\n{SUMMARY_MARK}"
    for _ in range(2_000):
        letters = list(whole)
        for _ in range(seeded.randint(1, 6)):
            letters[seeded.randrange(len(letters))] = seeded.choice('{}[]",:0159ax<>-\\\n\u00e9')
        read = decode("".join(letters))
        assert read is None or decode(encode(read)) == read


def test_landings__places_in_a_wrong_shape_are_left_out() -> None:
    sha, digest = "1f2e3d4c" * 5, "0123456789abcdef"
    kept = (CommittedPlace(place=sha, contents=(digest,)), CommittedPlace(place="#12", contents=(digest,)))
    assert decode(encode(State(landings=kept))) == State(landings=kept)
    odd = [[sha], [], "x", ["@octo", digest], ["#0", digest], [7, digest], [sha, "x"], [["#1"], digest]]
    told = {"version": 1, "next": 1, "landings": [*odd, ["#12", digest, "x"]]}
    body = f"<!-- testsmith:state {json.dumps(told)} -->"
    assert decode(body) == State(landings=kept[1:])


def test_landings__only_the_last_are_kept() -> None:
    many = tuple(
        CommittedPlace(place=f"#{number}", contents=("0123456789abcdef",)) for number in range(1, 60)
    )
    found = decode(encode(State(landings=many)))
    assert found is not None
    assert [one.place for one in found.landings] == [f"#{number}" for number in range(40, 60)]
