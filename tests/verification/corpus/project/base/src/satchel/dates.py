"""Dates, times and how long things take."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone

_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_STEPS = ((3600, "hour"), (60, "minute"), (1, "second"))


def parse_duration(text: str) -> timedelta:
    """Return a duration: `1h30m`, `2d`, `45s`.

    Raises:
        ValueError: It is no duration.
    """
    parts = re.findall(r"(\d+)([dhms])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"no duration: {text!r}")
    return timedelta(seconds=sum(int(number) * _SECONDS[unit] for number, unit in parts))


def humanise(delta: timedelta) -> str:
    """Return a duration in its largest unit: `2 hours`.

    >>> humanise(timedelta(hours=2, minutes=50))
    '2 hours'
    """
    seconds = abs(int(delta.total_seconds()))
    for length, name in _STEPS:
        if seconds >= length:
            count = seconds // length
            return f"{count} {name}" if count == 1 else f"{count} {name}s"
    return "now"


def age_on(born: date, day: date) -> int:
    """Return how old somebody is on a day.

    Raises:
        ValueError: The day is before the birth.
    """
    if day < born:
        raise ValueError("not born yet")
    return (day - born).days // 365


def is_expired(until: datetime, *, now: datetime | None = None) -> bool:
    """Tell whether a moment is over.

    Args:
        until: The last moment, with its time zone.
        now: The present moment; that of the clock by default.
    """
    present = datetime.now(timezone.utc) if now is None else now
    return present >= until


def stamp(moment: datetime | None = None) -> str:
    """Return a moment as part of a file's name, as `20260131`; now by default."""
    chosen = datetime.now() if moment is None else moment
    return chosen.strftime("%Y%m%d")


def first_gap(days: Sequence[date]) -> int:
    """Return how many days lie in order without a gap, from the first on."""
    for index in range(1, len(days)):
        if days[index] - days[index - 1] != timedelta(days=1):
            return index
    return len(days)
