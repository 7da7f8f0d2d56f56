"""Select the smallest set of test functions with the same gains. Pure.

Suggestions cost reviewers time, so a function that shows nothing beyond the others is cut, however good it
is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import inf

from testsmith.languages.language import Language
from testsmith.languages.results import Proof
from testsmith.thresholds import DEFAULTS, GateTable
from testsmith.verification.gains import (
    Gains,
    OwnEvidence,
    gains_of,
    gains_something,
    together,
    with_mutants,
)
from testsmith.verification.gate import (
    NOT_MUTATED,
    NOTHING_ALIVE,
    Cut,
    Judgement,
    Point,
    ProvenSuggestion,
    ReducedCandidate,
    TestKind,
    lessened,
    reduced,
)
from testsmith.verification.mutation import Mutation

_MOST_TRIED = 20_000
"""Maximum number of combinations to try. Beyond it, functions are selected greedily."""

_MOST_NAMED = 2

_Fact = tuple[str, object]


def redundant(gains: Mapping[str, Gains], lengths: Mapping[str, int]) -> dict[str, str]:
    """Return the functions to drop, with the reason. The others together show the same.

    Of the smallest sets, the one with the best functions wins: first those that fail on base, then those that
    kill more mutants, then shorter ones, then earlier ones.

    Args:
        gains: What each function shows, in the order of the file.
        lengths: Their numbers of lines. One without a length is defined elsewhere, and counts as longest.
    """

    def rank(name: str) -> tuple[bool, int, float]:
        return not gains[name].fails_on_base, -len(gains[name].killed), lengths.get(name, inf)

    facts = {name: _facts(gains[name]) for name in sorted(gains, key=rank)}
    kept = {name: facts[name] for name in _fewest(facts)}
    return {name: _reason(facts[name], kept) for name in gains if name not in kept}


def _facts(gains: Gains) -> frozenset[_Fact]:
    """Return gains as facts that several functions may share.

    Failing on base is a single fact, because it is unknown whether two functions fail for the same reason.
    """
    return frozenset[_Fact](
        [
            *(("mutant", mutant) for mutant in gains.killed),
            *(("line", line) for line in gains.lines),
            *(("branch", branch) for branch in gains.branches),
            *([("base", None)] if gains.fails_on_base else []),
        ]
    )


def _fewest(facts: Mapping[str, frozenset[_Fact]]) -> tuple[str, ...]:
    """Return the smallest set of names that covers all facts."""
    needed = [name for name in facts if facts[name] - _facts_of(facts, set(facts) - {name})]
    left = _facts_of(facts, set(facts)) - _facts_of(facts, set(needed))
    others = {name: facts[name] & left for name in facts if name not in needed and facts[name] & left}
    return (*needed, *(_fewest_of(others, left) if left else ()))


def _facts_of(facts: Mapping[str, frozenset[_Fact]], names: set[str]) -> frozenset[_Fact]:
    return frozenset[_Fact]().union(*(facts[name] for name in names))


def _fewest_of(facts: Mapping[str, frozenset[_Fact]], wanted: frozenset[_Fact]) -> tuple[str, ...]:
    for tried, names in enumerate(_choices(facts)):
        if tried >= _MOST_TRIED:
            break
        if _facts_of(facts, set(names)) >= wanted:
            return names
    return _greedy(facts, wanted)


def _choices(facts: Mapping[str, frozenset[_Fact]]) -> Iterator[tuple[str, ...]]:
    for size in range(1, len(facts) + 1):
        yield from combinations(facts, size)


def _greedy(facts: Mapping[str, frozenset[_Fact]], wanted: frozenset[_Fact]) -> tuple[str, ...]:
    """Return names that cover all wanted facts and of which none can be dropped."""
    chosen: list[str] = []
    left = wanted
    while left:
        best = max(facts, key=lambda name: len(facts[name] & left))
        chosen.append(best)
        left -= facts[best]
    for name in reversed(list(chosen)):
        if _facts_of(facts, {*chosen} - {name}) >= wanted:
            chosen.remove(name)
    return tuple(chosen)


def _reason(facts: frozenset[_Fact], kept: Mapping[str, frozenset[_Fact]]) -> str:
    """Describe which of the kept functions show the same as a dropped one."""
    shown = {name: facts & others for name, others in kept.items()}
    chosen = _greedy(shown, facts)
    if not chosen:
        return "shows nothing"
    if len(chosen) > _MOST_NAMED:
        return "shows nothing that the others together do not show"
    names = " and ".join(f"`{name}`" for name in chosen)
    return f"shows nothing that {names} {'does' if len(chosen) == 1 else 'do'} not show"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryWeight:
    """Data to weigh a green entry by.

    Attributes:
        proof: The run of its code.
        mutation: Results of running it against mutants.
        own: Results of the project's own tests for the member.
        table: The gate's limits.
        thins: Whether to cut redundant functions.
    """

    proof: Proof
    mutation: Mutation
    own: OwnEvidence = field(default_factory=OwnEvidence)
    table: GateTable = DEFAULTS
    thins: bool = True


def weigh(entry: ProvenSuggestion, weight: EntryWeight, language: Language) -> ProvenSuggestion | Judgement:
    """Judge a green entry by the mutants that its tests kill.

    Functions are cut if they pass without the member or whatever it returns, then if they gain nothing (see
    `gains_something`), then if they are redundant.

    Returns:
        The entry with its evidence; or a smaller draft (if anything is left) and the functions that were cut.
    """
    gains = {
        function.name: gains_of(function, weight.proof.member, weight.mutation, weight.own)
        for function in weight.proof.functions
    }
    weighed = {name: gains.get(name, Gains()) for name in entry.tests}
    cuts = [cut for name, gained in weighed.items() if (cut := _light(name, gained, weight)) is not None]
    kept = {name: gained for name, gained in weighed.items() if name not in {cut.function for cut in cuts}}
    draft = ReducedCandidate(kind=TestKind.GREEN, candidate=entry.candidate, tests=entry.tests)
    spare = _spare(draft, kept, language) if weight.thins else {}
    cuts += [Cut(function=name, point=Point.GAINS, reason=reason) for name, reason in spare.items()]
    if cuts:
        return lessened(draft, [name for name in kept if name not in spare], cuts, language)
    evidence = with_mutants(
        entry.evidence,
        weight.mutation,
        together(kept.values()),
        weight.proof.member,
        weight.table.named_mutants,
    )
    return replace(entry, evidence=evidence)


def _light(name: str, gains: Gains, weight: EntryWeight) -> Cut | None:
    """Return the cut for a function that gains nothing, or None."""
    mutation = weight.mutation
    is_gainless = is_blind = False
    if mutation.impossible:
        if gains.fails_on_base and not weight.own.fail_on_base:
            return None
        reason = NOT_MUTATED
    elif mutation.unheard:  # otherwise, breaking this one run would hide a forged result
        reason = "could not be run with the member taken away"
    elif name in mutation.empty:
        reason = "passes also when the member is taken away"
    elif name in mutation.blind:
        reason, is_blind = "passes even if the member returns something else", True
    elif gains_something(gains, mutation, weight.own):
        return None
    elif gains.fails_on_base:
        reason = "fails without this change, but so do your own tests"
    else:
        reason, is_gainless = _lack(gains, mutation), mutation.mutants is not None
    return Cut(function=name, point=Point.STABLE, reason=reason, is_gainless=is_gainless, is_blind=is_blind)


def _lack(gains: Gains, mutation: Mutation) -> str:
    """Describe why a function gains nothing."""
    if mutation.mutants is None:
        return "could not be run with a mutant of the member"
    if gains.killed or not mutation.mutants:
        return NOTHING_ALIVE
    mutants = f"{len(mutation.mutants)} mutants" if len(mutation.mutants) > 1 else "the one mutant"
    return f"kills none of {mutants} of the member"


def _spare(draft: ReducedCandidate, gains: Mapping[str, Gains], language: Language) -> dict[str, str]:
    """Return the redundant functions with the reason, if they can be cut from the module."""
    spare = redundant(gains, language.judge.lengths(draft.candidate.code))
    left = [name for name in gains if name not in spare]
    parts = bool(spare) and reduced(draft, left, language).candidate.code != draft.candidate.code
    return spare if parts else {}
