"""Detect changes to global state that other tests can see, by syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from testsmith.languages.python.judge.smells.test_function import Body, TestFunction, bindings_of
from testsmith.languages.python.judge.test_reading.situations import dotted_name

_MUTATING_METHODS = frozenset(
    {
        "add",
        "append",
        "clear",
        "discard",
        "extend",
        "insert",
        "pop",
        "popitem",
        "remove",
        "reverse",
        "setdefault",
        "sort",
        "update",
    }
)
_CHANGING_CALLS = frozenset(
    {
        "asyncio.set_event_loop",
        "asyncio.set_event_loop_policy",
        "atexit.register",
        "decimal.setcontext",
        "gc.disable",
        "importlib.reload",
        "locale.setlocale",
        "logging.basicConfig",
        "logging.disable",
        "numpy.random.seed",
        "os.chdir",
        "os.putenv",
        "os.umask",
        "os.unsetenv",
        "random.seed",
        "signal.signal",
        "socket.setdefaulttimeout",
        "sys.setrecursionlimit",
        "time.tzset",
    }
)
_PUTS_BACK = frozenset({"addCleanup", "addfinalizer", "enter_context", "enterContext", "stopall"})


def changes_global_state(function: TestFunction) -> Iterator[ast.AST]:
    """Yield what changes state that other tests see, without `monkeypatch`.

    State that is restored in a `finally`, after a fixture's `yield` or in a cleanup is allowed. So is what
    the helpers and fixtures of the project's own tests change.
    """
    if any(function.last(call.func) in _PUTS_BACK for _, call, _ in function.all_calls()):
        return
    own = _module_variables(function)
    state = _State(function, own)
    loaded = [node for statement in function.module.body for node in _run_at_import(statement)]
    yield from (node for node in loaded if state.changed_by(node, own))
    for body in function.bodies:
        if function.is_new(body):
            yield from state.changed_in(body)


def _run_at_import(statement: ast.stmt) -> Iterator[ast.AST]:
    """Yield the effects of a module-level statement, except those needed for imports."""
    match statement:
        case ast.Expr(value=ast.Call(func=called) as call):
            if not dotted_name(called).startswith("sys.path."):
                yield call
        case ast.Assign() | ast.AugAssign() | ast.Delete():
            yield statement


def _module_variables(function: TestFunction) -> frozenset[str]:
    """Return the module variables that can be changed in place."""
    values = function.of.values.items()
    return frozenset(name for name, value in values if not isinstance(value, ast.Constant | ast.Tuple))


class _State:
    """Detects which nodes of a function change a module, a module variable, or a test class."""

    def __init__(self, function: TestFunction, shared: Collection[str]) -> None:
        self._function = function
        self._shared = shared
        self._class_names = {
            name for suite in function.suites for one in suite.body for name, _ in bindings_of(one)
        }

    def changed_in(self, body: Body) -> Iterator[ast.AST]:
        """Yield what changes something in a body without restoring it."""
        undone = _Undone.of(body)
        for node in body.nodes:
            is_change = self.changed_by(node, body.local_names) and not undone.holds(node)
            if isinstance(node, ast.Global) or is_change:
                yield node
        yield from self._patches_left(body)

    def changed_by(self, node: ast.AST, local: Collection[str]) -> bool:
        """Return whether a node changes state that others see."""
        match node:
            case ast.Assign() | ast.AugAssign() | ast.AnnAssign() | ast.Delete():
                return any(self._is_shared(target, local) for target in _targets(node))
            case ast.Call(func=ast.Name(id="setattr" | "delattr"), args=[changed, *_]):
                return self._is_foreign(changed, local)
            case ast.Call(func=called):
                is_method = isinstance(called, ast.Attribute) and called.attr in _MUTATING_METHODS
                changes = self._function.origin(called) in _CHANGING_CALLS
                return changes or (
                    is_method and isinstance(called, ast.Attribute) and self._is_global(called.value, local)
                )
        return False

    def _is_shared(self, target: ast.expr, local: Collection[str]) -> bool:
        """Return whether an assignment changes a module or one of its variables."""
        match target:
            case ast.Subscript(value=value):
                return self._is_global(value, local)
            case ast.Attribute(value=ast.Name(id="self"), attr=attribute):
                return False if attribute not in self._class_names else self._is_mutable_of_class(attribute)
            case ast.Attribute(value=value):
                return self._is_global(value, local)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                return any(self._is_shared(part, local) for part in parts)
        return False

    def _is_mutable_of_class(self, attribute: str) -> bool:
        """Return whether a test class attribute holds a value that `+=` changes in place."""
        values = [
            value
            for suite in self._function.suites
            for one in suite.body
            for name, value in bindings_of(one)
            if name == attribute
        ]
        augmented = [
            node.target.attr
            for body in self._function.bodies
            for node in body.nodes
            if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Attribute)
        ]
        mutable = any(isinstance(value, ast.List | ast.Dict | ast.Set | ast.Call) for value in values)
        return mutable and attribute in augmented

    def _is_global(self, node: ast.expr, local: Collection[str]) -> bool:
        match node:
            case ast.Name(id=name):
                return name not in local and (name in self._shared or self._is_foreign(node, local))
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=attribute):
                return attribute in self._class_names
            case ast.Attribute(value=value):
                return self._is_foreign(value, local)
            case ast.Call(func=called):
                return self._function.origin(called) in {"decimal.getcontext", "vars"}
        return False

    def _is_foreign(self, node: ast.expr, local: Collection[str]) -> bool:
        """Return whether a dotted name begins with an imported name."""
        root = dotted_name(node).partition(".")[0]
        return root in self._function.names.imported and root not in local

    def _patches_left(self, body: Body) -> Iterator[ast.AST]:
        """Yield the patches that it starts and never stops."""
        patches = [
            (name, value)
            for name, values in body.bindings.items()
            for value in values
            if isinstance(value, ast.Call)
            and self._function.origin(value.func).startswith("unittest.mock.patch")
        ]
        done = {
            (call.func.value.id, call.func.attr)
            for call in body.calls()
            if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name)
        }
        for name, value in patches:
            if (name, "start") in done and (name, "stop") not in done:
                yield value


@dataclass(frozen=True, slots=True)
class _Undone:
    """State that a body restores.

    Attributes:
        behind: Ids of the nodes that restore something.
        targets: Targets that they assign or delete.
        roots: Objects whose methods they call, for example `random` in `random.setstate`.
    """

    behind: frozenset[int]
    targets: frozenset[str]
    roots: frozenset[str]

    @classmethod
    def of(cls, body: Body) -> _Undone:
        nodes = list(_put_back(body))
        calls = [dotted_name(node.func).rpartition(".")[0] for node in nodes if isinstance(node, ast.Call)]
        targets = [ast.dump(_loaded(target)) for node in nodes for target in _targets(node)]
        return cls(frozenset(map(id, nodes)), frozenset(targets), frozenset(calls) - {""})

    def holds(self, node: ast.AST) -> bool:
        """Return whether a node's change is restored, or the node itself restores something."""
        targets = {ast.dump(_loaded(target)) for target in _targets(node)}
        changed = [one.value for one in _targets(node) if isinstance(one, ast.Subscript)]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            changed.append(node.func.value)
        is_restored = bool(targets) and targets <= self.targets
        return id(node) in self.behind or is_restored or bool(self.roots & set(map(dotted_name, changed)))


def _put_back(body: Body) -> Iterator[ast.AST]:
    """Yield the nodes in a `finally`, and those after a fixture's `yield`."""
    for node in body.nodes:
        if isinstance(node, ast.Try):
            yield from (part for one in node.finalbody for part in ast.walk(one))
    yields = [at for at, one in enumerate(body.node.body) if _is_yield(one)]
    if yields:
        yield from (part for one in body.node.body[yields[0] + 1 :] for part in ast.walk(one))


def _is_yield(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr | ast.Assign) and isinstance(statement.value, ast.Yield)


def _targets(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            return targets
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target, value=ast.expr()):
            return [target]
    return []


def _loaded(target: ast.expr) -> ast.expr:
    """Return an assignment target as an expression that is read, so that it can be compared."""
    return ast.parse(ast.unparse(target), mode="eval").body
