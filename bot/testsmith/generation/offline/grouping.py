"""Which cases share a test: rows of one shape become a table, all others stand alone."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from testsmith.generation.offline.cases import Case
from testsmith.generation.offline.words import size_of

MOST_TESTS = 8
"""How many tests one member gets at most; of more than six each shows something that no other does."""

FEWEST_ROWS = 3
"""Fewer cases of one shape are tests of their own."""


@dataclass(frozen=True, slots=True)
class Test:
    """One test function to write: one case, or the rows of a table."""

    cases: tuple[Case, ...]

    @property
    def is_table(self) -> bool:
        """Whether it is parametrized."""
        return len(self.cases) > 1

    @property
    def first(self) -> Case:
        """Its only case, or its first row."""
        return self.cases[0]


def tests_of(cases: Sequence[Case]) -> list[Test]:
    """Return the tests for chosen cases, given in the order of their worth; what is too much is left out.

    They come in the order in which a reader meets a member: what this change does or its documentation says,
    then what it gives, then what it refuses; the ordinary before the rare. What is past reading comes last,
    so that it falls where a relation shows as much.
    """
    groups: dict[Hashable, list[Case]] = {}
    for number, case in enumerate(cases):
        own = shape(case)
        groups.setdefault(number if own is None else own, []).append(case)
    tests = [test for group in groups.values() for test in _tests(group)]
    return sorted(tests[:MOST_TESTS], key=_place)


def _place(test: Test) -> tuple[bool, bool, bool, int]:
    first = test.first
    is_told = first.is_witness or first.is_documented
    is_soup = not is_told and first.is_soup
    return not is_told, is_soup, first.outcome.kind == "raised", 0 if is_told else first.trial.layer


def _tests(group: Sequence[Case]) -> list[Test]:
    if len(group) < FEWEST_ROWS:
        return [Test((case,)) for case in group]
    return [Test(tuple(_in_order(group)))]


def _in_order(group: Sequence[Case]) -> Sequence[Case]:
    """Return rows from the smallest to the largest, where all that differs is a number or a duration.

    What is neither, as None among numbers, comes after them.
    """
    names = [argument.name for argument in group[0].trial.arguments]
    columns = {name: [_value_of(case, name) for case in group] for name in names}
    (varying, *others) = [name for name in names if len(set(columns[name])) > 1] or [""]
    sizes = [size_of(text) for text in columns.get(varying, ())]
    if others or len(sizes) - sizes.count(None) < FEWEST_ROWS:
        return group
    pairs = sorted(zip(sizes, group, strict=True), key=lambda pair: math.inf if pair[0] is None else pair[0])
    return [case for _, case in pairs]


def _value_of(case: Case, name: str) -> str:
    return next(argument.value.text for argument in case.trial.arguments if argument.name == name)


def shape(case: Case) -> Hashable | None:
    """Return what the rows of a table have in common; None for a case that stands alone."""
    trial, outcome = case.trial, case.outcome
    on_variables = (bool(trial.watched) and not trial.receiver) or case.in_folder
    on_variables = on_variables or any(each.value.text.startswith("iter(") for each in trial.arguments)
    alone = case.contradicts or case.with_state or case.gives_none or on_variables or not trial.arguments
    if alone or trial.stands_alone or outcome.kind not in {"value", "raised"} or outcome.relation == "nan":
        return None
    names = tuple((argument.name, argument.by_keyword) for argument in trial.arguments)
    before = (*trial.still, *trial.setup)
    return (outcome.kind, outcome.form, before, trial.pieces, trial.receiver, names, outcome.home)
