"""The gate's second half: green tests are weighed by what they notice of changes of their member. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from testsmith.languages.driver import CannotParse
from testsmith.languages.python.parsing import parse_untrusted
from testsmith.verification.gains import (
    Gains,
    OwnEvidence,
    Shown,
    gains_of,
    gains_something,
    together,
    with_mutants,
)
from testsmith.verification.gate import (
    NOT_MUTATED,
    NOTHING_ALIVE,
    Cut,
    Draft,
    Entry,
    Judgement,
    KeepTests,
    Kind,
    Point,
    lessened,
    reduced,
)
from testsmith.verification.mutation import Mutation
from testsmith.verification.proof import Proof
from testsmith.verification.reading.claims import functions_of
from testsmith.verification.redundancy import Showing, redundant
from testsmith.verification.table import DEFAULTS, GateTable

_NOTHING_NEW = "fails without this change, but so do your own tests"
"""Why a function is cut that shows what the change does, as others do already."""

BLIND = "passes whatever the member returns"
"""Why a function is cut that runs the member and does not look at what it does."""

_LENGTH_OF_INHERITED = 1_000
"""A test function that stands elsewhere counts as longer than any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """What a green entry is weighed by.

    Attributes:
        proof: The run of its own code.
        mutation: What came of it with the member changed.
        own: What the project's own tests show of the member.
        table: What the gate measures by.
        thins: Whether functions that show nothing of their own are cut.
    """

    proof: Proof
    mutation: Mutation
    own: OwnEvidence = field(default_factory=OwnEvidence)
    table: GateTable = DEFAULTS
    thins: bool = True

    def gains(self) -> dict[str, Gains]:
        """Return what each test function shows."""
        return {
            function.name: gains_of(function, self.proof.member, self.mutation, self.own)
            for function in self.proof.functions
        }

    def shown(self, gains: Gains) -> Shown:
        """Return what the rules of the gate look at."""
        mutants = self.mutation.mutants
        return Shown(
            gains=gains,
            knows_branches=self.own.knows_branches,
            has_mutants=None if mutants is None else bool(mutants),
            own_fail_on_base=self.own.fail_on_base,
        )


def weigh(entry: Entry, weight: Weight, keep_tests: KeepTests) -> Entry | Judgement:
    """Judge a green entry by what its tests notice of changes of the member.

    Cut are the functions that pass without the member, or whatever it returns, then those that gain nothing
    (see `gains.RULES`), then those that show nothing that the others do not show.

    Returns:
        The entry with its evidence; or what is left of it, a smaller draft or none, and what was cut.
    """
    gains = weight.gains()
    weighed = {name: gains.get(name, Gains()) for name in entry.tests}
    cuts = [cut for name, gained in weighed.items() if (cut := _light(name, gained, weight)) is not None]
    kept = {name: gained for name, gained in weighed.items() if name not in {cut.function for cut in cuts}}
    draft = Draft(kind=Kind.GREEN, candidate=entry.candidate, tests=entry.tests)
    spare = _spare(draft, kept, keep_tests) if weight.thins else {}
    cuts += [Cut(function=name, point=Point.GAINS, reason=reason) for name, reason in spare.items()]
    if cuts:
        return lessened(draft, [name for name in kept if name not in spare], cuts, keep_tests)
    evidence = with_mutants(
        entry.evidence,
        weight.mutation,
        together(kept.values()),
        weight.proof.member,
        weight.table.named_mutants,
    )
    return replace(entry, evidence=evidence)


def _light(name: str, gains: Gains, weight: Weight) -> Cut | None:
    """Return why a function weighs nothing; None where it does."""
    if weight.mutation.impossible:
        is_shown = gains.fails_on_base and not weight.own.fail_on_base
        return None if is_shown else Cut(function=name, point=Point.STABLE, reason=NOT_MUTATED)
    if weight.mutation.unheard:  # else it would be enough to spoil the one run that unmasks a forged outcome
        reason = "could not be run with the member taken away"
    elif name in weight.mutation.empty:
        reason = "passes also when the member is taken away"
    elif name in weight.mutation.blind:
        reason = BLIND
    elif gains_something(weight.shown(gains)):
        return None
    else:
        is_gainless = weight.mutation.mutants is not None and not gains.fails_on_base
        reason = _NOTHING_NEW if gains.fails_on_base else _lack(gains, weight.mutation)
        return Cut(function=name, point=Point.STABLE, reason=reason, is_gainless=is_gainless)
    return Cut(function=name, point=Point.STABLE, reason=reason)


def _lack(gains: Gains, mutation: Mutation) -> str:
    """Say what a function that gains nothing lacks."""
    if mutation.mutants is None:
        return "could not be run with a mutant of the member"
    if gains.killed or not mutation.mutants:
        return NOTHING_ALIVE
    mutants = f"{len(mutation.mutants)} mutants" if len(mutation.mutants) > 1 else "the one mutant"
    return f"kills none of {mutants} of the member"


def _spare(draft: Draft, gains: Mapping[str, Gains], keep_tests: KeepTests) -> dict[str, str]:
    """Return the functions that show nothing of their own, with the reason, as far as they can be cut out."""
    spare = redundant(_showings(draft.candidate.code, gains))
    left = [name for name in gains if name not in spare]
    parts = bool(spare) and reduced(draft, left, keep_tests).candidate.code != draft.candidate.code
    return spare if parts else {}


def _showings(code: str, gains: Mapping[str, Gains]) -> list[Showing]:
    lengths = {name: (node.end_lineno or node.lineno) - node.lineno for name, node in _functions(code)}
    return [
        Showing(name=name, gains=gained, length=lengths.get(name, _LENGTH_OF_INHERITED))
        for name, gained in gains.items()
    ]


def _functions(code: str) -> Iterable[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    try:
        return list(functions_of(parse_untrusted(code)))
    except CannotParse:
        return ()
