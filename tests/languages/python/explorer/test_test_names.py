"""Names of tests and ids of rows."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from fakes.cases import call, case, gives, on_object, raises
from testsmith.languages.python.explorer.cases import Case
from testsmith.languages.python.explorer.inputs.static_hints import Hints
from testsmith.languages.python.explorer.module_source import Documentation, read_module
from testsmith.languages.python.explorer.render.call_text import Slot, variable_for
from testsmith.languages.python.explorer.render.summaries import Test
from testsmith.languages.python.explorer.render.test_names import TestNames, full_id, row_id
from testsmith.languages.python.explorer.render.value_words import condition_words, id_words, value_words
from testsmith.languages.python.explorer.subjects import Callee, Description, Parameter, Shape, Subject
from testsmith.model import Change, Member, MemberKind

SOURCE = """def f(a, b=1):
    if a < 1:
        raise ValueError("too few")
    if a > 10:
        return 10
    raise Strange
"""


def subject(name: str = "f", kind: MemberKind = MemberKind.FUNCTION) -> Subject:
    member = Member(
        path="m.py",
        name=name,
        language="python",
        change=Change.ADDED,
        line=1,
        end_line=6,
        kind=kind,
        source=SOURCE,
        module="m",
    )
    plain = Shape(kind="any")
    parameters = (Parameter(name="a", shape=plain), Parameter(name="b", shape=plain, required=False))
    return Subject(
        member=member,
        description=Description(
            name=name, problem=None, callee=Callee(name=name, parameters=parameters, returns=plain)
        ),
        source=read_module(SOURCE, "m"),
        hints=Hints(),
        documentation=Documentation(),
    )


def names(*cases: Case, of: Subject | None = None) -> list[str]:
    made = TestNames(of or subject(), cases)
    return [made.of(Test((each,))) for each in cases]


def test_name__of_a_refusal_is_its_condition() -> None:
    assert names(case(call("0"), raises("too few", line=3))) == ["test_f_refuses_an_a_below_one"]


def test_name__of_an_exception_of_the_project_is_that_exception() -> None:
    assert names(case(call("5"), raises(None, "Strange", "m", line=6))) == ["test_f_raises_strange"]


def test_name__of_a_value_is_the_branch_it_comes_from() -> None:
    assert names(case(call("11"), gives("10"), lines={2, 4, 5})) == ["test_f_of_an_a_above_ten"]


def test_name__tells_values_and_options_apart() -> None:
    cases = [
        case(call("0"), gives("1")),
        case(call('""'), gives("1")),
        case(call("0", options={"b": "True"}), gives("1")),
        case(call("0", options={"b": "False"}), gives("1")),
    ]

    assert names(*cases) == [
        "test_f_of_zero",
        "test_f_of_empty_a",
        "test_f_with_b",
        "test_f_without_b",
    ]


def test_name__is_never_given_twice() -> None:
    found = names(*(case(call(text), gives("1")) for text in ('"!"', '"?"', '"."')))

    assert len(set(found)) == 3


def test_name__says_what_came_before() -> None:
    put = subject("Bag.put", MemberKind.METHOD)
    trial = replace(on_object('bag.add("a")'), priors=("add",))

    assert names(case(trial, gives("1")), of=put) == ["test_put_after_add"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0", "zero"),
        ("-1", "minus_one"),
        ("1024", "1024"),
        ('""', "empty_text"),
        ('"  "', "blank_text"),
        ('"Hello, World!"', "hello_world"),
        ("[]", "empty_list"),
        ("[1]", "one_item_list"),
        ('{"a": 1, "b": 2}', "dict_of_two"),
        ("timedelta(days=29)", "29_days"),
        ("timedelta(days=-1)", "minus_1_day"),
        ("timedelta()", "no_time"),
        ("Color.RED", "red"),
        ('StringIO("")', "empty_string_io"),
        ("Cart()", "cart"),
        ('b"hello"', "hello"),
        ('"="', "equals_sign"),
        ("[3, 1, 2]", "three_one_two"),
        ('("a", "b")', "a_b"),
        ('["one", "two", "three", "four", "five"]', "list_of_five"),
        ("iter([1, 2])", "iterator_over_one_two"),
        ("None", "none"),
    ],
)
def test_value_words__say_a_value(text: str, words: str) -> None:
    assert value_words(text, "text") == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0", "zero"),
        ("42", "42"),
        ("1_000_000", "1000000"),
        ('"plain text"', "plain text"),
        ('""', "empty text"),
        ('"one\\ntwo"', "one two"),
        ('["a", "b"]', "a, b"),
        ('{"a": 1, "b": 2}', "a: 1, b: 2"),
        ('b"hello"', "hello"),
        (r'"\ufefftext"', "\\ufefftext"),
        ("date(2024, 2, 9)", "2024-02-09"),
        ("datetime(2024, 2, 9, 13, 5)", "2024-02-09 13:05"),
        ("timedelta(days=1)", "1 day"),
        ('StringIO("key=value\\n")', "key value"),
        ("float(1 / 3)", "float(1 / 3)"),
    ],
)
def test_id_words__are_for_people(text: str, words: str) -> None:
    assert id_words(text, "text") == words


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("count < 1", "a_count_below_one"),
        ("1 > count", "a_count_below_one"),
        ("count >= 5", "a_count_from_five_on"),
        ("item not in known", "an_unknown_item"),
        ("known not in item", "an_item_without_known"),
        ("'.' in item", "an_item_with_dot"),
        ("n < 1", "an_n_below_one"),
        ("item is None", "no_item"),
        ("not item", "an_empty_item"),
        ("not isinstance(item, str)", "an_item_that_is_no_str"),
        ("count > limit", "a_count_above_the_limit"),
        ("left < 0", ""),
        ("count < 1 or item", ""),
    ],
)
def test_condition_words__say_a_condition_on_a_parameter(condition: str, words: str) -> None:
    assert condition_words(ast.parse(condition, mode="eval").body, {"count", "item", "n"}) == words


def test_name__of_a_second_case_is_a_word() -> None:
    assert names(*[case(call("x"), gives("y"))] * 3) == [
        "test_f",
        "test_f_in_a_second_case",
        "test_f_in_a_third_case",
    ]


def test_name__joins_options() -> None:
    plain = case(call("1"), gives("1"))
    both = case(call("1", options={"with_b": "False", "c": "2"}), gives("2"))

    many = case(
        call("1", options={"max_length": "1", "word_boundary": "2", "save_order_of_words": "3"}), gives("3")
    )

    assert names(plain, both, many)[1:] == [
        "test_f_without_b_and_with_c",
        "test_f_with_max_length_and_word_boundary",
    ]


def test_name__says_what_the_setup_gives() -> None:
    trial = replace(call("words"), setup=('words = ["kiwi", "fig"]',), watched=("words",))
    other = replace(call("words"), setup=('words = ["fig"]',), watched=("words",))

    assert "test_f_of_kiwi_fig" in names(case(trial, gives("1")), case(other, gives("2")))


def test_name__does_not_call_an_object_new_that_holds_something() -> None:
    source = subject("Bag.size", MemberKind.PROPERTY)
    bare = replace(on_object(), pieces=(Slot.RECEIVER, ".size"), arguments=())
    filled = replace(bare, setup=('bag = Bag(["a"])',))

    assert names(case(bare, gives("0")), case(filled, gives("1")), of=source) == [
        "test_size_of_a_new_bag",
        "test_size",
    ]


def test_name__does_not_call_a_number_empty() -> None:
    text = "def f(a):\n    if not a:\n        return 1\n    return 2\n"
    source = replace(subject(), source=read_module(text, "m"))

    assert names(case(call("0"), gives("1"), lines={3}), of=source) == ["test_f_of_zero"]
    assert names(case(call('""'), gives("1"), lines={3}), of=source) == ["test_f_of_an_empty_a"]


def test_name__says_nothing_of_the_last_of_several_conditions() -> None:
    text = """def f(a):
    if a > 2:
        pass
    elif a == 1:
        pass
    else:
        raise ValueError
"""
    source = replace(subject(), source=read_module(text, "m"))

    assert names(case(call("0"), raises(None, line=7)), of=source) == ["test_f_refuses_zero"]


def test_full_id__is_the_beginning_of_what_is_given() -> None:
    texts = ('["a", "b"]', "[" + ", ".join(["1000"] * 20) + "]")

    assert [full_id(case(call(text), gives("1")), ["a"]) for text in texts] == [
        '["a", "b"]',
        "[1000, 1000, 1000, 1000, 1000, 1000, ...",
    ]


def test_row_id__names_two_columns_and_no_more() -> None:
    assert row_id(case(call("1"), gives("1")), ["a"]) == "one"
    assert row_id(case(call("1", "2"), gives("1")), ["a", "b"]) == "a 1, b 2"
    assert row_id(case(call("1", "2", "3"), gives("1")), ["a", "b", "c"]) == "1, 2, 3"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("Cart", "cart"),
        ("shop.Cart", "cart"),
        ("OrderedMultiDict", "multi_dict"),
        ("List", "a_list"),
        ("Class", "a_class"),
    ],
)
def test_variable_for__hides_nothing(path: str, name: str) -> None:
    assert variable_for(path, ()) == name


def test_variable_for__avoids_names_that_are_taken() -> None:
    assert variable_for("Cart", {"cart"}) == "a_cart"
