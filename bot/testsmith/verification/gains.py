"""What test functions show beyond the project's own tests, and whether that is enough. All pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

from testsmith.execution.project_tests.suite import MemberBaseline, OwnSuite
from testsmith.languages.python.judge.mutants import Mutant
from testsmith.languages.python.judge.operators import Operator
from testsmith.model import Change, Evidence, Member
from testsmith.verification.mutation import Mutation
from testsmith.verification.results import RAN_AND_FAILED, FunctionProof, Proof

_PRIORITY = {operator: rank for rank, operator in enumerate(Operator)}


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnEvidence:
    """What the project's own tests show of one member.

    Attributes:
        baseline: What they reach of it; None where not all of that is known.
        noticed: Whether one of those that were run fails with a mutant; one that is not in it was not tried.
        fail_on_base: Whether one of those that reach the member fails with base's source.
    """

    baseline: MemberBaseline | None = None
    noticed: Mapping[Mutant, bool] = field(default_factory=dict)
    fail_on_base: bool = False

    @property
    def knows_branches(self) -> bool:
        """Whether it is known which branches the own tests reach."""
        return self.baseline is not None and self.baseline.branches_known

    def leaves_alive(self, mutant: Mutant) -> bool | None:
        """Tell whether the own tests leave a mutant alive; None where that is not known."""
        noticed = self.noticed.get(mutant)
        if noticed:
            return False
        if self.baseline is None:  # one that was not run may notice it
            return None
        if noticed is not None:
            return True
        failing = {line for line, tests in self.baseline.tests.items() if not tests}
        lines = self.baseline.reached.lines - failing
        reached = bool(lines) if mutant.function is None else mutant.is_reached_by(lines)
        return None if reached else True


@dataclass(frozen=True, slots=True, kw_only=True)
class Gains:
    """What one test function shows, or several together.

    Attributes:
        killed: The mutants that they fail with.
        alive: Those of them that the own tests are known to leave alive.
        unknown: Those of them of which that is not known.
        lines: The member's lines that they reach and the own tests do not; all of them where the own tests
            were not measured.
        branches: Its arcs, likewise; all of them as well where it is not known which the own tests reach.
        fails_on_base: Whether one of them failed on base, which counts for a member that was there.
    """

    killed: frozenset[Mutant] = frozenset()
    alive: frozenset[Mutant] = frozenset()
    unknown: frozenset[Mutant] = frozenset()
    lines: frozenset[int] = frozenset()
    branches: frozenset[tuple[int, int]] = frozenset()
    fails_on_base: bool = False

    def __or__(self, other: Gains) -> Gains:
        """Return what both show together."""
        return Gains(
            killed=self.killed | other.killed,
            alive=self.alive | other.alive,
            unknown=self.unknown | other.unknown,
            lines=self.lines | other.lines,
            branches=self.branches | other.branches,
            fails_on_base=self.fails_on_base or other.fails_on_base,
        )


def gains_of(function: FunctionProof, member: Member, mutation: Mutation, own: OwnEvidence) -> Gains:
    """Return what one test function shows of a member."""
    killed = mutation.kills.get(function.name, frozenset())
    fates = {mutant: own.leaves_alive(mutant) for mutant in killed}
    lines, branches = _beyond(function, own)
    return Gains(
        killed=killed,
        alive=frozenset(mutant for mutant, alive in fates.items() if alive),
        unknown=frozenset(mutant for mutant, alive in fates.items() if alive is None),
        lines=lines,
        branches=branches,
        fails_on_base=_fails_on_base(function, member),
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


def _fails_on_base(function: FunctionProof, member: Member) -> bool:
    """An added member's test always fails there, and one whose module does not load has shown nothing.

    Neither has one that raises by what it does itself with a value that the member gave.
    """
    base = function.base
    if base is None or member.change is Change.ADDED:
        return False
    return base.status in RAN_AND_FAILED and not base.raised_by_test


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionGains:
    """What the rules of the gate look at, for one test function.

    Attributes:
        gains: What it shows.
        knows_branches: Whether it is known which of its branches the own tests reach.
        has_mutants: Whether the member has any mutant; None where they could not be run.
        own_fail_on_base: Whether an own test that reaches the member fails with base's source: then that it
            fails there, too, tells nobody anything new.
    """

    gains: Gains
    knows_branches: bool
    has_mutants: bool | None
    own_fail_on_base: bool = False


RULES: Mapping[str, Callable[[FunctionGains], bool]] = {
    "kills a mutant that the own tests leave alive": lambda shown: bool(shown.gains.alive),
    "kills a mutant of which it is not known what the own tests do with it": (
        lambda shown: bool(shown.gains.unknown)
    ),
    "kills a mutant, and reaches a branch that the own tests do not": (
        lambda shown: shown.knows_branches and bool(shown.gains.branches and shown.gains.killed)
    ),
    "fails on base, where the member was there, and no own test that reaches it does": (
        lambda shown: shown.gains.fails_on_base and not shown.own_fail_on_base
    ),
    "reaches a line that the own tests do not, of a member in which there is nothing to change": (
        lambda shown: shown.has_mutants is False and bool(shown.gains.lines)
    ),
}
"""By any of these a test function that is green, has no smell and touches the member gains something.

The second rule holds for every mutant where the own tests were not measured. More coverage alone is not a
gain. The last rule is for members
such as an exception without a body: a test of them fails where they are taken away, and can show no more.
"""


def gains_something(shown: FunctionGains) -> bool:
    """Tell whether a test function is worth a reviewer's time."""
    return any(rule(shown) for rule in RULES.values())


def with_reach(evidence: Evidence, proof: Proof, own: OwnEvidence) -> Evidence:
    """Return evidence with the lines and branches gained; as it is where the own tests were not measured."""
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
    """Return evidence with what became of the mutants."""
    if mutation.mutants is None:
        return evidence
    return replace(
        evidence,
        mutants=len(mutation.mutants),
        mutants_killed=len(gains.killed),
        mutants_gained=_known(gains),
        killed=_named(gains.killed, gains, member)[:most_named],
        alive=_named({*mutation.mutants} - gains.killed, gains, member)[:most_named],
    )


def _known(gains: Gains) -> int | None:
    """Return how many mutants are known to be gained; None where it is not known whether any is."""
    return None if gains.unknown and not gains.alive else len(gains.alive)


def _named(mutants: Iterable[Mutant], gains: Gains, member: Member) -> tuple[str, ...]:
    """Return mutants in words: those that were gained first, then those of changed lines."""

    def telling(mutant: Mutant) -> tuple[bool, bool, int, int, str]:
        is_old = mutant.line not in member.changed_lines
        return mutant not in gains.alive, is_old, _PRIORITY[mutant.operator], mutant.line, mutant.words

    return tuple(dict.fromkeys(mutant.words for mutant in sorted(mutants, key=telling)))


def unmeasured_note(members: Collection[Member], own_suite: OwnSuite) -> tuple[str, ...]:
    """Return what the report says, once, where any killed mutant counts."""
    every = [own_suite.members.get(member.id) for member in members]
    unknown = sum(baseline is None or _is_of_coverage_alone(baseline) for baseline in every)
    if not unknown:
        return ()
    of_them = f" of {unknown} of {len(every)} members" if unknown < len(every) else ""
    seen = any(member.id in own_suite.partly for member in members)
    other = " that none of your tests was seen to notice" if seen else ""
    return (
        f"any killed mutant{of_them}{other} counts, since it is not known which ones your own tests notice",
    )


def _is_of_coverage_alone(baseline: MemberBaseline) -> bool:
    return bool(baseline.reached.lines) and not baseline.tests
