"""The story of a sweep, step by step: plan, prove, conclude.

One machine takes all three steps by `sweep`. Several take them apart: one plans, each proves a part of what
is taken (`prove`), and one puts the reports together and concludes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bot import pipeline
from bot.changes.git import Repository
from bot.changes.members import MemberSearch, find_members
from bot.model import Member, Report, Skipped, Stage
from bot.settings import Settings
from bot.swept import Facts, RankedMember, SweepPlan, SweepReport, Terms

_EVERY_MEMBER = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The clients of one sweep, built by `main`.

    Attributes:
        run: What a run of the pipeline needs.
        repository: The repository that is swept; None for the one that holds the settings' folder.
        why_not: Tells why a member is not to be taken, as its tests stand in an open pull request; empty
            where it may be.
    """

    run: pipeline.Tools
    repository: Repository | None = None
    why_not: Callable[[Member], str] = lambda _: ""


async def sweep(settings: Settings, tools: Tools, members: Sequence[str] | None = None) -> SweepReport:
    """Take the members that are worth most until the budget is spent, and return what came of them.

    Args:
        settings: What was set; `selection.all_paths` are the files and folders that are swept.
        tools: The clients.
        members: Ids of the members to take in place of those that the plan takes, in this order, as a part
            of them on one of several machines; None for those.

    Raises:
        UsageFailure: The folder is no repository, or a path is unknown.
    """
    started = tools.run.clock()
    swept = await plan(settings, tools)
    report = await prove(settings, tools, swept.taken if members is None else members)
    return replace(await conclude(settings, tools, swept, report), seconds=tools.run.clock() - started)


async def plan(settings: Settings, tools: Tools) -> SweepPlan:
    """Measure, rank, and return what a sweep takes.

    Raises:
        UsageFailure: As of `sweep`.
    """
    started = tools.run.clock()
    search = _search(settings, tools)
    members, left_out = _without_left_out(search.members, tools)
    ranked = tuple(
        RankedMember(
            member=member,
            rank=rank,
            terms=Terms(uncovered=1.0),
            facts=Facts(lines=1, lines_missed=1),
        )
        for rank, member in enumerate(members, start=1)
    )
    return SweepPlan(
        ranked=ranked,
        taken=tuple(one.member.id for one in ranked[: settings.selection.max_members]),
        skipped=(*search.skipped, *left_out),
        head=search.head,
        seconds=tools.run.clock() - started,
    )


async def prove(settings: Settings, tools: Tools, members: Sequence[str]) -> Report:
    """Make and prove tests for members, in this order.

    Args:
        settings: As of `sweep`.
        tools: As of `sweep`.
        members: Their ids; what is no member any more is left out.

    Raises:
        UsageFailure: As of `sweep`.
    """
    search = _search(settings, tools)
    known = {member.id: member for member in search.members}
    taken = tuple(known[one] for one in dict.fromkeys(members) if one in known)
    narrowed = replace(search, members=taken, found=taken, skipped=())
    given = pipeline.Given(repository=tools.repository, search=narrowed)
    return await pipeline.suggest(settings, tools.run, given)


async def conclude(settings: Settings, tools: Tools, swept: SweepPlan, report: Report) -> SweepReport:
    """Measure what the proposed tests add, and return the whole.

    Args:
        settings: As of `sweep`.
        tools: As of `sweep`.
        swept: What was planned.
        report: What came of it, on one machine or put together from several.
    """
    del settings, tools
    return SweepReport(plan=swept, report=report, failed=failed(report), seconds=swept.seconds)


def failed(report: Report) -> tuple[Skipped, ...]:
    """Return the members that were tried in vain.

    What the budget did not reach was not tried, and what a model has been asked for may still be answered.
    """
    tried = (one for one in report.skipped if one.stage is not Stage.BUDGET and not one.awaited)
    return tuple(one for one in tried if one.member is not None)


def _without_left_out(
    members: Sequence[Member], tools: Tools
) -> tuple[tuple[Member, ...], tuple[Skipped, ...]]:
    """Return the members that may be taken, and the others with the reasons."""
    reasons = {member.id: tools.why_not(member) for member in members}
    left_out = (
        Skipped(path=one.path, stage=Stage.CHANGES, reason=reasons[one.id], member=one.id)
        for one in members
        if reasons[one.id]
    )
    return tuple(one for one in members if not reasons[one.id]), tuple(left_out)


def _search(settings: Settings, tools: Tools) -> MemberSearch:
    """Return every public member of the files and folders that are swept."""
    repository = tools.repository or Repository.open(settings.folder)
    selection = replace(settings.selection, base=None, max_members=_EVERY_MEMBER)
    tools.run.progress.phase("finding members", 1)
    return find_members(repository, selection, tools.run.drivers)
