"""The first step of a sweep: measure what is there, rank it, and decide what the budget takes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from testsmith import pipeline
from testsmith.cache.tried import Tried
from testsmith.changes.subjects import Subjects, VisibleTree
from testsmith.execution.own_tests.measured import CannotReadCoverage
from testsmith.execution.own_tests.whole import WholeSuite, measure_whole_suite, whole_from_coverage
from testsmith.execution.threads import in_thread
from testsmith.languages.driver import CannotParse, LanguageDriver, Reachable, Weight
from testsmith.model import Member, Skipped, Stage, UsageFailure
from testsmith.settings import Settings
from testsmith.sweep.counting import CountedFile, count_files, coverage_of, facts_of, knows_branches
from testsmith.sweep.ground import Ground
from testsmith.sweep.memory import Memory
from testsmith.sweep.ranking import CHURN_DAYS, expected_seconds, ranked, terms_of
from testsmith.swept import Coverage, RankedMember, SweepPlan

COVERED = "your own tests reach all of its lines and branches"
"""Why a member is no candidate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What the project's own tests reach.

    Attributes:
        suite: As it was measured.
        there: What there is to reach, by path.
        files: The same, counted.
    """

    suite: WholeSuite
    there: Mapping[str, Reachable]
    files: Mapping[str, CountedFile]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOrder:
    """What a plan is made from.

    Attributes:
        settings: What was set.
        tools: The clients.
        ground: The members, and where the project is run.
        memory: What earlier sweeps have tried in vain.
        why_not: Tells why a member is not to be taken; empty where it may be.
    """

    settings: Settings
    tools: pipeline.Tools
    ground: Ground
    memory: Memory
    why_not: Callable[[Member], str]


async def planned(order: PlanOrder) -> tuple[SweepPlan, Counted]:
    """Return what a sweep could take, in order, and what it takes; and what it was counted from.

    Raises:
        UsageFailure: The coverage file that was named cannot be used.
    """
    tools = order.tools
    started = tools.clock()
    counted = await counted_before(order.settings, tools, order.ground)
    tools.progress.phase("ranking members", 1)
    every = await in_thread(_weighed, order, counted)
    known = order.memory.known(one.member for one in every)
    plan = await in_thread(_ranked, order, counted, every, known)
    return replace(plan, seconds=tools.clock() - started), counted


async def counted_before(settings: Settings, tools: pipeline.Tools, ground: Ground) -> Counted:
    """Measure what the project's own tests reach, by a run or by the file that the settings name.

    Raises:
        UsageFailure: That file cannot be used.
    """
    paths = tuple(dict.fromkeys(member.path for member in ground.search.members))
    suite = await _measured(settings, tools, ground, paths)
    there = await in_thread(there_to_reach, ground, tools.drivers, paths)
    files = await in_thread(count_files, there, suite)
    return Counted(suite=suite, there=there, files=files)


def counted_elsewhere(
    settings: Settings, tools: pipeline.Tools, ground: Ground, coverage: Coverage | None
) -> Counted:
    """Return what there is to reach, where another machine has measured what the own tests reach of it.

    Raises:
        UsageFailure: The coverage file that was named cannot be used.
    """
    paths = tuple(dict.fromkeys(member.path for member in ground.search.members))
    file = settings.verification.coverage
    suite = WholeSuite(
        is_known=coverage is not None, has_branches=coverage is not None and coverage.branches is not None
    )
    if file is not None:
        suite = _read(paths, file)
    there = there_to_reach(ground, tools.drivers, paths)
    return Counted(suite=suite, there=there, files=count_files(there, suite))


async def _measured(
    settings: Settings, tools: pipeline.Tools, ground: Ground, paths: Sequence[str]
) -> WholeSuite:
    file = settings.verification.coverage
    if file is not None:
        return await in_thread(_read, paths, file)
    if ground.workspace is None:
        return WholeSuite(notes=(f"own tests were not measured: {ground.obstacle}",))
    tools.progress.phase("running your own tests", 1)
    return await measure_whole_suite(ground.workspace, paths, settings.verification)


def _read(paths: Sequence[str], file: Path) -> WholeSuite:
    with tempfile.TemporaryDirectory(prefix="testsmith-") as folder:
        try:
            return whole_from_coverage(
                paths, file, lambda purpose: Path(tempfile.mkdtemp(prefix=purpose, dir=folder))
            )
        except (CannotReadCoverage, OSError) as error:
            advice = "make it anew, or leave --coverage out to have your tests run."
            raise UsageFailure(f"{file} cannot be used: {error}; {advice}") from error


def there_to_reach(
    ground: Ground, drivers: Sequence[LanguageDriver], paths: Sequence[str]
) -> dict[str, Reachable]:
    """Return what there is to reach in files; one that cannot be read has nothing."""
    found: dict[str, Reachable] = {}
    for path in paths:
        driver = next((one for one in drivers if one.handles(path)), None)
        data = ground.search.head_tree.read(path)
        if driver is not None and data is not None:
            try:
                found[path] = driver.reachable(data)
            except (CannotParse, RecursionError):
                found[path] = Reachable()
    return found


def _ranked(
    order: PlanOrder, counted: Counted, every: Sequence[RankedMember], known: Mapping[str, Tried]
) -> SweepPlan:
    search = order.ground.search
    open_ones, skipped = _candidates(every, order.why_not, known)
    taken, beyond = _within_budget(open_ones, order.settings)
    return SweepPlan(
        ranked=open_ones,
        taken=taken,
        skipped=(*search.skipped, *skipped),
        coverage=coverage_of(counted.files.values(), has_branches=knows_branches(counted.suite)),
        head=search.head,
        notes=(*counted.suite.notes, *_notes(order.ground), *beyond),
    )


def _notes(ground: Ground) -> Iterator[str]:
    if ground.repository.is_shallow:
        yield (
            "this clone is shallow, so the history says little of what was touched of late: fetch it whole "
            "(`fetch-depth: 0`)"
        )


def _weighed(order: PlanOrder, counted: Counted) -> list[RankedMember]:
    """Return every member with its terms, not ranked yet."""
    search = order.ground.search
    ages = order.ground.repository.touches(search.head, CHURN_DAYS)
    weights = _weights(order)
    found = []
    for member in search.members:
        file = counted.files.get(member.path, CountedFile((), ()))
        its_ages = ages.get(member.path, [])
        facts = facts_of(member, file, weights[member.id], len(its_ages), counted.suite)
        terms = terms_of(facts, its_ages)
        found.append(
            RankedMember(member=member, rank=0, terms=terms, facts=facts, seconds=expected_seconds(facts))
        )
    return found


def _weights(order: PlanOrder) -> dict[str, Weight]:
    search, drivers, project = order.ground.search, order.tools.drivers, order.ground.repository.project
    tree = VisibleTree(search.head_tree, Subjects(order.settings.selection, drivers, project))
    found: dict[str, Weight] = {}
    for driver in drivers:
        own = [member for member in search.members if member.language == driver.language]
        found |= driver.weights(tree, own, project)
    return found


def _candidates(
    every: Sequence[RankedMember], why_not: Callable[[Member], str], known: Mapping[str, Tried]
) -> tuple[tuple[RankedMember, ...], list[Skipped]]:
    """Return the candidates in order, and why the others are none.

    What failed for a passing reason comes after all others, so that it never keeps them from their turn.
    """
    reasons = {one.member.id: why_not(one.member) or _covered(one) for one in every}
    tried = {one: _tried(outcome) for one, outcome in known.items() if outcome.lasting}
    reasons = {one: reason or tried.get(one, "") for one, reason in reasons.items()}
    left = [one for one in every if not reasons[one.member.id]]
    first = ranked(one for one in left if one.member.id not in known)
    later = ranked(one for one in left if one.member.id in known)
    skipped = [_skipped(one.member, reasons[one.member.id]) for one in every if reasons[one.member.id]]
    return (*first, *(replace(one, rank=one.rank + len(first)) for one in later)), skipped


def _skipped(member: Member, reason: str) -> Skipped:
    return Skipped(path=member.path, stage=Stage.CHANGES, reason=reason, member=member.id)


def _tried(tried: Tried) -> str:
    why = f"{tried.stage.value}: {tried.reason}"
    return f"an earlier sweep has tried it in vain ({why}), and its source is the same"


def _covered(one: RankedMember) -> str:
    return "" if one.terms.uncovered else COVERED


def _within_budget(
    candidates: Sequence[RankedMember], settings: Settings
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the ids that the limits on members and minutes take, in order, and what to say of that."""
    most = settings.selection.max_members
    seconds = settings.budget.max_minutes * 60.0 * settings.verification.parallel
    taken: list[str] = []
    for one in candidates[:most]:
        seconds -= one.seconds
        if taken and seconds < 0:
            minutes = f"{settings.budget.max_minutes:g} minutes"
            note = f"{len(taken)} members are taken: {minutes} are not enough for more"
            return tuple(taken), (note,)
        taken.append(one.member.id)
    return tuple(taken), ()
