"""Write values as source text that a person would write.

A text is only returned if it evaluates to an equal value of the same type and is the same in every run: no
addresses or local paths, sets in a fixed order, floats without rounding noise.
"""

from __future__ import annotations

import ast
import collections
import contextlib
import dataclasses
import datetime as dt
import enum
import importlib
import inspect
import math
import os
import pathlib
import platform
import re
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple


def public_home(thing: Any) -> str | None:
    """Return the public module from which a test imports a class or function; None if there is none.

    This is the module that defines it if its path is public, otherwise the shortest loaded public module of
    the same package that contains it under its own name.
    """
    module = getattr(thing, "__module__", None)
    path = getattr(thing, "__qualname__", "")
    if not isinstance(module, str) or module == "__main__" or "<locals>" in path or is_private(path):
        return None
    top = module.partition(".")[0]
    others = sorted(_public_modules(top), key=lambda name: (name.count("."), name))
    for home in [module, *others]:
        if not is_private(home) and _has(home, path, thing):
            return home
    return None


def _public_modules(top: str) -> list[str]:
    return [name for name in list(sys.modules) if name.partition(".")[0] == top and not is_private(name)]


def _has(module: str, path: str, thing: object) -> bool:
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    return found is thing


def is_private(path: str) -> bool:
    """Return whether any part of a dotted name starts with an underscore."""
    return any(part.startswith("_") for part in path.split("."))


Import = tuple[str, str]
"""A module and the name imported from it; an empty name to import the module itself."""

_MOST_PARTS = 60
_DEEPEST = 6
_EXACT_DIGITS = 9
_LARGEST_WHOLE = 1e12
_BY_NAME = frozenset({inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY})
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")


class WrittenLiteral(NamedTuple):
    """Source text of a value and the imports it needs."""

    text: str
    imports: frozenset[Import] = frozenset()
    approximate: bool = False


class NoLiteral(ValueError):
    """A value has no readable source text."""


def written(value: object, longest: int) -> WrittenLiteral | None:
    """Return the source text of a value; None if there is none of at most `longest` characters."""
    try:
        result = _write(value, 0)
    except (NoLiteral, RecursionError, MemoryError):
        return None
    if len(result.text) > longest or is_of_this_machine(result.text):
        return None
    return result


def is_of_this_machine(text: str) -> bool:
    """Return whether a text contains an address, a path of this machine or run, or an installed version."""
    if _ADDRESS.search(text):
        return True
    return any(place in text for place in _places()) or any(version in text for version in _versions())


def _versions() -> list[str]:
    """Return versions that change with releases: of Python and of loaded packages."""
    packages = [name for name in list(sys.modules) if "." not in name and name not in sys.stdlib_module_names]
    data = [getattr(sys.modules[name], "__dict__", {}).get("__version__") for name in packages]
    full = [version for version in data if isinstance(version, str) and version.count(".") > 1]
    return [platform.python_version(), platform.release(), *full]


def _places() -> list[str]:
    folder = pathlib.Path.cwd()
    places = [sys.prefix, sys.base_prefix, str(folder), str(folder.resolve()), os.environ.get("HOME", "")]
    return [place for place in [*places, *sys.path] if len(place) > 1]


def _write(value: Any, depth: int) -> WrittenLiteral:
    if depth > _DEEPEST:
        raise NoLiteral
    writer = _WRITERS.get(type(value))
    if writer is not None:
        return writer(value, depth)
    if isinstance(value, enum.Enum):
        return _write_enum(value)
    if isinstance(value, type):
        return WrittenLiteral(*_named(value))
    if isinstance(value, pathlib.PurePath):
        return _write_path(value)
    return _write_object(value, depth)


def _checked(value: object, result: WrittenLiteral) -> WrittenLiteral:
    """Raise `NoLiteral` unless the text evaluates to an equal value of the same type."""
    try:
        again = evaluated(result)
        same = type(again) is type(value) and again is not value and bool(again == value)
    except Exception as error:
        raise NoLiteral from error
    if not same:
        raise NoLiteral
    return result


def evaluated(result: WrittenLiteral) -> Any:
    """Evaluate a source text."""
    namespace: dict[str, Any] = {}
    for module, name in result.imports:
        loaded = importlib.import_module(module)
        if name:
            namespace[name] = getattr(loaded, name)
        else:
            namespace[module.partition(".")[0]] = sys.modules[module.partition(".")[0]]
    return eval(result.text, namespace)  # noqa: S307 - in the sandbox; the text is our own


def _write_text(value: str, _depth: int = 0) -> WrittenLiteral:
    return WrittenLiteral(quoted(value))


def quoted(value: str) -> str:
    """Return a string literal in double quotes, or in single quotes if that avoids escapes."""
    text = repr(value)
    if text[0] == "'" and '"' not in value:
        text = '"' + text[1:-1].replace("\\'", "'") + '"'
    return text


def _write_bytes(value: bytes, _depth: int) -> WrittenLiteral:
    text = repr(value)
    if text[1] == "'" and b'"' not in value:
        text = 'b"' + text[2:-1].replace("\\'", "'") + '"'
    return WrittenLiteral(text)


def _write_float(value: float, _depth: int) -> WrittenLiteral:
    if math.isnan(value):
        raise NoLiteral
    if math.isinf(value):
        return WrittenLiteral("math.inf" if value > 0 else "-math.inf", frozenset({("math", "")}))
    text = repr(value)
    is_whole = value.is_integer() and abs(value) < _LARGEST_WHOLE
    if is_whole or float(f"{value:.{_EXACT_DIGITS}g}") == value:
        return WrittenLiteral(text)
    return WrittenLiteral(
        f"pytest.approx({value:.{_EXACT_DIGITS}g})", frozenset({("pytest", "")}), approximate=True
    )


def _write_plain(value: object, _depth: int) -> WrittenLiteral:
    return WrittenLiteral(repr(value))


def _write_int(value: int, _depth: int) -> WrittenLiteral:
    text = repr(value)
    return WrittenLiteral(f"{value:_}" if len(text) > 6 and value % 1000 == 0 else text)  # noqa: PLR2004 - long and round


def _write_bytearray(value: bytearray, depth: int) -> WrittenLiteral:
    inner = _write_bytes(bytes(value), depth)
    return WrittenLiteral(f"bytearray({inner.text})")


def _parts(values: Iterable[object], depth: int) -> list[WrittenLiteral]:
    found: list[WrittenLiteral] = []
    for value in values:
        if len(found) >= _MOST_PARTS:
            raise NoLiteral
        found.append(_write(value, depth + 1))
    return found


def _joined(
    template: str, parts: list[WrittenLiteral], extra: frozenset[Import] = frozenset()
) -> WrittenLiteral:
    return WrittenLiteral(
        template.format(", ".join(part.text for part in parts)),
        extra.union(*(part.imports for part in parts)),
        any(part.approximate for part in parts),
    )


def _write_list(value: list[object], depth: int) -> WrittenLiteral:
    return _joined("[{}]", _parts(value, depth))


def _write_tuple(value: tuple[object, ...], depth: int) -> WrittenLiteral:
    return _joined("({},)" if len(value) == 1 else "({})", _parts(value, depth))


def _write_set(value: Iterable[object], depth: int) -> WrittenLiteral:
    parts = sorted(_parts(value, depth), key=lambda part: (len(part.text), part.text))
    if any(part.approximate for part in parts):
        raise NoLiteral
    return _joined("{{{}}}", parts) if parts else WrittenLiteral("set()")


def _write_frozenset(value: frozenset[object], depth: int) -> WrittenLiteral:
    inner = _write_set(value, depth) if value else WrittenLiteral("")
    return WrittenLiteral(f"frozenset({inner.text})", inner.imports)


def _write_dict(value: dict[object, object], depth: int) -> WrittenLiteral:
    keys = _parts(value.keys(), depth)
    if any(key.approximate for key in keys):
        raise NoLiteral
    values = _parts(value.values(), depth)
    pairs = [
        WrittenLiteral(
            f"{key.text}: {values[at].text}", key.imports | values[at].imports, values[at].approximate
        )
        for at, key in enumerate(keys)
    ]
    return _joined("{{{}}}", pairs)


def _write_ordered(value: Any, depth: int) -> WrittenLiteral:
    return _wrapped("OrderedDict", "collections", _write_dict(dict(value), depth))


def _write_counter(value: Any, depth: int) -> WrittenLiteral:
    return _wrapped("Counter", "collections", _write_dict(dict(value), depth))


def _write_deque(value: Any, depth: int) -> WrittenLiteral:
    return _wrapped("deque", "collections", _write_list(list(value), depth))


def _wrapped(name: str, module: str, inner: WrittenLiteral) -> WrittenLiteral:
    return WrittenLiteral(f"{name}({inner.text})", inner.imports | {(module, name)}, inner.approximate)


def _write_default_dict(value: Any, depth: int) -> WrittenLiteral:
    """Write a plain dict, which is equal to the defaultdict."""
    return _write_dict(dict(value), depth)


def _write_timedelta(value: dt.timedelta, _depth: int) -> WrittenLiteral:
    sizes = (("days", value.days), ("seconds", value.seconds), ("microseconds", value.microseconds))
    inner = ", ".join(f"{name}={size}" for name, size in sizes if size)
    return WrittenLiteral(f"timedelta({inner})", frozenset({("datetime", "timedelta")}))


def _write_date(value: dt.date, _depth: int) -> WrittenLiteral:
    text = f"date({value.year}, {value.month}, {value.day})"
    return WrittenLiteral(text, frozenset({("datetime", "date")}))


def _write_datetime(value: dt.datetime, depth: int) -> WrittenLiteral:
    fields = [value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond]
    return _write_clock("datetime", fields, 3, value, depth)


def _write_time(value: dt.time, depth: int) -> WrittenLiteral:
    return _write_clock("time", [value.hour, value.minute, value.second, value.microsecond], 0, value, depth)


def _write_clock(name: str, fields: list[int], fewest: int, value: Any, depth: int) -> WrittenLiteral:
    while len(fields) > fewest and not fields[-1]:
        fields.pop()
    texts = [str(field) for field in fields]
    imports = frozenset({("datetime", name)})
    if value.tzinfo is not None:
        zone = _write(value.tzinfo, depth + 1)
        texts.append(f"tzinfo={zone.text}")
        imports |= zone.imports
    if value.fold:
        texts.append("fold=1")
    return WrittenLiteral(f"{name}({', '.join(texts)})", imports)


def _write_timezone(value: dt.timezone, depth: int) -> WrittenLiteral:
    imports = frozenset({("datetime", "timezone")})
    if value == dt.timezone.utc:  # noqa: UP017 - `datetime.UTC` requires Python 3.11
        return WrittenLiteral("timezone.utc", imports)
    offset = _write(value.utcoffset(None), depth + 1)
    return _checked(value, WrittenLiteral(f"timezone({offset.text})", imports | offset.imports))


def _write_pattern(value: Any, depth: int) -> WrittenLiteral:
    inner = _write(value.pattern, depth + 1)
    text = f"re.compile(r{inner.text})" if "\\\\" in inner.text else f"re.compile({inner.text})"
    if "\\\\" in inner.text:
        text = text.replace("\\\\", "\\")
    return _checked_pattern(value, WrittenLiteral(text, frozenset({("re", "")})))


def _checked_pattern(value: Any, result: WrittenLiteral) -> WrittenLiteral:
    """Check that the text gives the same pattern and flags; equal patterns may be one object."""
    try:
        again = evaluated(result)
    except Exception as error:
        raise NoLiteral from error
    if again != value:
        raise NoLiteral
    return result


def _write_path(value: pathlib.PurePath) -> WrittenLiteral:
    if value.is_absolute():
        raise NoLiteral
    name = "Path" if isinstance(value, pathlib.Path) else "PurePath"
    return WrittenLiteral(f"{name}({quoted(value.as_posix())})", frozenset({("pathlib", name)}))


def _write_enum(value: enum.Enum) -> WrittenLiteral:
    text, imports = _named(type(value))
    if type(value).__members__.get(value.name) is not value:
        raise NoLiteral
    return WrittenLiteral(f"{text}.{value.name}", imports)


def _named(cls: type) -> tuple[str, frozenset[Import]]:
    """Return the expression for a class in a test, and the import for it."""
    if cls.__module__ == "builtins":
        if cls is type(None) or not hasattr(importlib.import_module("builtins"), cls.__name__):
            raise NoLiteral
        return cls.__name__, frozenset()
    home = public_home(cls)
    if home is None:
        raise NoLiteral
    return cls.__qualname__, frozenset({(home, cls.__qualname__.partition(".")[0])})


def _write_object(value: Any, depth: int) -> WrittenLiteral:
    cls = type(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _checked(value, _write_fields(value, _dataclass_fields(value), depth))
    if isinstance(value, tuple) and hasattr(cls, "_fields"):
        fields = [(name, getattr(value, name)) for name in cls._fields]
        return _checked(value, _write_fields(value, fields, depth))
    texts = [*_written_by(value, _write_by_constructor, depth)]
    if _repr_of(cls) is not object.__repr__:
        texts += _written_by(value, _write_by_repr, depth)
    if not texts:
        raise NoLiteral
    return min(texts, key=lambda each: len(each.text))  # the repr may include default values


def _written_by(
    value: Any, write: Callable[[Any, int], WrittenLiteral], depth: int
) -> Iterator[WrittenLiteral]:
    with contextlib.suppress(NoLiteral):
        yield _checked(value, write(value, depth))


def _repr_of(cls: Any) -> object:
    return cls.__repr__


def _equality_of(cls: Any) -> object:
    return cls.__eq__


def _dataclass_fields(value: Any) -> list[tuple[str, object]]:
    found = []
    for field in dataclasses.fields(value):
        current = getattr(value, field.name)
        if field.init and not _is_default(field, current):
            found.append((field.name, current))
    return found


def _is_default(field: Any, current: object) -> bool:
    if field.default is not dataclasses.MISSING:
        default = field.default
    elif field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    else:
        return False
    return type(default) is type(current) and bool(default == current)


def _write_fields(value: object, fields: list[tuple[str, object]], depth: int) -> WrittenLiteral:
    name, imports = _named(type(value))
    parts = []
    for field, current in fields:
        part = _write(current, depth + 1)
        parts.append(WrittenLiteral(f"{field}={part.text}", part.imports, part.approximate))
    if any(part.approximate for part in parts):
        raise NoLiteral
    return _joined(name + "({})", parts, imports)


def _write_by_constructor(value: Any, depth: int) -> WrittenLiteral:
    """Write a call with the attributes named like the class's parameters, if it defines equality."""
    cls = type(value)
    if _equality_of(cls) is object.__eq__:
        raise NoLiteral
    name, imports = _named(cls)
    try:
        parameters = inspect.signature(cls).parameters.values()
        parts = [_write_argument(each, getattr(value, each.name), depth) for each in parameters]
    except NoLiteral:
        raise
    except Exception as error:
        raise NoLiteral from error
    return _joined(name + "({})", [part for part in parts if part.text], imports)


def _write_argument(parameter: inspect.Parameter, current: Any, depth: int) -> WrittenLiteral:
    """Return the text of an argument; empty if it is the default."""
    if parameter.kind not in _BY_NAME or not parameter.name.isidentifier():
        raise NoLiteral
    default = parameter.default
    if type(default) is type(current) and bool(default == current):
        return WrittenLiteral("")
    part = _write(current, depth + 1)
    if part.approximate:
        raise NoLiteral
    return WrittenLiteral(f"{parameter.name}={part.text}", part.imports)


def _write_by_repr(value: object, _depth: int) -> WrittenLiteral:
    """Use the value's `repr` if it is a call of its class with plain arguments."""
    try:
        text = repr(value)
        tree = ast.parse(text, mode="eval").body
    except Exception as error:
        raise NoLiteral from error
    name, imports = _named(type(value))
    if not isinstance(tree, ast.Call) or ast.unparse(tree.func).rpartition(".")[2] != name:
        raise NoLiteral
    arguments = list(tree.args) + [keyword.value for keyword in tree.keywords]
    try:
        for argument in arguments:
            ast.literal_eval(argument)
    except (ValueError, TypeError) as error:
        raise NoLiteral from error
    return WrittenLiteral(f"{name}{_arguments_text(tree)}", imports)


def _arguments_text(call: ast.Call) -> str:
    texts = [_argument(node) for node in call.args]
    texts += [f"{keyword.arg}={_argument(keyword.value)}" for keyword in call.keywords]
    return f"({', '.join(texts)})"


def _argument(node: ast.expr) -> str:
    return _write(ast.literal_eval(node), 1).text


_WRITERS: dict[type, Callable[[Any, int], WrittenLiteral]] = {
    bool: _write_plain,
    int: _write_int,
    complex: _write_plain,
    type(None): _write_plain,
    type(Ellipsis): lambda _value, _depth: WrittenLiteral("..."),
    range: _write_plain,
    str: _write_text,
    bytes: _write_bytes,
    bytearray: _write_bytearray,
    float: _write_float,
    list: _write_list,
    tuple: _write_tuple,
    set: _write_set,
    frozenset: _write_frozenset,
    dict: _write_dict,
    types.MappingProxyType: _write_default_dict,
    collections.OrderedDict: _write_ordered,
    collections.Counter: _write_counter,
    collections.deque: _write_deque,
    collections.defaultdict: _write_default_dict,
    dt.timedelta: _write_timedelta,
    dt.date: _write_date,
    dt.datetime: _write_datetime,
    dt.time: _write_time,
    dt.timezone: _write_timezone,
    re.Pattern: _write_pattern,
}
