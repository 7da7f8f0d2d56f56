from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest

from fakes.mutants import a_mutant, a_mutation
from fakes.reports import a_member
from testsmith.execution.baseline import MemberBaseline, OwnSuite
from testsmith.execution.jobs import Reached
from testsmith.languages.mutants import Mutant, Operator
from testsmith.languages.python.language import PYTHON
from testsmith.languages.results import FunctionProof, Proof, Run, TestStatus
from testsmith.model import Candidate, Change, Evidence, Member, MemberKind, Origin
from testsmith.verification.gains import (
    Gains,
    OwnEvidence,
    gains_of,
    gains_something,
    together,
    unmeasured_note,
    with_mutants,
    with_reach,
)
from testsmith.verification.mutation import Mutation

MEMBER = a_member("total", "shop.py", change=Change.CHANGED)
FIRST, SECOND, THIRD = a_mutant(2), a_mutant(3), a_mutant(4)
LOADED = a_mutant(5, loaded=True)


def baseline(lines: Collection[int], branches: Collection[tuple[int, int]] = ()) -> MemberBaseline:
    return MemberBaseline(reached=Reached(lines=frozenset(lines), branches=frozenset(branches)))


def function(
    base: TestStatus | None = TestStatus.PASSED,
    lines: Collection[int] = (1, 2),
    branches: Collection[tuple[int, int]] = ((1, 2),),
) -> FunctionProof:
    run = Run(status=TestStatus.PASSED, lines=frozenset(lines), branches=frozenset(branches))
    on_base = None if base is None else Run(status=base)
    return FunctionProof(name="test_a", head=(run,), base=on_base)


@pytest.mark.parametrize(
    ("own", "alive"),
    [
        (OwnEvidence(), None),
        (OwnEvidence(noticed={FIRST: True}), False),
        (OwnEvidence(noticed={FIRST: False}), None),
        (OwnEvidence(baseline=baseline({3})), True),
        (OwnEvidence(baseline=baseline({2})), None),
        (OwnEvidence(baseline=replace(baseline({2}), tests={2: ("t.py::test_a",)})), None),
        (OwnEvidence(baseline=replace(baseline({2}), tests={2: ()})), True),
        (OwnEvidence(baseline=baseline({2}), noticed={FIRST: True}), False),
        (OwnEvidence(baseline=baseline({2}), noticed={FIRST: False}), True),
    ],
)
def test_own_evidence__what_no_own_test_reaches_is_alive_the_rest_has_to_be_tried(
    own: OwnEvidence, alive: bool | None
) -> None:
    assert own.leaves_alive(FIRST) is alive


def test_own_evidence__what_runs_when_loaded_is_reached_with_any_line() -> None:
    assert OwnEvidence(baseline=baseline({9})).leaves_alive(LOADED) is None
    assert OwnEvidence(baseline=baseline(())).leaves_alive(LOADED) is True


def test_gains_of__is_what_goes_beyond_the_own_tests() -> None:
    own = OwnEvidence(baseline=baseline({1, 2, 3, 4}, {(1, 2)}), noticed={FIRST: True, SECOND: False})
    mutation = a_mutation((FIRST, SECOND, THIRD), {"test_a": (FIRST, SECOND, THIRD)})
    one = function(base=TestStatus.FAILED, lines={1, 5, 6}, branches={(1, 2), (1, 5)})
    assert gains_of(one, MEMBER, mutation, own, PYTHON.judge) == Gains(
        killed=frozenset({FIRST, SECOND, THIRD}),
        alive=frozenset({SECOND}),
        unknown=frozenset({THIRD}),
        lines=frozenset({5, 6}),
        branches=frozenset({(1, 5)}),
        fails_on_base=True,
    )


def test_gains_of__where_nothing_is_known_of_the_own_tests() -> None:
    mutation = a_mutation((FIRST,), {"test_a": (FIRST,)})
    assert gains_of(function(), MEMBER, mutation, OwnEvidence(), PYTHON.judge) == Gains(
        killed=frozenset({FIRST}),
        unknown=frozenset({FIRST}),
        lines=frozenset({1, 2}),
        branches=frozenset({(1, 2)}),
    )


@pytest.mark.parametrize(
    ("base", "change", "counts"),
    [
        (TestStatus.FAILED, Change.CHANGED, True),
        (TestStatus.FAILED, Change.AFFECTED, True),
        (TestStatus.TIMED_OUT, Change.CHANGED, True),
        (TestStatus.CRASHED, Change.CHANGED, True),
        (TestStatus.PASSED, Change.CHANGED, False),
        (TestStatus.MISSING, Change.CHANGED, False),
        (TestStatus.SKIPPED, Change.CHANGED, False),
        (None, Change.CHANGED, False),
        (TestStatus.FAILED, Change.ADDED, False),
        (TestStatus.MISSING, Change.ADDED, False),
    ],
)
def test_gains_of__a_test_of_what_is_added_always_fails_on_base(
    base: TestStatus | None, change: Change, *, counts: bool
) -> None:
    member = replace(MEMBER, change=change)
    assert gains_of(function(base), member, Mutation(), OwnEvidence(), PYTHON.judge).fails_on_base is counts


def test_gains_of__what_the_test_raises_itself_on_base_shows_nothing() -> None:
    one = function(TestStatus.FAILED)
    assert one.base is not None
    by_test = replace(one, base=replace(one.base, raised_by_test=True))
    assert gains_of(one, MEMBER, Mutation(), OwnEvidence(), PYTHON.judge).fails_on_base
    assert not gains_of(by_test, MEMBER, Mutation(), OwnEvidence(), PYTHON.judge).fails_on_base


@pytest.mark.parametrize(
    ("message", "killed", "counts"),
    [
        ("TypeError: total() got an unexpected keyword argument 'tax'", (), False),
        ("TypeError: total() takes 1 positional argument but 2 were given", (), False),
        ("TypeError: Cart.__init__() missing 1 required positional argument: 'tax'", (), False),
        ("TypeError: total() got an unexpected keyword argument 'tax'", (FIRST,), True),
        ("TypeError: total() got an unexpected keyword argument 'tax'", (SECOND,), False),  # not changed
        ("AttributeError: module 'shop' has no attribute 'TaxError'", (), False),
        ("AttributeError: module 'shop' has no attribute 'TaxError'", (FIRST,), True),
        ("AttributeError: type object 'Cart' has no attribute 'taxed'", (), False),
        ("TypeError: unsupported operand type(s) for +: 'int' and 'str'", (), True),
        ("AssertionError: assert 1 == 2", (), True),
    ],
)
def test_gains_of__a_name_or_parameter_that_base_lacks_is_no_behavior(
    message: str, killed: tuple[Mutant, ...], *, counts: bool
) -> None:
    one = function(TestStatus.FAILED)
    assert one.base is not None
    one = replace(one, base=replace(one.base, message=message))
    member = replace(MEMBER, changed_lines=frozenset({2}))
    mutation = a_mutation((FIRST, SECOND), {"test_a": killed})
    found = gains_of(one, member, mutation, OwnEvidence(), PYTHON.judge)
    assert (found.fails_on_base, found.only_misfits) == (counts, not counts)
    unchangeable = gains_of(one, MEMBER, mutation, OwnEvidence(), PYTHON.judge)  # nothing to break
    assert unchangeable.fails_on_base


A, B = frozenset({FIRST}), frozenset({(1, 2)})


@pytest.mark.parametrize(
    ("gains", "knows_branches", "has_mutants", "enough"),
    [
        (Gains(killed=A, alive=A), True, True, True),
        (Gains(killed=A, unknown=A), True, True, True),
        (Gains(killed=A, unknown=A), False, True, True),
        (Gains(killed=A), True, True, False),
        (Gains(branches=B, killed=A), True, True, True),
        (Gains(branches=B, killed=A), False, True, False),
        (Gains(branches=B), True, True, False),
        (Gains(branches=B), True, None, False),
        (Gains(fails_on_base=True), True, True, True),
        (Gains(fails_on_base=True), False, None, True),
        (Gains(lines=frozenset({1})), True, True, False),
        (Gains(lines=frozenset({1})), True, False, True),
        (Gains(lines=frozenset({1})), False, False, True),
        (Gains(lines=frozenset({1})), True, None, False),
        (Gains(), True, False, False),
        (Gains(), False, True, False),
    ],
)
def test_gains_something__any_rule_is_enough(
    gains: Gains, *, knows_branches: bool, has_mutants: bool | None, enough: bool
) -> None:
    own = OwnEvidence(baseline=replace(baseline(()), branches_known=knows_branches))
    mutation = Mutation(mutants={None: None, True: (FIRST,), False: ()}[has_mutants])
    assert gains_something(gains, mutation, own) is enough


def test_gains_something__that_own_tests_fail_on_base_as_well_is_not_a_gain() -> None:
    own, mutation = OwnEvidence(fail_on_base=True), Mutation(mutants=(FIRST,))
    assert not gains_something(Gains(fails_on_base=True), mutation, own)
    assert gains_something(Gains(fails_on_base=True, killed=A, alive=A), mutation, own)


EVIDENCE = Evidence(passes=5, runs=5)


def test_with_reach__counts_the_lines_and_branches_of_all_functions_once() -> None:
    functions = (function(lines={1, 5}, branches={(1, 5)}), function(lines={5, 6}, branches={(5, 6), (1, 5)}))
    proof = Proof(member=MEMBER, candidate=_candidate(MEMBER), functions=functions)
    shown = with_reach(EVIDENCE, proof, OwnEvidence(baseline=baseline({1})))
    assert (shown.lines_gained, shown.branches_gained) == (2, 2)
    assert with_reach(EVIDENCE, proof, OwnEvidence()) == EVIDENCE
    unknown = OwnEvidence(baseline=replace(baseline({1}), branches_known=False))
    shown = with_reach(EVIDENCE, proof, unknown)
    assert (shown.lines_gained, shown.branches_gained) == (2, None)


def _candidate(member: Member) -> Candidate:
    return Candidate(member=member.id, code="", origin=Origin.MODEL)


def test_with_mutants__names_first_what_is_gained_then_what_is_on_changed_lines() -> None:
    member = replace(MEMBER, changed_lines=frozenset({7}))
    old = a_mutant(2, Operator.BOUNDARY, words="old")
    old_gained = a_mutant(3, Operator.CONSTANT, words="old, gained")
    new = a_mutant(7, Operator.CONSTANT, words="new")
    first_new = a_mutant(7, Operator.COMPARISON, words="new, tells more")
    alike = a_mutant(7, Operator.COMPARISON, words="new, tells more")
    killed = frozenset({old, old_gained, new, first_new, alike})
    gains = Gains(killed=killed, alive=frozenset({old_gained}))
    shown = with_mutants(EVIDENCE, a_mutation((*killed, FIRST), {}), gains, member, 4)
    assert shown.killed == ("old, gained", "new, tells more", "new", "old")
    assert (shown.mutants, shown.mutants_killed, shown.mutants_gained) == (5, 4, 1)


@pytest.mark.parametrize(
    ("gains", "gained"),
    [
        (Gains(), 0),
        (Gains(killed=A, unknown=A), None),
        (Gains(killed=A | {SECOND}, alive=A, unknown=frozenset({SECOND})), 1),
        (Gains(killed=A | {SECOND}, unknown=frozenset({SECOND})), None),
        (Gains(killed=A | {SECOND}), 0),
        (Gains(killed=A | {SECOND}, alive=A, unknown=frozenset({SECOND}), fails_on_base=True), None),
        (Gains(killed=A, alive=A, fails_on_base=True), 1),
    ],
)
def test_with_mutants__is_null_where_it_is_not_known_whether_any_is_gained(
    gains: Gains, gained: int | None
) -> None:
    shown = with_mutants(EVIDENCE, a_mutation((FIRST, SECOND), {}), gains, MEMBER, 3)
    assert shown.mutants_gained == gained


def test_with_mutants__what_could_not_be_run_stays_null() -> None:
    assert with_mutants(EVIDENCE, Mutation(), Gains(), MEMBER, 3) == EVIDENCE


def test_together__is_what_any_of_them_shows() -> None:
    one = Gains(killed=A, alive=A, lines=frozenset({1}))
    other = Gains(unknown=frozenset({SECOND}), lines=frozenset({2}), branches=B, fails_on_base=True)
    assert together([one, other]) == Gains(
        killed=A,
        alive=A,
        unknown=frozenset({SECOND}),
        lines=frozenset({1, 2}),
        branches=B,
        fails_on_base=True,
    )
    assert together([]) == Gains()


def test_unmeasured_note__says_once_of_how_many_members_nothing_is_known() -> None:
    other = a_member("other", "shop.py", kind=MemberKind.FUNCTION)
    known = OwnSuite(members={MEMBER.id: MemberBaseline()})
    covered = OwnSuite(members={MEMBER.id: MemberBaseline(), other.id: baseline({1})})
    assert unmeasured_note([MEMBER], known) == ()
    assert unmeasured_note([], OwnSuite()) == ()
    assert unmeasured_note([MEMBER, other], known) == (
        "every killed mutant of 1 of 2 functions counts, because it is not known which ones your tests kill",
    )
    assert unmeasured_note([MEMBER, other], covered) == unmeasured_note([MEMBER, other], known)
    partly = OwnSuite(members=known.members, partly={other.id: baseline({1})})
    assert unmeasured_note([MEMBER, other], partly) == (
        (
            "every killed mutant of 1 of 2 functions that no test of yours killed counts, because it is "
            "not known which ones your tests kill"
        ),
    )
    assert unmeasured_note([MEMBER, other], OwnSuite()) == (
        "every killed mutant counts, because it is not known which ones your tests kill",
    )
