"""What test functions add to the project's own tests, and whether that is enough to suggest them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

from testsmith.execution.baseline import MemberBaseline, OwnSuite
from testsmith.languages.judge import Judge
from testsmith.languages.mutants import Mutant, Operator
from testsmith.languages.results import FunctionProof, Proof
from testsmith.model import Change, Evidence, Member
from testsmith.verification.mutation import Mutation

_PRIORITY = {operator: rank for rank, operator in enumerate(Operator)}


def is_of_coverage_alone(baseline: MemberBaseline) -> bool:
    """Return whether it is known what the project's tests reach, but not which test reaches it."""
    return bool(baseline.reached.lines) and not baseline.tests


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnEvidence:
    """Results of the project's own tests for one member.

    Attributes:
        baseline: Lines and branches that they reach; None if not fully known.
        noticed: Whether they kill a mutant, by mutant. Missing mutants were not run.
        fail_on_base: Whether one of them fails with base's source; see `OwnSuite.fails_on_base`.
    """

    baseline: MemberBaseline | None = None
    noticed: Mapping[Mutant, bool] = field(default_factory=dict)
    fail_on_base: bool = False

    @property
    def knows_branches(self) -> bool:
        """Whether it is known which branches the project's own tests reach."""
        return self.baseline is not None and self.baseline.branches_known

    @property
    def tries_mutants(self) -> bool:
        """Whether the project's own tests can be run against mutants of the member."""
        return self.baseline is not None and not is_of_coverage_alone(self.baseline)

    def leaves_alive(self, mutant: Mutant) -> bool | None:
        """Return whether a mutant survives the project's own tests; None if unknown."""
        noticed = self.noticed.get(mutant)
        if noticed:
            return False
        if self.baseline is None:  # a test that was not run may kill it
            return None
        if noticed is not None:
            return True
        failing = {line for line, tests in self.baseline.tests.items() if not tests}
        lines = self.baseline.reached.lines - failing
        reached = bool(lines) if mutant.function is None else mutant.is_reached_by(lines)
        return None if reached else True


@dataclass(frozen=True, slots=True, kw_only=True)
class Gains:
    """What one or more test functions show.

    Attributes:
        killed: The mutants that they kill.
        alive: Those of the killed mutants that survive the project's own tests.
        unknown: Those of the killed mutants for which that is unknown.
        guarded: Those of the killed mutants that are on changed lines and survive the project's own tests.
            If none of these tests could be tried on mutants, this includes the unknown ones.
        lines: The member's lines that they reach and the project's own tests do not; all of them without a
            baseline.
        branches: The member's branches that they take and the project's own tests do not; all of them without
            a baseline or if the project's branch coverage is unknown.
        fails_on_base: Whether one of them fails on base, in a member that exists there.
        asserts_on_base: Whether an assertion of one of them is what fails on base.
        only_misfits: Whether one of them fails on base only because a name or a parameter that it uses does
            not exist there, and kills no mutant of the change. Any use of what is new does that.
    """

    killed: frozenset[Mutant] = frozenset()
    alive: frozenset[Mutant] = frozenset()
    unknown: frozenset[Mutant] = frozenset()
    guarded: frozenset[Mutant] = frozenset()
    lines: frozenset[int] = frozenset()
    branches: frozenset[tuple[int, int]] = frozenset()
    fails_on_base: bool = False
    asserts_on_base: bool = False
    only_misfits: bool = False

    def __or__(self, other: Gains) -> Gains:
        """Return what both show together."""
        return Gains(
            killed=self.killed | other.killed,
            alive=self.alive | other.alive,
            unknown=self.unknown | other.unknown,
            guarded=self.guarded | other.guarded,
            lines=self.lines | other.lines,
            branches=self.branches | other.branches,
            fails_on_base=self.fails_on_base or other.fails_on_base,
            asserts_on_base=self.asserts_on_base or other.asserts_on_base,
            only_misfits=self.only_misfits or other.only_misfits,
        )


def gains_of(
    function: FunctionProof, member: Member, mutation: Mutation, own: OwnEvidence, judge: Judge
) -> Gains:
    """Return what one test function shows of a member."""
    killed = mutation.kills.get(function.name, frozenset())
    fates = {mutant: own.leaves_alive(mutant) for mutant in killed}
    alive = frozenset(mutant for mutant, alive in fates.items() if alive)
    unknown = frozenset(mutant for mutant, alive in fates.items() if alive is None)
    lines, branches = _beyond(function, own)
    fails = function.fails_on_base(member)
    only_misfits = fails and _only_misfits(function, member, mutation, judge)
    return Gains(
        killed=killed,
        alive=alive,
        unknown=unknown,
        guarded=frozenset(
            mutant
            for mutant in (alive if own.tries_mutants else alive | unknown)
            if is_of_change(mutant, member)
        ),
        lines=lines,
        branches=branches,
        fails_on_base=fails and not only_misfits,
        asserts_on_base=fails and function.base is not None and judge.is_assertion(function.base.message),
        only_misfits=only_misfits,
    )


def is_of_change(mutant: Mutant, member: Member) -> bool:
    """Return whether a mutant breaks what the change does."""
    return mutant.line in member.lines_of_change


def gains_of_change(gains: Gains, member: Member, own: OwnEvidence) -> Gains:
    """Return only what test functions show about the change: guarded mutants, changed branches, base."""
    changed = {(one, other) for one, other in gains.branches if {one, other} & member.changed_lines}
    return Gains(
        killed=gains.guarded,
        guarded=gains.guarded,
        branches=frozenset(changed),
        fails_on_base=gains.fails_on_base and not own.fail_on_base,
    )


def together(gains: Iterable[Gains]) -> Gains:
    """Return what several functions show together."""
    return reduce(Gains.__or__, gains, Gains())


def _beyond(function: FunctionProof, own: OwnEvidence) -> tuple[frozenset[int], frozenset[tuple[int, int]]]:
    if own.baseline is None:
        return function.lines, function.branches
    reached = own.baseline.reached
    known = reached.branches if own.knows_branches else frozenset()
    return function.lines - reached.lines, function.branches - known


def _only_misfits(function: FunctionProof, member: Member, mutation: Mutation, judge: Judge) -> bool:
    """Return whether all that a failure on base shows is that what the test uses does not exist there.

    As for an added member, a mutant of the change must be killed, too, if there is any.
    """
    if function.base is None or not judge.is_interface_mismatch(function.base.message):
        return False
    killed = mutation.kills.get(function.name, frozenset())
    breaks_change = any(is_of_change(mutant, member) for mutant in mutation.mutants or ())
    return breaks_change and not any(is_of_change(mutant, member) for mutant in killed)


def gains_something(gains: Gains, mutation: Mutation, own: OwnEvidence) -> bool:
    """Return whether a test function that is green, reaches the member and has no smell is worth suggesting.

    Without a baseline, it is unknown of every mutant whether the project's own tests kill it. More coverage
    alone is not enough, except in a member such as an exception without a body: a test of it can only fail if
    the member is removed.
    """
    kills_new = bool(gains.alive or gains.unknown)
    kills_in_new_branch = own.knows_branches and bool(gains.branches and gains.killed)
    reaches_the_unchangeable = mutation.mutants == () and bool(gains.lines)
    return kills_new or kills_in_new_branch or reaches_the_unchangeable or shows_change(gains, own)


def shows_change(gains: Gains, own: OwnEvidence) -> bool:
    """Return whether a test function says something about the change.

    It fails on base, which no test of the project that is about the member does, or it kills a mutant of a
    changed line that they leave alive.
    """
    return bool(gains.guarded) or (gains.fails_on_base and not own.fail_on_base)


def with_reach(evidence: Evidence, proof: Proof, own: OwnEvidence) -> Evidence:
    """Return evidence with the lines and branches gained; unchanged without a baseline."""
    if own.baseline is None:
        return evidence
    beyond = [_beyond(function, own) for function in proof.functions]
    lines = frozenset[int]().union(*(lines for lines, _ in beyond))
    branches = frozenset[tuple[int, int]]().union(*(branches for _, branches in beyond))
    known = len(branches) if own.knows_branches else None
    is_whole = own.baseline.is_whole
    return replace(evidence, lines_gained=len(lines), branches_gained=known, suite_is_whole=is_whole)


def with_mutants(
    evidence: Evidence, mutation: Mutation, gains: Gains, member: Member, most_named: int
) -> Evidence:
    """Return evidence with the results of the mutants.

    If tests fail on base, the project's own tests are run on mutants for a short time only. Then it is not
    said how many survive unless that is known of all.
    """
    if mutation.mutants is None:
        return evidence
    return replace(
        evidence,
        mutants=len(mutation.mutants),
        mutants_killed=len(gains.killed),
        mutants_gained=None if gains.fails_on_base and gains.unknown else _known(gains.alive, gains.unknown),
        mutants_guarded=_guarded(gains, member),
        killed=_named(gains.killed, gains, member)[:most_named],
        alive=_named({*mutation.mutants} - gains.killed, gains, member)[:most_named],
    )


def _guarded(gains: Gains, member: Member) -> int | None:
    """Return the number of mutants guarded; None for an added member or if it is unknown."""
    unknown = [mutant for mutant in gains.unknown if is_of_change(mutant, member)]
    return None if member.change is Change.ADDED else _known(gains.guarded, unknown)


def _known(found: Collection[Mutant], unknown: Collection[Mutant]) -> int | None:
    """Return the number of mutants found; None if it is unknown whether there are any."""
    return None if unknown and not found else len(found)


def _named(mutants: Iterable[Mutant], gains: Gains, member: Member) -> tuple[str, ...]:
    """Return descriptions of mutants: guarded ones first, then gained ones, then those of changed lines."""

    def telling(mutant: Mutant) -> tuple[bool, bool, bool, int, int, str]:
        is_old = not is_of_change(mutant, member)
        return (
            mutant not in gains.guarded,
            mutant not in gains.alive,
            is_old,
            _PRIORITY[mutant.operator],
            mutant.line,
            mutant.words,
        )

    return tuple(dict.fromkeys(mutant.words for mutant in sorted(mutants, key=telling)))


def unmeasured_note(members: Collection[Member], own_suite: OwnSuite) -> tuple[str, ...]:
    """Return a note for the report if every killed mutant counts because the baseline is unknown."""
    every = [own_suite.members.get(member.id) for member in members]
    unknown = sum(baseline is None or is_of_coverage_alone(baseline) for baseline in every)
    if not unknown:
        return ()
    of_them = f" of {unknown} of {len(every)} functions" if unknown < len(every) else ""
    seen = any(member.id in own_suite.partly for member in members)
    other = " that no test of yours killed" if seen else ""
    return (
        f"every killed mutant{of_them}{other} counts, because it is not known which ones your tests kill",
    )
