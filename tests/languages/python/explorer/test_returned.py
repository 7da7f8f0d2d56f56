"""What functions give back, read from their text."""

from __future__ import annotations

import ast

import pytest

from testsmith.languages.python.explorer.inputs.function_arguments import (
    decorator_in,
    noting_calls,
    returned_functions,
)
from testsmith.languages.python.explorer.module_source import read_module

PLAIN = """
def make(func):
    def wrapper(*args):
        return func(*args)
    return {}
"""


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("wrapper", ["wrapper"]),
        ("functools.update_wrapper(wrapper, func)", ["wrapper"]),
        ("wraps(func)(wrapper)", ["wrapper"]),
        ("wrapper if func else None", ["wrapper"]),
        ("wrapper(1)", ["wrapper"]),
        ("func", []),
    ],
)
def test_returned_functions__are_those_inside_that_are_given_back(given: str, names: list[str]) -> None:
    (node,) = ast.parse(PLAIN.format(given)).body

    found = returned_functions(node)

    assert [each.name for each in found if isinstance(each, ast.FunctionDef)] == names


def test_returned_functions__of_a_helper_count() -> None:
    text = "def outer(times):\n    return _make(times)\n\ndef _make(times):\n    return lambda func: func\n"
    definitions = read_module(text, "m").definitions

    assert len(returned_functions(definitions["outer"], definitions)) == 1
    assert returned_functions(definitions["outer"]) == []


def test_decorator__takes_one_function() -> None:
    (node,) = ast.parse(
        "def cached(cache):\n    def decorator(func):\n        pass\n    return decorator"
    ).body
    (other,) = ast.parse("def adder(n):\n    def add(number):\n        pass\n    return add").body

    assert decorator_in(returned_functions(node)) is not None
    assert decorator_in(returned_functions(other)) is None


@pytest.mark.parametrize(
    ("statement", "noted"),
    [
        ("done(a, b)", (["a", "b"], False)),
        ("await done(a.x)", (["value_1"], True)),
        ("x = done(a)", None),
        ("other(a)", None),
    ],
)
def test_callback__notes_where_nothing_is_done_with_what_it_gives(
    statement: str, noted: tuple[list[str], bool] | None
) -> None:
    (node,) = ast.parse(f"async def f(a, b, done):\n    {statement}").body

    assert noting_calls(node, "done") == noted
