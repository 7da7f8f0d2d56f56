from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence

import pytest

from fakes.mutants import a_mutant
from testsmith.verification.gains import Gains
from testsmith.verification.selection import redundant

Showing = tuple[str, Gains, int]


def showing(name: str, *mutants: int, length: int = 3, **more: object) -> Showing:
    killed = frozenset(a_mutant(line) for line in mutants)
    lines = more.get("lines", ())
    assert isinstance(lines, tuple)
    gains = Gains(killed=killed, lines=frozenset(lines), fails_on_base=bool(more.get("fails")))
    return name, gains, length


def dropped(showings: Sequence[Showing]) -> dict[str, str]:
    gains = {name: shown for name, shown, _ in showings}
    return redundant(gains, {name: length for name, _, length in showings})


def left(*showings: Showing) -> list[str]:
    gone = dropped(showings)
    return [name for name, _, _ in showings if name not in gone]


def test_redundant__nothing_where_each_shows_something_of_its_own() -> None:
    assert dropped([showing("a", 1, 2), showing("b", 2, 3)]) == {}
    assert dropped([]) == {}


def test_redundant__what_another_shows_too() -> None:
    assert dropped([showing("a", 1), showing("b", 1, 2)]) == {"a": "shows nothing that `b` does not show"}


def test_redundant__what_others_show_together() -> None:
    found = dropped([showing("a", 1, 2, 3), showing("b", 1, 4), showing("c", 2, 3, 5)])
    assert found == {"a": "shows nothing that `c` and `b` do not show"}
    many = [showing("all", 1, 2, 3), *(showing(name, line, 10 + line) for line, name in enumerate("bcd", 1))]
    assert dropped(many) == {"all": "shows nothing that the other tests do not show"}


def test_redundant__the_fewest_stay_even_where_the_widest_is_not_among_them() -> None:
    wide = showing("wide", 1, 2, 3, 4)
    assert left(wide, showing("one", 1, 2, 5), showing("two", 3, 4, 6)) == ["one", "two"]
    assert left(wide, showing("a", 1, 2), showing("b", 3, 4), showing("c", 1, 3)) == ["wide"]


def test_redundant__lines_and_branches_are_evidence_as_well() -> None:
    assert left(showing("a", 1, lines=(4,)), showing("b", 1, 2)) == ["a", "b"]
    assert left(showing("a", 1, lines=(4,)), showing("b", 1, 2, lines=(4,))) == ["b"]


def test_redundant__one_that_fails_on_base_stays() -> None:
    assert left(showing("a", 1, 2), showing("b", 1, fails=True)) == ["a", "b"]
    assert left(showing("a", 1, fails=True), showing("b", 1, fails=True)) == ["a"]
    assert left(showing("a", 1, fails=True), showing("b", 2, fails=True)) == ["a", "b"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (showing("x", 1, length=9), showing("y", 1, length=3)),
        (showing("x", 1, 2, length=3), showing("y", 1, 2, 3, length=9)),
    ],
)
def test_redundant__of_equals_the_shorter_of_others_the_one_that_kills_more(
    one: Showing, other: Showing
) -> None:
    assert left(one, other) == ["y"]
    assert left(other, one) == ["y"]


def test_redundant__then_the_first_of_the_file() -> None:
    assert left(showing("b", 1), showing("a", 1)) == ["b"]


def test_redundant__as_few_as_trying_all_choices_finds() -> None:
    chance = random.Random(7)  # noqa: S311 - cases to try, no secret
    for _ in range(200):
        shown = {f"t{n}": frozenset(chance.sample(range(8), chance.randint(1, 4))) for n in range(7)}
        kept = left(*(showing(name, *facts) for name, facts in shown.items()))
        assert _facts(shown, kept) == _facts(shown, list(shown))
        assert len(kept) == _fewest(shown)
        again = left(*(showing(name, *shown[name]) for name in kept))
        assert again == kept


def _facts(shown: Mapping[str, frozenset[int]], names: list[str]) -> frozenset[int]:
    return frozenset[int]().union(*(shown[name] for name in names))


def _fewest(shown: Mapping[str, frozenset[int]]) -> int:
    wanted = _facts(shown, list(shown))
    return next(
        size
        for size in range(len(shown) + 1)
        for names in itertools.combinations(shown, size)
        if _facts(shown, list(names)) == wanted
    )


def test_redundant__of_very_many_a_good_choice_is_made_in_time() -> None:
    chance = random.Random(3)  # noqa: S311 - cases to try, no secret
    shown = {f"t{n}": frozenset(chance.sample(range(60), 6)) for n in range(80)}
    kept = left(*(showing(name, *facts) for name, facts in shown.items()))
    assert _facts(shown, kept) == _facts(shown, list(shown))
    assert len(kept) < 20
