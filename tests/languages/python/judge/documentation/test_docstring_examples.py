"""Docstring examples, read without running anything."""

import textwrap

import pytest

from testsmith.languages.python.judge.documentation.docstring_examples import (
    ShownCall,
    documented_examples,
    shown_calls,
)
from testsmith.languages.source import DocumentedExample
from testsmith.model import Change, Member, MemberKind


def member(docstring: str, *, head: str = "def f(x):", line: int = 10) -> Member:
    body = textwrap.indent(textwrap.dedent(docstring).strip("\n"), "    ")
    source = f'{head}\n    r"""Do it.\n\n{body}\n    """\n'
    return Member(
        path="m.py",
        name="f",
        language="python",
        change=Change.ADDED,
        line=line,
        end_line=line + source.count("\n"),
        kind=MemberKind.FUNCTION,
        source=source,
        module="m",
    )


def only(docstring: str) -> DocumentedExample:
    (example,) = documented_examples(member(docstring))
    return example


def test_documented_examples__gives_call_value_and_line_in_the_file() -> None:
    examples = documented_examples(member(">>> f(1)\n2\n>>> f(2)\n'two'", line=10))

    assert [(example.call, example.expected, example.line) for example in examples] == [
        ("f(1)", "2", 13),
        ("f(2)", "'two'", 15),
    ]


def test_documented_examples__counts_lines_from_a_decorator() -> None:
    (example,) = documented_examples(member(">>> f(1)\n2", head="@cache\ndef f(x):", line=40))

    assert example.line == 44


def test_documented_examples__reads_the_docstring_of_a_class() -> None:
    (example,) = documented_examples(member(">>> F(1).x\n1", head="class F:"))

    assert example.call == "F(1).x"


@pytest.mark.parametrize("head", ["async def f(x):", "def f(x):", "class f:"])
def test_documented_examples__without_a_docstring(head: str) -> None:
    plain = member(">>> f(1)\n2", head=head)
    bare = Member(**{**{name: getattr(plain, name) for name in plain.__slots__}, "source": f"{head} x"})

    assert documented_examples(bare) == ()


def needed(docstring: str) -> tuple[str, ...]:
    """Return the statements that the last call of a docstring seems to need."""
    return shown_calls(member(docstring))[-1].needed


def test_documented_examples__all_lines_before_an_example_are_its_setup() -> None:
    example = documented_examples(
        member(
            """
            >>> import os
            >>> seen = []
            >>> func = lambda item: seen.append(item * 2)
            >>> list(f(func))
            [1, 2]
            >>> f(None)
            Traceback (most recent call last):
                ...
            ValueError: no
            >>> g()  # doctest: +SKIP
            4
            >>> list(seen)
            [2, 4]
            """
        )
    )[-1]

    assert example.call == "list(seen)"
    assert example.setup == (
        "import os",
        "seen = []",
        "func = lambda item: seen.append(item * 2)",
        "list(f(func))",
        "from contextlib import suppress",
        "with suppress(Exception):\n    f(None)",
    )


def test_shown_calls__need_the_bindings_of_their_names() -> None:
    text = """
        >>> from datetime import date
        >>> import os
        >>> start = date(2020, 1, 1)
        >>> f(start)
        'new year'
        """

    assert needed(text) == ("from datetime import date", "start = date(2020, 1, 1)")


def test_shown_calls__do_not_need_earlier_examples_of_plain_calls() -> None:
    assert needed(">>> f(1)\n1\n>>> f(2)\n2") == ()


def test_shown_calls__need_earlier_examples_that_share_an_object() -> None:
    text = ">>> it = iter([1, 2])\n>>> next(it)\n1\n>>> next(it)\n2"

    assert needed(text) == ("it = iter([1, 2])", "next(it)")


def test_shown_calls__need_earlier_examples_of_what_was_made_together() -> None:
    text = """
        >>> first, others = f(iter("abc"))
        >>> list(first)
        ['a']
        >>> list(others)
        ['b', 'c']
        """

    assert needed(text) == ('first, others = f(iter("abc"))', "list(first)")


def test_shown_calls__nothing_alters_a_constant() -> None:
    text = """
        >>> delta = timedelta(days=1)
        >>> f(delta)
        'a day'
        >>> delta = timedelta(days=2)
        >>> f(delta)
        '2 days'
        """

    assert needed(text) == ("delta = timedelta(days=2)",)


def test_shown_calls__do_not_need_statements_without_their_names() -> None:
    assert needed(">>> now = today().isoformat()\n>>> f(now)\n1\n>>> f('2020')\n2") == ()


def test_shown_calls__do_not_need_an_example_that_raises() -> None:
    text = """
        >>> x = g()
        >>> f(x)
        Traceback (most recent call last):
            ...
        ValueError: no
        >>> f(x + 1)
        3
        """

    assert [(example.call, example.exception) for example in documented_examples(member(text))] == [
        ("f(x)", "ValueError"),
        ("f(x + 1)", None),
    ]
    assert needed(text) == ("x = g()",)


def test_documented_examples__joins_calls_and_values_of_several_lines() -> None:
    example = only(
        """
        >>> f([1,
        ...    2])
        {'a': 1,
         'b': 2}
        """
    )

    assert example.call == "f([1,\n   2])"
    assert example.expected == "{'a': 1, 'b': 2}"


def test_documented_examples__takes_a_printed_text_as_the_value_of_str() -> None:
    example = only(">>> print(f(1))\none\n<BLANKLINE>\ntwo")

    assert (example.call, example.expected) == ("str(f(1))", repr("one\n\ntwo"))


def test_documented_examples__takes_what_pprint_shows_as_the_value() -> None:
    example = only(">>> pprint(f(1))\n{'a': 1,\n 'b': 2}")

    assert (example.call, example.expected) == ("f(1)", "{'a': 1, 'b': 2}")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(">>> f(1)  # doctest: +SKIP\n2", id="skipped"),
        pytest.param(">>> f(1)  # doctest: +ELLIPSIS\n[1, ...]", id="an ellipsis for anything"),
        pytest.param(">>> f(1)  # doctest: +ELLIPSIS\n'a...'", id="an ellipsis in a text"),
        pytest.param(">>> print(f(1))  # doctest: +NORMALIZE_WHITESPACE\na  b", id="any blanks will do"),
        pytest.param(">>> f(1)\n[1, ...]", id="an ellipsis without the directive"),
        pytest.param(">>> f(1)\n<F object at 0x7f00>", id="an address"),
        pytest.param(">>> f(1)\nNot a value", id="words"),
        pytest.param(">>> f(1)\nunknown", id="a bare name"),
        pytest.param(">>> f(1)", id="nothing shown"),
        pytest.param(">>> x = f(1)\n2", id="a statement"),
        pytest.param(">>> print(f(1), f(2))\n1 2", id="two things printed"),
        pytest.param(">>> await f(1)\n2", id="awaited at top level"),
        pytest.param(">>> f(\n2", id="broken"),
        pytest.param(">>>f(1)\n2", id="a prompt without a blank"),
    ],
)
def test_documented_examples__leaves_out_what_states_no_value(text: str) -> None:
    assert documented_examples(member(text)) == ()


@pytest.mark.parametrize(
    "value",
    [
        "-1",
        "1.5e3",
        "(1,)",
        "[]",
        "{'a': {1, 2}}",
        "None",
        "Decimal('1.5')",
        "a.B(x=[1])",
        "1+2j",
        "b'x'",
        "Color.RED",
    ],
)
def test_documented_examples__reads_values_of_many_shapes(value: str) -> None:
    assert only(f">>> f(1)\n{value}").expected == value


def test_documented_examples__leaves_out_directives_and_comments() -> None:
    examples = documented_examples(member(">>> y = 2  # two\n>>> f(y)  # doctest: +NORMALIZE_WHITESPACE\n2"))

    assert [(example.setup, example.call) for example in examples] == [(("y = 2",), "f(y)")]


def test_documented_examples__keeps_dots_of_a_text_without_the_directive() -> None:
    assert only(">>> f('a long text')\n'a lo...'").expected == "'a lo...'"


def test_shown_calls__gives_calls_whose_value_cannot_be_read() -> None:
    shown = shown_calls(member(">>> y = 3\n>>> f(y)\n<F>\n>>> g(2)  # doctest: +SKIP\n1"))

    assert shown == (ShownCall(setup=("y = 3",), needed=("y = 3",), call="f(y)", line=14),)
