"""The reports of several machines, put together as if one had done it all. All pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from testsmith.model import (
    Baseline,
    BaselineStatus,
    CacheStats,
    Funnel,
    Member,
    Report,
    Skipped,
    Spending,
    Stage,
    Statistics,
    Suggestion,
)
from testsmith.report.assembly import check, numbered

_SAID_NOTHING = "the machine that had it said nothing of it; the next sweep takes it again"


def merged(
    shards: Sequence[Sequence[str]],
    reports: Mapping[int, Report],
    missing: Mapping[int, str],
    members: Mapping[str, Member],
    taken: Sequence[str],
) -> Report:
    """Return one report of all members that were taken, in the order of their ranks.

    Args:
        shards: The ids of the members of each shard.
        reports: What came of shards, by their numbers from 1; each is heard on its own members alone.
        missing: Why there is no report of the other shards, by their numbers.
        members: The members that are checked out, by their ids.
        taken: The ids in the order of their ranks.

    Raises:
        Inconsistent: A shard has told something twice.
    """
    own = {number: frozenset(ids) & members.keys() for number, ids in enumerate(shards, start=1)}
    heard = [_heard(reports[number], own[number]) for number in sorted(reports) if number in own]
    suggestions = [one for report in heard for one in report.suggestions]
    skipped = [one for report in heard for one in report.skipped]
    told = {one.member for one in suggestions} | {one.member for one in skipped}
    silent = _silent(own, missing, told, members)
    order = [members[one] for one in taken if any(one in ids for ids in own.values())]
    whole = Report(
        members=tuple(order),
        suggestions=numbered(order, suggestions),
        skipped=(*skipped, *silent),
        statistics=_statistics([report.statistics for report in heard]),
        head=next((report.head for report in heard), None),
        failure=_failure(reports),
        notes=tuple(dict.fromkeys(note for report in heard for note in report.notes)),
        failing=_failing(heard),
        baseline=_baseline([report.baseline for report in heard]),
        digests={key: value for report in heard for key, value in report.digests.items()},
    )
    check(whole)
    return whole


def _heard(report: Report, own: Collection[str]) -> Report:
    """Return a report without what it says of members of others."""
    return replace(
        report,
        suggestions=tuple(one for one in report.suggestions if one.member in own),
        skipped=tuple(one for one in _once(report.skipped, report.suggestions) if one.member in own),
        digests={key: value for key, value in report.digests.items() if key in own},
    )


def _once(skipped: Iterable[Skipped], suggestions: Iterable[Suggestion]) -> Iterator[Skipped]:
    """Yield the reasons of members that have no suggestion, the first of each."""
    known = {one.member for one in suggestions}
    for one in skipped:
        if one.member not in known:
            known.add(one.member or "")
            yield one


def _silent(
    own: Mapping[int, Collection[str]],
    missing: Mapping[int, str],
    told: Collection[str | None],
    members: Mapping[str, Member],
) -> Iterator[Skipped]:
    """Yield those that no report tells of: nothing was tried in vain, so the next sweep takes them again."""
    for number, ids in own.items():
        reason = missing.get(number, _SAID_NOTHING)
        for one in sorted(ids):
            if one not in told:
                yield Skipped(path=members[one].path, stage=Stage.BUDGET, reason=reason, member=one)


def _failure(reports: Mapping[int, Report]) -> str | None:
    return next((reports[number].failure for number in sorted(reports) if reports[number].failure), None)


def _failing(reports: Sequence[Report]) -> frozenset[str] | None:
    known = [report.failing for report in reports if report.failing is not None]
    return frozenset[str]().union(*known) if known else None


def _baseline(told: Sequence[Baseline]) -> Baseline:
    """Return what the machines know of the project's own tests, each for its own members."""
    statuses = {one.status for one in told}
    if not statuses:
        return Baseline()
    return Baseline(
        status=statuses.pop() if len(statuses) == 1 else BaselineStatus.PARTLY,
        tests=max((one.tests for one in told if one.tests is not None), default=None),
        known=sum(one.known for one in told),
    )


def _statistics(told: Sequence[Statistics]) -> Statistics:
    """Return the figures of all machines: sums, but for the time, since they worked side by side."""
    costs = [one.spending.cost for one in told]
    return Statistics(
        spending=Spending(
            api_calls=sum(one.spending.api_calls for one in told),
            prompt_tokens=sum(one.spending.prompt_tokens for one in told),
            prefix_tokens=sum(one.spending.prefix_tokens for one in told),
            completion_tokens=sum(one.spending.completion_tokens for one in told),
            thinking_tokens=sum(one.spending.thinking_tokens for one in told),
            cost=None if None in costs else sum(cost for cost in costs if cost is not None),
        ),
        cache=CacheStats(
            hits=sum(one.cache.hits for one in told),
            misses=sum(one.cache.misses for one in told),
            entries=max((one.cache.entries for one in told), default=0),
        ),
        funnel=_funnel([one.funnel for one in told]),
        seconds=max((one.seconds for one in told), default=0.0),
        not_asked=sum(one.not_asked for one in told),
    )


def _funnel(told: Sequence[Funnel]) -> Funnel:
    return Funnel(
        asked=sum(one.asked for one in told),
        answered=sum(one.answered for one in told),
        ran=sum(one.ran for one in told),
        stable=sum(one.stable for one in told),
        gains=sum(one.gains for one in told),
        posted=sum(one.posted for one in told),
    )
