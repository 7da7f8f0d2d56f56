"""When one candidate's tests show all that there is to show of their member."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fakes.workspaces import function_member
from testsmith.languages.python.language import PYTHON
from testsmith.languages.results import FunctionProof, Proof, Run, TestStatus
from testsmith.model import (
    BaseOutcome,
    Candidate,
    Change,
    Evidence,
    Label,
    MemberKind,
    Origin,
    TestDescription,
)
from testsmith.verification.completeness import is_complete
from testsmith.verification.gate import ProvenSuggestion, Verdict

SOURCE = '''
def fee(weight: int) -> int:
    """What a parcel costs."""
    limit: int
    limit = 10
    if weight > limit:
        return 9
    for _ in range(weight):
        limit += 1
    return limit
'''
LINES = frozenset({5, 6, 7, 8, 9, 10})
BRANCHES = frozenset({(6, 7), (6, 8), (8, 9), (8, 10)})
FEE = replace(function_member(SOURCE, "fee"), changed_lines=LINES)
WHOLE = Evidence(passes=5, runs=5, base=BaseOutcome.FAILS, fail_to_pass=1, mutants=7, mutants_killed=7)


def verdict(
    evidence: Evidence = WHOLE,
    *,
    lines: frozenset[int] = LINES,
    branches: frozenset[tuple[int, int]] = BRANCHES,
    witness: str | None = None,
    kills_all: bool = True,
    **member: Any,
) -> Verdict:
    """The verdict of two tests that reach all of this together, and of one that was cut and reaches all."""
    candidate = Candidate(
        member=FEE.id,
        code="",
        origin=Origin.OFFLINE,
        descriptions=(TestDescription(test="test_a", witness=witness),),
    )
    halves = {"test_a": lines & {5, 6, 7, 8}, "test_b": lines & {9, 10}, "test_cut": LINES}
    functions = tuple(
        FunctionProof(
            name=name,
            head=(Run(status=TestStatus.PASSED, lines=reached, branches=branches),),
        )
        for name, reached in halves.items()
    )
    proof = Proof(member=replace(FEE, **member), candidate=candidate, functions=functions)
    entry = ProvenSuggestion(
        candidate=candidate, tests=("test_a", "test_b"), label=None, evidence=evidence, kills_all=kills_all
    )
    return Verdict(proof=proof, entries=(entry,))


def test_suffices__all_mutants_lines_and_branches_and_the_change() -> None:
    assert is_complete(verdict(), PYTHON.judge)


@pytest.mark.parametrize("line", sorted(LINES))
def test_suffices__not_with_a_line_that_only_a_cut_test_reaches(line: int) -> None:
    assert not is_complete(verdict(lines=LINES - {line}), PYTHON.judge)


@pytest.mark.parametrize("branch", sorted(BRANCHES))
def test_suffices__not_with_a_branch_that_is_taken_one_way(branch: tuple[int, int]) -> None:
    assert not is_complete(verdict(branches=BRANCHES - {branch}), PYTHON.judge)


@pytest.mark.parametrize(
    "evidence",
    [
        replace(WHOLE, base=BaseOutcome.PASSES, fail_to_pass=0),
        replace(WHOLE, base=BaseOutcome.NOT_RUN, fail_to_pass=None),
    ],
)
def test_suffices__not_with_less_evidence(evidence: Evidence) -> None:
    assert not is_complete(verdict(evidence), PYTHON.judge)


def test_suffices__not_with_a_mutant_alive() -> None:
    assert not is_complete(verdict(kills_all=False), PYTHON.judge)


def test_suffices__of_a_changed_member_the_changed_lines() -> None:
    def is_enough(**member: Any) -> bool:
        lines, branches = frozenset({5, 6, 7}), BRANCHES - {(8, 9)}
        return is_complete(verdict(lines=lines, branches=branches, **member), PYTHON.judge)

    assert is_enough(changed_lines=frozenset({6, 7}))
    assert not is_enough(changed_lines=frozenset({7, 8}))
    assert not is_enough(change=Change.ADDED)


def test_suffices__an_added_member_has_nothing_to_show_on_base() -> None:
    assert is_complete(
        verdict(replace(WHOLE, base=BaseOutcome.ABSENT, fail_to_pass=None), change=Change.ADDED), PYTHON.judge
    )


def test_suffices__an_affected_member_shows_the_change_where_one_is_known() -> None:
    same = replace(WHOLE, base=BaseOutcome.PASSES, fail_to_pass=0)
    assert is_complete(verdict(same, change=Change.AFFECTED), PYTHON.judge)
    assert not is_complete(
        verdict(same, change=Change.AFFECTED, witness="`fee(1)` gave `0` and gives `1` now."), PYTHON.judge
    )


def test_suffices__a_class_is_known_by_its_mutants_alone() -> None:
    assert is_complete(verdict(lines=frozenset(), branches=frozenset(), kind=MemberKind.CLASS), PYTHON.judge)


def test_suffices__not_where_nothing_is_green_or_nothing_can_be_read() -> None:
    asked = replace(verdict().entries[0], label=Label.QUESTION)
    assert not is_complete(replace(verdict(), entries=()), PYTHON.judge)
    assert not is_complete(replace(verdict(), entries=(asked,)), PYTHON.judge)
    assert not is_complete(verdict(source="def fee(:\n"), PYTHON.judge)
