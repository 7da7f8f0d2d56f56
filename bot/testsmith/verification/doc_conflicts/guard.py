"""The bug-pinning guard: what a test claims of a call is held against what the member's own text says of it.

That text is the docstring's examples, the annotation of what is returned, and the exceptions that the
docstring lists. Where claim and text contradict each other, or where the code does not do what an example and
the claim both say, nobody but the maintainer knows which is meant: that becomes a question, and never a green
test, whichever side the test takes.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from testsmith.languages.driver import DocumentedExample
from testsmith.model import Candidate
from testsmith.verification.doc_conflicts.contradictions import (
    ClaimRelation,
    Contradiction,
    DocumentedClaim,
    contradictions,
    documented_claims,
)
from testsmith.verification.doc_conflicts.promised_tests import promised_test
from testsmith.verification.doc_conflicts.questions import Question, doctest_check, documented_test, short
from testsmith.verification.results import FunctionProof, Proof, TestStatus
from testsmith.verification.test_reading.edits import row_counts
from testsmith.verification.thresholds import DEFAULTS

_MOST_QUESTIONS = DEFAULTS.questions
_EXCEPTION = re.compile(r"(?:\w+\.)*(?P<name>[A-Z]\w*)(?::|\s|$)")
"""What a failure's text begins with, where an exception ended the test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """What the guard makes of a candidate.

    Attributes:
        questions: What is to be asked, if running the documented value shows that the code does not give it.
        suspended: The test functions that are not to be posted as tests, with the reason.
        rows: Of parametrized functions that stay, the rows that are not to be posted.
    """

    questions: tuple[Question, ...] = ()
    suspended: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, frozenset[int]] = field(default_factory=dict)


def guard(proof: Proof, examples: Sequence[DocumentedExample]) -> Guarded:
    """Return what of a candidate is a question, in the light of how it ran.

    A claim that fails on head is held against examples, and where it is a documented exception that does not
    come, against the one that does: of all else the code may well do what is promised.

    Args:
        proof: The candidate, run.
        examples: What the member's docstring shows.
    """
    if proof.problem is not None:
        return Guarded()
    code, member = proof.candidate.code, proof.member
    passing = {function.name for function in proof.functions if _passes(function)}
    documented = documented_claims(code, member, examples)
    shown = [
        claim
        for claim in documented
        if claim.relation is ClaimRelation.CONTRADICTS
        or (claim.relation is ClaimRelation.AGREES and claim.function not in passing)
    ]
    # What an example shows and the code does is said plainly enough, whatever the annotation says.
    known = {
        (claim.function, claim.row) for claim in documented if claim.relation is not ClaimRelation.UNKNOWN
    }
    raised = dict(_raised(proof.functions))
    promised = [
        found
        for found in contradictions(code, member, raised)
        if (found.row is not None or found.function in passing or _is_raised(found, raised))
        and (found.function, found.row) not in known
    ]
    rows, suspended = _divided([*map(_suspected, shown), *map(_suspected_promise, promised)], code)
    names = _test_names(proof)
    questions = itertools.chain(
        _example_questions(proof, shown, passing, names), _promise_questions(proof, promised, passing, names)
    )
    asked = tuple(itertools.islice(questions, _MOST_QUESTIONS))
    return Guarded(questions=asked, suspended=suspended, rows=rows)


def _passes(function: FunctionProof) -> bool:
    return bool(function.head) and all(run.status is TestStatus.PASSED for run in function.head)


def _raised(functions: Iterable[FunctionProof]) -> Iterator[tuple[str, str]]:
    """Yield the functions that reach the member and always end with the same exception, each with its name.

    What held before the change is asked about as that. An `AssertionError` is the test's own.
    """
    for function in functions:
        found = [_EXCEPTION.match(run.message) for run in function.head if run.status is TestStatus.FAILED]
        names = {"" if one is None else one["name"] for one in found}
        held = function.base is not None and function.base.status is TestStatus.PASSED
        if len(names) == 1 and len(found) == len(function.head) and function.lines and not held:
            yield from ((function.name, name) for name in names - {"", "AssertionError"})


def _is_raised(found: Contradiction, raised: Mapping[str, str]) -> bool:
    return bool(found.promise.exceptions) and raised.get(found.function) == found.claimed


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A claim that is not to be posted as a test, and why."""

    function: str
    row: int | None
    reason: str


def _suspected(claim: DocumentedClaim) -> _Suspect:
    verb = "contradicts" if claim.relation is ClaimRelation.CONTRADICTS else "fails on"
    reason = f"{verb} the docstring's example `{short(claim.example.call)}`"
    return _Suspect(claim.function, claim.row, reason)


def _suspected_promise(found: Contradiction) -> _Suspect:
    listed = " and ".join(f"`{short(name)}`" for name in found.promise.exceptions)
    reason = (
        f"sees `{found.claimed}` raised, where the docstring documents {listed}"
        if listed
        else f"contradicts the annotation `{short(found.promise.annotation)}`"
    )
    return _Suspect(found.function, found.row, reason)


def _divided(suspects: Iterable[_Suspect], code: str) -> tuple[dict[str, frozenset[int]], dict[str, str]]:
    """Divide the suspects into rows that can be taken away alone, and functions that cannot stay."""
    rows: dict[str, set[int]] = {}
    suspended: dict[str, str] = {}
    for suspect in suspects:
        if suspect.row is None:
            suspended.setdefault(suspect.function, suspect.reason)
        else:
            rows.setdefault(suspect.function, set()).add(suspect.row)
    lengths = row_counts(code) if rows else {}
    for function, taken in list(rows.items()):
        if function in suspended or len(taken) >= lengths.get(function, 0):
            suspended.setdefault(function, "contradicts the documentation in each of its cases")
            del rows[function]
    return {function: frozenset(taken) for function, taken in rows.items()}, suspended


def _test_names(proof: Proof) -> Iterator[str]:
    first = f"test_{proof.member.plain_name.strip('_')}_as_documented"
    yield first
    yield from (f"{first}_{number}" for number in itertools.count(2))


def _example_questions(
    proof: Proof, suspects: Iterable[DocumentedClaim], passing: set[str], names: Iterator[str]
) -> Iterator[Question]:
    """Yield one question an example, the claims that were seen to hold first."""
    ordered = sorted(suspects, key=lambda claim: (claim.function not in passing, not claim.asserted))
    first = {claim.example.line: claim for claim in reversed(ordered)}
    for claim in sorted(first.values(), key=lambda claim: claim.example.line):
        seen = claim.relation is ClaimRelation.CONTRADICTS and claim.function in passing
        test = next(names)
        check = doctest_check(proof.member, claim.example, test)
        yield Question(
            documented=claim.example,
            candidate=_candidate(proof, documented_test(proof.member, claim.example, test)),
            test=test,
            check=None if check is None else _candidate(proof, check),
            observed=claim.asserted if seen else "",
            functions=tuple(
                dict.fromkeys(other.function for other in ordered if other.example.line == claim.example.line)
            ),
        )


def _promise_questions(
    proof: Proof, suspects: Iterable[Contradiction], passing: set[str], names: Iterator[str]
) -> Iterator[Question]:
    """Yield one question for the annotation and one an exception, by the first claim that allows it."""
    subjects: dict[tuple[str, str], list[Contradiction]] = {}
    for found in sorted(suspects, key=lambda found: found.function not in passing):
        exception = found.claimed if found.promise.exceptions else ""
        subjects.setdefault((found.promise.annotation, exception), []).append(found)
    for alike in subjects.values():
        name = next(names)
        written = ((one, promised_test(proof.candidate.code, proof.member, one, name)) for one in alike)
        found, test = next(((one, test) for one, test in written if test is not None), (alike[0], None))
        if test is not None:
            seen = found.function in passing or bool(found.promise.exceptions)
            yield Question(
                documented=found.promise,
                candidate=_candidate(proof, test[0]),
                test=test[1],
                observed=found.claimed if seen else "",
                functions=tuple(dict.fromkeys(one.function for one in alike)),
            )


def _candidate(proof: Proof, code: str) -> Candidate:
    return Candidate(member=proof.member.id, code=code, origin=proof.candidate.origin)
