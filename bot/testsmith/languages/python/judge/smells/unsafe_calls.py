"""Detect access to programs, dynamic code, foreign memory and the environment.

Tests run on CI runners and laptops, with whatever these contain. Runs cannot show what a test would do there
under conditions that did not occur while it was proven, so it is detected in the source.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping

from testsmith.languages.python.judge.smells.test_function import TestFunction, bindings_of
from testsmith.languages.python.judge.test_reading.situations import dotted_name

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
_TEXT = frozenset(
    {
        *("eval", "exec", "compile", "builtins.eval", "builtins.exec", "builtins.compile"),
        *("__builtins__.eval", "__builtins__.exec", "__builtins__.compile"),
        *("code.InteractiveConsole", "code.InteractiveInterpreter", "code.interact"),
        *(
            "cProfile.run",
            "cProfile.runctx",
            "profile.run",
            "profile.runctx",
            "marshal.load",
            "marshal.loads",
        ),
        *("runpy.run_module", "runpy.run_path", "timeit.Timer", "timeit.repeat", "timeit.timeit"),
    }
)
_IMPORTING = frozenset({"__import__", "import_module", "resolve_name"})
_ENVIRONMENT = frozenset({"os.environ", "os.environb"})
_READING = frozenset({"os.getenv", "os.getenvb"})
_MODULES = frozenset(
    {"__builtins__", "builtins", "ctypes", "importlib", "os", "posix", "pty", "runpy", "subprocess"}
)
"""Modules that a test may use as a value only to patch one of their names."""

_OF_FILES = (
    "chmod",
    "link",
    "mkdir",
    "remove",
    "rename",
    "replace",
    "rmdir",
    "symlink",
    "truncate",
    "unlink",
)
_CHANGING = frozenset(
    {
        *(f"shutil.{name}" for name in ("copy", "copy2", "copyfile", "copytree", "move", "rmtree")),
        *(f"{owner}.{name}" for owner in ("os", "pathlib.Path") for name in _OF_FILES),
        *(f"pathlib.Path.{name}" for name in ("write_bytes", "write_text")),
        *("os.kill", "os.killpg", "os.makedirs", "os.removedirs", "os.renames"),
        *("urllib.request.urlopen", "urllib.request.urlretrieve", "webbrowser.open"),
    }
)
_CHANGING_MODULES = frozenset({"shutil", "socket", "webbrowser"})
"""Modules that change files or use the network. If passed on, their functions may be called unseen."""

_PUTTING = frozenset({"delattr", "delitem", "dict", "object", "patch", "setattr", "setitem"})
_KEEPING = frozenset({"delenv", "delitem", "setenv", "setitem"})
_OF_MOCKS = ("assert_", "call_", "called", "mock_calls", "return_value", "side_effect")


def runs_programs(function: TestFunction) -> Iterator[ast.AST]:
    """Yield what may start a program. Inspecting a double of such a function is allowed."""
    for node, parent in _values(function):
        if _is_among(function.origin(node), _PROGRAMS):
            yield _used(node, parent)
    for part, parent in function.reached:
        is_value = not isinstance(parent, ast.Attribute) and not is_replaced(part, parent, function)
        if is_value and _is_whole_module(part, function, _MODULES):
            yield _used(part, parent)


def _used(node: ast.AST, parent: ast.AST | None) -> ast.AST:
    """Return the expression in which a name is used, for example its call; else the name."""
    return parent if isinstance(parent, ast.expr | ast.keyword) else node


def _is_among(origin: str, known: frozenset[str]) -> bool:
    """Return whether a name is in the list, also through another module: `shutil.os.system`."""
    return not known.isdisjoint({origin, ".".join(origin.split(".")[-2:])})


def _is_whole_module(node: ast.AST, function: TestFunction, known: frozenset[str]) -> bool:
    """Return whether a node passes on one of these modules as a whole."""
    match node:
        case ast.Name():
            return function.origin(node) in known
        case ast.Attribute(attr=name):
            is_imported = dotted_name(node).partition(".")[0] in function.names.imported
            return name in known and is_imported and isinstance(node.ctx, ast.Load)
        case ast.ImportFrom(module=module, names=[ast.alias(name="*")]):
            return module in known
    return False


def hands_on_changes(function: TestFunction) -> Iterator[ast.AST]:
    """Yield where it passes on a function that changes files or uses the network."""
    for node, parent in function.reached:
        is_change = isinstance(node, ast.Name | ast.Attribute) and _is_among(function.origin(node), _CHANGING)
        if (
            (is_change or _is_whole_module(node, function, _CHANGING_MODULES))
            and not _is_called_or_watched(node, parent)
            and not is_replaced(node, parent, function)
        ):
            yield _used(node, parent)


def _is_called_or_watched(node: ast.AST, parent: ast.AST | None) -> bool:
    match parent:
        case ast.Call(func=called):
            return called is node
        case ast.keyword(arg="wraps") | ast.Attribute():
            return True
    return isinstance(getattr(node, "ctx", None), ast.Store)


def runs_text(function: TestFunction) -> Iterator[ast.AST]:
    """Yield what may run code made from a string."""
    defined = {node.name for node, _ in function.reached if isinstance(node, ast.FunctionDef)}
    known = _TEXT - defined
    for node, parent in _values(function):
        if _is_among(function.origin(node), known):
            yield _used(node, parent)


def imports_by_text(function: TestFunction) -> Iterator[ast.AST]:
    """Yield what imports a standard library module, or an unknown one, by a string."""
    bound: dict[str, list[ast.expr]] = {}
    for node, _ in function.reached:
        for name, value in bindings_of(node):
            bound.setdefault(name, []).append(value)
    for node, parent in function.reached:
        if any(_may_be_of_the_library(text, bound) for text in _named_by(node, function)):
            yield _used(node, parent)


def _named_by(node: ast.AST, function: TestFunction) -> Iterator[ast.expr]:
    """Yield the strings by which a node imports modules."""
    match node:
        case ast.Call(func=called, args=[first, *_]) if function.last(called) in _IMPORTING:
            yield first
        case (
            ast.Subscript(value=table, slice=key, ctx=ast.Load())
            | ast.Call(func=ast.Attribute(value=table, attr="get" | "pop"), args=[key, *_])
        ) if _is_among(function.origin(table), frozenset({"sys.modules"})):
            if isinstance(key, ast.Constant | ast.BinOp):
                yield key
        case ast.Constant(value="__builtins__"):
            yield node


def _may_be_of_the_library(text: ast.expr, bound: Mapping[str, list[ast.expr]]) -> bool:
    texts = bound.get(text.id, [text]) if isinstance(text, ast.Name) else [text]
    roots = {_text(one).partition(".")[0].partition(":")[0] for one in texts}
    return "" in roots or "__builtins__" in roots or not roots.isdisjoint(sys.stdlib_module_names)


def uses_foreign_memory(function: TestFunction) -> Iterator[ast.AST]:
    """Yield what calls into native libraries."""
    for node, parent in _values(function):
        if function.origin(node).partition(".")[0] in {"ctypes", "cffi"}:
            yield _used(node, parent)


def reads_the_environment(function: TestFunction) -> Iterator[ast.AST]:
    """Yield where it reads environment variables that it has not set, for example by `monkeypatch`."""
    nodes = function.reached
    kept = {key for node, _ in nodes for key in _kept_keys(node, function)}
    parents = {id(node): parent for node, parent in nodes}
    for node, parent in nodes:
        if not isinstance(node, ast.Attribute | ast.Name) or isinstance(
            getattr(node, "ctx", None), ast.Store
        ):
            continue
        origin = function.origin(node)
        if not _is_among(origin, _ENVIRONMENT | _READING) or is_replaced(node, parent, function):
            continue
        key = _key_of(node, parent, parents)
        if key is None or (key and key not in kept):
            yield _used(node, parents.get(id(parent)) if isinstance(parent, ast.Attribute) else parent)


def _values(function: TestFunction) -> Iterator[tuple[ast.expr, ast.AST | None]]:
    """Yield names that are used, except to inspect the calls of a double."""
    for node, parent in function.reached:
        if not isinstance(node, ast.Name | ast.Attribute) or not isinstance(node.ctx, ast.Load):
            continue
        if not (isinstance(parent, ast.Attribute) and parent.attr.startswith(_OF_MOCKS)):
            yield node, parent


def is_replaced(node: ast.AST, parent: ast.AST | None, function: TestFunction) -> bool:
    """Return whether an object is passed to `monkeypatch` or `patch` to be replaced."""
    match parent:
        case ast.Call(func=ast.Attribute() as called, args=[first, *_]):
            return first is node and function.last(called) in _PUTTING
    return False


def _kept_keys(node: ast.AST, function: TestFunction) -> Iterator[str]:
    """Yield the variables that a node sets or removes. Other smells check whether it restores them."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
        if _is_among(function.origin(node.value), _ENVIRONMENT) and (key := _text(node.slice)):
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
    """Return a string literal's value; empty for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _key_of(node: ast.AST, parent: ast.AST | None, parents: Mapping[int, ast.AST | None]) -> str | None:
    """Return the variable that is read; empty for a write, None if unknown."""
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
