"""The fewest test functions that show the same. Pure.

A reviewer's time is what a suggestion costs: a function that shows nothing that the others do not show is
cut, however good it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from testsmith.verification.gains import Gains

_MOST_TRIED = 20_000
"""So many choices of functions are looked at; beyond, the one that adds most is taken each time."""

_MOST_NAMED = 2

_Fact = tuple[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """A test function, and what it shows.

    Attributes:
        name: The function's name.
        gains: What it shows.
        length: How many lines it has.
    """

    name: str
    gains: Gains
    length: int

    @property
    def facts(self) -> frozenset[_Fact]:
        """All that it shows, as facts that another may show as well.

        That it fails on base is one fact: whether two fail there for the same reason cannot be told.
        """
        gains = self.gains
        return frozenset[_Fact](
            [
                *(("mutant", mutant) for mutant in gains.killed),
                *(("line", line) for line in gains.lines),
                *(("branch", branch) for branch in gains.branches),
                *([("base", None)] if gains.fails_on_base else []),
            ]
        )


def redundant(showings: Sequence[Showing]) -> dict[str, str]:
    """Return the functions that can go, with the reason; the others show all that all of them show.

    Of choices with equally few functions the first counts, where those stand first that fail on base, then
    those that kill more mutants, then the shorter ones, then those that come first in the file.

    Args:
        showings: The functions, in the order of the file.
    """
    ordered = sorted(showings, key=_rank)
    facts = {one.name: one.facts for one in ordered}
    kept = _fewest(facts)
    return {
        one.name: _reason(facts[one.name], {name: facts[name] for name in kept})
        for one in showings
        if one.name not in kept
    }


def _rank(showing: Showing) -> tuple[bool, int, int]:
    return not showing.gains.fails_on_base, -len(showing.gains.killed), showing.length


def _fewest(facts: Mapping[str, frozenset[_Fact]]) -> tuple[str, ...]:
    """Return the fewest names whose facts are all facts."""
    needed = [name for name in facts if facts[name] - _facts_of(facts, set(facts) - {name})]
    left = _facts_of(facts, set(facts)) - _facts_of(facts, set(needed))
    others = {name: facts[name] & left for name in facts if name not in needed and facts[name] & left}
    return (*needed, *(_fewest_of(others, left) if left else ()))


def _facts_of(facts: Mapping[str, frozenset[_Fact]], names: set[str]) -> frozenset[_Fact]:
    return frozenset[_Fact]().union(*(facts[name] for name in names))


def _fewest_of(facts: Mapping[str, frozenset[_Fact]], wanted: frozenset[_Fact]) -> tuple[str, ...]:
    for tried, names in enumerate(_choices(facts)):
        if tried >= _MOST_TRIED:
            break
        if _facts_of(facts, set(names)) >= wanted:
            return names
    return _greedy(facts, wanted)


def _choices(facts: Mapping[str, frozenset[_Fact]]) -> Iterator[tuple[str, ...]]:
    for size in range(1, len(facts) + 1):
        yield from combinations(facts, size)


def _greedy(facts: Mapping[str, frozenset[_Fact]], wanted: frozenset[_Fact]) -> tuple[str, ...]:
    """Return names that have all wanted facts, none of which can go."""
    chosen: list[str] = []
    left = wanted
    while left:
        best = max(facts, key=lambda name: len(facts[name] & left))
        chosen.append(best)
        left -= facts[best]
    for name in reversed(list(chosen)):
        if _facts_of(facts, {*chosen} - {name}) >= wanted:
            chosen.remove(name)
    return tuple(chosen)


def _reason(facts: frozenset[_Fact], kept: Mapping[str, frozenset[_Fact]]) -> str:
    """Say which of the functions that are kept show what one shows that is not."""
    shown = {name: facts & others for name, others in kept.items()}
    chosen = _greedy(shown, facts)
    if not chosen:
        return "shows nothing"
    if len(chosen) > _MOST_NAMED:
        return "shows nothing that the others together do not show"
    names = " and ".join(f"`{name}`" for name in chosen)
    return f"shows nothing that {names} {'does' if len(chosen) == 1 else 'do'} not show"
