"""What tests show, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest

from fakes.cases import call, case, fact, gives, on_object, raises
from testsmith.languages.python.explorer.cases import CallResult, Case, Observation
from testsmith.languages.python.explorer.render.call_text import Argument
from testsmith.languages.python.explorer.render.expressions import Expression, InputSource
from testsmith.languages.python.explorer.render.summaries import Test, described_tests, facts
from testsmith.languages.python.explorer.subjects import Home
from testsmith.languages.python.explorer.trial import Trial
from testsmith.model import Candidate, Origin


def summary(cases: Sequence[Case]) -> str:
    return candidate_of(cases).summary(["test_it"])


def witness(cases: Sequence[Case]) -> str | None:
    return candidate_of(cases).witness(["test_it"])


def candidate_of(cases: Sequence[Case]) -> Candidate:
    told = described_tests(cases, [("test_it", Test(tuple(cases)))])
    return Candidate(member="m.py::f", code="", origin=Origin.OFFLINE, descriptions=told)


def test_described_tests__of_a_test_that_was_cut_are_not_told() -> None:
    kept, gone = case(call("1"), gives("2")), case(call("0"), gives("3"))
    told = described_tests([gone, kept], [("test_gone", Test((gone,))), ("test_kept", Test((kept,)))])
    candidate = Candidate(member="m.py::f", code="", origin=Origin.OFFLINE, descriptions=told)
    assert candidate.summary(["test_kept"]) == "`f(1)` gives `2`."
    assert candidate.summary(["test_gone", "test_kept"]) == "`f(0)` gives `3`; `f(1)` gives `2`."
    assert candidate.summary([]) == ""


def test_described_tests__name_the_row_of_a_table() -> None:
    cases = [case(call(each), gives(each)) for each in ("2", "1", "3")]
    alone = case(call("4"), gives("8"))
    told = described_tests(
        [*cases, alone], [("test_table", Test((*cases[1:], cases[0]))), ("test_it", Test((alone,)))]
    )
    assert [(each.shows, each.row) for each in told] == [
        ("`f(2)` gives `2`", 2),
        ("`f(1)` gives `1`", 0),
        ("`f(3)` gives `3`", 1),
        ("`f(4)` gives `8`", None),
    ]


def test_summary__tells_the_first_two() -> None:
    cases = [case(call("1"), gives("2")), case(call("0"), raises("not zero")), case(call("3"), gives("4"))]

    assert summary(cases) == '`f(1)` gives `2`; `f(0)` raises `ValueError("not zero")`.'


def test_summary__tells_what_came_before() -> None:
    made = case(on_object('bag.put("a")'), gives("2"))

    assert summary([made]) == '`bag.put("x")` after `bag.put("a")` gives `2`.'


def test_summary__leaves_out_what_is_contradicted_or_long() -> None:
    assert (
        summary([case(call("1"), gives("2", agrees=False)), case(call('"' + "x" * 200 + '"'), gives("2"))])
        == ""
    )


ORDER = CallResult(
    kind="object", home=Home(module="m", path="Order"), facts=(fact("{}.a", "1"), fact("{}.b", "2"))
)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (
            case(call("1"), gives("2"), base=gives("3")),
            "`f(1)` gave `3` before this change and gives `2` now.",
        ),
        (
            case(call("1"), gives("2"), base=CallResult(kind="none", error="TypeError")),
            "`f(1)` raised `TypeError` before this change and gives `2` now.",
        ),
        (
            case(call("1"), raises("no"), base=gives("3")),
            '`f(1)` gave `3` before this change and raises `ValueError("no")` now.',
        ),
        (
            case(
                on_object(),
                gives("None"),
                state=[fact("bag.size", "2", "0")],
                base=Observation(outcome=gives("None"), state=(fact("bag.size", "1", "0"),)),
            ),
            '`Bag().put("x")` left `bag.size` as `1` before this change and leaves `bag.size` as `2` now.',
        ),
        (
            case(call("1"), ORDER, base=replace(ORDER, facts=(fact("{}.a", "1"), fact("{}.b", "3")))),
            (
                "`f(1)` gave an `Order` with `it.b` equal to `3` before this change and gives an `Order`"
                " with `it.b` equal to `2` now."
            ),
        ),
    ],
)
def test_witness__tells_both_sides(made: Case, words: str) -> None:
    assert witness([made]) == words


@pytest.mark.parametrize(
    "made",
    [
        case(call("1"), gives("2")),
        case(call("1"), gives("2"), base=gives("2")),
        case(call("1"), raises("new words"), base=CallResult(kind="none", error="ValueError")),
        case(call("1"), gives("2", agrees=False), base=gives("3")),
        case(call("1"), ORDER, base=replace(ORDER, facts=(fact("{}.a", "1"), fact("{}.c", "3")))),
    ],
)
def test_witness__is_none_where_nothing_is_to_be_told(made: Case) -> None:
    assert witness([made]) is None


def test_facts__what_came_of_each_case_those_first_on_which_base_differs() -> None:
    cases = [
        case(call("1"), gives("2"), base=gives("2")),
        case(call('""'), raises("empty")),
        case(call("100"), gives("1"), base=gives("0")),
        case(call("1"), gives("2"), base=gives("2")),
    ]
    assert facts(cases) == (
        "`f(100)` gave `0` before this change and gives `1` now.",
        "`f(1)` gives `2`",
        '`f("")` raises `ValueError("empty")`',
    )


def test_facts__tell_how_a_value_was_brought_out() -> None:
    assert facts(
        [case(call("1"), gives("2", form="awaited")), case(call("2"), gives("[1]", form="listed"))]
    ) == (
        "`f(1)` gives `2` (awaited)",
        "`f(2)` gives `[1]` (as a list)",
    )


def test_facts__none_that_the_documentation_contradicts_or_that_is_long() -> None:
    contradicted = case(call("1"), gives("2", agrees=False), base=gives("3"))
    long = case(call('"' + "x" * 300 + '"'), gives("2"))
    nothing = case(call("0"), CallResult(kind="none", agrees=True))
    on_files = replace(case(call("3"), gives("4")), seen=Observation(outcome=gives("4"), writes=True))
    assert facts([contradicted, long, nothing, on_files]) == ()


def with_layer(layer: InputSource, text: str) -> Trial:
    return replace(call(), arguments=(Argument("a", Expression(text, layer=layer)),))


INVENTED, USED = (partial(with_layer, layer) for layer in (InputSource.ORDINARY, InputSource.USED))


@pytest.mark.parametrize(
    "made",
    [
        case(INVENTED('"pear"'), gives('"pear"'), base=gives('"pear"')),
        case(INVENTED('{"a": "pear"}'), ORDER, base=ORDER),
        case(with_layer(InputSource.SEARCHED, '"A.TXT"'), ORDER, base=ORDER),
        case(USED('"a.txt"'), gives("{}"), base=gives("{}")),
        case(USED('"a.txt"'), gives("None"), base=gives("None")),
        case(USED('"a.txt"'), raises(None), base=raises(None)),
        case(USED('"a.txt"'), raises(None, "TypeError")),
        case(USED('"a.txt"'), raises(None, "AttributeError")),
        case(call('""'), gives('"0"')),
        case(call("None", "[]"), gives("[]")),
    ],
)
def test_facts__none_that_say_nothing_of_a_change(made: Case) -> None:
    assert facts([made]) == ()


@pytest.mark.parametrize(
    "made",
    [
        case(INVENTED('"pear"'), gives('"pear"'), base=gives('"apple"')),
        case(INVENTED('"pear"'), gives('"pear"')),
        case(USED('"a.txt"'), gives("[]")),
        case(USED('"a.txt"'), gives("True"), base=gives("True")),
        case(USED('"a.txt"'), gives("[]", agrees=True), base=gives("[]")),
        case(USED('"a.txt"'), gives("None"), base=gives("None"), state=[fact("a.size", "2", "0")]),
        case(USED('"a.txt"'), raises(None)),
        case(USED('"a.txt"'), raises("not a file"), base=raises("not a file")),
        case(USED('"a.txt"'), raises("a text", "TypeError")),
        case(call('""'), gives('"0"'), base=gives("None")),
        case(call('""'), raises("empty")),
    ],
)
def test_facts__of_a_difference_or_of_a_value_of_the_project(made: Case) -> None:
    assert len(facts([made])) == 1


def test_facts__few() -> None:
    assert len(facts([case(call(str(number)), gives(str(number))) for number in range(50)])) == 8


def test_shown_facts__repeat_first_what_the_call_was_given() -> None:
    made = replace(ORDER, facts=(fact("{}.overwrite", "True"), fact("{}.path", '"file.txt"')))

    assert [each.of for each in case(call('Path("file.txt")'), made).shown_facts] == [
        "{}.path",
        "{}.overwrite",
    ]
