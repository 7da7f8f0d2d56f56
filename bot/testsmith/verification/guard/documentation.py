"""What tests claim, held against what a member's docstring shows.

Values are compared as far as their text tells: plain ones, and calls with plain arguments.
"""

from __future__ import annotations

import ast
import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from testsmith.languages.driver import CannotParse, DocumentedExample
from testsmith.languages.python.exceptions import ANY_EXCEPTION, are_related
from testsmith.languages.python.parsing import parse_untrusted
from testsmith.model import Member
from testsmith.verification.reading.claims import Claim, Claimed, claims_of
from testsmith.verification.reading.situations import Names, is_literal, plain_value, situation

_FEWEST_DIGITS = 2
"""Behind the point: fewer are no number that was cut short."""


class Relation(Enum):
    """How a claim stands to the documentation."""

    AGREES = "agrees"
    CONTRADICTS = "contradicts"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedClaim:
    """A claim of a test about a call that the member's docstring shows.

    Attributes:
        function: The test function.
        row: The row of its parametrization; None without.
        example: What the docstring shows.
        relation: How the two stand to each other.
        asserted: What the test claims, as source text; empty where that is no value.
    """

    function: str
    row: int | None
    example: DocumentedExample
    relation: Relation
    asserted: str = ""


def documented_claims(
    code: str, member: Member, examples: Sequence[DocumentedExample]
) -> tuple[DocumentedClaim, ...]:
    """Return the claims of a test module about calls that the member's docstring shows."""
    try:
        tree = parse_untrusted(code)
    except CannotParse:
        return ()
    shown = [known for example in examples for known in _shown(example, member)]
    claims = claims_of(tree, member) if shown else ()
    found = {
        (claim.function, claim.row, known.example.line): DocumentedClaim(
            function=claim.function,
            row=claim.row,
            example=known.example,
            relation=relation(claim.claimed, known.claimed),
            asserted="" if claim.claimed.value is None else ast.unparse(claim.claimed.value),
        )
        for claim, where in ((claim, claim.situation) for claim in claims)
        for known in shown
        if known.answers(claim, where)
    }
    return tuple(found.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """An example in the form that claims have; `only_text` where only a text can be compared with it."""

    example: DocumentedExample
    situation: str
    claimed: Claimed
    only_text: bool = False

    def answers(self, claim: Claim, where: str) -> bool:
        if where != self.situation:
            return False
        return not self.only_text or isinstance(_value(claim.claimed.value), str)


def _shown(example: DocumentedExample, member: Member) -> Iterator[_Shown]:
    """Yield an example as it is compared; what `print` shows of a call is also the call's own text."""
    try:
        before = parse_untrusted("\n".join(example.setup)).body
        call = expression(example.call)
        expected = None if example.expected is None else expression(example.expected)
    except CannotParse:
        return
    names = Names.of(member, before)
    claimed = (
        Claimed(exception=(example.exception or "").rpartition(".")[2])
        if expected is None
        else Claimed(value=plain_value(expected, names))
    )
    yield _Shown(example=example, situation=situation(call, before, names), claimed=claimed)
    match call:
        case ast.Call(func=ast.Name(id="str"), args=[inner], keywords=[]):
            printed = situation(inner, before, names)
            yield _Shown(example=example, situation=printed, claimed=claimed, only_text=True)
        case ast.Compare(left=inner, ops=[ast.Eq() | ast.Is()], comparators=[value]) if (
            example.expected == "True"
        ):
            compared = Claimed(value=plain_value(value, names))
            yield _Shown(example=example, situation=situation(inner, before, names), claimed=compared)


def expression(text: str) -> ast.expr:
    """Return the syntax tree of an expression, which may have several lines.

    Raises:
        CannotParse: It is none.
    """
    match parse_untrusted(f"({text}\n)").body:
        case [ast.Expr(value=value)]:
            return value
    raise CannotParse("it is no expression")


def relation(asserted: Claimed, documented: Claimed) -> Relation:
    """Return how what a test claims stands to what is documented."""
    if documented.exception is not None:
        return _relation_to_exception(asserted, documented.exception)
    if asserted.exception is not None or documented.value is None:
        return Relation.CONTRADICTS
    if asserted.truth is not None:
        known = _literal(documented.value)
        return Relation.UNKNOWN if known is None else _agreement(agrees=bool(known[0]) is asserted.truth)
    return Relation.UNKNOWN if asserted.value is None else _compared(asserted.value, documented.value)


def _agreement(*, agrees: bool) -> Relation:
    return Relation.AGREES if agrees else Relation.CONTRADICTS


def _relation_to_exception(asserted: Claimed, documented: str) -> Relation:
    if asserted.exception is None:
        return Relation.CONTRADICTS
    if asserted.exception == documented or asserted.exception in ANY_EXCEPTION:
        return Relation.AGREES
    return _agreement(agrees=are_related(asserted.exception, documented))


def _compared(asserted: ast.expr, documented: ast.expr) -> Relation:
    """Compare two values as far as their text tells: plain ones, and calls with plain arguments."""
    approximate = approximated(asserted)
    asserted = asserted if approximate is None else approximate
    left, right = _literal(asserted), _literal(documented)
    if left is not None and right is not None:
        return _agreement(agrees=_same(left[0], right[0], nearly=approximate is not None))
    if ast.dump(asserted) == ast.dump(documented):
        return Relation.AGREES
    if _is_plain_call(asserted) and _is_plain_call(documented) and _called(asserted) == _called(documented):
        return Relation.CONTRADICTS
    return Relation.UNKNOWN


def approximated(node: ast.expr) -> ast.expr | None:
    """Return what `pytest.approx(...)` is about; None where it is no such thing."""
    match node:
        case ast.Call(func=ast.Name(id="approx"), args=[value, *_]):
            return value
    return None


def _same(left: object, right: object, *, nearly: bool) -> bool:
    if nearly and isinstance(left, int | float) and isinstance(right, int | float):
        with contextlib.suppress(OverflowError):  # an integer beyond all floats
            return math.isclose(left, right, rel_tol=1e-5, abs_tol=1e-9)
    return left == right or repr(left) == repr(right) or _is_shortened(left, right)


def _is_shortened(asserted: object, documented: object) -> bool:
    """Tell whether a documented number is the asserted one with fewer digits, as people write them."""
    if not isinstance(asserted, float) or not isinstance(documented, float):
        return False
    shown, whole = (repr(number).partition(".")[2] for number in (documented, asserted))
    is_cut = len(shown) >= _FEWEST_DIGITS and len(whole) >= len(shown) + _FEWEST_DIGITS
    return is_cut and "e" not in shown + whole and abs(asserted - documented) < 10.0 ** -len(shown)


def _literal(node: ast.expr) -> tuple[object] | None:
    """Return the plain value that is written out; None where it is none."""
    return (ast.literal_eval(node),) if is_literal(node) else None


def _value(node: ast.expr | None) -> object:
    known = None if node is None else _literal(node)
    return None if known is None else known[0]


def _is_plain_call(node: ast.expr) -> bool:
    match node:
        case ast.Call(func=ast.Name(), args=arguments, keywords=keywords):
            return all(map(is_literal, [*arguments, *(keyword.value for keyword in keywords)]))
    return False


def _called(node: ast.expr) -> str:
    match node:
        case ast.Call(func=ast.Name(id=name)):
            return name
    return ""
