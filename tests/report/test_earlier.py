from __future__ import annotations

from bot.model import EarlierTest, Fate
from bot.report.earlier import earlier_words
from bot.report.markup import inline


def earlier(
    name: str, fate: Fate = Fate.REMOVE, member: str = "a.py::f", *, edited: bool = False
) -> EarlierTest:
    return EarlierTest(path="tests/t.py", name=name, member=member, fate=fate, is_edited=edited, fails=True)


def words(*tests: EarlierTest) -> list[str]:
    return [inline(one) for one in earlier_words(tests)]


def test_earlier_words__one_sentence_a_member() -> None:
    assert words(
        earlier("test_a"),
        earlier("test_b"),
        earlier("test_c", edited=True),
        earlier("test_d", Fate.MEND, edited=True),
    ) == [
        "`f` is gone; remove its tests: `tests/t.py::test_a`, `tests/t.py::test_b`.",
        "`f` is gone; remove its tests (edited by hand since): `tests/t.py::test_c`.",
        "`f` has changed; mend or remove its tests that fail (edited by hand since): `tests/t.py::test_d`.",
    ]


def test_earlier_words__never_too_many() -> None:
    many = words(*(earlier("test", member=f"a.py::f{number}") for number in range(30)))
    assert (len(many), many[-1]) == (21, "… and tests of 10 more members.")
    (long,) = words(*(earlier(f"test_{number}") for number in range(30)))
    assert long.endswith(" and 20 more.")
    assert words() == []
