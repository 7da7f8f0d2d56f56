"""Format the candidates, and prove them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from testsmith.execution.runner import TestRunner
from testsmith.faults import apart_from_faults, skipped_by_fault
from testsmith.languages.language import Language
from testsmith.languages.source import CannotParse, SourceTree
from testsmith.languages.tests import UnformattedModule
from testsmith.model import Candidate, Result, Skipped, SkipStage
from testsmith.pipeline.state import RunState
from testsmith.tasks import in_thread
from testsmith.verification.batches import prove_in_time
from testsmith.verification.evidence import RunSubject
from testsmith.verification.prove import ProofContext
from testsmith.verification.repair import Judged

_FORM = re.compile(r"[\s\"'\\();,]")
"""What formatters add, remove and exchange: also quotes, brackets around an operand, and final commas."""

_MOST_AT_ONCE = 1000
"""Maximum number of candidates formatted by one thread, which cannot be interrupted."""


async def verify(run: RunState, context: ProofContext, candidates: Sequence[Candidate]) -> list[Judged]:
    """Format and prove candidates, and return the results in the same order."""
    formatted = await formatted_candidates(run, candidates)
    if run.options.candidates is None:
        formatted = await _formatted_by_toolchain(run, formatted, context.runner)
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


async def _formatted_by_toolchain(
    run: RunState, results: Sequence[Result], runner: TestRunner
) -> list[Result]:
    """Return candidates as the formatter of their language's toolchain formats them, if there is one."""
    candidates = [one for one in results if isinstance(one, Candidate)]
    modules = [UnformattedModule(one.code, run.requests[one.member].test_path) for one in candidates]
    codes = iter(await runner.formatted(modules))
    return [
        replace(one, code=same_tests(next(codes), one.code, run.language_of(one.member)))
        if isinstance(one, Candidate)
        else one
        for one in results
    ]


def same_tests(formatted: str, text: str, language: Language) -> str:
    """Return the formatted text of a test file; as it was if that differs in more than its form."""
    if formatted == text:
        return text
    new, old = (_FORM.sub("", language.judge.normalized(one)) for one in (formatted, text))
    if new != old:  # without comments, as a line that is joined to one no longer runs
        return text
    try:
        names = language.tests.test_functions(formatted), language.tests.test_functions(text)
    except CannotParse:
        return text
    return formatted if names[0] == names[1] else text


def _subject(run: RunState, candidate: Candidate) -> RunSubject:
    request = run.requests[candidate.member]
    return RunSubject(
        member=request.member,
        candidate=candidate,
        test_path=request.test_path,
        framework=request.framework,
        is_run_by_framework=request.is_run_by_framework,
    )


async def formatted_candidates(run: RunState, candidates: Sequence[Candidate]) -> list[Result]:
    """Format candidates before they are proven, so that the proven code is the code that is shown.

    Given candidates are not formatted: they were formatted when posted, or were written by a reviewer.
    """
    tree = run.search.head_tree if run.options.candidates is None else None

    async def formatted(part: Sequence[Candidate]) -> Sequence[Result]:
        return await in_thread(_formatted, run, part, tree)

    def skipped(candidate: Candidate, error: Exception) -> Result:
        return skipped_by_fault(run.requests[candidate.member].member, error)

    parts = [candidates[at : at + _MOST_AT_ONCE] for at in range(0, len(candidates), _MOST_AT_ONCE)]
    return [result for part in parts for result in await apart_from_faults(part, formatted, skipped)]


def _formatted(run: RunState, candidates: Sequence[Candidate], tree: SourceTree | None) -> list[Result]:
    """Return candidates formatted with the tree's settings (if any); skip those that cannot be parsed."""
    codes: dict[int, str | CannotParse] = {number: one.code for number, one in enumerate(candidates)}
    if tree is not None:
        for language in run.clients.languages:
            modules = {
                number: _unformatted(run, one, tree)
                for number, one in enumerate(candidates)
                if run.language_of(one.member) is language
            }
            codes |= {number: one.code for number, one in modules.items()}
            codes |= _apart(
                language, {at: one for at, one in modules.items() if not candidates[at].edited}, tree
            )
            modules = {
                number: one._replace(code=code)
                for number, one in modules.items()
                if isinstance(code := codes[number], str)
            }
            codes |= zip(modules, language.tests.format_all(list(modules.values()), tree), strict=True)
    return [_readable(run, one, codes[number]) for number, one in enumerate(candidates)]


def _apart(
    language: Language, modules: Mapping[int, UnformattedModule], tree: SourceTree
) -> dict[int, str | CannotParse]:
    return dict(zip(modules, language.tests.apart(list(modules.values()), tree), strict=True))


def _unformatted(run: RunState, candidate: Candidate, tree: SourceTree) -> UnformattedModule:
    """Return a candidate's module; that of an edited test file needs what the file takes from others."""
    code, path = candidate.code, run.requests[candidate.member].test_path
    if candidate.edited:
        code = run.language_of(candidate.member).tests.self_contained(code, path, tree)
    return UnformattedModule(code, path, is_edit=bool(candidate.edited))


def _readable(run: RunState, candidate: Candidate, code: str | CannotParse) -> Result:
    try:
        if isinstance(code, CannotParse):
            raise code
        run.language_of(candidate.member).tests.test_functions(code)
    except CannotParse as error:
        reason = f"its test module cannot be read: {error}"
        return Skipped.of(run.requests[candidate.member].member, SkipStage.VERIFICATION, reason)
    return replace(candidate, code=code)
