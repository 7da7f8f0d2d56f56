"""The story of a sweep, step by step: plan, prove, conclude.

One machine takes all three steps by `sweep`. Several take them apart: one plans, each proves a part of what
is taken (`prove`), and one puts the reports together and concludes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from testsmith import pipeline
from testsmith.execution.threads import in_thread
from testsmith.git.repository import Repository
from testsmith.languages.driver import LanguageDriver
from testsmith.model import Estimate, Member, Report, Skipped, SkipStage
from testsmith.settings import Settings
from testsmith.sweep.measure import ConcludeOrder, concluded
from testsmith.sweep.planning import Memory, NothingTried, PlanOrder, TriedStore, counted_elsewhere, planned
from testsmith.sweep.sweep_workspace import SweepWorkspace, found, opened
from testsmith.sweep_results import SweepPlan, SweepReport
from testsmith.test_files.plan import Marking, plan_edits, with_support

_LEAST_MINUTES = 0.5
"""So many minutes are left for proving, however long it took to plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepDependencies:
    """The clients of one sweep, built by `main`.

    Attributes:
        run: What a run of the pipeline needs.
        repository: The repository that is swept; None for the one that holds the settings' folder.
        why_not: Tells why a member is not to be taken, as its tests stand in an open pull request; empty
            where it may be.
        tried: Where it is kept what was tried in vain.
        reckon: Reckons what a run would ask a model; None where that is not wanted.
    """

    run: pipeline.RunDependencies
    repository: Repository | None = None
    why_not: Callable[[Member], str] = lambda _: ""
    tried: TriedStore = field(default_factory=NothingTried)
    reckon: Callable[[pipeline.RunOptions], Awaitable[Estimate]] | None = None


async def sweep(
    settings: Settings, tools: SweepDependencies, members: Sequence[str] | None = None
) -> SweepReport:
    """Take the members that are worth most until the budget is spent, and return what came of them.

    Args:
        settings: What was set; `selection.all_paths` are the files and folders that are swept.
        tools: The clients.
        members: Ids of the members to take in place of those that the plan takes, in this order, as a part
            of them on one of several machines; None for those.

    Raises:
        UsageFailure: The folder is no repository, a path is unknown, or the coverage file cannot be used.
    """
    started = tools.run.clock()
    async with opened(settings, tools.run, tools.repository) as ground:
        swept, counted = await planned(_plan_order(settings, tools, ground))
        spent = (tools.run.clock() - started) / 60.0
        budget = replace(
            settings.budget, max_minutes=max(_LEAST_MINUTES, settings.budget.max_minutes - spent)
        )
        taken = swept.taken if members is None else members
        report = await _proven(replace(settings, budget=budget), tools, ground, taken)
        order = ConcludeOrder(
            settings=settings, tools=tools.run, ground=ground, counted=counted, coverage=swept.coverage
        )
        done = await _concluded(order, Memory.of(tools.tried, settings), swept, report)
    return replace(done, seconds=tools.run.clock() - started)


async def plan(settings: Settings, tools: SweepDependencies) -> SweepPlan:
    """Measure, rank, and return what a sweep takes.

    Raises:
        UsageFailure: As of `sweep`.
    """
    if settings.verification.coverage is not None:
        ground = await in_thread(found, settings, tools.run, tools.repository)
        return await _planned_alone(settings, tools, ground)
    async with opened(settings, tools.run, tools.repository) as ground:
        return await _planned_alone(settings, tools, ground)


async def _planned_alone(settings: Settings, tools: SweepDependencies, ground: SweepWorkspace) -> SweepPlan:
    swept, _ = await planned(_plan_order(settings, tools, ground))
    if tools.reckon is None:
        return swept
    given = pipeline.RunOptions(repository=ground.repository, search=ground.narrowed(swept.taken))
    return replace(swept, estimate=await tools.reckon(given))


async def prove(settings: Settings, tools: SweepDependencies, members: Sequence[str]) -> Report:
    """Make and prove tests for members, in this order.

    Args:
        settings: As of `sweep`.
        tools: As of `sweep`.
        members: Their ids; what is no member any more is left out.

    Raises:
        UsageFailure: As of `sweep`.
    """
    ground = await in_thread(found, settings, tools.run, tools.repository)
    return await _proven(settings, tools, ground, members)


async def conclude(
    settings: Settings,
    tools: SweepDependencies,
    gathered: Callable[[Mapping[str, Member]], tuple[SweepPlan, Report]],
) -> SweepReport:
    """Measure what the proposed tests add, and return the whole.

    Args:
        settings: As of `sweep`.
        tools: As of `sweep`.
        gathered: Returns what was planned and what came of it, given the members that are checked out.
    """
    started = tools.run.clock()
    async with opened(settings, tools.run, tools.repository) as ground:
        swept, report = gathered(ground.members)
        counted = await in_thread(counted_elsewhere, settings, tools.run, ground, swept.coverage)
        order = ConcludeOrder(
            settings=settings, tools=tools.run, ground=ground, counted=counted, coverage=swept.coverage
        )
        done = await _concluded(order, Memory.of(tools.tried, settings), swept, report)
    return replace(done, seconds=swept.seconds + report.statistics.seconds + tools.run.clock() - started)


def _plan_order(settings: Settings, tools: SweepDependencies, ground: SweepWorkspace) -> PlanOrder:
    return PlanOrder(
        settings=settings,
        tools=tools.run,
        ground=ground,
        memory=Memory.of(tools.tried, settings),
        why_not=tools.why_not,
    )


async def _proven(
    settings: Settings, tools: SweepDependencies, ground: SweepWorkspace, members: Sequence[str]
) -> Report:
    given = pipeline.RunOptions(
        repository=ground.repository, search=ground.narrowed(members), workspace=ground.workspace
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
    )


def failed(report: Report) -> tuple[Skipped, ...]:
    """Return the members that were tried in vain.

    What the budget did not reach was not tried, and what a model has been asked for may still be answered.
    """
    tried = (one for one in report.skipped if one.stage is not SkipStage.BUDGET)
    return tuple(one for one in tried if one.member is not None)


def write_sweep(swept: SweepReport, settings: Settings, drivers: Sequence[LanguageDriver]) -> tuple[str, ...]:
    """Write a sweep's green suggestions into the working tree, and say in lines what came of it."""
    repository, report = Repository.open(settings.folder), swept.report
    tree = repository.working_tree()
    marking = Marking.of_members(report.members, drivers, marks=settings.commits.mark_tests)
    plan = plan_edits(report.suggestions, tree, drivers, marking)
    plan, made = with_support(plan, tree, repository.project, drivers)
    return (
        *pipeline.written(plan, repository.root),
        *(f"{path} is new: {reason}" for path, reason in made.items()),
    )
