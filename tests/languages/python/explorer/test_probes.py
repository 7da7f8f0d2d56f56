"""Expressions of the authors' texts that can be run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.cases import call, case, gives
from fakes.requests import make_member
from testsmith.languages.python.explorer.module_source import read_module
from testsmith.languages.python.explorer.probes import StatedNames, probe_facts, stated_inputs

MODULE = """
from datetime import date
from shop._rates import RATES, shop

LIMIT = 50

def price(weight, day=None): ...
class Cart: ...
def _round(value): ...
"""
NAMES = StatedNames(
    member=replace(make_member("shop/prices.py::price"), module="shop"),
    source=read_module(MODULE, "shop.prices"),
    owned={"shop"},
)


def stated(text: str) -> list[str]:
    """The inputs in a text, each on one line."""
    return [each.replace("\n", "; ") for each in stated_inputs(text, NAMES)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("`price(3)` was 4.", ["from shop import price; price(3)"]),
        ("``price(3) == 4`` holds.", ["from shop import price; price(3)"]),
        (
            "`price(1, date(2024, 2, 29))`",
            ["from datetime import date; from shop import price; price(1, date(2024, 2, 29))"],
        ),
        (
            "`shop.price(3)` and `len(Cart(2))`",
            ["import shop; shop.price(3)", "from shop import Cart; len(Cart(2))"],
        ),
        ("`json.dumps(price(0))`", ["import json; from shop import price; json.dumps(price(0))"]),
    ],
)
def test_span__is_run_with_the_imports_of_its_names(text: str, expected: list[str]) -> None:
    assert stated(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("price(3)", "`price()`", "`shop.price()`", "`price`", "`price(weight)`", "`price(3`"),
        *(
            "`len([])`",
            "`os.system('true')`",
            "`_round(price(1))`",
            "`RATES[price(1)]`",
            "`requests.get(price(1))`",
        ),
    ],
)
def test_span__without_a_certain_meaning_is_left_out(text: str) -> None:
    assert stated(text) == []


def test_examples__keep_the_assignments_that_they_need() -> None:
    text = """Before:

        >>> cart = Cart(1)
        >>> limit = 5
        >>> cart.total()
        7
        >>> print(price(2))
        9
    """
    assert stated(text) == [
        "from shop import Cart; cart = Cart(1); cart.total()",
        "from shop import price; price(2)",
    ]


def test_fenced_block__is_one_script() -> None:
    code = "from shop import price as cost\n\nlight = cost(1)\nassert cost(light) == 2"
    text = f"```python\n{code}\n```\n\n```\nprice(\n```"
    assert stated(text) == ["from shop import price as cost; light = cost(1); cost(light)"]


def test_many__are_cut_and_none_is_repeated() -> None:
    text = " ".join(f"`price({weight})` `price(1)`" for weight in range(40))
    assert len(set(stated(text))) == len(stated(text)) == 6


def test_probe_facts__of_inputs_that_run_the_member_or_show_a_difference() -> None:
    member = make_member("m.py::f", "def f(a):\n    return a\n")
    cases = [
        case(call("1"), gives("False"), lines={8}, base=gives("False")),
        case(call("2"), gives("2"), lines={2, 8}, base=gives("2")),
        case(call("3"), gives("True"), lines={8}, base=gives("False")),
    ]
    assert probe_facts(cases, member) == (
        "`f(3)` gave `False` before this change and gives `True` now.",
        "`f(2)` gives `2`, as before this change",
    )
