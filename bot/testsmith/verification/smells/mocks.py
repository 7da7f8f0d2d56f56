"""Mocks in a test function: claims that one was called, and one in the member's own place."""

from __future__ import annotations

import ast

from testsmith.verification.smells.assertions import TestFunction, is_testcase_call

_CALLED = frozenset({"assert_awaited", "assert_awaited_once", "assert_called", "assert_called_once"})
_COUNTS = frozenset({"await_count", "call_count"})
_LISTS = frozenset(
    {"await_args", "await_args_list", "call_args", "call_args_list", "method_calls", "mock_calls"}
)


def says_only_called(function: TestFunction, check: ast.expr) -> bool:
    """Tell whether a claim says no more than that a mock was called, once or at all."""
    match check:
        case ast.Call() if is_testcase_call(check):
            return _testcase_says_only_called(function, check)
        case ast.Call(func=ast.Attribute(attr=name), args=[], keywords=[]):
            return name in _CALLED
        case ast.Attribute(attr=name):
            return name in {*_LISTS, "awaited", "called"}
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            return _counts_one(left, operator, right) or _counts_one(right, operator, left)
        case ast.BoolOp(values=values):
            return all(says_only_called(function, value) for value in values)
    return False


def _testcase_says_only_called(function: TestFunction, call: ast.Call) -> bool:
    match function.last(call.func), call.args:
        case "assertTrue" | "assertIsNotNone", [inner, *_]:
            return says_only_called(function, inner)
        case "assertEqual", [left, right, *_]:
            return _counts_one(left, ast.Eq(), right) or _counts_one(right, ast.Eq(), left)
    return False


def _counts_one(left: ast.expr, operator: ast.cmpop, right: ast.expr) -> bool:
    match left, operator, right:
        case ast.Attribute(attr="called"), ast.Is() | ast.Eq(), ast.Constant(value=True):
            return True
        case ast.Attribute(attr=name), ast.IsNot() | ast.NotEq(), ast.Constant(value=None):
            return name in _LISTS
        case ast.Attribute(attr=name), _, ast.Constant(value=int(number)):
            return name in _COUNTS and _is_at_least_one(operator, number)
        case ast.Call(func=ast.Name(id="len"), args=[ast.Attribute(attr=name)]), _, ast.Constant(
            value=int(number)
        ):
            return name in _LISTS and _is_at_least_one(operator, number)
    return False


def _is_at_least_one(operator: ast.cmpop, number: int) -> bool:
    match operator:
        case ast.Eq() | ast.GtE() | ast.Is():
            return number == 1
        case ast.Gt() | ast.NotEq():
            return number == 0
    return False


def replaces_the_member(function: TestFunction) -> bool:
    """Tell whether it puts something in the place of what it is about, and so tests that."""
    decorators = [node for one in function.decorators for node in ast.walk(one) if isinstance(node, ast.Call)]
    calls = [call for body in function.bodies for call in body.calls()]
    return any(_is_replacement(function, call) for call in (*calls, *decorators)) or any(
        _is_the_member(function, target)
        for node in function.nodes
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute)
    )


def _is_replacement(function: TestFunction, call: ast.Call) -> bool:
    if any(keyword.arg == "wraps" for keyword in call.keywords):
        return False
    called = function.origin(call.func)
    patches = called.endswith((".patch", ".patch.object", ".setattr")) or called in {"patch", "setattr"}
    match call.args:
        case [ast.Constant(value=str(target)), *_] if patches:
            return _names_the_member(function, target)
        case [owner, ast.Constant(value=str(name)), *_] if patches:
            return _is_the_member(function, ast.Attribute(owner, name, ast.Store()))
    return False


def _is_the_member(function: TestFunction, target: ast.Attribute) -> bool:
    root = target.value
    while isinstance(root, ast.Attribute):
        root = root.value
    known = isinstance(root, ast.Name) and root.id in function.names.imported
    return known and _names_the_member(function, function.origin(target))


def _names_the_member(function: TestFunction, dotted: str) -> bool:
    member = function.names.member
    return dotted in {f"{member.module}.{member.name}", f"{member.module.rpartition('.')[0]}.{member.name}"}
