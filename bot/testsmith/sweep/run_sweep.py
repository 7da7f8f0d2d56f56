"""Run a sweep: plan, prove, conclude.

On one machine `sweep` runs all three steps. Several machines run them separately: one plans, each proves a
part of the selected members, and one merges the reports and concludes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from testsmith import pipeline
from testsmith.git.repository import Repository
from testsmith.languages.language import Language
from testsmith.model import Estimate, Member, Report, Skipped, SkipStage
from testsmith.settings import Settings
from testsmith.sweep.measure import ConcludeOrder, concluded
from testsmith.sweep.planning import (
    Memory,
    NothingTried,
    PlanOrder,
    TriedStore,
    counted_elsewhere,
    planned,
)
from testsmith.sweep.sweep_workspace import SweepWorkspace, found, opened
from testsmith.sweep_results import SweepPlan, SweepReport
from testsmith.tasks import in_thread
from testsmith.test_files.plan import Marking, plan_edits, with_support
from testsmith.test_files.write import write_plan

_LEAST_MINUTES = 0.5
"""Minutes reserved for verification, however long planning took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepDependencies:
    """The clients of one sweep.

    Attributes:
        run: The dependencies of a pipeline run.
        repository: The repository to sweep; None for the one that contains the settings' folder.
        why_not: Returns why a member must not be selected, for example because an open pull request has its
            tests; empty if it may be.
        tried: Store of unsuccessful attempts.
        estimate: Estimates the model usage of a run; None if no estimate is wanted.
    """

    run: pipeline.RunDependencies
    repository: Repository | None = None
    why_not: Callable[[Member], str] = lambda _: ""
    tried: TriedStore = field(default_factory=NothingTried)
    estimate: Callable[[pipeline.RunOptions], Awaitable[Estimate]] | None = None


async def sweep(
    settings: Settings, tools: SweepDependencies, members: Sequence[str] | None = None
) -> SweepReport:
    """Generate tests for the most valuable members until the budget is used up, and return the report.

    Args:
        settings: The settings; `selection.all_paths` are the files and folders to sweep.
        tools: The clients.
        members: Ids of members to process, in order, instead of those that the plan selects; None for those.

    Raises:
        UsageFailure: The folder is not in a repository, a path is unknown, or the coverage file is not
            usable.
    """
    started = tools.run.clock()
    async with opened(settings, tools.run, tools.repository) as workspace:
        swept, counted = await planned(_plan_order(settings, tools, workspace))
        spent = (tools.run.clock() - started) / 60.0
        budget = replace(
            settings.budget, max_minutes=max(_LEAST_MINUTES, settings.budget.max_minutes - spent)
        )
        taken = swept.taken if members is None else members
        report = await _proven(replace(settings, budget=budget), tools, workspace, taken)
        order = ConcludeOrder(
            settings=settings, tools=tools.run, workspace=workspace, counted=counted, coverage=swept.coverage
        )
        done = await _concluded(order, Memory.of(tools.tried, settings), swept, report)
    return replace(done, seconds=tools.run.clock() - started)


async def plan(settings: Settings, tools: SweepDependencies) -> SweepPlan:
    """Measure coverage, rank the members, and return the plan.

    Raises:
        UsageFailure: See `sweep`.
    """
    if settings.verification.coverage is not None:
        workspace = await in_thread(found, settings, tools.run, tools.repository)
        return await _planned_alone(settings, tools, workspace)
    async with opened(settings, tools.run, tools.repository) as workspace:
        return await _planned_alone(settings, tools, workspace)


async def _planned_alone(
    settings: Settings, tools: SweepDependencies, workspace: SweepWorkspace
) -> SweepPlan:
    swept, _ = await planned(_plan_order(settings, tools, workspace))
    if tools.estimate is None:
        return swept
    given = pipeline.RunOptions(repository=workspace.repository, search=workspace.narrowed(swept.taken))
    return replace(swept, estimate=await tools.estimate(given))


async def prove(settings: Settings, tools: SweepDependencies, members: Sequence[str]) -> Report:
    """Generate and verify tests for members, in order.

    Args:
        settings: See `sweep`.
        tools: See `sweep`.
        members: Their ids; unknown ones are skipped.

    Raises:
        UsageFailure: See `sweep`.
    """
    workspace = await in_thread(found, settings, tools.run, tools.repository)
    return await _proven(settings, tools, workspace, members)


async def conclude(
    settings: Settings,
    tools: SweepDependencies,
    gathered: Callable[[Mapping[str, Member]], tuple[SweepPlan, Report]],
) -> SweepReport:
    """Measure what the proposed tests add, and return the sweep's report.

    Args:
        settings: See `sweep`.
        tools: See `sweep`.
        gathered: Returns the plan and the report of the run, given the checked-out members.
    """
    started = tools.run.clock()
    async with opened(settings, tools.run, tools.repository) as workspace:
        swept, report = gathered(workspace.members)
        counted = await in_thread(counted_elsewhere, settings, tools.run, workspace, swept.coverage)
        order = ConcludeOrder(
            settings=settings, tools=tools.run, workspace=workspace, counted=counted, coverage=swept.coverage
        )
        done = await _concluded(order, Memory.of(tools.tried, settings), swept, report)
    return replace(done, seconds=swept.seconds + report.statistics.seconds + tools.run.clock() - started)


def _plan_order(settings: Settings, tools: SweepDependencies, workspace: SweepWorkspace) -> PlanOrder:
    return PlanOrder(
        settings=settings,
        tools=tools.run,
        workspace=workspace,
        memory=Memory.of(tools.tried, settings),
        why_not=tools.why_not,
    )


async def _proven(
    settings: Settings, tools: SweepDependencies, workspace: SweepWorkspace, members: Sequence[str]
) -> Report:
    given = pipeline.RunOptions(
        repository=workspace.repository, search=workspace.narrowed(members), runners=workspace.runners
    )
    report = await pipeline.suggest(settings, tools.run, given)
    if report.failure is None:
        Memory.of(tools.tried, settings).remember(report)
    return report


async def _concluded(order: ConcludeOrder, memory: Memory, swept: SweepPlan, report: Report) -> SweepReport:
    done = await concluded(order, report)
    if done.report is not report:
        memory.remember(done.report)
    return SweepReport(
        plan=swept,
        report=done.report,
        before=done.before,
        after=done.after,
        failed=failed(done.report),
        made=done.made,
        notes=(*swept.notes, *done.notes),
        project=order.workspace.repository.project,
    )


def failed(report: Report) -> tuple[Skipped, ...]:
    """Return the members that were tried unsuccessfully.

    Members that the budget did not reach, or whose model results are pending, do not count as tried.
    """
    tried = (one for one in report.skipped if one.stage is not SkipStage.BUDGET)
    return tuple(one for one in tried if one.member is not None)


def write_sweep(swept: SweepReport, settings: Settings, languages: Sequence[Language]) -> tuple[str, ...]:
    """Write a sweep's green suggestions into the working tree, and return lines that describe the result."""
    repository, report = Repository.open(settings.folder), swept.report
    tree = repository.working_tree()
    marking = Marking.of_members(report.members, languages, marks=settings.commits.mark_tests)
    plan = plan_edits(report.suggestions, tree, languages, marking)
    plan, made = with_support(plan, tree, swept.project, languages)
    return (
        *write_plan(plan, repository.root),
        *(f"{path} is new: {reason}" for path, reason in made.items()),
    )
