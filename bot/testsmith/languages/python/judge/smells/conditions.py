"""Detect assertions that may not run, and exceptions that are swallowed."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from testsmith.languages.python.judge.smells.test_function import Body, TestFunction

_BROAD = frozenset({"", "AssertionError", "BaseException", "Exception"})
_Statements = Sequence[ast.stmt]


def asserts_under_a_condition(function: TestFunction) -> str | None:
    """Return a reason if assertions run only if the code under test happens to reach them.

    Conditions are allowed if each of their branches asserts something, or if the test also asserts something
    outside of them.
    """
    found = [
        node
        for body in function.bodies
        if body.is_helper
        for node in body.nodes
        if _depends(function, node) or _leaves_early(function, node)
    ]
    inside = {id(part) for node in found for part in ast.walk(node)}
    claims = (*function.expectations, *function.mock_checks)
    always = any(id(one) not in inside for one in (*function.assertions, *claims))
    return "asserts under a condition" if found and not always else None


def _depends(function: TestFunction, node: ast.AST) -> bool:
    match node:
        case ast.Try(handlers=[_, *_]):
            return _tries(function, node)
        case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
            hushed = any(_suppressed(function, item.context_expr) is not None for item in items)
            return hushed and _asserts(function, body)
        case ast.Assert(test=ast.IfExp(body=first, orelse=second)):
            return any(isinstance(one, ast.Constant) and bool(one.value) for one in (first, second))
    ways = [
        _asserts(function, way) or (bool(way) and function.fails(way[-1])) for way in _ways(function, node)
    ]
    return any(ways) and not all(ways)


def _ways(function: TestFunction, node: ast.AST) -> Sequence[_Statements]:
    """Return the branches of a statement that has several."""
    match node:
        case ast.If(body=body, orelse=other):
            is_claim = any(True for _ in function.claimed(node))
            return [] if is_claim or isinstance(node.test, ast.Constant) else [body, other]
        case ast.While(body=body):
            return [body, []]
        case ast.Match(cases=cases):
            rest = [] if any(_takes_all(case) for case in cases) else [list[ast.stmt]()]
            return [*(case.body for case in cases), *rest]
    return []


def _takes_all(case: ast.match_case) -> bool:
    return case.guard is None and isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None


def _tries(function: TestFunction, node: ast.Try) -> bool:
    """Return whether only some paths of a `try` assert. A path that ends by failing counts as asserting."""
    others = node.orelse or node.body
    if not _asserts(function, node.body) and others and function.fails(others[-1]):
        return False
    handlers = [statement for handler in node.handlers for statement in handler.body]
    return _asserts(function, [*node.body, *handlers, *node.orelse])


def _leaves_early(function: TestFunction, node: ast.AST) -> bool:
    """Return whether a condition ends the test before something is asserted."""
    blocks = [getattr(node, name, None) for name in ("body", "orelse", "finalbody")]
    for block in blocks:
        statements = [one for one in block if isinstance(one, ast.stmt)] if isinstance(block, list) else []
        for at, one in enumerate(statements):
            leaves = isinstance(one, ast.If) and isinstance(one.body[-1], ast.Return) and not one.orelse
            if leaves and not _asserts(function, statements[at : at + 1]):
                return _asserts(function, statements[at + 1 :])
    return False


def _asserts(function: TestFunction, statements: _Statements) -> bool:
    """Return whether statements assert something, directly or with a function of the module."""
    claiming = function.claiming
    return any(id(node) in claiming for statement in statements for node in ast.walk(statement))


def fails_where_caught(function: TestFunction) -> bool:
    """Return whether the test fails explicitly in an exception handler."""
    handlers = [
        node for body in function.bodies for node in body.nodes if isinstance(node, ast.ExceptHandler)
    ]
    return any(function.fails(one) for handler in handlers for one in handler.body)


def swallows_exceptions(function: TestFunction) -> str | None:
    """Return a reason if it catches all exceptions, including its own failures, and ignores them."""
    swallowed = any(_is_swallowed(function, node) for body in function.bodies for node in _catching(body))
    return "swallows exceptions" if swallowed else None


def _catching(body: Body) -> Iterator[ast.AST]:
    """Yield nodes that catch exceptions, except in nested functions that are passed to others.

    Of a fixture or setup function, only those around the test matter.
    """
    called = {call.func.id for call in body.calls() if isinstance(call.func, ast.Name)}
    given = [
        node
        for node in body.nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node is not body.node
        if node.name not in called
    ]
    inside = {id(part) for node in given for part in ast.walk(node)}
    if not body.is_helper:
        inside |= {id(part) for node in body.nodes if _is_beside(node) for part in ast.walk(node)}
    for node in body.nodes:
        if isinstance(node, ast.ExceptHandler | ast.With | ast.AsyncWith) and id(node) not in inside:
            yield node


def _is_beside(node: ast.AST) -> bool:
    """Return whether a statement of a fixture catches exceptions, but not those of the test."""
    catches = isinstance(node, ast.Try | ast.With | ast.AsyncWith)
    return catches and not any(isinstance(part, ast.Yield) for part in ast.walk(node))


def _is_swallowed(function: TestFunction, node: ast.AST) -> bool:
    match node:
        case ast.ExceptHandler(type=caught, name=name, body=body):
            inside = [part for statement in body for part in ast.walk(statement)]
            data = any(isinstance(part, ast.Name) and part.id == name for part in inside)
            fails = any(function.fails(part) for part in inside if isinstance(part, ast.stmt))
            raises = any(isinstance(part, ast.Raise) for part in inside)
            return _is_broad(function, caught) and not (data or fails or raises)
        case ast.With(items=items) | ast.AsyncWith(items=items):
            hushed = [_suppressed(function, item.context_expr) for item in items]
            return any(_is_broad(function, one) for part in hushed if part is not None for one in part)
    return False


def _is_broad(function: TestFunction, caught: ast.expr | None) -> bool:
    if isinstance(caught, ast.Tuple):
        return any(_is_broad(function, part) for part in caught.elts)
    return caught is None or function.last(caught) in _BROAD


def _suppressed(function: TestFunction, context: ast.expr) -> Sequence[ast.expr] | None:
    """Return the exceptions that `with suppress(...)` suppresses; None for any other expression."""
    match context:
        case ast.Call(func=called, args=args) if function.origin(called) in {
            "contextlib.suppress",
            "suppress",
        }:
            return args
    return None
