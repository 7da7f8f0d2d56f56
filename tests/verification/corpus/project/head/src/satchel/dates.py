"""Dates, times and how long things take."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone

_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_STEPS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def parse_duration(text: str) -> timedelta:
    """Return a duration: `1h30m`, `2d`, `45s`.

    Raises:
        ValueError: It is no duration, or a unit stands in it twice.
    """
    parts = re.findall(r"(\d+)([dhms])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"no duration: {text!r}")
    if len({unit for _, unit in parts}) < len(parts):
        raise ValueError(f"a unit stands twice in {text!r}")
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
    """Return how old somebody is on a day; born on 29 February, one grows older on 1 March.

    Raises:
        ValueError: The day is before the birth.
    """
    if day < born:
        raise ValueError("not born yet")
    had_birthday = (day.month, day.day) >= (born.month, born.day)
    return day.year - born.year - (not had_birthday)


def next_weekday(day: date, weekday: int) -> date:
    """Return the next such weekday after a day; Monday is 0. It is never the day itself.

    Raises:
        ValueError: There is no such weekday.
    """
    if not 0 <= weekday <= 6:
        raise ValueError(f"no weekday: {weekday}")
    ahead = (weekday - day.weekday() - 1) % 7 + 1
    return day + timedelta(days=ahead)


def is_expired(until: datetime, *, now: datetime | None = None, leeway: int = 0) -> bool:
    """Tell whether a moment is over, some seconds of leeway granted.

    Args:
        until: The last moment, with its time zone.
        now: The present moment; that of the clock by default.
        leeway: Seconds.
    """
    present = datetime.now(timezone.utc) if now is None else now
    return present > until + timedelta(seconds=leeway)


def stamp(moment: datetime | None = None) -> str:
    """Return a moment as part of a file's name, as `20260131-235959`; now by default."""
    chosen = datetime.now() if moment is None else moment
    return chosen.strftime("%Y%m%d-%H%M%S")


def local_day(seconds: float) -> date:
    """Return the day on which a moment, in seconds since 1970, falls where the program runs."""
    return datetime.fromtimestamp(seconds).date()


def first_gap(days: Sequence[date]) -> int:
    """Return how many days lie in order without a gap, from the first on."""
    for index in range(1, len(days)):
        if days[index] - days[index - 1] != timedelta(days=1):
            return index


def quarter_end(day: date) -> date:
    """Return the last day of a day's quarter.

    >>> quarter_end(date(2026, 2, 3))
    datetime.date(2026, 3, 31)
    """
    month = (day.month - 1) // 3 * 3 + 3
    following = date(day.year + month // 12, month % 12 + 1, 1)
    return following - timedelta(days=1)
