"""Ask the generators for tests, within their share of the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from testsmith.deadline import TimeIsOver, next_group
from testsmith.faults import is_fault, skipped_by_fault
from testsmith.generation.fan_out import closing, results
from testsmith.generation.interface import TestGenerator
from testsmith.languages.language import Language
from testsmith.languages.toolchain import Engine
from testsmith.llm.interface import SpendingEnded
from testsmith.model import Candidate, Request, Result, Skipped, SkipStage
from testsmith.pipeline import time_budget
from testsmith.pipeline.state import RunState, asks_for_hard_alone
from testsmith.settings import ProviderChoice
from testsmith.tasks import gather


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Answers of the generators.

    Attributes:
        candidates: The candidates; of one member, those of a preferred generator first.
        skipped: Skip reasons, by member id.
        failure: Why the generators ended early; None if they did not.
    """

    candidates: tuple[Candidate, ...] = ()
    skipped: dict[str, Skipped] = field(default_factory=dict)
    failure: str | None = None


def joined(parts: Sequence[Answers]) -> Answers:
    """Combine the answers of several generators. Skip reasons are kept for members without a candidate."""
    candidates = tuple(candidate for part in parts for candidate in part.candidates)
    answered = {candidate.member for candidate in candidates}
    return Answers(
        candidates=candidates,
        skipped={
            member: one for part in parts for member, one in part.skipped.items() if member not in answered
        },
        failure=next((part.failure for part in parts if part.failure is not None), None),
    )


async def generate(run: RunState, engine: Engine | None) -> Answers:
    """Call every generator in the settings, the engine first because its observations help the model.

    A model that is asked for inputs comes first, because the engine runs these and makes tests of them, too.
    """
    given = run.options.candidates
    if given is not None:
        return Answers(candidates=tuple(given[member] for member in run.requests if member in given))
    model = None if asks_for_hard_alone(run.settings) else run.clients.model
    engine = None if run.settings.provider is ProviderChoice.OPENAI else engine
    run.progress.phase("making tests", len(run.requests) * ((engine is not None) + (model is not None)))
    share = time_budget.GENERATION if run.clients.model is None else time_budget.ENGINE
    if engine is None or model is None:
        alone = engine or model
        return (
            Answers()
            if alone is None
            else await ask(run, alone, share if model is None else time_budget.GENERATION)
        )
    if run.settings.model.strategy.probes:
        of_model = await ask(run, model, time_budget.GENERATION)
        return joined([of_model, await ask(run, engine, share)])
    of_engine = await ask(run, engine, share)
    return joined([await ask(run, model, time_budget.GENERATION), of_engine])


async def generate_unproven(run: RunState, engine: Engine | None = None) -> Answers:
    """Call the generators concurrently. Without verification, none depends on another."""
    generators = [one for one in (run.clients.model, engine) if one is not None]
    run.progress.phase("making tests", len(run.requests) * len(generators))
    return joined(await gather(*(ask(run, generator, 1.0) for generator in generators)))


async def ask_for_hard(run: RunState, model: TestGenerator) -> Answers:
    """Call the model for what the engine's tests do not cover, if there is time left to prove an answer."""
    if not next_group(len(run.requests), run.deadline.left, None):
        skipped = run.all_skipped(SkipStage.BUDGET, run.deadline.reason("the model was asked"))
        return Answers(skipped=dict(zip(run.requests, skipped, strict=True)))
    run.progress.phase("generating tests for hard functions", len(run.requests))
    return await ask(run, model, time_budget.GENERATION)


async def ask(run: RunState, generator: TestGenerator, share: float) -> Answers:
    """Request tests for all members from one generator. Earlier answers are kept if money or time runs out.

    Args:
        run: The run's state.
        generator: The generator to call.
        share: Fraction of the remaining time it may use.
    """
    found: list[Result] = []
    skipped: dict[str, Skipped] = {}
    failure = None
    try:
        await run.deadline.within(_take_answers(run, generator, found), share)
    except SpendingEnded as ended:
        failure = str(ended)
    except TimeIsOver:
        left = run.without({one.member for one in found if one.member is not None})
        reason = run.deadline.reason("there was an answer that could be proven in time")
        skipped = dict(zip(left.requests, left.all_skipped(SkipStage.BUDGET, reason), strict=True))
    skipped |= {one.member: one for one in found if isinstance(one, Skipped) and one.member is not None}
    candidates = tuple(one for one in found if isinstance(one, Candidate))
    return Answers(candidates=candidates, skipped=skipped, failure=failure)


async def _take_answers(run: RunState, generator: TestGenerator, found: list[Result]) -> None:
    """Collect the answers for all members, one language at a time."""
    for language in run.clients.languages:
        requests = [one for one in run.requests.values() if one.member.language == language.name]
        await _take_for(run, generator, language, requests, found)


async def _take_for(
    run: RunState,
    generator: TestGenerator,
    language: Language,
    requests: Sequence[Request],
    found: list[Result],
) -> None:
    """Collect the answers for some members. After an internal error, retry the unanswered ones in halves."""
    answered: set[str | None] = set()
    try:
        async with closing(results(generator, requests, batches=language.batches)) as stream:
            async for result in stream:
                found.append(result)
                answered.add(result.member)
                run.progress.advance()
    except Exception as error:
        if not is_fault(error):
            raise
        left = [request for request in requests if request.member.id not in answered]
        if len(requests) == 1:
            found.extend(skipped_by_fault(request.member, error) for request in left)
            return
        half = (len(left) + 1) // 2
        for part in (left[:half], left[half:]):
            if part:
                await _take_for(run, generator, language, part, found)
