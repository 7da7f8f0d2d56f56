from __future__ import annotations

import pytest

from testsmith.providers.limits import MOST_SECONDS, pause_after

NOW = 1_790_000_000.0


def openai_says(remaining: str, reset: str, limit: str = "60") -> dict[str, str]:
    return {
        "x-ratelimit-limit-requests": limit,
        "x-ratelimit-remaining-requests": remaining,
        "x-ratelimit-reset-requests": reset,
    }


@pytest.mark.parametrize(
    ("reset", "limit", "seconds"),
    [
        ("60s", "60", 1.0),
        ("1m0s", "60", 1.0),
        ("1h30m", "5400", 1.0),
        ("120ms", "1", 0.12),
        ("17", "10", 1.7),
        ("59.5s", "1", MOST_SECONDS),
        ("24h", "200", MOST_SECONDS),
        ("soon", "60", 0.0),
        ("", "60", 0.0),
        ("-5s", "60", 0.0),
        ("4s", "none", 4.0),
    ],
)
def test_pause_after__none_left__until_there_is_one_more(reset: str, limit: str, seconds: float) -> None:
    assert pause_after(openai_says("0", reset, limit), NOW) == pytest.approx(seconds)


def test_pause_after__some_left_or_nothing_said__none() -> None:
    assert pause_after(openai_says("1", "60s"), NOW) == 0
    assert pause_after({}, NOW) == 0


@pytest.mark.parametrize(("reset", "seconds"), [("2026-09-21T14:13:50Z", 0.6), ("2020-01-01T00:00:00Z", 0.0)])
def test_pause_after__a_time(reset: str, seconds: float) -> None:
    said = {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": reset,
    }
    assert pause_after(said, NOW) == pytest.approx(seconds)
