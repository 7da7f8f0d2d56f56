"""Plan a sweep: measure coverage, rank the members, and select those that fit the budget."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import log2, sqrt
from pathlib import Path
from typing import Protocol

from testsmith import __version__, pipeline
from testsmith.changes.selection import Subjects, VisibleTree
from testsmith.execution.baseline import CannotReadCoverage, WholeSuite
from testsmith.execution.coverage_files import whole_from_coverage
from testsmith.languages.language import Language, language_of, of_project
from testsmith.languages.source import CannotParse, MemberWeight, Reachable
from testsmith.model import Member, Report, Skipped, SkipStage, UsageFailure
from testsmith.settings import ProviderChoice, Settings
from testsmith.storage.keys import Tried, decode_tried, encode_tried, outcome_of, tried_key
from testsmith.sweep.member_coverage import (
    CountedFile,
    count_files,
    coverage_of,
    facts_of,
    knows_branches,
)
from testsmith.sweep.sweep_workspace import SweepWorkspace, measure_whole
from testsmith.sweep_results import Coverage, Facts, RankedMember, RankingTerms, SweepPlan
from testsmith.tasks import in_thread


class TriedStore(Protocol):
    """A store from key to JSON object that never raises."""

    def get_many(self, keys: Sequence[str]) -> dict[str, dict[str, object]]:
        """Return the values of the keys that exist."""
        ...

    def put(self, key: str, value: Mapping[str, object]) -> None:
        """Store a value."""
        ...


class NothingTried:
    """A store that is always empty."""

    def get_many(self, _keys: Sequence[str]) -> dict[str, dict[str, object]]:
        """See `TriedStore.get_many`."""
        return {}

    def put(self, key: str, value: Mapping[str, object]) -> None:
        """See `TriedStore.put`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The earlier results of members, for one way of generating tests.

    Attributes:
        store: The store.
        maker: Identifies the generator and the rules for accepting tests: where one failed, another may
            succeed.
        by_model: Whether a model is called.
    """

    store: TriedStore = field(default_factory=NothingTried)
    maker: str = ""
    by_model: bool = False

    @classmethod
    def of(cls, store: TriedStore, settings: Settings) -> Memory:
        """Return the memory for the generator that the settings choose."""
        model, rules = settings.model, settings.verification
        by_model = settings.provider is not ProviderChoice.OFFLINE
        asked = (model.base_url or "", model.model) if by_model else ()
        words = (__version__, settings.provider.value, *asked, str(rules.enabled), str(rules.runs))
        return cls(store=store, maker=" ".join(words), by_model=by_model)

    def known(self, members: Iterable[Member]) -> dict[str, Tried]:
        """Return the earlier results of members, by id."""
        keys = {member.id: self._key(member) for member in members}
        values = self.store.get_many(list(keys.values()))
        read = {one: decode_tried(values[key]) for one, key in keys.items() if key in values}
        return {one: tried for one, tried in read.items() if tried is not None}

    def remember(self, report: Report) -> None:
        """Store the unsuccessful attempts in a report."""
        members = {member.id: member for member in report.members}
        for skipped in report.skipped:
            tried = outcome_of(skipped, by_model=self.by_model)
            if tried is not None and skipped.member in members:
                self.store.put(self._key(members[skipped.member]), encode_tried(tried))

    def _key(self, member: Member) -> str:
        return tried_key(member, self.maker)


# Value of a test: one pure function per term; the product of the terms ranks the members.
#
# All terms but the first start at 1 and grow logarithmically, so that none dominates: three commits this
# month weigh as much as three dependents.

HALF_LIFE_DAYS = 90.0
"""Half-life of a commit's weight, in days."""

CHURN_DAYS = 730
"""Maximum age of a commit in days; the weight of an older one is below half a percent."""

_SECONDS_TO_START = 2.0
_SECONDS_A_STATEMENT = 0.15
_SECONDS_A_DECISION = 0.5
_MOST_SECONDS = 60.0


def uncovered(lines_missed: int, branches_missed: int | None) -> float:
    """Return the value of uncovered code: the square root of missed lines plus missed branches.

    The square root, because a few tests reach a member's first lines more easily than its last: 1 missed line
    counts 1, 9 count 3, 100 count 10. Branches that were not measured count as 0.
    """
    return sqrt(lines_missed + (branches_missed or 0))


def complexity(decisions: int) -> float:
    """Return the weight of branching: 1 without decisions, 2 for one, 4 for seven."""
    return 1.0 + log2(1 + decisions)


def churn(ages: Iterable[float]) -> float:
    """Return the weight of the commits that touched a member's file.

    A commit from today counts 1, one `HALF_LIFE_DAYS` old counts half, and so on. The weight is 1 for an
    untouched file, 2 for one fresh commit, 3 for three. Recently changed code is the most likely to change,
    and break, next.

    Args:
        ages: Age of each commit in days, relative to the newest commit.
    """
    return 1.0 + log2(1.0 + sum(2.0 ** (-max(0.0, age) / HALF_LIFE_DAYS) for age in ages))


def dependents(users: int) -> float:
    """Return the weight of direct dependents: 1 for none, 2 for one, 4 for seven."""
    return 1.0 + log2(1 + users)


def terms_of(facts: Facts, ages: Sequence[float]) -> RankingTerms:
    """Return all terms of one member."""
    return RankingTerms(
        uncovered=uncovered(facts.lines_missed, facts.branches_missed),
        complexity=complexity(facts.decisions),
        churn=churn(ages),
        dependents=dependents(facts.dependents),
    )


def expected_seconds(facts: Facts) -> float:
    """Return the expected time for generating and verifying tests of a member, on one core.

    A measured rule of thumb for the offline engine: a few seconds to start, plus time per statement and
    decision.
    """
    work = _SECONDS_A_STATEMENT * facts.lines + _SECONDS_A_DECISION * facts.decisions
    return min(_MOST_SECONDS, _SECONDS_TO_START + work)


def ranked(members: Iterable[RankedMember]) -> tuple[RankedMember, ...]:
    """Return members in descending order of value, numbered from 1.

    Ties are ordered by path, line and name, so that the ranking is deterministic.
    """
    ordered = sorted(
        members,
        key=lambda one: (-one.terms.worth, one.member.path, one.member.line, one.member.name),
    )
    return tuple(
        RankedMember(member=one.member, rank=rank, terms=one.terms, facts=one.facts, seconds=one.seconds)
        for rank, one in enumerate(ordered, start=1)
    )


COVERED = "your tests cover all of its lines and branches"
"""Why a member is not a candidate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Coverage of the project's tests.

    Attributes:
        suite: The measurement.
        there: The reachable statements and branches, by path.
        files: The counts, by path.
        weights: The weights of the members, by id.
    """

    suite: WholeSuite
    there: Mapping[str, Reachable]
    files: Mapping[str, CountedFile]
    weights: Mapping[str, MemberWeight]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOrder:
    """The inputs of a plan.

    Attributes:
        settings: The settings.
        tools: The clients.
        workspace: The members and the workspace.
        memory: The earlier results.
        why_not: Returns why a member must not be selected; empty if it may be.
    """

    settings: Settings
    tools: pipeline.RunDependencies
    workspace: SweepWorkspace
    memory: Memory
    why_not: Callable[[Member], str]


async def planned(order: PlanOrder) -> tuple[SweepPlan, Counted]:
    """Return the plan of a sweep, and the coverage it is based on.

    Raises:
        UsageFailure: The given coverage file is not usable.
    """
    tools = order.tools
    started = tools.clock()
    counted = await counted_before(order.settings, tools, order.workspace)
    tools.progress.phase("ranking functions", 1, 0.05)
    every = await in_thread(_weighed, order, counted)
    known = order.memory.known(one.member for one in every)
    plan = await in_thread(_ranked, order, counted, every, known)
    return replace(plan, seconds=tools.clock() - started), counted


async def counted_before(
    settings: Settings, tools: pipeline.RunDependencies, workspace: SweepWorkspace
) -> Counted:
    """Measure the coverage of the project's tests, with a run or from the coverage file in the settings.

    Raises:
        UsageFailure: The coverage file is not usable.
    """
    weights = await in_thread(_weights, settings, tools.languages, workspace)
    paths = _paths(workspace, weights)
    suite = await _measured(settings, tools, workspace, paths)
    there = await in_thread(there_to_reach, workspace, tools.languages, paths)
    files = await in_thread(count_files, there, suite)
    return Counted(suite=suite, there=there, files=files, weights=weights)


def counted_elsewhere(
    settings: Settings, tools: pipeline.RunDependencies, workspace: SweepWorkspace, coverage: Coverage | None
) -> Counted:
    """Return the coverage of the project's tests if another machine has measured it.

    Raises:
        UsageFailure: The given coverage file is not usable.
    """
    weights = _weights(settings, tools.languages, workspace)
    paths = _paths(workspace, weights)
    file = settings.verification.coverage
    suite = WholeSuite(
        is_known=coverage is not None, has_branches=coverage is not None and coverage.branches is not None
    )
    if file is not None:
        suite = _read(paths, file)
    there = there_to_reach(workspace, tools.languages, paths)
    return Counted(suite=suite, there=there, files=count_files(there, suite), weights=weights)


def _paths(workspace: SweepWorkspace, weights: Mapping[str, MemberWeight]) -> tuple[str, ...]:
    """Return the files of the members, and of the private functions that count for them."""
    own = (member.path for member in workspace.search.members)
    private = (place.path for weight in weights.values() for place in weight.private)
    return tuple(dict.fromkeys((*own, *private)))


async def _measured(
    settings: Settings, tools: pipeline.RunDependencies, workspace: SweepWorkspace, paths: Sequence[str]
) -> WholeSuite:
    file = settings.verification.coverage
    if file is not None:
        return await in_thread(_read, paths, file)
    if not workspace.runners:
        return WholeSuite(notes=(f"the project's tests were not measured: {workspace.obstacle}",))
    tools.progress.phase("running your tests", 1)
    return await measure_whole(workspace.runners, tools.languages, paths, settings.verification)


def _read(paths: Sequence[str], file: Path) -> WholeSuite:
    with tempfile.TemporaryDirectory(prefix="testsmith-") as folder:
        try:
            return whole_from_coverage(
                paths, file, lambda purpose: Path(tempfile.mkdtemp(prefix=purpose, dir=folder))
            )
        except (CannotReadCoverage, OSError) as error:
            advice = "create it again, or leave out --coverage to run your tests."
            raise UsageFailure(f"Could not use {file}: {error}; {advice}") from error


def there_to_reach(
    workspace: SweepWorkspace, languages: Sequence[Language], paths: Sequence[str]
) -> dict[str, Reachable]:
    """Return the reachable statements and branches of files; none for unreadable files."""
    found: dict[str, Reachable] = {}
    for path in paths:
        language = language_of(path, languages)
        data = workspace.search.head_tree.read(path)
        if language is not None and data is not None:
            try:
                found[path] = language.source.reachable(data)
            except (CannotParse, RecursionError):
                found[path] = Reachable()
    return found


def _ranked(
    order: PlanOrder, counted: Counted, every: Sequence[RankedMember], known: Mapping[str, Tried]
) -> SweepPlan:
    search = order.workspace.search
    open_ones, skipped = _candidates(every, order.why_not, known)
    taken, beyond = _within_budget(open_ones, order.settings)
    return SweepPlan(
        ranked=open_ones,
        taken=taken,
        skipped=(*search.skipped, *skipped),
        coverage=coverage_of(counted.files.values(), has_branches=knows_branches(counted.suite)),
        head=search.head,
        notes=(*counted.suite.notes, *_notes(order.workspace), *beyond),
    )


def _notes(workspace: SweepWorkspace) -> Iterator[str]:
    if workspace.repository.is_shallow:
        yield (
            "this clone is shallow, so recent changes count little in the ranking: fetch the full history "
            "(`fetch-depth: 0`)"
        )


def _weighed(order: PlanOrder, counted: Counted) -> list[RankedMember]:
    """Return every member with its terms, unranked."""
    search = order.workspace.search
    ages = order.workspace.repository.touches(search.head, CHURN_DAYS)
    found = []
    for member in search.members:
        its_ages = ages.get(member.path, [])
        weight = counted.weights[member.id]
        facts = facts_of(member, counted.files, weight, len(its_ages), counted.suite)
        terms = terms_of(facts, its_ages)
        found.append(
            RankedMember(member=member, rank=0, terms=terms, facts=facts, seconds=expected_seconds(facts))
        )
    return found


def _weights(
    settings: Settings, languages: Sequence[Language], workspace: SweepWorkspace
) -> dict[str, MemberWeight]:
    search, project = workspace.search, workspace.repository.project
    languages = of_project(languages, search.head_tree)
    tree = VisibleTree(search.head_tree, Subjects(settings.selection, languages, project))
    found: dict[str, MemberWeight] = {}
    for language in languages:
        own = [member for member in search.members if member.language == language.name]
        found |= language.source.weights(tree, own, project)
    return found


def _candidates(
    every: Sequence[RankedMember], why_not: Callable[[Member], str], known: Mapping[str, Tried]
) -> tuple[tuple[RankedMember, ...], list[Skipped]]:
    """Return the candidates in order, and why other members are not candidates.

    Members that failed for a temporary reason come last, so that they never delay the others.
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
    return Skipped(path=member.path, stage=SkipStage.CHANGES, reason=reason, member=member.id)


def _tried(tried: Tried) -> str:
    why = f"{tried.stage.value}: {tried.reason}"
    return f"an earlier sweep tried it unsuccessfully ({why}), and its source has not changed"


def _covered(one: RankedMember) -> str:
    return "" if one.terms.uncovered else COVERED


def _within_budget(
    candidates: Sequence[RankedMember], settings: Settings
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the selected member ids in order, within the member and time limits, and notes on the limits."""
    most = settings.selection.max_members
    seconds = settings.budget.max_minutes * 60.0 * settings.verification.parallel
    taken: list[str] = []
    for one in candidates[:most]:
        seconds -= one.seconds
        if taken and seconds < 0:
            minutes = f"{settings.budget.max_minutes:g} minutes"
            note = f"{len(taken)} functions are selected: {minutes} are not enough for more"
            return tuple(taken), (note,)
        taken.append(one.member.id)
    return tuple(taken), ()
