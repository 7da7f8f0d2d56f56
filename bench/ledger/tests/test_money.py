"""The project's own tests of amounts."""

import pytest

from ledger.money import discounted, format_amount, parse_amount, split_evenly, with_tax


@pytest.mark.parametrize(("text", "cents"), [("1", 100), ("1.5", 150), ("-2.05", -205), ("1,234", 123_400)])
def test_parse_amount(text: str, cents: int) -> None:
    assert parse_amount(text) == cents


def test_parse_amount__no_amount() -> None:
    with pytest.raises(ValueError, match="no amount"):
        parse_amount("much")


def test_format_amount() -> None:
    assert format_amount(-123_456, symbol="$") == "-$1,234.56"


def test_split_evenly() -> None:
    assert split_evenly(100, 3) == [34, 33, 33]


def test_with_tax() -> None:
    assert with_tax(1_000) == 1_190
    assert with_tax(1_000, "food") == 1_070


def test_discounted() -> None:
    assert discounted(1_000, 25, least=800) == 800
