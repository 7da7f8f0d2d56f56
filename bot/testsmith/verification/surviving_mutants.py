"""Find the mutants of members that the project's own tests leave alive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from testsmith.execution.baseline import MemberBaseline, OwnSuite
from testsmith.execution.jobs import ChangedModules
from testsmith.execution.runner import TestRunner
from testsmith.languages.mutants import Mutant, Mutator
from testsmith.languages.source import CannotParse
from testsmith.languages.thresholds import GateTable
from testsmith.model import Member, SurvivingMutant
from testsmith.verification.baseline_mutants import changes_reached, own_tests_reaching, with_causes
from testsmith.verification.gains import OwnEvidence, is_of_coverage_alone


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberMutants:
    """What the project's own tests do with the mutants of one member.

    Attributes:
        member: The member's id.
        tried: Number of mutants whose fate is known.
        unknown: Number of those that could not be tried.
        survived: The mutants that no test kills.
    """

    member: str
    tried: int
    unknown: int
    survived: tuple[SurvivingMutant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    member: Member
    baseline: MemberBaseline
    mutants: tuple[Mutant, ...]
    changed: ChangedModules

    def outcome(self, killed: Mapping[int, bool]) -> MemberMutants:
        noticed = {mutant: killed[number] for number, mutant in enumerate(self.mutants) if number in killed}
        own = OwnEvidence(baseline=self.baseline, noticed=noticed)
        fates = {mutant: own.leaves_alive(mutant) for mutant in self.mutants}
        survived = {
            SurvivingMutant(
                path=self.member.path,
                line=mutant.line,
                words=mutant.words,
                is_reached=bool(own_tests_reaching(mutant, self.baseline)),
            )
            for mutant, is_alive in fates.items()
            if is_alive
        }
        unknown = sum(is_alive is None for is_alive in fates.values())
        return MemberMutants(
            member=self.member.id,
            tried=len(fates) - unknown,
            unknown=unknown,
            survived=tuple(sorted(survived, key=lambda one: (one.line, one.words))),
        )


async def find_surviving_mutants(
    members: Sequence[tuple[Member, Mutator]],
    own_suite: OwnSuite,
    runner: TestRunner,
    table: GateTable,
    seconds: float,
) -> tuple[MemberMutants, ...]:
    """Run the project's own tests against mutants of members.

    Members of which it is not known what the tests reach are left out.

    Args:
        members: The members, each with the mutator of its language.
        own_suite: Measurements of the project's own tests.
        runner: Runs the tests.
        table: Limits for the number of mutants.
        seconds: Time limit for all mutants together.

    Raises:
        CannotRun: The sandbox could not start a process.
    """
    found = [_trial(member, mutator, own_suite, runner, table) for member, mutator in members]
    trials = [one for one in found if one is not None]
    changed = {one.member.id: one.changed for one in trials if one.changed.changes}
    killed = await runner.own_changed(changed, seconds) if changed else {}
    return tuple(one.outcome(killed.get(one.member.id, {})) for one in trials)


def _trial(
    member: Member, mutator: Mutator, own_suite: OwnSuite, runner: TestRunner, table: GateTable
) -> _Trial | None:
    baseline = with_causes(member, own_suite.members)
    if baseline is None or is_of_coverage_alone(baseline):
        return None
    try:
        source = mutator.text((runner.workspace.head.root / member.path).read_bytes())
        mutants = mutator.mutants(source, member, table.max_mutants, table.mutants_a_line)
    except (OSError, CannotParse):
        return None
    changed = changes_reached(member, source, mutants, baseline, runs_when_loaded=False)
    return _Trial(member=member, baseline=baseline, mutants=mutants, changed=changed)
