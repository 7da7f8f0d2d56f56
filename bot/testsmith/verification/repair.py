"""What of a candidate is worth mending, and what became of it. Pure.

The generator gets back the test functions that it can fix: those that do not pass every time, have a smell,
pass whatever the member returns, or never reach the member. A function that passed before the change and
fails now does not go back, because the change may be wrong. Neither does one that a question replaces, or one
that is right but shows nothing new.
"""

from __future__ import annotations

import ast
import copy
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from testsmith.languages.driver import CannotParse, LanguageDriver
from testsmith.languages.python.parsing import parse_untrusted
from testsmith.model import Candidate, Change, Member, MemberKind, Repair, Skipped
from testsmith.verification.gate import Cut, KeepTests, Point, ProvenSuggestion, Verdict
from testsmith.verification.prove import best_verdict
from testsmith.verification.results import FunctionProof, TestStatus
from testsmith.verification.selection import BLIND
from testsmith.verification.smells.smells import smells_of
from testsmith.verification.test_reading.claims import Claim, claims_of, functions_of
from testsmith.verification.test_reading.situations import dotted_name, is_literal

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def observed_tests(before: str, after: str, member: Member) -> tuple[str, ...]:
    """Return the test functions that expect something else of the same behaviour than was expected before.

    Told by syntax tree: of a call in the same situation another value, truth or exception is claimed, rows
    of a parametrization included; or a function differs from one before, whatever their names, in nothing
    but what it expects: a side of a comparison, or the arguments of `pytest.raises`.

    Args:
        before: The test module that was to be mended.
        after: The mended one, in full.
        member: The member that they test.

    Returns:
        Names of functions of the mended module, in order; none where one of the two cannot be read.
    """
    try:
        old, new = parse_untrusted(before), parse_untrusted(after)
    except CannotParse:
        return ()
    claimed = _by_key((claim.situation, _form(claim)) for claim in _claims(old, member))
    expected = _by_key(_divided(function) for _, function in functions_of(old))
    found = {
        claim.function for claim in _claims(new, member) if _differs(claimed, claim.situation, _form(claim))
    }
    found |= {name for name, function in functions_of(new) if _differs(expected, *_divided(function))}
    return tuple(name for name, _ in functions_of(new) if name in found)


def _by_key(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for key, value in pairs:
        found.setdefault(key, set()).add(value)
    return found


def _differs(known: dict[str, set[str]], key: str, value: str) -> bool:
    return key in known and value not in known[key]


def _claims(tree: ast.Module, member: Member) -> Iterator[Claim]:
    """Yield what is claimed of calls; a comparison is read in both directions, and only one is wanted."""
    for claim in claims_of(tree, member):
        value = claim.claimed.value
        turned_round = is_literal(claim.call) or (value is not None and _mentions(value, member.plain_name))
        if not turned_round:
            yield claim


def _mentions(expression: ast.expr, name: str) -> bool:
    return any(
        name in {getattr(node, "id", None), getattr(node, "attr", None)} for node in ast.walk(expression)
    )


def _form(claim: Claim) -> str:
    claimed = claim.claimed
    return repr(claimed) if claimed.value is None else ast.dump(claimed.value)


def _divided(function: _Function) -> tuple[str, str]:
    """Return what a test function does, and what it expects, each in a form that can be compared."""
    copied = copy.deepcopy(function)
    copied.name, copied.returns = "_", None
    expected: list[str] = []
    for node in ast.walk(copied):
        match node:
            case ast.Assert(test=test):
                node.test, node.msg = _without_expected(test, expected), None
            case ast.withitem(context_expr=ast.Call(func=called) as call) if _expects_exception(called):
                expected.append(ast.dump(call))
                call.args, call.keywords = [], []
    return ast.dump(copied), "\n".join(expected)


def _expects_exception(called: ast.expr) -> bool:
    return dotted_name(called).rpartition(".")[2] in {"raises", "warns"}


def _without_expected(test: ast.expr, expected: list[str]) -> ast.expr:
    """Return what an assertion is about; what it expects of it is added to a list."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            expected.append("not")
            return _without_expected(operand, expected)
        case ast.BoolOp(values=values):
            test.values = [_without_expected(value, expected) for value in values]
        case ast.Compare(left=left, ops=operators, comparators=others):
            sides = [left, *others]
            about = next((side for side in sides if not is_literal(side)), left)
            expected.extend(ast.dump(node) for node in (*operators, *sides) if node is not about)
            return about
    return test


MOST_CODE_CHARACTERS = 24_000
"""A longer test module is not mended: its answer would hardly fit a call."""

MOST_TESTS = 10
"""The most test functions of one module that are mended at a time, the first ones."""

MOST_SAID_CHARACTERS = 1_500
"""So much of what one test function said is passed on."""

_TERMINAL_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)")


Judged = Verdict | Skipped
"""What came of one candidate: a verdict, or why it could not be read."""


@dataclass(frozen=True, kw_only=True)
class RepairState:
    """How the candidate of one member stands, while it is mended.

    Attributes:
        driver: Knows its language.
        best: The best that is proven so far; None where no answer could be read yet.
        latest: What came of the latest answer; None where it is given up.
        code: The latest answer as it came.
        observed: Test functions whose expected values were taken from what the code was seen to do.
        was_mended: Whether an answer to a repair is what is best.
    """

    driver: LanguageDriver
    best: Verdict | None = None
    latest: Judged | None = None
    code: str = ""
    observed: frozenset[str] = frozenset()
    was_mended: bool = False

    @classmethod
    def of(cls, driver: LanguageDriver, candidate: Candidate, judged: Judged) -> RepairState:
        """Return how a candidate stands after the first round."""
        best = judged if isinstance(judged, Verdict) else None
        return cls(driver=driver, best=best, latest=judged, code=candidate.code)

    @cached_property
    def repair(self) -> Repair | None:
        """What is to be mended now; None for nothing."""
        if isinstance(self.latest, Verdict):
            return repair_of(self.latest, self.driver.keep_tests)
        if self.latest is None or len(self.code) > MOST_CODE_CHARACTERS:
            return None
        return _repair(self.code, (("", _plain(self.latest.reason)),))

    @property
    def green(self) -> ProvenSuggestion | None:
        """The tests that are good already."""
        return None if self.best is None else self.best.green

    def beside_the_good(self, answer: Candidate) -> Candidate:
        """Return an answer with the tests that are good already, so that none of them is lost.

        Raises:
            CannotParse: It cannot be read.
            CannotPlace: It would act on the tests that are good already.
        """
        if self.green is None:
            return answer
        good = self.green.candidate
        return replace(answer, code=self.driver.place(good.code, answer.code), sayings=good.sayings)

    def after(self, judged: Judged) -> RepairState:
        """Return how it stands after an answer to its repair; one that cannot be proven is the last."""
        if isinstance(judged, Skipped):
            return replace(self, latest=None)
        best = judged if self.best is None else joined(self.best, judged)
        return replace(
            self,
            best=best,
            latest=judged,
            observed=self.observed | self._observed(judged),
            was_mended=self.was_mended or (best.proof is judged.proof and best.green is not None),
        )

    def _observed(self, verdict: Verdict) -> frozenset[str]:
        if self.repair is None:
            return frozenset()
        good = () if self.green is None else self.green.tests
        proof = verdict.proof
        return frozenset(observed_tests(self.repair.code, proof.candidate.code, proof.member)) - {*good}

    def observed_in(self, entry: ProvenSuggestion) -> tuple[str, ...]:
        """Return those tests of a green entry whose expected values were only observed."""
        own = entry == self.green
        return tuple(name for name in entry.tests if own and name in self.observed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repairs:
    """The candidates of one generator, while they are mended.

    Attributes:
        standings: How they stand, by member.
        sent: The members that were asked for again.
        refused: Why an answer to a repair did not come, or could not be proven.
        failure: Why nothing more can be asked; None where it can.
    """

    standings: Mapping[str, RepairState] = field(default_factory=dict)
    sent: frozenset[str] = frozenset()
    refused: tuple[Skipped, ...] = ()
    failure: str | None = None

    def wanted(self) -> dict[str, Repair]:
        """Return what is to be mended, by member; nothing once nothing can be asked any more."""
        if self.failure is not None:
            return {}
        repairs = ((member, standing.repair) for member, standing in self.standings.items())
        return {member: repair for member, repair in repairs if repair is not None}

    def after(self, judged: Mapping[str, Judged], failure: str | None) -> Repairs:
        """Return how all stand after a round.

        Args:
            judged: What came of the members that were asked for.
            failure: Why the round ended early; None where it did not.
        """
        moved = {member: self.standings[member].after(one) for member, one in judged.items()}
        refused = (one for one in judged.values() if isinstance(one, Skipped))
        return Repairs(
            standings={**self.standings, **moved},
            sent=self.sent | judged.keys(),
            refused=(*self.refused, *refused),
            failure=failure,
        )

    def notes(self) -> Iterator[str]:
        """Yield what a reader of the report should know."""
        if self.sent:
            mended = sum(standing.was_mended for standing in self.standings.values())
            candidates = "1 candidate" if len(self.sent) == 1 else f"{len(self.sent)} candidates"
            yield f"repairs: {candidates} went back to the model, {mended} came back better"
        reasons = Counter(one.reason for one in self.refused if one.reason != self.failure)
        for reason, times in reasons.items():
            yield f"{times} of them came to nothing: {reason}"


def joined(first: Verdict, second: Verdict) -> Verdict:
    """Return the verdicts of a candidate and of its mended form as one, by what is best of both.

    A test function is told of once: one that the mended form has not any more is told of as it was.

    Args:
        first: The verdict of the candidate.
        second: The verdict of its mended form.
    """
    best = best_verdict((first, second))
    if best.proof is not second.proof:
        return best
    gone = (cut for cut in first.cuts if cut.function not in second.proof.names)
    return replace(best, cuts=(*best.cuts, *gone))


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
        is_poor = cut.function in smells or cut.reason == BLIND
        if cut.point < Point.STABLE or is_poor or not _reaches(function, proof.member):
            yield cut.function, _said(cut, function)


def _held_before(function: FunctionProof, member: Member) -> bool:
    """Tell whether a function passed before the change and never does now: a finding, and not its mistake."""
    held = function.base is not None and function.base.status is TestStatus.PASSED
    return held and function.passes == 0 and member.change is not Change.ADDED


def _reaches(function: FunctionProof, member: Member) -> bool:
    return bool(function.lines) or member.kind is MemberKind.CLASS


def _said(cut: Cut, function: FunctionProof) -> str:
    """Return why a function was cut, and what it said in the first run that it did not pass."""
    failed = next((run for run in function.head if run.status is not TestStatus.PASSED), None)
    message = "" if failed is None else failed.message.strip()
    data = not message or ("\n" not in message and message in cut.reason)
    return _plain(cut.reason if data else f"{cut.reason}\n{message}")


def _plain(text: str) -> str:
    """Return foreign text without terminal sequences and control characters, cut."""
    shown = _TERMINAL_SEQUENCE.sub("", text[: 4 * MOST_SAID_CHARACTERS])
    plain = "".join(char for char in shown if char.isprintable() or char in "\n\t")
    return plain if len(plain) <= MOST_SAID_CHARACTERS else plain[:MOST_SAID_CHARACTERS] + " ..."
