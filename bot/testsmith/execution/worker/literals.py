"""Values as the source text that a person would write for them, where there is such a text.

A text is given only where evaluating it brings back an equal value of the same type, and where it is the
same in every run: no addresses, sets in a fixed order, floats without noise, no paths of this machine.
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

from .homes import public_home

Import = tuple[str, str]
"""A module, and the name that is imported from it; an empty name where the module itself is imported."""

_MOST_PARTS = 60
_DEEPEST = 6
_EXACT_DIGITS = 9
_LARGEST_WHOLE = 1e12
_BY_NAME = frozenset({inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY})
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")


class Written(NamedTuple):
    """A value's source text and the imports that it needs."""

    text: str
    imports: frozenset[Import] = frozenset()
    approximate: bool = False


class CannotWrite(ValueError):
    """There is no source text for a value that a person would want to read."""


def written(value: object, longest: int) -> Written | None:
    """Return the value's source text, or None where it has none of at most `longest` characters."""
    try:
        result = _write(value, 0)
    except (CannotWrite, RecursionError, MemoryError):
        return None
    if len(result.text) > longest or is_of_this_machine(result.text):
        return None
    return result


def is_of_this_machine(text: str) -> bool:
    """Tell whether a text holds an address, a path of this machine or run, or what is installed on it."""
    if _ADDRESS.search(text):
        return True
    return any(place in text for place in _places()) or any(version in text for version in _versions())


def _versions() -> list[str]:
    """Return the versions that change with every release: Python's, and those of packages that are loaded."""
    packages = [name for name in list(sys.modules) if "." not in name and name not in sys.stdlib_module_names]
    told = [getattr(sys.modules[name], "__dict__", {}).get("__version__") for name in packages]
    full = [version for version in told if isinstance(version, str) and version.count(".") > 1]
    return [platform.python_version(), platform.release(), *full]


def _places() -> list[str]:
    folder = pathlib.Path.cwd()
    places = [sys.prefix, sys.base_prefix, str(folder), str(folder.resolve()), os.environ.get("HOME", "")]
    return [place for place in [*places, *sys.path] if len(place) > 1]


def _write(value: Any, depth: int) -> Written:
    if depth > _DEEPEST:
        raise CannotWrite
    writer = _WRITERS.get(type(value))
    if writer is not None:
        return writer(value, depth)
    if isinstance(value, enum.Enum):
        return _write_enum(value)
    if isinstance(value, type):
        return Written(*_named(value))
    if isinstance(value, pathlib.PurePath):
        return _write_path(value)
    return _write_object(value, depth)


def _checked(value: object, result: Written) -> Written:
    """Keep a text only where it evaluates to an equal value of the same type."""
    try:
        again = evaluated(result)
        same = type(again) is type(value) and again is not value and bool(again == value)
    except Exception as error:
        raise CannotWrite from error
    if not same:
        raise CannotWrite
    return result


def evaluated(result: Written) -> Any:
    """Return the value that a text stands for."""
    namespace: dict[str, Any] = {}
    for module, name in result.imports:
        loaded = importlib.import_module(module)
        if name:
            namespace[name] = getattr(loaded, name)
        else:
            namespace[module.partition(".")[0]] = sys.modules[module.partition(".")[0]]
    return eval(result.text, namespace)  # noqa: S307 - this runs inside the sandbox; the text is our own


def _write_text(value: str, _depth: int = 0) -> Written:
    return Written(quoted(value))


def quoted(value: str) -> str:
    """Return a string literal in double quotes, unless single ones save escapes."""
    text = repr(value)
    if text[0] == "'" and '"' not in value:
        text = '"' + text[1:-1].replace("\\'", "'") + '"'
    return text


def _write_bytes(value: bytes, _depth: int) -> Written:
    text = repr(value)
    if text[1] == "'" and b'"' not in value:
        text = 'b"' + text[2:-1].replace("\\'", "'") + '"'
    return Written(text)


def _write_float(value: float, _depth: int) -> Written:
    if math.isnan(value):
        raise CannotWrite
    if math.isinf(value):
        return Written("math.inf" if value > 0 else "-math.inf", frozenset({("math", "")}))
    text = repr(value)
    is_whole = value.is_integer() and abs(value) < _LARGEST_WHOLE
    if is_whole or float(f"{value:.{_EXACT_DIGITS}g}") == value:
        return Written(text)
    return Written(f"pytest.approx({value:.{_EXACT_DIGITS}g})", frozenset({("pytest", "")}), approximate=True)


def _write_plain(value: object, _depth: int) -> Written:
    return Written(repr(value))


def _write_int(value: int, _depth: int) -> Written:
    text = repr(value)
    return Written(f"{value:_}" if len(text) > 6 and value % 1000 == 0 else text)  # noqa: PLR2004 - long and round


def _write_bytearray(value: bytearray, depth: int) -> Written:
    inner = _write_bytes(bytes(value), depth)
    return Written(f"bytearray({inner.text})")


def _parts(values: Iterable[object], depth: int) -> list[Written]:
    found: list[Written] = []
    for value in values:
        if len(found) >= _MOST_PARTS:
            raise CannotWrite
        found.append(_write(value, depth + 1))
    return found


def _joined(template: str, parts: list[Written], extra: frozenset[Import] = frozenset()) -> Written:
    return Written(
        template.format(", ".join(part.text for part in parts)),
        extra.union(*(part.imports for part in parts)),
        any(part.approximate for part in parts),
    )


def _write_list(value: list[object], depth: int) -> Written:
    return _joined("[{}]", _parts(value, depth))


def _write_tuple(value: tuple[object, ...], depth: int) -> Written:
    return _joined("({},)" if len(value) == 1 else "({})", _parts(value, depth))


def _write_set(value: Iterable[object], depth: int) -> Written:
    parts = sorted(_parts(value, depth), key=lambda part: (len(part.text), part.text))
    if any(part.approximate for part in parts):
        raise CannotWrite
    return _joined("{{{}}}", parts) if parts else Written("set()")


def _write_frozenset(value: frozenset[object], depth: int) -> Written:
    inner = _write_set(value, depth) if value else Written("")
    return Written(f"frozenset({inner.text})", inner.imports)


def _write_dict(value: dict[object, object], depth: int) -> Written:
    keys = _parts(value.keys(), depth)
    if any(key.approximate for key in keys):
        raise CannotWrite
    values = _parts(value.values(), depth)
    pairs = [
        Written(f"{key.text}: {values[at].text}", key.imports | values[at].imports, values[at].approximate)
        for at, key in enumerate(keys)
    ]
    return _joined("{{{}}}", pairs)


def _write_ordered(value: Any, depth: int) -> Written:
    return _wrapped("OrderedDict", "collections", _write_dict(dict(value), depth))


def _write_counter(value: Any, depth: int) -> Written:
    return _wrapped("Counter", "collections", _write_dict(dict(value), depth))


def _write_deque(value: Any, depth: int) -> Written:
    return _wrapped("deque", "collections", _write_list(list(value), depth))


def _wrapped(name: str, module: str, inner: Written) -> Written:
    return Written(f"{name}({inner.text})", inner.imports | {(module, name)}, inner.approximate)


def _write_default_dict(value: Any, depth: int) -> Written:
    """A defaultdict equals the plain dict that is written for it."""
    return _write_dict(dict(value), depth)


def _write_timedelta(value: dt.timedelta, _depth: int) -> Written:
    sizes = (("days", value.days), ("seconds", value.seconds), ("microseconds", value.microseconds))
    inner = ", ".join(f"{name}={size}" for name, size in sizes if size)
    return Written(f"timedelta({inner})", frozenset({("datetime", "timedelta")}))


def _write_date(value: dt.date, _depth: int) -> Written:
    text = f"date({value.year}, {value.month}, {value.day})"
    return Written(text, frozenset({("datetime", "date")}))


def _write_datetime(value: dt.datetime, depth: int) -> Written:
    fields = [value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond]
    return _write_clock("datetime", fields, 3, value, depth)


def _write_time(value: dt.time, depth: int) -> Written:
    return _write_clock("time", [value.hour, value.minute, value.second, value.microsecond], 0, value, depth)


def _write_clock(name: str, fields: list[int], fewest: int, value: Any, depth: int) -> Written:
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
    return Written(f"{name}({', '.join(texts)})", imports)


def _write_timezone(value: dt.timezone, depth: int) -> Written:
    imports = frozenset({("datetime", "timezone")})
    if value == dt.timezone.utc:  # noqa: UP017 - `datetime.UTC` needs Python 3.11
        return Written("timezone.utc", imports)
    offset = _write(value.utcoffset(None), depth + 1)
    return _checked(value, Written(f"timezone({offset.text})", imports | offset.imports))


def _write_pattern(value: Any, depth: int) -> Written:
    inner = _write(value.pattern, depth + 1)
    text = f"re.compile(r{inner.text})" if "\\\\" in inner.text else f"re.compile({inner.text})"
    if "\\\\" in inner.text:
        text = text.replace("\\\\", "\\")
    return _checked_pattern(value, Written(text, frozenset({("re", "")})))


def _checked_pattern(value: Any, result: Written) -> Written:
    """A pattern is kept where its text gives the same pattern and flags; equal patterns may be one object."""
    try:
        again = evaluated(result)
    except Exception as error:
        raise CannotWrite from error
    if again != value:
        raise CannotWrite
    return result


def _write_path(value: pathlib.PurePath) -> Written:
    if value.is_absolute():
        raise CannotWrite
    name = "Path" if isinstance(value, pathlib.Path) else "PurePath"
    return Written(f"{name}({quoted(value.as_posix())})", frozenset({("pathlib", name)}))


def _write_enum(value: enum.Enum) -> Written:
    text, imports = _named(type(value))
    if type(value).__members__.get(value.name) is not value:
        raise CannotWrite
    return Written(f"{text}.{value.name}", imports)


def _named(cls: type) -> tuple[str, frozenset[Import]]:
    """Return how a class is named in a test, and the import for it."""
    if cls.__module__ == "builtins":
        if cls is type(None) or not hasattr(importlib.import_module("builtins"), cls.__name__):
            raise CannotWrite
        return cls.__name__, frozenset()
    home = public_home(cls)
    if home is None:
        raise CannotWrite
    return cls.__qualname__, frozenset({(home, cls.__qualname__.partition(".")[0])})


def _write_object(value: Any, depth: int) -> Written:
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
        raise CannotWrite
    return min(texts, key=lambda each: len(each.text))  # what it shows of itself may tell its defaults, too


def _written_by(value: Any, write: Callable[[Any, int], Written], depth: int) -> Iterator[Written]:
    with contextlib.suppress(CannotWrite):
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


def _write_fields(value: object, fields: list[tuple[str, object]], depth: int) -> Written:
    name, imports = _named(type(value))
    parts = []
    for field, current in fields:
        part = _write(current, depth + 1)
        parts.append(Written(f"{field}={part.text}", part.imports, part.approximate))
    if any(part.approximate for part in parts):
        raise CannotWrite
    return _joined(name + "({})", parts, imports)


def _write_by_constructor(value: Any, depth: int) -> Written:
    """Call its class with its attributes of the parameters' names, where the class knows what is equal."""
    cls = type(value)
    if _equality_of(cls) is object.__eq__:
        raise CannotWrite
    name, imports = _named(cls)
    try:
        parameters = inspect.signature(cls).parameters.values()
        parts = [_write_argument(each, getattr(value, each.name), depth) for each in parameters]
    except CannotWrite:
        raise
    except Exception as error:
        raise CannotWrite from error
    return _joined(name + "({})", [part for part in parts if part.text], imports)


def _write_argument(parameter: inspect.Parameter, current: Any, depth: int) -> Written:
    """Return the text of an argument; empty where it is the default."""
    if parameter.kind not in _BY_NAME or not parameter.name.isidentifier():
        raise CannotWrite
    default = parameter.default
    if type(default) is type(current) and bool(default == current):
        return Written("")
    part = _write(current, depth + 1)
    if part.approximate:
        raise CannotWrite
    return Written(f"{parameter.name}={part.text}", part.imports)


def _write_by_repr(value: object, _depth: int) -> Written:
    """Take the value's own `repr` where it is a call of its class with plain arguments."""
    try:
        text = repr(value)
        tree = ast.parse(text, mode="eval").body
    except Exception as error:
        raise CannotWrite from error
    name, imports = _named(type(value))
    if not isinstance(tree, ast.Call) or ast.unparse(tree.func).rpartition(".")[2] != name:
        raise CannotWrite
    arguments = list(tree.args) + [keyword.value for keyword in tree.keywords]
    try:
        for argument in arguments:
            ast.literal_eval(argument)
    except (ValueError, TypeError) as error:
        raise CannotWrite from error
    return Written(f"{name}{_arguments_text(tree)}", imports)


def _arguments_text(call: ast.Call) -> str:
    texts = [_argument(node) for node in call.args]
    texts += [f"{keyword.arg}={_argument(keyword.value)}" for keyword in call.keywords]
    return f"({', '.join(texts)})"


def _argument(node: ast.expr) -> str:
    return _write(ast.literal_eval(node), 1).text


_WRITERS: dict[type, Callable[[Any, int], Written]] = {
    bool: _write_plain,
    int: _write_int,
    complex: _write_plain,
    type(None): _write_plain,
    type(Ellipsis): lambda _value, _depth: Written("..."),
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
