"""Decide whether one candidate's tests cover their member in full. Pure.

If they do, no other generator is called. In case of doubt they do not: an unnecessary call costs less than a
missing test.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterator

from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.source import CannotParse
from testsmith.model import Change, Member, MemberKind
from testsmith.verification.gate import ProvenSuggestion, Verdict
from testsmith.verification.results import Proof

_FORKS = (ast.If, ast.For, ast.AsyncFor, ast.While)


def is_complete(verdict: Verdict) -> bool:
    """Return whether a candidate's green tests leave nothing to add.

    They must kill all mutants of the member, reach all of its lines, take each of its branches both ways, and
    show what the change does: tests of a changed member must fail on base, and so must tests of an affected
    member that is known to behave differently.
    """
    green, proof = verdict.green, verdict.proof
    if green is None or not (_kills_all(green) and _shows_the_change(green, proof)):
        return False
    return proof.member.kind is MemberKind.CLASS or _covers(green, proof)


def _kills_all(green: ProvenSuggestion) -> bool:
    evidence = green.evidence
    return evidence.mutants is not None and evidence.mutants_killed == evidence.mutants


def _shows_the_change(green: ProvenSuggestion, proof: Proof) -> bool:
    change = proof.member.change
    if change is Change.ADDED or green.evidence.fail_to_pass:
        return True
    return change is Change.AFFECTED and proof.candidate.witness(proof.names) is None


def _covers(green: ProvenSuggestion, proof: Proof) -> bool:
    """Return whether the green tests reach all lines of the member and take each branch both ways."""
    kept = [function for function in proof.functions if function.name in green.tests]
    lines = {line for function in kept for line in function.lines}
    branches = {arc for function in kept for arc in function.branches}
    statements = _statements(proof.member)
    return bool(statements) and all(
        statement.lineno in lines and _is_taken_both_ways(statement, branches) for statement in statements
    )


def _statements(member: Member) -> list[ast.stmt]:
    """Return the statements of a member's body that a trace can show; none if it cannot be parsed."""
    try:
        tree = parse_untrusted(member.source)
    except CannotParse:
        return []
    ast.increment_lineno(tree, member.line - 1)
    return [found for definition in tree.body for found in _traced(definition)]


def _traced(definition: ast.stmt) -> Iterator[ast.stmt]:
    """Yield the statements below a definition, except docstrings and statements without a runtime effect."""
    for node in ast.walk(definition):
        is_nothing = isinstance(node, ast.Global | ast.Nonlocal) or (
            isinstance(node, ast.AnnAssign) and node.value is None
        )
        is_literal = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.stmt) and node is not definition and not (is_nothing or is_literal):
            yield node


def _is_taken_both_ways(statement: ast.stmt, branches: Collection[tuple[int, int]]) -> bool:
    """Return whether a branching statement was left in two ways. True for any other statement."""
    if not isinstance(statement, _FORKS):
        return True
    head = statement.test if isinstance(statement, ast.If | ast.While) else statement.iter
    if isinstance(head, ast.Constant):
        return True
    ways = Counter(before for before, _ in set(branches))
    last = head.end_lineno or statement.lineno
    return any(ways[line] > 1 for line in range(statement.lineno, last + 1))
