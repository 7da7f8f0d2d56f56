"""Find tests whose expected values were replaced by observed ones."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Iterator

from testsmith.languages.python.judge.test_reading.claims import Claim, claims_of, functions_of
from testsmith.languages.python.judge.test_reading.situations import dotted_name, is_literal
from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.source import CannotParse
from testsmith.model import Member

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def observed_tests(before: str, after: str, member: Member) -> tuple[str, ...]:
    """Return the test functions that only changed the expected result of the same behavior.

    The syntax trees are compared. A function counts if it claims another value, truth value or exception for
    the same call in the same situation (including rows of a parametrization), or if it differs from an
    earlier function, whatever its name, only in the expectation: a side of a comparison, or the arguments of
    `pytest.raises`.

    Args:
        before: The test module that was sent for repair.
        after: The complete repaired module.
        member: The member that they test.

    Returns:
        Names of functions of the repaired module, in order; empty if a module cannot be parsed.
    """
    try:
        old, new = parse_untrusted(before), parse_untrusted(after)
    except CannotParse:
        return ()
    claimed = _by_key((claim.situation, _form(claim)) for claim in _claims(old, member))
    expected = _by_key(_divided(function) for _, function in functions_of(old))
    found = {
        claim.function for claim in _claims(new, member) if _differs(claimed, claim.situation, _form(claim))
    }
    found |= {name for name, function in functions_of(new) if _differs(expected, *_divided(function))}
    return tuple(name for name, _ in functions_of(new) if name in found)


def _by_key(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for key, value in pairs:
        found.setdefault(key, set()).add(value)
    return found


def _differs(known: dict[str, set[str]], key: str, value: str) -> bool:
    return key in known and value not in known[key]


def _claims(tree: ast.Module, member: Member) -> Iterator[Claim]:
    """Yield the claims about calls. Comparisons are read in both directions; drop the reversed one."""
    for claim in claims_of(tree, member):
        value = claim.claimed.value
        turned_round = is_literal(claim.call) or (value is not None and _mentions(value, member.plain_name))
        if not turned_round:
            yield claim


def _mentions(expression: ast.expr, name: str) -> bool:
    return any(
        name in {getattr(node, "id", None), getattr(node, "attr", None)} for node in ast.walk(expression)
    )


def _form(claim: Claim) -> str:
    claimed = claim.claimed
    return repr(claimed) if claimed.value is None else ast.dump(claimed.value)


def _divided(function: _Function) -> tuple[str, str]:
    """Return a test function's actions and its expectations, each in a comparable form."""
    copied = copy.deepcopy(function)
    copied.name, copied.returns = "_", None
    expected: list[str] = []
    for node in ast.walk(copied):
        match node:
            case ast.Assert(test=test):
                node.test, node.msg = _without_expected(test, expected), None
            case ast.withitem(context_expr=ast.Call(func=called) as call) if _expects_exception(called):
                expected.append(ast.dump(call))
                call.args, call.keywords = [], []
    return ast.dump(copied), "\n".join(expected)


def _expects_exception(called: ast.expr) -> bool:
    return dotted_name(called).rpartition(".")[2] in {"raises", "warns"}


def _without_expected(test: ast.expr, expected: list[str]) -> ast.expr:
    """Return the subject of an assertion, and append its expectation to a list."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            expected.append("not")
            return _without_expected(operand, expected)
        case ast.BoolOp(values=values):
            test.values = [_without_expected(value, expected) for value in values]
        case ast.Compare(left=left, ops=operators, comparators=others):
            sides = [left, *others]
            about = next((side for side in sides if not is_literal(side)), left)
            expected.extend(ast.dump(node) for node in (*operators, *sides) if node is not about)
            return about
    return test
