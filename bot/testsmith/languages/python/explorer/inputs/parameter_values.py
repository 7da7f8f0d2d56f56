"""Values to try for each parameter, in layers with the most ordinary first.

An annotated parameter gets only values that the annotation allows. The layers are: arguments shown in the
docstring, values of the type, values at the boundaries of comparisons with the parameter, and other constants
of the source. Without an annotation, the type is guessed from use, default and name.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from testsmith.languages.python.explorer.inputs.static_hints import Hints
from testsmith.languages.python.explorer.inputs.values import accepted, fitting, interleaved, values
from testsmith.languages.python.explorer.render.expressions import (
    Expression,
    Import,
    InputSource,
    quoted,
    unique,
)
from testsmith.languages.python.explorer.subjects import Home, Parameter, Shape

INT, STR, LIST, DICT = (Shape(kind=kind) for kind in ("int", "str", "list", "dict"))
FLOAT, BOOL, BYTES, CALLABLE = (Shape(kind=kind) for kind in ("float", "bool", "bytes", "callable"))
TEXT_FILE, SET, CLASS = (Shape(kind=kind) for kind in ("text file", "set", "class"))
TEXTS = Shape(kind="list", parts=(STR,))
TUPLE = Shape(kind="tuple")
DATE, DATETIME, TIMEDELTA = (
    Shape(kind="known", home=Home(module="datetime", path=path)) for path in ("date", "datetime", "timedelta")
)
UNTYPED = Shape(kind="union", parts=(STR, INT, LIST))
"""Shape of a parameter that nothing is known about."""


def _table(*rows: tuple[Shape, str]) -> tuple[tuple[Shape, frozenset[str]], ...]:
    return tuple((shape, frozenset(words.split())) for shape, words in rows)


_USES = _table(
    (
        STR,
        (
            "capitalize casefold encode endswith format is:basestring is:str isalpha isdigit islower "
            "isspace isupper join lower lstrip partition re.findall() re.match() re.sub() removeprefix "
            "replace rpartition rsplit rstrip split splitlines startswith strip swapcase title translate "
            "upper zfill"
        ),
    ),
    (BYTES, "decode hex is:bytes"),
    (DICT, "[str] is:Mapping is:dict items keys setdefault values"),
    (TIMEDELTA, "days is:timedelta total_seconds"),
    (DATETIME, "astimezone hour is:datetime minute tzinfo"),
    (DATE, "is:date isoformat month strftime weekday year"),
    (TEXT_FILE, "read readline readlines"),
    (SET, "difference intersection is:set union"),
    (
        LIST,
        (
            "append enumerate() extend for insert is:list sort sorted() sum() [int] iter() len() list() "
            "max() min() set() tuple() zip()"
        ),
    ),
    (TUPLE, "is:tuple"),
    (CALLABLE, "() __name__ callable()"),
    (CLASS, "__mro__ issubclass()"),
    (FLOAT, "Pow float() is:float math.ceil() math.floor() math.log() round()"),
    (INT, "Div FloorDiv LShift Mult RShift Sub abs() int() is:int range()"),
)
"""Shapes by how the member's source uses a parameter."""

_WEAK = (INT, FLOAT, LIST)
"""Shapes whose uses do not rule out a text if the name suggests one, because texts have items too."""

_NAMES = _table(
    (
        INT,
        (
            "a amount b base chunksize count day days depth digits height hour i idx index k length level "
            "limit max maxsplit min minute month n nbytes ndigits num number page percent port precision "
            "price second seconds size start step stop times total width x y year"
        ),
    ),
    (
        STR,
        (
            "char color colour content country currency delim delimiter dir domain email encoding file "
            "filename fmt folder format hex host html identifier ip item label lang language letter line "
            "locale message msg name path pattern prefix product regex s sep separator src str string "
            "suffix text title unit uri url user username version word xml"
        ),
    ),
    (
        LIST,
        (
            "args chunks collection data elements entries it items iterable list lst numbers nums parts "
            "rows seq sequence values"
        ),
    ),
    (TEXTS, "lines names paths strings texts tokens words"),
    (DICT, "cache config d dct dictionary env headers kwargs mapping options params"),
    (CALLABLE, "callback f factory fn func function handler pred predicate"),
    (DATETIME, "datetime dt moment when"),
    (DATE, "date"),
    (TIMEDELTA, "delta duration td timedelta"),
    (BYTES, "blob buf buffer bytes payload raw"),
    (CLASS, "cls klass type"),
)
"""Shapes by the last word of a parameter's name or, if unknown, its first."""

_FLAG_WORDS = frozenset({"is", "has", "use", "with", "allow", "no", "strict", "verbose", "reverse", "ignore"})


def guessed(parameter: Parameter, uses: frozenset[str]) -> Shape:
    """Return the guessed shape of a parameter without an annotation.

    Args:
        parameter: The parameter.
        uses: How the member's source uses it.
    """
    if parameter.mode == "keywords":
        return Shape(kind="unknown")
    by_default = _by_default(parameter.default.text) if parameter.default else None
    if by_default is not None:
        return by_default
    found = [shape for shape, marks in _USES if marks & uses]
    by_name = _by_name(parameter.name)
    if by_name is not None and not (found and len(parameter.name) == 1):
        is_first = by_name in found or not found or (by_name == STR and found[0] in _WEAK)
        found = [by_name, *found] if is_first else [*found, by_name]
    return _either(_called(shape, uses) for shape in found[:2]) if found else UNTYPED


def _called(shape: Shape, uses: frozenset[str]) -> Shape:
    """Return a function's shape with the number of arguments it is called with, if the shape is wrong."""
    count = next((number for number in (0, 2, 3) if f"({number})" in uses), 1)
    if shape is not CALLABLE or count == 1:
        return shape
    return replace(shape, parts=(Shape(kind="any"),) * (count + 1))


def _either(shapes: Iterable[Shape]) -> Shape:
    parts = tuple(dict.fromkeys(shapes))
    return parts[0] if len(parts) == 1 else Shape(kind="union", parts=parts)


def _by_default(text: str) -> Shape | None:
    starts = (("True", BOOL), ("False", BOOL), ('"', STR), ("'", STR), ("b'", BYTES), ('b"', BYTES))
    for start, shape in (*starts, ("[", LIST), ("{", DICT), ("(", TUPLE)):
        if text.startswith(start):
            return shape
    if text in {"bool", "str", "len", "int", "list", "sorted", "max", "min", "sum", "repr"}:
        return CALLABLE
    digits = text.lstrip("-")
    if digits[:1].isdigit():
        return FLOAT if "." in digits else INT
    return None


def _by_name(name: str) -> Shape | None:
    words = name.lower().strip("_").split("_")
    if words[0] in _FLAG_WORDS:
        return BOOL
    for word in (words[-1], words[0]):
        for shape, names in _NAMES:
            if word in names:
                return shape
    return None


# Values.

_MOST = 40
_MOST_NEAR = 12
_MOST_CHANGED = 3
_LONGEST_SPELLED = 12
_MOST_LENGTH = 200
_LONGEST_MARK = 5
_SMALLEST_UNIT = 60
_MOST_NUMBERS = 8
_ASKS_FOR_AN_END = frozenset({"isfinite", "isinf", "isnan"})
_DECOMPOSED = Expression('"cafe\\u0301"', layer=InputSource.BOUNDARY)
"""A text that Unicode normalization changes."""

_PATH = Shape(kind="path")
_TIMEDELTA = Home(module="datetime", path="timedelta")


def inputs(parameter: Parameter, hints: Hints, documented: Sequence[Expression]) -> list[Expression]:
    """Return the values to try for a parameter; empty if no valid value is known.

    Args:
        parameter: The parameter.
        hints: Hints from the member's source.
        documented: Values from its documentation.
    """
    shape = shape_of(parameter, hints)
    typed = values(shape, parameter.name)
    if parameter.mode in {"rest", "keywords"}:
        return typed
    near = [
        *([_DECOMPOSED] if "normalize" in hints.calls and "str" in accepted(shape) else ()),
        *(values(_PATH, parameter.name)[:1] if "os.fspath()" in hints.uses.get(parameter.name, ()) else ()),
        *fitting(interleaved(hints.near.get(parameter.name, ())), shape),
        *of_length(shape, hints.lengths.get(parameter.name, ())),
        *of_numbers(shape, hints.numbers),
        *without_end(shape, hints.calls),
    ]
    constants = [*fitting(hints.anywhere, shape), *_files_with(hints.anywhere, shape)]
    others = interleaved([constants, fitting(_just_below(hints.numbers), shape)])
    typical = [each.at(InputSource.ORDINARY) for each in typed[:1]]
    ordinary = [*fitting_or_made(documented, shape), *_other_marks(parameter), *typical]
    changed = interleaved(hints.changed.get(parameter.name, ()))[:_MOST_CHANGED]
    of_change = fitting([*hints.stated, *changed], shape)
    first = [*ordinary[:1], *of_change, *ordinary[1:], *near[:_MOST_NEAR], *typed[1:]]
    return unique([*first, *others, *near[_MOST_NEAR:]])[:_MOST]


def _just_below(numbers: Iterable[int | float]) -> list[Expression]:
    """Return numbers that round up to large numbers of the source, where a unit may change."""
    sizes = [number for number in numbers if isinstance(number, int) and number >= _SMALLEST_UNIT]
    return [Expression(str(size - 1), layer=InputSource.BOUNDARY) for size in sizes]


def _other_marks(parameter: Parameter) -> list[Expression]:
    """Return other punctuation for a parameter whose default is punctuation, such as a separator."""
    text = parameter.default.text if parameter.default else ""
    if text[:1] not in {'"', "'"} or len(text) > _LONGEST_MARK or any(map(str.isalnum, text)):
        return []
    return [Expression(mark, layer=InputSource.ORDINARY) for mark in ('"-"', '"; "', '""') if mark != text]


def _files_with(constants: Iterable[Expression], shape: Shape) -> list[Expression]:
    """Return files containing texts from the source, for a shape that takes an open file."""
    if shape.kind != "text file":
        return []
    texts = [each.text for each in constants if each.text[:1] in {'"', "'"}]
    imports = frozenset({Import("io", "StringIO")})
    return [Expression(f"StringIO({text})", imports, InputSource.BOUNDARY) for text in texts]


def shape_of(parameter: Parameter, hints: Hints) -> Shape:
    """Return the shape of a parameter, as annotated or guessed."""
    if parameter.shape.kind != "any":
        return parameter.shape
    return guessed(parameter, frozenset(hints.uses.get(parameter.name, ())))


def fitting_or_made(documented: Iterable[Expression], shape: Shape) -> list[Expression]:
    """Return the documented arguments a shape accepts; literals are checked by type, others are kept."""
    found = [*documented]
    literals = {expression.text for expression in fitting(found, shape)}
    plain = accepted(shape) <= {"bool", "int", "float", "str", "bytes", "none"}
    return [each for each in found if each.text in literals or (not plain and not _is_scalar(each.text))]


def _is_scalar(text: str) -> bool:
    return isinstance(ast.parse(text, mode="eval").body, ast.Constant)


def without_end(shape: Shape, calls: Collection[str]) -> list[Expression]:
    """Return NaN and infinity for a shape that accepts them, if the source checks for them."""
    if not _ASKS_FOR_AN_END & {*calls}:
        return []
    kinds = accepted(shape)
    numbers = ("nan", "inf", "-inf") if kinds & {"float", "any"} else ()
    texts = ("nan", "inf", "-inf") if "str" in kinds else ()
    found = [*(f'float("{number}")' for number in numbers), *(f'"{text}"' for text in texts)]
    return [Expression(text, layer=InputSource.BOUNDARY) for text in found]


def of_length(shape: Shape, lengths: Sequence[int]) -> list[Expression]:
    """Return texts or lists of given lengths, for a shape that accepts them."""
    kinds = {shape.kind, *(part.kind for part in shape.parts if shape.kind == "union")}
    found = [length for length in dict.fromkeys(lengths) if 0 <= length <= _MOST_LENGTH]
    if "str" in kinds:
        return [Expression(_text_of_length(length), layer=InputSource.BOUNDARY) for length in found]
    if kinds & {"list", "iterable"} and not any(
        part.kind not in {"int", "any", "float"} for part in shape.parts
    ):
        return [Expression(_list_of_length(length), layer=InputSource.BOUNDARY) for length in found]
    return []


def _text_of_length(length: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return quoted(letters[:length]) if length <= _LONGEST_SPELLED else f'"a" * {length}'


def _list_of_length(length: int) -> str:
    return repr([*range(1, length + 1)]) if length <= _LONGEST_SPELLED else f"list(range({length}))"


def of_numbers(shape: Shape, numbers: Sequence[int | float]) -> list[Expression]:
    """Return durations of given numbers of days and seconds, for a shape that accepts them."""
    homes = [part.home for part in (shape, *shape.parts) if part.kind == "known"]
    if _TIMEDELTA not in homes:
        return []
    sizes = [number for number in numbers if _is_size(number)][:_MOST_NUMBERS]
    units = [(size, unit) for size in sizes for unit in ("days", "seconds")]
    texts = [f"timedelta({unit}={near})" for size, unit in units for near in (size, int(size) - 1)]
    return unique(Expression(text, frozenset({_TIMEDELTA.imported}), InputSource.BOUNDARY) for text in texts)


def _is_size(number: float) -> bool:
    """Return whether a number is plausible as a number of days or seconds."""
    return isinstance(number, int) and 1 < abs(number) < 10**5
