"""Find claims of tests that contradict the examples, annotation or documented exceptions of the member."""

from __future__ import annotations

import ast
import builtins
import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from testsmith.languages.python.judge.documentation.annotation_types import (
    classes_of,
    element_type,
    fits,
    never_returns,
    outline,
)
from testsmith.languages.python.judge.documentation.doc_contract import (
    ANY_EXCEPTION,
    ancestors,
    are_related,
    documented_exceptions,
    is_mentioned,
    raised_exceptions,
    return_annotation,
    suits_parameters,
)
from testsmith.languages.python.judge.test_reading.claims import (
    Claim,
    Claimed,
    MemberCall,
    MemberCalls,
    claims_of,
    fixtures_of,
)
from testsmith.languages.python.judge.test_reading.situations import (
    BoundNames,
    dotted_name,
    is_literal,
    plain_value,
    resolved,
    situation,
)
from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.source import CannotParse, DocumentedExample
from testsmith.model import Member

# Claims of tests compared with the docstring's examples. Only values that are visible in the source are
# compared: literals, and calls with literal arguments.

_FEWEST_DIGITS = 2
"""Minimum number of decimals. Numbers with fewer do not count as rounded."""


class ClaimRelation(Enum):
    """How a claim relates to the documentation."""

    AGREES = "agrees"
    CONTRADICTS = "contradicts"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedClaim:
    """A test's claim about a call in an example of the member's docstring.

    Attributes:
        function: The test function.
        row: The row of its parametrization; None without.
        example: The docstring's example.
        relation: How the claim relates to the example.
        asserted: What the test claims, as source; empty if it is not a value.
    """

    function: str
    row: int | None
    example: DocumentedExample
    relation: ClaimRelation
    asserted: str = ""


def documented_claims(
    code: str, member: Member, examples: Sequence[DocumentedExample]
) -> tuple[DocumentedClaim, ...]:
    """Return the test module's claims about calls in the member's docstring."""
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
    """An example in the same form as claims; `only_text` if only a string can be compared with it."""

    example: DocumentedExample
    situation: str
    claimed: Claimed
    only_text: bool = False

    def answers(self, claim: Claim, where: str) -> bool:
        if where != self.situation:
            return False
        return not self.only_text or isinstance(_value(claim.claimed.value), str)


def _shown(example: DocumentedExample, member: Member) -> Iterator[_Shown]:
    """Yield an example in comparable form. A call's printed text is also compared as its value."""
    try:
        before = parse_untrusted("\n".join(example.setup)).body
        call = expression(example.call)
        expected = None if example.expected is None else expression(example.expected)
    except CannotParse:
        return
    names = BoundNames.of(member, before)
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
    """Parse an expression, which may span several lines.

    Raises:
        CannotParse: The text is not an expression.
    """
    match parse_untrusted(f"({text}\n)").body:
        case [ast.Expr(value=value)]:
            return value
    raise CannotParse("it is not an expression")


def relation(asserted: Claimed, documented: Claimed) -> ClaimRelation:
    """Return how a test's claim relates to the documented result."""
    if documented.exception is not None:
        return _relation_to_exception(asserted, documented.exception)
    if asserted.exception is not None or documented.value is None:
        return ClaimRelation.CONTRADICTS
    if asserted.truth is not None:
        known = _literal(documented.value)
        return ClaimRelation.UNKNOWN if known is None else _agreement(agrees=bool(known[0]) is asserted.truth)
    return ClaimRelation.UNKNOWN if asserted.value is None else _compared(asserted.value, documented.value)


def _agreement(*, agrees: bool) -> ClaimRelation:
    return ClaimRelation.AGREES if agrees else ClaimRelation.CONTRADICTS


def _relation_to_exception(asserted: Claimed, documented: str) -> ClaimRelation:
    if asserted.exception is None:
        return ClaimRelation.CONTRADICTS
    if asserted.exception == documented or asserted.exception in ANY_EXCEPTION:
        return ClaimRelation.AGREES
    return _agreement(agrees=are_related(asserted.exception, documented))


def _compared(asserted: ast.expr, documented: ast.expr) -> ClaimRelation:
    """Compare two values that are visible in the source: literals, and calls with literal arguments."""
    approximate = approximated(asserted)
    asserted = asserted if approximate is None else approximate
    left, right = _literal(asserted), _literal(documented)
    if left is not None and right is not None:
        return _agreement(agrees=_same(left[0], right[0], nearly=approximate is not None))
    if ast.dump(asserted) == ast.dump(documented):
        return ClaimRelation.AGREES
    if _is_plain_call(asserted) and _is_plain_call(documented) and _called(asserted) == _called(documented):
        return ClaimRelation.CONTRADICTS
    return ClaimRelation.UNKNOWN


def approximated(node: ast.expr) -> ast.expr | None:
    """Return the argument of `pytest.approx(...)`; None for any other expression."""
    match node:
        case ast.Call(func=ast.Name(id="approx"), args=[value, *_]):
            return value
    return None


def _same(left: object, right: object, *, nearly: bool) -> bool:
    if nearly and isinstance(left, int | float) and isinstance(right, int | float):
        with contextlib.suppress(OverflowError):  # an integer too large for a float
            return math.isclose(left, right, rel_tol=1e-5, abs_tol=1e-9)
    return left == right or repr(left) == repr(right) or _is_shortened(left, right)


def _is_shortened(asserted: object, documented: object) -> bool:
    """Return whether a documented number is the asserted one with fewer digits, as humans write it."""
    if not isinstance(asserted, float) or not isinstance(documented, float):
        return False
    shown, whole = (repr(number).partition(".")[2] for number in (documented, asserted))
    is_cut = len(shown) >= _FEWEST_DIGITS and len(whole) >= len(shown) + _FEWEST_DIGITS
    return is_cut and "e" not in shown + whole and abs(asserted - documented) < 10.0 ** -len(shown)


def _literal(node: ast.expr) -> tuple[object] | None:
    """Return a literal's value in a tuple; None if the node is not a literal."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A promise about a call's result, from the return annotation or the documented exceptions.

    Attributes:
        call: The call, as source.
        annotation: The annotation; empty for a promise about exceptions.
        exceptions: The documented exceptions; empty for a promise from the annotation.
    """

    call: str
    annotation: str = ""
    exceptions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """A claim that contradicts a promise.

    Attributes:
        function: The test function.
        row: The row of its parametrization; None without.
        promise: The promise.
        claimed: What the test claims, as source: a value or an exception name; empty for neither. For a
            failing function, the exception that it ended with.
        written: The expression that the claim is about, as written in the test.
        statement: The statement that makes the claim.
        collected: Whether the claim is about a collection of the member's results.
    """

    function: str
    row: int | None
    promise: Promise
    claimed: str
    written: ast.expr
    statement: ast.stmt
    collected: bool = False


def contradictions(
    code: str, member: Member, raised: Mapping[str, str] | None = None
) -> tuple[Contradiction, ...]:
    """Return the test module's claims that contradict the member's annotation or documented exceptions.

    Args:
        code: The test module.
        member: The member.
        raised: For failing test functions, the exception that they end with. If the function claims a
            documented exception of a call, the observed one is the contradiction.
    """
    annotation, exceptions = return_annotation(member), documented_exceptions(member)
    try:
        tree = parse_untrusted(code) if annotation is not None or exceptions else None
    except CannotParse:
        return ()
    if tree is None:
        return ()
    names = BoundNames.of(member, [node for node in ast.walk(tree) if isinstance(node, ast.stmt)])
    calls = MemberCalls(names, fixtures_of(tree))
    finder = _Finder(member, calls, annotation, exceptions, raised or {})
    return tuple(found for claim in claims_of(tree, member) for found in finder.find(claim))


@dataclass(frozen=True, slots=True)
class _Finder:
    member: Member
    calls: MemberCalls
    annotation: ast.expr | None
    exceptions: Sequence[str]
    raised: Mapping[str, str]

    def find(self, claim: Claim) -> Iterator[Contradiction]:
        """Yield the contradiction of a claim, if any."""
        if claim.claimed.exception is not None:
            yield from self._of_exception(claim, claim.claimed.exception)
        elif self.annotation is not None:
            yield from self._of_value(claim, self.annotation)

    def _of_value(self, claim: Claim, annotation: ast.expr) -> Iterator[Contradiction]:
        subject, classes = _class_claim(claim) or (claim.call, None)
        call = self.calls.find(subject, claim.before)
        if call is None:
            return
        if classes is None:
            contradicts = _refutes(claim, call, annotation)
        else:
            contradicts = not call.collected and _are_disjoint(classes, classes_of(annotation))
        if contradicts or (never_returns(annotation) and not call.collected):
            value = claim.claimed.value
            yield Contradiction(
                function=claim.function,
                row=claim.row,
                promise=Promise(call=ast.unparse(call.node), annotation=_text(annotation)),
                claimed="" if value is None or classes is not None else ast.unparse(value),
                written=subject,
                statement=claim.statement,
                collected=call.collected,
            )

    def _of_exception(self, claim: Claim, exception: str) -> Iterator[Contradiction]:
        call = self.calls.find(claim.call, claim.before)
        alone = not isinstance(claim.statement, ast.With | ast.AsyncWith) or len(claim.statement.body) == 1
        seen = self._seen(claim, exception)
        if call is None or not alone or not seen or not self._is_undocumented(seen, call.node):
            return
        yield Contradiction(
            function=claim.function,
            row=claim.row,
            promise=Promise(call=ast.unparse(call.node), exceptions=tuple(self.exceptions)),
            claimed=seen,
            written=claim.call,
            statement=claim.statement,
        )

    def _seen(self, claim: Claim, exception: str) -> str:
        """Return the exception that the claimed call raises; empty if unknown.

        If a function claims a documented exception, the exception that it ends with comes from the first call
        of the member.
        """
        if exception not in {name.rpartition(".")[2] for name in self.exceptions}:
            return exception
        is_first = not any(self._names_member(statement) for statement in claim.before)
        return self.raised.get(claim.function, "") if is_first else ""

    def _names_member(self, statement: ast.stmt) -> bool:
        name = self.member.plain_name
        return any(
            name == (node.attr if isinstance(node, ast.Attribute) else node.id)
            for node in ast.walk(statement)
            if isinstance(node, ast.Attribute | ast.Name)
        )

    def _is_undocumented(self, exception: str, call: ast.Call | ast.Attribute) -> bool:
        """Return whether an exception is neither documented nor raised by the member itself.

        Exceptions that are not well known do not count, because their base classes are unknown. Neither does
        `TypeError`, which Python raises for calls that no documentation allows.
        """
        if not self.exceptions or exception in ANY_EXCEPTION or not ancestors(exception):
            return False
        if is_mentioned(self.member, exception):
            return False
        raised = raised_exceptions(self.member)
        if raised.others or any(are_related(exception, name) for name in (*self.exceptions, *raised.names)):
            return False
        suits = suits_parameters(call, self.member) if isinstance(call, ast.Call) else True
        return suits is True or (suits is None and exception != "TypeError")


def _class_claim(claim: Claim) -> tuple[ast.expr, Sequence[str]] | None:
    """Return the expression and class names of an `isinstance`-like claim; None for other claims."""
    known, _ = resolved(claim.call, claim.before)
    match known, claim.claimed.value:
        case ast.Call(func=ast.Name(id="isinstance"), args=[subject, ast.Tuple(elts=kinds)]), None:
            return (subject, list(map(_class_name, kinds))) if claim.claimed.truth else None
        case ast.Call(func=ast.Name(id="isinstance"), args=[subject, kind]), None:
            return (subject, [_class_name(kind)]) if claim.claimed.truth else None
        case ast.Call(func=ast.Name(id="type"), args=[subject]), ast.Name(id=name):
            return subject, [name]
    return None


def _class_name(node: ast.expr) -> str:
    return "NoneType" if ast.unparse(node) == "type(None)" else dotted_name(node)


def _are_disjoint(names: Sequence[str], classes: frozenset[type] | None) -> bool:
    """Return whether nothing can be an instance of a named class and of one of the other classes."""
    named = [type(None) if name == "NoneType" else getattr(builtins, name, None) for name in names]
    if classes is None or not all(isinstance(one, type) for one in named):
        return False
    return not any(
        issubclass(one, other) or issubclass(other, one)
        for one in named
        if isinstance(one, type)
        for other in classes
    )


def _refutes(claim: Claim, call: MemberCall, annotation: ast.expr) -> bool:
    value = claim.claimed.value
    if value is None:
        only_none = classes_of(annotation) == frozenset({type(None)})
        return claim.claimed.truth is True and only_none and not call.collected
    if call.collected:
        return _refutes_elements(value, element_type(annotation))
    number = approximated(value)
    if number is not None:
        return _refutes_number(outline(number), annotation)
    return fits(outline(value), annotation) is False


def _refutes_elements(value: ast.expr, element: ast.expr | None) -> bool:
    values = outline(value)
    if element is None or not isinstance(values, list | tuple | set):
        return False
    return any(fits(one, element) is False for one in values)


def _refutes_number(number: object, annotation: ast.expr) -> bool:
    """Return whether no number near this one can be of a type."""
    if not isinstance(number, int | float):
        return False
    near = [number, round(number)] if abs(number) < 1e300 else [number]  # noqa: PLR2004 - not infinite
    return all(fits(one, annotation) is False for one in near)


def _text(annotation: ast.expr) -> str:
    match annotation:
        case ast.Constant(value=str(text)):
            return text
    return ast.unparse(annotation)
