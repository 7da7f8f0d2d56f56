"""Turn the results of a run into its suggestions, skipped members and figures."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from testsmith.faults import apart_from_faults, skipped_by_fault
from testsmith.languages.source import CannotParse
from testsmith.languages.tests import CannotConvert
from testsmith.model import (
    Candidate,
    Label,
    Member,
    Origin,
    Report,
    Skipped,
    SkipStage,
    Statistics,
    Suggestion,
)
from testsmith.pipeline.generate import Answers
from testsmith.pipeline.merged_files import marking_of, patch_of_head, patches_of_head
from testsmith.pipeline.same_change import shown_elsewhere
from testsmith.pipeline.state import RunState
from testsmith.pipeline.verify import formatted_candidates
from testsmith.tasks import in_thread
from testsmith.test_files.plan import Marking
from testsmith.verification.gains import unmeasured_note
from testsmith.verification.gate import ProvenSuggestion, Verdict
from testsmith.verification.prove import ProofContext, best_verdict, funnel
from testsmith.verification.repair import Judged, Repairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """What came of proving, round by round.

    Attributes:
        proven: The candidates as their generators wrote them, with the results of proving them.
        repairs: Those that went back to the model.
        edits: By member id, the verdicts of tests that the model reviewed and changed.
    """

    proven: Sequence[tuple[Candidate, Judged]]
    repairs: Repairs
    edits: Mapping[str, Verdict] = field(default_factory=dict)


def conclude(run: RunState, context: ProofContext, answers: Answers, rounds: Rounds) -> Report:
    """Return the best proven result for each member, with the reasons for the members without one."""
    proven, repairs = rounds.proven, rounds.repairs
    verdicts = verdicts_by_member(proven, repairs) | {key: [one] for key, one in rounds.edits.items()}
    reasons = {one.member: one for _, one in proven if isinstance(one, Skipped) and one.member is not None}
    reasons |= answers.skipped
    marking = marking_of(run, context.own_suite.known_to_fail)
    best: dict[str, Verdict] = {}
    proposals: dict[str, list[Suggestion]] = {}
    for member, ones in verdicts.items():
        try:
            verdict = best_verdict(ones)
            proposals[member] = [
                _proven_suggestion(run, marking, entry, repairs) for entry in verdict.entries
            ]
            best[member] = verdict
        except Exception as error:  # noqa: BLE001 - re-raised if it ends the run
            reasons[member] = skipped_by_fault(run.requests[member].member, error)
    elsewhere = shown_elsewhere(
        run, {member: one.green for member, one in best.items() if one.green is not None}
    )
    best |= {member: replace(best[member], entries=best[member].questions) for member in elsewhere}
    suggestions = (
        one
        for member, ones in proposals.items()
        for one in ones
        if not one.is_green or member not in elsewhere
    )
    unasked = run.without(reasons | best)
    posted = [entry for verdict in best.values() for entry in verdict.entries]
    proposed = [run.requests[member].member for member, verdict in best.items() if verdict.entries]
    every = [verdict for ones in verdicts.values() for verdict in ones]
    return Report(
        members=run.search.found,
        suggestions=tuple(suggestions),
        skipped=(
            *(one for member, one in reasons.items() if member not in best),
            *(
                elsewhere.get(member) or verdict.skipped()
                for member, verdict in best.items()
                if not verdict.entries
            ),
            *unasked.all_skipped(SkipStage.GENERATION, answers.failure or "no generator returned tests"),
        ),
        statistics=Statistics(funnel=funnel(every, posted, len(run.requests) - len(best))),
        failure=repairs.failure,
        notes=(*_notes(context, proposed), *repairs.notes()),
        failing=context.own_suite.known_to_fail,
        baseline=context.own_suite.reported(run.requests),
    )


def verdicts_by_member(
    proven: Sequence[tuple[Candidate, Judged]], repairs: Repairs
) -> dict[str, list[Verdict]]:
    """Return the verdicts of each member's candidates, after repairs for the model's candidates."""
    found = {member: [state.best] for member, state in repairs.states.items() if state.best is not None}
    for candidate, judged in proven:
        if isinstance(judged, Verdict) and candidate.origin is not Origin.MODEL:
            found.setdefault(candidate.member, []).append(judged)
    return found


def _notes(context: ProofContext, proposed: Collection[Member]) -> Iterator[str]:
    warning = context.runner.workspace.sandbox.warning()
    if warning:
        yield f"sandbox: {warning}"
    yield from context.runner.workspace.notes
    yield from context.own_suite.notes
    yield from unmeasured_note(proposed, context.own_suite)


def _proven_suggestion(
    run: RunState, marking: Callable[[], Marking], entry: ProvenSuggestion, repairs: Repairs
) -> Suggestion:
    patch = patch_of_head(run, entry.candidate, marking)
    suggestion = _suggestion(run, entry.candidate, entry.tests, patch)
    state = repairs.states.get(suggestion.member)
    return replace(
        suggestion,
        evidence=entry.evidence,
        label=entry.label,
        summary=entry.summary,
        witness=suggestion.witness if entry.label is Label.NEW_BEHAVIOR else None,
        observed=() if state is None else state.observed_in(entry),
    )


async def conclude_unproven(run: RunState, answers: Answers) -> Report:
    """Return the formatted candidates as suggestions without evidence, one for each member."""
    firsts: dict[str, Candidate] = {}
    for candidate in answers.candidates:
        firsts.setdefault(candidate.member, candidate)
    converted = [_converted(run, candidate) for candidate in firsts.values()]
    marking = marking_of(run)
    suggestions: list[Suggestion] = []
    skipped = [*answers.skipped.values()]
    results = await formatted_candidates(run, converted)
    skipped += [one for one in results if isinstance(one, Skipped)]
    formatted = [one for one in results if isinstance(one, Candidate)]
    for one, patch in zip(formatted, await _patches(run, formatted, marking), strict=True):
        if isinstance(patch, Skipped):
            skipped.append(patch)
            continue
        try:
            tests = run.language_of(one.member).tests.test_functions(one.code)
            suggestions.append(_suggestion(run, one, tests, patch))
        except Exception as error:  # noqa: BLE001 - re-raised if it ends the run
            skipped.append(skipped_by_fault(run.requests[one.member].member, error))
    return Report(
        members=run.search.found,
        suggestions=tuple(suggestions),
        skipped=tuple(skipped),
        failure=answers.failure,
    )


async def _patches(
    run: RunState, candidates: Sequence[Candidate], marking: Callable[[], Marking]
) -> list[str | Skipped | None]:
    """Return the patch of each candidate; a fault costs no more than its member."""

    async def patches(part: Sequence[Candidate]) -> Sequence[str | Skipped | None]:
        return await in_thread(patches_of_head, run, part, marking)

    def lost(candidate: Candidate, error: Exception) -> str | Skipped | None:
        return skipped_by_fault(run.requests[candidate.member].member, error)

    return list(await apart_from_faults(candidates, patches, lost))


def _converted(run: RunState, candidate: Candidate) -> Candidate:
    """Return a candidate converted to its member's framework, or unchanged if it cannot be converted."""
    request, language = run.requests[candidate.member], run.language_of(candidate.member)
    try:
        return replace(
            candidate, code=language.tests.in_framework(candidate.code, request.framework, request.member)
        )
    except (CannotConvert, CannotParse):
        return candidate


def _suggestion(run: RunState, candidate: Candidate, tests: tuple[str, ...], patch: str | None) -> Suggestion:
    """Return a candidate as a suggestion without number and evidence."""
    request, language = run.requests[candidate.member], run.language_of(candidate.member)
    try:
        is_in_form = (
            language.tests.in_framework(candidate.code, request.framework, request.member) == candidate.code
        )
    except CannotConvert:
        is_in_form = False
    return Suggestion(
        member=candidate.member,
        number=0,
        test_path=request.test_path,
        place=request.place,
        code=candidate.code,
        framework=request.framework if is_in_form else language.tests.framework,
        tests=tests,
        origin=candidate.origin,
        evidence=None,
        label=None,
        summary=candidate.summary(tests),
        witness=candidate.witness(tests),
        patch=patch,
    )
