"""What pull requests of sweeps remember: it comes back whole, bounded, and nothing else does."""

from __future__ import annotations

import pytest

from testsmith.forge.comment_markers import HIDDEN_LIMIT, content_digest
from testsmith.forge.sweep_memory import (
    Proposed,
    Remembered,
    SweepMemory,
    decode,
    encode,
)


def proposed(number: int, shown: str = "2 tests, kills 3 of 4") -> Proposed:
    member = f"src/shop/cart_{number}.py::Cart.add_{number}"
    return Proposed(member=member, content=content_digest(member, str(number)), shown=shown)


def test_memory__comes_back_as_it_was() -> None:
    memory = SweepMemory(
        proposed=(proposed(1, "`-->` <b> @ada #7"), proposed(2)), refused=(content_digest("a", "b"),)
    )
    line = encode(memory)
    assert decode(f"text\r\n\r\n{line}\r\n") == memory
    assert "\n" not in line
    assert line.count("-->") == 1
    assert not set("@#") & set(line)


def test_memory__is_never_longer_than_it_may_be() -> None:
    many = SweepMemory(
        proposed=tuple(proposed(number, "x" * 190) for number in range(2_000)),
        refused=tuple(content_digest(str(number), "") for number in range(3_000)),
    )
    line = encode(many)
    assert len(line) <= HIDDEN_LIMIT
    back = decode(line)
    assert back
    assert back.proposed
    assert back.proposed[-1].content == many.proposed[-1].content


def test_memory__words_go_before_names_and_names_before_contents() -> None:
    some = SweepMemory(proposed=tuple(proposed(number, "x" * 190) for number in range(120)))
    back = decode(encode(some))
    assert back
    assert [one.content for one in back.proposed] == [one.content for one in some.proposed]
    assert {one.shown for one in back.proposed} == {""}
    assert all(one.member for one in back.proposed)
    more = SweepMemory(proposed=tuple(proposed(number, "x" * 190) for number in range(400)))
    back = decode(encode(more))
    assert back
    assert len(back.proposed) == 400
    assert not back.proposed[0].member
    assert back.proposed[-1].member


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<!-- testsmith:sweep -->",
        "<!-- testsmith:sweep {} -->",
        "<!-- testsmith:sweep [] -->",
        '<!-- testsmith:sweep {"version":2} -->',
        '> <!-- testsmith:sweep {"version":1} -->',
        f'<!-- testsmith:sweep {{"version":1,"proposed":{"[" * 9_000}}} -->',
        f'<!-- testsmith:sweep {{"version":1,"x":"{"y" * 90_000}"}} -->',
    ],
)
def test_memory__what_is_none_is_not_read(text: str) -> None:
    assert decode(text) is None


def test_memory__entries_of_another_shape_are_left_out() -> None:
    good = f'["a.py::f","{content_digest("a", "b")}","1 test"]'
    bad = '["a.py::f","not a digest",""],["a",1,""],[],{},null,["a","0123456789abcdef"]'
    text = f'<!-- testsmith:sweep {{"version":1,"proposed":[{bad},{good}],"refused":[1,"x"]}} -->'
    memory = decode(text)
    assert memory == SweepMemory(
        proposed=(Proposed(member="a.py::f", content=content_digest("a", "b"), shown="1 test"),)
    )


def test_remembered__new_tests_of_a_member_stand_for_its_earlier_ones() -> None:
    known = Remembered(proposed=(proposed(1), proposed(2)), number=7, refused={"0123456789abcdef": 3})
    again = Proposed(member=proposed(1).member, content="fedcba9876543210", shown="1 test")
    memory = known.with_proposed([again])
    assert memory.proposed == (proposed(2), again)
    assert memory.refused == ("0123456789abcdef",)
