"""The text of tests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.cases import call, case, fact, gives, on_object, raises
from testsmith.languages.python.explorer.cases import CallResult, Case
from testsmith.languages.python.explorer.render.assertions import match_text, spread
from testsmith.languages.python.explorer.render.call_text import Slot
from testsmith.languages.python.explorer.render.expressions import Import
from testsmith.languages.python.explorer.render.summaries import Test
from testsmith.languages.python.explorer.render.test_module import CannotRender, write_module
from testsmith.languages.python.explorer.subjects import Home
from testsmith.languages.python.explorer.trial import Trial
from testsmith.languages.source import DocumentedExample


def body(made: Case) -> str:
    """Return what follows the imports in a module of one test."""
    code = write_module([("test_it", Test((made,)))], "m")
    return code[code.index("def test_it") :]


def table(*cases: Case) -> str:
    return write_module([("test_it", Test(cases))], "m")


def test_module__sorts_imports_and_leaves_out_what_nothing_uses() -> None:
    made = case(call("1"), gives("Decimal(1)", Import("decimal", "Decimal")))
    trial = replace(made.trial, imports=made.trial.imports | {Import("os")})

    assert write_module([("test_it", Test((replace(made, trial=trial),)))], "m") == (
        "from decimal import Decimal\n\nfrom m import f\n\n\ndef test_it():\n    assert f(1) == Decimal(1)\n"
    )


def test_module__refuses_two_things_by_one_name() -> None:
    first = case(call("1"), gives("date(2024, 1, 1)", Import("datetime", "date")))
    second = case(call("2"), gives("date(1)", Import("m", "date")))

    with pytest.raises(CannotRender):
        write_module([("test_a", Test((first,))), ("test_b", Test((second,)))], "m")


def test_single__of_a_value() -> None:
    assert (
        body(case(call("1", options={"b": "2"}), gives("3"))) == "def test_it():\n    assert f(1, b=2) == 3\n"
    )


@pytest.mark.parametrize(
    ("form", "expression"),
    [
        ("awaited", "asyncio.run(f(1))"),
        ("listed", "list(f(1))"),
        ("begun", "list(islice(f(1), 5))"),
    ],
)
def test_single__brings_the_value_out(form: str, expression: str) -> None:
    assert f"assert {expression} == [2]" in body(case(call("1"), gives("[2]", form=form)))


def test_single__enters_a_context() -> None:
    assert body(case(call("1"), gives("2", form="entered"))) == (
        "def test_it():\n    with f(1) as entered:\n        assert entered == 2\n"
    )


def test_single__compares_truth_by_identity_and_nan_by_name() -> None:
    nan = CallResult(kind="value", relation="nan")

    assert "assert f(1) is True\n" in body(case(call("1"), gives("True")))
    assert "assert all(1)\n" in body(case(call("1", name="all"), gives("True")))
    assert "assert math.isnan(f(1))\n" in body(case(call("1"), nan))


def test_single__sets_a_comparison_in_brackets() -> None:
    trial = Trial(imports=frozenset(), pieces=("1 == 2",))

    assert "assert (1 == 2) is False\n" in body(case(trial, gives("False")))
    assert "assert 1 == 2\n" in body(case(trial, gives("True")))


def test_single__puts_an_object_that_is_used_once_into_the_call() -> None:
    assert body(case(on_object(), gives("1"))) == 'def test_it():\n    assert Bag().put("x") == 1\n'


def test_single__states_what_is_left_behind() -> None:
    made = case(on_object(), gives("None"), state=[fact("bag.items", '["x"]', "[]")])

    assert body(replace(made, with_state=True)) == (
        'def test_it():\n    bag = Bag()\n    bag.put("x")\n\n    assert bag.items == ["x"]\n'
    )


def test_single__sets_the_call_apart_where_more_comes_before() -> None:
    made = case(on_object('bag.put("a")'), gives("None"), state=[fact("bag.size", "2", "1")])

    assert '    bag.put("a")\n\n    bag.put("x")\n\n    assert bag.size == 2\n' in body(
        replace(made, with_state=True)
    )


def test_single__of_an_exception() -> None:
    assert body(case(call("1"), raises("must be positive"))) == (
        'def test_it():\n    with pytest.raises(ValueError, match="must be positive"):\n        f(1)\n'
    )


def test_single__of_an_exception_of_the_project() -> None:
    code = table(case(call("1"), raises(None, "Refused", "m.errors")))

    assert "from m.errors import Refused\n" in code
    assert "with pytest.raises(Refused):\n" in code


def test_single__of_an_object() -> None:
    outcome = CallResult(
        kind="object",
        home=Home(module="m", path="Order"),
        facts=(fact("{}.item", '"a"'), fact("len({})", "1"), fact("repr({})", '"Order()"')),
    )

    assert body(case(call("1"), outcome)) == (
        'def test_it():\n    order = f(1)\n\n    assert order.item == "a"\n    assert len(order) == 1\n'
    )


def test_single__of_what_is_printed() -> None:
    outcome = replace(gives('"hi\\n"'), kind="printed")

    assert body(case(call("1"), outcome)) == (
        'def test_it(capsys):\n    f(1)\n\n    assert capsys.readouterr().out == "hi\\n"\n'
    )


def test_single__works_in_a_folder_of_its_own_where_it_writes() -> None:
    made = case(call('"out.txt"'), gives("1"))

    assert body(replace(made, seen=replace(made.seen, writes=True))) == (
        'def test_it(monkeypatch, tmp_path):\n    monkeypatch.chdir(tmp_path)\n    assert f("out.txt") == 1\n'
    )


def test_single__states_the_documented_value_whatever_the_code_gives() -> None:
    example = DocumentedExample(setup=(), call="f(1)", expected="'one'", exception=None, line=3)
    trial = replace(call("1"), example=example)

    assert 'assert f(1) == "one"\n' in body(case(trial, gives('"two"', agrees=False)))


def test_single__states_the_documented_exception_whatever_the_code_gives() -> None:
    example = DocumentedExample(setup=(), call="f(1)", expected=None, exception="ValueError", line=3)
    trial = replace(call("1"), example=example)

    assert "with pytest.raises(ValueError):\n        f(1)\n" in body(case(trial, gives("1", agrees=False)))


def test_table__of_values() -> None:
    assert table(*(case(call(str(n), "0"), gives(str(n))) for n in (1, 2, 30))) == (
        "import pytest\n\nfrom m import f\n\n\n"
        "@pytest.mark.parametrize(\n"
        '    ("a", "expected"),\n'
        "    [\n"
        "        (1, 1),\n"
        "        (2, 2),\n"
        "        (30, 30),\n"
        "    ],\n"
        ")\n"
        "def test_it(a, expected):\n"
        "    assert f(a, 0) == expected\n"
    )


def test_table__has_no_column_for_what_is_the_same_in_all_rows() -> None:
    code = table(*(case(call(str(n)), gives("True")) for n in (1, 2, 3)))

    assert '    "a",\n' in code
    assert "def test_it(a):\n    assert f(a) is True\n" in code


def test_table__of_exceptions() -> None:
    code = table(*(case(call(str(n)), raises("no")) for n in (1, 2, 3)))

    assert 'def test_it(a):\n    with pytest.raises(ValueError, match="no"):\n        f(a)\n' in code


@pytest.mark.parametrize(
    ("message", "pattern"),
    [
        (None, ""),
        ("", ""),
        ("must be positive", '"must be positive"'),
        ("must be positive.", '"must be positive"'),
        ("got 'x', not 'y'", "\"got 'x', not 'y'\""),
        ("[a] (b) {c}", 'r"\\[a\\] \\(b\\) \\{c\\}"'),
        ("No b'.' found", "r\"No b'\\.' found\""),
        ("it's wrong", '"it\'s wrong"'),
        ("word " * 30, '"word word word word word word word word word word word word"'),
    ],
)
def test_match_text__is_plain_where_it_can_be(message: str | None, pattern: str) -> None:
    assert match_text(message) == pattern


def test_long_text__stands_in_one_literal_a_line() -> None:
    text = "a first line of some length\n" * 2 + "and another one that ends it\n"

    assert body(case(call("1"), gives(repr(text).replace("'", '"')))) == (
        "def test_it():\n"
        '    assert f(1) == ("a first line of some length\\n" "a first line of some length\\n"'
        ' "and another one that ends it\\n")\n'
    )


@pytest.mark.parametrize("text", ['"short\\n"', "[" + '"a", ' * 30 + "]", '"' + "x" * 70 + '"', '"a b"'])
def test_spread__leaves_all_else_as_it_is(text: str) -> None:
    assert spread(text) == text


def test_spread__breaks_long_lines_between_words() -> None:
    assert spread('"' + "word " * 20 + '"') == '("' + "word " * 12 + '" "' + "word " * 8 + '")'


def test_single__makes_its_object_once_where_it_is_used_twice() -> None:
    trial = replace(on_object(), pieces=(Slot.RECEIVER, ".get(", Slot.RECEIVER, ".put(", Slot.ALL, "))"))

    assert body(case(trial, gives("1"))) == (
        'def test_it():\n    bag = Bag()\n    assert bag.get(bag.put("x")) == 1\n'
    )
