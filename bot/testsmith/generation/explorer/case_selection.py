"""Which cases become tests: few, each with something of its own, the most telling first.

In this order: what the documentation says; witnesses, on which base and head differ; what reaches lines and
branches or notices changes of the module that nothing before does, inputs that only a search has found last;
what differs in its outcome, boundaries first; relations. A value past reading is taken only where neither a
readable one nor a relation reaches as much.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace

from testsmith.generation.explorer.cases import Case, signature
from testsmith.generation.explorer.render.call_text import Pieces
from testsmith.generation.explorer.render.expressions import InputSource
from testsmith.generation.explorer.render.summaries import FEWEST_ROWS, shape

_FEWEST_INPUTS = 3
"""On how many inputs a relation has to be seen at work before it is stated."""

MOST_CASES = 14
"""How many cases one member's tests hold at most, rows of a table counted one by one."""

MOST_ROWS = 24
"""How many they are with further rows of a table, each of which shows something that nothing else does."""

_MOST_DOCUMENTED = 6
_MOST_WITNESSES = 3
_ENOUGH_OUTCOMES = 6
_ENOUGH_WITH_BOUNDARIES = 8
_MOST_SINGLE = 2
_LONG = 80
_MOST_LISTED = 40
_MOST_RELATIONS = 2
_RELATED_ROWS = 4


def choose(cases: Sequence[Case]) -> list[Case]:
    """Return the cases to write, in the order of their worth."""
    ranked = sorted(with_true_relations(_trustworthy(_quiet(cases))), key=_cost)
    plain = [case for case in ranked if case.trial.relation is None]
    readable = [case for case in plain if not case.is_soup]
    planned = [case for case in readable if case.trial.layer < InputSource.SEARCHED]
    relations = related(ranked)
    chosen = _Chosen()
    _take_documented(plain, chosen)
    _take_witnesses(ranked, chosen)
    _take_new_ways(planned, chosen)
    _take_relations([group for group in relations if any(map(chosen.new_ways, group))], chosen)
    _take_new_ways(readable, chosen)
    _take_new_ways(plain, chosen)
    _take_new_outcomes(planned, chosen)
    _take_relations(relations, chosen)
    return _with_one_state(chosen.cases)


def shortlist(cases: Sequence[Case]) -> list[int]:
    """Return the places of the cases that are worth running again: the choice, and some to fall back on."""
    chosen = [case.trial for case in choose(cases)]
    true = with_true_relations(cases)
    ranked = sorted(
        (place for place, case in enumerate(cases) if case in true), key=lambda place: _cost(cases[place])
    )
    best = [place for place in ranked if cases[place].trial in chosen]
    return [*best, *(place for place in ranked if place not in best)][:_MOST_LISTED]


def _quiet(cases: Sequence[Case]) -> Sequence[Case]:
    """Leave out what gives a warning, which many projects take for an error, unless all of it does."""
    return [case for case in cases if not case.seen.warned] or cases


def _trustworthy(cases: Sequence[Case]) -> list[Case]:
    """Leave out values where the documentation is contradicted: the code may be wrong about those too."""
    if not any(case.contradicts for case in cases):
        return list(cases)
    return [case for case in cases if case.is_documented or case.outcome.kind == "raised"]


def _cost(case: Case) -> tuple[bool, int, int, bool, bool]:
    """Return what a reader pays: noise, inputs from afar, much set up, strange letters, a long text."""
    before = len(case.trial.setup) + len(case.trial.still)
    strange = not case.trial.text.isascii()
    return case.is_soup, case.trial.layer, before, strange, _is_long(case.trial.text, case)


class _Chosen:
    """The cases taken so far, and what they show."""

    def __init__(self) -> None:
        self.cases: list[Case] = []
        self._shown: set[Hashable] = set()
        self._shapes: Counter[Hashable] = Counter()

    def take(self, case: Case) -> None:
        """Take a case, where there is room."""
        if self.has_room(case) and case not in self.cases:
            self.cases.append(case)
            self._shown |= _ways(case) | {_outcome(case)}
            self._shapes[shape(case)] += 1

    def has_room(self, case: Case) -> bool:
        """Return whether a case may still be taken: a further row costs a reader less than another test."""
        count = len(self.cases)
        return count < MOST_CASES or (count < MOST_ROWS and self._is_row(case))

    def _is_row(self, case: Case) -> bool:
        own = shape(case)
        return own is not None and self._shapes[own] >= FEWEST_ROWS

    def new_ways(self, case: Case) -> int:
        """Count the lines and branches that only this case reaches."""
        return len(_ways(case) - self._shown)

    def has_outcome(self, case: Case) -> bool:
        """Return whether a case taken has the same outcome."""
        return _outcome(case) in self._shown


def _ways(case: Case) -> set[Hashable]:
    """Return what the choice is guided by: lines, branches, and changes of the module that are noticed."""
    ways: set[Hashable] = {*case.seen.lines, *case.seen.branches}
    ways |= {("noticed", change) for change in case.seen.notices | case.seen.notices_state}
    if case.outcome.kind == "raised":
        ways.add(("raised", case.outcome.line))
    if case.changes:
        ways.add("changes its object")
    if case.trial.recording is not None and case.trial.recording.fails and case.outcome.kind == "value":
        ways.add("goes on after a failure")
    return ways


def _outcome(case: Case) -> Hashable:
    if case.outcome.kind == "raised":
        return ("raised", case.outcome.line)
    data = case.gives_none or bool(case.trial.noted)
    changed = tuple((_place(fact.of), fact.value.text) for fact in case.changes) if data else ()
    return ("outcome", signature(case.outcome), changed)


def _place(of: str) -> str:
    """Return what is looked at, by whatever path a file is read."""
    return "a file" if of.endswith(".read_text()") else of


def _take_documented(ranked: Sequence[Case], chosen: _Chosen) -> None:
    for case in [case for case in ranked if case.is_documented][:_MOST_DOCUMENTED]:
        chosen.take(case)


def _take_witnesses(ranked: Sequence[Case], chosen: _Chosen) -> None:
    """Take the simplest witnesses that differ from each other in what they show."""
    seen: set[Hashable] = set()
    for case in sorted(ranked, key=_base_failed):
        shows = (_outcome(case), signature(case.base.outcome) if case.base else None)
        if case.is_witness and shows not in seen and len(seen) < _MOST_WITNESSES:
            seen.add(shows)
            chosen.take(case)


def _base_failed(case: Case) -> bool:
    """Return whether base does not even take the call: that says less than another value."""
    return case.base is not None and (bool(case.base.outcome.error) or case.base.outcome.kind == "raised")


def _take_new_ways(ranked: Sequence[Case], chosen: _Chosen) -> None:
    while True:
        fresh = [case for case in ranked if case.outcome.kind != "raised" or not chosen.has_outcome(case)]
        fitting = filter(chosen.has_room, fresh)
        best = max(fitting, key=chosen.new_ways, default=None)  # the first, and so the cheapest, of equals
        if best is None or not chosen.new_ways(best):
            return
        chosen.take(best)


def _take_relations(relations: Sequence[Sequence[Case]], chosen: _Chosen) -> None:
    """Take a few rows of each relation."""
    for group in relations[:_MOST_RELATIONS]:
        if any(case in chosen.cases for case in group):
            continue
        for case in group[:_RELATED_ROWS]:
            chosen.take(case)


def _take_new_outcomes(ranked: Sequence[Case], chosen: _Chosen) -> None:
    """Fill up tables with other outcomes, boundaries first; a few cases may stand alone."""
    single = 0
    for case in ranked:
        if chosen.has_outcome(case) or len(chosen.cases) >= _ENOUGH_OUTCOMES:
            continue
        if _is_long_row(case) and sum(map(_is_long_row, chosen.cases)) >= FEWEST_ROWS:
            continue
        if not _could_share(case, ranked):
            single += 1
            if single > _MOST_SINGLE:
                continue
        chosen.take(case)
    _take_boundaries(ranked, chosen)


def _could_share(case: Case, ranked: Sequence[Case]) -> bool:
    """Return whether there are enough cases of one shape for a table, with as many outcomes."""
    own = shape(case)
    return (
        own is not None and len({_outcome(other) for other in ranked if shape(other) == own}) >= FEWEST_ROWS
    )


def _take_boundaries(ranked: Sequence[Case], chosen: _Chosen) -> None:
    """Fill up tables with boundaries on which the outcome stays the same."""
    for case in ranked:
        alike = sum(shape(case) is not None and shape(other) == shape(case) for other in chosen.cases)
        is_boundary = case.trial.layer is InputSource.BOUNDARY and case.outcome.kind != "raised"
        says_more = alike < FEWEST_ROWS or _differ(case, chosen.cases)
        enough = len(chosen.cases) >= _ENOUGH_WITH_BOUNDARIES or not says_more or _is_long_row(case)
        if is_boundary and alike + 1 >= FEWEST_ROWS and not enough:
            chosen.take(case)


def _differ(case: Case, chosen: Sequence[Case]) -> bool:
    """Return whether the chosen rows of a case's shape come to different things."""
    return len({_outcome(other) for other in chosen if shape(other) == shape(case)}) > 1


def _is_long(text: str, case: Case) -> bool:
    value = case.outcome.value.text if case.outcome.value else ""
    return len(text) + len(value) > _LONG


def _is_long_row(case: Case) -> bool:
    return _is_long(case.trial.call, case)


def _with_one_state(cases: Sequence[Case]) -> list[Case]:
    """Have the simplest case that gives a value and changes its object state both, and those that must."""
    both = [case for case in cases if case.changes and not case.gives_none]
    first = min(both, key=_cost, default=None)
    found = []
    for case in cases:
        wanted = case is first or case.gives_none or case.differs_in_state
        found.append(replace(case, with_state=wanted))
    return found


def with_true_relations(cases: Iterable[Case]) -> list[Case]:
    """Return the cases without those of relations that do not hold, and those that show nothing of one."""
    cases = [*cases]
    kept = [case for group in related(cases) for case in _holding(group)]
    return [case for case in cases if case.trial.relation is None or case in kept]


def related(cases: Iterable[Case]) -> list[list[Case]]:
    """Return the cases of each relation, in the order in which they come."""
    groups: dict[tuple[Pieces, tuple[str, ...]], list[Case]] = {}
    for case in cases:
        if case.trial.relation is not None:
            groups.setdefault((case.trial.pieces, case.trial.setup), []).append(case)
    return [*groups.values()]


def _holding(group: Sequence[Case]) -> list[Case]:
    """Return what is to be stated of one relation; it may hold for texts, say, and not for bytes."""
    refuted = {_kind(case) for case in group if case.outcome.kind != "raised" and not case.holds}
    telling = [case for case in group if case.holds and not case.is_idle and _kind(case) not in refuted]
    refused = sum(case.outcome.kind == "raised" for case in group)
    return telling if len(telling) >= max(_FEWEST_INPUTS, refused) else []


def _kind(case: Case) -> str:
    """Return what kind of input a relation was tried on."""
    node = ast.parse(case.trial.arguments[0].value.text, mode="eval").body
    return type(node.value if isinstance(node, ast.Constant) else node).__name__
