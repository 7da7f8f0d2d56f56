"""The bug-pinning guard: what a test claims of a call is held against what the member's docstring shows.

Where they contradict each other, or where the code does not do what both say, nobody but the maintainer knows
which is meant: that becomes a question, and never a green test, whichever side the test takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.languages.driver import DocumentedExample
from bot.model import Candidate
from bot.verification.documentation import DocumentedClaim, Relation, documented_claims
from bot.verification.proof import FunctionProof, Proof, Status
from bot.verification.questions import Question, documented_test, short
from bot.verification.rows import row_counts

_MOST_QUESTIONS = 3


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

    Args:
        proof: The candidate, run.
        examples: What the member's docstring shows.
    """
    passing = {function.name for function in proof.functions if _passes(function)}
    suspects = [
        claim
        for claim in documented_claims(proof.candidate.code, proof.member, examples)
        if claim.relation is Relation.CONTRADICTS
        or (claim.relation is Relation.AGREES and claim.function not in passing)
    ]
    rows, suspended = _divided(suspects, proof.candidate.code)
    return Guarded(questions=tuple(_questions(proof, suspects, passing)), suspended=suspended, rows=rows)


def _passes(function: FunctionProof) -> bool:
    return bool(function.head) and all(run.status is Status.PASSED for run in function.head)


def _divided(
    suspects: Iterable[DocumentedClaim], code: str
) -> tuple[dict[str, frozenset[int]], dict[str, str]]:
    """Divide the suspects into rows that can be taken away alone, and functions that cannot stay."""
    rows: dict[str, set[int]] = {}
    suspended: dict[str, str] = {}
    for claim in suspects:
        if claim.row is None:
            verb = "contradicts" if claim.relation is Relation.CONTRADICTS else "fails on"
            suspended[claim.function] = f"{verb} the docstring's example `{short(claim.example.call)}`"
        else:
            rows.setdefault(claim.function, set()).add(claim.row)
    lengths = row_counts(code) if rows else {}
    for function, taken in list(rows.items()):
        if function in suspended or len(taken) >= lengths.get(function, 0):
            suspended.setdefault(function, "contradicts the docstring's examples in each of its cases")
            del rows[function]
    return {function: frozenset(taken) for function, taken in rows.items()}, suspended


def _questions(proof: Proof, suspects: Iterable[DocumentedClaim], passing: set[str]) -> Iterator[Question]:
    """Yield one question an example, the claims that were seen to hold first."""
    ordered = sorted(suspects, key=lambda claim: (claim.function not in passing, not claim.asserted))
    first = {claim.example.line: claim for claim in reversed(ordered)}
    chosen = sorted(first.values(), key=lambda claim: claim.example.line)[:_MOST_QUESTIONS]
    for number, claim in enumerate(chosen, 1):
        seen = claim.relation is Relation.CONTRADICTS and claim.function in passing
        test = f"test_{proof.member.plain_name.strip('_')}_as_documented" + (
            f"_{number}" if number > 1 else ""
        )
        code = documented_test(proof.member, claim.example, test)
        yield Question(
            documented=claim.example,
            candidate=Candidate(member=proof.member.id, code=code, origin=proof.candidate.origin),
            test=test,
            observed=claim.asserted if seen else "",
            functions=tuple(
                dict.fromkeys(other.function for other in ordered if other.example.line == claim.example.line)
            ),
        )
