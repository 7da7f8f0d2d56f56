"""The project's own tests of words."""

import pytest

from ledger.words import boxed, listed, ordinal, roman, slug


def test_slug() -> None:
    assert slug("Crème brûlée, twice!") == "creme-brulee-twice"


@pytest.mark.parametrize(("number", "text"), [(1, "1st"), (2, "2nd"), (12, "12th"), (23, "23rd")])
def test_ordinal(number: int, text: str) -> None:
    assert ordinal(number) == text


def test_listed() -> None:
    assert listed(["one", "two", "three"]) == "one, two, and three"


def test_roman() -> None:
    assert roman(1994) == "MCMXCIV"


def test_boxed() -> None:
    assert boxed("hi", 2) == "+----+\n| hi |\n+----+"
