"""The project's own tests of spans."""

import pytest

from ledger.spans import format_span, merged, overlap, parse_span, working_days


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1h30m", 5_400), ("2d", 172_800)])
def test_parse_span(text: str, seconds: int) -> None:
    assert parse_span(text) == seconds


def test_format_span() -> None:
    assert format_span(93_784) == "1d2h3m4s"


def test_working_days() -> None:
    assert working_days("2026-01-01", "2026-01-07") == 5


def test_overlap() -> None:
    assert overlap((0, 5), (3, 9)) == (3, 5)
    assert overlap((0, 3), (3, 9)) is None


def test_merged() -> None:
    assert merged([(5, 7), (0, 2), (2, 3)]) == [(0, 3), (5, 7)]
