"""Measure what the proposed tests of a sweep add: coverage and mutation score, before and after.

Nothing is estimated. The figures come from runs of the whole test suite, without and with the new test files.
Each mutant of a member is run with the tests that reach it; a mutant that no test reaches survives, and one
that could not be run in time counts in neither score. A proposed test that fails in the full suite is
dropped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from testsmith import pipeline
from testsmith.execution.baseline import MemberBaseline, OwnSuite, WholeSuite
from testsmith.execution.jobs import ChangedModules
from testsmith.execution.runner import TestRunner
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.execution.workspace import Workspace, remove_folder, writable_copy
from testsmith.languages.language import Language, language_of
from testsmith.languages.mutants import Mutant, Mutator
from testsmith.languages.source import CannotParse
from testsmith.model import Member, MemberKind, Report, Skipped, SkipStage, Suggestion
from testsmith.reporting.report_assembly import numbered
from testsmith.settings import Settings, VerificationSettings
from testsmith.sweep.member_coverage import count_files, coverage_of, knows_branches
from testsmith.sweep.planning import Counted
from testsmith.sweep.sweep_workspace import SweepWorkspace, measure_whole
from testsmith.sweep_results import Coverage, MutationScore, SuiteFigures
from testsmith.tasks import in_thread
from testsmith.test_files.plan import EditPlan, FileEdit, Marking, plan_edits, with_support
from testsmith.test_files.write import write_edits
from testsmith.verification.baseline_mutants import changes_reached

Kills = Mapping[tuple[str, int], bool]
"""Whether a mutant is killed, by member id and mutant number. Mutants that were not run are missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """The mutation scores without and with the new tests; None if unknown."""

    before: MutationScore | None = None
    after: MutationScore | None = None
    notes: tuple[str, ...] = ()


async def scores(
    runners: tuple[TestRunner, TestRunner],
    members: Sequence[Member],
    settings: VerificationSettings,
    tools: pipeline.RunDependencies,
) -> Scores:
    """Return the mutation scores with two runners, the second of which has the new tests."""
    mutants = await in_thread(_mutants, runners[0].workspace, members, settings.max_mutants, tools.languages)
    if not mutants:
        return Scores()
    kills = [await _kills(runner, members, mutants, settings, tools) for runner in runners]
    both = kills[0].keys() & kills[1].keys()
    lost = sum(map(len, mutants.values())) - len(both)
    note = f"the mutation score does not include {lost} mutants that could not be run in time"
    return Scores(before=_score(kills[0], both), after=_score(kills[1], both), notes=(note,) if lost else ())


def _score(kills: Kills, known: set[tuple[str, int]]) -> MutationScore | None:
    return MutationScore(mutants=len(known), noticed=sum(kills[one] for one in known)) if known else None


def _mutants(
    workspace: Workspace, members: Sequence[Member], most: int, languages: Sequence[Language]
) -> dict[str, tuple[Mutant, ...]]:
    found: dict[str, tuple[Mutant, ...]] = {}
    for member in members:
        try:
            mutator = _mutator_of(member, languages)
            source = mutator.text((workspace.head.root / member.path).read_bytes())
            found[member.id] = mutator.mutants(source, member, most)
        except (OSError, CannotParse):
            continue
    return {member: ones for member, ones in found.items() if ones}


def _mutator_of(member: Member, languages: Sequence[Language]) -> Mutator:
    return next(language.mutator for language in languages if language.name == member.language)


async def _kills(
    runner: TestRunner,
    members: Sequence[Member],
    mutants: Mapping[str, Sequence[Mutant]],
    settings: VerificationSettings,
    tools: pipeline.RunDependencies,
) -> dict[tuple[str, int], bool]:
    """Return which mutants are killed, as far as they were run."""
    asked = replace(settings, coverage=None)
    suite = await runner.own_tests(members, asked, tools.measurements)
    changed: dict[str, ChangedModules] = {}
    kills: dict[tuple[str, int], bool] = {}
    for member in members:
        baseline = _baseline(suite, member)
        if member.id not in mutants or baseline is None:
            continue
        one = await in_thread(
            _changed,
            runner.workspace,
            member,
            mutants[member.id],
            baseline,
            _mutator_of(member, tools.languages),
        )
        tried = {change.number for change in one.changes}
        untouched = (number for number in range(len(mutants[member.id])) if number not in tried)
        kills |= {(member.id, number): False for number in untouched}
        if one.changes:
            changed[member.id] = one
    try:
        data = await runner.own_changed(changed, settings.suite_seconds) if changed else {}
    except CannotRun:
        data = {}
    tools.progress.advance(len(members))
    return kills | {(id_, number): fails for id_, ones in data.items() for number, fails in ones.items()}


def _baseline(suite: OwnSuite, member: Member) -> MemberBaseline | None:
    return suite.members.get(member.id) or suite.partly.get(member.id)


def _changed(
    workspace: Workspace,
    member: Member,
    mutants: Sequence[Mutant],
    baseline: MemberBaseline,
    mutator: Mutator,
) -> ChangedModules:
    source = mutator.text((workspace.head.root / member.path).read_bytes())
    is_class = member.kind is MemberKind.CLASS
    return changes_reached(member, source, mutants, baseline, runs_when_loaded=is_class)


# Maximum number of runs of the full suite with the proposed tests.
_MOST_TRIES = 3
_BESIDE = "it fails when it is run together with the project's tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded:
    """The result of a sweep.

    Attributes:
        report: The report, without suggestions that fail in the full suite.
        before: Figures of the project's tests.
        after: Figures with the proposed tests added.
        made: Files and directories that the new tests need, with reasons.
        notes: Lines for the reader.
    """

    report: Report
    before: SuiteFigures = field(default_factory=SuiteFigures)
    after: SuiteFigures = field(default_factory=SuiteFigures)
    made: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcludeOrder:
    """The inputs for concluding a sweep.

    Attributes:
        settings: The settings.
        tools: The clients.
        workspace: The members and the workspace.
        counted: The coverage of the project's tests, by file.
        coverage: The total coverage of the project's tests; None if unknown.
    """

    settings: Settings
    tools: pipeline.RunDependencies
    workspace: SweepWorkspace
    counted: Counted
    coverage: Coverage | None


def edits_of(
    report: Report, settings: Settings, tools: pipeline.RunDependencies, workspace: SweepWorkspace
) -> tuple[EditPlan, dict[str, str]]:
    """Return the edits for the proposed tests, and the supporting files they need, with reasons."""
    tree = workspace.search.head_tree
    marking = Marking.of_members(
        report.members, tools.languages, marks=settings.commits.mark_tests, failing=report.failing
    )
    plan = plan_edits(report.suggestions, tree, tools.languages, marking)
    return with_support(plan, tree, workspace.repository.project, tools.languages)


async def concluded(order: ConcludeOrder, report: Report) -> Concluded:
    """Run the full suite with the proposed tests, dropping failures until none is left."""
    before = SuiteFigures(coverage=order.coverage)
    workspace = order.workspace
    if not workspace.runners or not any(map(_is_proposed, report.suggestions)):
        after = before if workspace.runners else SuiteFigures()
        return Concluded(report=report, before=before, after=after)
    for _ in range(_MOST_TRIES):
        plan, made = await in_thread(edits_of, report, order.settings, order.tools, workspace)
        with_new = {
            language: await in_thread(_with_edits, runner, plan)
            for language, runner in workspace.runners.items()
        }
        order.tools.progress.phase("running your tests with the new ones", 1)
        paths = tuple(order.counted.there)
        suite = await measure_whole(with_new, order.tools.languages, paths, order.settings.verification)
        kept_out = await _not_loaded_before(plan.edits, suite, order)
        failing = _failing_members(plan.edits, suite, order, kept_out)
        figures = None if failing else await _figures(order, with_new, report, suite)
        for runner in with_new.values():
            await in_thread(remove_folder, runner.workspace.head.root.parent)
        if figures is not None:
            return replace(figures, made=made, notes=(*figures.notes, *map(_apart_note, kept_out.items())))
        report = without(report, failing)
        if not any(map(_is_proposed, report.suggestions)):
            break
    return Concluded(report=report, before=before, after=before)


def _is_proposed(suggestion: Suggestion) -> bool:
    return suggestion.is_green and suggestion.evidence is not None


def _with_edits(runner: TestRunner, plan: EditPlan) -> TestRunner:
    """Return a runner on a copy of head with the planned edits."""
    copy = writable_copy(runner.workspace.head, runner.workspace.new_folder("swept"))
    write_edits(copy.root, plan.edits)
    return runner.on_copy(copy)


async def _not_loaded_before(
    edits: Iterable[FileEdit], suite: WholeSuite, order: ConcludeOrder
) -> Mapping[str, str]:
    """Return the files that fail to load even without the new tests, with reasons."""
    broken = {edit.path for edit in edits if edit.old is not None and edit.path in (suite.failed or ())}
    found: dict[str, str] = {}
    with contextlib.suppress(CannotRun):
        for name, runner in order.workspace.runners.items():
            files = {path for path in broken if _language_of(path, order) == name}
            if files:
                found |= await runner.own_not_loading(files, order.settings.verification.suite_seconds)
    return found


def _language_of(path: str, order: ConcludeOrder) -> str | None:
    language = language_of(path, order.tools.languages)
    return None if language is None else language.name


def _apart_note(not_loaded: tuple[str, str]) -> str:
    file, reason = not_loaded
    return f"{file} cannot be loaded here, with or without the new tests ({reason}): they were run separately"


def _failing_members(
    edits: Iterable[FileEdit], suite: WholeSuite, order: ConcludeOrder, kept_out: Collection[str]
) -> set[str]:
    """Return the members whose new tests failed; for a file without markers, all of its members.

    Args:
        edits: The files with new tests.
        suite: The results of the full suite with the new tests.
        order: The inputs.
        kept_out: Files that fail to load even without the new tests; this run says nothing about them.
    """
    if suite.failed is None:
        return set()
    found: set[str] = set()
    for edit in edits:
        bad = {name for name in edit.tests if f"{edit.path}::{name}" in suite.failed}
        if edit.path in kept_out:
            continue
        if edit.path in suite.failed or (bad and not _marked(edit, bad, order)):
            found.update(edit.members)
        elif bad:
            found.update(_marked(edit, bad, order))
    return found


def _marked(edit: FileEdit, names: set[str], order: ConcludeOrder) -> set[str]:
    """Return the members that the markers of these tests name."""
    language = language_of(edit.path, order.tools.languages)
    marked = () if language is None else language.tests.marked_tests(edit.new.decode())
    return {one.mark.member for one in marked if one.name.partition("::")[0] in _tops(names)}


def _tops(names: set[str]) -> set[str]:
    return {name.partition("::")[0] for name in names}


def without(report: Report, members: set[str]) -> Report:
    """Return a report in which the suggestions of some members have failed."""
    dropped = [one for one in report.suggestions if one.member in members and one.is_green]
    kept = [one for one in report.suggestions if one not in dropped]
    asked = {one.member for one in kept}
    paths = {member.id: member.path for member in report.members}
    skipped = tuple(
        Skipped(path=paths[one.member], stage=SkipStage.VERIFICATION, reason=_BESIDE, member=one.member)
        for one in dropped
        if one.member not in asked
    )
    return replace(report, suggestions=numbered(report.members, kept), skipped=(*report.skipped, *skipped))


async def _figures(
    order: ConcludeOrder, with_new: Mapping[str, TestRunner], report: Report, suite: WholeSuite
) -> Concluded:
    """Return the figures before and after, using only mutants that were run both times."""
    counted = _coverage_after(order, suite)
    scored = await _scores(order, with_new, report)
    return Concluded(
        report=report,
        before=SuiteFigures(coverage=order.coverage, mutation=scored.before),
        after=SuiteFigures(coverage=counted, mutation=scored.after),
        notes=scored.notes,
    )


def _coverage_after(order: ConcludeOrder, suite: WholeSuite) -> Coverage | None:
    """Return the coverage of all tests, including any coverage file of the project's tests."""
    if not suite.is_known or suite.failed is None:
        return None
    has_branches = knows_branches(order.counted.suite) and suite.has_branches
    files = count_files(order.counted.there, suite)
    if order.settings.verification.coverage is not None:
        files = {path: one.joined(order.counted.files[path]) for path, one in files.items()}
    return coverage_of(files.values(), has_branches=has_branches)


async def _scores(order: ConcludeOrder, with_new: Mapping[str, TestRunner], report: Report) -> Scores:
    touched = {one.member for one in report.suggestions if _is_proposed(one)}
    members = [member for member in report.members if member.id in touched]
    if order.settings.verification.coverage is not None:
        return Scores(notes=("the mutation score was not measured, because coverage was read from a file",))
    order.tools.progress.phase("running mutants with and without the new tests", 2 * len(members))
    parts = [
        await scores(
            (order.workspace.runners[language], runner),
            [member for member in members if member.language == language],
            order.settings.verification,
            order.tools,
        )
        for language, runner in with_new.items()
    ]
    return Scores(
        before=_summed(one.before for one in parts),
        after=_summed(one.after for one in parts),
        notes=tuple(note for one in parts for note in one.notes),
    )


def _summed(scored: Iterable[MutationScore | None]) -> MutationScore | None:
    known = [one for one in scored if one is not None]
    if not known:
        return None
    return MutationScore(mutants=sum(one.mutants for one in known), noticed=sum(one.noticed for one in known))
