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
from testsmith.languages.mutants import Mutant
from testsmith.languages.results import RAN_AND_FAILED, Proof, TestStatus
from testsmith.languages.thresholds import DEFAULTS, GateTable
from testsmith.model import BaseOutcome, Change, Label, Origin
from testsmith.verification.gains import (
    Gains,
    OwnEvidence,
    gains_of,
    gains_of_change,
    gains_something,
    is_of_change,
    shows_change,
    together,
    with_mutants,
)
from testsmith.verification.gate import (
    NOT_MUTATED,
    NOTHING_ABOUT_CHANGE,
    NOTHING_ALIVE,
    SHOWN_ALREADY,
    Cut,
    Judgment,
    Point,
    ProvenSuggestion,
    ReducedCandidate,
    TestKind,
    base_outcome,
    lessened,
    reduced,
)
from testsmith.verification.mutation import Mutation

_MOST_TRIED = 20_000
"""Maximum number of combinations to try. Beyond it, functions are selected greedily."""

_MOST_NAMED = 2
_MOST_LINES = 3
_ONLY_IN_TEST = "fails without this change only by what the test does, not in the function"
_NOT_RUN_ON_BASE = "was not run without this change, and kills no mutant on a changed line"
_ONLY_MISFITS = "fails without this change only because it uses new names or parameters"
_NONE: Mapping[str, str] = {}
_SHOWS_LESS = "shows less about this change than the proposed tests"

_Fact = tuple[str, object]


def redundant(
    gains: Mapping[str, Gains], lengths: Mapping[str, int], failures: Mapping[str, str] = _NONE
) -> dict[str, str]:
    """Return the functions to drop, with the reason. The others together show the same.

    Of the smallest sets, the one with the best functions wins: first those that fail on base, then those that
    kill more mutants, then shorter ones, then earlier ones.

    Args:
        gains: What each function shows, in the order of the file.
        lengths: Their numbers of lines. One without a length is defined elsewhere, and counts as longest.
        failures: How they fail on base, if different failures are to count as different reasons.
    """
    facts = {name: _facts(gains[name], failures.get(name)) for name in _ranked(gains, lengths)}
    kept = {name: facts[name] for name in _fewest(facts)}
    return {name: _reason(facts[name], kept) for name in gains if name not in kept}


def surplus(
    gains: Mapping[str, Gains], lengths: Mapping[str, int], most: int, failures: Mapping[str, str] = _NONE
) -> dict[str, str]:
    """Return the functions beyond a limit, with the reason. One more is kept if it takes another branch.

    Args:
        gains: What each function shows about the change, in the order of the file.
        lengths: Their numbers of lines.
        most: The limit.
        failures: As of `redundant`.
    """
    shown: list[str] = []
    found = Gains()
    seen = frozenset[_Fact]()
    while len(shown) <= most:
        left = [name for name in _ranked(gains, lengths) if name not in shown]
        if len(shown) == most:
            left = [name for name in left if gains[name].branches - found.branches]
        if not left:
            break
        facts = {name: _facts(gains[name], failures.get(name)) - seen for name in left}
        best = max(left, key=lambda name: (gains[name].fails_on_base, len(facts[name])))
        shown.append(best)
        found |= gains[best]
        seen |= facts[best]
    return {
        name: f"{_SHOWS_LESS}{_only(_facts(gains[name], failures.get(name)) - seen)}"
        for name in gains
        if name not in shown
    }


def _only(facts: frozenset[_Fact]) -> str:
    """Return what a function shows beyond the proposed ones, as a clause; empty for nothing."""
    found = ["another failure without this change"] if any(kind == "base" for kind, _ in facts) else []
    mutants = [fact.line for _, fact in facts if isinstance(fact, Mutant)]
    branches = [fact[0] for kind, fact in facts if kind == "branch" and isinstance(fact, tuple)]
    for one, several, of_all in (("a mutant", "mutants", mutants), ("a branch", "branches", branches)):
        lines = sorted(set(of_all))
        if lines:
            named = ", ".join(map(str, lines[:_MOST_LINES]))
            more = ", ..." if len(lines) > _MOST_LINES else ""
            what = one if len(of_all) == 1 else several
            found.append(f"{what} on line{'s' if len(lines) > 1 else ''} {named}{more}")
    return f": beyond them, it shows only {' and '.join(found)}" if found else ""


def _ranked(gains: Mapping[str, Gains], lengths: Mapping[str, int]) -> list[str]:
    def rank(name: str) -> tuple[bool, int, float]:
        return not gains[name].fails_on_base, -len(gains[name].killed), lengths.get(name, inf)

    return sorted(gains, key=rank)


def _facts(gains: Gains, failure: str | None = None) -> frozenset[_Fact]:
    """Return gains as facts that several functions may share.

    Failing on base is a single fact: it is unknown whether two functions fail for the same reason. A model
    writes each test for a reason of its own, so of these, two that fail differently show different things.
    """
    return frozenset[_Fact](
        [
            *(("mutant", mutant) for mutant in gains.killed),
            *(("line", line) for line in gains.lines),
            *(("branch", branch) for branch in gains.branches),
            *([("base", failure)] if gains.fails_on_base else []),
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
        return "shows nothing that the other tests do not show"
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

    @property
    def is_of_change(self) -> bool:
        """Whether each function must show something about the change.

        A test of an added member does so, unless the member's behavior is already there on base.
        """
        is_added = self.proof.member.change is Change.ADDED
        is_there_on_base = base_outcome(self.proof) is BaseOutcome.PASSES
        return not self.table.keeps_unchanged and (is_there_on_base or not is_added)

    def goes_another_way(self, gains: Gains) -> bool:
        """Return whether a function shows the change of code that an affected member only leads to.

        Then it need not get there by the member.
        """
        is_affected = self.proof.member.change is Change.AFFECTED
        return is_affected and gains.asserts_on_base and not self.own.fail_on_base

    def gains_enough(self, gains: Gains) -> bool:
        """Return whether a function is worth suggesting."""
        if self.is_of_change:
            return shows_change(gains, self.own)
        return gains_something(gains, self.mutation, self.own)


def weigh(entry: ProvenSuggestion, weight: EntryWeight, language: Language) -> ProvenSuggestion | Judgment:
    """Judge a green entry by the mutants that its tests kill.

    Functions are cut if they pass without the member, or whatever it returns (unless one of their assertions
    fails on base), then if they gain nothing (see `gains_something`; for a change, see `shows_change`), then
    if they are redundant.

    Returns:
        The entry with its evidence; or a smaller draft (if anything is left) and the functions that were cut.
    """
    gains = {
        function.name: gains_of(function, weight.proof.member, weight.mutation, weight.own, language.judge)
        for function in weight.proof.functions
    }
    weighed = {name: gains.get(name, Gains()) for name in entry.tests}
    cuts = [cut for name, gained in weighed.items() if (cut := _light(name, gained, weight)) is not None]
    kept = {name: gained for name, gained in weighed.items() if name not in {cut.function for cut in cuts}}
    draft = ReducedCandidate(kind=TestKind.GREEN, candidate=entry.candidate, tests=entry.tests)
    spare = _spare(draft, kept, weight, language) if weight.thins else {}
    cuts += [Cut(function=name, point=Point.GAINS, reason=reason) for name, reason in spare.items()]
    if cuts:
        return lessened(draft, [name for name in kept if name not in spare], cuts, language)
    found = together(kept.values())
    evidence = with_mutants(
        entry.evidence, weight.mutation, found, weight.proof.member, weight.table.named_mutants
    )
    label = _label(entry, found, weight)
    return replace(
        entry,
        evidence=evidence,
        label=label,
        kills_all=_kills_all(found, weight),
        gains=found,
        misses_own_change=_misses_own_change(found, weight),
    )


def _misses_own_change(gains: Gains, weight: EntryWeight) -> bool:
    changed = weight.proof.member.changed_lines
    own = {mutant for mutant in weight.mutation.mutants or () if mutant.line in changed}
    return bool(own) and not own & gains.killed


def _kills_all(gains: Gains, weight: EntryWeight) -> bool:
    member, mutants = weight.proof.member, weight.mutation.mutants
    if mutants is None:
        return False
    counted = (one for one in mutants if not weight.is_of_change or is_of_change(one, member))
    return gains.killed.issuperset(counted)


def _label(entry: ProvenSuggestion, gains: Gains, weight: EntryWeight) -> Label | None:
    """Return the label, now that it is known which mutants of changed lines are killed.

    All lines of an added member count as changed, so only a test about the change can guard it.
    """
    is_about_change = weight.is_of_change or weight.proof.member.change is not Change.ADDED
    has_base = any(function.base is not None for function in weight.proof.functions)
    may_guard = entry.label is Label.UNCHANGED_BEHAVIOR or (entry.label is None and has_base)
    guards = bool(gains.guarded) and is_about_change and may_guard
    return Label.GUARDS_CHANGE if guards else entry.label


def _light(name: str, gains: Gains, weight: EntryWeight) -> Cut | None:
    """Return the cut for a function that gains nothing, or None."""
    mutation = weight.mutation
    adds_nothing = ignores_results = False
    if mutation.impossible:
        if gains.fails_on_base and not weight.own.fail_on_base:
            return None
        reason = NOT_MUTATED
    elif name in mutation.unheard:  # otherwise, breaking this one run would hide a forged result
        reason = "could not be run with the function removed"
    elif name in mutation.empty and not weight.goes_another_way(gains):
        reason = "also passes if the function is removed"
    elif name in mutation.blind and not gains.asserts_on_base:  # it may be about a side effect
        reason, ignores_results = "also passes if the function returns something else", True
    elif weight.gains_enough(gains):
        return None
    elif gains.fails_on_base:
        reason = SHOWN_ALREADY
    elif gains.only_misfits:
        reason = _ONLY_MISFITS
    elif weight.is_of_change and mutation.mutants is not None:
        reason = _nothing_of_change(name, weight.proof)
    else:
        reason, adds_nothing = _lack(gains, mutation), mutation.mutants is not None
    return Cut(
        function=name,
        point=Point.STABLE,
        reason=reason,
        adds_nothing=adds_nothing,
        ignores_results=ignores_results,
    )


def _nothing_of_change(name: str, proof: Proof) -> str:
    """Describe why a function shows nothing of the change."""
    base = next((one.base for one in proof.functions if one.name == name), None)
    if base is None or base.status not in {TestStatus.PASSED, *RAN_AND_FAILED}:
        return _NOT_RUN_ON_BASE
    is_shown = base.status is TestStatus.PASSED or base.fails_by_member
    return NOTHING_ABOUT_CHANGE if is_shown else _ONLY_IN_TEST


def _lack(gains: Gains, mutation: Mutation) -> str:
    """Describe why a function gains nothing."""
    if mutation.mutants is None:
        return "could not be run with a mutant of the function"
    if gains.killed or not mutation.mutants:
        return NOTHING_ALIVE
    if len(mutation.mutants) == 1:
        return "does not kill the only mutant of the function"
    return f"kills none of {len(mutation.mutants)} mutants of the function"


def _kind_of(message: str) -> str:
    """Return what a failure message begins with, such as the class of an exception."""
    return message.partition(" ")[0]


def _spare(
    draft: ReducedCandidate, gains: Mapping[str, Gains], weight: EntryWeight, language: Language
) -> dict[str, str]:
    """Return the redundant functions with the reason, if they can be cut from the module."""
    candidate, proof = draft.candidate, weight.proof
    by_model = candidate.origin is Origin.MODEL
    lengths = language.judge.lengths(candidate.code)
    failures = {
        one.name: one.base.message if by_model else _kind_of(one.base.message)
        for one in proof.functions
        if one.base is not None
    }
    if weight.is_of_change:
        of_change = {
            name: gains_of_change(gained, proof.member, weight.own) for name, gained in gains.items()
        }
        if by_model and any(gained.fails_on_base for gained in of_change.values()):
            lengths = {}  # the first one is the most important
        spare = redundant(of_change, lengths, failures)
        needed = {name: gained for name, gained in of_change.items() if name not in spare}
        spare |= surplus(needed, lengths, weight.table.tests_of_change, failures)
    else:
        spare = redundant(gains, lengths)
    left = [name for name in gains if name not in spare]
    parts = bool(spare) and reduced(draft, left, language).candidate.code != candidate.code
    return spare if parts else {}
