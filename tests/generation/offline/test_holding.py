"""Which relations are stated."""

from __future__ import annotations

from dataclasses import replace

from fakes.cases import call, case, fact, gives, raises
from testsmith.generation.offline.calls import Slot
from testsmith.generation.offline.cases import Case
from testsmith.generation.offline.choice import choose, shortlist
from testsmith.generation.offline.grouping import tests_of as grouped
from testsmith.generation.offline.holding import with_true_relations
from testsmith.generation.offline.observations import Outcome
from testsmith.generation.offline.trial import Relation

SIGNED = '"value.gHwWjYJfyMpGEHMTWrKG-QKaiEY"'


def related(value: str, outcome: Outcome | None = None, *, idle: bool = False, line: int = 1) -> Case:
    """Return `g(f(value)) == value` with what came of it; true where nothing else is said."""
    nothing = f"f({value}) == {value}"
    trial = replace(
        call(value),
        pieces=("g(f(", Slot.ALL, ")) == ", Slot.FIRST),
        relation=Relation("is_reversed_by_g", nothing),
    )
    return case(trial, outcome or gives("True"), state=[fact(nothing, str(idle), str(idle))], lines={line})


def test_relation__is_stated_where_it_is_seen_at_work_three_times() -> None:
    seen = [related('"a"'), related('"b"'), related('"c"')]

    assert with_true_relations(seen) == seen
    assert with_true_relations(seen[:2]) == []


def test_relation__is_not_stated_for_what_is_left_as_it_is() -> None:
    seen = [related('"a"'), related('"b"'), related('"c"')]

    assert with_true_relations([*seen, related('"d"', idle=True)]) == seen
    assert with_true_relations([*seen[:2], related('"d"', idle=True)]) == []


def test_relation__is_refuted_by_one_input_of_its_kind() -> None:
    texts = [related('"a"'), related('"b"'), related('"c"')]
    numbers = [related("1"), related("2"), related("3")]

    assert with_true_relations([*texts, *numbers, related('"d"', gives("False"))]) == numbers


def test_relation__is_not_stated_where_most_inputs_are_refused() -> None:
    seen = [related('"a"'), related('"b"'), related('"c"')]
    refused = [related(f'"{letter}"', raises("no")) for letter in "defg"]

    assert with_true_relations([*seen, *refused[:3]]) == seen
    assert with_true_relations([*seen, *refused]) == []


def test_cases_without_a_relation__stay() -> None:
    plain = [case(call("1"), gives("2"))]

    assert with_true_relations(plain) == plain


def test_choice__takes_a_relation_instead_of_soup() -> None:
    soup = case(call('"value"'), gives(SIGNED), lines={1})
    seen = [related('"a"'), related('"b"'), related('"c"')]

    assert choose([soup, *seen]) == seen
    assert choose([soup, related('"a"', gives("False"))]) == [soup]


def test_choice__takes_soup_where_nothing_else_reaches_as_much() -> None:
    soup = case(call('"value"'), gives(SIGNED), lines={1, 2})
    seen = [related('"a"'), related('"b"'), related('"c"')]

    assert choose([soup, *seen]) == [*seen, soup]


def test_choice__puts_exact_values_before_a_relation() -> None:
    plain = case(call('"value"'), gives('"eulav"'), lines={1})
    seen = [related('"a"'), related('"b"'), related('"c"')]

    assert choose([*seen, plain]) == [plain, *seen]


def test_shortlist__has_no_relation_that_does_not_hold() -> None:
    seen = [related('"a"'), related('"b"'), related('"c"', gives("False")), case(call("1"), gives("2"))]

    assert shortlist(seen) == [3]


def test_tests__have_soup_last() -> None:
    soup = case(call('"value"'), gives(SIGNED), lines={1, 2})
    seen = [related('"a"'), related('"b"'), related('"c"')]

    assert [test.first for test in grouped([soup, *seen])] == [seen[0], soup]
