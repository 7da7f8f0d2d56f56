"""What a parameter without an annotation may be given: guessed by its use, its default and its name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from testsmith.generation.offline.description import Home, Parameter, Shape

INT, STR, LIST, DICT = (Shape(kind=kind) for kind in ("int", "str", "list", "dict"))
FLOAT, BOOL, BYTES, CALLABLE = (Shape(kind=kind) for kind in ("float", "bool", "bytes", "callable"))
TEXT_FILE, SET, CLASS = (Shape(kind=kind) for kind in ("text file", "set", "class"))
TEXTS = Shape(kind="list", parts=(STR,))
TUPLE = Shape(kind="tuple")
DATE, DATETIME, TIMEDELTA = (
    Shape(kind="known", home=Home(module="datetime", path=path)) for path in ("date", "datetime", "timedelta")
)
UNTYPED = Shape(kind="union", parts=(STR, INT, LIST))
"""What is tried for a parameter of which nothing is known."""


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
"""Shapes by what a parameter meets in the member's text."""

_WEAK = (INT, FLOAT, LIST)
"""Shapes whose uses say little against a text where the name speaks for one: texts have items, too."""

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
"""Shapes by the last word of a parameter's name, else by its first."""

_FLAG_WORDS = frozenset({"is", "has", "use", "with", "allow", "no", "strict", "verbose", "reverse", "ignore"})


def guessed(parameter: Parameter, uses: frozenset[str]) -> Shape:
    """Return the shape guessed for a parameter without an annotation.

    Args:
        parameter: The parameter.
        uses: What it meets in the member's text.
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
    """Return a function's shape with as many arguments as the text calls it with, where one is not right."""
    count = next((number for number in (0, 2, 3) if f"({number})" in uses), 1)
    if shape is not CALLABLE or count == 1:
        return shape
    return replace(shape, parts=(Shape(kind="any"),) * (count + 1))


def shape_with(attribute: str) -> Shape | None:
    """Return the shape of what has an attribute; None where none is known."""
    return next((shape for shape, marks in _USES if attribute in marks), None)


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
