"""Where a trial holds literals, and the trial with another text in such a place. Pure."""

from __future__ import annotations

import ast
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from testsmith.generation.explorer.cases import Observation
from testsmith.generation.explorer.render.expressions import Expression, InputSource
from testsmith.generation.explorer.trial import Trial

Value = int | float | str | bytes
Pair = tuple[str, str]
"""The texts of two things that were compared with each other."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A literal in a text.

    Attributes:
        start: Its first character.
        end: The first character behind it.
        value: What it stands for; the number of its items where it is a list of literals.
        items: The texts of its items, where it is such a list; else None.
    """

    start: int
    end: int
    value: Value
    items: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class LiteralSite:
    """A text of a trial that may hold literals: an argument, or a statement before the call.

    Attributes:
        trial: The trial.
        text: The text.
        name: The argument's name; empty for a statement.
        number: Which argument or statement it is.
        is_argument: Whether it is an argument.
    """

    trial: Trial
    text: str
    name: str
    number: int
    is_argument: bool

    @property
    def leaves(self) -> list[Leaf]:
        """The literals of a text of one line of ASCII, in their order."""
        if not self.text.isascii() or "\n" in self.text:
            return []
        try:
            tree = ast.parse(self.text)
        except (SyntaxError, ValueError, RecursionError):
            return []
        return [*_leaves_in(tree, self.text)]

    @property
    def numbers(self) -> list[tuple[Leaf, float]]:
        """The numbers among the literals, with their values."""
        found = [leaf for leaf in self.leaves if leaf.items is None]
        return [(leaf, leaf.value) for leaf in found if isinstance(leaf.value, int | float)]

    def exchanged(self, leaf: Leaf, text: str) -> Trial:
        """Return the trial with another text for a literal."""
        return self.filled(self.text[: leaf.start] + text + self.text[leaf.end :])

    def filled(self, text: str) -> Trial:
        """Return the trial with another text in this place."""
        trial = self.trial
        if not self.is_argument:
            setup = (*trial.setup[: self.number], text, *trial.setup[self.number + 1 :])
            return searched(trial, setup=setup)
        argument = trial.arguments[self.number]
        value = Expression(text, argument.value.imports, InputSource.SEARCHED)
        arguments = list(trial.arguments)
        arguments[self.number] = replace(argument, value=value)
        return searched(trial, arguments=tuple(arguments))


def places(trial: Trial) -> list[LiteralSite]:
    """Return a trial's places, its arguments first; none where it states more than what comes of its call."""
    if trial.relation is not None or trial.recording is not None:
        return []
    arguments = [
        LiteralSite(trial, argument.value.text, argument.name, number, is_argument=True)
        for number, argument in enumerate(trial.arguments)
    ]
    return arguments + [
        LiteralSite(trial, text, "", number, is_argument=False) for number, text in enumerate(trial.setup)
    ]


def searched(trial: Trial, **changed: Any) -> Trial:
    """Return a trial with some of it changed; what is documented of it no longer holds."""
    return replace(trial, layer=InputSource.SEARCHED, example=None, **changed)


def read_literal(text: str) -> Value | None:
    """Return the value of an operand's text, where that is a plain literal."""
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return value if isinstance(value, int | float | str | bytes) and not isinstance(value, bool) else None


def number_text(number: float, like: float) -> str:
    """Return a number as a text of the kind that another is of."""
    return repr(int(number)) if isinstance(like, int) else repr(float(number))


def _leaves_in(node: ast.AST, text: str) -> Iterator[Leaf]:
    match node:
        case ast.Constant(value=bool() | None):
            return
        case ast.Constant(value=int() | float() | str() | bytes() as value):
            yield Leaf(node.col_offset, node.end_col_offset or 0, value)
            return
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            yield Leaf(node.col_offset, node.end_col_offset or 0, -value)
            return
        case ast.List(elts=parts) if parts:
            items = tuple(ast.get_source_segment(text, part) or "" for part in parts)
            yield Leaf(node.col_offset, node.end_col_offset or 0, len(parts), items)
    for child in ast.iter_child_nodes(node):
        yield from _leaves_in(child, text)


# Numbers at which a comparison turns, guessed from trials that differ in one number. Pure.
#
# What becomes of a number on its way to a comparison is not known. But two trials that differ in that
# number alone show how far what is compared moves with it; on the line through both lies the number at
# which the two sides meet. It is the secant method, and each round of the search is a step: what is not
# linear takes more.

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


class BoundarySearch:
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
        data = ((number, _gaps(each.compared)) for number, each in seen.items())
        self._gaps = {number: gaps for number, gaps in data if gaps}
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

    def _numbers(self, number: int) -> Iterator[tuple[LiteralSite, Leaf, float]]:
        """Yield the numbers in a trial's places that may be changed."""
        for place in places(self._trials[number]):
            for leaf, value in place.numbers if place.name not in self._fixed else ():
                if _is_usual(value):
                    yield place, leaf, value


def _but(place: LiteralSite, leaf: Leaf) -> str:
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
