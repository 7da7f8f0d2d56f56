"""Decide whether one candidate's tests cover their member in full. Pure.

If they do, no other generator is called. In case of doubt they do not: an unnecessary call costs less than a
missing test.
"""

from __future__ import annotations

from testsmith.languages.judge import Judge
from testsmith.languages.results import Proof
from testsmith.model import Change, MemberKind
from testsmith.verification.gate import ProvenSuggestion, Verdict


def is_complete(verdict: Verdict, judge: Judge) -> bool:
    """Return whether a candidate's green tests leave nothing to add.

    They must kill all mutants of the member, reach all of its lines, take each of its branches both ways, and
    show what the change does: tests of a changed member must fail on base, and so must tests of an affected
    member that is known to behave differently. Of a changed member only the changed lines count.
    """
    green, proof = verdict.green, verdict.proof
    if green is None or not (green.kills_all and _shows_the_change(green, proof)):
        return False
    if proof.member.kind is MemberKind.CLASS:
        return True
    kept = [function for function in proof.functions if function.name in green.tests]
    lines = {line for function in kept for line in function.lines}
    return judge.covers(proof.member, lines, {arc for function in kept for arc in function.branches})


def _shows_the_change(green: ProvenSuggestion, proof: Proof) -> bool:
    change = proof.member.change
    if change is Change.ADDED or green.evidence.fail_to_pass:
        return True
    return change is Change.AFFECTED and proof.candidate.witness(proof.names) is None
