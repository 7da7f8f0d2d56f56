"""Have the model review proven tests as a strict maintainer, and prove what it changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from testsmith.deadline import next_group
from testsmith.generation.interface import TestGenerator
from testsmith.languages.language import Language
from testsmith.languages.source import CannotParse
from testsmith.model import BaseOutcome, Candidate, Label, Origin, ReviewRequest, TestDescription
from testsmith.pipeline import time_budget
from testsmith.pipeline.generate import Answers, ask
from testsmith.pipeline.merged_files import marking_of, patch_of_head
from testsmith.pipeline.state import RunState, asks_for_hard_alone
from testsmith.pipeline.verify import verify
from testsmith.test_files.plan import Marking
from testsmith.verification.gate import Point, ProvenSuggestion, Verdict
from testsmith.verification.prove import ProofContext, best_verdict

_MOST_NAMED = 5
_MOST_OF_A_MESSAGE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """What came of the review.

    Attributes:
        verdicts: Verdicts of the members whose tests were changed, by member id.
        reviewed: Number of members whose tests were reviewed.
        failures: Why the tests of the others were not, one reason a member.
    """

    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    reviewed: int = 0
    failures: Sequence[str] = ()

    def notes(self) -> Iterator[str]:
        """Yield notes for the report, if anything was to be reviewed."""
        if self.reviewed:
            functions = _functions(self.reviewed)
            yield f"review: the model reviewed the tests of {functions} and changed {len(self.verdicts)}"
        if self.failures:
            functions = _functions(len(self.failures))
            yield f"review: the tests of {functions} were proven but not reviewed: {self.failures[0]}"


def _functions(count: int) -> str:
    return "1 function" if count == 1 else f"{count} functions"


async def edit(run: RunState, context: ProofContext, verdicts: Mapping[str, Sequence[Verdict]]) -> Edits:
    """Have the best tests of each member reviewed, and return those that are proven to show as much.

    If the model is asked only for hard members, it reviews only its own tests.

    Args:
        run: The run's state.
        context: What candidates are proven with.
        verdicts: The verdicts of each member's candidates.
    """
    model = run.clients.model
    if model is None or not run.settings.model.strategy.edits:
        return Edits()
    best = {member: best_verdict(ones) for member, ones in verdicts.items()}
    greens = {member: one.green for member, one in best.items() if one.green is not None}
    if asks_for_hard_alone(run.settings):
        greens = {member: one for member, one in greens.items() if one.candidate.origin is Origin.MODEL}
    if not greens or not next_group(len(greens), run.deadline.left, None):
        return Edits()
    try:
        return await _edited(run, context, model, best, greens)
    except Exception as error:  # noqa: BLE001 - re-raised if it ends the run
        run.warn_of_fault("the tests were not reviewed", error)
        return Edits()


async def _edited(
    run: RunState,
    context: ProofContext,
    model: TestGenerator,
    best: Mapping[str, Verdict],
    greens: Mapping[str, ProvenSuggestion],
) -> Edits:
    marking = marking_of(run)
    requests = {
        member: replace(run.requests[member], repair=None, review=_review(run, green, best[member], marking))
        for member, green in greens.items()
    }
    again = replace(run, requests=requests)
    run.progress.phase("reviewing tests", len(requests))
    answers = await ask(again, model, time_budget.GENERATION)
    candidates = [
        with_known_descriptions(one, greens[one.member].candidate, run.language_of(one.member))
        for one in answers.candidates
    ]
    changed = {one.member for one in candidates}
    judged = await verify(again, context, candidates)
    found = {
        candidate.member: replace(one, entries=(one.green, *best[candidate.member].questions))
        for candidate, one in zip(candidates, judged, strict=True)
        if isinstance(one, Verdict)
        and one.green is not None
        and _shows_as_much(one, one.green, greens[candidate.member])
    }
    kept = {member for member, one in answers.skipped.items() if one.permanent}
    missing = [member for member in requests if member not in kept and member not in changed]
    return Edits(verdicts=found, reviewed=len(requests) - len(missing), failures=_failures(missing, answers))


def _failures(members: Sequence[str], answers: Answers) -> list[str]:
    """Return why no answer came for each of these members."""
    ended = answers.failure or "no answer came"
    return [answers.skipped[member].reason if member in answers.skipped else ended for member in members]


def _review(
    run: RunState, green: ProvenSuggestion, verdict: Verdict, marking: Callable[[], Marking]
) -> ReviewRequest:
    code = green.candidate.code
    is_edit = bool(run.requests[green.candidate.member].test_text)
    return ReviewRequest(
        code=code,
        patch=(is_edit and patch_of_head(run, green.candidate, marking)) or "",
        evidence=(*_evidence(green), *_failed(verdict)),
        normalized_code=run.language_of(green.candidate.member).judge.normalized(code),
    )


def _evidence(green: ProvenSuggestion) -> Iterator[str]:
    evidence = green.evidence
    if evidence.base is BaseOutcome.ABSENT:
        yield "before the change there was nothing to test"
    elif evidence.fail_to_pass is not None:
        yield f"{evidence.fail_to_pass} of {evidence.tests} test functions fail on the code before the change"
    yield from (
        f"before the change, `{name}` fails: {text}" for name, text in evidence.failures[:_MOST_NAMED]
    )
    if evidence.killed:
        yield f"they notice if one changes {', '.join(evidence.killed[:_MOST_NAMED])}"
    if evidence.alive:
        yield f"they do not notice if one changes {', '.join(evidence.alive[:_MOST_NAMED])}"


def _failed(verdict: Verdict) -> Iterator[str]:
    """Yield what was proposed and did not pass, so that the review brings none of it back."""
    wrong = [cut for cut in verdict.cuts if cut.point < Point.STABLE]
    yield from (f"`{cut.function}` was proposed, too, and {cut.reason}" for cut in wrong[:_MOST_NAMED])
    gone = {cut.function for cut in wrong}
    for function in verdict.proof.functions[:_MOST_NAMED]:
        rows = next((run for run in function.head if run.failed_rows), None)
        if rows is not None and function.name not in gone:
            numbers = ", ".join(str(row + 1) for row in sorted(rows.failed_rows)[:_MOST_NAMED])
            why = rows.message.partition("\n")[0][:_MOST_OF_A_MESSAGE]
            yield f"of the rows that were proposed for `{function.name}`, these failed: {numbers}; {why}"


def with_known_descriptions(answer: Candidate, reviewed: Candidate, language: Language) -> Candidate:
    """Return an answer with what is known of the reviewed tests that it leaves as they were."""

    def text(code: str, test: str) -> str:
        return language.judge.normalized(language.tests.keep_tests(code, [test]))

    descriptions: list[TestDescription] = []
    with suppress(CannotParse):
        descriptions += (
            one
            for one in reviewed.descriptions
            if one.test in language.tests.test_functions(answer.code)
            and text(answer.code, one.test) == text(reviewed.code, one.test)
        )
    return replace(answer, origin=reviewed.origin, descriptions=tuple(descriptions))


def _shows_as_much(verdict: Verdict, new: ProvenSuggestion, old: ProvenSuggestion) -> bool:
    """Return whether edited tests say as much of the change, in the same file, and none of them was wrong."""
    is_wrong = any(cut.point < Point.STABLE for cut in verdict.cuts)
    is_moved = bool(old.candidate.edited) and not new.candidate.edited
    fails_still = bool(new.evidence.fail_to_pass) >= bool(old.evidence.fail_to_pass)
    return not is_wrong and not is_moved and fails_still and new.label in {old.label, Label.NEW_BEHAVIOR}
