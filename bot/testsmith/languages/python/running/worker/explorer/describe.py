"""Describe a member's parameters and its class as JSON data, by inspecting it at run time.

A description is

    {"name", "problem", "home", "parameters", "returns", "generator", "set_to", "owner"}

where `problem` says why the member is not available, or is null; `parameters` is null if unknown; `set_to` is
what a property can be set to. The owner of a method or property, or the class itself, is

    {"home", "kind", "abstract", "members", "builtin", "parameters", "methods", "awaited", "factories",
     "asynchronous", "special"}

where `kind` is class, enum or exception; `members` are the names of an enum's members; `builtin` is the
nearest built-in base class; `methods` are descriptions without an owner, with coroutine functions in
`awaited`; `factories` are class and static methods that are annotated to return the class; `asynchronous`
says whether some of its methods are awaited; `special` lists some special methods.
"""

from __future__ import annotations

import enum
import functools
import importlib
import inspect
import sys
from typing import Any

from .literals import is_private
from .type_schema import (
    UNKNOWN,
    Shape,
    Shapes,
    class_parameters,
    names_for,
    parameters_of,
    signature_of,
)


def describe(module: str, name: str) -> Shape:
    """Return the description of a member by its dotted name in a public module."""
    description: Shape = {"name": name, "problem": None}
    try:
        found, owner = _lookup(module, name)
    except (ImportError, AttributeError) as error:
        return {**description, "problem": f"{type(error).__name__}: {error}"}
    plain = name.rpartition(".")[2]
    if inspect.isclass(found):
        return {**description, "owner": describe_class(found), **_called(found)}
    details = {} if owner is None else {"owner": describe_class(owner)}
    setter = found.fset if isinstance(found, property) else None
    set_to = _called(setter, owner)["parameters"][-1:] if setter is not None else None
    return {**description, **details, **_called(_bound(found, owner, plain), owner), "set_to": set_to}


def _lookup(module: str, name: str) -> tuple[Any, Any]:
    """Return the object with a dotted name, and the class that contains it."""
    found: Any = importlib.import_module(module)
    owner = None
    for part in name.split("."):
        owner = found if inspect.isclass(found) else None
        found = _attribute(found, part)
    return found, owner


def _attribute(thing: Any, name: str) -> Any:
    return inspect.getattr_static(thing, name) if inspect.isclass(thing) else getattr(thing, name)


def _bound(found: Any, owner: Any, name: str) -> Any:
    """Return what is called: a class or static method bound to its class, or a property's getter."""
    if isinstance(found, (classmethod, staticmethod)):
        return getattr(owner, name)
    if isinstance(found, property):
        return found.fget
    return found.func if isinstance(found, functools.cached_property) else found


def _called(thing: Any, owner: Any = None) -> Shape:
    """Return the parameters and the return type of a callable, without `self`."""
    signature = signature_of(thing)
    if signature is None:
        return {"parameters": None, "returns": UNKNOWN, "generator": False}
    function = inspect.unwrap(getattr(thing, "__func__", thing))
    module = sys.modules.get(getattr(thing, "__module__", None) or "")
    shapes = Shapes(names_for(function, dict(vars(module)) if module else {}))
    parameters = class_parameters(thing) if inspect.isclass(thing) else parameters_of(signature, shapes)
    return {
        "parameters": parameters[1:] if parameters and _takes_object(thing, owner) else parameters,
        "returns": shapes.of(signature.return_annotation),
        "generator": inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function),
    }


def _takes_object(thing: Any, owner: Any) -> bool:
    """Return whether a function still has its first parameter, the object."""
    if owner is None or not inspect.isfunction(inspect.unwrap(thing)):
        return False
    return not isinstance(inspect.getattr_static(owner, getattr(thing, "__name__", ""), None), staticmethod)


def describe_class(cls: Any) -> Shape:
    """Return what is needed to create and inspect an object of a class."""
    return {
        "home": [cls.__module__, cls.__qualname__],
        "kind": _class_kind(cls),
        "abstract": inspect.isabstract(cls) or bool(getattr(cls, "_is_protocol", False)),
        "members": [*cls.__members__] if issubclass(cls, enum.Enum) else [],
        "builtin": next((base.__name__ for base in cls.__mro__[1:-1] if base.__module__ == "builtins"), None),
        "parameters": class_parameters(cls),
        "methods": [_method(cls, name) for name in _public(cls, _is_plain_method)],
        "awaited": [_method(cls, name) for name in _public(cls, inspect.iscoroutinefunction)],
        "asynchronous": _is_asynchronous(cls),
        "special": [name for name in SPECIAL if _is_own(cls, name)],
        "factories": [_method(cls, name) for name in _public(cls, functools.partial(_is_factory, cls))],
    }


SPECIAL = ("__enter__", "__exit__", "__aenter__", "__aexit__", "__aiter__", "__anext__", "__call__")
"""Special methods to list if the class has them."""


def _is_asynchronous(cls: Any) -> bool:
    special = any(_is_own(cls, name) for name in ("__aenter__", "__aiter__", "__anext__"))
    return special or any(map(inspect.iscoroutinefunction, vars(cls).values()))


def _is_own(cls: Any, name: str) -> bool:
    """Return whether a class or one of its bases defines a method in Python."""
    return inspect.isfunction(inspect.getattr_static(cls, name, None))


def _class_kind(cls: Any) -> str:
    if issubclass(cls, enum.Enum):
        return "enum"
    return "exception" if issubclass(cls, BaseException) else "class"


def _public(cls: Any, wanted: Any) -> list[str]:
    """Return the names of public attributes of a kind in definition order, those of bases last."""
    found: dict[str, None] = {}
    package = cls.__module__.partition(".")[0]
    for base in cls.__mro__:
        if base.__module__.partition(".")[0] != package:
            continue  # inherited from outside the project
        for name, attribute in vars(base).items():
            if not is_private(name) and wanted(attribute):
                found.setdefault(name)
    return list(found)


def _is_plain_method(attribute: Any) -> bool:
    return inspect.isfunction(attribute) and not inspect.iscoroutinefunction(attribute)


def _is_factory(cls: Any, attribute: Any) -> bool:
    if not isinstance(attribute, (classmethod, staticmethod)):
        return False
    returns = getattr(attribute.__func__, "__annotations__", {}).get("return")
    text = returns if isinstance(returns, str) else getattr(returns, "__name__", "")
    return text.strip("\"'") in {cls.__name__, "Self", "typing.Self"} or returns is cls


def _method(cls: Any, name: str) -> Shape:
    attribute = inspect.getattr_static(cls, name)
    return {"name": name, **_called(_bound(attribute, cls, name), cls)}
