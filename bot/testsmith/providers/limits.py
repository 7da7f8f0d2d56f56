"""What an endpoint says of its rate limit beside an answer. Pure.

OpenAI and many compatible endpoints send `x-ratelimit-limit-requests`, `-remaining-requests` and
`-reset-requests`, a duration as `1s` or `6m0s` after which all requests are there again; Anthropic sends
`anthropic-ratelimit-requests-limit`, `-remaining` and `-reset`, a time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

MOST_SECONDS = 10.0
"""A longer pause is not taken by itself: a 429 says more surely that one is owed."""

_NAMES = (
    ("x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    (
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
    ),
)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "": 1.0}
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d|)")


def pause_after(headers: Mapping[str, str], now: float) -> float:
    """Return the seconds until there is one more request, where none is left; 0 where some are.

    Args:
        headers: Of the answer, looked up without regard to case.
        now: Seconds since the epoch.
    """
    for limit, remaining, reset in _NAMES:
        if headers.get(remaining, "").strip() == "0":
            requests = headers.get(limit, "").strip()
            share = int(requests) if requests.isdecimal() and len(requests) < len(str(10**9)) else 0
            return min(MOST_SECONDS, _seconds(headers.get(reset, ""), now) / max(1, share))
    return 0.0


def _seconds(said: str, now: float) -> float:
    """Return how long a duration is, or how far a time lies ahead; 0 for anything else."""
    parts = _PART.findall(said)
    if parts and "".join(map("".join, parts)) == said.strip():
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    try:
        return max(0.0, datetime.fromisoformat(said.strip()).timestamp() - now)
    except (ValueError, OverflowError):
        return 0.0
