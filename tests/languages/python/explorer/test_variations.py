from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from fakes.cases import call, on_object
from testsmith.languages.python.explorer.guidance import crossed, variations, varied
from testsmith.languages.python.explorer.literal_sites import Pair
from testsmith.languages.python.explorer.render.call_text import Argument
from testsmith.languages.python.explorer.render.expressions import Expression, Import, InputSource


def test_varied__gives_the_longest_text_what_the_change_is_about() -> None:
    made = [each.call for each in varied([call('"select 1"')], ["\\", "all"], [])]

    assert {
        r'f("sele\\ct 1")',
        r'f("select 1\\")',
        'f("select all")',
        'f("select 1all")',
        'f("SELECT 1")',
    } <= set(made[:8])
    assert 'f("select 1")' not in made


def test_varied__takes_code_that_the_authors_write_as_it_is() -> None:
    made = [each.call for each in varied([call('"Iterator[int]"')], ["tuple[()]"], [])]

    assert made[0] == 'f("tuple[()]")'


def test_varied__gives_a_test_the_texts_of_others_those_like_its_own_first() -> None:
    made = [each.call for each in varied([call('"a = {b = 1}"')], [], ["nothing", "a = {b = 1, c = 2}"])]

    assert made[0] == 'f("a = {b = 1, c = 2}")'
    assert 'f("nothing")' in made


def test_varied__replaces_a_key_by_other_words_of_the_longest_text() -> None:
    removed = replace(call(), setup=("doc = parse('{one: 1, two: 2}')", 'del doc["one"]'))

    made = ["; ".join(each.setup) for each in varied([removed], [], ["{one: 1, two: 2, three: 3}"])]

    assert "doc = parse('{one: 1, two: 2}'); del doc[\"two\"]" in made
    assert 'doc = parse("{one: 1, two: 2, three: 3}"); del doc["two"]' in made


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("'abc'", "0"), {"f('abc', 3)", "f('abc', -4)", "f('abc', -3)"}),
        (("[7, 8]", "0"), {"f([7, 8], 2)", "f([7, 8], -3)"}),
        (("range(10)", "0"), {"f(range(10), 10)", "f(range(10), -11)"}),
    ],
)
def test_variations__try_both_ends_of_containers(given: tuple[str, str], expected: set[str]) -> None:
    assert expected <= {made.call for made in variations(call(*given), ())}


def test_variations__escape_what_needs_no_escape_in_a_url() -> None:
    assert 'f("a%41b%20")' in {made.call for made in variations(call('"a%2Fb%20"'), ())}


def calls_near(argument: str, *pairs: Pair, most: int = 400) -> list[str]:
    return [made.call for made in variations(call(argument), pairs)][:most]


@pytest.mark.parametrize(
    ("argument", "pair", "expected"),
    [
        ("5", ("5", "1024"), "f(1024)"),
        ("5", ("5", "1024"), "f(1023)"),
        ("5", ("1024", "5"), "f(1025)"),
        ("5", ("-5", "8"), "f(-8)"),
        ("5", ("300", "3600"), "f(60)"),
        ("2.5", ("2.5", "10"), "f(10.0)"),
        ('"hello"', ('"hello"', '"world"'), 'f("world")'),
        ('"Hello"', ('"hello"', '"world"'), 'f("world")'),
        ('"a,b"', ('","', '";"'), 'f("a;b")'),
        ('"12"', ("12", "40"), 'f("40")'),
        ('"hello"', ("5", "3"), 'f("hel")'),
        ("[1, 2]", ("2", "4"), "f([1, 2, 1, 2])"),
        ('b"ab"', ("b'a'", "b'z'"), "f(b'zb')"),
        ("timedelta(days=1)", ("timedelta(days=1)", "timedelta(days=30)"), "f(timedelta(days=30))"),
        ("{'a': 1}", ("1", "7"), "f({'a': 7})"),
    ],
)
def test_variations__put_the_other_side_of_a_comparison_in_place(
    argument: str, pair: Pair, expected: str
) -> None:
    assert expected in calls_near(argument, pair)


def test_variations__change_each_literal_a_little() -> None:
    made = calls_near('"ab"')

    assert made[:4] == ['f("AB")', 'f("áb")', 'f("aba")', 'f("b")']
    assert 'f("")' in made
    assert len(made) == len(set(made))


def test_variations__of_a_text_with_a_number_are_infinite_first() -> None:
    assert calls_near('"4.2"')[0] == 'f("inf")'


def test_variations__keep_the_kind_of_a_literal() -> None:
    assert {type(ast.literal_eval(made[2:-1])) for made in calls_near("2.5", ("2.5", "10"))} == {float}


@pytest.mark.parametrize("argument", ["None", "True", "Path('ä')", "[", "x"])
def test_variations__of_what_has_no_literal_are_none(argument: str) -> None:
    assert calls_near(argument, ("5", "6")) == []


def test_variations__change_what_makes_the_object() -> None:
    made = [trial.setup for trial in variations(on_object("bag.grow(3)"), [("3", "10")])]

    assert ("bag = Bag()", "bag.grow(10)") in made


def test_variations__leave_parameters_alone_whose_values_are_named() -> None:
    assert [*variations(call("5"), [("5", "6")], fixed=["a"])] == []


def test_variations__are_told_from_what_was_planned() -> None:
    made = next(iter(variations(replace(call("5"), layer=InputSource.DOCUMENTED), [("5", "6")])))

    assert made.layer is InputSource.SEARCHED
    assert made.example is None


def test_crossed__takes_one_argument_of_the_other() -> None:
    one = replace(call("5"), arguments=(_given("a", "1"), _given("b", "2")))
    other = replace(
        call("5"), arguments=(_given("a", "1"), _given("b", "3"), _given("c", "4", by_keyword=True))
    )

    assert [made.call for made in crossed(one, other)] == ["f(1, 3)", "f(1, 2, c=4)"]


def test_crossed__brings_the_imports_along() -> None:
    date = Expression("date(2024, 1, 1)", frozenset({Import("datetime", "date")}))
    other = replace(call("5"), arguments=(Argument("a", date),))

    (made,) = crossed(call("5"), other)

    assert Import("datetime", "date") in made.imports


def test_crossed__of_calls_on_other_objects_is_nothing() -> None:
    assert [*crossed(call("5"), on_object("bag = Bag()"))] == []


def _given(name: str, text: str, *, by_keyword: bool = False) -> Argument:
    return Argument(name, Expression(text), by_keyword)


@pytest.mark.parametrize(
    ("value", "text", "expected"),
    [
        ("a <p>b</p>", "</script >", "a <p>b</p >"),
        ("a <p>b</p>", '</i foo="1">', 'a <p>b</p foo="1">'),
        ("a = 1", "x BETWEEN .03 AND .06", "x BETWEEN .03 AND .06"),
    ],
)
def test_varied__writes_like_the_authors_with_the_words_of_the_test(
    value: str, text: str, expected: str
) -> None:
    made = [ast.literal_eval(each.call[2:-1]) for each in varied([call(repr(value))], [text], [])]

    assert expected == made[0]


def test_variations__give_texts_an_accent_and_take_a_mark_from_them_only_to_compare_with_base() -> None:
    made = {each.call for each in variations(call('"[{a}]"'), ())}

    assert {'f("[{á}]")', 'f("[{a}")', 'f("[{a]")', 'f("[a}]")'} <= made
    assert 'f("[{a]")' not in {each.call for each in variations(call('"[{a}]"'), (), at_ends=False)}


def test_varied__puts_each_text_of_several_words_into_every_call_but_into_no_other_text() -> None:
    given = [call('"a"'), call('"bc"', name="format")]

    made = [each.call for each in varied(given, ["x is .03", "y is .06"], [])]

    assert made[:4] == ['f("x is .03")', 'f("y is .06")', 'format("x is .03")', 'format("y is .06")']
    assert not any("bx is" in each for each in made)
