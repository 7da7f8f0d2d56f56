"""Test modules that reach into what runs them: pytest's inside, the bot's, frames, code objects.

A test runs in one process with what judges it, so it could pass by changing the judge. No list can name every
way to do so; this one names those that an honest test has no use for.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from bot.verification.reading.situations import dotted_name
from bot.verification.smells.assertions import TestFunction

_INSIDES = frozenset({"_pytest", "pluggy", "_testsmith_worker"})
_NAMES = frozenset(
    {
        # What ends a process without a word.
        "_exit",
        # What finds any object there is, and what changes it past its type.
        *("get_objects", "get_referrers", "get_referents", "pythonapi", "py_object", "__subclasses__"),
        # The code and the variables of others.
        *("__code__", "__globals__", "_getframe", "_current_frames", "f_back", "f_globals", "f_locals"),
        # What watches code, so also what the bot watches by.
        *("settrace", "setprofile", "sys.monitoring"),
    }
)
_PART_OF_PYTEST = re.compile(r"(?:_pytest|pluggy|_testsmith_worker)(?:\.\w+)*|pytest(?:\.\w+)+")


def tampers(function: TestFunction) -> str | None:
    """Its module reaches into what runs it."""
    own = function.names.member.plain_name
    found = next((name for node in ast.walk(function.module) for name in _reached(node) if name != own), None)
    return None if found is None else f"reaches into what runs it: `{found}`"


def equals_anything(function: TestFunction) -> str | None:
    """Its module makes an object that is equal to whatever it is compared with."""
    found = any(map(_equals_anything, ast.walk(function.module)))
    return "compares with an object that is equal to anything" if found else None


def _equals_anything(node: ast.AST) -> bool:
    match node:
        case ast.FunctionDef(name="__eq__", body=[*_, ast.Return(value=ast.Constant(value=True))]):
            return True
        case ast.Assign(targets=[ast.Name(id="__eq__")], value=ast.Lambda(body=ast.Constant(value=True))):
            return True
    return False


def _reached(node: ast.AST) -> Iterator[str]:
    """Yield what a node names of the machinery."""
    match node:
        case ast.Import(names=names):
            yield from (one.name for one in names if _is_inside(one.name))
        case ast.ImportFrom(module=str(module), names=names):
            if _is_inside(module):
                yield module
            yield from (one.name for one in names if {one.name, f"{module}.{one.name}"} & _NAMES)
        case ast.Attribute(attr=attribute):
            name = dotted_name(node)
            yield from (known for known in (attribute, name) if known in _NAMES)
            if isinstance(node.ctx, ast.Store | ast.Del) and _PART_OF_PYTEST.fullmatch(name):
                yield name
        case ast.Constant(value=str(text)):
            if text in _NAMES or _PART_OF_PYTEST.fullmatch(text):
                yield text
        case ast.FunctionDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
            if name.startswith("pytest_"):
                yield name


def _is_inside(module: str) -> bool:
    return module.partition(".")[0] in _INSIDES
