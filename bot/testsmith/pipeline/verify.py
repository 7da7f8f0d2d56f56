"""Format the candidates, and prove them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from testsmith.faults import skipped_by_fault
from testsmith.languages.source import CannotParse, SourceTree
from testsmith.model import Candidate, Result, Skipped, SkipStage
from testsmith.pipeline.state import RunState
from testsmith.tasks import gather
from testsmith.verification.batches import prove_in_time
from testsmith.verification.evidence import RunSubject
from testsmith.verification.prove import ProofContext
from testsmith.verification.repair import Judged


async def verify(run: RunState, context: ProofContext, candidates: Sequence[Candidate]) -> list[Judged]:
    """Format and prove candidates, and return the results in the same order."""
    formatted = await formatted_candidates(run, candidates)
    results: dict[int, Judged] = {
        number: one for number, one in enumerate(formatted) if isinstance(one, Skipped)
    }
    for language in run.clients.languages:
        subjects = {
            number: _subject(run, one)
            for number, one in enumerate(formatted)
            if isinstance(one, Candidate) and run.language_of(one.member) is language
        }
        verdicts = await prove_in_time(list(subjects.values()), language, context, run.deadline)
        results |= dict(zip(subjects, verdicts, strict=True))
    return [results[number] for number in range(len(formatted))]


def _subject(run: RunState, candidate: Candidate) -> RunSubject:
    request = run.requests[candidate.member]
    return RunSubject(
        member=request.member,
        candidate=candidate,
        test_path=request.test_path,
        framework=request.framework,
    )


async def formatted_candidates(run: RunState, candidates: Iterable[Candidate]) -> list[Result]:
    """Format candidates before they are proven, so that the proven code is the code that is shown.

    Given candidates are not formatted: they were formatted when posted, or were written by a reviewer.
    """
    places = asyncio.Semaphore(run.settings.verification.parallel)
    tree = run.search.head_tree if run.options.candidates is None else None

    async def formatted(candidate: Candidate) -> Result:
        async with places:
            return await asyncio.to_thread(_formatted, run, candidate, tree)

    return list(await gather(*map(formatted, candidates)))


def _formatted(run: RunState, candidate: Candidate, tree: SourceTree | None) -> Result:
    """Return a candidate formatted with the tree's settings (if any), or skipped if it cannot be parsed."""
    request, language, code = (
        run.requests[candidate.member],
        run.language_of(candidate.member),
        candidate.code,
    )
    try:
        if tree is not None:
            code = language.tests.format(code, request.test_path, tree)
        language.tests.test_functions(code)
    except CannotParse as error:
        reason = f"its test module cannot be read: {error}"
        return Skipped.of(request.member, SkipStage.VERIFICATION, reason)
    except Exception as error:  # noqa: BLE001 - re-raised if it ends the run
        return skipped_by_fault(request.member, error)
    return replace(candidate, code=code)
