"""Convert proven tests to the project's test framework, if that is another one, and prove them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from testsmith.languages.language import Language
from testsmith.languages.source import CannotParse
from testsmith.languages.tests import CannotConvert
from testsmith.model import Candidate
from testsmith.tasks import gather, in_thread
from testsmith.verification.evidence import RunSubject
from testsmith.verification.gate import Cut, Point, ProvenSuggestion, Verdict
from testsmith.verification.prove import ProofContext, prove


async def prove_in_framework(
    subjects: Sequence[RunSubject], language: Language, context: ProofContext
) -> list[Verdict]:
    """Return the candidates' verdicts, with green tests converted to the form that would be posted.

    Candidates are first proven in the form that their generator wrote, because the checks support it best.
    Green tests are then converted, proven again, and run by the framework itself if the project does so. What
    a model wrote into a file that pytest runs stays as it is: the file may have both forms, and helpers.

    Args:
        subjects: The candidates, all of one language.
        language: Their language.
        context: What they are proven with.
    """
    verdicts = list(await prove(subjects, language, context))
    wanted = {
        at: verdict.green
        for at, (subject, verdict) in enumerate(zip(subjects, verdicts, strict=True))
        if verdict.green is not None
        and subject.framework not in {None, language.tests.framework}
        and (subject.is_run_by_framework or not subject.candidate.edited)
    }
    again: dict[int, RunSubject] = {}
    for at, green in wanted.items():
        converted = await in_thread(_converted, subjects[at], green, language, context)
        if isinstance(converted, str):
            verdicts[at] = _without_green(verdicts[at], converted)
        elif converted.code != green.candidate.code:
            in_project = bool(verdicts[at].proof.project_code)
            again[at] = replace(subjects[at], candidate=converted, in_project=in_project)
    if again:
        proven = await prove(list(again.values()), language, context)
        for at, second in zip(again, proven, strict=True):
            verdicts[at] = _joined(verdicts[at], second)
    run = [at for at in wanted if subjects[at].is_run_by_framework]
    troubles = await gather(*(_trouble(verdicts[at], context) for at in run))
    for at, trouble in zip(run, troubles, strict=True):
        verdicts[at] = _without_green(verdicts[at], trouble) if trouble else verdicts[at]
    return verdicts


def _converted(
    subject: RunSubject, entry: ProvenSuggestion, language: Language, context: ProofContext
) -> Candidate | str:
    """Return a candidate's green tests in the framework's form, or why they cannot be converted."""
    candidate, framework = entry.candidate, subject.framework or language.tests.framework
    try:
        code = language.tests.in_framework(candidate.code, framework, subject.member)
        if code != candidate.code:
            code = language.tests.format(code, subject.test_path or "", context.tree)
        names = {name.rpartition("::")[2]: name for name in language.tests.test_functions(code)}
    except (CannotConvert, CannotParse) as error:
        return f"cannot be written for {framework}: {error}"
    descriptions = tuple(
        replace(one, test=names.get(one.test.rpartition("::")[2], one.test)) for one in candidate.descriptions
    )
    return replace(candidate, code=code, descriptions=descriptions)


def _joined(first: Verdict, second: Verdict) -> Verdict:
    """Combine two verdicts: questions from the original form, green tests from the converted one."""
    questions = tuple(entry for entry in first.entries if not entry.is_green)
    green = () if second.green is None else (second.green,)
    return replace(second, entries=(*green, *questions), cuts=(*first.cuts, *second.cuts))


async def _trouble(verdict: Verdict, context: ProofContext) -> str:
    """Return why green tests do not pass under their framework; empty if they do."""
    if verdict.green is None:
        return ""
    code, seconds = verdict.green.candidate.code, context.settings.test_seconds
    path = verdict.proof.test_path if verdict.proof.project_code else None
    return await context.runner.trouble_in_framework(code, seconds, path)


def _without_green(verdict: Verdict, reason: str) -> Verdict:
    names = () if verdict.green is None else verdict.green.tests
    cuts = tuple(Cut(function=name, point=Point.GAINS, reason=reason) for name in names)
    questions = tuple(entry for entry in verdict.entries if not entry.is_green)
    return replace(verdict, entries=questions, cuts=(*verdict.cuts, *cuts))
