"""What a test function does to the world around it, told from its syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Collection

from bot.verification.assertions import TestFunction, bindings_of

_WRITING_METHODS = frozenset({"write_text", "write_bytes", "mkdir", "touch", "unlink", "rmdir", "rename"})
_WRITING_CALLS = frozenset(
    {"os.mkdir", "os.makedirs", "os.remove", "os.unlink", "os.rename", "os.rmdir", "shutil.rmtree"}
)
_MUTATING_METHODS = frozenset(
    {
        "append",
        "extend",
        "insert",
        "pop",
        "popitem",
        "clear",
        "update",
        "setdefault",
        "remove",
        "add",
        "discard",
    }
)


def is_zero(call: ast.Call) -> bool:
    """Tell whether a call's first argument is a plain zero."""
    return bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0


def _is_path_text(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            return True
    return False


def _opens_for_writing(call: ast.Call) -> bool:
    named = [keyword.value for keyword in call.keywords if keyword.arg == "mode"]
    modes = [node.value for node in [*call.args[1:2], *named] if isinstance(node, ast.Constant)]
    return any(isinstance(mode, str) and not {"w", "a", "x", "+"}.isdisjoint(mode) for mode in modes)


def _writes_to_literal_path(function: TestFunction, call: ast.Call) -> bool:
    match call.func:
        case ast.Attribute(value=ast.Call(func=made, args=[path, *_]), attr=method):
            return method in _WRITING_METHODS and function.last(made) == "Path" and _is_path_text(path)
    return False


def _module_variables(module: ast.Module) -> frozenset[str]:
    """Return the variables of a module that can be changed in place."""
    return frozenset(
        name
        for statement in module.body
        for name, value in bindings_of(statement)
        if not isinstance(value, ast.Constant | ast.Tuple)
    )


def _is_shared(function: TestFunction, target: ast.expr, shared: Collection[str]) -> bool:
    """Tell whether an assignment reaches into a module or one of its variables."""
    match target:
        case ast.Subscript(value=value):
            return _is_global(function, value, shared)
        case ast.Attribute(value=ast.Name(id=name)):
            return name in shared or _is_module(function, name)
    return False


def _is_global(function: TestFunction, node: ast.expr, shared: Collection[str]) -> bool:
    match node:
        case ast.Name(id=name):
            return name in shared and name not in function.local_names
        case ast.Attribute(value=ast.Name(id=name)):
            return _is_module(function, name)
    return False


def _is_module(function: TestFunction, name: str) -> bool:
    """Tell whether a name stands for a module, as far as its import tells."""
    origin = function.names.imported.get(name)
    return origin is not None and origin.rpartition(".")[2].islower() and name not in function.local_names


def writes_outside_its_folder(function: TestFunction) -> bool:
    """Tell whether it writes to a place named by a literal path: that is the reviewer's own folder."""
    calls = list(function.calls(function.node))
    if any(function.last(call.func) == "chdir" for _, call in calls):
        return False
    return any(
        (origin == "open" and _opens_for_writing(call) and _is_path_text(call.args[0]))
        or (origin in _WRITING_CALLS and _is_path_text(call.args[0]))
        or _writes_to_literal_path(function, call)
        for origin, call in calls
        if call.args or not origin
    )


def changes_global_state(function: TestFunction) -> bool:
    """Tell whether it changes what other tests see, by itself rather than by `monkeypatch`."""
    shared = _module_variables(function.module)
    for node in function.nodes:
        match node:
            case ast.Global():
                return True
            case ast.Assign(targets=targets) if any(_is_shared(function, one, shared) for one in targets):
                return True
            case ast.Call(func=ast.Attribute(value=changed, attr=attribute)) if (
                attribute in _MUTATING_METHODS and _is_global(function, changed, shared)
            ):
                return True
    return False
