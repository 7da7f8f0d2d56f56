"""What of a candidate is worth mending, and what became of it. Pure.

What goes back to the generator are test functions that its author can mend: that do not pass every time, that
have a smell, or that never reach the member. What passed before the change and fails now never does, since it
may be the change that is wrong; nor what a question to the maintainer takes the place of; nor a function that
is right but shows nothing new, since there is nothing to mend about it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from bot.languages.driver import CannotParse
from bot.languages.python.parsing import parse_untrusted
from bot.model import Candidate, Change, Label, Member, MemberKind, Repair
from bot.verification.claims import functions_of
from bot.verification.gate import Cut, Entry, KeepTests, Point, Verdict
from bot.verification.observed import observed_tests
from bot.verification.proof import FunctionProof, Status
from bot.verification.smells import smells_of

MOST_CODE_CHARACTERS = 24_000
"""A longer test module is not mended: its answer would hardly fit a call."""

MOST_TESTS = 10
"""The most test functions of one module that are mended at a time, the first ones."""

MOST_SAID_CHARACTERS = 1_500
"""So much of what one test function said is passed on."""

_TERMINAL_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)")

Place = Callable[[str | None, str], str]
"""Adds a test module's tests to another's; raises `CannotParse` or `CannotPlace`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the candidate of one member stands, while it is mended.

    Attributes:
        best: The best that is proven so far; None where no answer could be read yet.
        repair: What is to be mended now; None for nothing.
        observed: Test functions whose expected values were taken from what the code was seen to do.
        was_mended: Whether an answer to a repair is what is best.
    """

    best: Verdict | None = None
    repair: Repair | None = None
    observed: frozenset[str] = frozenset()
    was_mended: bool = False

    @classmethod
    def of(cls, verdict: Verdict, keep_tests: KeepTests) -> Standing:
        """Return how a candidate stands that was proven for the first time."""
        return cls(best=verdict, repair=repair_of(verdict, keep_tests))

    @classmethod
    def of_unreadable(cls, candidate: Candidate, reason: str) -> Standing:
        """Return how a candidate stands that cannot be read as a test module."""
        too_long = len(candidate.code) > MOST_CODE_CHARACTERS
        return cls(repair=None if too_long else _repair(candidate.code, (("", _plain(reason)),)))

    @property
    def green(self) -> Entry | None:
        """The tests that are good already."""
        return None if self.best is None else self.best.green

    def beside_the_good(self, answer: Candidate, place: Place) -> Candidate:
        """Return an answer with the tests that are good already, so that none of them is lost.

        Raises:
            CannotParse: It cannot be read.
            CannotPlace: It would act on the tests that are good already.
        """
        if self.green is None:
            return answer
        good = self.green.candidate
        return replace(answer, code=place(good.code, answer.code), summary=good.summary)

    def given_up(self) -> Standing:
        """Return how it stands where no answer came that could be proven."""
        return replace(self, repair=None)

    def after(self, verdict: Verdict, keep_tests: KeepTests) -> Standing:
        """Return how it stands, now that the answer is proven as well."""
        observed = self._observed(verdict)
        better = self.best is None or _shows(verdict) > _shows(self.best)
        return Standing(
            best=verdict if self.best is None else joined(self.best, verdict, better=better),
            repair=repair_of(verdict, keep_tests),
            observed=self.observed | observed,
            was_mended=self.was_mended or better,
        )

    def _observed(self, verdict: Verdict) -> frozenset[str]:
        if self.repair is None:
            return frozenset()
        good = () if self.green is None else self.green.tests
        proof = verdict.proof
        return frozenset(observed_tests(self.repair.code, proof.candidate.code, proof.member)) - {*good}


def joined(first: Verdict, second: Verdict, *, better: bool) -> Verdict:
    """Return the verdicts of a candidate and of its mended form as one.

    It has the green entry of the better one, and the questions of both. Each test function is told of once:
    one that the mended form left out, or put another in the place of, is told of as it was.

    Args:
        first: The verdict of the candidate.
        second: The verdict of its mended form.
        better: Whether the second one is.
    """
    chosen = second if better else first
    questions: dict[str, Entry] = {}
    for entry in (*first.entries, *second.entries):
        if not entry.is_green:
            questions.setdefault(_subject_of(entry), entry)
    green = [] if chosen.green is None else [chosen.green]
    gone = [cut for cut in first.cuts if cut.function not in second.proof.names] if better else []
    return replace(chosen, entries=(*green, *questions.values()), cuts=(*chosen.cuts, *gone))


def _subject_of(entry: Entry) -> str:
    return entry.candidate.code if entry.question is None else entry.question.documented.call


def _shows(verdict: Verdict) -> tuple[int, ...]:
    """Return how much the green entry shows, for a comparison: the change, then mutants, then reach."""
    entry = verdict.green
    if entry is None:
        return ()
    kept = [function for function in verdict.proof.functions if function.name in entry.tests]
    shown = entry.evidence
    return (
        int(entry.label is Label.NEW_BEHAVIOUR),
        shown.mutants_gained or 0,
        shown.mutants_killed or 0,
        shown.branches_gained or 0,
        shown.lines_gained or 0,
        len(frozenset[int]().union(*(function.lines for function in kept))),
    )


def repair_of(verdict: Verdict, keep_tests: KeepTests) -> Repair | None:
    """Return what is to be mended of a candidate; None where there is nothing that its author can mend.

    Args:
        verdict: What came of it.
        keep_tests: Cuts a test module down.
    """
    proof = verdict.proof
    code = proof.candidate.code
    if len(code) > MOST_CODE_CHARACTERS:
        return None
    if proof.problem is not None:
        return _repair(code, (("", _plain(proof.problem)),))
    wrong = dict(_mendable(verdict))
    try:
        names = [name for name, _ in functions_of(parse_untrusted(code)) if name in wrong][:MOST_TESTS]
        if not names:
            return None
        if len(names) < len(proof.names):
            code = keep_tests(code, names)
    except CannotParse:
        return None
    return _repair(code, tuple((name, wrong[name]) for name in names))


def _repair(code: str, failures: tuple[tuple[str, str], ...]) -> Repair:
    return Repair(code=code, failures=failures, normalised_code=_normalised(code))


def _normalised(code: str) -> str:
    """Return code without comments and formatting; as it is where it cannot be read."""
    try:
        return ast.unparse(parse_untrusted(code))
    except CannotParse:
        return code


def _mendable(verdict: Verdict) -> Iterator[tuple[str, str]]:
    """Yield the test functions that their author can mend, with what is wrong with them."""
    proof = verdict.proof
    asked = {name for entry in verdict.entries if entry.question for name in entry.question.functions}
    functions = {function.name: function for function in proof.functions if function.name not in asked}
    smells = smells_of(proof.candidate.code, proof.member)
    for cut in verdict.cuts:
        function = functions.get(cut.function)
        if function is None or _held_before(function, proof.member):
            continue
        if cut.point < Point.STABLE or cut.function in smells or not _reaches(function, proof.member):
            yield cut.function, _said(cut, function)


def _held_before(function: FunctionProof, member: Member) -> bool:
    """Tell whether a function passed before the change and never does now: a finding, and not its mistake."""
    held = function.base is not None and function.base.status is Status.PASSED
    return held and function.passes == 0 and member.change is not Change.ADDED


def _reaches(function: FunctionProof, member: Member) -> bool:
    return bool(function.lines) or member.kind is MemberKind.CLASS


def _said(cut: Cut, function: FunctionProof) -> str:
    """Return why a function was cut, and what it said in the first run that it did not pass."""
    failed = next((run for run in function.head if run.status is not Status.PASSED), None)
    message = "" if failed is None else failed.message.strip()
    told = not message or ("\n" not in message and message in cut.reason)
    return _plain(cut.reason if told else f"{cut.reason}\n{message}")


def _plain(text: str) -> str:
    """Return foreign text without terminal sequences and control characters, cut."""
    shown = _TERMINAL_SEQUENCE.sub("", text[: 4 * MOST_SAID_CHARACTERS])
    plain = "".join(char for char in shown if char.isprintable() or char in "\n\t")
    return plain if len(plain) <= MOST_SAID_CHARACTERS else plain[:MOST_SAID_CHARACTERS] + " ..."
