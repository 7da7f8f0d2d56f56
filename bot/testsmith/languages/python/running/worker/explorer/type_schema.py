"""Convert annotations to JSON data that describes what to pass for a parameter.

A shape is `{"kind", "home", "parts", "values", "parameters"}`, without empty keys:

    any, none, bool, int, float, complex, str, bytes, bytearray
    list, set, frozenset, iterable, iterator, dict, tuple     parts are the item types
    tuple of                                                  a tuple of any length
    union                                                     parts are its members
    literal                                                   values are source texts
    enum                                                      home, and names of its members as values
    known                                                     a class of the standard library, by home
    instance                                                  a class of the project: home, parameters
    typed dict                                                parameters are its keys
    namespace                                                 parameters are the attributes of a protocol
    callable                                                  parts are its parameters and its return type
    class                                                     a class object
    unknown                                                   the annotation cannot be read
"""

from __future__ import annotations

import ast
import collections
import enum
import importlib
import inspect
import numbers
import os
import sys
import types
import typing
from collections import abc
from collections.abc import Callable
from typing import Any

from .literals import public_home, written

_DEEPEST = 3
_MOST_INSIDE = 600
"""Maximum number of annotations that are read inside of the classes that one parameter needs."""

_LONGEST_DEFAULT = 60

Shape = dict[str, Any]
ANY: Shape = {"kind": "any"}
UNKNOWN: Shape = {"kind": "unknown"}

_PLAIN: dict[Any, str] = {
    kind: kind.__name__
    for kind in (bool, int, float, complex, str, bytes, bytearray, list, set, frozenset, dict, tuple, range)
}

_CONTAINERS: dict[Any, str] = {
    list: "list",
    set: "set",
    frozenset: "frozenset",
    dict: "dict",
    collections.defaultdict: "dict",
    collections.OrderedDict: "dict",
    abc.Mapping: "dict",
    abc.MutableMapping: "dict",
    abc.Sequence: "list",
    abc.MutableSequence: "list",
    abc.Set: "set",
    abc.MutableSet: "set",
    abc.Iterable: "iterable",
    abc.Collection: "iterable",
    abc.Container: "iterable",
    abc.Reversible: "iterable",
    abc.Iterator: "iterator",
    abc.Generator: "iterator",
}

_STAND_INS: dict[Any, str] = {
    typing.Any: "any",
    object: "any",
    abc.Hashable: "any",
    abc.Sized: "list",
    typing.SupportsInt: "int",
    typing.SupportsFloat: "float",
    typing.SupportsAbs: "int",
    typing.SupportsIndex: "int",
    typing.SupportsRound: "float",
    numbers.Number: "int",
    numbers.Complex: "float",
    numbers.Real: "float",
    numbers.Rational: "int",
    numbers.Integral: "int",
    abc.Callable: "callable",
    typing.Callable: "callable",
    os.PathLike: "path",
    typing.TextIO: "text file",
    typing.BinaryIO: "binary file",
}

_KNOWN_MODULES = frozenset(
    {"datetime", "decimal", "fractions", "pathlib", "uuid", "re", "zoneinfo", "io", "ipaddress"}
)


class Shapes:
    """Reads annotations in the scope of one definition.

    Args:
        namespace: Names that annotations may use.
        depth: Number of classes around it, from the parameter inwards.

    Attributes:
        left: Number of annotations inside of classes that may still be read, for all objects together.
    """

    left = _MOST_INSIDE

    def __init__(self, namespace: dict[str, Any], depth: int = 0) -> None:
        self._namespace = namespace
        self._depth = depth
        self._by_origin: dict[Any, Callable[[tuple[Any, ...]], Shape]] = {
            tuple: self._tuple,
            type: self._class_itself,
            abc.Callable: self._callable,
            typing.Literal: self._literal,
            typing.ClassVar: self._first,
            typing.Final: self._first,
        }

    def begin(self) -> None:
        """Read the next parameter; each of the member has a limit of its own."""
        if self._depth == 0:
            Shapes.left = _MOST_INSIDE

    def of(self, annotation: Any) -> Shape:
        """Return the shape of an annotation."""
        if self._depth:
            if Shapes.left <= 0:
                return UNKNOWN
            Shapes.left -= 1
        try:
            return self._shape(annotation)
        except Exception:  # noqa: BLE001 - evaluating annotations may raise anything
            return UNKNOWN

    def _shape(self, annotation: Any) -> Shape:
        if annotation is inspect.Parameter.empty:
            return ANY
        if isinstance(annotation, str):
            return self._text(annotation)
        if isinstance(annotation, typing.ForwardRef):
            return self._text(annotation.__forward_arg__)
        if annotation is None or annotation is type(None):
            return {"kind": "none"}
        if typing.get_origin(annotation) is not None:
            return self._generic(annotation)
        return self._bare(annotation)

    def _text(self, text: str) -> Shape:
        """Evaluate an annotation's text, unions part by part because `X | None` requires Python 3.10."""
        node = ast.parse(text.strip(), mode="eval").body
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return _union([self._text(ast.unparse(side)) for side in (node.left, node.right)])
        value = eval(text, self._namespace)  # noqa: S307 - in the sandbox
        return UNKNOWN if value == text else self._shape(value)

    def _generic(self, annotation: Any) -> Shape:
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is typing.Union or isinstance(annotation, getattr(types, "UnionType", ())):
            return _union([self.of(argument) for argument in arguments])
        if hasattr(annotation, "__metadata__"):  # `Annotated`
            return self.of(annotation.__origin__)
        reader = self._by_origin.get(origin)
        if reader is not None:
            return reader(arguments)
        if origin in _CONTAINERS:
            return {"kind": _CONTAINERS[origin], "parts": [self.of(argument) for argument in arguments]}
        return self._bare(origin, arguments)

    def _literal(self, arguments: tuple[Any, ...]) -> Shape:
        texts = [written(argument, _LONGEST_DEFAULT) for argument in arguments]
        return {"kind": "literal", "values": [text.text for text in texts if text and not text.imports]}

    def _class_itself(self, arguments: tuple[Any, ...]) -> Shape:
        return {"kind": "class", "parts": [self.of(argument) for argument in arguments]}

    def _first(self, arguments: tuple[Any, ...]) -> Shape:
        return self.of(arguments[0])

    def _tuple(self, arguments: tuple[Any, ...]) -> Shape:
        if len(arguments) == 2 and arguments[1] is Ellipsis:  # noqa: PLR2004 - `tuple[X, ...]`
            return {"kind": "tuple of", "parts": [self.of(arguments[0])]}
        return {"kind": "tuple", "parts": [self.of(argument) for argument in arguments if argument != ()]}

    def _callable(self, arguments: tuple[Any, ...]) -> Shape:
        if arguments and arguments[0] is Ellipsis:
            return {"kind": "callable", "values": ["..."], "parts": [self.of(arguments[1])]}
        if not arguments or not isinstance(arguments[0], list):
            return {"kind": "callable"}
        return {"kind": "callable", "parts": [self.of(part) for part in [*arguments[0], arguments[1]]]}

    def _bare(self, annotation: Any, arguments: tuple[Any, ...] = ()) -> Shape:
        for table in (_PLAIN, _STAND_INS, _CONTAINERS):
            if isinstance(annotation, abc.Hashable) and annotation in table:
                return {"kind": table[annotation]}
        if getattr(annotation, "__name__", "") == "IO":
            return {"kind": "binary file" if bytes in arguments else "text file"}
        return self._class(annotation) if isinstance(annotation, type) else self._special(annotation)

    def _special(self, annotation: Any) -> Shape:
        """Return the shape of a type variable, new type or alias."""
        if isinstance(annotation, typing.TypeVar):
            return self._type_variable(annotation)
        for attribute in ("__supertype__", "__value__"):
            if hasattr(annotation, attribute):
                return self.of(getattr(annotation, attribute))
        name = getattr(annotation, "_name", None) or getattr(annotation, "__name__", "")
        return {"kind": "str"} if name == "LiteralString" else UNKNOWN

    def _type_variable(self, variable: typing.TypeVar) -> Shape:
        if variable.__constraints__:
            return _union([self.of(constraint) for constraint in variable.__constraints__])
        return ANY if variable.__bound__ is None else self.of(variable.__bound__)

    def _class(self, cls: Any) -> Shape:
        if issubclass(cls, enum.Enum):
            return {"kind": "enum", "home": _home(cls), "values": [*cls.__members__]}
        if cls.__module__.partition(".")[0] in _KNOWN_MODULES:
            return {"kind": "known", "home": _known_home(cls)}
        if self._depth >= _DEEPEST:
            return UNKNOWN
        return self._typed_dict(cls) if hasattr(cls, "__required_keys__") else self._own_class(cls)

    def _own_class(self, cls: Any) -> Shape:
        if getattr(cls, "_is_protocol", False) or inspect.isabstract(cls):
            return self._standing_in(cls)
        parameters = class_parameters(cls, self._depth + 1)
        if parameters is None:
            return UNKNOWN
        return {"kind": "instance", "home": _home(cls), "parameters": parameters}

    def _standing_in(self, cls: Any) -> Shape:
        """Return what to pass for an abstract class: a derived class, or the attributes of a protocol."""
        derived = concrete(cls)
        if derived is not None:
            return Shapes(_namespace_of(derived), self._depth + 1).of(derived)
        if not getattr(cls, "_is_protocol", False):
            return UNKNOWN
        reader = Shapes(_namespace_of(cls), self._depth + 1)
        parameters = [
            {"name": name, "mode": "keyword", "required": True, "shape": reader.of(hint)}
            for name, hint in _attributes_of(cls).items()
        ]
        return {"kind": "namespace", "parameters": parameters} if parameters else UNKNOWN

    def _typed_dict(self, cls: Any) -> Shape:
        reader = Shapes(_namespace_of(cls), self._depth + 1)
        parameters = [
            {
                "name": name,
                "mode": "keyword",
                "required": name in cls.__required_keys__,
                "shape": reader.of(hint),
            }
            for name, hint in cls.__annotations__.items()
        ]
        return {"kind": "typed dict", "parameters": parameters}


def concrete(cls: Any) -> Any:
    """Return a public concrete subclass of an abstract class that can be created; None if there is none."""
    found = [each for each in _derived(cls) if not inspect.isabstract(each) and _home(each) is not None]
    return min(found, key=lambda each: (each.__module__, each.__qualname__), default=None)


def _derived(cls: Any) -> list[Any]:
    derived = [each for each in type.__subclasses__(cls) if not getattr(each, "_is_protocol", False)]
    return [*derived, *(deeper for each in derived for deeper in _derived(each))]


def _attributes_of(protocol: Any) -> dict[str, Any]:
    """Return the public attributes of a protocol with their annotations; for methods, the return types."""
    found: dict[str, Any] = {}
    for base in reversed(protocol.__mro__):
        if getattr(base, "_is_protocol", False):
            found.update(getattr(base, "__annotations__", {}))
            methods = {name: each for name, each in vars(base).items() if inspect.isfunction(each)}
            found.update((name, Callable[..., _returned(each)]) for name, each in methods.items())
    return {name: hint for name, hint in found.items() if not name.startswith("_")}


def _returned(function: Any) -> Any:
    hint = getattr(function, "__annotations__", {}).get("return", Any)
    return typing.ForwardRef(hint) if isinstance(hint, str) else hint


def _known_home(cls: Any) -> list[str]:
    """Return where a standard library class is imported from; it may be defined in a private module."""
    top = cls.__module__.partition(".")[0]
    is_there = getattr(sys.modules.get(top), cls.__qualname__, None) is cls
    return [top if is_there else cls.__module__, cls.__qualname__]


def _union(options: list[Shape]) -> Shape:
    flat: list[Shape] = []
    for option in options:
        flat += option["parts"] if option["kind"] == "union" else [option]
    return {"kind": "union", "parts": flat}


def _home(cls: Any) -> list[str] | None:
    module = public_home(cls)
    return None if module is None else [module, cls.__qualname__]


def class_parameters(cls: Any, depth: int = 0) -> list[Shape] | None:
    """Return the parameters of a class's constructor; None if unknown."""
    signature = signature_of(cls)
    if signature is None:
        return None
    return parameters_of(signature, Shapes(_namespace_of(cls), depth))


def signature_of(thing: Any) -> inspect.Signature | None:
    """Return the signature of a callable; None if it has none."""
    options: dict[str, Any] = {}
    if sys.version_info >= (3, 14):  # annotations are lazy and may use undefined names
        options["annotation_format"] = importlib.import_module("annotationlib").Format.FORWARDREF
    try:
        return inspect.signature(thing, **options)
    except (TypeError, ValueError, NameError, AttributeError):
        return None


def parameters_of(signature: inspect.Signature, shapes: Shapes) -> list[Shape]:
    """Return a signature's parameters as `{"name", "mode", "required", "default", "shape"}`."""
    return [_parameter(parameter, shapes) for parameter in signature.parameters.values()]


_MODES = {
    inspect.Parameter.POSITIONAL_ONLY: "positional",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "either",
    inspect.Parameter.KEYWORD_ONLY: "keyword",
    inspect.Parameter.VAR_POSITIONAL: "rest",
    inspect.Parameter.VAR_KEYWORD: "keywords",
}


def _parameter(parameter: inspect.Parameter, shapes: Shapes) -> Shape:
    mode = _MODES[parameter.kind]
    has_default = parameter.default is not inspect.Parameter.empty
    shapes.begin()
    default = written(parameter.default, _LONGEST_DEFAULT) if has_default else None
    return {
        "name": parameter.name,
        "mode": mode,
        "required": not has_default and mode in {"positional", "either", "keyword"},
        "default": None if default is None else {"text": default.text, "imports": sorted(default.imports)},
        "shape": shapes.of(parameter.annotation),
    }


def _namespace_of(cls: Any) -> dict[str, Any]:
    constructor = inspect.unwrap(getattr(cls, "__init__", cls))
    module = sys.modules.get(cls.__module__)
    return names_for(constructor, dict(vars(module)) if module else {})


def names_for(function: Any, fallback: dict[str, Any]) -> dict[str, Any]:
    """Return the names that a function's annotations may use, including imports for type checkers."""
    namespace = dict(getattr(function, "__globals__", fallback)) or dict(fallback)
    for name in ("typing", "collections"):
        namespace.setdefault(name, sys.modules[name])
    return {**_checker_imports(namespace), **namespace}


def _checker_imports(namespace: dict[str, Any]) -> dict[str, Any]:
    """Return the `TYPE_CHECKING` imports of a module; each module is read once."""
    path = namespace.get("__file__")
    if path not in _CHECKED:
        _CHECKED[path] = _carried_out(namespace)
    return _CHECKED[path]


_CHECKED: dict[Any, dict[str, Any]] = {}


def _carried_out(namespace: dict[str, Any]) -> dict[str, Any]:
    """Execute a module's `TYPE_CHECKING` imports one by one."""
    found: dict[str, Any] = {name: namespace.get(name) for name in ("__package__", "__name__", "__spec__")}
    for line in _checker_lines(namespace.get("__file__")):
        try:
            exec(line, found)  # noqa: S102 - in the sandbox
        except Exception:  # noqa: BLE001, S112 - such imports need not work at run time
            continue
    return found


def _checker_lines(path: str | None) -> list[str]:
    if not path or not path.endswith(".py"):
        return []
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a loader may return any kind of path
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return []
    blocks = [
        node for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    ]
    return [ast.unparse(statement) for block in blocks for statement in block.body]
