"""Assertions that say nothing, or next to nothing: what is always true, and that something is there."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from testsmith.languages.python.documented import returns_nothing
from testsmith.verification.reading.situations import is_literal
from testsmith.verification.smells.assertions import TestFunction, is_testcase_call

_WEAK_FUNCTIONS = frozenset({"callable", "hasattr"})
_FINDING = frozenset({"fullmatch", "get", "match", "search"})
"""What gives None where it finds nothing: of that it says something not to be None."""

_NEVER_NEGATIVE = frozenset({"len", "abs"})


def is_tautology(function: TestFunction, test: ast.expr) -> bool:
    """Tell whether what is asserted is true whatever the code does, if it gives the same answer twice."""
    if is_literal(test):
        return bool(ast.literal_eval(test))
    match test:
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            return _compares_nothing(function, left, operator, right)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _is_never_true(function, operand)
        case ast.BoolOp(op=operator, values=values):
            answers = [is_tautology(function, value) for value in values]
            return any(answers) or _says_both(values) if isinstance(operator, ast.Or) else all(answers)
        case ast.Call() if is_testcase_call(test):
            return _is_empty_testcase_call(function, test)
    return _is_always_there(test)


def _is_always_there(test: ast.expr) -> bool:
    """Tell whether an expression is an object that always counts as true: `assert (value, "message")`."""
    match test:
        case ast.Tuple(elts=[_, *_]) | ast.List(elts=[_, *_]) | ast.Set() | ast.Dict(keys=[_, *_]):
            return True
        case ast.GeneratorExp() | ast.Lambda():
            return True
        case ast.Call(func=ast.Name(id="isinstance"), args=[_, ast.Name(id="object")]):
            return True
        case ast.JoinedStr(values=parts):
            return any(isinstance(part, ast.Constant) and part.value for part in parts)
    return False


def _compares_nothing(function: TestFunction, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> bool:
    if _is_anything(function, left) or _is_anything(function, right):
        return isinstance(operator, ast.Eq)
    if isinstance(operator, ast.In):
        return any(ast.dump(left) == ast.dump(part) for part in getattr(right, "elts", ()))
    if isinstance(operator, ast.GtE) and _is_never_negative(left) and _is_zero(right):
        return True
    if isinstance(operator, ast.Is) and _holds_call(left):
        return False  # the same object twice is something to say of a cache
    reflexive = isinstance(operator, ast.Eq | ast.Is | ast.LtE | ast.GtE)
    return reflexive and (_same(function, left, right) or (is_literal(left) and is_literal(right)))


def _same(function: TestFunction, left: ast.expr, right: ast.expr) -> bool:
    """Tell whether two expressions are the same, or variables bound to the same."""
    if isinstance(left, ast.NamedExpr):
        return ast.dump(left.target).replace("Store", "Load") == ast.dump(right)
    first, second = map(function.body.bound_once, (left, right))
    if ast.dump(left) == ast.dump(right):
        return True
    return _is_plain_call(function, first) and ast.dump(first) == ast.dump(second)


def _is_plain_call(function: TestFunction, node: ast.expr) -> bool:
    """Tell whether it is a call that no variable of the test goes into: nothing happened to it in between."""
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return _holds_call(node) and not names & function.local_names


def _holds_call(node: ast.expr) -> bool:
    return any(isinstance(part, ast.Call) for part in ast.walk(node))


def _is_anything(function: TestFunction, node: ast.expr) -> bool:
    return function.origin(node) in {"unittest.mock.ANY", "mock.ANY"}


def _is_never_negative(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _NEVER_NEGATIVE


def _is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0


def _is_never_true(function: TestFunction, test: ast.expr) -> bool:
    if is_literal(test):
        return not ast.literal_eval(test)
    match test:
        case ast.Compare(left=left, ops=[ast.NotEq() | ast.Lt() | ast.Gt()], comparators=[right]):
            return _same(function, left, right)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return is_tautology(function, operand)
    return False


def _says_both(values: list[ast.expr]) -> bool:
    """Tell whether one of several is the opposite of another: `x or not x`."""
    negated = {ast.dump(one.operand) for one in values if isinstance(one, ast.UnaryOp)}
    return any(ast.dump(one) in negated for one in values)


_OPERATORS: Mapping[str, ast.cmpop] = {
    "assertAlmostEqual": ast.Eq(),
    "assertEqual": ast.Eq(),
    "assertGreaterEqual": ast.GtE(),
    "assertIn": ast.In(),
    "assertIs": ast.Is(),
    "assertLessEqual": ast.LtE(),
}


def _is_empty_testcase_call(function: TestFunction, call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    match name, call.args:
        case "assertTrue", [test, *_]:
            return is_tautology(function, test)
        case "assertFalse", [test, *_]:
            return _is_never_true(function, test)
        case "assertIsNone", [value, *_]:
            return _is_none(value)
        case _, [left, right, *_] if name in _OPERATORS:
            return _compares_nothing(function, left, _OPERATORS[name], right)
    return False


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def is_weak(function: TestFunction, test: ast.expr) -> bool:
    """Tell whether an assertion says no more than that something is there."""
    match test:
        case ast.Compare(left=left, ops=[ast.IsNot() | ast.NotEq()], comparators=[value]):
            return _is_none(value) and not _is_found(function, left)
        case ast.UnaryOp(op=ast.Not(), operand=ast.Compare(left, [ast.Is() | ast.Eq()], [value])):
            return _is_none(value) and not _is_found(function, left)
        case ast.Call(func=called, args=[inner, *_]) if is_testcase_call(test):
            name = function.last(called)
            return name == "assertIsNotNone" or (name == "assertTrue" and is_weak(function, inner))
        case ast.Call(func=called):
            return function.last(called) in _WEAK_FUNCTIONS
        case ast.Name(id=name):
            return name in function.names.imported and name not in function.local_names
    return not function.compares and is_tautology(function, test)


def _is_found(function: TestFunction, node: ast.expr) -> bool:
    """Tell whether it is what a search of the test's own gave."""
    searched = function.body.bound_once(node)
    name = function.last(searched.func) if isinstance(searched, ast.Call) else ""
    return name in _FINDING and name != function.names.member.plain_name


def is_of_nothing_raised(function: TestFunction, test: ast.expr) -> bool:
    """Tell whether an assertion says no more than that nothing was raised."""
    match test:
        case ast.Compare(left=value, ops=[ast.Is() | ast.Eq()], comparators=[ast.Constant(value=expected)]):
            falsely = expected is False and _is_set_by_handlers(function, value)
            return falsely or (expected is None and _is_of_procedure(function, value))
        case ast.UnaryOp(op=ast.Not(), operand=value):
            return _is_set_by_handlers(function, value)
        case ast.Call(func=ast.Attribute(attr="assertIsNone"), args=[value, *_]):
            return _is_of_procedure(function, value)
        case ast.Call(func=ast.Attribute(attr="assertFalse"), args=[value, *_]):
            return _is_set_by_handlers(function, value)
    return False


def _is_of_procedure(function: TestFunction, value: ast.expr) -> bool:
    """Tell whether a value is what the member gave, which never gives anything."""
    member = function.names.member
    known = function.body.bound_once(value)
    known = known.value if isinstance(known, ast.Await) else known
    called = isinstance(known, ast.Call) and function.last(known.func) == member.plain_name
    return called and returns_nothing(member)


def _is_set_by_handlers(function: TestFunction, node: ast.expr) -> bool:
    """Tell whether it is a variable that is true where an exception was caught, and nowhere else."""
    values = function.body.bindings.get(node.id, []) if isinstance(node, ast.Name) else []
    true = {id(value) for value in values if isinstance(value, ast.Constant) and value.value is True}
    handlers = [one for one in function.nodes if isinstance(one, ast.ExceptHandler)] if true else []
    return bool(true) and true <= {id(part) for one in handlers for part in ast.walk(one)}
