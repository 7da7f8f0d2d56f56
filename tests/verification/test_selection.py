from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.mutants import a_mutant, a_mutation
from testsmith.execution.baseline import MemberBaseline
from testsmith.execution.jobs import Reached
from testsmith.languages.mutants import Mutant
from testsmith.languages.python.language import PYTHON
from testsmith.languages.results import FunctionProof, Proof, Run, TestStatus
from testsmith.languages.thresholds import GateTable
from testsmith.model import (
    BaseOutcome,
    Candidate,
    Change,
    Evidence,
    Label,
    Member,
    MemberKind,
    Origin,
)
from testsmith.verification.gains import Gains, OwnEvidence
from testsmith.verification.gate import (
    NOT_MUTATED,
    Cut,
    Judgment,
    Point,
    ProvenSuggestion,
    TestKind,
    Verdict,
)
from testsmith.verification.mutation import Mutation
from testsmith.verification.selection import EntryWeight, surplus, weigh

CODE = "def test_a():\n    assert f() == 1\n\n\ndef test_b():\n    one = f\n    assert one\n"
CANDIDATE = Candidate(member="shop.py::f", code=CODE, origin=Origin.MODEL)
MEMBER = Member(
    path="shop.py",
    name="f",
    language="python",
    change=Change.CHANGED,
    line=1,
    end_line=9,
    changed_lines=frozenset({2, 3, 4}),
    kind=MemberKind.FUNCTION,
    source="def f(): ...\n",
    module="shop",
)
KEEPING = GateTable(keeps_unchanged=True)
FIRST, SECOND, THIRD = (a_mutant(line) for line in (2, 3, 4))
OWN = MemberBaseline(reached=Reached(lines=frozenset({1, 2, 3, 4})))


def function(name: str, base: TestStatus = TestStatus.PASSED, lines: tuple[int, ...] = (2,)) -> FunctionProof:
    run = Run(status=TestStatus.PASSED, lines=frozenset(lines))
    return FunctionProof(name=name, head=(run,), base=Run(status=base))


def proof(*functions: FunctionProof, member: Member = MEMBER) -> Proof:
    return Proof(
        member=member,
        candidate=CANDIDATE,
        functions=functions or (function("test_a"), function("test_b")),
    )


def entry(base: BaseOutcome = BaseOutcome.PASSES) -> ProvenSuggestion:
    return ProvenSuggestion(
        candidate=CANDIDATE,
        tests=("test_a", "test_b"),
        label=Label.UNCHANGED_BEHAVIOR,
        evidence=Evidence(passes=5, runs=5, base=base),
    )


def weighed(weight: EntryWeight) -> ProvenSuggestion | Judgment:
    return weigh(entry(), weight, PYTHON)


def test_weigh__the_evidence_is_that_of_all_functions_and_names_a_few() -> None:
    mutants = (FIRST, SECOND, THIRD)
    mutation = a_mutation(mutants, {"test_a": (FIRST, SECOND), "test_b": (SECOND, THIRD)})
    own = OwnEvidence(baseline=OWN, noticed={FIRST: True, SECOND: True, THIRD: False})
    # test_a kills nothing that is alive, but fails on base
    run = proof(function("test_a", base=TestStatus.FAILED), function("test_b"))
    table = GateTable(named_mutants=2)
    found = weighed(EntryWeight(proof=run, mutation=mutation, own=own, table=table))
    assert isinstance(found, ProvenSuggestion)
    assert found.evidence == Evidence(
        passes=5,
        runs=5,
        base=BaseOutcome.PASSES,
        mutants=3,
        mutants_killed=3,
        mutants_gained=1,
        mutants_guarded=1,
        killed=("`<` to `<=` on line 4", "`<` to `<=` on line 2"),
    )


@pytest.mark.parametrize(("noticed", "guarded"), [({}, None), ({FIRST: True}, 0), ({FIRST: False}, 1)])
def test_weigh__a_mutant_that_the_own_tests_did_not_run_is_not_counted_as_killed_by_them(
    noticed: dict[Mutant, bool], guarded: int | None
) -> None:
    base = function("test_a", base=TestStatus.FAILED), function("test_b", base=TestStatus.FAILED)
    reached = replace(OWN, tests={FIRST.line: ("t.py::test_own",)})
    weight = EntryWeight(
        proof=proof(*base),
        mutation=a_mutation((FIRST,), {"test_a": (FIRST,)}),
        own=OwnEvidence(baseline=reached, noticed=noticed),
        thins=False,
    )
    found = weighed(weight)
    assert isinstance(found, ProvenSuggestion)
    assert found.evidence.mutants_guarded == guarded


def test_weigh__a_function_that_passes_without_the_member_is_cut() -> None:
    mutation = a_mutation((FIRST,), {"test_a": (FIRST,), "test_b": (FIRST,)}, "test_b")
    found = weighed(EntryWeight(proof=proof(), mutation=mutation))
    assert isinstance(found, Judgment)
    (draft,) = found.drafts
    assert (draft.kind, draft.tests) == (TestKind.GREEN, ("test_a",))
    assert "test_b" not in draft.candidate.code
    assert found.cuts == (
        Cut(function="test_b", point=Point.STABLE, reason="also passes if the function is removed"),
    )


@pytest.mark.parametrize(
    ("change", "own_fail", "is_kept"),
    [(Change.AFFECTED, False, True), (Change.AFFECTED, True, False), (Change.CHANGED, False, False)],
)
def test_weigh__a_function_may_show_what_an_affected_member_leads_to_without_it(
    change: Change, own_fail: bool, is_kept: bool
) -> None:
    base = Run(status=TestStatus.FAILED, message="assert 1 == 2")
    functions = [replace(function(name), base=base) for name in ("test_a", "test_b")]
    run = proof(*functions, member=replace(MEMBER, change=change))
    mutation = a_mutation((FIRST,), {"test_a": (FIRST,)}, "test_a", "test_b")
    weight = EntryWeight(proof=run, mutation=mutation, own=OwnEvidence(fail_on_base=own_fail), thins=False)
    assert isinstance(weighed(weight), ProvenSuggestion) is is_kept


def test_weigh__nothing_is_left_where_all_pass_without_the_member() -> None:
    found = weighed(EntryWeight(proof=proof(), mutation=a_mutation((FIRST,), {}, "test_a", "test_b")))
    assert isinstance(found, Judgment)
    assert found.drafts == ()
    assert [cut.function for cut in found.cuts] == ["test_a", "test_b"]


def test_weigh__each_function_is_judged_for_itself() -> None:
    mutation = a_mutation((FIRST, SECOND), {"test_b": (SECOND,)})
    found = weighed(EntryWeight(proof=proof(), mutation=mutation, table=KEEPING))
    assert isinstance(found, Judgment)
    assert [draft.tests for draft in found.drafts] == [("test_b",)]
    (cut,) = found.cuts
    assert (cut.function, cut.reason, cut.adds_nothing) == (
        "test_a",
        "kills none of 2 mutants of the function",
        True,
    )


def test_weigh__what_the_own_tests_notice_is_no_gain() -> None:
    mutation = a_mutation((FIRST, SECOND), {"test_a": (FIRST,), "test_b": (SECOND,)})
    own = OwnEvidence(baseline=OWN, noticed={FIRST: True, SECOND: True})
    found = weighed(EntryWeight(proof=proof(), mutation=mutation, own=own, table=KEEPING))
    assert isinstance(found, Judgment)
    assert {cut.reason for cut in found.cuts} == {"kills no mutant that survives your tests"}
    skipped = Verdict(proof=proof(), cuts=found.cuts).skipped()
    assert skipped.reason == "no test killed a mutant that survives your tests"


def test_weigh__that_it_fails_on_base_is_not_a_gain_if_own_tests_that_reach_the_member_do() -> None:
    mutation = a_mutation((FIRST, SECOND), {"test_a": (FIRST,), "test_b": (SECOND,)})
    own = OwnEvidence(baseline=OWN, noticed={FIRST: True, SECOND: False})
    run = proof(function("test_a", base=TestStatus.FAILED), function("test_b", base=TestStatus.FAILED))
    alone = weighed(EntryWeight(proof=run, mutation=mutation, own=own, table=KEEPING))
    assert isinstance(alone, ProvenSuggestion)
    found = weighed(EntryWeight(proof=run, mutation=mutation, own=replace(own, fail_on_base=True)))
    assert isinstance(found, Judgment)
    assert [draft.tests for draft in found.drafts] == [("test_b",)]
    (cut,) = found.cuts
    assert (cut.function, cut.reason) == ("test_a", "fails without this change, but so do your tests")


def test_weigh__a_failure_on_base_that_the_test_raises_itself_shows_nothing() -> None:
    mutation = a_mutation((FIRST, SECOND), {"test_b": (SECOND,)})
    first = function("test_a", base=TestStatus.FAILED)
    own = replace(first, base=Run(status=TestStatus.FAILED, raised_by_test=True))
    run = proof(own, function("test_b", base=TestStatus.FAILED))
    found = weighed(EntryWeight(proof=run, mutation=mutation))
    assert isinstance(found, Judgment)
    assert [draft.tests for draft in found.drafts] == [("test_b",)]
    (cut,) = found.cuts
    assert cut.function == "test_a"
    assert cut.reason == "fails without this change only by what the test does, not in the function"


def test_weigh__what_passes_on_base_was_run_there_whatever_the_others_do() -> None:
    own = replace(function("test_a"), base=Run(status=TestStatus.FAILED, raised_by_test=True))
    run = proof(own, function("test_b", base=TestStatus.PASSED))
    found = weighed(EntryWeight(proof=run, mutation=a_mutation((FIRST, SECOND), {})))
    assert isinstance(found, Judgment)
    reasons = {cut.function: cut.reason for cut in found.cuts}
    assert reasons["test_b"] == "shows nothing about this change"


def test_weigh__without_own_tests_nothing_is_said_of_them() -> None:
    found = weighed(EntryWeight(proof=proof(), mutation=a_mutation((FIRST,), {}), table=KEEPING))
    assert isinstance(found, Judgment)
    assert {cut.reason for cut in found.cuts} == {"does not kill the only mutant of the function"}
    skipped = Verdict(proof=proof(), cuts=found.cuts).skipped()
    assert skipped.reason == "no test killed a mutant of the function"


def test_weigh__what_could_not_be_run_with_mutants_is_not_posted_for_passing() -> None:
    found = weighed(EntryWeight(proof=proof(), mutation=Mutation()))
    assert isinstance(found, Judgment)
    assert {cut.reason for cut in found.cuts} == {"could not be run with a mutant of the function"}


def test_weigh__a_function_that_passes_whatever_the_member_returns_is_cut_though_it_kills_a_mutant() -> None:
    kills = {"test_a": (FIRST,), "test_b": (SECOND,)}
    mutation = replace(a_mutation((FIRST, SECOND), kills), blind=frozenset({"test_b"}))
    run = proof(function("test_a"), function("test_b", base=TestStatus.FAILED))
    found = weighed(EntryWeight(proof=run, mutation=mutation))
    assert isinstance(found, Judgment)
    assert [draft.tests for draft in found.drafts] == [("test_a",)]
    reason = "also passes if the function returns something else"
    assert found.cuts == (Cut(function="test_b", point=Point.STABLE, reason=reason, ignores_results=True),)


@pytest.mark.parametrize(
    ("message", "kept"),
    [("AssertionError: assert {'a': '1'} == {'a': 1}", True), ("TypeError: f() takes 1 argument", False)],
)
def test_weigh__an_assertion_that_fails_on_base_may_be_about_a_side_effect(
    message: str, *, kept: bool
) -> None:
    mutation = replace(a_mutation((FIRST,), {"test_a": (FIRST,)}), blind=frozenset({"test_b"}))
    other = function("test_b", base=TestStatus.FAILED)
    on_base = replace(other, base=Run(status=TestStatus.FAILED, message=message))
    first = function("test_a", base=TestStatus.FAILED)
    found = weighed(EntryWeight(proof=proof(first, on_base), mutation=mutation))
    assert isinstance(found, ProvenSuggestion) is kept


def test_weigh__where_mutation_is_not_possible_only_a_failure_on_base_counts() -> None:
    impossible = Mutation(impossible=True)
    run = proof(function("test_a", base=TestStatus.FAILED), function("test_b"))
    found = weighed(EntryWeight(proof=run, mutation=impossible))
    assert isinstance(found, Judgment)
    assert [draft.tests for draft in found.drafts] == [("test_a",)]
    assert [(cut.function, cut.reason) for cut in found.cuts] == [("test_b", NOT_MUTATED)]
    member = replace(MEMBER, change=Change.ADDED)
    nothing = weighed(EntryWeight(proof=proof(*run.functions, member=member), mutation=impossible))
    assert isinstance(nothing, Judgment)
    skipped = Verdict(proof=run, cuts=nothing.cuts).skipped()
    assert skipped.reason.startswith("mutation not possible: ")


def test_weigh__what_spoils_the_run_without_the_member_is_not_posted() -> None:
    unheard = Mutation(
        mutants=(FIRST,), kills={"test_a": frozenset({FIRST})}, unheard=frozenset({"test_a", "test_b"})
    )
    found = weighed(EntryWeight(proof=proof(), mutation=unheard))
    assert isinstance(found, Judgment)
    assert {cut.reason for cut in found.cuts} == {"could not be run with the function removed"}
    assert found.drafts == ()


def test_weigh__a_function_that_shows_nothing_of_its_own_is_cut_and_counts_as_gaining() -> None:
    mutation = a_mutation((FIRST, SECOND), {"test_a": (FIRST, SECOND), "test_b": (SECOND,)})
    found = weighed(EntryWeight(proof=proof(), mutation=mutation))
    assert isinstance(found, Judgment)
    assert [draft.tests for draft in found.drafts] == [("test_a",)]
    reason = "shows nothing that `test_a` does not show"
    assert found.cuts == (Cut(function="test_b", point=Point.GAINS, reason=reason),)


LONGER_FIRST = "def test_a():\n    one = f\n    assert one\n\n\ndef test_b():\n    assert f() == 1\n"


@pytest.mark.parametrize(
    ("origin", "base", "left"),
    [
        (Origin.OFFLINE, TestStatus.FAILED, "test_b"),
        (Origin.MODEL, TestStatus.FAILED, "test_a"),
        (Origin.MODEL, TestStatus.PASSED, "test_b"),
    ],
)
def test_weigh__of_equals_the_shorter_one_stays_or_the_first_that_a_model_wrote_about_the_change(
    origin: Origin, base: TestStatus, left: str
) -> None:
    mutation = a_mutation((FIRST,), {"test_a": (FIRST,), "test_b": (FIRST,)})
    both = replace(entry(), candidate=replace(CANDIDATE, code=LONGER_FIRST, origin=origin))
    run = proof(function("test_a", base=base), function("test_b", base=base))
    found = weigh(both, EntryWeight(proof=run, mutation=mutation), PYTHON)
    assert isinstance(found, Judgment)
    assert [draft.tests for draft in found.drafts] == [(left,)]


@pytest.mark.parametrize(
    ("origin", "message", "left"),
    [
        (Origin.MODEL, "assert 2 == 3", ("test_a", "test_b")),
        (Origin.MODEL, "Failed: DID NOT RAISE", ("test_b",)),
        (Origin.OFFLINE, "assert 2 == 3", ("test_a", "test_b")),
        (Origin.OFFLINE, "Failed: in another way", ("test_b",)),
    ],
)
def test_weigh__tests_that_fail_differently_on_base_show_different_things(
    origin: Origin, message: str, left: tuple[str, ...]
) -> None:
    """The second one also kills a mutant, which must not cost the one that shows what the change is for."""
    functions = [
        replace(function(name), base=Run(status=TestStatus.FAILED, message=words))
        for name, words in (("test_a", message), ("test_b", "Failed: DID NOT RAISE"))
    ]
    both = replace(entry(BaseOutcome.FAILS), candidate=replace(CANDIDATE, origin=origin))
    weight = EntryWeight(proof=proof(*functions), mutation=a_mutation((FIRST,), {"test_b": (FIRST,)}))
    found = weigh(both, weight, PYTHON)
    assert (found.tests if isinstance(found, ProvenSuggestion) else found.drafts[0].tests) == left


def test_weigh__what_was_thinned_once_is_left_as_it_is() -> None:
    mutation = a_mutation((FIRST,), {"test_a": (FIRST,), "test_b": (FIRST,)})
    found = weighed(EntryWeight(proof=proof(), mutation=mutation, thins=False))
    assert isinstance(found, ProvenSuggestion)
    assert found.tests == ("test_a", "test_b")


def test_weigh__what_shows_nothing_of_its_own_but_cannot_be_cut_out_stays() -> None:
    inherited = replace(entry(), tests=("test_a", "test_b", "TestX::test_inherited"))
    run = proof(function("test_a"), function("test_b"), function("TestX::test_inherited"))
    kills = {"test_a": (FIRST,), "test_b": (SECOND,), "TestX::test_inherited": (FIRST,)}
    found = weigh(inherited, EntryWeight(proof=run, mutation=a_mutation((FIRST, SECOND), kills)), PYTHON)
    assert isinstance(found, ProvenSuggestion)
    assert found.tests == inherited.tests


def test_weigh__what_cannot_be_cut_out_goes_with_its_neighbors() -> None:
    inherited = replace(entry(), tests=("test_a", "test_b", "TestX::test_inherited"))
    run = proof(function("test_a"), function("test_b"), function("TestX::test_inherited"))
    mutation = a_mutation((FIRST, SECOND), {"test_a": (FIRST,), "test_b": (SECOND,)})
    found = weigh(inherited, EntryWeight(proof=run, mutation=mutation), PYTHON)
    assert isinstance(found, Judgment)
    assert found.drafts == ()
    assert {cut.function for cut in found.cuts} == {"test_a", "test_b", "TestX::test_inherited"}


def of_change(*lines: int) -> Member:
    return replace(MEMBER, changed_lines=frozenset(lines))


def test_weigh__a_function_that_says_nothing_about_the_change_is_cut() -> None:
    """Killing a mutant elsewhere in a changed function does not count, in a sweep it does."""
    mutation = a_mutation((FIRST, SECOND), {"test_a": (FIRST,), "test_b": (SECOND,)})
    run = proof(member=of_change(3))
    found = weighed(EntryWeight(proof=run, mutation=mutation))
    assert isinstance(found, Judgment)
    assert [draft.tests for draft in found.drafts] == [("test_b",)]
    assert [(cut.function, cut.reason) for cut in found.cuts] == [
        ("test_a", "shows nothing about this change")
    ]
    everything = weighed(EntryWeight(proof=run, mutation=mutation, table=KEEPING))
    assert isinstance(everything, ProvenSuggestion)
    assert everything.tests == ("test_a", "test_b")


def test_weigh__a_member_without_a_test_about_the_change_is_skipped_in_plain_words() -> None:
    mutation = a_mutation((FIRST, SECOND), {"test_a": (FIRST,), "test_b": (SECOND,)})
    run = proof(member=of_change(4))
    found = weighed(EntryWeight(proof=run, mutation=mutation))
    assert isinstance(found, Judgment)
    skipped = Verdict(proof=run, cuts=found.cuts).skipped()
    assert skipped.reason == "no test of it showed anything about this change"


def test_weigh__where_base_was_not_run_the_reason_says_so() -> None:
    not_run = (replace(function(name), base=None) for name in ("test_a", "test_b"))
    mutation = a_mutation((FIRST, SECOND), {"test_a": (FIRST,), "test_b": (SECOND,)})
    found = weighed(EntryWeight(proof=proof(*not_run, member=of_change(3)), mutation=mutation))
    assert isinstance(found, Judgment)
    assert [(cut.function, cut.reason) for cut in found.cuts] == [
        ("test_a", "was not run without this change, and kills no mutant on a changed line")
    ]


@pytest.mark.parametrize(
    ("own", "is_posted"),
    [
        (OwnEvidence(baseline=OWN, noticed={FIRST: False}), True),
        (OwnEvidence(baseline=OWN, noticed={FIRST: True}), False),
        (OwnEvidence(baseline=replace(OWN, tests={2: ("t.py::test_own",)})), False),  # no time to try it
        (OwnEvidence(baseline=OWN), True),  # of coverage alone: no test could be tried
        (OwnEvidence(), True),
    ],
)
def test_weigh__what_passes_on_base_has_to_guard_the_change(own: OwnEvidence, *, is_posted: bool) -> None:
    both = a_mutation((FIRST, SECOND), {"test_a": (FIRST,), "test_b": (FIRST,)})
    run = proof(member=of_change(2))
    found = weighed(EntryWeight(proof=run, mutation=both, own=own, thins=False))
    assert isinstance(found, ProvenSuggestion) is is_posted
    if isinstance(found, ProvenSuggestion):
        assert found.label is Label.GUARDS_CHANGE


@pytest.mark.parametrize(
    ("change", "base", "table", "label"),
    [
        (Change.CHANGED, TestStatus.PASSED, GateTable(), Label.GUARDS_CHANGE),
        (Change.CHANGED, TestStatus.PASSED, KEEPING, Label.GUARDS_CHANGE),
        (Change.ADDED, TestStatus.PASSED, GateTable(), Label.GUARDS_CHANGE),
        (Change.ADDED, TestStatus.PASSED, KEEPING, Label.UNCHANGED_BEHAVIOR),  # `--all`: nothing was added
        (Change.CHANGED, TestStatus.FAILED, GateTable(), Label.NEW_BEHAVIOR),
        (Change.ADDED, TestStatus.FAILED, GateTable(), Label.NEW_BEHAVIOR),
        (Change.CHANGED, TestStatus.MISSING, GateTable(), Label.GUARDS_CHANGE),  # names what is new
    ],
)
def test_weigh__labels_what_guards_the_change(
    change: Change, base: TestStatus, table: GateTable, label: Label
) -> None:
    mutation = a_mutation((FIRST, SECOND), {"test_a": (FIRST,), "test_b": (SECOND,)})
    run = proof(
        function("test_a", base=base), function("test_b", base=base), member=replace(MEMBER, change=change)
    )
    before = {TestStatus.FAILED: label, TestStatus.MISSING: None}.get(base, Label.UNCHANGED_BEHAVIOR)
    settled = replace(entry(), label=before)
    found = weigh(settled, EntryWeight(proof=run, mutation=mutation, table=table), PYTHON)
    assert isinstance(found, ProvenSuggestion)
    assert found.label is label


def test_weigh__a_function_that_adds_nothing_about_the_change_is_redundant() -> None:
    """It kills a mutant that the other one does not, but on a line that was not changed."""
    mutation = a_mutation((FIRST, SECOND), {"test_a": (FIRST,), "test_b": (FIRST, SECOND)})
    run = proof(
        function("test_a", base=TestStatus.FAILED),
        function("test_b", base=TestStatus.FAILED),
        member=of_change(2),
    )
    found = weighed(EntryWeight(proof=run, mutation=mutation))
    assert isinstance(found, Judgment)
    assert [draft.tests for draft in found.drafts] == [("test_a",)]
    assert [cut.reason for cut in found.cuts] == ["shows nothing that `test_a` does not show"]


@pytest.mark.parametrize(
    ("gains", "failures", "reason"),
    [
        (Gains(killed=frozenset({THIRD})), {}, ": beyond them, it shows only a mutant on line 4"),
        (
            Gains(killed=frozenset(map(a_mutant, (9, 6, 7, 8)))),
            {},
            ": beyond them, it shows only mutants on lines 6, 7, 8, ...",
        ),
        (
            Gains(killed=frozenset({FIRST}), fails_on_base=True),
            {"test_a": "1 != 2", "test_b": "1 != 2", "test_c": "no"},
            ": beyond them, it shows only another failure without this change",
        ),
        (Gains(killed=frozenset({FIRST})), {}, ""),
    ],
)
def test_surplus__says_what_is_lost(gains: Gains, failures: dict[str, str], reason: str) -> None:
    shown = Gains(killed=frozenset(map(a_mutant, (2, 21, 22, 23, 24, 25))), fails_on_base=True)
    other = Gains(killed=frozenset(map(a_mutant, (3, 31, 32, 33, 34, 35))), fails_on_base=True)
    found = surplus({"test_a": shown, "test_b": other, "test_c": gains}, {}, 2, failures)
    assert found == {"test_c": f"shows less about this change than the proposed tests{reason}"}


def test_surplus__says_which_branch_is_lost() -> None:
    ways = [frozenset({(1, 2), (1, 3)}), frozenset({(4, 5), (4, 6)}), frozenset({(7, 8)})]
    found = surplus({f"test_{number}": Gains(branches=way) for number, way in enumerate(ways)}, {}, 1)
    only = "beyond them, it shows only a branch on line 7"
    assert found == {"test_2": f"shows less about this change than the proposed tests: {only}"}


THREE = "".join(f"def test_{name}():\n    assert f() == 1\n\n\n" for name in "abc")


@pytest.mark.parametrize(
    ("branches", "left"),
    [
        ((), ("test_a", "test_b")),
        (((2, 3), (2, 4), (4, 9)), ("test_a", "test_b", "test_c")),
        (((2, 3), (2, 4), (7, 9)), ("test_a", "test_b")),  # the third one takes no changed branch
    ],
)
def test_weigh__two_functions_of_a_changed_member_are_shown_or_three_with_other_changed_branches(
    branches: tuple[tuple[int, int], ...], left: tuple[str, ...]
) -> None:
    names = ("test_a", "test_b", "test_c")
    functions = [function(name) for name in names]
    for number, branch in enumerate(branches):
        run = replace(functions[number].head[0], branches=frozenset({branch}))
        functions[number] = replace(functions[number], head=(run,))
    kills = {name: (mutant,) for name, mutant in zip(names, (FIRST, SECOND, THIRD), strict=True)}
    three = replace(entry(), candidate=replace(CANDIDATE, code=THREE), tests=names)
    weight = EntryWeight(proof=proof(*functions), mutation=a_mutation((FIRST, SECOND, THIRD), kills))
    found = weigh(three, weight, PYTHON)
    shown = found.tests if isinstance(found, ProvenSuggestion) else found.drafts[0].tests
    assert shown == left
    if isinstance(found, Judgment):
        only = "beyond them, it shows only a mutant on line 4"
        reason = f"shows less about this change than the proposed tests: {only}"
        assert [(cut.function, cut.reason) for cut in found.cuts] == [("test_c", reason)]


@pytest.mark.parametrize(
    ("changed", "table", "kills_all"),
    [((2, 3), GateTable(), True), ((2, 3), KEEPING, False), ((2, 3, 4), GateTable(), False)],
)
def test_weigh__says_whether_all_mutants_that_count_are_killed(
    changed: tuple[int, ...], table: GateTable, *, kills_all: bool
) -> None:
    mutation = a_mutation((FIRST, SECOND, THIRD), {"test_a": (FIRST,), "test_b": (SECOND,)})
    run = proof(member=of_change(*changed))
    found = weighed(EntryWeight(proof=run, mutation=mutation, table=table))
    assert isinstance(found, ProvenSuggestion)
    assert found.kills_all is kills_all
