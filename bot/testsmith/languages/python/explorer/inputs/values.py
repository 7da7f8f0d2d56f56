"""Values for shapes, most ordinary first, then boundaries and empty values.

The first value in a list is suitable as an example; the others are what a tester would add.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, zip_longest

from testsmith.languages.python.explorer.render.expressions import Expression, Import, joined, quoted, unique
from testsmith.languages.python.explorer.subjects import Home, Parameter, Shape

_MOST_VALUES = 12
_MOST_NESTED = 3
_DEEPEST = 3

_NUMBERS = {
    "year": 2024,
    "month": 2,
    "day": 15,
    "hour": 13,
    "minute": 30,
    "second": 45,
    "port": 8080,
    "percent": 25,
    "width": 10,
    "height": 4,
    "size": 10,
    "index": 1,
    "count": 3,
    "times": 2,
    "price": 1250,
    "total": 1250,
    "amount": 100,
    "page": 2,
    "level": 2,
    "depth": 2,
    "precision": 2,
    "digits": 2,
    "base": 10,
}
"""Ordinary numbers by a word in the parameter's name."""

_TEXTS = {
    "url": "https://example.org/path?key=value",
    "uri": "https://example.org/path?key=value",
    "email": "ada@example.org",
    "path": "file.txt",
    "file": "file.txt",
    "filename": "file.txt",
    "conjunction": "or",
    "folder": "folder",
    "dir": "folder",
    "encoding": "utf-8",
    "charset": "utf-8",
    "separator": "-",
    "sep": "-",
    "delim": ",",
    "delimiter": ",",
    "prefix": "pre",
    "suffix": "post",
    "date": "2024-02-29",
    "time": "13:30",
    "format": "%d",
    "fmt": "%d",
    "pattern": "[a-z]+",
    "regex": "[a-z]+",
    "html": "<p>Hello, <b>world</b>!</p>",
    "xml": "<item>text</item>",
    "json": '{"key": "value"}',
    "locale": "de_DE",
    "lang": "en",
    "language": "en",
    "currency": "EUR",
    "country": "DE",
    "color": "#ff8000",
    "colour": "#ff8000",
    "name": "alice",
    "user": "alice",
    "username": "alice",
    "item": "apple",
    "product": "apple",
    "title": "Hello World",
    "key": "key",
    "unit": "cm",
    "char": "a",
    "letter": "a",
    "word": "apple",
    "line": "one line",
    "version": "1.2.3",
    "ip": "192.168.0.1",
    "host": "example.org",
    "domain": "example.org",
    "hex": "ff",
}
"""Ordinary texts by a word in the parameter's name."""

_MORE_TEXTS = (
    "Hello, World!",
    "",
    "a",
    "  padded  ",
    "one\ntwo",
    "CamelCase text",
    "snake_case_text",
    "12",
    "äöü",
)
_ROWS = frozenset({"data", "rows", "table", "matrix", "grid"})
"""Last words in the names of list parameters."""

_MORE_INTS = (0, 1, -1, 2, 7, 10, 100, 1000)
_MORE_FLOATS = ("0.0", "1.0", "-1.5", "0.1", "99.999", "100.0", "1234.5678")

_KNOWN: dict[str, tuple[str, ...]] = {
    "datetime.timedelta": (
        "timedelta(days=1)",
        "timedelta(seconds=1)",
        "timedelta()",
        "timedelta(minutes=90)",
        "timedelta(hours=1)",
        "timedelta(days=-1)",
        "timedelta(days=45)",
        "timedelta(days=400)",
        "timedelta(days=1, hours=2, seconds=3)",
        "timedelta(milliseconds=1500)",
        "timedelta(days=29)",
        "timedelta(days=365)",
    ),
    "datetime.datetime": (
        "datetime(2024, 2, 29, 13, 30)",
        "datetime(2024, 2, 29, 13, 25)",
        "datetime(2024, 2, 28, 13, 30)",
        "datetime(2023, 1, 1)",
        "datetime(1999, 12, 31, 23, 59, 59)",
        "datetime(2024, 2, 29, 13, 30, tzinfo=timezone.utc)",
    ),
    "datetime.date": ("date(2024, 2, 29)", "date(2023, 1, 1)", "date(1999, 12, 31)"),
    "datetime.time": ("time(13, 30)", "time()", "time(23, 59, 59)"),
    "datetime.timezone": ("timezone.utc",),
    "datetime.tzinfo": ("timezone.utc",),
    "zoneinfo.ZoneInfo": ('ZoneInfo("Europe/Paris")',),
    "decimal.Decimal": ('Decimal("2.50")', "Decimal(0)", 'Decimal("-1.5")', "Decimal(1000)"),
    "fractions.Fraction": ("Fraction(1, 3)", "Fraction(0)", "Fraction(-5, 2)", "Fraction(3)"),
    "pathlib.Path": ('Path("file.txt")', 'Path("folder/file.tar.gz")', 'Path("folder")'),
    "pathlib.PurePath": ('PurePath("folder/file.txt")', 'PurePath("file.tar.gz")'),
    "pathlib.PurePosixPath": ('PurePosixPath("folder/file.txt")', 'PurePosixPath("/folder")'),
    "uuid.UUID": ('UUID("12345678-1234-5678-1234-567812345678")',),
    "re.Pattern": ('re.compile("[a-z]+")', 're.compile("")'),
    "io.StringIO": ('StringIO("key=value\\n")', 'StringIO("first line\\nsecond line\\n")', 'StringIO("")'),
    "io.BytesIO": ('BytesIO(b"some bytes")', 'BytesIO(b"")'),
    "ipaddress.IPv4Address": ('IPv4Address("192.168.0.1")',),
}
"""Values of standard library classes."""

_NEEDED = {
    "timezone.": Import("datetime", "timezone"),
    "re.": Import("re"),
}

_Values = Callable[[Shape, str, int], Iterable[Expression]]


def values(shape: Shape, name: str, depth: int = 0) -> list[Expression]:
    """Return values of a shape for a parameter of that name; empty if none is known."""
    maker = _MAKERS.get(shape.kind)
    if maker is None or depth > _DEEPEST:
        return []
    found = unique(maker(shape, name, depth))
    return found[: _MOST_VALUES if depth == 0 else _MOST_NESTED]


def number_for(name: str) -> int:
    """Return the ordinary number for a parameter's name."""
    return next((_NUMBERS[part] for part in _words(name) if part in _NUMBERS), 5)


def text_for(name: str) -> str:
    """Return the ordinary text for a parameter's name."""
    return next((_TEXTS[part] for part in _words(name) if part in _TEXTS), "some text")


def _words(name: str) -> list[str]:
    """Return the words of a name, last first, because the last says what the thing is."""
    return name.lower().strip("_").split("_")[::-1]


def _plain(*texts: str) -> list[Expression]:
    return [Expression(text) for text in texts]


def _bools(_shape: Shape, _name: str, _depth: int) -> list[Expression]:
    return _plain("True", "False")


def _ints(_shape: Shape, name: str, _depth: int) -> list[Expression]:
    return _plain(*map(str, (number_for(name), *_MORE_INTS)))


def _floats(_shape: Shape, name: str, _depth: int) -> list[Expression]:
    number = number_for(name)
    return _plain(f"{number - 0.5 if number > 1 else 2.5}", str(number), *_MORE_FLOATS)


def _complexes(_shape: Shape, _name: str, _depth: int) -> list[Expression]:
    return _plain("1 + 2j", "0j")


def _texts(_shape: Shape, name: str, depth: int) -> list[Expression]:
    if depth and not _TEXTS.keys() & _words(name):
        return _plain('"pear"', '"apple"', '"fig"')
    more = ("pear", "apple", "fig") if depth else _MORE_TEXTS
    return _plain(*map(quoted, (text_for(name), *more)))


def _bytes(_shape: Shape, _name: str, _depth: int) -> list[Expression]:
    return _plain('b"hello"', 'b""', 'b"\\x00\\xff"', 'b"one\\ntwo"')


def _bytearrays(_shape: Shape, _name: str, _depth: int) -> list[Expression]:
    return _plain('bytearray(b"hello")', "bytearray()")


def _ranges(_shape: Shape, _name: str, _depth: int) -> list[Expression]:
    return _plain("range(3)", "range(0)", "range(1, 10, 3)")


def _nothing(_shape: Shape, _name: str, _depth: int) -> list[Expression]:
    return _plain("None")


def _items(shape: Shape, name: str, depth: int, at: int = 0) -> list[Expression]:
    """Return ordinary items for a container."""
    if len(shape.parts) <= at:
        if at == 0 and depth == 0 and _words(name)[0] in _ROWS:
            return _plain('["one", 1]', '["three", 22]')
        return _plain("3", "1", "2") if at == 0 else _plain("1", "2", "3")
    part = shape.parts[at]
    if part.kind == "any":
        return _plain("3", "1", "2")
    if part.kind in {"int", "float"}:
        return _plain("3", "1", "2") if part.kind == "int" else _plain("2.5", "0.5", "1.0")
    return values(part, _singular(name), depth + 1)


def _singular(name: str) -> str:
    return name.removesuffix("s")


def _sequences(template: str, empty: str) -> _Values:
    """Return a value maker for sequences: several items, none, one, and one repeated."""

    def made(shape: Shape, name: str, depth: int) -> Iterable[Expression]:
        items = _items(shape, name, depth)
        if items:
            yield joined(template, items[:_MOST_NESTED])
        yield Expression(empty)
        if items:
            yield joined(template, items[:1])
            yield joined(template, [items[0], *items[:2]])
            yield joined(template, [*items[1:], items[0]])

    return made


def _iterables(shape: Shape, name: str, depth: int) -> Iterable[Expression]:
    lists = [*_sequences("[{}]", "[]")(shape, name, depth)]
    return [*lists[:1], joined("iter({})", lists[:1]), *lists[1:]]


def _iterators(shape: Shape, name: str, depth: int) -> Iterable[Expression]:
    return [joined("iter({})", [made]) for made in _sequences("[{}]", "[]")(shape, name, depth)]


def _tuples(shape: Shape, name: str, depth: int) -> Iterable[Expression]:
    if not shape.parts:
        return [*_plain("(1, 2)", "()", '("a", 1)')]
    columns = [values(part, name, depth + 1) for part in shape.parts]
    if not all(columns):
        return []
    template = "({},)" if len(columns) == 1 else "({})"
    rows = zip_longest(*(column[:_MOST_NESTED] for column in columns))
    return [joined(template, [cell or columns[at][0] for at, cell in enumerate(row)]) for row in rows]


def _tuples_of(shape: Shape, name: str, depth: int) -> Iterable[Expression]:
    items = _items(shape, name, depth)
    some = [joined("({})", items[:_MOST_NESTED])] if len(items) > 1 else []
    return [*some, Expression("()"), *(joined("({},)", [item]) for item in items[:1])]


def _dicts(shape: Shape, name: str, depth: int) -> Iterable[Expression]:
    keys = _keys(shape, depth)
    held = _items(shape, "value", depth, at=1)
    pairs = [
        Expression(f"{key.text}: {value.text}", key.imports | value.imports)
        for key, value in zip(keys, [*held, *held], strict=False)
    ]
    counts = (0, 2, 1) if _FILLED_LATER.intersection(_words(name)) else (2, 0, 1)
    return [joined("{{}}", pairs[:count]) for count in counts if len(pairs) >= count]


_FILLED_LATER = frozenset({"cache", "memo", "registry", "seen"})
"""Names of parameters that are initially empty."""


def _keys(shape: Shape, depth: int) -> list[Expression]:
    if accepts_text_keys(shape):
        return _plain(FIRST_KEY, '"b"')
    return values(shape.parts[0], "key", depth + 1)


FIRST_KEY = '"a"'
"""First key of every mapping with text keys."""


def accepts_text_keys(shape: Shape) -> bool:
    """Return whether the keys of a mapping of this shape may be texts."""
    return not shape.parts or shape.parts[0].kind in {"str", "any"}


def _callables(shape: Shape, _name: str, _depth: int) -> Iterable[Expression]:
    given = values(shape.parts[-1], "", 1)[:1] if shape.values else []
    if given:  # it accepts any arguments
        return [joined("lambda *_: {}", given)]
    if not shape.parts or shape.values:
        return _plain("str", "len", "bool")
    *taken, returned = shape.parts
    if not taken:
        return [joined("lambda: {}", values(returned, "", 1)[:1] or _plain("1"))]
    functions = {"str": "str", "bool": "bool", "list": "list", "float": "float", "int": "int"}
    if len(taken) == 1 and returned.kind in functions:
        counts = returned.kind == "int" and taken[0].kind in {"str", "list", "iterable"}
        return _plain("len" if counts else functions[returned.kind])
    names = ", ".join("abcdefgh"[: len(taken)])
    return _plain(f"lambda {names}: a")


def _classes(_shape: Shape, _name: str, _depth: int) -> Iterable[Expression]:
    return _plain("int", "str")


def _unions(shape: Shape, name: str, depth: int) -> Iterable[Expression]:
    """Return the values of all union members in turn, with None last."""
    options = sorted(shape.parts, key=lambda part: part.kind == "none")
    return interleaved([values(option, name, depth) for option in options])


def interleaved(columns: Sequence[Sequence[Expression]]) -> list[Expression]:
    """Return the first of each, then the second of each, and so on."""
    return [cell for cell in chain.from_iterable(zip_longest(*columns)) if cell is not None]


def _literals(shape: Shape, _name: str, _depth: int) -> Iterable[Expression]:
    return _plain(*shape.values)


def _enums(shape: Shape, _name: str, _depth: int) -> Iterable[Expression]:
    if shape.home is None:
        return []
    imports = frozenset({shape.home.imported})
    return [Expression(f"{shape.home.path}.{name}", imports) for name in shape.values]


def _known(shape: Shape, _name: str, _depth: int) -> Iterable[Expression]:
    if shape.home is None:
        return []
    return [known(text, shape.home) for text in _KNOWN.get(f"{shape.home.module}.{shape.home.path}", ())]


def known(text: str, home: Home) -> Expression:
    """Return a value of a standard library class, with the required imports."""
    needed = {wanted for part, wanted in _NEEDED.items() if part in text}
    own = {Import(home.module, home.path)} if f"{home.path}(" in text else set()
    return Expression(text, frozenset(needed | own))


def _files(module_class: str) -> _Values:
    home = Home(module="io", path=module_class)
    return lambda _shape, _name, _depth: [known(text, home) for text in _KNOWN[f"io.{module_class}"]]


def _paths(_shape: Shape, _name: str, _depth: int) -> Iterable[Expression]:
    home = Home(module="pathlib", path="Path")
    return [known(text, home) for text in _KNOWN["pathlib.Path"]]


def _typed_dicts(shape: Shape, _name: str, depth: int) -> Iterable[Expression]:
    pairs = []
    for key in shape.parameters:
        found = values(key.shape, key.name, depth + 1)
        if found:
            pairs.append(Expression(f"{quoted(key.name)}: {found[0].text}", found[0].imports))
        elif key.required:
            return []
    return [joined("{{}}", pairs)]


def _namespaces(shape: Shape, _name: str, depth: int) -> Iterable[Expression]:
    """Return objects with a protocol's attributes; each method returns one value."""
    pairs = []
    for each in shape.parameters:
        found = values(each.shape, each.name, depth + 1)
        if not found:
            return []
        pairs.append(Expression(f"{each.name}={found[0].text}", found[0].imports))
    return [joined("SimpleNamespace({})", pairs, frozenset({Import("types", "SimpleNamespace")}))]


def _instances(shape: Shape, _name: str, depth: int) -> Iterable[Expression]:
    return [] if shape.home is None else constructions(shape.home, shape.parameters, depth)


def constructions(home: Home, parameters: Sequence[Parameter], depth: int = 0) -> list[Expression]:
    """Return calls of a constructor: with required arguments, then with one value replaced at a time.

    Empty if no value is known for a required argument.
    """
    needed = [parameter for parameter in parameters if parameter.required]
    columns = [values(parameter.shape, parameter.name, depth + 1) for parameter in needed]
    if not all(columns):
        return []
    imports = frozenset({home.imported})
    first = [column[0] for column in columns]
    given = list(map(_given, needed, first))
    rows = [given, *([*given, option] for option in _options(parameters, depth))]
    for at, column in enumerate(columns):
        rows += [[*given[:at], _given(needed[at], value), *given[at + 1 :]] for value in column[1:]]
    return [joined(f"{home.path}({{}})", row, imports) for row in rows]


def _options(parameters: Sequence[Parameter], depth: int) -> Iterable[Expression]:
    """Yield one value for each optional parameter with a type or informative default."""
    for parameter in parameters:
        if parameter.required or parameter.mode in {"rest", "keywords"}:
            continue
        default = parameter.default.text if parameter.default else ""
        others = [
            value for value in values(parameter.shape, parameter.name, depth + 1) if value.text != default
        ]
        if others:
            yield Expression(f"{parameter.name}={others[0].text}", others[0].imports)


def _given(parameter: Parameter, value: Expression) -> Expression:
    if parameter.mode != "keyword":
        return value
    return Expression(f"{parameter.name}={value.text}", value.imports)


_MAKERS: dict[str, _Values] = {
    "none": _nothing,
    "bool": _bools,
    "int": _ints,
    "float": _floats,
    "complex": _complexes,
    "str": _texts,
    "bytes": _bytes,
    "bytearray": _bytearrays,
    "range": _ranges,
    "list": _sequences("[{}]", "[]"),
    "iterable": _iterables,
    "set": _sequences("{{}}", "set()"),
    "frozenset": _sequences("frozenset([{}])", "frozenset()"),
    "iterator": _iterators,
    "dict": _dicts,
    "tuple": _tuples,
    "tuple of": _tuples_of,
    "union": _unions,
    "literal": _literals,
    "enum": _enums,
    "known": _known,
    "callable": _callables,
    "class": _classes,
    "typed dict": _typed_dicts,
    "namespace": _namespaces,
    "instance": _instances,
    "path": _paths,
    "text file": _files("StringIO"),
    "binary file": _files("BytesIO"),
}


def fitting(expressions: Iterable[Expression], shape: Shape) -> list[Expression]:
    """Return the literals that a parameter of this shape accepts."""
    kinds = accepted(shape)
    return [expression for expression in expressions if "any" in kinds or _literal_kind(expression) in kinds]


def accepted(shape: Shape) -> frozenset[str]:
    """Return the kinds that a shape accepts, including int for float."""
    if shape.kind == "union":
        return frozenset[str]().union(*map(accepted, shape.parts))
    return frozenset({"float", "int"}) if shape.kind == "float" else frozenset({shape.kind})


def _literal_kind(expression: Expression) -> str:
    text = expression.text.lstrip("-")
    if text[:1] in {'"', "'"} or text.startswith(("r'", 'r"')):
        return "str"
    if text[:2] in {'b"', "b'"}:
        return "bytes"
    if text[:1].isdigit():
        return "int" if text.replace("_", "").isdigit() else "float"
    return {"True": "bool", "False": "bool", "None": "none"}.get(text, "other")
