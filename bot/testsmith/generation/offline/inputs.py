"""The inputs of one member: for each parameter the values to try, in layers, the most ordinary first.

For an annotated parameter only what the annotation allows. The layers: arguments that the docstring shows,
values for the type, values at the boundaries of comparisons with the parameter, other constants of the
source; for what has no annotation a guess by use, default and name.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Sequence

from testsmith.generation.offline.description import Home, Parameter, Shape
from testsmith.generation.offline.expressions import Expression, Import, Layer, joined, quoted, unique
from testsmith.generation.offline.guesses import guessed
from testsmith.generation.offline.hints import Hints
from testsmith.generation.offline.values import accepted, fitting, interleaved, values

_MOST = 40
_MOST_NEAR = 12
_MOST_TEXTS = 10
_LONGEST_SPELLED = 12
_MOST_LENGTH = 200
_LONGEST_MARK = 5
_SMALLEST_UNIT = 60
_MOST_NUMBERS = 8
_ASKS_FOR_AN_END = frozenset({"isfinite", "isinf", "isnan"})
_TIMEDELTA = Home(module="datetime", path="timedelta")


def inputs(parameter: Parameter, hints: Hints, documented: Sequence[Expression]) -> list[Expression]:
    """Return the values to try for a parameter; none where none is known that it may be given.

    Args:
        parameter: The parameter.
        hints: What the member's own text says.
        documented: What its documentation gives for it.
    """
    shape = shape_of(parameter, hints)
    typed = values(shape, parameter.name)
    if parameter.mode in {"rest", "keywords"}:
        return typed
    near = [
        *fitting(interleaved(hints.near.get(parameter.name, ())), shape),
        *of_length(shape, hints.lengths.get(parameter.name, ())),
        *of_numbers(shape, hints.numbers),
        *without_end(shape, hints.calls),
    ]
    texts = [*fitting(hints.texts, shape), *_files_with(hints.texts, shape), *_made_of(hints.texts, shape)]
    constants = [*fitting(hints.anywhere, shape), *_files_with(hints.anywhere, shape)]
    others = interleaved([constants, fitting(_just_below(hints.numbers), shape)])
    typical = [each.at(Layer.ORDINARY) for each in typed[:1]]
    ordinary = [*fitting_or_made(documented, shape), *_other_marks(parameter), *typical]
    first = [*ordinary, *near[:_MOST_NEAR], *texts[:_MOST_TEXTS], *typed[1:]]
    return unique([*first, *others, *near[_MOST_NEAR:], *texts[_MOST_TEXTS:]])[:_MOST]


def _just_below(numbers: Iterable[int | float]) -> list[Expression]:
    """Return what rounds up to large numbers of the source, where what counts in them changes its unit."""
    sizes = [number for number in numbers if isinstance(number, int) and number >= _SMALLEST_UNIT]
    return [Expression(str(size - 1), layer=Layer.BOUNDARY) for size in sizes]


def _other_marks(parameter: Parameter) -> list[Expression]:
    """Return other marks for a parameter whose default is one, as a separator's."""
    text = parameter.default.text if parameter.default else ""
    if text[:1] not in {'"', "'"} or len(text) > _LONGEST_MARK or any(map(str.isalnum, text)):
        return []
    return [Expression(mark, layer=Layer.ORDINARY) for mark in ('"-"', '"; "', '""') if mark != text]


def _files_with(constants: Iterable[Expression], shape: Shape) -> list[Expression]:
    """Return files that hold texts of the source, for a shape that takes an open file."""
    if shape.kind != "text file":
        return []
    texts = [each.text for each in constants if each.text[:1] in {'"', "'"}]
    imports = frozenset({Import("io", "StringIO")})
    return [Expression(f"StringIO({text})", imports, Layer.BOUNDARY) for text in texts]


def _made_of(texts: Iterable[Expression], shape: Shape) -> list[Expression]:
    """Return objects made of texts alone, for a shape whose constructor takes one, or a file of one."""
    needed = [each for each in shape.parameters if each.required]
    if shape.kind != "instance" or shape.home is None or len(needed) != 1:
        return []
    given = [*fitting(texts, needed[0].shape), *_files_with(texts, needed[0].shape)]
    imports = frozenset({shape.home.imported})
    template = f"{shape.home.path}({{}})"
    return [joined(template, [each], imports).at(Layer.BOUNDARY) for each in given]


def shape_of(parameter: Parameter, hints: Hints) -> Shape:
    """Return what a parameter may be given: as annotated, else as guessed."""
    if parameter.shape.kind != "any":
        return parameter.shape
    return guessed(parameter, frozenset(hints.uses.get(parameter.name, ())))


def fitting_or_made(documented: Iterable[Expression], shape: Shape) -> list[Expression]:
    """Return the documented arguments that a shape takes: literals by their kind, all others as they are."""
    found = [*documented]
    literals = {expression.text for expression in fitting(found, shape)}
    plain = accepted(shape) <= {"bool", "int", "float", "str", "bytes", "none"}
    return [each for each in found if each.text in literals or (not plain and not _is_scalar(each.text))]


def _is_scalar(text: str) -> bool:
    return isinstance(ast.parse(text, mode="eval").body, ast.Constant)


def without_end(shape: Shape, calls: Collection[str]) -> list[Expression]:
    """Return numbers that are none or have no end, for a shape that takes them, where they are asked for."""
    if not _ASKS_FOR_AN_END & {*calls}:
        return []
    kinds = accepted(shape)
    numbers = ("nan", "inf", "-inf") if kinds & {"float", "any"} else ()
    texts = ("nan", "inf", "-inf") if "str" in kinds else ()
    found = [*(f'float("{number}")' for number in numbers), *(f'"{text}"' for text in texts)]
    return [Expression(text, layer=Layer.BOUNDARY) for text in found]


def of_length(shape: Shape, lengths: Sequence[int]) -> list[Expression]:
    """Return texts or lists of given lengths, for a shape that takes such."""
    kinds = {shape.kind, *(part.kind for part in shape.parts if shape.kind == "union")}
    found = [length for length in dict.fromkeys(lengths) if 0 <= length <= _MOST_LENGTH]
    if "str" in kinds:
        return [Expression(_text_of_length(length), layer=Layer.BOUNDARY) for length in found]
    if kinds & {"list", "iterable"} and not any(
        part.kind not in {"int", "any", "float"} for part in shape.parts
    ):
        return [Expression(_list_of_length(length), layer=Layer.BOUNDARY) for length in found]
    return []


def _text_of_length(length: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return quoted(letters[:length]) if length <= _LONGEST_SPELLED else f'"a" * {length}'


def _list_of_length(length: int) -> str:
    return repr([*range(1, length + 1)]) if length <= _LONGEST_SPELLED else f"list(range({length}))"


def of_numbers(shape: Shape, numbers: Sequence[int | float]) -> list[Expression]:
    """Return durations of as many days and seconds as the numbers say, for a shape that takes them."""
    homes = [part.home for part in (shape, *shape.parts) if part.kind == "known"]
    if _TIMEDELTA not in homes:
        return []
    sizes = [number for number in numbers if _is_size(number)][:_MOST_NUMBERS]
    units = [(size, unit) for size in sizes for unit in ("days", "seconds")]
    texts = [f"timedelta({unit}={near})" for size, unit in units for near in (size, int(size) - 1)]
    return unique(Expression(text, frozenset({_TIMEDELTA.imported}), Layer.BOUNDARY) for text in texts)


def _is_size(number: float) -> bool:
    """Tell whether a number may well be a number of days or seconds."""
    return isinstance(number, int) and 1 < abs(number) < 10**5
