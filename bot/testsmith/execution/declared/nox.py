"""What nox installs for tests: the sessions of `noxfile.py`, read by its syntax tree and never run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from testsmith.execution.declared.names import is_for_something_else, is_for_tests
from testsmith.execution.declared.requirements import Collector, Declared, Read

_RUNNERS = frozenset({"pytest", "py.test", "unittest"})
_MOST_CALLS = 200

Texts = Mapping[str, Sequence[str]]


def read_nox(read: Read) -> Declared:
    """Return what the sessions that run tests install."""
    collector = Collector("noxfile.py", read)
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):  # not Python, or nested too deep
        _take_all(ast.parse(read("noxfile.py") or ""), collector)
    return collector.declared()


def _take_all(module: ast.Module, collector: Collector) -> None:
    constants = dict(_constants(module))
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef) and _is_session(node)]
    for function in functions:
        calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)][:_MOST_CALLS]
        if _runs_tests(function, calls):
            for call in calls:
                _take(call, constants, collector)


def _is_session(function: ast.FunctionDef) -> bool:
    names = (
        decorator.func if isinstance(decorator, ast.Call) else decorator
        for decorator in function.decorator_list
    )
    return any(ast.unparse(name) in {"nox.session", "session"} for name in names)


def _runs_tests(function: ast.FunctionDef, calls: Sequence[ast.Call]) -> bool:
    if is_for_something_else(function.name):
        return False
    said = {
        node.value
        for call in calls
        if _method(call) == "run"
        for node in call.args
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return is_for_tests(function.name) or bool(said & _RUNNERS)


def _take(call: ast.Call, constants: Texts, collector: Collector) -> None:
    """Take what a call of a session installs."""
    words = list(_words(call, constants, collector)) if _installs(call) else []
    match words:
        case ["pip", "install", *rest] | ["uv", "pip", "install", *rest] | ["uv", "sync", *rest]:
            collector.arguments(rest)
        case _ if _method(call) == "install":
            collector.arguments(words)
        case _:
            pass


def _installs(call: ast.Call) -> bool:
    if _method(call) == "install":
        return True
    first = [node.value for node in call.args[:1] if isinstance(node, ast.Constant)]
    return _method(call) in {"run", "run_install", "run_always"} and first in (["pip"], ["uv"])


def _method(call: ast.Call) -> str:
    function = call.func
    is_of_session = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)
    return function.attr if is_of_session and isinstance(function, ast.Attribute) else ""


def _words(call: ast.Call, constants: Texts, collector: Collector) -> Iterator[str]:
    """Yield a call's arguments, as far as they can be read; what `nox.project` returns counts as a group."""
    for node in call.args:
        value = node.value if isinstance(node, ast.Starred) else node
        if isinstance(value, ast.Call) and ast.unparse(value.func).endswith("dependency_groups"):
            collector.groups(text for argument in value.args[1:] for text in _texts(argument, constants))
            continue
        found = _texts(value, constants)
        if found:
            yield from found
        else:
            collector.leave_out(ast.unparse(node))


def _texts(node: ast.expr, constants: Texts) -> Sequence[str]:
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.Name(id=name):
            return constants.get(name, ())
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [text for item in items for text in _texts(item, constants)]
        case _:
            return ()


def _constants(module: ast.Module) -> Iterator[tuple[str, Sequence[str]]]:
    for node in module.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            texts = _texts(node.value, {})
            if texts:
                yield node.targets[0].id, texts
