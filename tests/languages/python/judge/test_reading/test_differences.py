from __future__ import annotations

import textwrap

import pytest

from testsmith.languages.python.judge.test_reading.differences import difference
from testsmith.model import Change, Member, MemberKind

MEMBER = Member(
    path="shop.py",
    name="total",
    language="python",
    change=Change.CHANGED,
    line=1,
    end_line=9,
    kind=MemberKind.FUNCTION,
    source="def total(prices): ...\n",
    module="shop",
)
NOW_NOTHING = "Failed: DID NOT RAISE <class 'ValueError'>"


def told(body: str, message: str, decorator: str = "", arguments: str = "") -> str:
    indented = textwrap.indent(body, "    ")
    code = f"import pytest\nfrom shop import total\n\n{decorator}\ndef test_x({arguments}):\n{indented}\n"
    return difference(code, MEMBER, "test_x", message)


@pytest.mark.parametrize(
    ("body", "message", "expected"),
    [
        ("assert total([1]) == 2", "assert 1 == 2\n +  where 1 = total([1])", "gave `2` before"),
        ("assert 2 == total([1])", "assert 2 == 1", "gave `2` before this change and gives `1` now"),
        ("assert total([1]) is None", "assert 1 is None", "gave `None` before this change and gives `1` now"),
        (
            "prices = [1]\nfound = total(prices)\nassert found == 'a'",
            "AssertionError: assert \"it's\" == 'a'\n  \n  - a\n  + it's",
            "gave `'a'` before this change and gives `\"it's\"` now",
        ),
        (
            "with pytest.raises(ValueError):\n    total([1])",
            NOW_NOTHING,
            "raised `ValueError` before this change and raises nothing now",
        ),
    ],
)
def test_difference__says_both(body: str, message: str, expected: str) -> None:
    assert told(body, message).startswith("`total([1])` ")
    assert expected in told(body, message)


def test_difference__of_the_row_that_fails() -> None:
    rows = '@pytest.mark.parametrize(("prices", "expected"), [([1], 1), ([2], 4)])'
    sentence = told("assert total(prices) == expected", "assert 2 == 4", rows, "prices, expected")
    assert sentence == "`total([2])` gave `4` before this change and gives `2` now"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("assert total([1]) == 2\nassert total([2]) == 2", "assert 1 == 2"),
        ("assert total([1]) == 2", "ValueError: no"),
        ("assert total([1]) == 2", "assert 1 == 3"),
        ("assert total([1]) == 2", "assert 1 == ..."),
        ("assert total([1]) > 2", "assert 1 > 2"),
        ("one = 1\nassert one == 2", "assert 1 == 2"),
        ("with pytest.raises(KeyError):\n    total([1])", NOW_NOTHING),
        ("assert total([1]) == 2", "assert `1 == 2"),
        ("assert total([1]) == (", "assert 1 == 2"),
    ],
)
def test_difference__nothing_where_it_cannot_be_told_which_call_differs(body: str, message: str) -> None:
    assert told(body, message) == ""
