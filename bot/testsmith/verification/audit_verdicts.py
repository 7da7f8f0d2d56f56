"""Decide what an audit says about a test, from what its runs showed. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from testsmith.execution.audit_runs import AuditedRun, WithoutProject
from testsmith.execution.jobs import PASSED, SKIPPED
from testsmith.languages.judge import Judge, short
from testsmith.model import AuditVerdict, BaseOutcome

_MOST_NAMES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFindings:
    """What the runs of one test function showed.

    Attributes:
        head: The runs on head, each with what is special about it; None if it did not run.
        not_loaded: Why its file could not be loaded on head; empty if it could be.
        base: Its run with base's source; None if it did not run there.
        base_not_loaded: Why its file could not be loaded there; empty if it could be.
        has_base: Whether there is a base that tests can run on.
        reached: Names of the project's functions that it reaches, with its fixtures.
        is_traced: Whether that is known.
        mutants: Number of mutants that were tried.
        killed: Descriptions of the mutants that it kills, those of changed lines first.
        without: How it ends by itself and without the project; None if that is not known.
    """

    head: Sequence[tuple[tuple[str, ...], AuditedRun | None]]
    not_loaded: str = ""
    base: AuditedRun | None = None
    base_not_loaded: str = ""
    has_base: bool = True
    reached: Sequence[str] = ()
    is_traced: bool = True
    mutants: int = 0
    killed: Sequence[str] = ()
    without: WithoutProject | None = None

    @property
    def runs(self) -> list[tuple[tuple[str, ...], str]]:
        """The statuses of the runs on head that took place, with what is special about them."""
        found = [(words, run.status) for words, run in self.head if run is not None]
        if self.without is not None:
            others = (
                (self.without.backwards_words, self.without.backwards),
                (self.without.words, self.without.alone),
            )
            found += [(words, status) for words, status in others if status]
        return found

    @property
    def base_outcome(self) -> BaseOutcome:
        """Result with base's source."""
        if self.base is None:
            return BaseOutcome.FAILS if self.base_not_loaded else BaseOutcome.NOT_RUN
        return BaseOutcome.PASSES if self.base.status in {PASSED, SKIPPED} else BaseOutcome.FAILS

    @property
    def subject(self) -> str:
        """The functions that it reaches, in words."""
        names = [f"`{short(name)}`" for name in self.reached[:_MOST_NAMES]]
        left = len(self.reached) - len(names)
        *others, last = (*names, f"{left} more") if left else names or [""]
        return f"{', '.join(others)} and {last}" if others else last


Decision = tuple[AuditVerdict | None, str]
"""A verdict, or None, and the reason as a clause about the test."""


def decide(found: AuditFindings, judge: Judge) -> Decision:
    """Return the verdict on a test function and the reason.

    In doubt there is no verdict: above all, a test is only said to be unable to fail if that was seen.
    """
    return _of_head(found, judge) or _of_base(found, judge) or _without_base(found)


def _of_head(found: AuditFindings, judge: Judge) -> Decision | None:
    """Return the decision on a test that does not pass every run on head; None if it does."""
    statuses = Counter(status for _, status in found.runs)
    if not statuses:
        where = f"its file cannot be loaded: {short(found.not_loaded)}" if found.not_loaded else ""
        return None, where or "did not run: the test runner did not find it, or there was not enough time"
    failed = statuses.total() - statuses[PASSED] - statuses[SKIPPED]
    if failed and statuses[PASSED]:
        return AuditVerdict.FLAKY, _flaky_words(found)
    if failed:
        return _failing(found, judge)
    if statuses[SKIPPED]:
        message = next((run.message for _, run in found.head if run is not None and run.message), "")
        words = short(message).rstrip(" :")
        return None, f"is skipped here{f': {words}' if words else ''}"
    return None


def _flaky_words(found: AuditFindings) -> str:
    runs = found.runs
    failed = [words for words, status in runs if status not in {PASSED, SKIPPED}]
    passed = {word for words, status in runs if status == PASSED for word in words}
    only = [word for word in dict.fromkeys(word for words in failed for word in words) if word not in passed]
    settings = f", with {', '.join(only)}" if only else ""
    return f"failed in {len(failed)} of {len(runs)} runs{settings}"


def _failing(found: AuditFindings, judge: Judge) -> Decision:
    runs = [run for _, run in found.head if run is not None]
    message = next((run.message for run in runs if run.message), "")
    if any(run.wants_network for run in runs):
        return None, "fails here because it needs the network"
    if judge.is_of_environment(message):
        return None, f"cannot run here: `{judge.first_words(message)}`"
    if not message:
        return None, "ends the test process here"
    before = "" if found.base is None else judge.first_words(found.base.message)
    if before == judge.first_words(message) and not judge.is_assertion(message):
        return None, f"fails here with and without the change: `{before}`"
    return AuditVerdict.FAILS, f"fails with the change: `{judge.first_words(message)}`"


def _of_base(found: AuditFindings, judge: Judge) -> Decision | None:
    """Return the decision on a test that fails with base's source, or that cannot fail; None if neither."""
    if found.base is not None and found.base_outcome is BaseOutcome.FAILS:
        words = judge.first_words(found.base.message)
        return AuditVerdict.FAILS_WITHOUT_CHANGE, f"fails without the change{f': `{words}`' if words else ''}"
    if _cannot_fail(found):
        if found.reached:
            return AuditVerdict.CANNOT_FAIL, f"passes even with {found.subject} removed"
        return AuditVerdict.CANNOT_FAIL, "passes with the whole project removed"
    if found.base_not_loaded:
        why = short(found.base_not_loaded)
        return AuditVerdict.FAILS_WITHOUT_CHANGE, f"cannot be imported before the change: `{why}`"
    return None


def _cannot_fail(found: AuditFindings) -> bool:
    without = found.without
    return not found.killed and without is not None and without.passes is True and not without.uncertain


def _without_base(found: AuditFindings) -> Decision:
    """Return the decision on a test that does not fail with base's source, as far as is known."""
    if found.base_outcome is BaseOutcome.PASSES and found.killed:
        guarded = f"passes without the change, and fails with {found.killed[0]}"
        return AuditVerdict.GUARDS_OTHER_BEHAVIOR, guarded
    before = "passes without the change"
    if found.base_outcome is BaseOutcome.NOT_RUN:
        before = (
            "could not be run without the change" if found.has_base else "has no base to be compared with"
        )
        if found.killed:
            return None, f"{before}; it fails with {found.killed[0]}"
    return None, f"{before}{_undecided_words(found)}"


def _undecided_words(found: AuditFindings) -> str:
    """Return why a test that kills no mutant may still be able to fail, as the rest of a sentence."""
    without = found.without
    if without is None or without.passes is None or not found.is_traced:
        return ", and could not be tried on changed code"
    if without.passes and without.uncertain:
        return f"; whether it can fail is not known: {short(without.uncertain)}"
    if not found.reached:
        return "; it reaches no function of the project, only what is set when modules are loaded"
    return f", and {_unnoticed_words(found)}"


def _unnoticed_words(found: AuditFindings) -> str:
    """Return which changes of what it reaches a test does not notice, as a clause about it."""
    if found.without is not None and found.without.ignores_results and found.without.in_setup:
        return f"only its fixtures need {found.subject}"
    if found.without is not None and found.without.ignores_results:
        return f"passes whatever {found.subject} {'returns' if len(found.reached) == 1 else 'return'}"
    if not found.mutants:
        return f"there is nothing to change in what it reaches of {found.subject}"
    mutants = "the one mutant" if found.mutants == 1 else f"any of {found.mutants} mutants"
    return f"does not notice {mutants} of {found.subject}"


def weakness(found: AuditFindings) -> str:
    """Return what a test does not notice if it only fails on base because it cannot be imported there."""
    is_tried = found.without is not None and bool(found.reached) and bool(found.mutants)
    is_only_absent = found.base is None and bool(found.base_not_loaded)
    return _unnoticed_words(found) if is_only_absent and is_tried and not found.killed else ""
