"""Decide from a type annotation alone whether a value equal to a given plain value can have that type.

Only built-in types and names from `typing` and `collections.abc` are understood. Other names may be aliases
and are treated as unknown.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.source import CannotParse

UNKNOWN = object()
"""Marker for values that cannot be read from the source."""

_Classes = frozenset[type]

_NOTHING = type(None)
_NUMBERS = (bool, int, float, complex)
_EXACT: dict[str, _Classes] = {
    "None": frozenset({_NOTHING}),
    "NoneType": frozenset({_NOTHING}),
    "str": frozenset({str}),
    "LiteralString": frozenset({str}),
    "Text": frozenset({str}),
    "bytes": frozenset({bytes}),
    "bool": frozenset({bool}),
    "int": frozenset({int}),
    "float": frozenset({float, int}),
    "complex": frozenset({complex, float, int}),
    "list": frozenset({list}),
    "List": frozenset({list}),
    "tuple": frozenset({tuple}),
    "Tuple": frozenset({tuple}),
    "set": frozenset({set}),
    "frozenset": frozenset({frozenset}),
    "FrozenSet": frozenset({frozenset}),
    "dict": frozenset({dict}),
    "Dict": frozenset({dict}),
    "TypeGuard": frozenset({bool}),
    "TypeIs": frozenset({bool}),
}
"""Built-in classes that values of a type can be instances of; `float` includes `int` (PEP 484)."""

_ITERABLE = (str, bytes, list, tuple, set, frozenset, dict)
_EQUAL_TO: dict[str, tuple[type, ...]] = {
    "bool": _NUMBERS,
    "int": _NUMBERS,
    "float": _NUMBERS,
    "complex": _NUMBERS,
    "Decimal": _NUMBERS,
    "Fraction": _NUMBERS,
    "set": (set, frozenset),
    "frozenset": (set, frozenset),
    "FrozenSet": (set, frozenset),
    "AbstractSet": (set, frozenset),
    "MutableSet": (set, frozenset),
    "Set": (set, frozenset),
    "Sequence": (str, bytes, list, tuple),
    "MutableSequence": (list, bytes),
    "Collection": _ITERABLE,
    "Container": _ITERABLE,
    "Iterable": _ITERABLE,
    "Reversible": _ITERABLE,
    "Sized": _ITERABLE,
    "Mapping": (dict,),
    "MutableMapping": (dict,),
    "OrderedDict": (dict,),
    "DefaultDict": (dict,),
    "defaultdict": (dict,),
    "Counter": (dict,),
    "ChainMap": (dict,),
    "Iterator": (),
    "Generator": (),
    "Callable": (),
    "deque": (),
    "timedelta": (),
    "datetime": (),
    "NoReturn": (),
    "Never": (),
    "type": (),
    "Type": (),
}
"""Classes of plain values that can equal a value of a type not listed in `_EXACT`."""

_WRAPPERS = frozenset({"Annotated", "ClassVar", "Final", "Required", "NotRequired", "ReadOnly"})
_OF_ELEMENTS = frozenset(
    {
        "AbstractSet",
        "Collection",
        "Container",
        "FrozenSet",
        "Iterable",
        "List",
        "MutableSequence",
        "MutableSet",
        "Reversible",
        "Sequence",
        "Set",
        "frozenset",
        "list",
        "set",
    }
)
_OF_PAIRS = frozenset(
    {"ChainMap", "DefaultDict", "Dict", "Mapping", "MutableMapping", "OrderedDict", "defaultdict", "dict"}
)
_HOMES = frozenset(
    {
        "abc",
        "builtins",
        "collections",
        "collections.abc",
        "datetime",
        "decimal",
        "fractions",
        "t",
        "types",
        "typing",
        "typing_extensions",
    }
)
"""Module prefixes of known types."""


def read_annotation(text: str) -> ast.expr | None:
    """Return a parsed annotation, which may be a forward reference, or None if it cannot be parsed."""
    try:
        body = parse_untrusted(f"({text}\n)").body if text.strip() else []
    except CannotParse:
        return None
    match body:
        case [ast.Expr(value=ast.Constant(value=str(inner)))]:
            return read_annotation(inner)
        case [ast.Expr(value=value)]:
            return value
    return None


def outline(node: ast.expr) -> object:
    """Return the plain value of an expression, with `UNKNOWN` for parts that cannot be read."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        pass
    match node:
        case ast.List(elts=parts):
            return [outline(part) for part in parts]
        case ast.Tuple(elts=parts) if not any(isinstance(part, ast.Starred) for part in parts):
            return tuple(outline(part) for part in parts)
        case ast.Dict(keys=keys, values=values) if None not in keys:
            known = [UNKNOWN if key is None else outline(key) for key in keys]
            hashable = all(isinstance(key, str | bytes | int | float) for key in known)
            return dict(zip(known, map(outline, values), strict=True)) if hashable else UNKNOWN
    return UNKNOWN


def fits(value: object, annotation: ast.expr) -> bool | None:
    """Return whether a value equal to `value` can have the annotated type, or None if unknown.

    Because `1 == 1.0 == True`, an expected value of `1` does not contradict `float` or `bool`.
    """
    match annotation:
        case ast.Constant(value=None):
            return None if value is UNKNOWN else value is None
        case ast.Constant(value=str(text)):
            inner = read_annotation(text)
            return None if inner is None else fits(value, inner)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _any(fits(value, part) for part in (left, right))
        case ast.Subscript(value=base, slice=parameters):
            return _fits_generic(value, _typing_name(base), _parts(parameters))
        case ast.Name() | ast.Attribute():
            return _fits_plain(value, _typing_name(annotation))
    return None


def classes_of(annotation: ast.expr) -> frozenset[type] | None:
    """Return the built-in classes that a value of a type can be an instance of, or None if unknown."""
    match annotation:
        case ast.Constant(value=None):
            return _EXACT["None"]
        case ast.Constant(value=str(text)):
            inner = read_annotation(text)
            return None if inner is None else classes_of(inner)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _all_classes([left, right])
        case ast.Subscript(value=base, slice=parameters):
            return _classes_of_generic(_typing_name(base), _parts(parameters))
        case ast.Name() | ast.Attribute():
            return _EXACT.get(_typing_name(annotation))
    return None


def element_type(annotation: ast.expr) -> ast.expr | None:
    """Return the type of the elements when iterating over a value of a type, or None if unknown."""
    match annotation:
        case ast.Constant(value=str(text)):
            inner = read_annotation(text)
            return None if inner is None else element_type(inner)
        case ast.Subscript(value=base, slice=parameters):
            parts, name = _parts(parameters), _typing_name(base)
            if name in _OF_ELEMENTS | _OF_PAIRS | {"Iterator", "Generator"}:
                return parts[0]
            is_long = name in {"tuple", "Tuple"} and len(parts) == 2 and _is_ellipsis(parts[1])  # noqa: PLR2004 - `X, ...`
            return parts[0] if is_long else None
    return None


def never_returns(annotation: ast.expr) -> bool:
    """Return whether an annotation says that a call never returns."""
    return isinstance(annotation, ast.Name | ast.Attribute) and _typing_name(annotation) in {
        "Never",
        "NoReturn",
    }


def _typing_name(node: ast.expr) -> str:
    """Return the name of a built-in or `typing` type, or `""` for other names."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name) if ast.unparse(value) in _HOMES:
            return name
    return ""


def _parts(parameters: ast.expr) -> Sequence[ast.expr]:
    return parameters.elts if isinstance(parameters, ast.Tuple) else [parameters]


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis


def _any(answers: Iterable[bool | None]) -> bool | None:
    given = list(answers)
    return True if True in given else (None if None in given else False)


def _all(answers: Iterable[bool | None]) -> bool | None:
    given = list(answers)
    return False if False in given else (None if None in given else True)


def _fits_plain(value: object, name: str) -> bool | None:
    if name in {"Any", "object"}:
        return True
    if name in {"NoReturn", "Never"}:
        return False
    equal = _EQUAL_TO.get(name, tuple(_EXACT.get(name, ())))
    if value is UNKNOWN or not (name in _EQUAL_TO or name in _EXACT):
        return None
    return isinstance(value, equal) and _fits_number(value, name)


def _fits_number(value: object, name: str) -> bool:
    """Return whether a number can equal a value of a narrower type; no integer equals 0.5."""
    match name, value:
        case "int", float():
            return value.is_integer()
        case "bool", _:
            return value in {0, 1}
        case "int" | "float", complex():
            return value.imag == 0
    return True


def _fits_generic(value: object, name: str, parts: Sequence[ast.expr]) -> bool | None:
    if name == "Optional":
        return _any([None if value is UNKNOWN else value is None, fits(value, parts[0])])
    if name == "Union":
        return _any(fits(value, part) for part in parts)
    if name == "Literal":
        return _fits_literal(value, parts)
    if name in _WRAPPERS:
        return fits(value, parts[0])
    outer = _fits_plain(value, name)
    return outer if outer is not True else _all(_fits_elements(value, name, parts))


def _fits_literal(value: object, parts: Sequence[ast.expr]) -> bool | None:
    options = [part.value for part in parts if isinstance(part, ast.Constant)]
    negative = [outline(part) for part in parts if isinstance(part, ast.UnaryOp)]
    if value is UNKNOWN or len(options) + len(negative) < len(parts):
        return None
    return value in [*options, *negative]


def _fits_elements(value: object, name: str, parts: Sequence[ast.expr]) -> Iterable[bool | None]:
    if isinstance(value, dict) and name in _OF_PAIRS and len(parts) == 2:  # noqa: PLR2004 - key and value
        return [fits(one, part) for pair in value.items() for one, part in zip(pair, parts, strict=True)]
    if isinstance(value, _ITERABLE) and name in _OF_ELEMENTS and not isinstance(value, str):
        return [fits(one, parts[0]) for one in value]
    if isinstance(value, tuple) and name in {"tuple", "Tuple"}:
        return _fits_tuple(value, parts)
    return [None if parts else True]


def _fits_tuple(value: tuple[object, ...], parts: Sequence[ast.expr]) -> Iterable[bool | None]:
    if any(isinstance(part, ast.Starred) or _is_unpacked(part) for part in parts):
        return [None]
    if len(parts) == 2 and _is_ellipsis(parts[1]):  # noqa: PLR2004 - `X, ...`
        return [fits(one, parts[0]) for one in value]
    if len(parts) != len(value):
        return [False]
    return [fits(one, part) for one, part in zip(value, parts, strict=True)]


def _is_unpacked(node: ast.expr) -> bool:
    return isinstance(node, ast.Subscript) and _typing_name(node.value) == "Unpack"


def _all_classes(parts: Iterable[ast.expr]) -> _Classes | None:
    found = [classes_of(part) for part in parts]
    return None if None in found else frozenset[type]().union(*(one for one in found if one is not None))


def _classes_of_generic(name: str, parts: Sequence[ast.expr]) -> _Classes | None:
    if name in _WRAPPERS:
        return classes_of(parts[0])
    if name == "Optional":
        return _all_classes([parts[0], ast.Constant(None)])
    if name == "Union":
        return _all_classes(parts)
    return _classes_of_values(parts) if name == "Literal" else _EXACT.get(name)


def _classes_of_values(parts: Iterable[ast.expr]) -> _Classes | None:
    values = [outline(part) for part in parts]
    return None if UNKNOWN in values else frozenset(map(type, values))
