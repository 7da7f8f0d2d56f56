"""Numbers: sizes, shares, means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

_UNITS = ("B", "kB", "MB", "GB", "TB")



def clamp(value: float, low: float, high: float) -> float:
    """Return the value, or the bound that it lies beyond."""
    if value < low:
        return low
    return high if value > high else value


def parse_size(text: str) -> int:
    """Return a size in bytes: `10`, `1.5 kB`, `2MB`. Units count by 1000.

    Raises:
        ValueError: It is no size.

    >>> parse_size("1.5 kB")
    1500
    """
    number = text.strip().rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    unit = text.strip()[len(number) :] or "B"
    for power, name in enumerate(_UNITS):
        if name == unit and _is_number(number):
            return int(Decimal(number.strip()) * 1000**power)
    raise ValueError(f"no size: {text!r}")


def _is_number(text: str) -> bool:
    digits = text.strip().replace(".", "", 1)
    return digits.isascii() and digits.isdigit()


def percent(part: float, whole: float) -> float:
    """Return a part in percent of the whole."""
    return part * 100 / whole if whole else 0.0


def running_mean(values: Iterable[float], size: int = 3) -> Iterator[float]:
    """Yield the mean of the last values, as many of the last `size` as there are."""
    window: list[float] = []
    for value in values:
        window.append(value)
        if len(window) > size:
            del window[0]
        yield sum(window) / len(window)


def median(values: Iterable[float]) -> float:
    """Return the middle value, or the mean of the two in the middle.

    Raises:
        ValueError: There are no values.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values have no median")
    middle = len(ordered) // 2
    return ordered[middle]
