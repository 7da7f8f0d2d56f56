"""Run a sweep on several machines: one plans, each proves one shard, one collects.

The machines share only the commit and a directory of parts, so each can be a separate job. A shard that
already has a report for this plan is not run again; a shard without a report loses only its own members.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from testsmith.git.repository import Repository
from testsmith.model import (
    Baseline,
    BaselineStatus,
    CacheStats,
    Failure,
    Member,
    Report,
    Skipped,
    SkipStage,
    Spending,
    Statistics,
    Suggestion,
    UsageFailure,
)
from testsmith.reporting.report_assembly import check, known_failing, numbered, summed
from testsmith.settings import Settings
from testsmith.sweep.parts import (
    PLAN_NAME,
    BadPart,
    PartsFolder,
    PlanPart,
    digest,
    read_plan,
    read_shard,
    shard_name,
    with_sources,
    write_plan,
    write_shard,
)
from testsmith.sweep.run_sweep import SweepDependencies, conclude, plan, prove
from testsmith.sweep.shards import Shard, share, split, unevenness
from testsmith.sweep_results import SweepPlan, SweepReport

_SAID_NOTHING = "its machine did not report it; the next sweep tries it again"


def merged(
    shards: Sequence[Sequence[str]],
    reports: Mapping[int, Report],
    missing: Mapping[int, str],
    members: Mapping[str, Member],
    taken: Sequence[str],
) -> Report:
    """Return the shards' reports as one, with the members in the order of their ranks.

    Args:
        shards: The member ids of each shard.
        reports: The shards' reports, by number from 1. Only the results of a shard's own members are used.
        missing: Why other shards have no report, by number.
        members: The checked-out members, by id.
        taken: The selected member ids in the order of their ranks.

    Raises:
        Inconsistent: A shard reports a result twice.
    """
    own = {number: frozenset(ids) & members.keys() for number, ids in enumerate(shards, start=1)}
    heard = [_heard(reports[number], own[number]) for number in sorted(reports) if number in own]
    suggestions = [one for report in heard for one in report.suggestions]
    skipped = [one for report in heard for one in report.skipped]
    data = {one.member for one in suggestions} | {one.member for one in skipped}
    silent = _silent(own, missing, data, members)
    order = [members[one] for one in taken if any(one in ids for ids in own.values())]
    whole = Report(
        members=tuple(order),
        suggestions=numbered(order, suggestions),
        skipped=(*skipped, *silent),
        statistics=_statistics([report.statistics for report in heard]),
        head=next((report.head for report in heard), None),
        failure=_failure(reports),
        notes=tuple(dict.fromkeys(note for report in heard for note in report.notes)),
        failing=known_failing(heard),
        baseline=_baseline([report.baseline for report in heard]),
        digests={key: value for report in heard for key, value in report.digests.items()},
    )
    check(whole)
    return whole


def _heard(report: Report, own: Collection[str]) -> Report:
    """Return a report reduced to the shard's own members."""
    return replace(
        report,
        suggestions=tuple(one for one in report.suggestions if one.member in own),
        skipped=tuple(one for one in _once(report.skipped, report.suggestions) if one.member in own),
        digests={key: value for key, value in report.digests.items() if key in own},
    )


def _once(skipped: Iterable[Skipped], suggestions: Iterable[Suggestion]) -> Iterator[Skipped]:
    """Yield the first reason of each skipped member that has no suggestion."""
    known = {one.member for one in suggestions}
    for one in skipped:
        if one.member not in known:
            known.add(one.member or "")
            yield one


def _silent(
    own: Mapping[int, Collection[str]],
    missing: Mapping[int, str],
    data: Collection[str | None],
    members: Mapping[str, Member],
) -> Iterator[Skipped]:
    """Yield members without a result. They do not count as failed, so the next sweep takes them again."""
    for number, ids in own.items():
        reason = missing.get(number, _SAID_NOTHING)
        for one in sorted(ids):
            if one not in data:
                yield Skipped(path=members[one].path, stage=SkipStage.BUDGET, reason=reason, member=one)


def _failure(reports: Mapping[int, Report]) -> str | None:
    return next((reports[number].failure for number in sorted(reports) if reports[number].failure), None)


def _baseline(data: Sequence[Baseline]) -> Baseline:
    """Return the baselines of all machines as one; each covers its own members."""
    statuses = {one.status for one in data}
    if not statuses:
        return Baseline()
    return Baseline(
        status=statuses.pop() if len(statuses) == 1 else BaselineStatus.PARTLY,
        tests=max((one.tests for one in data if one.tests is not None), default=None),
        known=sum(one.known for one in data),
    )


def _statistics(data: Sequence[Statistics]) -> Statistics:
    """Return the figures of all machines: sums, except for the time, because they ran in parallel."""
    costs = [one.spending.cost for one in data]
    return Statistics(
        spending=Spending(
            api_calls=sum(one.spending.api_calls for one in data),
            prompt_tokens=sum(one.spending.prompt_tokens for one in data),
            prefix_tokens=sum(one.spending.prefix_tokens for one in data),
            completion_tokens=sum(one.spending.completion_tokens for one in data),
            thinking_tokens=sum(one.spending.thinking_tokens for one in data),
            cost=None if None in costs else sum(cost for cost in costs if cost is not None),
        ),
        cache=CacheStats(
            hits=sum(one.cache.hits for one in data),
            misses=sum(one.cache.misses for one in data),
            entries=max((one.cache.entries for one in data), default=0),
        ),
        funnel=summed([one.funnel for one in data]),
        seconds=max((one.seconds for one in data), default=0.0),
        not_asked=sum(one.not_asked for one in data),
    )


PLANNING = "shard-0of0"
"""Name of the planning job's cache entries, analogous to the shards' names."""

_NO_REPORT = (
    "shard {number} of {of} has no report, so this was not processed; run that job again, or wait for the "
    "next sweep"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan that is split into shards.

    Attributes:
        plan: The plan.
        shards: The member ids of each shard.
    """

    plan: SweepPlan
    shards: tuple[tuple[str, ...], ...]


async def plan_shards(
    settings: Settings, tools: SweepDependencies, parts: PartsFolder, shards: int
) -> Planned:
    """Plan a sweep for several machines, each with the full time budget, and write the plan.

    Raises:
        UsageFailure: See `run_sweep.sweep`.
        Failure: The plan could not be written.
    """
    budget = replace(settings.budget, max_minutes=settings.budget.max_minutes * shards)
    planned = await plan(replace(settings, budget=budget), tools)
    known = {one.member.id: one for one in planned.ranked}
    taken = [known[one] for one in planned.taken if one in known]
    chosen = split(taken, shards)
    if chosen:
        uneven = unevenness([[known[one] for one in shard] for shard in chosen])
        note = (
            f"{len(taken)} functions in {len(chosen)} shards; the longest takes {uneven:.2f} times the mean."
        )
        planned = replace(planned, notes=(*planned.notes, note))
    parts.write(PLAN_NAME, write_plan(planned, chosen))
    return Planned(plan=planned, shards=chosen)


async def prove_shard(
    settings: Settings, tools: SweepDependencies, parts: PartsFolder, shard: Shard
) -> Report:
    """Generate and verify the tests of one shard, and write its report.

    Raises:
        UsageFailure: There is no plan, it has no such shard, or another commit is checked out.
        BadPart: The plan is not usable.
        Failure: The report could not be written.
    """
    data, part = _plan(parts)
    if len(part.shards) != shard.of:
        raise UsageFailure(f"the plan has {len(part.shards)} shards, so shard {shard} does not exist.")
    _require_commit(settings, tools, part.plan)
    done = _left(parts, shard, digest(data))
    if done is not None:
        return done
    narrowed = replace(settings, budget=share(settings.budget, shard))
    report = await prove(narrowed, tools, part.shards[shard.number - 1])
    parts.write(shard_name(shard), write_shard(shard, digest(data), report))
    return report


async def collect(settings: Settings, tools: SweepDependencies, parts: PartsFolder) -> SweepReport:
    """Merge the reports of all shards and conclude the sweep.

    Raises:
        UsageFailure: There is no plan.
        BadPart: The plan is not usable.
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
    """Return the shards of the existing plan; none if it is not usable."""
    try:
        _, part = _plan(parts)
    except Failure:
        return ()
    count = len(part.shards)
    return tuple(Shard(number=number, of=count) for number in range(1, count + 1))


def _plan(parts: PartsFolder) -> tuple[bytes, PlanPart]:
    data = parts.read(PLAN_NAME)
    if data is None:
        raise UsageFailure(f"{PLAN_NAME} not found in {parts.folder}: create the plan first.")
    return data, read_plan(data)


def _require_commit(settings: Settings, tools: SweepDependencies, plan: SweepPlan) -> None:
    """Check that a plan was made for the current commit. Uncommitted working trees cannot be compared.

    Raises:
        UsageFailure: The plan was made for another commit.
    """
    head = settings.selection.head
    if head is None or plan.head is None:
        return
    repository = tools.repository or Repository.open(settings.folder)
    if repository.resolve(head) != plan.head:
        raise UsageFailure(
            f"the plan is of another commit, {plan.head[:40]!a}: check out that commit, or plan again."
        )


def _left(parts: PartsFolder, shard: Shard, plan: str) -> Report | None:
    """Return the report of an earlier run for this plan, or None if there is no usable one."""
    data = parts.read(shard_name(shard))
    try:
        return None if data is None else read_shard(data, shard, plan).report
    except BadPart:
        return None


def _reports(
    parts: PartsFolder, part: PlanPart, plan: str
) -> tuple[dict[int, Report], dict[int, str], Sequence[str]]:
    """Return the reports, why other shards have none, and notes on unusable ones."""
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
        notes.append(f"Shards without a report: {told} of {len(part.shards)}. The report has the others.")
    return reports, missing, notes
