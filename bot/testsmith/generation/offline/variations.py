"""Trials near one that came close: literals exchanged for what they were compared with, or changed a little.

Pure: what is compared with what, the explorer has seen. Where a literal of the trial, or something plain made
of it, was one side of a comparison, the other side takes its place, and its neighbours do: so a search gets
through conditions one after another ("REDQUEEN: Fuzzing with Input-to-State Correspondence", NDSS 2019).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

from testsmith.generation.offline.calls import Argument
from testsmith.generation.offline.expressions import quoted
from testsmith.generation.offline.places import (
    Leaf,
    Pair,
    Place,
    Value,
    number_text,
    places,
    read_literal,
    searched,
)
from testsmith.generation.offline.trial import Trial

_LONGEST = 200
_LARGEST = 10**15
_MOST_LENGTH = 100
_UNITS = (1024, 1000, 60, 100, 24, 7, 12, 10, 3600, 86400, 2)
"""What a number is often multiplied by before it is compared."""


def variations(trial: Trial, pairs: Sequence[Pair], fixed: Iterable[str] = ()) -> Iterator[Trial]:
    """Yield trials near one, what its comparisons suggest by turns with small changes.

    Args:
        trial: The trial.
        pairs: The texts of what was compared with each other on its way.
        fixed: Names of parameters whose literals may not be changed, as those of which an annotation names
            all values.
    """
    free = [place for place in places(trial) if place.name not in set(fixed)]
    suggested = [made for place in free for made in _suggested(place, pairs)]
    nearby = [made for row in zip_longest(*map(_nearby, free)) for made in row]
    by_turns = [made for row in zip_longest(suggested, nearby) for made in row]
    seen = {trial.text}
    for made in by_turns:
        if made is not None and made.text not in seen and len(made.text) <= len(trial.text) + _LONGEST:
            seen.add(made.text)
            yield made


def crossed(trial: Trial, other: Trial) -> Iterator[Trial]:
    """Yield a trial with one argument of another, for each that differs or that only the other one gives."""
    if trial.pieces != other.pieces or trial.receiver != other.receiver or not places(trial):
        return
    own = {argument.name: argument for argument in trial.arguments}
    for argument in other.arguments:
        before = own.get(argument.name)
        if before is None and argument.by_keyword:
            yield _given(trial, (*trial.arguments, argument))
        else:
            yield from borrowing(trial, [argument])


def borrowing(trial: Trial, arguments: Iterable[Argument]) -> Iterator[Trial]:
    """Yield a trial with one argument exchanged for another of its name."""
    if not places(trial):
        return
    for argument in arguments:
        own = next((each for each in trial.arguments if each.name == argument.name), None)
        if own is not None and own.value.text != argument.value.text:
            changed = replace(own, value=argument.value)
            yield _given(trial, [changed if each is own else each for each in trial.arguments])


def _given(trial: Trial, arguments: Sequence[Argument]) -> Trial:
    imports = trial.imports.union(*(argument.value.imports for argument in arguments))
    return searched(trial, arguments=tuple(arguments), imports=imports)


def _suggested(place: Place, pairs: Sequence[Pair]) -> Iterator[Trial]:
    """Yield the trial with literals of a place exchanged for what they were compared with."""
    for pair in pairs:
        for met, other in (pair, pair[::-1]):
            if met == place.text and met.partition("(")[0] == other.partition("(")[0]:
                yield place.filled(other)
    read = [(read_literal(one), read_literal(other)) for one, other in pairs]
    for leaf in place.leaves:
        for text in _corresponding(leaf, read):
            yield place.exchanged(leaf, text)


def _nearby(place: Place) -> Iterator[Trial]:
    """Yield the trial with a literal of a place changed a little."""
    rows = [[place.exchanged(leaf, text) for text in _near(leaf)] for leaf in place.leaves]
    for row in zip_longest(*rows):
        yield from (made for made in row if made is not None)


def _corresponding(leaf: Leaf, pairs: Iterable[tuple[Value | None, Value | None]]) -> Iterator[str]:
    """Yield what may stand for a literal, so that one side of a comparison becomes the other."""
    for one, two in pairs:
        if one is None or two is None:
            continue
        for met, other in ((one, two), (two, one)):
            yield from _in_place_of(leaf, met, other)


def _in_place_of(leaf: Leaf, met: Value, other: Value) -> Iterator[str]:
    value = leaf.value
    if leaf.items is not None or isinstance(value, str):
        yield from _of_length(leaf, met, other)
    if leaf.items is not None:
        return
    if isinstance(value, str) and isinstance(met, str) and isinstance(other, str):
        yield from _texts(value, met, other)
    elif isinstance(value, bytes) and isinstance(met, bytes) and isinstance(other, bytes):
        if met and met in value:
            yield repr(value.replace(met, other, 1))
    elif isinstance(value, int | float) and isinstance(met, int | float) and isinstance(other, int | float):
        yield from _numbers(value, met, other)
    elif isinstance(value, str) and isinstance(met, int | float) and value == str(met):
        yield quoted(str(other))


def _of_length(leaf: Leaf, met: Value, other: Value) -> Iterator[str]:
    """Yield a text or list of the length that its own length was compared with."""
    length = len(leaf.items) if leaf.items is not None else len(str(leaf.value))
    if met != length or not isinstance(other, int) or isinstance(met, float) or length == 0:
        return
    for wanted in (other, other + 1, other - 1):
        if not 0 <= wanted <= _MOST_LENGTH or wanted == length:
            continue
        times = wanted // length + 1
        if leaf.items is not None:
            yield f"[{', '.join((leaf.items * times)[:wanted])}]"
        else:
            yield quoted((str(leaf.value) * times)[:wanted])


def _texts(value: str, met: str, other: str) -> Iterator[str]:
    if value == met or met in {value.lower(), value.upper(), value.strip()}:
        yield quoted(other)
    elif met and met in value:
        yield quoted(value.replace(met, other, 1))
    elif met == value[: len(met) + 1].lower().strip():
        yield quoted(other + value[len(met) :])


def _numbers(value: float, met: float, other: float) -> Iterator[str]:
    if abs(other) > _LARGEST or abs(met) > _LARGEST:
        return
    if value == met:
        found = [other, other + 1, other - 1]
    elif value == -met:
        found = [-other, -other - 1, -other + 1]
    else:
        unit = next((unit for unit in _UNITS if met in {value * unit, value / unit}), 0)
        if not unit:
            return
        exact = other / unit if met == value * unit else other * unit
        found = [exact, exact + 1, exact - 1]
    yield from (number_text(number, value) for number in found)


def _near(leaf: Leaf) -> list[str]:
    """Return texts for small changes of a literal, of its own kind."""
    value = leaf.value
    if leaf.items is not None:
        return _near_list(leaf.items)
    if isinstance(value, str):
        near = [value.upper(), value + value[:1], value[1:], f" {value} ", value.lower(), value[::-1], ""]
        return [quoted(text) for text in dict.fromkeys(near) if text != value]
    if isinstance(value, bytes):
        return [
            repr(data) for data in dict.fromkeys((value + value[:1], value[1:], value[::-1])) if data != value
        ]
    near_numbers = [value + 1, value - 1, -value, value * 10, 0 * value, value * 2]
    texts = [number_text(number, value) for number in near_numbers if abs(number) <= _LARGEST]
    return [text for text in dict.fromkeys(texts) if text != number_text(value, value)]


def _near_list(items: tuple[str, ...]) -> list[str]:
    near = [items[::-1], (*items, items[0]), items[1:], items[:1], (*items, *items)]
    return [f"[{', '.join(each)}]" for each in dict.fromkeys(near) if each != items]
