"""Steps of a run by themselves, for a client that asks for one thing, such as surviving mutants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from testsmith.changes.members import find_members
from testsmith.deadline import TimeIsOver
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.execution.sandbox.layers import CannotIsolate
from testsmith.execution.workspace import CannotPrepare
from testsmith.git.repository import Repository
from testsmith.languages.language import title_of
from testsmith.languages.thresholds import GateTable
from testsmith.model import Candidate, Origin, Report, Skipped, SkipStage
from testsmith.pipeline.audit import changed_tests
from testsmith.pipeline.prepare import measure_own_suite, members_not_loading, runner_of
from testsmith.pipeline.run import suggest
from testsmith.pipeline.select import select
from testsmith.pipeline.state import RunDependencies, RunOptions, RunState
from testsmith.settings import AuditMode, Settings
from testsmith.verification.surviving_mutants import MemberMutants, find_surviving_mutants

_NO_TESTS = "the change neither adds nor edits a test function"
_SHARE_OF_MUTANTS = 0.8
"""Share of the time left that the mutants may use once the project's tests are measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivingMutantsReport:
    """The mutants of some members that the project's own tests leave alive.

    Attributes:
        members: The members of which that is known.
        skipped: The others, with the reasons.
        notes: Remarks on the whole.
    """

    members: tuple[MemberMutants, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()


async def audit_working_tree(settings: Settings, tools: RunDependencies) -> Report:
    """Judge the tests that a change adds or edits, and return a report with nothing but the audit.

    The audit is None if there are no such tests, or if they could not be judged.

    Args:
        settings: The settings of the run; `selection` says what is compared.
        tools: The clients. No generator is called.

    Raises:
        UsageFailure: The folder is not in a repository, or a revision does not exist.
    """
    found = find_members(Repository.open(settings.folder), settings.selection, tools.languages)
    if not changed_tests(found, tools.languages):
        return Report(members=(), base=found.base, head=found.head, notes=(_NO_TESTS,))
    settings = replace(settings, review=replace(settings.review, audit=AuditMode.SUMMARY))
    report = await suggest(settings, tools, RunOptions(candidates={}, search=found))
    members = {member.id for member in report.members}
    return replace(
        report,
        members=(),
        suggestions=(),
        skipped=tuple(one for one in report.skipped if one.member not in members or _ended_early(one)),
        earlier=(),
    )


def _ended_early(skipped: Skipped) -> bool:
    """Return whether a member was skipped for a reason that concerns the audit, too."""
    return skipped.stage in {SkipStage.ENVIRONMENT, SkipStage.BUDGET, SkipStage.INTERNAL}


async def prove_code(settings: Settings, tools: RunDependencies, member: str, code: str) -> Report:
    """Prove a test module for one member as if a generator had written it, and return the report.

    Its tests are compared with base if the member belongs to the change.

    Args:
        settings: The settings of the run; `selection.base` is what they are compared with.
        tools: The clients. No generator is called.
        member: The member's id.
        code: The test module. Untrusted: it is only run in the sandbox.

    Raises:
        UsageFailure: The folder is not in a repository, or a revision or the member's file does not exist.
    """
    found = find_members(Repository.open(settings.folder), settings.selection, tools.languages)
    candidate = Candidate(member=member, code=code, origin=Origin.MODEL)
    given = RunOptions(candidates={member: candidate}, is_chosen=True, audits=False)
    chosen = tuple(one for one in found.members if one.id == member)
    if chosen:
        given = replace(given, search=replace(found, members=chosen, found=chosen, skipped=()))
    else:
        given = replace(given, paths=(member.partition("::")[0],), only=(member,))
    return await suggest(settings, tools, given)


async def surviving_mutants(
    settings: Settings, tools: RunDependencies, members: Sequence[str]
) -> SurvivingMutantsReport:
    """Return the mutants of members that the project's own tests leave alive.

    Args:
        settings: The settings of the run.
        tools: The clients. No generator is called.
        members: Ids of members, or paths of files and folders.

    Raises:
        UsageFailure: The folder is not in a repository, or a file does not exist.
    """
    paths = tuple(dict.fromkeys(one.partition("::")[0] for one in members))
    given = RunOptions(paths=paths, only=tuple(members), is_chosen=True, candidates={})
    run = select(settings, tools, given)
    reports = [SurvivingMutantsReport(skipped=(*run.search.skipped, *run.skipped))]
    for language, folder in dict.fromkeys(map(run.project_of, run.members)):
        reports.append(await _surviving_in(run.of_project(language, folder), language))
    return SurvivingMutantsReport(
        members=tuple(one for report in reports for one in report.members),
        skipped=tuple(one for report in reports for one in report.skipped),
        notes=tuple(dict.fromkeys(note for report in reports for note in report.notes)),
    )


async def _surviving_in(run: RunState, language: str) -> SurvivingMutantsReport:
    """Return the surviving mutants of the members of one project."""
    if language not in run.clients.toolchains:
        reason = f"tests in {title_of(language, run.clients.languages)} cannot be run on this machine"
        return SurvivingMutantsReport(skipped=run.all_skipped(SkipStage.ENVIRONMENT, reason))
    try:
        async with runner_of(run, language) as runner:
            broken = await run.deadline.within(members_not_loading(run, runner))
            left = run.without(broken)
            run.progress.phase("measuring your tests", 1, 0.5)
            own_suite = await measure_own_suite(left, runner)
            run.progress.phase("running mutants with your tests", len(left.members))
            pairs = [(one, left.language_of(one.id).mutator) for one in left.members]
            table = GateTable.of(run.settings.verification)
            seconds = run.deadline.at_most(run.settings.verification.suite_seconds, _SHARE_OF_MUTANTS)
            found = await run.deadline.within(
                find_surviving_mutants(pairs, own_suite, runner, table, seconds)
            )
    except (CannotPrepare, CannotIsolate, CannotRun) as failure:
        return SurvivingMutantsReport(skipped=run.all_skipped(SkipStage.ENVIRONMENT, str(failure)))
    except TimeIsOver:
        reason = run.deadline.reason("the mutants were run")
        return SurvivingMutantsReport(skipped=run.all_skipped(SkipStage.BUDGET, reason))
    unknown = left.without({one.member for one in found})
    reason = "it is not known what the project's tests do with it"
    skipped = (*broken.values(), *unknown.all_skipped(SkipStage.VERIFICATION, reason))
    return SurvivingMutantsReport(members=found, skipped=skipped, notes=own_suite.notes)
