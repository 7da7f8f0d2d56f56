"""Send failing candidates back to the model, and prove its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from testsmith.deadline import next_group
from testsmith.faults import skipped_by_fault
from testsmith.languages.source import CannotParse
from testsmith.languages.tests import CannotPlace
from testsmith.model import Candidate, Member, Origin, Request, Result, Skipped, SkipStage
from testsmith.pipeline import time_budget
from testsmith.pipeline.generate import Answers, ask
from testsmith.pipeline.state import RunState
from testsmith.pipeline.verify import verify
from testsmith.verification.gate import Verdict
from testsmith.verification.prove import ProofContext
from testsmith.verification.repair import Judged, Repairs, RepairState


async def repair(
    run: RunState, context: ProofContext, proven: Sequence[tuple[Candidate, Judged]], failure: str | None
) -> Repairs:
    """Send failing candidates back to the model and prove its answers, as many times as configured.

    Args:
        run: The run's state.
        context: What candidates are proven with.
        proven: All candidates as their generators wrote them, with the results of proving them. Only the
            model can repair its own.
        failure: Why no more requests are possible; None if they are.
    """
    not_judged = {SkipStage.BUDGET, SkipStage.INTERNAL}
    repairs = Repairs(
        states={
            candidate.member: RepairState.of(
                run.language_of(candidate.member),
                candidate,
                judged,
                _goals(run.requests[candidate.member].member, context, judged),
            )
            for candidate, judged in proven
            if candidate.origin is Origin.MODEL
            and not (isinstance(judged, Skipped) and judged.stage in not_judged)
        },
        failure=failure,
    )
    for _ in range(run.settings.verification.repairs):
        wanted = repairs.wanted()
        if run.clients.model is None or not wanted or not next_group(len(wanted), run.deadline.left, None):
            break
        again = replace(
            run,
            requests={member: _request(run.requests[member], repairs.states[member]) for member in wanted},
        )
        run.progress.phase("repairing", len(wanted))
        answers = await ask(again, run.clients.model, time_budget.GENERATION)
        repairs = repairs.after(await _verified(again, context, repairs, answers), answers.failure)
    return repairs


def _goals(member: Member, context: ProofContext, judged: Judged) -> tuple[str, ...]:
    """Return the mutants that neither the project's tests nor the candidate's kill, as far as is known."""
    green = judged.green if isinstance(judged, Verdict) else None
    return context.own_tests.goals(member, () if green is None else green.gains.killed)


def _request(request: Request, state: RepairState) -> Request:
    context = replace(request.context, goals=state.goals)
    return replace(request, repair=state.repair, context=context)


async def _verified(
    run: RunState, context: ProofContext, repairs: Repairs, answers: Answers
) -> dict[str, Judged]:
    """Prove repaired tests together with the ones that already passed, and return the results by member."""
    merged = [with_accepted(run, repairs.states[one.member], one) for one in answers.candidates]
    candidates = [one for one in merged if isinstance(one, Candidate)]
    results = await verify(run, context, candidates)
    refused = {one.member: one for one in merged if isinstance(one, Skipped) and one.member is not None}
    proven = {one.member: result for one, result in zip(candidates, results, strict=True)}
    return {**answers.skipped, **refused, **proven}


def with_accepted(run: RunState, state: RepairState, answer: Candidate) -> Result:
    """Return an answer to a repair combined with the tests that passed, or why they cannot be combined.

    Tests that passed in an edited file have with them what the file takes from others, such as fixtures, so
    the answer must have it, too.
    """
    request = run.requests[answer.member]
    member = request.member
    try:
        if state.best is not None and state.best.proof.candidate.edited:
            tests = run.language_of(answer.member).tests
            code = tests.self_contained(answer.code, request.test_path, run.search.head_tree)
            answer = replace(answer, code=code)
        return state.with_accepted(answer)
    except CannotPlace as error:
        reason = f"its repaired tests cannot be added to those that passed: {error}"
    except CannotParse as error:
        reason = f"its test module cannot be read: {error}"
    except Exception as error:  # noqa: BLE001 - re-raised if it ends the run
        return skipped_by_fault(member, error)
    return Skipped.of(member, SkipStage.VERIFICATION, reason)
