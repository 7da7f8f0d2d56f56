"""Select failing test functions for the generator to repair, and track the results. Pure.

The generator gets back functions that it can fix: those that do not pass every run, have a smell or a call
that was not run, pass whatever the member returns, or never reach the member. It gets valid ones that add
nothing if no other test of the member is left, and if mutants of changed lines are known that no test kills.
It does not get functions that passed on base and fail now, because the change may be wrong, that the
environment did not let run, or functions that a question replaces.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from testsmith.languages.judge import CannotJudge, Judge
from testsmith.languages.language import Language
from testsmith.languages.results import FunctionProof, TestStatus
from testsmith.languages.source import CannotParse
from testsmith.model import Candidate, Change, Member, MemberKind, Repair, Skipped
from testsmith.verification.gate import (
    NOTHING_ABOUT_CHANGE,
    SHOWN_ALREADY,
    Cut,
    Point,
    ProvenSuggestion,
    Verdict,
)
from testsmith.verification.prove import best_verdict

MOST_CODE_CHARACTERS = 24_000
"""Maximum length of a test module to repair: a longer answer would hardly fit into a call."""

MOST_TESTS = 10
"""Maximum number of test functions per module to repair at a time, the first ones."""

MOST_SAID_CHARACTERS = 1_500
"""Maximum number of characters of a failure message."""

_TERMINAL_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)")

_TEMPORARY_FOLDER = re.compile(r"(/(?:testsmith|run|own))-[a-z0-9_]{8}(?=/)")

Judged = Verdict | Skipped
"""Result for one candidate: a verdict, or why it could not be read."""


@dataclass(frozen=True, kw_only=True)
class RepairState:
    """State of one member's candidate during repairs.

    Attributes:
        language: Its language.
        best: Best verdict so far; None if no answer could be parsed yet.
        repair: Next repair request; None if there is nothing to repair.
        observed: Test functions whose expected values were replaced by observed values.
        was_repaired: Whether the best verdict comes from a repair.
        goals: Mutants of changed lines that the project's tests do not kill, in words for a prompt.
    """

    language: Language
    best: Verdict | None = None
    repair: Repair | None = None
    observed: frozenset[str] = frozenset()
    was_repaired: bool = False
    goals: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, language: Language, candidate: Candidate, judged: Judged, goals: tuple[str, ...] = ()
    ) -> RepairState:
        """Return the state of a candidate after the first round."""
        if isinstance(judged, Verdict):
            repair = repair_of(judged, language, has_goals=bool(goals))
            return cls(language=language, best=judged, repair=repair, goals=goals)
        is_long = len(candidate.code) > MOST_CODE_CHARACTERS
        unread = None if is_long else _repair(candidate.code, (("", _plain(judged.reason)),), language)
        return cls(language=language, repair=unread, goals=goals)

    @property
    def green(self) -> ProvenSuggestion | None:
        """Tests that are already accepted."""
        return None if self.best is None else self.best.green

    def with_accepted(self, answer: Candidate) -> Candidate:
        """Return an answer combined with the accepted tests, so that none of them is lost.

        Raises:
            CannotParse: The answer cannot be parsed.
            CannotPlace: The answer would influence the accepted tests.
        """
        whole = replace(answer, edited="" if self.best is None else self.best.proof.candidate.edited)
        if self.green is None:
            return whole
        good = self.green.candidate
        return replace(
            whole, code=self.language.tests.place(good.code, answer.code), descriptions=good.descriptions
        )

    def after(self, judged: Judged) -> RepairState:
        """Return the state after an answer to a repair. An answer that cannot be proven ends the repairs."""
        if isinstance(judged, Skipped):
            return replace(self, repair=None)
        best = judged if self.best is None else joined(self.best, judged)
        return replace(
            self,
            best=best,
            repair=repair_of(judged, self.language, has_goals=bool(self.goals)),
            observed=self.observed | self._observed(judged),
            was_repaired=self.was_repaired or (best.proof is judged.proof and best.green is not None),
        )

    def _observed(self, verdict: Verdict) -> frozenset[str]:
        if self.repair is None:
            return frozenset()
        good = () if self.green is None else self.green.tests
        proof = verdict.proof
        return frozenset(
            self.language.judge.observed_tests(self.repair.code, proof.candidate.code, proof.member)
        ) - {*good}

    def observed_in(self, entry: ProvenSuggestion) -> tuple[str, ...]:
        """Return the tests of a green entry whose expected values were replaced by observed ones."""
        own = entry == self.green
        return tuple(name for name in entry.tests if own and name in self.observed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repairs:
    """Candidates of one generator during repairs.

    Attributes:
        states: State by member id.
        sent: Members that were sent for repair.
        refused: Answers that are missing or could not be proven, with the reason.
        failure: Why no more requests are possible; None if they are.
    """

    states: Mapping[str, RepairState] = field(default_factory=dict)
    sent: frozenset[str] = frozenset()
    refused: tuple[Skipped, ...] = ()
    failure: str | None = None

    def wanted(self) -> dict[str, Repair]:
        """Return the next repair requests by member id; empty after a failure."""
        if self.failure is not None:
            return {}
        repairs = ((member, state.repair) for member, state in self.states.items())
        return {member: repair for member, repair in repairs if repair is not None}

    def after(self, judged: Mapping[str, Judged], failure: str | None) -> Repairs:
        """Return the states after a round.

        Args:
            judged: Results of the members in the round.
            failure: Why the round ended early; None if it did not.
        """
        moved = {member: self.states[member].after(one) for member, one in judged.items()}
        refused = (one for one in judged.values() if isinstance(one, Skipped))
        return Repairs(
            states={**self.states, **moved},
            sent=self.sent | judged.keys(),
            refused=(*self.refused, *refused),
            failure=failure,
        )

    def notes(self) -> Iterator[str]:
        """Yield notes for the report."""
        if self.sent:
            better = sum(state.was_repaired for state in self.states.values())
            sent = "1 candidate was" if len(self.sent) == 1 else f"{len(self.sent)} candidates were"
            yield f"repairs: {sent} returned to the model, {better} improved"
        reasons = Counter(one.reason for one in self.refused if one.reason != self.failure)
        for reason, times in reasons.items():
            yield f"{times} of them failed: {reason}"


def joined(first: Verdict, second: Verdict) -> Verdict:
    """Combine the verdicts of a candidate and of its repaired form.

    Each test function is listed once. A function that the repaired form no longer has keeps its first result.

    Args:
        first: Verdict of the candidate.
        second: Verdict of its repaired form.
    """
    best = best_verdict((first, second))
    if best.proof is not second.proof:
        return best
    gone = (cut for cut in first.cuts if cut.function not in second.proof.names)
    return replace(best, cuts=(*best.cuts, *gone))


def repair_of(verdict: Verdict, language: Language, *, has_goals: bool = False) -> Repair | None:
    """Return the repair request for a candidate; None if its generator cannot fix anything.

    Args:
        verdict: Result of the candidate.
        language: Language of the tests.
        has_goals: Whether mutants of changed lines are known that no test kills.
    """
    proof = verdict.proof
    code = proof.candidate.code
    if len(code) > MOST_CODE_CHARACTERS:
        return None
    if proof.problem is not None:
        return _repair(code, (("", _plain(proof.problem)),), language)
    try:
        wrong = dict(_repairable(verdict, language.judge, has_goals=has_goals))
        names = [name for name in language.tests.test_functions(code) if name in wrong][:MOST_TESTS]
        if not names:
            return None
        if len(names) < len(proof.names):
            code = language.tests.keep_tests(code, names)
    except (CannotParse, CannotJudge):
        return None
    return _repair(code, tuple((name, wrong[name]) for name in names), language)


def _repair(code: str, failures: tuple[tuple[str, str], ...], language: Language) -> Repair:
    return Repair(code=code, failures=failures, normalized_code=language.judge.normalized(code))


def _repairable(verdict: Verdict, judge: Judge, *, has_goals: bool) -> Iterator[tuple[str, str]]:
    """Yield the test functions that their generator can fix, with their problems."""
    proof = verdict.proof
    asked = {name for entry in verdict.entries if entry.question for name in entry.question.functions}
    functions = {function.name: function for function in proof.functions if function.name not in asked}
    findings = judge.findings(proof.candidate.code, proof.member, proof.test_path)
    idle = judge.calls_not_run(proof.candidate.code, proof.member, proof.idle or (), proof.test_path)
    for cut in verdict.cuts:
        function = functions.get(cut.function)
        if function is None or function.fault or _passed_before(function, proof.member):
            continue
        is_idle = cut.adds_nothing or cut.reason in {NOTHING_ABOUT_CHANGE, SHOWN_ALREADY}
        reasons = {one.reason for one in findings.get(cut.function, ())} | {idle.get(cut.function)}
        is_poor = (
            cut.reason in reasons or cut.ignores_results or (has_goals and not verdict.entries and is_idle)
        )
        if cut.point < Point.STABLE or is_poor or not _reaches(function, proof.member):
            yield cut.function, _said(cut, function)


def _passed_before(function: FunctionProof, member: Member) -> bool:
    """Return whether a function passed on base and always fails now: a finding, not a mistake in the test."""
    passed = function.base is not None and function.base.status is TestStatus.PASSED
    return passed and function.passes == 0 and member.change is not Change.ADDED


def _reaches(function: FunctionProof, member: Member) -> bool:
    return bool(function.lines) or member.kind is MemberKind.CLASS


def _said(cut: Cut, function: FunctionProof) -> str:
    """Return why a function was cut, and what its first failing run says that the reason does not."""
    failed = next((run for run in function.head if run.status is not TestStatus.PASSED), None)
    if failed is None:
        return _plain(cut.reason)
    first, *rest = failed.message.strip().split("\n")
    said = rest if first in cut.reason else [first, *rest]
    return _plain("\n".join([cut.reason, *marked(failed.failing_line), *said]))


def marked(line: str) -> tuple[str, ...]:
    """Return the failing line of a test as pytest marks it; nothing if it is unknown."""
    return (f"> {line}",) if line else ()


def _plain(text: str) -> str:
    """Return untrusted text without control characters and terminal sequences, truncated.

    Temporary folders lose the random part of their names, because an answer is kept by its request.
    """
    shown = _TERMINAL_SEQUENCE.sub("", text[: 4 * MOST_SAID_CHARACTERS])
    shown = _TEMPORARY_FOLDER.sub(r"\1", shown)
    plain = "".join(char for char in shown if char.isprintable() or char in "\n\t")
    return plain if len(plain) <= MOST_SAID_CHARACTERS else plain[:MOST_SAID_CHARACTERS] + " ..."
