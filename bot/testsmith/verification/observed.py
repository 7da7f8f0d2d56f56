"""Expected values that were taken from what the code was seen to do. Pure, by syntax tree."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Iterator

from testsmith.languages.driver import CannotParse
from testsmith.languages.python.parsing import parse_untrusted
from testsmith.model import Member
from testsmith.verification.reading.claims import Claim, claims_of, functions_of
from testsmith.verification.reading.situations import dotted_name, is_literal

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def observed_tests(before: str, after: str, member: Member) -> tuple[str, ...]:
    """Return the test functions that expect something else of the same behaviour than was expected before.

    Told by syntax tree: of a call in the same situation another value, truth or exception is claimed, rows
    of a parametrization included; or a function differs from one before, whatever their names, in nothing
    but what it expects: a side of a comparison, or the arguments of `pytest.raises`.

    Args:
        before: The test module that was to be mended.
        after: The mended one, in full.
        member: The member that they test.

    Returns:
        Names of functions of the mended module, in order; none where one of the two cannot be read.
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
    """Yield what is claimed of calls; a comparison is read in both directions, and only one is wanted."""
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
    """Return what a test function does, and what it expects, each in a form that can be compared."""
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
    """Return what an assertion is about; what it expects of it is added to a list."""
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
