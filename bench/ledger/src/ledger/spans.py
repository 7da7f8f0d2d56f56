"""Spans of time, in seconds and in days."""

from __future__ import annotations

from datetime import date, timedelta

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_SATURDAY = 5


def parse_span(text: str) -> int:
    """Return the seconds that a text such as `1h30m` means."""
    seconds, digits = 0, ""
    for letter in text:
        if letter.isdigit():
            digits += letter
        elif letter in _UNITS and digits:
            seconds += int(digits) * _UNITS[letter]
            digits = ""
        else:
            raise ValueError(f"no span: {text!r}")
    if digits or not text:
        raise ValueError(f"no span: {text!r}")
    return seconds


def format_span(seconds: int) -> str:
    """Return a span as text, the largest units first."""
    parts = []
    for unit, size in _UNITS.items():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def working_days(first: str, last: str) -> int:
    """Return how many days from the first to the last, both included, are no weekend."""
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    days = (end - start).days + 1
    return sum((start + timedelta(days=day)).weekday() < _SATURDAY for day in range(max(0, days)))


def overlap(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int] | None:
    """Return what two spans have in common; None where that is nothing."""
    start, end = max(one[0], other[0]), min(one[1], other[1])
    return (start, end) if start < end else None


def merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans in order, those that touch put together."""
    result: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result
