from __future__ import annotations

from bot.languages.python.test_modules import keep_tests
from bot.model import BaseOutcome, Candidate, Evidence, Label, Origin
from bot.verification.gate import Cut, Entry, Judgement, Kind, Point, weigh
from bot.verification.mutation import Mutation

CODE = "def test_a():\n    assert f() == 1\n\n\ndef test_b():\n    assert f\n"


def entry(base: BaseOutcome = BaseOutcome.PASSES) -> Entry:
    return Entry(
        candidate=Candidate(member="shop.py::f", code=CODE, origin=Origin.MODEL),
        tests=("test_a", "test_b"),
        label=Label.UNCHANGED_BEHAVIOUR,
        evidence=Evidence(passes=5, runs=5, base=base),
    )


def test_weigh__the_evidence_names_three() -> None:
    killed = ("`<` to `<=` on line 2", "`<` to `<=` on line 2", "b", "c", "d")
    weighed = weigh(entry(), Mutation(mutants=7, killed=killed), keep_tests)
    assert isinstance(weighed, Entry)
    assert weighed.evidence == Evidence(
        passes=5,
        runs=5,
        base=BaseOutcome.PASSES,
        mutants=7,
        mutants_killed=5,
        killed=("`<` to `<=` on line 2", "b", "c"),
    )


def test_weigh__what_could_not_be_measured_stays_unknown() -> None:
    assert weigh(entry(), Mutation(), keep_tests) == entry()


def test_weigh__a_function_that_passes_without_the_member_is_cut() -> None:
    weighed = weigh(entry(), Mutation(mutants=3, killed=("a",), empty=frozenset({"test_b"})), keep_tests)
    assert isinstance(weighed, Judgement)
    (draft,) = weighed.drafts
    assert (draft.kind, draft.tests) == (Kind.GREEN, ("test_a",))
    assert "test_b" not in draft.candidate.code
    assert weighed.cuts == (
        Cut(function="test_b", point=Point.STABLE, reason="passes also when the member is taken away"),
    )


def test_weigh__nothing_is_left_where_all_pass_without_the_member() -> None:
    weighed = weigh(entry(), Mutation(mutants=3, empty=frozenset({"test_a", "test_b"})), keep_tests)
    assert isinstance(weighed, Judgement)
    assert weighed.drafts == ()
    assert [cut.function for cut in weighed.cuts] == ["test_a", "test_b"]


def test_weigh__tests_that_notice_nothing_are_cut() -> None:
    weighed = weigh(entry(BaseOutcome.ABSENT), Mutation(mutants=3), keep_tests)
    assert isinstance(weighed, Judgement)
    assert [cut.reason for cut in weighed.cuts] == ["kills none of 3 mutants of the member"] * 2


def test_weigh__unless_they_fail_on_base_or_there_is_nothing_to_notice() -> None:
    shown = weigh(entry(BaseOutcome.FAILS), Mutation(mutants=3), keep_tests)
    assert isinstance(shown, Entry)
    assert (shown.evidence.mutants, shown.evidence.mutants_killed) == (3, 0)
    assert isinstance(weigh(entry(), Mutation(mutants=0), keep_tests), Entry)
