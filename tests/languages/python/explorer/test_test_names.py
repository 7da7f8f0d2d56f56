"""Names of tests."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from fakes.cases import call, case, gives, on_object, raises
from testsmith.languages.python.explorer.cases import CallResult, Case
from testsmith.languages.python.explorer.inputs.static_hints import Hints
from testsmith.languages.python.explorer.module_source import Documentation, read_module
from testsmith.languages.python.explorer.render.call_text import variable_for
from testsmith.languages.python.explorer.render.summaries import Test
from testsmith.languages.python.explorer.render.test_names import TestNames
from testsmith.languages.python.explorer.render.value_words import (
    condition_words,
    difference_words,
    refusal_words,
    value_words,
)
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


def names(*cases: Case, of: Subject | None = None) -> list[str | None]:
    made = TestNames(of or subject(), cases)
    return [made.of(Test((each,))) for each in cases]


def test_name__of_a_refusal_is_its_condition() -> None:
    assert names(case(call("0"), raises("too few", line=3))) == ["test_f_rejects_a_below_one"]


def test_name__says_what_is_called_to_reach_the_member() -> None:
    replayed = replace(call('"a"', name="parse"), through="parse")

    assert names(case(replayed, gives("2"))) == ["test_parse"]


def test_name__of_an_exception_of_the_project_is_that_exception() -> None:
    assert names(case(call("5"), raises(None, "Strange", "m", line=6))) == ["test_f_raises_strange"]


def test_name__of_a_value_is_the_branch_it_comes_from() -> None:
    assert names(case(call("11"), gives("10"), lines={2, 4, 5})) == ["test_f_a_above_ten"]


def test_name__tells_values_and_options_apart() -> None:
    cases = [
        case(call("0"), gives("1")),
        case(call('""'), gives("1")),
        case(call("0", options={"b": "True"}), gives("1")),
        case(call("0", options={"b": "False"}), gives("1")),
    ]

    assert names(*cases) == [
        "test_f_zero",
        "test_f_empty_a",
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
        ('"Hello, World!"', ""),
        ("[]", "empty_list"),
        ("[1]", "one_item_list"),
        ('{"a": 1, "b": 2}', ""),
        ("timedelta(days=29)", "29_days"),
        ("timedelta(days=-1)", "minus_1_day"),
        ("timedelta()", "no_time"),
        ("Color.RED", "red"),
        ('StringIO("")', "empty_string_io"),
        ("Cart()", ""),
        ('b"hello"', "hello"),
        ('"="', "equals_sign"),
        ("[3, 1, 2]", ""),
        ("iter([1, 2])", ""),
        ("None", "none"),
    ],
)
def test_value_words__say_a_value(text: str, words: str) -> None:
    assert value_words(text, "text") == words


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("count < 1", "count_below_one"),
        ("1 > count", "count_below_one"),
        ("count >= 5", "count_from_five_on"),
        ("item not in known", "unknown_item"),
        ("known not in item", "item_without_known"),
        ("'.' in item", "item_with_dot"),
        ("n < 1", "n_below_one"),
        ("n < 0", "negative_n"),
        ("n is not None and n < 0", "negative_n"),
        ("item is None", "no_item"),
        ("not item", "empty_item"),
        ("not isinstance(item, str)", "item_that_is_no_str"),
        ("count > limit", "count_above_the_limit"),
        ("left < 0", ""),
        ("count < 1 or item", ""),
    ],
)
def test_condition_words__say_a_condition_on_a_parameter(condition: str, words: str) -> None:
    assert condition_words(ast.parse(condition, mode="eval").body, {"count", "item", "n"}) == words


def test_name__is_none_for_a_test_that_nothing_tells_apart() -> None:
    assert names(*[case(call("x"), gives("y"))] * 2) == ["test_f", None]


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


def test_name__does_not_call_a_number_empty() -> None:
    text = "def f(a):\n    if not a:\n        return 1\n    return 2\n"
    source = replace(subject(), source=read_module(text, "m"))

    assert names(case(call("0"), gives("1"), lines={3}), of=source) == ["test_f_zero"]
    assert names(case(call('""'), gives("1"), lines={3}), of=source) == ["test_f_empty_a"]


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

    assert names(case(call("0"), raises(None, line=7)), of=source) == ["test_f_raises_value_error"]


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


@pytest.mark.parametrize(
    ("before", "now", "given", "words"),
    [
        ("a.com?b", "a.com/?b", "a.com?b", "adds_slash"),
        ("//a?b", "//a/?b", "//a?b", "adds_slash"),
        ("a.com", "a.com/", "a.com/", "keeps_slash"),
        ("a\\b", "a\\\\b", "a\\b", "doubles_backslash"),
        ("a,,b", "a,b", "a,,b", "drops_comma"),
        ("a, b", "a b", "a b", ""),
        ("one", "two", "three", ""),
        ("same", "same", "same", ""),
    ],
)
def test_difference_words__say_what_is_added_or_left_out(
    before: str, now: str, given: str, words: str
) -> None:
    assert difference_words(before, now, given) == words


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Bag index out of range", "index_out_of_range"),
        ("no items left.", "no_items_left"),
        ("n must be at least 0", ""),
        ("the value is wrong", ""),
        ("unknown key 'x'", ""),
        ("one two three four five six", ""),
        ("", ""),
    ],
)
def test_refusal_words__are_of_messages_that_name_something(message: str, words: str) -> None:
    assert refusal_words(message, ["Bag"]) == words


def test_name__says_what_a_change_shows() -> None:
    doubled = case(call(r'"a\\b"'), gives(r'"a\\\\b"'), base=gives(r'"a\\b"'))
    listed = case(call('["a"]'), gives("1"), base=gives("2"))
    number = case(call("1250"), gives("1"), base=gives("2"))
    of_path = case(call('Path("a")'), gives("1"), base=raises(None, "TypeError"))
    out_of_range = case(call("9"), raises("index out of range", "IndexError"), base=gives("2"))

    assert names(doubled) == ["test_f_doubles_backslash"]
    assert names(listed) == ["test_f_one_item_list"]
    assert names(number) == ["test_f"]
    assert names(of_path) == ["test_f_with_path"]
    assert names(out_of_range) == ["test_f_rejects_index_out_of_range"]
    assert names(case(call('["a"]'), gives("1"))) == ["test_f"]


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (raises("no slash"), "test_reject_hosts_with_slash"),
        (gives("False"), "test_reject_hosts_with_slash"),
        (gives('"a"'), "test_f_one"),
    ],
)
def test_name__of_a_refusal_is_a_title_about_one(outcome: CallResult, expected: str) -> None:
    refused = case(call("1"), outcome, base=gives('"b"'))
    names = TestNames(subject(), [refused], title="fix: reject hosts with a slash (#7)")

    assert names.of(Test((refused,))) == expected


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        (
            "Commit: Fix f for names with more than two parts (#332)",
            "test_f_for_names_with_more_than_two_parts",
        ),
        ("fix(texts): f keeps the user's dots", "test_f_keeps_users_dots"),
        (f"f keeps its dots, {'and more ' * 20}", "test_f_keeps_its_dots"),
        ("f(): add the path", "test_f_add_path"),
        ("Read the clock once", "test_f_five"),
        ("Fix f", "test_f_five"),
        ("Fix f returning False for every part (#332)", "test_f_five"),
        ("fix: crash of f on an empty path", "test_f_five"),
        ("Round in f, keep signs, read texts", "test_f_five"),
        (f"f {'and more ' * 20}", "test_f_five"),
    ],
)
def test_name__of_what_a_title_says_about_the_member_is_that_title(title: str, expected: str) -> None:
    differs = case(call("5"), gives("10"), base=gives("9"))
    named = TestNames(subject(), [differs], title=title)

    assert named.of(Test((differs,))) == expected
    assert named.of(Test((differs,))) != expected


def test_name__is_not_one_of_the_project_if_there_is_another() -> None:
    differs = case(call('"!"'), gives("1"), base=gives("2"))
    existing = {"test_f", "test_f_a_exclamation_mark", "test_f_is_one"}

    assert TestNames(subject(), [differs], {"test_f"}).of(Test((differs,))) == "test_f_a_exclamation_mark"
    titled = TestNames(subject(), [differs], existing, "Read the clock once")
    assert titled.of(Test((differs,))) == "test_read_clock_once"
    assert TestNames(subject(), [differs], existing).of(Test((differs,))) in existing
