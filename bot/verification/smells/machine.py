"""What of the machine a test function reaches: programs, code made of text, foreign memory, the environment.

A test is run on a runner and on laptops, with whatever these hold. What it could do there under a condition
that did not hold while it was proven is not shown by any run, so these are found in its text.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from bot.verification.smells.assertions import TestFunction

_SPAWNING = ("run", "call", "check_call", "check_output", "Popen", "getoutput", "getstatusoutput")
_PROGRAMS = frozenset(
    {
        *(f"subprocess.{name}" for name in _SPAWNING),
        *(f"os.{name}" for name in ("system", "popen", "startfile", "fork", "forkpty")),
        *(f"os.{name}" for name in ("posix_spawn", "posix_spawnp")),
        *(f"os.exec{how}" for how in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")),
        *(f"os.spawn{how}" for how in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")),
        "asyncio.create_subprocess_exec",
        "asyncio.create_subprocess_shell",
        "asyncio.subprocess.create_subprocess_exec",
        "asyncio.subprocess.create_subprocess_shell",
        "pty.fork",
        "pty.spawn",
    }
)
_TEXT = frozenset({"eval", "exec", "compile", "builtins.eval", "builtins.exec", "builtins.compile"})
_ENVIRONMENT = frozenset({"os.environ", "os.environb"})
_READING = frozenset({"os.getenv", "os.getenvb"})
_MODULES = frozenset({"builtins", "ctypes", "os", "pty", "subprocess"})
"""Modules that a test needs as a value only to put something else in the place of one of their names."""

_PUTTING = frozenset({"delattr", "delitem", "dict", "object", "patch", "setattr", "setitem"})
_KEEPING = frozenset({"delenv", "delitem", "setenv", "setitem"})
_OF_MOCKS = ("assert_", "call_", "called", "mock_calls", "return_value", "side_effect")


def runs_programs(function: TestFunction) -> bool:
    """Tell whether it may start a program; that a double of what would is looked at is nothing."""
    return any(function.origin(node) in _PROGRAMS for node in _values(function)) or any(
        function.origin(node) in _MODULES and not _is_replaced(node, parent, function)
        for node, parent in function.reached
        if isinstance(node, ast.Name) and not isinstance(parent, ast.Attribute)
    )


def runs_text(function: TestFunction) -> bool:
    """Tell whether it may run code that it makes of text."""
    defined = {node.name for node, _ in function.reached if isinstance(node, ast.FunctionDef)}
    return any(function.origin(node) in _TEXT - defined for node in _values(function))


def uses_foreign_memory(function: TestFunction) -> bool:
    """Tell whether it calls into libraries past the interpreter."""
    roots = {function.origin(node).partition(".")[0] for node in _values(function)}
    return not roots.isdisjoint({"ctypes", "cffi"})


def reads_the_environment(function: TestFunction) -> bool:
    """Tell whether it reads variables of the environment that it has not set, as by `monkeypatch`."""
    nodes = function.reached
    kept = {key for node, _ in nodes for key in _kept_keys(node, function)}
    parents = {id(node): parent for node, parent in nodes}
    for node, parent in nodes:
        if not isinstance(node, ast.Attribute | ast.Name) or isinstance(
            getattr(node, "ctx", None), ast.Store
        ):
            continue
        origin = function.origin(node)
        if origin not in _ENVIRONMENT | _READING or _is_replaced(node, parent, function):
            continue
        key = _key_of(node, parent, parents)
        if key is None or (key and key not in kept):
            return True
    return False


def _values(function: TestFunction) -> Iterator[ast.expr]:
    """Yield the names that are used in any way but to look at what a double was called with."""
    for node, parent in function.reached:
        if not isinstance(node, ast.Name | ast.Attribute) or not isinstance(node.ctx, ast.Load):
            continue
        if not (isinstance(parent, ast.Attribute) and parent.attr.startswith(_OF_MOCKS)):
            yield node


def _is_replaced(node: ast.AST, parent: ast.AST | None, function: TestFunction) -> bool:
    """Tell whether a thing is handed to `monkeypatch` or `patch`, for something to be put in its place."""
    match parent:
        case ast.Call(func=ast.Attribute() as called, args=[first, *_]):
            return first is node and function.last(called) in _PUTTING
    return False


def _kept_keys(node: ast.AST, function: TestFunction) -> Iterator[str]:
    """Yield the variables that a node sets or removes; whether it puts them back, other smells ask."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
        if function.origin(node.value) in _ENVIRONMENT and (key := _text(node.slice)):
            yield key
        return
    if not isinstance(node, ast.Call):
        return
    last = function.last(node.func)
    if last in _KEEPING:
        yield from (key for one in node.args[:2] if (key := _text(one)))
    elif last == "dict":
        yield from (keyword.arg for keyword in node.keywords if keyword.arg)
        tables = [one for one in node.args if isinstance(one, ast.Dict)]
        yield from (key for table in tables for one in table.keys if (key := _text(one)))


def _text(node: ast.AST | None) -> str:
    """Return a literal text; empty for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _key_of(node: ast.AST, parent: ast.AST | None, parents: Mapping[int, ast.AST | None]) -> str | None:
    """Return the variable that is read; empty where something is written, None where that is not known."""
    key: ast.AST | None = None
    match parent:
        case ast.Subscript(slice=found, ctx=ctx):
            if not isinstance(ctx, ast.Load):
                return ""
            key = found
        case ast.Compare(left=found, ops=[ast.In() | ast.NotIn()]) if found is not node:
            key = found
        case ast.Call(func=called, args=[found, *_]) if called is node:
            key = found
        case ast.Attribute(attr="get" | "pop" | "setdefault") as method:
            call = parents.get(id(method))
            key = call.args[0] if isinstance(call, ast.Call) and call.args else None
        case ast.Attribute(attr="update" | "clear"):
            return ""
    return _text(key) or None
