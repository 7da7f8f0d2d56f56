"""What a test has made itself: literals, mocks, and what is made of them and was given to nobody."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterator

from testsmith.languages.python.test_modules import is_fixture
from testsmith.verification.reading.situations import is_literal
from testsmith.verification.smells.assertions import TestFunction, bindings_of, is_testcase_call
from testsmith.verification.smells.sharing import names_in, with_reachable

_MOCKS = frozenset(
    {"Mock", "MagicMock", "AsyncMock", "NonCallableMock", "PropertyMock", "create_autospec", "patch"}
)
_SET_ON_MOCKS = frozenset({"return_value", "side_effect"})
_RECORDED = frozenset(
    {"await_args", "await_args_list", "call_args", "call_args_list", "method_calls", "mock_calls"}
)
"""What a mock remembers of those who called it."""

_PURE = frozenset(
    {
        "abs",
        "all",
        "any",
        "bool",
        "bytes",
        "dict",
        "float",
        "frozenset",
        "int",
        "isinstance",
        "len",
        "list",
        "max",
        "min",
        "range",
        "repr",
        "reversed",
        "round",
        "set",
        "sorted",
        "str",
        "sum",
        "tuple",
        "type",
        "zip",
    }
)


def own_names(function: TestFunction) -> frozenset[str]:
    """Return the variables that hold literals, mocks and what is made of them, and went nowhere else."""
    own = set(_given_literals(function))
    for node in function.nodes:
        for name, value in (*bindings_of(node), *_looped(node)):
            if is_own(function, value, own):
                own.add(name)
    own -= _by_chance(function)
    while lost := own & (_given_away(function, own) | _foreign(function, own)):
        own -= lost
    return frozenset(own)


def _given_literals(function: TestFunction) -> Iterator[str]:
    """Yield the parameters that rows or fixtures of the module give plain values."""
    parameters = {argument.arg for argument in function.node.args.args}
    functions = function.of.functions_of(function.module)
    for node in (functions[name] for name in parameters & functions.keys()):
        match node.body[-1]:
            case ast.Return(value=ast.expr() as value):
                if is_fixture(node) and is_literal(value):
                    yield node.name
    shared = function.of.shared
    for mark in function.marks:
        rows = shared.values_of(mark)
        for name in rows[0] if rows else ():
            if name in parameters and all(name in row and is_literal(row[name]) for row in rows):
                yield name


def _given_away(function: TestFunction, own: Collection[str]) -> frozenset[str]:
    """Return the names that foreign code may have changed the values of."""
    given = _run_elsewhere(function, own)
    for call in function.body.calls():
        if not _is_own_call(function, call.func, own):
            values = [*call.args, *(keyword.value for keyword in call.keywords)]
            given |= {name for value in values for name in names_in(value)}
    return with_reachable(given, function.nodes)


def _run_elsewhere(function: TestFunction, own: Collection[str]) -> set[str]:
    """Return the classes inside a test, whose methods others call, and its functions that others decorate."""
    definitions = [
        node
        for node in function.nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and node is not function.node
    ]
    return {
        node.name
        for node in definitions
        if isinstance(node, ast.ClassDef)
        or not all(is_own(function, decorator, own) for decorator in node.decorator_list)
    }


def _foreign(function: TestFunction, own: Collection[str]) -> frozenset[str]:
    """Return the names that are also bound to something foreign, or take something foreign in."""
    found: set[str] = set()
    for node in function.nodes:
        for name, value in _taken_in(node):
            if not is_own(function, value, own):
                found.add(name)
    return frozenset(found)


def _taken_in(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the variables whose value a node has a part in, each with what goes into it."""
    yield from bindings_of(node)
    yield from _looped(node)
    match node:
        case ast.AugAssign(target=target, value=value):
            yield from ((name, value) for name in _roots([target]))
        case ast.Assign(targets=targets, value=value):
            yield from ((name, value) for name in _roots(targets))
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name)), args=args, keywords=keywords):
            yield from ((name, value) for value in (*args, *(keyword.value for keyword in keywords)))


def _looped(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the variables of a loop, each with what is looped over."""
    match node:
        case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
            yield from ((name, value) for name in _roots([target]))


def _roots(targets: Collection[ast.expr]) -> Iterator[str]:
    for target in targets:
        yield from (node.id for node in ast.walk(target) if isinstance(node, ast.Name))


def _by_chance(function: TestFunction) -> frozenset[str]:
    """Return the names that are bound in several places, some of which foreign code decides about."""
    deciding = (ast.If, ast.For, ast.While, ast.Try, ast.With, ast.AsyncWith)
    counts: Counter[str] = Counter()
    decided: set[str] = set()
    for node in function.nodes:
        counts.update(name for name, _ in bindings_of(node))
        if isinstance(node, deciding):
            decided |= {name for part in ast.walk(node) for name, _ in bindings_of(part)}
        if isinstance(node, ast.AugAssign):
            decided |= set(_roots([node.target]))
            counts.update(_roots([node.target]))
    return frozenset(name for name in decided if counts[name] > 1)


def is_own(function: TestFunction, value: ast.expr, own: Collection[str]) -> bool:
    """Tell whether nothing but literals, mocks and own variables goes into a value."""
    if _is_set_on_a_mock(function, value):
        return True
    match value:
        case ast.Compare(left=left, comparators=[right]):
            return all(is_own(function, one, own) for one in (left, right))
    if any(isinstance(node, ast.Attribute) and node.attr in _RECORDED for node in ast.walk(value)):
        return False
    called = {id(node) for _, call in function.calls(value) for node in ast.walk(call.func)}
    bound = {
        name
        for node in ast.walk(value)
        if isinstance(node, ast.comprehension)
        for name in _roots([node.target])
    }
    names = [node for node in ast.walk(value) if isinstance(node, ast.Name) and id(node) not in called]
    return all(_is_own_call(function, call.func, own) for _, call in function.calls(value)) and all(
        node.id in own or node.id in bound or _is_pure(function, node) for node in names
    )


def _is_set_on_a_mock(function: TestFunction, value: ast.expr) -> bool:
    """Tell whether it is what a test gives a mock to answer, looked up again."""
    match value:
        case ast.Attribute(value=ast.Name(id=name), attr=attribute):
            bound = [made for node in function.nodes for known, made in bindings_of(node) if known == name]
            mocks = [
                made for made in bound if isinstance(made, ast.Call) and _makes_mock(function, made.func)
            ]
            return attribute in _SET_ON_MOCKS and bool(bound) and len(mocks) == len(bound)
    return False


def _makes_mock(function: TestFunction, called: ast.expr) -> bool:
    return function.last(called) in _MOCKS or function.origin(called).startswith("unittest.mock")


def _is_own_call(function: TestFunction, called: ast.expr, own: Collection[str]) -> bool:
    root = called
    while isinstance(root, ast.Attribute | ast.Call):
        root = root.value if isinstance(root, ast.Attribute) else root.func
    if isinstance(root, ast.Constant | ast.List | ast.Dict | ast.Tuple | ast.Set | ast.JoinedStr):
        return True
    name = root.id if isinstance(root, ast.Name) else ""
    is_claim = isinstance(called, ast.Attribute) and is_testcase_call(ast.Call(called, [], []))
    is_mock = _makes_mock(function, called) or function.origin(root).startswith("unittest.mock")
    return is_mock or is_claim or name in own or (called is root and _is_pure(function, root))


def _is_pure(function: TestFunction, node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in _PURE and node.id not in function.local_names
