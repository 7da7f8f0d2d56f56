"""Which cases become tests, and which share one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.cases import call, case, fact, gives, on_object, raises
from testsmith.languages.python.explorer.case_selection import choose, shortlist
from testsmith.languages.python.explorer.cases import CallResult, Case
from testsmith.languages.python.explorer.render.call_text import Argument
from testsmith.languages.python.explorer.render.expressions import Expression, InputSource
from testsmith.languages.python.explorer.render.summaries import tests_of as grouped


def calls(cases: list[Case]) -> list[str]:
    return [each.trial.call for each in cases]


def test_choose__takes_what_reaches_something_new() -> None:
    same = [case(call(str(number)), gives("0"), lines={1, 2}) for number in range(5)]
    other = case(call("9"), gives("0"), lines={1, 3})

    assert calls(choose([*same, other])) == ["f(0)", "f(9)"]


def test_choose__takes_the_most_ordinary_of_equals() -> None:
    strange = case(call("99", layer=InputSource.TYPED), gives("0"), lines={1})
    boundary = case(call("10", layer=InputSource.BOUNDARY), gives("0"), lines={1})

    assert calls(choose([strange, boundary])) == ["f(10)"]


def test_choose__begins_with_what_is_documented() -> None:
    far = case(call("1"), gives("0"), lines={1, 2, 3})
    documented = case(call("2"), gives("0", agrees=True), lines={1})

    assert calls(choose([far, documented])) == ["f(2)", "f(1)"]


def test_choose__begins_with_a_witness_even_before_the_documentation() -> None:
    documented = case(call("1"), gives("0", agrees=True), base=gives("0"), lines={1, 2})
    witness = case(call("2"), gives("2"), base=gives("0"), lines={1})

    chosen = choose([documented, witness])
    assert calls(chosen) == ["f(2)", "f(1)"]
    assert [test.first.trial.call for test in grouped(chosen)] == ["f(2)", "f(1)"]


def test_choose__takes_three_different_witnesses_before_all_that_reaches_more() -> None:
    witnesses = [case(call(str(n)), gives(str(n)), base=gives("0"), lines={1}) for n in range(1, 6)]
    wide = case(call("100"), gives("0"), base=gives("0"), lines={1, 2, 3})

    assert calls(choose([wide, *witnesses]))[:4] == ["f(1)", "f(2)", "f(3)", "f(100)"]


def test_choose__takes_one_witness_of_those_whose_results_differ_only_in_a_repeated_text() -> None:
    witnesses = [
        case(call(f'"{text}"'), gives(f'"1.00 k{text}"'), base=gives(f'"1000 {text}"'), lines={1})
        for text in ("V", "F", "FF")
    ]
    other = case(call('"V"', '"W"'), gives('"1.00 MV"'), base=gives('"1000 kV"'), lines={1})

    assert calls(choose([*witnesses, other])) == ['f("V")', 'f("V", "W")']


def test_choose__prefers_witnesses_that_base_gives_a_value_for() -> None:
    failing = case(call("1"), gives("1"), base=raises(None, "TypeError"))
    giving = case(call("2"), gives("2"), base=gives("0"))

    assert calls(choose([failing, giving])) == ["f(2)", "f(1)"]


def test_choose__prefers_witnesses_with_the_projects_values() -> None:
    invented = case(call('"some text"'), gives("1"), base=gives("0"))
    trial = call('"de_DE"')
    used = Argument("a", Expression('"de_DE"', layer=InputSource.USED))
    own = case(replace(trial, arguments=(used,), layer=InputSource.SEARCHED), gives("2"), base=gives("0"))

    assert calls(choose([invented, own]))[0] == 'f("de_DE")'


def test_choose__prefers_witnesses_with_fewer_invented_values() -> None:
    path, pattern = (
        Argument(name, Expression(text)) for name, text in (("a", 'Path("x")'), ("b", '"some text"'))
    )
    used = replace(pattern, value=Expression('["*.py"]', layer=InputSource.REPEATED))
    invented, mixed = (
        case(replace(call("0"), arguments=(path, other)), gives(text), base=gives("0"))
        for other, text in ((pattern, "1"), (used, "2"))
    )

    assert calls(choose([invented, mixed]))[0] == 'f(Path("x"), ["*.py"])'


def test_choose__pins_no_other_value_where_the_documentation_is_contradicted() -> None:
    wrong = case(call("1"), gives("114", agrees=False), lines={1})
    right = case(call("2"), gives("250", agrees=True), lines={1})
    other = case(call("3"), gives("7"), lines={1, 2, 3})
    refused = case(call("4"), raises("no"), lines={5})

    assert calls(choose([wrong, right, other, refused])) == ["f(1)", "f(2)", "f(4)"]


def test_choose__takes_one_case_a_raise() -> None:
    cases = [case(call(str(n)), raises(f"not {n}", line=7), lines={7, 10 + n}) for n in range(3)]

    assert calls(choose(cases)) == ["f(0)"]


def test_choose__fills_tables_with_other_outcomes_and_boundaries() -> None:
    values = [case(call(str(n)), gives(str(n)), lines={1}) for n in range(20)]
    boundary = case(call("50", layer=InputSource.BOUNDARY), gives("3"), lines={1})

    chosen = calls(choose([*values, boundary]))

    assert chosen[:6] == [f"f({n})" for n in range(6)]
    assert chosen[6:] == ["f(50)"]


def test_choose__has_one_case_state_what_is_left_behind() -> None:
    cases = [
        case(on_object(argument=text), gives(text), lines={n}, state=[fact("bag.size", "1", "0")])
        for n, text in enumerate(['"a"', '"b"'])
    ]

    assert [each.with_state for each in choose(cases)] == [True, False]


def test_shortlist__has_the_choice_first_and_others_to_fall_back_on() -> None:
    same = [case(call(str(number)), gives("0"), lines={1}) for number in range(50)]
    other = case(call("99"), gives("1"), lines={1, 2})

    listed = shortlist([*same, other])

    assert listed[:2] == [0, 50]
    assert len(listed) == 40


def test_grouped__makes_a_table_of_three_of_one_shape() -> None:
    rows = [case(call(str(n)), gives(str(n))) for n in range(3)]
    pair = [case(call("1", options={"b": str(n)}), gives(str(n))) for n in range(2)]

    tests = grouped([*rows, *pair])

    assert [len(test.cases) for test in tests] == [3, 1, 1]


def test_grouped__keeps_apart_what_is_asserted_otherwise() -> None:
    rows = [case(call(str(n)), gives(str(n))) for n in range(2)]
    documented = case(call("7"), gives("1", agrees=False))
    with_state = replace(case(on_object(), gives("1"), state=[fact("bag.size", "1", "0")]), with_state=True)

    assert [len(test.cases) for test in grouped([*rows, documented, with_state])] == [1, 1, 1, 1]


def test_grouped__makes_at_most_eight_tests() -> None:
    cases = [case(call("1", options={f"o{n}": "1"}), gives(str(n))) for n in range(9)]

    assert len(grouped(cases)) == 8


def test_grouped__sorts_rows_that_differ_in_a_number_or_a_duration() -> None:
    numbers = [case(call(text, "0"), gives(text)) for text in ("10", "-1", "2.5")]
    durations = [case(call(f"timedelta({text})"), gives("1")) for text in ("days=1", "seconds=59", "hours=2")]
    powers = [case(call(text), gives("1")) for text in ("10**28", "None", '"300"', "7")]
    mixed = [case(call(text), gives("1")) for text in ("5", "None", "1")]

    assert calls([*grouped(numbers)[0].cases]) == ["f(-1, 0)", "f(2.5, 0)", "f(10, 0)"]
    assert calls([*grouped(durations)[0].cases]) == [
        "f(timedelta(seconds=59))",
        "f(timedelta(hours=2))",
        "f(timedelta(days=1))",
    ]
    assert calls([*grouped(powers)[0].cases]) == ["f(7)", 'f("300")', "f(10**28)", "f(None)"]
    assert calls([*grouped(mixed)[0].cases]) == ["f(5)", "f(None)", "f(1)"]


def test_grouped__gives_an_iterator_a_test_of_its_own() -> None:
    rows = [case(call(text), gives("1")) for text in ("[1]", "[2]", "[3]", "iter([4])")]

    assert [len(test.cases) for test in grouped(rows)] == [3, 1]


def test_choose__repeats_one_outcome_in_no_more_than_three_rows() -> None:
    rows = [case(call(str(n), layer=InputSource.BOUNDARY), gives("False"), lines={n}) for n in range(2)]
    more = [case(call(str(n), layer=InputSource.BOUNDARY), gives("False"), lines={1}) for n in range(5, 9)]

    assert calls(choose([*rows, *more])) == ["f(0)", "f(1)", "f(5)"]


def test_choose__prefers_ordinary_letters() -> None:
    strange = case(call('"\u00df"'), gives("1"), lines={1})
    plain = case(call('"s"'), gives("1"), lines={1})

    assert calls(choose([strange, plain])) == ['f("s")']


def test_choose__takes_no_more_than_three_long_rows_that_reach_nothing_new() -> None:
    rows = [case(call(f'"{str(n) * 90}"'), gives(str(n)), lines={1}) for n in range(6)]

    assert len(choose(rows)) == 3


def test_choose__takes_more_rows_than_cases_where_each_shows_something_of_its_own() -> None:
    rows = [case(call(str(n)), gives(str(n)), lines={n}) for n in range(40)]
    others = [case(call("1", options={f"o{n}": "1"}), gives(str(n)), lines={100 + n}) for n in range(40)]

    assert len(choose(rows)) == 24
    assert len(choose(others)) == 14


def test_choose__leaves_out_what_gives_a_warning_unless_all_of_it_does() -> None:
    quiet = case(call("1"), gives("1"), lines={1})
    loud = case(call("2"), gives("2"), lines={1, 2})
    loud = replace(loud, seen=replace(loud.seen, warned=True))

    assert choose([loud, quiet]) == [quiet]
    assert choose([loud]) == [loud]


SIGNED = '"value.gHwWjYJfyMpGEHMTWrKG-QKaiEY"'


def test_choice__takes_soup_only_where_nothing_else_reaches_as_much() -> None:
    plain = case(call('"a"'), gives('"b"'), lines={1})
    soup = case(call('"value"'), gives(SIGNED), lines={1})
    farther = case(call('"value"'), gives(SIGNED), lines={1, 2})

    assert choose([soup, plain]) == [plain]
    assert choose([farther, plain]) == [plain, farther]


def test_tests__have_soup_last() -> None:
    plain = case(call('"a"'), gives('"b"'), lines={1})
    soup = case(call('"value"'), gives(SIGNED), lines={1, 2})

    assert [test.first for test in grouped([soup, plain])] == [plain, soup]


@pytest.mark.parametrize(
    ("argument", "result", "is_so"),
    [
        ('"some text"', gives("[]"), True),
        ('"some text"', gives("None"), True),
        ('"some text"', gives('["some text"]'), False),
        ("[]", gives("[]"), False),
        ('Path("cart.txt")', CallResult(kind="object", facts=(fact("it.overwrite", "True"),)), True),
        (
            'Path("cart.txt")',
            CallResult(kind="object", facts=(fact("it.part", '"cart.txt"'),)),
            False,
        ),
    ],
)
def test_case__shows_no_more_than_success_where_base_raises(
    argument: str, result: CallResult, is_so: bool
) -> None:
    shown = case(call(argument), result, base=raises(None, "TypeError"))
    assert shown.is_witness
    assert shown.shows_no_more_than_success is is_so
    assert not case(call(argument), result, base=gives("1")).shows_no_more_than_success


def test_another_message_of_the_same_exception__shows_a_change_but_less_than_another_result() -> None:
    before = CallResult(kind="none", error="ValueError", reason="ValueError: stop must be positive")
    worded = case(call("-1"), raises("n must be at least 0"), base=before)
    valued = case(call("-2"), raises("n must be at least 0"), base=gives("1"))

    assert worded.is_witness
    assert worded.differs_in_message
    assert not valued.differs_in_message
    assert choose([worded, valued])[0] == valued
    assert not case(call("-1"), raises("must be positive"), base=before).is_witness


def test_case__has_unrelated_facts_if_none_repeats_the_call() -> None:
    counted = CallResult(kind="object", facts=(fact("{}.counter", "27"), fact("{}.eq", "True")))
    named = CallResult(kind="object", facts=(fact("{}.counter", "27"), fact("{}.name", '"left"')))

    assert case(call('"left"'), counted).has_unrelated_facts
    assert not case(call('"left"'), named).has_unrelated_facts
    assert not case(call('"left"'), gives("27")).has_unrelated_facts
