from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes.reports import VIEW, a_member, a_suggestion, sample_report
from testsmith.model import (
    Baseline,
    BaselineStatus,
    BaseOutcome,
    CacheStats,
    Change,
    Evidence,
    Funnel,
    Label,
    Member,
    Origin,
    Report,
    Skipped,
    SkipStage,
    Spending,
    Statistics,
    Suggestion,
)
from testsmith.reporting.escaping import text_of
from testsmith.reporting.phrases import (
    added_time_words,
    baseline_words,
    body_words,
    change_words,
    check_command,
    cost_words,
    count,
    evidence_words,
    facts_line,
    failure_words,
    funnel_words,
    headline,
    proposal_words,
    statistics_line,
    title_words,
)

ADDED = a_member("f")
CHANGED = a_member("f", change=Change.CHANGED)


def evidence_of(member: Member = CHANGED, **parts: Any) -> str:
    whole: dict[str, Any] = {"passes": 5, "runs": 5, "base": BaseOutcome.FAILS, "fail_to_pass": 1} | parts
    return text_of(facts_line(evidence_words(a_suggestion(member, evidence=Evidence(**whole)), member)))


def a_report(members: int, *suggestions: Suggestion, **parts: Any) -> Report:
    named = tuple(a_member(f"f{number}") for number in range(members))
    return Report(**({"members": named, "suggestions": suggestions, "base": "0"} | parts))


def green(number: int, tests: int = 1, **parts: Any) -> Suggestion:
    return a_suggestion(a_member(f"f{number}"), tests=("test_x",) * tests, **parts)


def question(number: int) -> Suggestion:
    return green(number, label=Label.QUESTION)


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 tests"), (1, "1 test"), (2, "2 tests"), (2000, "2,000 tests")]
)
def test_count__has_the_right_plural(number: int, words: str) -> None:
    assert count(number, "test") == words


def test_statistics_line__is_exactly_the_contract() -> None:
    line = statistics_line(CacheStats(hits=12, misses=8, entries=20))

    assert line == "LLM cache — hits: 12  misses: 8  entries: 20"


def test_evidence_words__are_checkable_facts_in_one_order() -> None:
    words = evidence_of(
        mutants=7,
        mutants_killed=6,
        killed=("`<` to `<=` on line 12", "`+` to `-` on line 13"),
        lines_gained=4,
        branches_gained=2,
    )

    assert words == (
        "1 test that fails without this change · passes in 5 of 5 runs · kills 6 of 7 mutants, including "
        "< → <= on line 12 · +4 lines, +2 branches"
    )


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({}, "1 test that fails without this change · passes in 5 of 5 runs"),
        ({"passes": 4}, "1 test that fails without this change · passes in 4 of 5 runs"),
        ({"passes": 0}, "fails in 5 of 5 runs · also fails without this change"),
        ({"passes": 0, "runs": 0}, "not run · also fails without this change"),
        (
            {"fail_to_pass": None, "base": BaseOutcome.PASSES},
            "passes in 5 of 5 runs · also passes without this change",
        ),
        (
            {"fail_to_pass": None, "base": BaseOutcome.PASSES, "passes": 0},
            "fails in 5 of 5 runs · passes without this change",
        ),
        (
            {"fail_to_pass": None, "base": BaseOutcome.ABSENT},
            "passes in 5 of 5 runs · new in this change",
        ),
        (
            {"fail_to_pass": None, "base": BaseOutcome.NOT_RUN},
            "passes in 5 of 5 runs · shows nothing on the base",
        ),
        (
            {"mutants": 0, "mutants_killed": 0},
            "1 test that fails without this change · passes in 5 of 5 runs",
        ),
        (
            {"mutants": 1, "mutants_killed": 1, "killed": ("`1` to `2` on line 3",)},
            (
                "1 test that fails without this change · passes in 5 of 5 runs · kills 1 of 1 mutant: 1 → 2 "
                "on line 3"
            ),
        ),
        (
            {"mutants": 3, "mutants_killed": 0},
            "1 test that fails without this change · passes in 5 of 5 runs · kills 0 of 3 mutants",
        ),
        ({"lines_gained": 1}, "1 test that fails without this change · passes in 5 of 5 runs · +1 line"),
        ({"branches_gained": 1}, "1 test that fails without this change · passes in 5 of 5 runs · +1 branch"),
        (
            {"lines_gained": 0, "branches_gained": 2},
            "1 test that fails without this change · passes in 5 of 5 runs · +2 branches",
        ),
        (
            {"lines_gained": 0, "branches_gained": 0},
            "1 test that fails without this change · passes in 5 of 5 runs · no new line covered",
        ),
    ],
)
def test_evidence_words__leave_out_what_was_not_measured(parts: dict[str, Any], words: str) -> None:
    assert evidence_of(**parts) == words


@pytest.mark.parametrize(
    ("tests", "failing", "words"),
    [
        (1, 1, "1 test that fails without this change · passes in 5 of 5 runs · kills 3 of 4 mutants"),
        (6, 1, "6 tests, 1 of which fails without this change · pass in 5 of 5 runs · kill 3 of 4 mutants"),
        (6, 2, "6 tests, 2 of which fail without this change · pass in 5 of 5 runs · kill 3 of 4 mutants"),
        (6, 6, "6 tests that fail without this change · pass in 5 of 5 runs · kill 3 of 4 mutants"),
        (6, None, "pass in 5 of 5 runs · kill 3 of 4 mutants"),
    ],
)
def test_evidence_words__count_the_tests_that_fail_without_the_change(
    tests: int, failing: int | None, words: str
) -> None:
    base = BaseOutcome.ABSENT if failing is None else BaseOutcome.FAILS
    figures: dict[str, Any] = {"mutants": 4, "mutants_killed": 3, "tests": tests, "fail_to_pass": failing}
    assert evidence_of(ADDED, base=base, **figures) == words


@pytest.mark.parametrize(
    ("killed", "gained", "words"),
    [
        (6, None, "kills 6 of 7 mutants, including a → b on line 3"),
        (6, 3, "kills 6 of 7 mutants, 3 of which survive your tests, including a → b on line 3"),
        (6, 1, "kills 6 of 7 mutants, 1 of which survives your tests: a → b on line 3"),
        (6, 6, "kills 6 of 7 mutants, all of which survive your tests, including a → b on line 3"),
        (6, 0, "kills 6 of 7 mutants, all of which your tests also kill, including a → b on line 3"),
        (1, 1, "kills 1 of 7 mutants, which survives your tests: a → b on line 3"),
        (1, 0, "kills 1 of 7 mutants, which your tests also kill: a → b on line 3"),
        (0, 0, "kills 0 of 7 mutants"),
    ],
)
def test_evidence_words__say_which_mutants_are_alive_under_the_own_tests(
    killed: int, gained: int | None, words: str
) -> None:
    named = ("`a` to `b` on line 3", "`c` to `d` on line 4")[: min(killed, 2)]
    figures: dict[str, Any] = {
        "mutants": 7,
        "mutants_killed": killed,
        "mutants_gained": gained,
        "killed": named,
    }
    assert (
        evidence_of(**figures) == f"1 test that fails without this change · passes in 5 of 5 runs · {words}"
    )


@pytest.mark.parametrize(
    ("killed", "gained", "guarded", "words"),
    [
        (
            6,
            4,
            2,
            "kills 6 of 7 mutants, 2 of which are on changed lines and survive your tests, including a → b",
        ),
        (
            2,
            2,
            2,
            "kills 2 of 7 mutants, all of which are on changed lines and survive your tests, including a → b",
        ),
        (1, 1, 1, "kills 1 of 7 mutants, which is on a changed line and survives your tests: a → b"),
        (6, 4, 1, "kills 6 of 7 mutants, 1 of which is on a changed line and survives your tests: a → b"),
        (6, None, 2, "kills 6 of 7 mutants, 2 of which are on changed lines, including a → b"),
    ],
)
def test_evidence_words__say_what_guards_the_change(
    killed: int, gained: int | None, guarded: int, words: str
) -> None:
    evidence = Evidence(
        passes=5,
        runs=5,
        base=BaseOutcome.PASSES,
        mutants=7,
        mutants_killed=killed,
        mutants_gained=gained,
        mutants_guarded=guarded,
        killed=("`a` to `b`",),
    )
    suggestion = a_suggestion(CHANGED, label=Label.GUARDS_CHANGE, evidence=evidence)
    shown = text_of(facts_line(evidence_words(suggestion, CHANGED)))
    assert shown == f"passes in 5 of 5 runs · also passes without this change · {words}"
    in_part = replace(suggestion, evidence=replace(evidence, suite_is_whole=False))
    shown = text_of(facts_line(evidence_words(in_part, CHANGED)))
    assert shown.endswith(words.replace("your tests", "your tests that ran"))


@pytest.mark.parametrize(
    ("observed", "words"),
    [
        ((), "passes in 5 of 5 runs"),
        (("test_a", "test_b", "test_c"), "passes in 5 of 5 runs · expect the observed result"),
        (("test_b",), "passes in 5 of 5 runs · test_b expects the observed result"),
        (("test_c", "test_a"), "passes in 5 of 5 runs · test_a, test_c expect the observed result"),
    ],
)
def test_evidence_words__name_the_tests_that_expect_no_more_than_was_seen(
    observed: tuple[str, ...], words: str
) -> None:
    suggestion = a_suggestion(ADDED, tests=("test_a", "test_b", "test_c"), observed=observed)
    assert text_of(facts_line(evidence_words(suggestion, ADDED))) == words


def test_evidence_words__of_a_question_speak_of_no_gain() -> None:
    evidence = Evidence(passes=0, runs=5, base=BaseOutcome.FAILS, lines_gained=3)
    suggestion = a_suggestion(CHANGED, label=Label.QUESTION, evidence=evidence)
    words = text_of(facts_line(evidence_words(suggestion, CHANGED)))
    assert words == "fails in 5 of 5 runs · also fails without this change"


@pytest.mark.parametrize("base", [BaseOutcome.ABSENT, BaseOutcome.NOT_RUN])
def test_evidence_words__of_an_added_member_do_not_speak_of_a_base_without_it(base: BaseOutcome) -> None:
    assert evidence_of(ADDED, base=base, fail_to_pass=None) == "passes in 5 of 5 runs"


def test_evidence_words__without_verification() -> None:
    words = evidence_words(a_suggestion(ADDED, evidence=None, label=None), ADDED)

    assert text_of(facts_line(words)) == "not run"


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (Label.NEW_BEHAVIOR, "new behavior · 1 test for tests/shop/test_cart.py"),
        (Label.GUARDS_CHANGE, "guards the change · 1 test for tests/shop/test_cart.py"),
        (Label.UNCHANGED_BEHAVIOR, "unchanged behavior · 1 test for tests/shop/test_cart.py"),
        (None, "1 test for tests/shop/test_cart.py"),
        (Label.QUESTION, "question"),
        (Label.CATCHES, "behavior changed"),
    ],
)
def test_title_words__say_the_label(label: Label | None, words: str) -> None:
    assert text_of(facts_line(title_words(a_suggestion(ADDED, label=label), ADDED))) == words


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({}, ""),
        ({"summary": "Adds up."}, "Adds up."),
        ({"witness": "`f(1)` gave `2`", "summary": "Adds up"}, "f(1) gave 2."),
        ({"witness": "Adds up", "summary": "Adds up."}, "Adds up."),
        (
            {"label": Label.QUESTION, "summary": "It says 1; it is 2."},
            "It says 1; it is 2. Which one is right?",
        ),
        ({"label": Label.QUESTION, "summary": "Is 2 meant?"}, "Is 2 meant?"),
        (
            {"label": Label.QUESTION},
            "The code contradicts its documentation. Which one is right?",
        ),
        ({"label": Label.CATCHES}, "This test passed before the change. Is the new behavior intended?"),
        (
            {"label": Label.CATCHES, "witness": "`f()` gave `1` and raises now"},
            "f() gave 1 and raises now. This test passed before the change. Is the new behavior intended?",
        ),
    ],
)
def test_body_words__say_what_is_shown_or_asked(parts: dict[str, Any], words: str) -> None:
    assert text_of(body_words(a_suggestion(ADDED, **parts))) == words


@pytest.mark.parametrize(
    ("because", "words"),
    [
        ((), "affected"),
        (("_a",), "affected by _a"),
        (("_a", "_b"), "affected by _a, _b"),
        (("_a", "_b", "_c", "_d"), "affected by _a, _b and 2 more"),
    ],
)
def test_change_words__name_what_affects(because: tuple[str, ...], words: str) -> None:
    assert text_of(change_words(a_member("f", change=Change.AFFECTED, because=because))) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        ([], ""),
        ([0.001], "The proposed tests add less than 0.1 s to your test suite."),
        ([0.099], "The proposed tests add less than 0.1 s to your test suite."),
        ([0.1], "The proposed tests add 0.1 s to your test suite."),
        ([0.5, 0.5], "The proposed tests add 1.0 s to your test suite."),
        ([0.5, 0.75], "The proposed tests are slow: they add 1.2 seconds to each run of your test suite."),
        ([0.5, None], ""),
    ],
)
def test_added_time_words__more_than_a_second_is_slow(seconds: list[float | None], words: str) -> None:
    evidence = [Evidence(passes=5, runs=5, seconds=one) for one in seconds]
    suggestions = [green(number, evidence=one) for number, one in enumerate(evidence)]
    asked = replace(question(9), evidence=Evidence(passes=0, runs=5, seconds=30.0))
    assert added_time_words(a_report(10, *suggestions, asked)) == words


def test_evidence_words__say_if_tests_are_slow() -> None:
    assert evidence_of(seconds=1.0) == evidence_of()
    assert evidence_of(seconds=1.96) == f"{evidence_of()} · takes 2.0 s"


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (None, "1 test, not run"),
        (Evidence(passes=5, runs=5), "1 test, passes in 5 of 5 runs"),
        (Evidence(passes=5, runs=5, lines_gained=3), "1 test, +3 lines"),
        (Evidence(passes=5, runs=5, lines_gained=3, mutants=4), "1 test, kills 0 of 4"),
        (
            Evidence(passes=5, runs=5, mutants=4, base=BaseOutcome.FAILS, fail_to_pass=1),
            "1 test that fails without this change",
        ),
        (
            Evidence(passes=5, runs=5, mutants=4, base=BaseOutcome.FAILS, tests=6, fail_to_pass=1),
            "6 tests, 1 of which fails without this change",
        ),
    ],
)
def test_proposal_words__choose_the_fact_that_says_most(evidence: Evidence | None, words: str) -> None:
    assert text_of(proposal_words((a_suggestion(ADDED, evidence=evidence),))) == words


def test_proposal_words__of_a_member_with_a_test_and_a_question() -> None:
    assert (
        text_of(proposal_words((green(0, tests=2), question(0))))
        == "2 tests, passes in 5 of 5 runs; question"
    )


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (a_report(0), "No public function or class changed."),
        (a_report(0, base=None), "No public function or class found."),
        (a_report(0, failure="no"), "No function or class was examined."),
        (
            a_report(0, skipped=(Skipped(path="a", stage=SkipStage.CHANGES, reason="binary"),)),
            "No public function or class changed; 1 file was skipped.",
        ),
        (
            a_report(0, skipped=(Skipped(path="a", stage=SkipStage.CHANGES, reason="binary"),) * 2),
            "No public function or class changed; 2 files were skipped.",
        ),
        (a_report(1), "TestSmith proposes no tests for the changed function."),
        (a_report(6), "TestSmith proposes no tests for the 6 changed functions."),
        (a_report(6, base=None), "TestSmith proposes no tests for the 6 public functions."),
        (a_report(1, green(0)), "TestSmith proposes 1 test for the changed function."),
        (a_report(2, green(0, 2), green(1)), "TestSmith proposes 3 tests for the 2 changed functions."),
        (a_report(3, green(0, 2)), "TestSmith proposes 2 tests for 1 of 3 changed functions."),
        (
            a_report(3, green(0), question(1)),
            "TestSmith proposes 1 test for 1 of 3 changed functions and asks 1 question.",
        ),
        (
            a_report(3, question(0), question(1)),
            "TestSmith asks 2 questions and proposes no tests for the 3 changed functions.",
        ),
        (
            a_report(3, green(0, evidence=None)),
            "TestSmith wrote 1 test for 1 of 3 changed functions; it was not run.",
        ),
        (
            a_report(3, green(0, 2, evidence=None)),
            "TestSmith wrote 2 tests for 1 of 3 changed functions; none of them was run.",
        ),
    ],
)
def test_headline__is_one_clear_sentence(report: Report, words: str) -> None:
    assert headline(report) == words


def test_check_command__can_be_pasted() -> None:
    member = a_member("f", "src/it's here.py")

    command = check_command(a_suggestion(member, origin=Origin.MODEL), VIEW)

    assert command == """testsmith suggest --base main --only 'src/it'"'"'s here.py::f'"""


def test_check_command__keeps_the_lines_of_a_command(tmp_path: Path) -> None:
    setup = "pip install -e .\npip install 'a  b'\t# \\x"
    view = replace(VIEW, command=("printf", "%s|", setup))

    done = subprocess.run(
        ["bash", "-c", check_command(a_suggestion(ADDED), view)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )

    assert done.stdout.startswith(setup + "|--provider|")


def test_check_command__repeats_what_a_model_was_asked_with() -> None:
    view = replace(VIEW, for_model=("--provider", "openai", "--model", "m"))

    command = check_command(a_suggestion(ADDED, origin=Origin.MODEL), view)

    assert command == "testsmith suggest --base main --provider openai --model m --only src/shop/cart.py::f"


def test_check_command__of_an_offline_suggestion_needs_no_key() -> None:
    command = check_command(a_suggestion(ADDED), VIEW)

    assert command == "testsmith suggest --base main --provider offline --only src/shop/cart.py::f"


def test_funnel_words__are_empty_where_nothing_was_asked() -> None:
    assert funnel_words(Funnel()) == ""


@pytest.mark.parametrize(
    ("statistics", "words"),
    [
        (Statistics(), "no model calls · 0.0 s · head 1a2b3c4"),
        (
            Statistics(
                spending=Spending(api_calls=1, prompt_tokens=1), cache=CacheStats(hits=1), seconds=61.25
            ),
            "1 model call, 1 token · 1 function from the cache · 61.2 s · head 1a2b3c4",
        ),
        (
            Statistics(spending=Spending(api_calls=2, prompt_tokens=3_000, cost=0.00421)),
            "2 model calls, 3,000 tokens, 0.0042 USD · 0.0 s · head 1a2b3c4",
        ),
        (
            Statistics(
                spending=Spending(
                    api_calls=1, prompt_tokens=500, completion_tokens=2_500, thinking_tokens=2_000, cost=0.0
                )
            ),
            (
                "1 model call, 3,000 tokens, 2,000 of 2,500 answer tokens used for reasoning · 0.0 s · head "
                "1a2b3c4"
            ),
        ),
        (
            Statistics(spending=Spending(api_calls=1, prompt_tokens=1, cost=None)),
            "1 model call, 1 token, cost unknown · 0.0 s · head 1a2b3c4",
        ),
    ],
)
def test_cost_words__say_what_was_spent(statistics: Statistics, words: str) -> None:
    report = replace(sample_report(), statistics=statistics)

    assert text_of(facts_line(cost_words(report))) == words


def test_evidence_words__what_is_gained_over_the_own_tests_that_ran() -> None:
    evidence = Evidence(
        passes=5, runs=5, mutants=3, mutants_killed=3, mutants_gained=2, lines_gained=4, branches_gained=1
    )
    member = a_member("run", "a.py")

    def words(evidence: Evidence) -> str:
        return text_of(facts_line(evidence_words(replace(a_suggestion(member), evidence=evidence), member)))

    assert "2 of which survive your tests · +4 lines, +1 branch" in words(evidence)
    assert "2 of which survive your tests that ran · +4 lines, +1 branch beyond your tests that ran" in words(
        replace(evidence, suite_is_whole=False)
    )


@pytest.mark.parametrize(
    ("status", "failing", "words"),
    [
        (BaselineStatus.MEASURED, 3, "3 existing tests fail without this change."),
        (BaselineStatus.PARTLY, 1, "1 existing test fails without this change."),
        (
            BaselineStatus.MEASURED,
            0,
            "No existing test that reaches a changed function fails without this change.",
        ),
        (
            BaselineStatus.PARTLY,
            0,
            "No existing test that ran and reaches a changed function fails without this change.",
        ),
        (BaselineStatus.NONE, 0, "The project has no tests that could fail without this change."),
        (BaselineStatus.MEASURED, None, ""),
        (BaselineStatus.NOT_RUN, None, ""),
    ],
)
def test_baseline_words(status: BaselineStatus, failing: int | None, words: str) -> None:
    baseline = Baseline(status=status, fail_on_base=failing)
    assert baseline_words(replace(sample_report(), baseline=baseline)) == words


def test_failure_words__are_empty_for_a_complete_report() -> None:
    assert failure_words(sample_report()) == ()
    assert text_of(failure_words(a_report(0, failure="no key"))) == "The run ended early: no key"
