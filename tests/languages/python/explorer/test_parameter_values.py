"""Values for parameters: from their types, the member's text, and guesses."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from testsmith.languages.python.explorer.inputs.argument_pool import Columns
from testsmith.languages.python.explorer.inputs.parameter_values import guessed, inputs
from testsmith.languages.python.explorer.inputs.stated_values import stated_texts, stated_values
from testsmith.languages.python.explorer.inputs.static_hints import (
    Hints,
    is_data_elsewhere,
    read_hints,
)
from testsmith.languages.python.explorer.inputs.values import values
from testsmith.languages.python.explorer.module_source import Documentation, read_module
from testsmith.languages.python.explorer.render.call_text import Argument
from testsmith.languages.python.explorer.render.expressions import Expression, Import, InputSource
from testsmith.languages.python.explorer.subjects import Callee, Description, Home, Parameter, Shape, Subject
from testsmith.model import Change, Member, MemberKind, Place, ShownChange

INT, STR, ANY = Shape(kind="int"), Shape(kind="str"), Shape(kind="any")


def member(text: str, name: str = "f", because: tuple[str, ...] = ()) -> Member:
    return Member(
        path="m.py",
        name=name,
        language="python",
        change=Change.ADDED,
        line=1,
        end_line=1,
        kind=MemberKind.FUNCTION,
        source=text,
        module="m",
        because_source=because,
    )


def hints(text: str, because: tuple[str, ...] = (), base: str | None = None) -> Hints:
    before = None if base is None else read_module(base, "m")
    return read_hints(member(text, because=because), read_module(text, "m"), before)


def texts(expressions: list[Expression]) -> list[str]:
    return [expression.text for expression in expressions]


@pytest.mark.parametrize(
    ("shape", "name", "first"),
    [
        (INT, "count", "3"),
        (INT, "thing", "5"),
        (STR, "user_name", '"alice"'),
        (STR, "thing", '"some text"'),
        (Shape(kind="list", parts=(STR,)), "names", '["alice", "pear", "apple"]'),
        (Shape(kind="dict", parts=(STR, INT)), "stock", '{"a": 3, "b": 1}'),
        (Shape(kind="tuple", parts=(INT, STR)), "pair", '(5, "pear")'),
        (Shape(kind="union", parts=(Shape(kind="none"), INT)), "n", "5"),
        (Shape(kind="callable", parts=(INT, Shape(kind="bool"))), "test", "bool"),
        (Shape(kind="literal", values=('"a"', '"b"')), "mode", '"a"'),
    ],
)
def test_values__begin_with_an_ordinary_one(shape: Shape, name: str, first: str) -> None:
    assert texts(values(shape, name))[0] == first


@pytest.mark.parametrize(
    "kind",
    [
        *("bool", "int", "float", "complex", "str", "bytes", "bytearray", "range", "list", "set", "none"),
        *("frozenset", "iterable", "iterator", "dict", "tuple", "tuple of", "callable", "class", "path"),
        *("text file", "binary file"),
    ],
)
def test_values__are_expressions_and_each_there_once(kind: str) -> None:
    found = texts(values(Shape(kind=kind), "thing"))

    assert found
    assert len(set(found)) == len(found)
    for text in found:
        ast.parse(text, mode="eval")


def test_values__of_an_unknown_type_are_none() -> None:
    assert values(Shape(kind="unknown"), "thing") == []


def test_values__of_a_class_are_calls_of_its_constructor() -> None:
    shape = Shape(
        kind="instance",
        home=Home(module="shop", path="Order"),
        parameters=(
            Parameter(name="item", shape=STR),
            Parameter(name="count", shape=INT, required=False, mode="keyword"),
        ),
    )

    found = values(shape, "order")

    assert texts(found)[:2] == ['Order("apple")', 'Order("apple", count=3)']
    assert found[0].imports == {Import("shop", "Order")}


def test_values__of_a_class_that_needs_what_nobody_knows_are_none() -> None:
    unknown = Parameter(name="x", shape=Shape(kind="unknown"))

    assert values(Shape(kind="instance", home=Home(module="m", path="C"), parameters=(unknown,)), "c") == []


def test_inputs__try_both_sides_of_a_comparison() -> None:
    found = inputs(Parameter(name="n", shape=INT), hints("def f(n):\n    return n > 40"), ())

    assert {"40", "39", "41"} <= set(texts(found)[:5])
    assert next(each for each in found if each.text == "41").layer is InputSource.BOUNDARY


def test_inputs__around_a_comparison_that_the_change_adds_or_removes_come_before_others() -> None:
    found = hints("def f(n):\n    return n > 40 or n == 7", base="def f(n):\n    return n > 40")
    documented = [Expression(str(number)) for number in range(100, 110)]

    assert texts(inputs(Parameter(name="n", shape=INT), found, documented))[:4] == ["100", "7", "6", "8"]


def test_inputs__hold_a_text_that_the_code_looks_for_in_them() -> None:
    text = "def f(path: str):\n    return path and ':' in path"

    found = texts(inputs(Parameter(name="path", shape=STR), hints(text), ()))

    assert found.index('"one:two"') < found.index('":"')


def test_exchanged__gives_options_that_the_code_looks_for_by_name() -> None:
    text = """def f(a: int, **given):
        given.get('if')
        given.pop('size', 0)
        return 'callback' in given or given['a']"""
    parameters = (
        Parameter(name="a", shape=INT),
        Parameter(name="given", shape=ANY, required=False, mode="keywords"),
    )
    callee = Callee(name="f", parameters=parameters, returns=ANY)
    of = Subject(
        member=member(text),
        description=Description(name="f", problem=None, callee=callee),
        source=read_module(text, "m"),
        hints=hints(text),
        documentation=Documentation(),
    )

    found = [[each.text() for each in row] for row in Columns(of).exchanged([Argument("a", Expression("1"))])]

    assert ["1", 'callback="callback"'] in found
    assert ["1", 'size="size"'] in found
    assert not any("if=" in each or "a=" in each for row in found for each in row)


def test_inputs__never_contradict_an_annotation() -> None:
    text = "def f(n: int):\n    return n == 'x' or n > 2.5 or n == 7"

    found = texts(inputs(Parameter(name="n", shape=INT), hints(text), ()))

    assert "7" in found
    assert all(each.lstrip("-").isdigit() for each in found)


def test_inputs__begin_with_what_the_documentation_gives() -> None:
    documented = [Expression(text, layer=InputSource.DOCUMENTED) for text in ("123", '"no number"')]

    found = inputs(Parameter(name="n", shape=INT), hints("def f(n): ..."), documented)

    assert texts(found)[:2] == ["123", "5"]
    assert '"no number"' not in texts(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f(s):\n    return s.startswith('x-')", '"x-text"'),
        ("def f(s):\n    return s.split(';')", '"one;two"'),
        ("def f(s):\n    return len(s) > 3", '"abcd"'),
        ("MARK = '#'\ndef f(s):\n    return s == MARK", '"#"'),
        ("KINDS = ('red', 'blue')\ndef f(s):\n    return s in KINDS", '"blue"'),
        ("def _g(x):\n    return x == 'deep'\ndef f(s):\n    return _g(s)", '"deep"'),
        ("def f(s):\n    match s:\n        case 'go':\n            return 1", '"go"'),
    ],
)
def test_inputs__meet_the_texts_of_the_source(text: str, expected: str) -> None:
    assert expected in texts(inputs(Parameter(name="s", shape=STR), hints(text), ()))


@pytest.mark.parametrize(
    "text",
    [
        "def f(s):\n    'documented'\n    return s",
        "def f(s):\n    raise ValueError('documented')",
        "def f(s: 'documented'):\n    return s",
        "@mark('documented')\ndef f(s):\n    return s",
    ],
)
def test_inputs__leave_out_texts_that_say_nothing_of_them(text: str) -> None:
    assert '"documented"' not in texts(inputs(Parameter(name="s", shape=STR), hints(text), ()))


def test_inputs__meet_the_constants_of_what_has_changed_below() -> None:
    found = hints("def f(n):\n    return n", because=("def _limit(x):\n    return x > 77",))

    assert "77" in texts(inputs(Parameter(name="n", shape=INT), found, ()))


def test_inputs__are_paths_where_paths_are_accepted() -> None:
    found = hints("def f(name):\n    return os.fspath(name)")

    assert 'Path("file.txt")' in texts(inputs(Parameter(name="name", shape=STR), found, ()))


def test_inputs__meet_what_base_compares_with_and_head_does_not() -> None:
    same = "\n    if n in (1, 2, 3, 4, 5, 6, 7, 8):\n        return 0"
    head = f"def f(n):{same}\n    return n > 500"
    base = f"def f(n):{same}\n    return n > 400"

    found = texts(inputs(Parameter(name="n", shape=INT), hints(head, base=base), ()))

    assert {"500", "400"} <= set(found[:8])


def test_inputs__that_both_sides_meet_are_there_once() -> None:
    text = "def f(n):\n    return n > 500"

    assert hints(text, base=text) == hints(text)


def test_inputs__meet_the_numbers_of_a_comprehension_and_what_rounds_up_to_them() -> None:
    text = "SIZES = [10**n for n in (3, 24)]\ndef f(n):\n    return bisect(SIZES, n)"

    found = texts(inputs(Parameter(name="n", shape=INT), hints(text), ()))

    assert {"1000", "999", str(10**24), str(10**24 - 1)} <= set(found)


def test_inputs__of_a_constant_that_names_itself_are_the_ordinary_ones() -> None:
    text = "A = A + 'x'\nB = re.compile(A)\ndef f(s):\n    return B.match(s)"

    assert texts(inputs(Parameter(name="s", shape=STR), hints(text), ()))[0] == '"some text"'


def test_inputs__of_a_duration_are_made_from_numbers() -> None:
    shape = Shape(kind="known", home=Home(module="datetime", path="timedelta"))

    found = texts(inputs(Parameter(name="d", shape=shape), hints("def f(d):\n    return d.days > 30"), ()))

    assert {"timedelta(days=30)", "timedelta(days=29)", "timedelta(seconds=30)"} <= set(found)


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        ("def f(x):\n    return x.lower()", "x", "str"),
        ("def f(x):\n    return x.items()", "x", "dict"),
        ("def f(x):\n    return isinstance(x, bytes)", "x", "bytes"),
        ("def f(when):\n    return 1", "when", "known"),
        ("def f(is_open):\n    return 1", "is_open", "bool"),
        ("def f(callback):\n    return 1", "callback", "callable"),
        ("def f(zzz):\n    return 1", "zzz", "union"),
    ],
)
def test_guessed__by_use_and_name(text: str, name: str, kind: str) -> None:
    uses = frozenset(hints(text).uses.get(name, ()))

    assert guessed(Parameter(name=name, shape=ANY), uses).kind == kind


@pytest.mark.parametrize(("use", "kinds"), [("len(text)", ["str", "list"]), ("text[0]", ["str", "list"])])
def test_guessed__texts_come_first_where_the_name_speaks_for_one(use: str, kinds: list[str]) -> None:
    uses = frozenset(hints(f"def f(text):\n    return {use}").uses["text"])

    assert [part.kind for part in guessed(Parameter(name="text", shape=ANY), uses).parts] == kinds


def test_hints__of_a_class_that_is_used_keep_to_the_method_that_has_the_name() -> None:
    text = (
        "def f(form):\n    return Made(form)\n"
        "class Made:\n"
        "    def __init__(self, form):\n        self.form = form.strip()\n"
        "    def other(self):\n        form = {}\n        return form.items()\n"
    )

    assert hints(text).uses["form"] == {"Made()", "strip"}


@pytest.mark.parametrize("name", ["rows", "data", "table"])
def test_values__of_what_is_named_after_rows_hold_lists(name: str) -> None:
    assert texts(values(Shape(kind="list"), name))[0] == '[["one", 1], ["three", 22]]'


@pytest.mark.parametrize(
    ("default", "kind"),
    [
        *(("True", "bool"), ('"x"', "str"), ("0", "int"), ("0.5", "float")),
        *(("[]", "list"), ("len", "callable")),
    ],
)
def test_guessed__by_default(default: str, kind: str) -> None:
    parameter = Parameter(name="zzz", shape=ANY, required=False, default=Expression(default))

    assert guessed(parameter, frozenset()).kind == kind


def test_stated_texts__are_code_in_the_intent_and_on_changed_lines_without_names() -> None:
    own = "@@ f @@\n def f(x):\n+    # `</a\\n>` ends it, too; see `f` and `g.h()`\n     # as `<b>` does"
    changed = replace(member("def f(x): 1"), shown_change=ShownChange(own=own))

    assert stated_texts(changed, "Read ``a = .03``") == ["</a\n>", "a = .03"]


def test_stated_texts__are_quoted_or_named_by_a_code_point() -> None:
    own = """@@ f @@\n+    # as in "https://a.test@b.test/", U+FF0F and '\\t'\n+    g("code", 'more')"""
    changed = replace(member("def f(x): 1"), shown_change=ShownChange(own=own))

    found = stated_texts(changed, "It isn't 'so', and it doesn't \"be\"")

    assert found == ["https://a.test@b.test/", "\t", "so", "be", "\uff0f"]


def test_stated_values__are_numbers_and_literals_of_comments_and_of_what_the_authors_say() -> None:
    own = "@@ f @@\n+    # 999999 is 999.999 kB\n+    return 1234\n-    # `[1, 2]`, not `07`"
    changed = replace(member("def f(x): 1"), shown_change=ShownChange(own=own))

    found = [value.text for value in stated_values(changed, "Fix -12 (#345), in 1.8.0 of 2026-01-02, `17`")]

    assert found == ["17", "999999", "999.999", "-12", '"[1, 2]"', '"07"', '"17"']


def test_inputs__of_the_authors_come_after_the_most_ordinary() -> None:
    hints = Hints(stated=[Expression("999999", layer=InputSource.USED), Expression('"kB"')])
    parameter = Parameter(name="size", shape=INT, required=True)

    assert texts(inputs(parameter, hints, [Expression("3000")]))[:2] == ["3000", "999999"]


def test_is_data_elsewhere__only_if_nothing_that_runs_changed() -> None:
    data = member("def f(x): 1", because=("WORDS = {1}",))
    place = Place(path="other.py", line=1, end_line=1)

    assert is_data_elsewhere(replace(data, because_places=(place,)))
    assert not is_data_elsewhere(replace(data, because_places=(replace(place, path=data.path),)))
    assert not is_data_elsewhere(replace(data, because_source=("def g(): 1",), because_places=(place,)))
    assert not is_data_elsewhere(member("def f(x): 1"))
