"""What an audit says about a test, from what its runs showed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from testsmith.execution.audit_runs import AuditedRun, WithoutProject
from testsmith.languages.judge import Judge
from testsmith.languages.python.language import PYTHON
from testsmith.model import AuditVerdict, BaseOutcome
from testsmith.verification.audit_verdicts import AuditFindings, decide, weakness

FIRST, SECOND = ("hash seed 1", "order of the file"), ("hash seed 2", "reverse order")
PASSES = AuditedRun(status="passed")
PASSES_WITHOUT = WithoutProject(alone="passed", words=("no other test",), passes=True, ignores_results=True)


def failed(message: str = "assert 1 == 2", *, wants_network: bool = False) -> AuditedRun:
    return AuditedRun(status="failed", message=message, wants_network=wants_network)


def found(
    *runs: AuditedRun | None,
    base: AuditedRun | None = PASSES,
    base_not_loaded: str = "",
    reached: Sequence[str] = ("refund",),
    killed: Sequence[str] = (),
    without: WithoutProject | None = None,
) -> AuditFindings:
    head = list(zip((FIRST, SECOND), runs or (PASSES, PASSES), strict=True))
    return AuditFindings(
        head=head,
        base=base,
        base_not_loaded=base_not_loaded,
        reached=reached,
        mutants=8,
        killed=killed,
        without=without,
    )


@pytest.mark.parametrize(
    ("findings", "verdict", "reason"),
    [
        (
            found(base=failed("assert 100 == 50")),
            AuditVerdict.FAILS_WITHOUT_CHANGE,
            "fails without the change: `assert 100 == 50`",
        ),
        (
            found(base=None, base_not_loaded="ImportError: cannot import name 'fee'"),
            AuditVerdict.FAILS_WITHOUT_CHANGE,
            "cannot be imported before the change: `ImportError: cannot import name 'fee'`",
        ),
        (
            found(killed=("`<` to `<=` on line 2",)),
            AuditVerdict.GUARDS_OTHER_BEHAVIOR,
            "passes without the change, and fails with `<` to `<=` on line 2",
        ),
        (
            found(without=PASSES_WITHOUT),
            AuditVerdict.CANNOT_FAIL,
            "passes even with `refund` removed",
        ),
        (
            found(without=PASSES_WITHOUT, base=None, base_not_loaded="ImportError: fee"),
            AuditVerdict.CANNOT_FAIL,
            "passes even with `refund` removed",
        ),
        (
            found(without=PASSES_WITHOUT, reached=()),
            AuditVerdict.CANNOT_FAIL,
            "passes with the whole project removed",
        ),
        (
            found(PASSES, failed()),
            AuditVerdict.FLAKY,
            "failed in 1 of 2 runs, with hash seed 2, reverse order",
        ),
        (
            found(without=replace(PASSES_WITHOUT, alone="failed", passes=None)),
            AuditVerdict.FLAKY,
            "failed in 1 of 3 runs, with no other test",
        ),
        (found(failed(), failed()), AuditVerdict.FAILS, "fails with the change: `assert 1 == 2`"),
    ],
)
def test_decide__gives_the_verdict_and_says_why(
    findings: AuditFindings, verdict: AuditVerdict, reason: str
) -> None:
    assert decide(findings, PYTHON.judge) == (verdict, reason)


@pytest.mark.parametrize(
    ("findings", "words"),
    [
        (found(None, None), "did not run"),
        (replace(found(None, None), not_loaded="SyntaxError"), "cannot be loaded: SyntaxError"),
        (found(AuditedRun(status="skipped", message="today"), None), "is skipped here: today"),
        (found(failed(wants_network=True), failed(wants_network=True)), "needs the network"),
        (found(*[failed("ModuleNotFoundError: No module named 'redis'")] * 2), "cannot run here"),
        (found(*[failed("in setup: fixture 'db' not found")] * 2), "cannot run here"),
        (found(*[AuditedRun(status="crashed")] * 2), "ends the test process here"),
        (found(base=None, killed=("`a` to `b` on line 1",)), "could not be run without the change; it fails"),
        (replace(found(base=None), has_base=False), "has no base to be compared with"),
        (found(without=replace(PASSES_WITHOUT, uncertain="it runs another program")), "runs another program"),
        (found(without=replace(PASSES_WITHOUT, passes=False)), "passes whatever `refund` returns"),
        (found(without=WithoutProject(alone="passed", passes=False)), "does not notice any of 8 mutants"),
        (
            found(without=replace(PASSES_WITHOUT, passes=False, in_setup=True)),
            "only its fixtures need `refund`",
        ),
        (found(*[failed("KeyError: 'x'")] * 2, base=failed("KeyError: 'x'")), "with and without the change"),
        (found(without=WithoutProject(alone="passed", passes=False), reached=()), "reaches no function"),
        (found(), "could not be tried"),
        (
            replace(found(without=WithoutProject(alone="passed", passes=False)), is_traced=False),
            "could not be tried",
        ),
        (found(without=WithoutProject(alone="", passes=None)), "could not be tried"),
    ],
)
def test_decide__gives_no_verdict_in_doubt(findings: AuditFindings, words: str) -> None:
    verdict, reason = decide(findings, PYTHON.judge)
    assert verdict is None
    assert words in reason


@pytest.mark.parametrize(
    "findings",
    [
        found(without=PASSES_WITHOUT, base=failed()),
        found(without=PASSES_WITHOUT, killed=("`a` to `b` on line 1",)),
        found(without=replace(PASSES_WITHOUT, passes=None)),
        found(without=replace(PASSES_WITHOUT, uncertain="it opens a connection")),
    ],
)
def test_decide__what_was_seen_to_fail_or_is_uncertain_is_never_said_to_be_unable_to(
    findings: AuditFindings,
) -> None:
    assert decide(findings, PYTHON.judge)[0] is not AuditVerdict.CANNOT_FAIL


def test_decide__without_a_judge_a_failure_is_not_held_against_a_test() -> None:
    assert decide(found(failed(), failed()), Judge())[0] is None


def test_decide__names_three_functions_and_counts_the_others() -> None:
    _, reason = decide(found(without=PASSES_WITHOUT, reached=("a", "b", "c", "d", "e")), PYTHON.judge)
    assert reason == "passes even with `a`, `b`, `c` and 2 more removed"


@pytest.mark.parametrize(
    ("base", "base_not_loaded", "outcome"),
    [
        (PASSES, "", BaseOutcome.PASSES),
        (AuditedRun(status="skipped"), "", BaseOutcome.PASSES),
        (failed(), "", BaseOutcome.FAILS),
        (None, "ImportError", BaseOutcome.FAILS),
        (None, "", BaseOutcome.NOT_RUN),
    ],
)
def test_base_outcome__is_that_of_the_run(
    base: AuditedRun | None, base_not_loaded: str, outcome: BaseOutcome
) -> None:
    assert found(base=base, base_not_loaded=base_not_loaded).base_outcome is outcome


def test_weakness__a_test_that_is_only_absent_on_base_may_notice_nothing() -> None:
    blind = WithoutProject(alone="passed", passes=False, ignores_results=True)
    absent = found(base=None, base_not_loaded="ImportError: fee", without=blind)
    assert weakness(absent) == "passes whatever `refund` returns"
    assert not weakness(replace(absent, killed=("`a` to `b` on line 1",)))
    assert not weakness(found(base=failed(), without=blind))


@pytest.mark.parametrize(
    ("alone", "backwards", "verdict", "words"),
    [
        ("passed", "failed", AuditVerdict.FLAKY, "failed in 1 of 4 runs, with reverse order"),
        ("failed", "failed", AuditVerdict.FLAKY, "failed in 2 of 4 runs, with no other test, reverse order"),
        ("passed", "passed", AuditVerdict.GUARDS_OTHER_BEHAVIOR, ""),
        ("passed", "", AuditVerdict.GUARDS_OTHER_BEHAVIOR, ""),
    ],
)
def test_decide__the_unchanged_run_with_mutants_is_in_reverse_order(
    alone: str, backwards: str, verdict: AuditVerdict, words: str
) -> None:
    without = WithoutProject(
        alone=alone, words=("no other test",), backwards=backwards, backwards_words=("reverse order",)
    )
    findings = replace(found(killed=("`<` to `<=` on line 2",)), without=without)
    findings = replace(findings, head=[(("hash seed 1",), PASSES), (("hash seed 1",), PASSES)])
    decided, reason = decide(findings, PYTHON.judge)
    assert decided is verdict
    assert not words or sorted(reason.partition("with ")[2].split(", ")) == sorted(
        words.partition("with ")[2].split(", ")
    )
