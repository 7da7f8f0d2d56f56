"""Claims of tests that contradict what the member's annotation and docstring promise of every call."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from testsmith.languages.driver import CannotParse
from testsmith.languages.python.annotations import classes_of, element_type, fits, never_returns, outline
from testsmith.languages.python.documented import (
    documented_exceptions,
    is_mentioned,
    raised_exceptions,
    return_annotation,
    suits_parameters,
)
from testsmith.languages.python.exceptions import ANY_EXCEPTION, ancestors, are_related
from testsmith.languages.python.parsing import parse_untrusted
from testsmith.model import Member
from testsmith.verification.guard.documentation import approximated
from testsmith.verification.reading.claims import Claim, claims_of
from testsmith.verification.reading.member_calls import MemberCall, MemberCalls, fixtures_of
from testsmith.verification.reading.situations import Names, dotted_name, resolved


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What is promised of a call, by the annotation of what it returns or by the exceptions listed for it.

    Attributes:
        call: The call, as source text.
        annotation: The annotation; empty where it is about exceptions.
        exceptions: The exceptions that the docstring lists; empty where it is about the annotation.
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
        promise: What is promised.
        claimed: What the test claims, as source text: a value, or the name of an exception; empty where it
            is neither. Of a function that fails, the exception that it was seen to end with.
        written: The expression that the claim is about, as it stands in the test.
        statement: The statement that makes the claim.
        collected: Whether the claim is about a collection of what the member gave.
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
    """Return the claims of a test module that contradict what the member's own text promises.

    Args:
        code: The test module.
        member: The member.
        raised: Of test functions that were seen to fail, the exception that they end with: where one claims a
            documented exception of a call, it is this one that contradicts.
    """
    annotation, exceptions = return_annotation(member), documented_exceptions(member)
    try:
        tree = parse_untrusted(code) if annotation is not None or exceptions else None
    except CannotParse:
        return ()
    if tree is None:
        return ()
    names = Names.of(member, [node for node in ast.walk(tree) if isinstance(node, ast.stmt)])
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
        """Yield what a claim contradicts: nothing, or one promise."""
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
        """Return the exception that the claimed call gives; empty where that cannot be told.

        What a function ends with that claims a documented exception comes from the first call of the member.
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
        """Tell whether an exception is none of those documented, and none that the member raises itself.

        Of an exception that is no well-known one nobody knows what it is a subclass of. `TypeError` is what
        Python itself says of a call that no documentation allows.
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
    """Return what is claimed to be of a class, and the names of the classes; None for other claims."""
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
    """Tell whether nothing can be an instance of one of the named classes and of one of the others."""
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
    """Tell whether nothing near a number can be of a type."""
    if not isinstance(number, int | float):
        return False
    near = [number, round(number)] if abs(number) < 1e300 else [number]  # noqa: PLR2004 - no infinity
    return all(fits(one, annotation) is False for one in near)


def _text(annotation: ast.expr) -> str:
    match annotation:
        case ast.Constant(value=str(text)):
            return text
    return ast.unparse(annotation)
