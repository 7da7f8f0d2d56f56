"""Prevent tests from pinning bugs: compare their claims with the member's own documentation.

The documentation consists of the docstring's examples, the return annotation, and the documented exceptions.
If a claim contradicts it, or if the code does not do what both an example and the claim say, only the
maintainer knows which one is intended. Such a case becomes a question and never a green test, whichever side
the test takes.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from testsmith.languages.judge import Conflicts, short
from testsmith.languages.python.judge.documentation.contradictions import (
    ClaimRelation,
    Contradiction,
    DocumentedClaim,
    contradictions,
    documented_claims,
)
from testsmith.languages.python.judge.documentation.promised_tests import promised_test
from testsmith.languages.python.judge.documentation.questions import (
    DocumentationQuestion,
    doctest_check,
    documented_test,
)
from testsmith.languages.python.judge.test_reading.edits import row_counts
from testsmith.languages.results import FunctionProof, Proof, TestStatus
from testsmith.languages.source import DocumentedExample
from testsmith.languages.thresholds import DEFAULTS
from testsmith.model import Candidate

_MOST_QUESTIONS = DEFAULTS.questions
_EXCEPTION = re.compile(r"(?:\w+\.)*(?P<name>[A-Z]\w*)(?::|\s|$)")
"""Start of a failure message if an exception ended the test."""


def conflicts(proof: Proof, examples: Sequence[DocumentedExample]) -> Conflicts:
    """Return the candidate's conflicts with the documentation, given its results.

    A claim that fails on head is compared with the examples. If it claims a documented exception, the
    observed exception is also checked. Other failing claims say nothing about what the code promises.

    Args:
        proof: The candidate's results.
        examples: The docstring's examples.
    """
    if proof.problem is not None:
        return Conflicts()
    code, member = proof.candidate.code, proof.member
    passing = {function.name for function in proof.functions if _passes(function)}
    documented = documented_claims(code, member, examples)
    shown = [
        claim
        for claim in documented
        if claim.relation is ClaimRelation.CONTRADICTS
        or (claim.relation is ClaimRelation.AGREES and claim.function not in passing)
    ]
    # What an example shows and the code does is clear enough, whatever the annotation says.
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
    return Conflicts(questions=asked, suspended=suspended, rows=rows)


def _passes(function: FunctionProof) -> bool:
    return bool(function.head) and all(run.status is TestStatus.PASSED for run in function.head)


def _raised(functions: Iterable[FunctionProof]) -> Iterator[tuple[str, str]]:
    """Yield functions that reach the member and always end with the same exception, with its name.

    Functions that passed on base are excluded: they are reported as such. So are `AssertionError`s, which
    come from the test.
    """
    for function in functions:
        found = [_EXCEPTION.match(run.message) for run in function.head if run.status is TestStatus.FAILED]
        names = {"" if one is None else one["name"] for one in found}
        passed_before = function.base is not None and function.base.status is TestStatus.PASSED
        if len(names) == 1 and len(found) == len(function.head) and function.lines and not passed_before:
            yield from ((function.name, name) for name in names - {"", "AssertionError"})


def _is_raised(found: Contradiction, raised: Mapping[str, str]) -> bool:
    return bool(found.promise.exceptions) and raised.get(found.function) == found.claimed


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A claim that is not posted as a test, with the reason."""

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
        f"expects `{found.claimed}`, but the docstring documents {listed}"
        if listed
        else f"contradicts the annotation `{short(found.promise.annotation)}`"
    )
    return _Suspect(found.function, found.row, reason)


def _divided(suspects: Iterable[_Suspect], code: str) -> tuple[dict[str, frozenset[int]], dict[str, str]]:
    """Divide claims into rows that can be removed separately, and functions that cannot remain."""
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
) -> Iterator[DocumentationQuestion]:
    """Yield one question per example, preferring claims that pass."""
    ordered = sorted(suspects, key=lambda claim: (claim.function not in passing, not claim.asserted))
    first = {claim.example.line: claim for claim in reversed(ordered)}
    for claim in sorted(first.values(), key=lambda claim: claim.example.line):
        seen = claim.relation is ClaimRelation.CONTRADICTS and claim.function in passing
        test = next(names)
        check = doctest_check(proof.member, claim.example, test)
        yield DocumentationQuestion(
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
) -> Iterator[DocumentationQuestion]:
    """Yield one question for the annotation and one per exception, from the first claim of each."""
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
            yield DocumentationQuestion(
                documented=found.promise,
                candidate=_candidate(proof, test[0]),
                test=test[1],
                observed=found.claimed if seen else "",
                functions=tuple(dict.fromkeys(one.function for one in alike)),
            )


def _candidate(proof: Proof, code: str) -> Candidate:
    return Candidate(member=proof.member.id, code=code, origin=proof.candidate.origin)
