"""Find the literals of a trial, replace them, and search for values at which a comparison changes."""

from __future__ import annotations

import ast
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from testsmith.languages.python.explorer.cases import Observation
from testsmith.languages.python.explorer.render.expressions import Expression, InputSource
from testsmith.languages.python.explorer.trial import Trial

Value = int | float | str | bytes
Pair = tuple[str, str]
"""Source texts of two compared values."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A literal in a source text.

    Attributes:
        start: Offset of its first character.
        end: Offset after its last character.
        value: Its value; for a list of literals, the number of items.
        items: Source texts of the items of a list of literals, otherwise None.
    """

    start: int
    end: int
    value: Value
    items: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class LiteralSite:
    """A source text of a trial that may contain literals: an argument, or a setup statement.

    Attributes:
        trial: The trial.
        text: The source text.
        name: Name of the argument; empty for a statement.
        number: Index of the argument or statement.
        is_argument: Whether it is an argument.
    """

    trial: Trial
    text: str
    name: str
    number: int
    is_argument: bool

    @property
    def leaves(self) -> list[Leaf]:
        """Literals of a single-line ASCII text, in order."""
        if not self.text.isascii() or "\n" in self.text:
            return []
        try:
            tree = ast.parse(self.text)
        except (SyntaxError, ValueError, RecursionError):
            return []
        return [*_leaves_in(tree, self.text)]

    @property
    def numbers(self) -> list[tuple[Leaf, float]]:
        """Numeric literals with their values."""
        found = [leaf for leaf in self.leaves if leaf.items is None]
        return [(leaf, leaf.value) for leaf in found if isinstance(leaf.value, int | float)]

    def exchanged(self, leaf: Leaf, text: str) -> Trial:
        """Return the trial with a literal replaced."""
        return self.filled(self.text[: leaf.start] + text + self.text[leaf.end :])

    def filled(self, text: str) -> Trial:
        """Return the trial with this text replaced."""
        trial = self.trial
        if not self.is_argument:
            setup = (*trial.setup[: self.number], text, *trial.setup[self.number + 1 :])
            return searched(trial, setup=setup)
        argument = trial.arguments[self.number]
        value = Expression(text, argument.value.imports, argument.value.layer)
        arguments = list(trial.arguments)
        arguments[self.number] = replace(argument, value=value)
        return searched(trial, arguments=tuple(arguments))


def places(trial: Trial) -> list[LiteralSite]:
    """Return a trial's sites, arguments first; none if it states more than the result of its call."""
    if trial.recording is not None:
        return []
    arguments = [
        LiteralSite(trial, argument.value.text, argument.name, number, is_argument=True)
        for number, argument in enumerate(trial.arguments)
    ]
    return arguments + [
        LiteralSite(trial, text, "", number, is_argument=False) for number, text in enumerate(trial.setup)
    ]


def searched(trial: Trial, **changed: Any) -> Trial:
    """Return a modified copy of a trial, without its documented result, which no longer applies."""
    return replace(trial, layer=InputSource.SEARCHED, example=None, **changed)


def read_literal(text: str) -> Value | None:
    """Return the value of an operand's source text if it is a plain literal."""
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return value if isinstance(value, int | float | str | bytes) and not isinstance(value, bool) else None


def number_text(number: float, like: float) -> str:
    """Return the source text of a number, in the type of another number."""
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


# Estimating where a comparison changes.
#
# How a number influences a comparison is unknown, but two trials that differ only in this number show how far
# the compared values move with it. The comparison changes where the line through both points crosses zero.
# This is the secant method, with one step per round; nonlinear relations take more rounds.

_LARGEST = 10**15
_MOST_ROOTS = 12


class _Point(NamedTuple):
    """A number in a trial, and the distances between the sides of its comparisons.

    Attributes:
        number: The number.
        gaps: Distances by the side that other trials share, and its number of earlier occurrences.
    """

    number: float
    gaps: Mapping[tuple[str, bool, int], float]


class BoundarySearch:
    """Estimates from all trials of a member how comparisons depend on the numbers in them.

    Args:
        trials: Trials by number.
        seen: Their observations.
        fixed: Names of parameters whose literals must not be changed.
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
        """Yield copies of a trial with a number replaced so that one of its comparisons may change."""
        gaps = self._gaps.get(number, {})
        for place, leaf, value in self._numbers(number) if gaps else ():
            roots = _roots(_Point(value, gaps), self._points[_but(place, leaf)])
            for root in [*dict.fromkeys(roots)][:_MOST_ROOTS]:
                yield place.exchanged(leaf, number_text(root, value))

    def _numbers(self, number: int) -> Iterator[tuple[LiteralSite, Leaf, float]]:
        """Yield the numbers in a trial that may be changed."""
        for place in places(self._trials[number]):
            for leaf, value in place.numbers if place.name not in self._fixed else ():
                if _is_usual(value):
                    yield place, leaf, value


def _but(place: LiteralSite, leaf: Leaf) -> str:
    """Return the text of a trial without one number."""
    return place.exchanged(leaf, "?").text


def _is_usual(number: float) -> bool:
    return abs(number) <= _LARGEST  # also excludes infinity and NaN


def _gaps(pairs: tuple[Pair, ...]) -> dict[tuple[str, bool, int], float]:
    """Return the distances between the sides of comparisons, once for each side that may be constant."""
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
    """Yield the estimated crossing points, nearest other trial first, and adjacent numbers."""
    by_distance = sorted(others, key=lambda other: abs(other.number - own.number))
    for key, gap in own.gaps.items():
        moved = (each for each in by_distance if each.gaps.get(key, gap) != gap)
        other = next(moved, None)
        if other is None or not gap:
            continue
        root = own.number - gap * (other.number - own.number) / (other.gaps[key] - gap)
        if _is_usual(root):
            yield from (math.floor(root), math.ceil(root), round(root) + 1, round(root) - 1)
