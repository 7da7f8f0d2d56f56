"""Numbers at which a comparison turns, guessed from trials that differ in one number. Pure.

What becomes of a number on its way to a comparison is not known. But two trials that differ in that number
alone show how far what is compared moves with it; on the line through both lies the number at which the two
sides meet. It is the secant method, and each round of the search is a step: what is not linear takes more.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from testsmith.generation.offline.observations import Observation
from testsmith.generation.offline.places import Leaf, Pair, Place, number_text, places, read_literal
from testsmith.generation.offline.trial import Trial

_LARGEST = 10**15
_MOST_ROOTS = 12


class _Point(NamedTuple):
    """A number of a trial, and how far apart the sides of its comparisons are.

    Attributes:
        number: The number.
        gaps: By the side that is the same for other trials, and how often that was met before.
    """

    number: float
    gaps: Mapping[tuple[str, bool, int], float]


class Slopes:
    """What all trials of a member tell of how comparisons move with the numbers in them.

    Args:
        trials: The trials by number.
        seen: What was seen of them.
        fixed: Names of parameters whose literals may not be changed.
    """

    def __init__(
        self, trials: Mapping[int, Trial], seen: Mapping[int, Observation], fixed: frozenset[str]
    ) -> None:
        self._trials = trials
        self._fixed = fixed
        told = ((number, _gaps(each.compared)) for number, each in seen.items())
        self._gaps = {number: gaps for number, gaps in told if gaps}
        self._points: dict[str, list[_Point]] = defaultdict(list)
        for number, gaps in self._gaps.items():
            for place, leaf, value in self._numbers(number):
                self._points[_but(place, leaf)].append(_Point(value, gaps))

    def turning(self, number: int) -> Iterator[Trial]:
        """Yield a trial with a number exchanged for those at which one of its comparisons may turn."""
        gaps = self._gaps.get(number, {})
        for place, leaf, value in self._numbers(number) if gaps else ():
            roots = _roots(_Point(value, gaps), self._points[_but(place, leaf)])
            for root in [*dict.fromkeys(roots)][:_MOST_ROOTS]:
                yield place.exchanged(leaf, number_text(root, value))

    def _numbers(self, number: int) -> Iterator[tuple[Place, Leaf, float]]:
        """Yield the numbers in a trial's places that may be changed."""
        for place in places(self._trials[number]):
            for leaf, value in place.numbers if place.name not in self._fixed else ():
                if _is_usual(value):
                    yield place, leaf, value


def _but(place: Place, leaf: Leaf) -> str:
    """Return the text of a trial but for one number."""
    return place.exchanged(leaf, "?").text


def _is_usual(number: float) -> bool:
    return abs(number) <= _LARGEST  # so it is neither endless nor none


def _gaps(pairs: tuple[Pair, ...]) -> dict[tuple[str, bool, int], float]:
    """Return how far apart the sides of comparisons are, once by each side that may stay the same."""
    found: dict[tuple[str, bool, int], float] = {}
    times: Counter[tuple[str, bool]] = Counter()
    for pair in pairs:
        one, other = (read_literal(text) for text in pair)
        if isinstance(one, int | float) and isinstance(other, int | float) and _is_usual(one - other):
            for side in zip(pair, (True, False), strict=True):
                found[*side, times[side]] = one - other
                times[side] += 1
    return found


def _roots(own: _Point, others: list[_Point]) -> Iterator[float]:
    """Yield the numbers at which sides may meet, by the nearest other trial, and their neighbours."""
    by_distance = sorted(others, key=lambda other: abs(other.number - own.number))
    for key, gap in own.gaps.items():
        moved = (each for each in by_distance if each.gaps.get(key, gap) != gap)
        other = next(moved, None)
        if other is None or not gap:
            continue
        root = own.number - gap * (other.number - own.number) / (other.gaps[key] - gap)
        if _is_usual(root):
            yield from (math.floor(root), math.ceil(root), round(root) + 1, round(root) - 1)
