"""What exceptions lead to: the next value to give instead."""

from __future__ import annotations

import pytest

from fakes.cases import call
from fakes.workspaces import function_member
from testsmith.languages.python.explorer.argument_repair import repaired_arguments
from testsmith.languages.python.explorer.cases import CallResult, Observation
from testsmith.languages.python.explorer.inputs.static_hints import Hints
from testsmith.languages.python.explorer.module_source import Documentation, read_module
from testsmith.languages.python.explorer.subjects import Callee, Description, Parameter, Shape, Subject

ANY, INT = Shape(kind="any"), Shape(kind="int")
SOURCE = "def f(a):\n    return a\n"


def subject(shape: Shape) -> Subject:
    callee = Callee(name="f", parameters=(Parameter(name="a", shape=shape),), returns=ANY)
    return Subject(
        member=function_member(SOURCE, "f", "m.py"),
        description=Description(name="f", problem=None, callee=callee),
        source=read_module(SOURCE, "m"),
        hints=Hints(),
        documentation=Documentation(),
    )


def steps(given: str, reason: str, shape: Shape = ANY) -> list[str]:
    """Return what is given instead of an argument after an exception."""
    outcome = CallResult(kind="none", reason=reason, error=reason.partition(":")[0])
    found = repaired_arguments(subject(shape), {0: call(given)}, {0: Observation(outcome=outcome)})
    return [trial.arguments[0].value.text for trial in found]


@pytest.mark.parametrize(
    ("given", "reason", "first"),
    [
        ("5", "AttributeError: 'int' object has no attribute 'days'", "timedelta(days=1)"),
        ("5", "TypeError: 'int' object is not iterable", "[3, 1, 2]"),
        ('"x"', "TypeError: 'str' object is not callable", "str"),
        ('"x"', "TypeError: unsupported operand type(s) for +: 'int' and 'str'", "5"),
        ('"x"', "KeyError: 'title'", None),
        ('{"a": 1}', "KeyError: 'title'", '{"title": "Hello World"}'),
        ('{"name": 1}', "KeyError: 'title'", '{"name": 1, "title": "Hello World"}'),
        ('"x"', "ValueError: invalid literal for int() with base 10: 'x'", '"12"'),
        ('"x"', "ValueError: time data 'x' does not match format '%d.%m.%Y'", '"29.02.2024"'),
        ("5", "AttributeError: 'str' object has no attribute 'days'", None),
    ],
)
def test_step__is_what_the_exception_asks_for(given: str, reason: str, first: str | None) -> None:
    assert next(iter(steps(given, reason)), None) == first


def test_annotation__says_more_than_an_exception() -> None:
    assert steps("5", "TypeError: 'int' object is not iterable", INT) == []
