"""The mutation score of the members that a sweep has made tests for, without and with the new tests.

Both states are asked in the same way: the suite is run with each mutant of each member, as far as its tests
reach it. What no test reaches lives; what could not be tried in time counts in neither score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from testsmith import pipeline
from testsmith.execution.harness import ChangedModules
from testsmith.execution.own_suite import MemberBaseline, OwnSuite, changes_noticed, measure_own_suite
from testsmith.execution.sandbox import CannotRun
from testsmith.execution.threads import in_thread
from testsmith.execution.workspace import Workspace
from testsmith.languages.driver import CannotParse
from testsmith.languages.python.mutants import Mutant, mutants_of, plain_text
from testsmith.model import Member, MemberKind
from testsmith.settings import VerificationSettings
from testsmith.swept import MutationScore
from testsmith.verification.own_mutants import changes_reached

Fates = Mapping[tuple[str, int], bool]
"""Whether a mutant is noticed, by its member's id and its number; those that were not tried are not in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """The scores without and with the new tests; None where they are not known."""

    before: MutationScore | None = None
    after: MutationScore | None = None
    notes: tuple[str, ...] = ()


async def scores(
    workspaces: tuple[Workspace, Workspace],
    members: Sequence[Member],
    settings: VerificationSettings,
    tools: pipeline.Tools,
) -> Scores:
    """Return the scores in two workspaces, the second of which has the new tests."""
    mutants = await in_thread(_mutants, workspaces[0], members, settings.max_mutants)
    if not mutants:
        return Scores()
    fates = [await _fates(workspace, members, mutants, settings, tools) for workspace in workspaces]
    both = fates[0].keys() & fates[1].keys()
    lost = sum(map(len, mutants.values())) - len(both)
    note = f"the mutation score is without {lost} mutants that could not be tried in time"
    return Scores(before=_score(fates[0], both), after=_score(fates[1], both), notes=(note,) if lost else ())


def _score(fates: Fates, known: set[tuple[str, int]]) -> MutationScore | None:
    return MutationScore(mutants=len(known), noticed=sum(fates[one] for one in known)) if known else None


def _mutants(workspace: Workspace, members: Sequence[Member], most: int) -> dict[str, tuple[Mutant, ...]]:
    found: dict[str, tuple[Mutant, ...]] = {}
    for member in members:
        try:
            source = plain_text((workspace.head.root / member.path).read_bytes())
            found[member.id] = mutants_of(source, member, most)
        except (OSError, CannotParse):
            continue
    return {member: ones for member, ones in found.items() if ones}


async def _fates(
    workspace: Workspace,
    members: Sequence[Member],
    mutants: Mapping[str, Sequence[Mutant]],
    settings: VerificationSettings,
    tools: pipeline.Tools,
) -> dict[tuple[str, int], bool]:
    """Return what becomes of each mutant; of members whose tests were not all seen, what was."""
    asked = replace(settings, coverage=None)
    suite = await measure_own_suite(workspace, members, asked, tools.measurements)
    changed: dict[str, ChangedModules] = {}
    fates: dict[tuple[str, int], bool] = {}
    for member in members:
        baseline = _baseline(suite, member)
        if member.id not in mutants or baseline is None:
            continue
        one = await in_thread(_changed, workspace, member, mutants[member.id], baseline)
        tried = {change.number for change in one.changes}
        untouched = (number for number in range(len(mutants[member.id])) if number not in tried)
        fates |= {(member.id, number): False for number in untouched}
        if one.changes:
            changed[member.id] = one
    try:
        told = await changes_noticed(workspace, changed, settings.suite_seconds) if changed else {}
    except CannotRun:
        told = {}
    tools.progress.advance(len(members))
    return fates | {(id_, number): fails for id_, ones in told.items() for number, fails in ones.items()}


def _baseline(suite: OwnSuite, member: Member) -> MemberBaseline | None:
    return suite.members.get(member.id) or suite.partly.get(member.id)


def _changed(
    workspace: Workspace, member: Member, mutants: Sequence[Mutant], baseline: MemberBaseline
) -> ChangedModules:
    source = plain_text((workspace.head.root / member.path).read_bytes())
    is_class = member.kind is MemberKind.CLASS
    return changes_reached(member, source, mutants, baseline, runs_when_loaded=is_class)
