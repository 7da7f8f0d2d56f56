"""Select the cases that become tests: few, each contributing something, most informative first.

The order is: witnesses, on which base and head differ; documented examples; cases that cover new lines and
branches or kill new mutants, with inputs found only by search last; cases with new outcomes, boundaries
first. A value that is unreadable is used only if no readable value covers as much.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from testsmith.languages.python.explorer.cases import Case, signature
from testsmith.languages.python.explorer.render.expressions import InputSource
from testsmith.languages.python.explorer.render.summaries import FEWEST_ROWS, shape

MOST_CASES = 14
"""Maximum number of cases per member, counting each table row."""

MOST_ROWS = 24
"""Maximum including additional table rows, each of which contributes something new."""

_MOST_DOCUMENTED = 6
_MOST_WITNESSES = 3
_ENOUGH_OUTCOMES = 6
_ENOUGH_WITH_BOUNDARIES = 8
_MOST_SINGLE = 2
_LONG = 80
_MOST_LISTED = 40


@dataclass(frozen=True, slots=True)
class Focus:
    """What the tests of a change are about.

    Attributes:
        lines: The changed lines.
        mutants: Numbers of the mutants of these lines.
    """

    lines: AbstractSet[int]
    mutants: AbstractSet[int]


def choose(cases: Sequence[Case], focus: Focus | None = None) -> list[Case]:
    """Return the cases to write, most valuable first.

    Args:
        cases: All cases.
        focus: If there is a witness, what other cases must show more of; None for the whole member.
    """
    ranked = sorted(_trustworthy(_quiet(cases)), key=_cost)
    readable = [case for case in ranked if not case.is_soup]
    planned = [case for case in readable if case.trial.layer < InputSource.SEARCHED]
    focus = focus if any(case.is_witness for case in ranked) else None
    chosen = _Chosen(focus)
    _take_witnesses(ranked, chosen)
    _take_documented(ranked, chosen)
    _take_new_ways(planned, chosen)
    _take_new_ways(readable, chosen)
    _take_new_ways(ranked, chosen)
    if focus is not None:
        edges = [case for case in planned if case.trial.layer is InputSource.BOUNDARY]
        planned = [case for case in planned if case.is_witness or case in edges]
    _take_new_outcomes(planned, chosen)
    return _with_one_state(chosen.cases)


def shortlist(cases: Sequence[Case]) -> list[int]:
    """Return the indices of cases worth running again: the selected ones and some alternatives."""
    chosen = [case.trial for case in choose(cases)]
    ranked = sorted(range(len(cases)), key=lambda place: _cost(cases[place]))
    best = [place for place in ranked if cases[place].trial in chosen]
    return [*best, *(place for place in ranked if place not in best)][:_MOST_LISTED]


def _quiet(cases: Sequence[Case]) -> Sequence[Case]:
    """Exclude cases that emit a warning, which many projects treat as an error, unless all do."""
    return [case for case in cases if not case.seen.warned] or cases


def _trustworthy(cases: Sequence[Case]) -> list[Case]:
    """Exclude values if the documentation is contradicted, because the code may be wrong about them too."""
    if not any(case.contradicts for case in cases):
        return list(cases)
    return [case for case in cases if case.is_documented or case.outcome.kind == "raised"]


def _cost(case: Case) -> tuple[bool, int, int, bool, bool]:
    """Return a case's cost to readers: unreadable values, distant inputs, setup, non-ASCII, long text.

    If a call of the project's tests shows the change, they do not check that, and no invented one is better.
    """
    layer = min(case.trial.layer, InputSource.TYPED) if case.is_witness else case.trial.layer
    before = len(case.trial.setup) + len(case.trial.still)
    strange = not case.trial.text.isascii()
    return case.is_soup, layer, before, strange, _is_long(case.trial.text, case)


class _Chosen:
    """Selected cases and what they contribute."""

    def __init__(self, focus: Focus | None) -> None:
        self._focus = focus
        self.cases: list[Case] = []
        self._shown: set[Hashable] = set()
        self._shapes: Counter[Hashable] = Counter()

    def take(self, case: Case) -> None:
        """Select a case if there is room."""
        if self.has_room(case) and case not in self.cases:
            self.cases.append(case)
            self._shown |= _ways(case, self._focus) | {_outcome(case), case.difference}
            self._shapes[shape(case)] += 1

    def has_room(self, case: Case) -> bool:
        """Return whether a case may still be selected; another row costs a reader less than another test."""
        count = len(self.cases)
        return count < MOST_CASES or (count < MOST_ROWS and self._is_row(case))

    def _is_row(self, case: Case) -> bool:
        own = shape(case)
        return own is not None and self._shapes[own] >= FEWEST_ROWS

    def new_ways(self, case: Case) -> int:
        """Count the lines, branches and killed mutants that no selected case has."""
        return len(_ways(case, self._focus) - self._shown)

    def has_outcome(self, case: Case) -> bool:
        """Return whether a selected case has the same outcome, or shows the same of the change."""
        return not self._shown.isdisjoint({_outcome(case), case.difference} - {None})


def _ways(case: Case, focus: Focus | None) -> set[Hashable]:
    """Return what guides the selection: lines, branches and killed mutants."""
    noticed = case.seen.notices | case.seen.notices_state
    if focus is not None:
        branches = (arc for arc in case.seen.branches if not focus.lines.isdisjoint(arc))
        return {
            *(case.seen.lines & focus.lines),
            *branches,
            *(("noticed", one) for one in noticed & focus.mutants),
        }
    ways: set[Hashable] = {*case.seen.lines, *case.seen.branches}
    ways |= {("noticed", change) for change in noticed}
    if case.outcome.kind == "raised":
        ways.add(("raised", case.outcome.line))
    if case.changes:
        ways.add("changes its object")
    return ways


def _outcome(case: Case) -> Hashable:
    if case.outcome.kind == "raised":
        return ("raised", case.outcome.line)
    data = case.gives_none or bool(case.trial.noted)
    changed = tuple((_place(fact.of), fact.value.text) for fact in case.changes) if data else ()
    return ("outcome", signature(case.outcome), changed)


def _place(of: str) -> str:
    """Return the expression that is observed, regardless of how a file is read."""
    return "a file" if of.endswith(".read_text()") else of


def _take_documented(ranked: Sequence[Case], chosen: _Chosen) -> None:
    for case in [case for case in ranked if case.is_documented][:_MOST_DOCUMENTED]:
        chosen.take(case)


def _take_witnesses(ranked: Sequence[Case], chosen: _Chosen) -> None:
    """Select the simplest witnesses that show different things, with the project's values if possible."""
    seen: set[Hashable] = set()
    witnesses = [case for case in ranked if case.is_witness]
    own = [case for case in witnesses if case.is_of_project] or witnesses
    # One invented value reads well; a second one says less about the project.
    own = [case for case in own if not case.differs_in_message] or own
    own = [case for case in own if not case.has_new_arguments] or own
    for case in sorted(own, key=_order_of_witnesses):
        if case.difference not in seen and len(seen) < _MOST_WITNESSES:
            seen.add(case.difference)
            chosen.take(case)


def _order_of_witnesses(case: Case) -> tuple[bool, bool, int]:
    """Return the sort key of a witness: accepted by base, a result, few invented values."""
    return case.base_failed, case.outcome.kind == "raised", max(case.invented, 1)


def _take_new_ways(ranked: Sequence[Case], chosen: _Chosen) -> None:
    while True:
        fresh = [case for case in ranked if case.outcome.kind != "raised" or not chosen.has_outcome(case)]
        fitting = filter(chosen.has_room, fresh)
        best = max(fitting, key=chosen.new_ways, default=None)  # the first of equals, and so the cheapest
        if best is None or not chosen.new_ways(best):
            return
        chosen.take(best)


def _take_new_outcomes(ranked: Sequence[Case], chosen: _Chosen) -> None:
    """Fill tables with other outcomes, boundaries first, and select a few cases with tests of their own."""
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
    """Return whether there are enough cases of one shape, with as many outcomes, for a table."""
    own = shape(case)
    return (
        own is not None and len({_outcome(other) for other in ranked if shape(other) == own}) >= FEWEST_ROWS
    )


def _take_boundaries(ranked: Sequence[Case], chosen: _Chosen) -> None:
    """Fill tables with boundaries that do not change the outcome."""
    for case in ranked:
        alike = sum(shape(case) is not None and shape(other) == shape(case) for other in chosen.cases)
        is_boundary = case.trial.layer is InputSource.BOUNDARY and case.outcome.kind != "raised"
        says_more = alike < FEWEST_ROWS or _differ(case, chosen.cases)
        enough = len(chosen.cases) >= _ENOUGH_WITH_BOUNDARIES or not says_more or _is_long_row(case)
        if is_boundary and alike + 1 >= FEWEST_ROWS and not enough:
            chosen.take(case)


def _differ(case: Case, chosen: Sequence[Case]) -> bool:
    """Return whether the selected rows of a case's shape have different results."""
    return len({_outcome(other) for other in chosen if shape(other) == shape(case)}) > 1


def _is_long(text: str, case: Case) -> bool:
    value = case.outcome.value.text if case.outcome.value else ""
    return len(text) + len(value) > _LONG


def _is_long_row(case: Case) -> bool:
    return _is_long(case.trial.call, case)


def _with_one_state(cases: Sequence[Case]) -> list[Case]:
    """Assert both value and state in the simplest case that changes its object, and where required."""
    both = [case for case in cases if case.changes and not case.gives_none]
    first = min(both, key=_cost, default=None)
    found = []
    for case in cases:
        wanted = case is first or case.gives_none or case.differs_in_state
        found.append(replace(case, with_state=wanted))
    return found
