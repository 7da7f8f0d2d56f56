"""A sweep by several machines: one plans, each proves a shard of what is taken, one collects.

They share nothing but the commit and a folder of parts, so each can be a job of its own. A shard whose report
is there already, for this very plan, is not made again; one that left none costs its own members alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from testsmith.changes.git import Repository
from testsmith.model import Failure, Member, Report, UsageFailure
from testsmith.settings import Settings
from testsmith.sweep.merging import merged
from testsmith.sweep.parts import (
    PLAN_NAME,
    BadPart,
    PlanPart,
    digest,
    read_plan,
    read_shard,
    shard_name,
    with_sources,
    write_plan,
    write_shard,
)
from testsmith.sweep.parts_folder import PartsFolder
from testsmith.sweep.shards import Shard, share, split, unevenness
from testsmith.sweep.story import Tools, conclude, plan, prove
from testsmith.swept import SweepPlan, SweepReport

PLANNING = "shard-0of0"
"""How cache entries of the job are called that plans, beside those of the shards."""

_NO_REPORT = (
    "shard {number} of {of} left no report, so this was not looked at; run that job again, or leave it to "
    "the next sweep"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What is split among machines.

    Attributes:
        plan: What is to be taken.
        shards: The ids of the members of each shard.
    """

    plan: SweepPlan
    shards: tuple[tuple[str, ...], ...]


async def plan_shards(settings: Settings, tools: Tools, parts: PartsFolder, shards: int) -> Planned:
    """Plan a sweep for several machines, each of which may take all the minutes, and leave the plan.

    Raises:
        UsageFailure: As of `story.sweep`.
        Failure: The plan cannot be left.
    """
    budget = replace(settings.budget, max_minutes=settings.budget.max_minutes * shards)
    planned = await plan(replace(settings, budget=budget), tools)
    known = {one.member.id: one for one in planned.ranked}
    taken = [known[one] for one in planned.taken if one in known]
    chosen = split(taken, shards)
    if chosen:
        uneven = unevenness([[known[one] for one in shard] for shard in chosen])
        note = f"{len(taken)} members in {len(chosen)} shards, the longest {uneven:.2f} times the mean."
        planned = replace(planned, notes=(*planned.notes, note))
    parts.write(PLAN_NAME, write_plan(planned, chosen))
    return Planned(plan=planned, shards=chosen)


async def prove_shard(settings: Settings, tools: Tools, parts: PartsFolder, shard: Shard) -> Report:
    """Make and prove the tests of one shard, and leave what came of it.

    Raises:
        UsageFailure: There is no plan, or it has no such shard, or another commit is checked out.
        BadPart: The plan cannot be used.
        Failure: The report cannot be left.
    """
    data, part = _plan(parts)
    if len(part.shards) != shard.of:
        raise UsageFailure(f"the plan has {len(part.shards)} shards, so there is no shard {shard}.")
    _require_commit(settings, tools, part.plan)
    done = _left(parts, shard, digest(data))
    if done is not None:
        return done
    narrowed = replace(settings, budget=share(settings.budget, shard))
    report = await prove(narrowed, tools, part.shards[shard.number - 1])
    parts.write(shard_name(shard), write_shard(shard, digest(data), report))
    return report


async def collect(settings: Settings, tools: Tools, parts: PartsFolder) -> SweepReport:
    """Put the reports of all shards together, and conclude the sweep.

    Raises:
        UsageFailure: There is no plan.
        BadPart: The plan cannot be used.
    """
    data, part = _plan(parts)
    reports, missing, notes = _reports(parts, part, digest(data))

    def gathered(members: Mapping[str, Member]) -> tuple[SweepPlan, Report]:
        planned = with_sources(part.plan, members)
        report = merged(part.shards, reports, missing, members, planned.taken)
        return planned, replace(report, head=planned.head)

    swept = await conclude(settings, tools, gathered)
    return replace(swept, notes=(*swept.notes, *notes))


def shards_in(parts: PartsFolder) -> tuple[Shard, ...]:
    """Return the shards of the plan that is there; none where it cannot be used."""
    try:
        _, part = _plan(parts)
    except Failure:
        return ()
    count = len(part.shards)
    return tuple(Shard(number=number, of=count) for number in range(1, count + 1))


def _plan(parts: PartsFolder) -> tuple[bytes, PlanPart]:
    data = parts.read(PLAN_NAME)
    if data is None:
        raise UsageFailure(f"there is no {PLAN_NAME} in {parts.folder}: make the plan first.")
    return data, read_plan(data)


def _require_commit(settings: Settings, tools: Tools, plan: SweepPlan) -> None:
    """Make sure that a plan is of what is looked at; of two working trees nothing can be told.

    Raises:
        UsageFailure: It is of another commit.
    """
    head = settings.selection.head
    if head is None or plan.head is None:
        return
    repository = tools.repository or Repository.open(settings.folder)
    if repository.resolve(head) != plan.head:
        raise UsageFailure(
            f"the plan is of another commit, {plan.head[:40]!a}: look at that one, or plan anew."
        )


def _left(parts: PartsFolder, shard: Shard, plan: str) -> Report | None:
    """Return what an earlier run has left for this very plan; None where there is none that can be used."""
    data = parts.read(shard_name(shard))
    try:
        return None if data is None else read_shard(data, shard, plan).report
    except BadPart:
        return None


def _reports(
    parts: PartsFolder, part: PlanPart, plan: str
) -> tuple[dict[int, Report], dict[int, str], Sequence[str]]:
    """Return the reports, why there is none of the other shards, and notes on those that cannot be used."""
    reports, missing, notes = dict[int, Report](), dict[int, str](), list[str]()
    for number in range(1, len(part.shards) + 1):
        shard = Shard(number=number, of=len(part.shards))
        try:
            data = parts.read(shard_name(shard))
            if data is not None:
                reports[number] = read_shard(data, shard, plan).report
                continue
        except BadPart as bad:
            notes.append(str(bad))
        missing[number] = _NO_REPORT.format(number=number, of=shard.of)
    if missing:
        told = ", ".join(map(str, missing))
        notes.append(f"Shards without a report: {told} of {len(part.shards)}. The others are shown.")
    return reports, missing, notes
